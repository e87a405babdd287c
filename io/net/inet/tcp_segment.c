/*
 * The memory of what a program sends, and lwIP's segments made of it. tcp_write would copy under
 * the lock or leave the memory's life to us until the acknowledgement, and even then a card may
 * still be reading it. So segments are made here, of pbufs that give their memory back when the
 * last holder, lwIP or a card, lets go of them.
 *
 * Counts of blocks are guarded by the core lock, like lwIP's of its pbufs.
 *
 * How much there is, is counted: all of it, and in an account what a connection has made that is
 * still there, also when it has come to a socket of ours that doesn't read. When all of it is
 * much, no connection gets more than a little (tcp_account_room).
 */
#include <sluice/env.h>
#include <sluice/packet.h>
#include <sluice/string.h>
#include <sluice/uio.h>
#include "lwip/memp.h"
#include "memory.h"
#include "tcp.h"

#define HEADROOM     112u  /* Ethernet, IPv6, TCP and its options; the bytes after it aligned */
#define INLINE_MAX   1600u /* more is not worth a block's being contiguous */
#define SPARE        160u  /* behind few bytes: for more of the kind while Nagle waits */
#define MEMORY_ORDER 4u    /* 64 KiB: few pieces for a card, and pages are found */
#define JOIN_COPY    256u  /* bytes that are rather copied again than chained */
#define JOIN_PIECES  16u   /* in a segment: a card takes only so many */
#define BLOCKS_MAX   64u   /* over one memory: more than frames in 64 KiB */
#define CROWDED      (16u * 1024) /* what a connection may have when all have much ... */
#define OVERCROWDED  4096u        /* ... or very much */
#define BLOCK_BARE   ((sizeof(struct tcp_block) + HEADROOM + 15) / 16 * 16)

/* Pages with bytes that several blocks refer to, and these blocks. */
struct tcp_memory {
    void *pages;
    oskit_u32_t references; /* of blocks, and its maker's */
    oskit_u32_t size;       /* of the allocation */
    size_t room;            /* of the pages */
    struct tcp_account *account;
    oskit_u8_t blocks[] __attribute__((aligned(16)));
};

/* ---- Accounts ---- */

/* What a connection has made and is still there; one more while it has its socket. */
struct tcp_account {
    _Atomic size_t live;
};

_Atomic size_t tcp_bytes_live;

struct tcp_account *tcp_account_new(void)
{
    struct tcp_account *account = env_alloc(sizeof *account, 0);

    if (account != NULL)
        atomic_init(&account->live, 1);
    return account;
}

static void account_sub(struct tcp_account *account, size_t size)
{
    if (atomic_fetch_sub_explicit(&account->live, size, memory_order_acq_rel) == size)
        env_free(account, sizeof *account);
}

void tcp_account_close(struct tcp_account *account)
{
    if (account != NULL)
        account_sub(account, 1);
}

static void count(struct tcp_account *account, size_t size)
{
    if (account == NULL)
        return;
    atomic_fetch_add_explicit(&account->live, size, memory_order_relaxed);
    atomic_fetch_add_explicit(&tcp_bytes_live, size, memory_order_relaxed);
}

static void uncount(struct tcp_account *account, size_t size)
{
    if (account == NULL)
        return;
    atomic_fetch_sub_explicit(&tcp_bytes_live, size, memory_order_relaxed);
    account_sub(account, size);
}

/* While there is much. */
oskit_u32_t tcp_account_share(const struct tcp_account *account, oskit_u32_t room)
{
    size_t all = atomic_load_explicit(&tcp_bytes_live, memory_order_relaxed);
    size_t limit = inet_memory_limit();

    if (account == NULL)
        return room;
    size_t most = all <= limit ? CROWDED : OVERCROWDED;
    size_t live = atomic_load_explicit(&account->live, memory_order_relaxed);
    if (live >= most)
        return 0;
    return room < most - live ? room : (oskit_u32_t)(most - live);
}

