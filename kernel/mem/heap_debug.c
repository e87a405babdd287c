/* Locks: debug_lock (spin) guards the list of live blocks; innermost but the log's. */
#include "kernel/mem/heap_debug.h"

#include <stdbool.h>
#include <stdint.h>
#include <sluice/list.h>
#include <sluice/string.h>
#include "kernel/cpu/spinlock.h"
#include "kernel/log.h"
#include "kernel/mem/layout.h"

#define MAGIC_LIVE  0x6576696c6b636f6cul
#define MAGIC_FREED 0x6465657266206b63ul

#define ZONE_BYTE  0xfd
#define NEW_BYTE   0xa5
#define FREED_BYTE 0x5a
#define ZONE_SIZE  16u

/* In front of the block. The first word is the heap's own while the block is free. */
struct header {
    uint64_t heaps;
    uint64_t magic;
    struct list link;
    size_t size;
    const void *caller; /* who allocated, then who freed */
    uint8_t zone[ZONE_SIZE];
};
_Static_assert(sizeof(struct header) % 16 == 0, "blocks stay aligned");

static spinlock_t debug_lock;
static struct list live = LIST_INIT(live);

static void *block_of(struct header *header)
{
    return header + 1;
}

static struct header *header_of(void *block)
{
    return (struct header *)block - 1;
}

static bool all_bytes(const uint8_t *bytes, size_t count, uint8_t value)
{
    for (size_t i = 0; i < count; i++)
        if (bytes[i] != value)
            return false;
    return true;
}

static bool zones_whole(struct header *header)
{
    const uint8_t *behind = (const uint8_t *)block_of(header) + header->size;
    return all_bytes(header->zone, ZONE_SIZE, ZONE_BYTE) && all_bytes(behind, ZONE_SIZE, ZONE_BYTE);
}

void *heap_debug_alloc(size_t size, const void *caller)
{
    size_t whole;
    if (__builtin_add_overflow(size, sizeof(struct header) + ZONE_SIZE, &whole))
        return NULL;
    struct header *header = heap_raw_alloc(whole);
    if (header == NULL)
        return NULL;
    /* Memory that was such a block before, of this or another size of the class. */
    if (header->magic == MAGIC_FREED && header->size <= PAGE_SIZE &&
        !all_bytes(block_of(header), header->size, FREED_BYTE))
        panic("heap: %p (%lu bytes, freed by %p) was written after that", block_of(header),
              (unsigned long)header->size, header->caller);
    *header = (struct header){.magic = MAGIC_LIVE, .size = size, .caller = caller};
    memset(header->zone, ZONE_BYTE, ZONE_SIZE);
    memset(block_of(header), NEW_BYTE, size);
    memset((char *)block_of(header) + size, ZONE_BYTE, ZONE_SIZE);
    spin_lock(&debug_lock);
    list_push_back(&live, &header->link);
    spin_unlock(&debug_lock);
    return block_of(header);
}

void heap_debug_free(void *block, const void *caller)
{
    struct header *header = header_of(block);
    if (header->magic == MAGIC_FREED)
        panic("heap: %p freed twice: by %p, now by %p", block, header->caller, caller);
    if (header->magic != MAGIC_LIVE)
        panic("heap: %p freed by %p is no block or its header was overwritten", block, caller);
    if (!zones_whole(header))
        panic("heap: a neighbour of %p (%lu bytes, allocated by %p) was overwritten; freed by %p",
              block, (unsigned long)header->size, header->caller, caller);
    spin_lock(&debug_lock);
    list_remove(&header->link);
    spin_unlock(&debug_lock);
    header->magic = MAGIC_FREED;
    header->caller = caller;
    memset(block, FREED_BYTE, header->size);
    heap_raw_free(header);
}

/* ---- The report ---- */

#define REPORT_LINES 64u

struct owner {
    const void *caller;
    size_t blocks, bytes;
};

/* Adds to the caller's line; those that don't fit share the last. */
static size_t owners_add(struct owner *owners, size_t count, const struct header *header)
{
    size_t i = 0;
    while (i < count && owners[i].caller != header->caller)
        i++;
    if (i == count && count < REPORT_LINES)
        owners[count++] = (struct owner){.caller = header->caller};
    if (i == REPORT_LINES)
        owners[--i].caller = NULL;
    owners[i].blocks++;
    owners[i].bytes += header->size;
    return count;
}

static void owner_log(const struct owner *owner)
{
    uint64_t offset;
    const char *name = symbol_name((uint64_t)owner->caller, &offset);
    log_write(LOG_INFO, "heap: %lu bytes in %lu blocks from %s+%#lx", (unsigned long)owner->bytes,
              (unsigned long)owner->blocks,
              name            ? name
              : owner->caller ? "?"
                              : "others",
              (unsigned long)(name ? offset : (uint64_t)owner->caller));
}

void heap_debug_report(void)
{
    static struct owner owners[REPORT_LINES]; /* guarded by debug_lock, as the list */
    size_t count = 0;
    spin_lock(&debug_lock);
    list_for_each (link, &live)
        count = owners_add(owners, count, container_of(link, struct header, link));
    while (count > 0) {
        size_t most = 0;
        for (size_t i = 1; i < count; i++)
            if (owners[i].bytes > owners[most].bytes)
                most = i;
        owner_log(&owners[most]);
        owners[most] = owners[--count];
    }
    spin_unlock(&debug_lock);
}
