/*
 * Sending. A writer holds send_mutex, copies its bytes into blocks with the core lock not held, and
 * queues them under it. How much room there is it takes from copies of what the connection said
 * (used, segment, tail_room): room only grows behind a writer's back.
 */
#include <sluice/env.h>
#include <sluice/string.h>
#include <sluice/uio.h>
#include "inet_output.h"
#include "tcp.h"

/* What a program may say; the rest changes nothing for TCP, or is refused. */
#define FLAGS_KNOWN                                                                     \
    (SOCKET_MSG_OOB | SOCKET_MSG_DONTROUTE | SOCKET_MSG_DONTWAIT | SOCKET_MSG_EOR |     \
     SOCKET_MSG_CONFIRM | SOCKET_MSG_NOSIGNAL | SOCKET_MSG_MORE | SOCKET_MSG_ZEROCOPY | \
     SOCKET_MSG_CMSG_CLOEXEC | INET_SEND_IDLE)

/* Why nothing can be sent now; OSKIT_SUCCESS: it can. */
static oskit_error_t send_state(struct tcp_socket *t)
{
    oskit_error_t error = socket_error_take(&t->inet.base);

    if (OSKIT_FAILED(error))
        return error;
    if (t->shut & TCP_SHUT_WRITE)
        return OSKIT_EPIPE;
    if (t->pcb == NULL || t->phase == TCP_UNCONNECTED || t->phase == TCP_LISTENING)
        return OSKIT_EPIPE;
    if (t->pcb->state == SYN_SENT)
        return OSKIT_EWOULDBLOCK;
    return OSKIT_SUCCESS;
}

static oskit_u32_t pcb_used(const struct tcp_pcb *pcb)
{
    return pcb->snd_lbb - pcb->lastack + pcb->snd_queuelen * 256u;
}

oskit_u32_t tcp_room(const struct tcp_socket *t)
{
    oskit_u32_t used = atomic_load_explicit(&t->used, memory_order_relaxed);
    oskit_u32_t limit = SOCKET_OPTION(&t->inet.base, send_buffer);

    return tcp_account_room(t->account, used < limit ? limit - used : 0);
}

/* As Linux: writable again when a third of the buffer is free. */
bool tcp_writable(const struct tcp_socket *t)
{
    oskit_u32_t used = atomic_load_explicit(&t->used, memory_order_relaxed);

    oskit_u32_t room = tcp_room(t);

    if (room == 0 || room < used / 2)
        return false;
    return t->options.notsent_low == 0 || t->pcb == NULL ||
           t->pcb->snd_lbb - t->pcb->snd_nxt < t->options.notsent_low;
}

/* After something was queued, sent or acknowledged. */
void tcp_send_counted(struct tcp_socket *t)
{
    struct tcp_pcb *pcb = t->pcb;
    oskit_u32_t used = pcb_used(pcb), corked = 0, segment = tcp_segment_size(pcb), room = 0;

    if (t->corked != NULL)
        corked = t->corked->length;
    if (corked != 0)
        room = corked < segment ? segment - corked : 0;
    else if (pcb->unsent != NULL && pcb->unsent->next == NULL && pcb->unsent->len < segment)
        room = segment - pcb->unsent->len;
    atomic_store_explicit(&t->used, used + corked, memory_order_relaxed);
    atomic_store_explicit(&t->segment, segment, memory_order_relaxed);
    atomic_store_explicit(&t->tail_room, room, memory_order_relaxed);
}

/* ---- Queueing ---- */

/* Puts what was held back in front of BLOCKS. */
static struct tcp_block *corked_first(struct tcp_socket *t, struct tcp_block *blocks,
                                      oskit_u32_t segment)
{
    struct tcp_block *corked = t->corked;

    if (corked == NULL)
        return blocks;
    t->corked = NULL;
    corked->next = blocks;
    if (blocks != NULL && (oskit_u32_t)corked->length + blocks->length <= segment) {
        corked->next = blocks->next;
        tcp_block_join(corked, blocks);
    }
    return corked;
}

/* Queues BLOCKS; MORE: holds the last back unless it is a full segment. How many bytes are lost for
 * want of memory: those of the last blocks. */
static size_t blocks_queue(struct tcp_socket *t, struct tcp_block *blocks, bool more)
{
    struct tcp_pcb *pcb = t->pcb;
    oskit_u32_t segment = tcp_segment_size(pcb);
    struct tcp_block *block = corked_first(t, blocks, segment);
    struct tcp_seg *tail = NULL;
    size_t lost = 0;

    while (block != NULL) {
        struct tcp_block *next = block->next;
        block->next = NULL;
        if (next == NULL && more && block->length < segment) {
            t->corked = block;
            break;
        }
        if (!tcp_block_queue(pcb, block, segment, &tail)) {
            block->next = next;
            for (struct tcp_block *at = block; at != NULL; at = at->next)
                lost += at->length;
            tcp_blocks_free(block);
            break;
        }
        block = next;
    }
    return lost;
}