/* ---- Memories ---- */

static void memory_put(struct tcp_memory *memory)
{
    if (--memory->references > 0)
        return;
    uncount(memory->account, memory->room + memory->size);
    env_page_unref(memory->pages);
    env_free(memory, memory->size);
}

/* The most pages that SIZE bytes fill, or fewer that can be had; NULL: none. */
static void *pages_new(size_t size, size_t *got)
{
    unsigned order = MEMORY_ORDER;

    while (order > 0 && ((size_t)ENV_PAGE_SIZE << order) > size)
        order--;
    void *pages = env_page_alloc(order, 0);
    while (pages == NULL && order > 0)
        pages = env_page_alloc(--order, 0);
    *got = (size_t)ENV_PAGE_SIZE << order;
    return pages;
}

/* How many of GOT bytes, which SIZE bytes are put into, BLOCKS blocks use: no short one comes in
 * the middle. */
static size_t memory_use(size_t got, size_t size, oskit_u32_t segment, oskit_u32_t first,
                         oskit_u32_t blocks)
{
    size_t most = first + (size_t)segment * (blocks - (first != 0));

    if (size <= got && size <= most)
        return size;
    if (got < first + segment)
        return first != 0 && first < got ? first : got < segment ? got : segment;
    size_t use = first + (got - first) / segment * segment;
    return use < most ? use : most;
}

/* With room for as many blocks as *USE bytes of SIZE make. */
static struct tcp_memory *memory_new(struct tcp_account *account, size_t size, oskit_u32_t segment,
                                     oskit_u32_t first, size_t *use)
{
    oskit_u32_t blocks = BLOCKS_MAX;
    struct tcp_memory *memory;
    size_t got;
    void *pages = pages_new(size, &got);

    if (pages == NULL)
        return NULL;
    do {
        *use = memory_use(got, size, segment, first, blocks);
        blocks = (oskit_u32_t)((*use - (*use > first ? first : *use) + segment - 1) / segment) +
                 (first != 0);
        memory = env_alloc(sizeof *memory + blocks * BLOCK_BARE, 0);
    } while (memory == NULL && (blocks /= 2) > 0);
    if (memory == NULL) {
        env_page_unref(pages);
        return NULL;
    }
    memory->pages = pages;
    memory->references = 1;
    memory->size = (oskit_u32_t)(sizeof *memory + blocks * BLOCK_BARE);
    memory->room = got;
    memory->account = account;
    count(account, memory->room + memory->size);
    return memory;
}

/* ---- Blocks ---- */

/* Of one that has its memory to itself. */
static void block_free(struct tcp_block *block)
{
    uncount(block->account, block->size);
    env_free(block, block->size);
}

static void block_drop(struct tcp_block *block)
{
    if (--block->users > 0)
        return;
    if (block->memory != NULL)
        memory_put(block->memory);
    else
        block_free(block);
}

static void head_freed(struct pbuf *p)
{
    block_drop(container_of(p, struct tcp_block, head.pbuf));
}

static void hold_put(struct socket_hold *hold)
{
    if (atomic_fetch_sub(&hold->references, 1) == 1)
        hold->release(hold);
}

void tcp_zerocopy_put(struct tcp_zerocopy *zerocopy)
{
    if (--zerocopy->references > 0)
        return;
    if (!list_empty(&zerocopy->link)) {
        list_remove(&zerocopy->link);
        tcp_notice_put(zerocopy->socket, zerocopy->number, false);
    }
    env_free(zerocopy, sizeof *zerocopy);
}

static void body_freed(struct pbuf *p)
{
    struct tcp_block *block = container_of(p, struct tcp_block, body.pbuf);

    if (block->zerocopy != NULL)
        tcp_zerocopy_put(block->zerocopy);
    if (block->hold != NULL)
        hold_put(block->hold);
    block_drop(block);
}

