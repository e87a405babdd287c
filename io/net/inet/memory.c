/*
 * lwIP's memory, in place of its mem.c and memp.c: blocks of the host's (env_alloc, never
 * sleeping), of which some of each size are kept when they come back, since the next packet wants
 * the same again. All of it together is bounded by a share of the machine's memory, so a flood
 * from outside finds an end.
 *
 * Everything here runs under the core lock (io/net/inet/core.h).
 */
#include "io/net/inet/memory.h"
#include <sluice/env.h>
#include <sluice/string.h>
#include "io/net/inet/core_private.h"
/* The list of pools wants the types of all of their members. */
#include "lwip/igmp.h"
#include "lwip/ip4_frag.h"
#include "lwip/ip6_frag.h"
#include "lwip/mem.h"
#include "lwip/memp.h"
#include "lwip/mld6.h"
#include "lwip/pbuf.h"
#include "lwip/priv/nd6_priv.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/raw.h"
#include "lwip/timeouts.h"
#include "lwip/udp.h"
#include "netif/ethernet.h"
#include "lwip/etharp.h"

/* The sanitizers of the host tests shall see each block come and go. */
#ifdef SLUICE_HOST_TEST
#define KEPT_MAX 0u
#else
#define KEPT_MAX 256u
#endif
#define MEMORY_SHARE 4 /* a quarter of the machine's */

/* Blocks of one size: those that came back, in a chain through their first word. */
struct supply {
    void *kept;
    uint32_t kept_count;
    uint32_t live, limit;
    uint32_t size;
};

static size_t bytes_live;
size_t inet_memory_most;
static uint32_t blocks_live;

static void *supply_new(uint32_t size)
{
    if (bytes_live + size > inet_memory_most)
        return NULL;
    void *block = env_alloc(size, ENV_NOSLEEP);
    if (block)
        bytes_live += size;
    return block;
}

static void supply_free(void *block, uint32_t size)
{
    bytes_live -= size;
    env_free(block, size);
}

static void *supply_take(struct supply *supply)
{
    void *block = supply->kept;
    if (supply->live >= supply->limit)
        return NULL;
    if (block) {
        __builtin_memcpy(&supply->kept, block, sizeof supply->kept);
        supply->kept_count--;
    } else {
        block = supply_new(supply->size);
        if (!block)
            return NULL;
    }
    supply->live++;
    blocks_live++;
    return block;
}

static void supply_give(struct supply *supply, void *block)
{
    supply->live--;
    blocks_live--;
    if (supply->kept_count + 1 > KEPT_MAX) {
        supply_free(block, supply->size);
        return;
    }
    __builtin_memcpy(block, &supply->kept, sizeof supply->kept);
    supply->kept = block;
    supply->kept_count++;
}

static void supply_trim(struct supply *supply)
{
    while (supply->kept) {
        void *block = supply->kept;
        __builtin_memcpy(&supply->kept, block, sizeof supply->kept);
        supply->kept_count--;
        supply_free(block, supply->size);
    }
}

/* ---- Pools: things of one kind ---- */

static struct supply pools[MEMP_MAX] = {
#define LWIP_MEMPOOL(name, num, bytes, desc) {.limit = (num), .size = (uint32_t)(bytes)},
#include "lwip/priv/memp_std.h"
};

/* The timers are few, and lwIP takes it for certain that it gets them. */
static struct sys_timeo timers[MEMP_NUM_SYS_TIMEOUT];
static struct sys_timeo *timers_free;

void memp_init(void)
{
    timers_free = NULL;
    for (size_t i = 0; i < MEMP_NUM_SYS_TIMEOUT; i++) {
        timers[i].next = timers_free;
        timers_free = &timers[i];
    }
}

static void *timer_take(void)
{
    struct sys_timeo *timer = timers_free;
    inet_timers_changed = true;
    if (timer)
        timers_free = timer->next;
    return timer;
}

static void timer_give(struct sys_timeo *timer)
{
    timer->next = timers_free;
    timers_free = timer;
}

void *memp_malloc(memp_t type)
{
    LWIP_ASSERT("a pool's number", type < MEMP_MAX);
    return type == MEMP_SYS_TIMEOUT ? timer_take() : supply_take(&pools[type]);
}

void memp_free(memp_t type, void *block)
{
    LWIP_ASSERT("a pool's number", type < MEMP_MAX);
    if (block && type == MEMP_SYS_TIMEOUT)
        timer_give(block);
    else if (block)
        supply_give(&pools[type], block);
}

/* ---- The heap: buffers of any size ---- */

/* In front of each block: what it was taken from. Sixteen bytes, since the rest is aligned so. */
struct heap_head {
    uint32_t class; /* HEAP_CLASSES: none, a block of its own */
    uint32_t size;  /* with this head; of those alone */
    uint64_t pad;
};
_Static_assert(sizeof(struct heap_head) == 16, "blocks stay aligned");

/* A bare acknowledgement, a small datagram, half and a full frame. */
static struct supply heap[] = {
    {.limit = UINT32_MAX, .size = 160},  {.limit = UINT32_MAX, .size = 256},
    {.limit = UINT32_MAX, .size = 512},  {.limit = UINT32_MAX, .size = 1024},
    {.limit = UINT32_MAX, .size = 2048},
};
#define HEAP_CLASSES (sizeof heap / sizeof heap[0])

static uint32_t heap_class(size_t size)
{
    uint32_t class = 0;
    while (class < HEAP_CLASSES && heap[class].size < size)
        class ++;
    return class;
}

void mem_init(void)
{
    inet_memory_most = env_page_total() / MEMORY_SHARE * ENV_PAGE_SIZE;
}

static struct heap_head *heap_large(size_t size)
{
    struct heap_head *head;
    if (size > UINT32_MAX)
        return NULL;
    head = supply_new((uint32_t)size);
    if (head) {
        head->size = (uint32_t)size;
        blocks_live++;
    }
    return head;
}

void *mem_malloc(mem_size_t size)
{
    size_t whole = size + sizeof(struct heap_head);
    if (whole < size)
        return NULL;
    uint32_t class = heap_class(whole);
    struct heap_head *head = class < HEAP_CLASSES ? supply_take(&heap[class]) : heap_large(whole);
    if (!head)
        return NULL;
    head->class = class;
    return head + 1;
}

void *mem_calloc(mem_size_t count, mem_size_t size)
{
    size_t all;
    if (__builtin_mul_overflow(count, size, &all))
        return NULL;
    void *block = mem_malloc(all);
    if (block)
        memset(block, 0, all);
    return block;
}

/* Nothing is won by giving the end of a block back. */
void *mem_trim(void *block, mem_size_t size)
{
    (void)size;
    return block;
}

void mem_free(void *block)
{
    if (!block)
        return;
    struct heap_head *head = (struct heap_head *)block - 1;
    if (head->class < HEAP_CLASSES) {
        supply_give(&heap[head->class], head);
        return;
    }
    blocks_live--;
    supply_free(head, head->size);
}

/* ---- Counts ---- */

uint32_t inet_memory_live(void)
{
    return blocks_live;
}

size_t inet_memory_bytes(void)
{
    return bytes_live;
}

void inet_memory_trim(void)
{
    for (size_t i = 0; i < MEMP_MAX; i++)
        supply_trim(&pools[i]);
    for (size_t i = 0; i < HEAP_CLASSES; i++)
        supply_trim(&heap[i]);
}