static void flush(struct tcp_socket *t)
{
    struct tcp_pcb *pcb = t->pcb;

    tcp_output(pcb);
    tcp_send_counted(t);
}

void tcp_uncork(struct tcp_socket *t)
{
    struct tcp_seg *tail = NULL;

    if (t->corked == NULL || t->pcb == NULL)
        return;
    if (!tcp_block_queue(t->pcb, t->corked, tcp_segment_size(t->pcb), &tail))
        return; /* no memory: once more in a while */
    t->corked = NULL;
    flush(t);
}

/* The last byte queued is urgent. */
static void urgent_mark(struct tcp_pcb *pcb)
{
    struct tcp_seg *seg = pcb->unsent;

    while (seg != NULL && seg->next != NULL)
        seg = seg->next;
    if (seg == NULL || seg->len == 0)
        return;
    TCPH_SET_FLAG(seg->tcphdr, TCP_URG);
    seg->tcphdr->urgp = lwip_htons(seg->len);
}

/* Under the core lock. *SENT of SIZE bytes in BLOCKS, which are taken over. */
static oskit_error_t send_blocks(struct tcp_socket *t, struct tcp_block *blocks, size_t size,
                                 oskit_u32_t flags, size_t *sent)
{
    oskit_error_t err = send_state(t);

    *sent = 0;
    if (OSKIT_FAILED(err)) {
        tcp_blocks_free(blocks);
        return err;
    }
    if (t->unanswered == 1)
        t->answers = true;
    t->unanswered = 0;
    bool more = (t->options.cork || (flags & SOCKET_MSG_MORE)) && !(flags & SOCKET_MSG_OOB);
    size_t lost = blocks_queue(t, blocks, more);
    *sent = lost < size ? size - lost : 0;
    if ((flags & SOCKET_MSG_OOB) && lost == 0)
        urgent_mark(t->pcb);
    flush(t);
    if (*sent == 0)
        return OSKIT_ENOBUFS;
    tcp_level(t, 0);
    return OSKIT_SUCCESS;
}

/* No room: the level says so before the caller is told to wait. */
static oskit_error_t send_full(struct tcp_socket *t)
{
    inet_lock();
    oskit_error_t err = send_state(t);
    if (OSKIT_SUCCEEDED(err)) {
        tcp_send_counted(t);
        tcp_level(t, 0);
        err = tcp_room(t) != 0 ? OSKIT_SUCCESS : OSKIT_EWOULDBLOCK;
    }
    inet_unlock();
    return err;
}

/* One turn: as much as there is room for. */
static oskit_error_t send_turn(struct tcp_socket *t, struct sluice_uio *uio, oskit_u32_t flags,
                               size_t *sent)
{
    struct tcp_blocks blocks = {.last = &blocks.first, .account = t->account};
    struct sluice_uio begin = *uio;
    size_t size = uio->left, copied;
    oskit_u32_t room = tcp_room(t);

    *sent = 0;
    if (room == 0 || t->segment == 0) {
        oskit_error_t err = send_full(t);
        room = tcp_room(t);
        if (OSKIT_FAILED(err))
            return err;
        if (room == 0)
            return OSKIT_EWOULDBLOCK;
    }
    if (size > room)
        size = room;
    oskit_error_t err =
        tcp_blocks_copy(&blocks, uio, size, atomic_load_explicit(&t->segment, memory_order_relaxed),
                        atomic_load_explicit(&t->tail_room, memory_order_relaxed), &copied);
    if (copied == 0)
        return err;
    inet_lock();
    err = send_blocks(t, blocks.first, copied, flags, sent);
    inet_unlock();
    if (*sent != copied) {
        *uio = begin;
        uio_skip(uio, *sent);
    }
    return err;
}

/* Under send_mutex: others only look. */
static bool account_make(struct tcp_socket *t)
{
    struct tcp_account *account = atomic_load_explicit(&t->account, memory_order_relaxed);

    if (account == NULL) {
        account = tcp_account_new();
        atomic_store(&t->account, account);
    }
    return account != NULL;
}

static oskit_error_t send_uio(struct tcp_socket *t, struct sluice_uio *uio, oskit_u32_t flags,
                              oskit_size_t *out)
{
    oskit_error_t err = OSKIT_SUCCESS;
    size_t sent, all = 0;

    env_mutex_lock(&t->send_mutex);
    if (!account_make(t))
        err = OSKIT_ENOBUFS;
    if (uio->left == 0) {
        inet_lock();
        err = send_state(t);
        if (err == OSKIT_EWOULDBLOCK)
            err = OSKIT_SUCCESS;
        inet_unlock();
    }
    while (uio->left > 0 && OSKIT_SUCCEEDED(err)) {
        err = send_turn(t, uio, flags, &sent);
        all += sent;
    }
    env_mutex_unlock(&t->send_mutex);
    *out = all;
    return all > 0 ? OSKIT_SUCCESS : err;
}

oskit_error_t tcp_writev(struct socket *s, struct sluice_uio *uio, oskit_size_t *out)
{
    return send_uio(tcp_of(s), uio, 0, out);
}