static void pbuf_set(struct pbuf_custom *custom, pbuf_type type, void *payload, oskit_u32_t length,
                     pbuf_free_custom_fn freed)
{
    custom->pbuf = (struct pbuf){
        .payload = payload,
        .tot_len = (u16_t)length,
        .len = (u16_t)length,
        .type_internal = (u8_t)type,
        .flags = PBUF_FLAG_IS_CUSTOM,
        .ref = 1,
    };
    custom->custom_free_function = freed;
}

static void block_init(struct tcp_block *block, size_t size, oskit_u32_t length, oskit_u32_t room)
{
    block->next = NULL;
    block->size = (oskit_u32_t)size;
    block->length = (oskit_u16_t)length;
    block->room = (oskit_u16_t)room;
    block->users = 1;
    block->memory = NULL;
    block->account = NULL;
    block->hold = NULL;
    block->zerocopy = NULL;
    pbuf_set(&block->head, PBUF_RAM, block->bytes + HEADROOM, length, head_freed);
}

/* With LENGTH bytes of its own, to be filled in, and ROOM behind them. */
static struct tcp_block *block_new(struct tcp_account *account, oskit_u32_t length,
                                   oskit_u32_t room)
{
    size_t size = sizeof(struct tcp_block) + HEADROOM + length + room;
    struct tcp_block *block = env_alloc(size, length + room == 0 ? ENV_NOSLEEP : 0);

    if (block == NULL)
        return NULL;
    block_init(block, size, length, room);
    block->account = account;
    count(account, size);
    return block;
}

static void block_refer(struct tcp_block *block, void *base, oskit_u32_t size)
{
    pbuf_set(&block->body, PBUF_ROM, base, size, body_freed);
    block->head.pbuf.next = &block->body.pbuf;
    block->head.pbuf.tot_len = (u16_t)size;
    block->length = (oskit_u16_t)size;
    block->users = 2;
}

struct tcp_block *tcp_block_refer(void *base, oskit_u32_t size, struct socket_hold *hold,
                                  struct tcp_zerocopy *zerocopy)
{
    struct tcp_block *block = block_new(NULL, 0, 0);

    if (block == NULL)
        return NULL;
    block_refer(block, base, size);
    atomic_fetch_add(&hold->references, 1);
    block->hold = hold;
    block->zerocopy = zerocopy;
    if (zerocopy != NULL)
        zerocopy->references++;
    return block;
}

void tcp_block_free(struct tcp_block *block)
{
    pbuf_free(&block->head.pbuf);
}

void tcp_blocks_free(struct tcp_block *first)
{
    while (first != NULL) {
        struct tcp_block *next = first->next;
        tcp_block_free(first);
        first = next;
    }
}

/* ---- Copying ---- */

static void blocks_add(struct tcp_blocks *blocks, struct tcp_block *block)
{
    *blocks->last = block;
    blocks->last = &block->next;
}

static oskit_error_t copy_inline(struct tcp_blocks *blocks, struct sluice_uio *uio, size_t size,
                                 size_t *moved)
{
    struct tcp_block *block =
        block_new(blocks->account, (oskit_u32_t)size, size <= JOIN_COPY ? SPARE : 0);

    *moved = 0;
    if (block == NULL)
        return OSKIT_ENOBUFS;
    oskit_error_t err = uio_read_from(uio, block->head.pbuf.payload, size, moved);
    if (*moved == 0) {
        block_free(block);
        return err;
    }
    block->room = (oskit_u16_t)(block->room + size - *moved);
    block->length = block->head.pbuf.len = block->head.pbuf.tot_len = (u16_t)*moved;
    blocks_add(blocks, block);
    return err;
}

