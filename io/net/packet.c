/*
 * Packets: chains, and those that have memory of their own.
 *
 * A packet of a pool and its bytes are one piece of the pool: struct, headroom, room. The pool's
 * struct lives till its last packet is back, which may be after its maker is gone.
 *
 * Locks: the wired pool's, nothing of our own.
 */
#include <sluice/packet.h>

#include <stdatomic.h>
#include <sluice/pool.h>
#include <sluice/string.h>

#define BYTES_ALIGN 64u

_Atomic oskit_u64_t packet_copied_bytes;

/* ---- Chains ---- */

void packet_chain_done(struct packet *packet)
{
    while (packet != NULL) {
        struct packet *more = packet->more;
        packet_done(packet);
        packet = more;
    }
}

oskit_u32_t packet_chain_length(const struct packet *packet)
{
    oskit_u32_t length = 0;

    for (; packet != NULL; packet = packet->more)
        length += packet->length;
    return length;
}

oskit_u32_t packet_chain_segments(const struct packet *packet)
{
    oskit_u32_t count = 0;

    for (; packet != NULL; packet = packet->more)
        count += packet->segment_count;
    return count;
}

/* Of one packet: what of the bytes from *OFFSET on is in it; *OFFSET becomes that from its end. */
static oskit_u32_t packet_read(const struct packet *packet, oskit_u32_t *offset, char *to,
                               oskit_u32_t length)
{
    oskit_u32_t done = 0;

    for (oskit_u32_t i = 0; i < packet->segment_count && done < length; i++) {
        const struct sg_segment *segment = &packet->segments[i];
        if (*offset >= segment->length) {
            *offset -= segment->length;
            continue;
        }
        oskit_u32_t run = segment->length - *offset;
        if (run > length - done)
            run = length - done;
        memcpy(to + done, (const char *)segment->base + *offset, run);
        done += run;
        *offset = 0;
    }
    return done;
}

oskit_u32_t packet_chain_read(const struct packet *packet, oskit_u32_t offset, void *to,
                              oskit_u32_t length)
{
    oskit_u32_t done = 0;

    for (; packet != NULL && done < length; packet = packet->more)
        done += packet_read(packet, &offset, (char *)to + done, length - done);
    atomic_fetch_add_explicit(&packet_copied_bytes, done, memory_order_relaxed);
    return done;
}

/* ---- Pools ---- */

struct packet_pool {
    struct pool pool;
    /* Immutable: */
    oskit_u32_t headroom, size, reserve;
};

struct pool_packet {
    struct packet packet; /* first */
    struct sg_segment segment;
    struct packet_pool *pool;
    unsigned char bytes[] __attribute__((aligned(BYTES_ALIGN))); /* headroom, and then room */
};

static struct pool_packet *pool_packet_of(struct packet *packet)
{
    return (struct pool_packet *)packet;
}

static void packet_pool_end(struct packet_pool *pool)
{
    pool_fini(&pool->pool);
    env_free(pool, sizeof *pool);
}

static void pool_packet_done(struct packet *packet)
{
    struct packet_pool *pool = pool_packet_of(packet)->pool;

    if (pool_give(&pool->pool, packet))
        packet_pool_end(pool);
}

oskit_error_t packet_pool_create(oskit_u32_t headroom, oskit_u32_t size, oskit_u32_t reserve,
                                 oskit_u32_t count, struct packet_pool **out)
{
    oskit_u64_t piece = sizeof(struct pool_packet) + (oskit_u64_t)headroom + size;

    *out = NULL;
    if (size == 0 || piece > UINT32_MAX)
        return OSKIT_E_INVALIDARG;
    struct packet_pool *pool = env_alloc(sizeof *pool, 0);
    if (pool == NULL)
        return OSKIT_E_OUTOFMEMORY;
    pool->headroom = headroom;
    pool->size = size;
    pool->reserve = reserve;
    oskit_error_t error = pool_init(&pool->pool, (oskit_u32_t)piece, reserve, count);
    if (OSKIT_FAILED(error)) {
        env_free(pool, sizeof *pool);
        return error;
    }
    *out = pool;
    return OSKIT_SUCCESS;
}

void packet_pool_release(struct packet_pool *pool)
{
    if (pool_close(&pool->pool))
        packet_pool_end(pool);
}

struct packet *packet_take(struct packet_pool *pool)
{
    struct pool_packet *packet = pool_take(&pool->pool);

    if (packet == NULL)
        return NULL;
    packet->segment = (struct sg_segment){packet->bytes + pool->headroom, 0};
    packet->pool = pool;
    list_init(&packet->packet.link);
    packet->packet.more = NULL;
    packet->packet.segments = &packet->segment;
    packet->packet.segment_count = 1;
    packet->packet.length = 0;
    packet->packet.offload = (struct packet_offload){0};
    packet->packet.done = pool_packet_done;
    packet->packet.arg = NULL;
    return &packet->packet;
}

static oskit_u32_t packet_front(const struct pool_packet *packet)
{
    return (oskit_u32_t)((const unsigned char *)packet->segment.base - packet->bytes);
}

bool packet_resize(struct packet *packet, oskit_u32_t length)
{
    struct pool_packet *p = pool_packet_of(packet);

    if (length > p->pool->headroom + p->pool->size - packet_front(p))
        return false;
    p->segment.length = packet->length = length;
    return true;
}

bool packet_prepend(struct packet *packet, oskit_u32_t size)
{
    struct pool_packet *p = pool_packet_of(packet);

    if (size > packet_front(p))
        return false;
    p->segment.base = (unsigned char *)p->segment.base - size;
    p->segment.length = packet->length += size;
    return true;
}

void packet_pool_fill(struct packet_pool *pool)
{
    pool_fill(&pool->pool, pool->reserve); /* without memory the next who takes finds out */
}