oskit_error_t tcp_send(struct socket *s, struct socket_message *message, oskit_size_t *out)
{
    *out = 0;
    if (message->flags & ~FLAGS_KNOWN)
        return OSKIT_EOPNOTSUPP;
    return send_uio(tcp_of(s), message->uio, message->flags, out);
}

/* ---- Without a copy ---- */

static struct tcp_zerocopy *zerocopy_new(struct tcp_socket *t)
{
    struct tcp_zerocopy *zerocopy = env_alloc(sizeof *zerocopy, 0);

    if (zerocopy == NULL)
        return NULL;
    list_init(&zerocopy->link);
    zerocopy->socket = t;
    zerocopy->references = 1;
    return zerocopy;
}

/* Blocks over SIZE bytes of SEGMENTS; *SIZE is what could be had. */
static void refer_segments(struct tcp_blocks *blocks, const struct sg_segment *segments,
                           oskit_u32_t count, struct socket_hold *hold,
                           struct tcp_zerocopy *zerocopy, oskit_u32_t segment, size_t *size)
{
    size_t done = 0;
    oskit_u32_t room = 0; /* in the last block */
    struct tcp_block *last = NULL;

    for (oskit_u32_t i = 0, at = 0; i < count && done < *size;) {
        size_t piece = segments[i].length - at;
        if (piece == 0) { /* lwIP can't do with a segment of nothing */
            i++;
            continue;
        }
        if (room == 0)
            room = segment;
        if (piece > room)
            piece = room;
        if (piece > *size - done)
            piece = *size - done;
        struct tcp_block *block =
            tcp_block_refer((char *)segments[i].base + at, (oskit_u32_t)piece, hold, zerocopy);
        if (block == NULL)
            break;
        if (room < segment && last != NULL) {
            tcp_block_join(last, block);
        } else {
            *blocks->last = block;
            blocks->last = &block->next;
            last = block;
        }
        room -= (oskit_u32_t)piece;
        done += piece;
        at += (oskit_u32_t)piece;
        if (at == segments[i].length) {
            at = 0;
            i++;
        }
    }
    *size = done;
}

static size_t segments_size(const struct sg_segment *segments, oskit_u32_t count)
{
    size_t size = 0;

    for (oskit_u32_t i = 0; i < count; i++)
        size += segments[i].length;
    return size;
}

/* The blocks are made and queued under the lock: joining moves counts that it guards, and nothing
 * is copied. */
static oskit_error_t refer_locked(struct tcp_socket *t, const struct sg_segment *segments,
                                  oskit_u32_t count, struct socket_hold *hold,
                                  struct tcp_zerocopy *zerocopy, oskit_u32_t flags, size_t *sent)
{
    struct tcp_blocks blocks = {.last = &blocks.first};
    oskit_error_t err = send_state(t);
    size_t size = segments_size(segments, count), room;

    *sent = 0;
    if (OSKIT_FAILED(err) || size == 0)
        return size == 0 && err == OSKIT_EWOULDBLOCK ? OSKIT_SUCCESS : err;
    tcp_send_counted(t);
    room = tcp_room(t);
    if (room == 0) {
        tcp_level(t, 0);
        return OSKIT_EWOULDBLOCK;
    }
    if (size > room)
        size = room;
    refer_segments(&blocks, segments, count, hold, zerocopy, t->segment, &size);
    if (size == 0)
        return OSKIT_ENOBUFS;
    return send_blocks(t, blocks.first, size, flags, sent);
}

/* Of a piece of SIZE bytes SENT were sent, the first with BEGINS. The notice goes with the last. */
static void zerocopy_sent(struct tcp_socket *t, struct socket_message *message, bool begins,
                          size_t sent, size_t size)
{
    struct tcp_zerocopy *zerocopy = message->notice;

    if (begins && sent > 0) {
        zerocopy->number = t->zerocopy_next++;
        list_push_back(&t->zerocopies, &zerocopy->link);
    }
    if (sent == size || (begins && sent == 0)) {
        message->notice = NULL;
        tcp_zerocopy_put(zerocopy);
    }
}

oskit_error_t tcp_send_segments(struct socket *s, struct socket_message *message,
                                const struct sg_segment *segments, oskit_u32_t count,
                                struct socket_hold *hold, oskit_size_t *out)
{
    struct tcp_socket *t = tcp_of(s);

    *out = 0;
    if (message->flags & ~FLAGS_KNOWN)
        return OSKIT_EOPNOTSUPP;
    bool begins = message->flags & SOCKET_MSG_ZEROCOPY && message->notice == NULL && count > 0;
    if (begins && (message->notice = zerocopy_new(t)) == NULL)
        return OSKIT_ENOBUFS;
    env_mutex_lock(&t->send_mutex);
    inet_lock();
    oskit_error_t err = OSKIT_SUCCESS;
    if (count > 0)
        err = refer_locked(t, segments, count, hold, message->notice, message->flags, out);
    if (message->notice != NULL)
        zerocopy_sent(t, message, begins, *out, segments_size(segments, count));
    inet_unlock();
    env_mutex_unlock(&t->send_mutex);
    return err;
}