/* Blocks over SIZE bytes of MEMORY, which has room for them. */
static void blocks_over(struct tcp_blocks *blocks, struct tcp_memory *memory, size_t size,
                        oskit_u32_t segment, oskit_u32_t first)
{
    oskit_u8_t *at = memory->blocks;

    for (size_t covered = 0; covered < size; first = 0, at += BLOCK_BARE) {
        struct tcp_block *block = (struct tcp_block *)at;
        oskit_u32_t piece = first != 0 ? first : segment;
        if (piece > size - covered)
            piece = (oskit_u32_t)(size - covered);
        block_init(block, BLOCK_BARE, 0, 0);
        block_refer(block, (char *)memory->pages + covered, piece);
        block->memory = memory;
        memory->references++; /* nobody else knows it yet */
        blocks_add(blocks, block);
        covered += piece;
    }
}

static oskit_error_t copy_memory(struct tcp_blocks *blocks, struct sluice_uio *uio, size_t size,
                                 oskit_u32_t segment, oskit_u32_t first, size_t *moved)
{
    size_t use;
    struct tcp_memory *memory = memory_new(blocks->account, size, segment, first, &use);

    *moved = 0;
    if (memory == NULL)
        return OSKIT_ENOBUFS;
    oskit_error_t err = uio_read_from(uio, memory->pages, use, moved);
    blocks_over(blocks, memory, *moved, segment, first);
    memory_put(memory); /* nobody else has seen it: no lock */
    return err;
}

oskit_error_t tcp_blocks_copy(struct tcp_blocks *blocks, struct sluice_uio *uio, size_t size,
                              oskit_u32_t segment, oskit_u32_t first, size_t *moved)
{
    oskit_error_t err = OSKIT_SUCCESS;

    *moved = 0;
    if (first >= segment || first >= size)
        first = 0;
    while (*moved < size && OSKIT_SUCCEEDED(err)) {
        size_t left = size - *moved, now;
        if (left <= INLINE_MAX && left <= (first != 0 ? first : segment))
            err = copy_inline(blocks, uio, left, &now);
        else
            err = copy_memory(blocks, uio, left, segment, first, &now);
        *moved += now;
        first = 0;
    }
    atomic_fetch_add_explicit(&packet_copied_bytes, *moved, memory_order_relaxed);
    return err;
}

/* ---- Segments ---- */

oskit_u32_t tcp_segment_size(const struct tcp_pcb *pcb)
{
    oskit_u32_t size = pcb->mss;

    /* Not more than half of the largest window ever seen, as tcp_write has it. */
    if (pcb->snd_wnd_max / 2 < size && pcb->snd_wnd_max > 1)
        size = pcb->snd_wnd_max / 2;
#if LWIP_TCP_TIMESTAMPS
    if (pcb->flags & TF_TIMESTAMP)
        size = size > 2 * LWIP_TCP_OPT_LEN_TS ? size - LWIP_TCP_OPT_LEN_TS : LWIP_TCP_OPT_LEN_TS;
#endif
    return size;
}

static struct tcp_seg *last_unsent(const struct tcp_pcb *pcb)
{
    struct tcp_seg *seg = pcb->unsent;

    while (seg != NULL && seg->next != NULL)
        seg = seg->next;
    return seg;
}

/* The pbuf at the end of a chain, when it is a block's with bytes of its own: that block. */
static struct tcp_block *tail_block(struct pbuf *p)
{
    while (p->next != NULL)
        p = p->next;
    if (!(p->flags & PBUF_FLAG_IS_CUSTOM) ||
        ((struct pbuf_custom *)p)->custom_free_function != head_freed || p->ref != 1)
        return NULL;
    return container_of(p, struct tcp_block, head.pbuf);
}

static void chain_grow(struct pbuf *p, u16_t size)
{
    for (; p != NULL; p = p->next) {
        p->tot_len = (u16_t)(p->tot_len + size);
        if (p->next == NULL)
            p->len = (u16_t)(p->len + size);
    }
}

/* Few bytes into the room behind the last ones of CHAIN. */
static bool join_copy(struct pbuf *chain, struct tcp_block *more)
{
    struct tcp_block *tail = tail_block(chain);
    struct pbuf *p;

    if (tail == NULL || tail->room < more->length || more->users != 1 || more->length > JOIN_COPY)
        return false;
    p = &tail->head.pbuf;
    memcpy((char *)p->payload + p->len, more->head.pbuf.payload, more->length);
    tail->room = (oskit_u16_t)(tail->room - more->length);
    chain_grow(chain, more->length);
    tcp_block_free(more);
    return true;
}

/* MORE's pbufs behind CHAIN's, without the empty one for headers. How many they are. */
static u16_t join_chain(struct pbuf *chain, struct tcp_block *more)
{
    struct pbuf *p = &more->head.pbuf;

    if (p->len == 0) {
        struct pbuf *body = p->next;
        p->next = NULL;
        pbuf_free(p);
        p = body;
    }
    u16_t pieces = pbuf_clen(p);
    pbuf_cat(chain, p);
    return pieces;
}

void tcp_block_join(struct tcp_block *block, struct tcp_block *more)
{
    oskit_u16_t length = more->length;

    if (!join_copy(&block->head.pbuf, more))
        join_chain(&block->head.pbuf, more);
    block->length = (oskit_u16_t)(block->length + length);
}

/* Behind a segment that waits to be sent and isn't full. */
static bool queue_join(struct tcp_pcb *pcb, struct tcp_seg *seg, struct tcp_block *block,
                       oskit_u32_t segment)
{
    oskit_u16_t length = block->length;

    if (seg == NULL || seg->len == 0 || seg->len + length > segment || seg->p->ref != 1 ||
        (TCPH_FLAGS(seg->tcphdr) & (TCP_SYN | TCP_FIN | TCP_URG)))
        return false;
    if (!join_copy(seg->p, block)) {
        if (pbuf_clen(seg->p) >= JOIN_PIECES)
            return false;
        pcb->snd_queuelen = (u16_t)(pcb->snd_queuelen + join_chain(seg->p, block));
    }
    seg->len = (u16_t)(seg->len + length);
    pcb->snd_lbb += length;
    pcb->snd_buf -= length;
    TCPH_SET_FLAG(seg->tcphdr, TCP_PSH);
    return true;
}

static void segment_header(const struct tcp_pcb *pcb, struct tcp_seg *seg, u8_t options)
{
    struct tcp_hdr *header = seg->tcphdr;

    header->src = lwip_htons(pcb->local_port);
    header->dest = lwip_htons(pcb->remote_port);
    header->seqno = lwip_htonl(pcb->snd_lbb);
    TCPH_HDRLEN_FLAGS_SET(header, (5 + options / 4), TCP_PSH);
    header->urgp = 0;
}

bool tcp_block_queue(struct tcp_pcb *pcb, struct tcp_block *block, oskit_u32_t segment,
                     struct tcp_seg **tail)
{
    u8_t flags = 0, options;
    struct tcp_seg *seg, *last = *tail != NULL ? *tail : last_unsent(pcb);

    *tail = last;
    if (queue_join(pcb, last, block, segment))
        return true;
    seg = memp_malloc(MEMP_TCP_SEG);
    if (seg == NULL)
        return false;
#if LWIP_TCP_TIMESTAMPS
    if (pcb->flags & TF_TIMESTAMP)
        flags = TF_SEG_OPTS_TS;
#endif
    options = (u8_t)(LWIP_TCP_OPT_LENGTH(flags));
    *seg = (struct tcp_seg){.p = &block->head.pbuf, .len = block->length, .flags = flags};
    pbuf_add_header(seg->p, TCP_HLEN + (size_t)options); /* there is HEADROOM */
    seg->tcphdr = seg->p->payload;
    segment_header(pcb, seg, options);
    if (last == NULL)
        pcb->unsent = seg;
    else
        last->next = seg;
    *tail = seg;
    pcb->snd_lbb += seg->len;
    pcb->snd_buf -= seg->len;
    pcb->snd_queuelen = (u16_t)(pcb->snd_queuelen + pbuf_clen(seg->p));
    pcb->unsent_oversize = 0;
    return true;
}
