/*
 * Packets as the seed has them, bufios, and bufios as packets; neither way copies where the memory
 * can be reached as it is.
 *
 * A pin is a reference, as in io/buffer. No locks: a packet's place and length don't change while a
 * bufio has it.
 */
#include <sluice/packet.h>

#include <stdatomic.h>
#include <oskit/io/absio.h>
#include <oskit/io/blkio.h>
#include <sluice/env.h>
#include <sluice/object.h>
#include <sluice/range.h>
#include <sluice/sgbuf.h>
#include <sluice/string.h>

/* ---- A packet as a bufio ---- */

struct packet_bufio {
    struct sluice_object object;
    SLUICE_FACE(oskit_bufio_t) bufio;
    SLUICE_FACE(sluice_sgbuf_t) sgbuf;
    _Atomic oskit_u32_t pins;
    struct packet *packet;
    oskit_u32_t length;
};

static struct packet_bufio *bufio_of(const void *self)
{
    return (struct packet_bufio *)SLUICE_OBJECT(self);
}

static oskit_u32_t bufio_getblocksize(oskit_blkio_t *self)
{
    (void)self;
    return 1;
}

static oskit_error_t bufio_read(oskit_bufio_t *self, void *buf, oskit_off_t offset,
                                oskit_size_t amount, oskit_size_t *out_actual)
{
    struct packet_bufio *b = bufio_of(self);

    *out_actual = 0;
    if (offset < 0)
        return OSKIT_E_INVALIDARG;
    amount = range_clip(offset, amount, b->length);
    if (amount != 0)
        packet_chain_read(b->packet, (oskit_u32_t)offset, buf, (oskit_u32_t)amount);
    *out_actual = amount;
    return OSKIT_SUCCESS;
}

/* A packet is read-only for whom it is handed to. */
static oskit_error_t bufio_write_refused(oskit_bufio_t *self, const void *buf, oskit_off_t offset,
                                         oskit_size_t amount, oskit_size_t *out_actual)
{
    (void)self, (void)buf, (void)offset, (void)amount;
    *out_actual = 0;
    return OSKIT_E_NOTIMPL;
}

static oskit_error_t bufio_getsize(oskit_bufio_t *self, oskit_off_t *out_size)
{
    *out_size = bufio_of(self)->length;
    return OSKIT_SUCCESS;
}

static oskit_error_t bufio_setsize_refused(oskit_bufio_t *self, oskit_off_t new_size)
{
    (void)self, (void)new_size;
    return OSKIT_E_NOTIMPL;
}

/* Segments from OFFSET on, up to COUNT bytes; how many segments, and the bytes in *BYTES. */
static oskit_u32_t bufio_segments(const struct packet_bufio *b, oskit_u32_t offset,
                                  oskit_u32_t count, struct sg_segment *out, oskit_u32_t max,
                                  oskit_u32_t *bytes)
{
    oskit_u32_t n = 0;

    *bytes = 0;
    for (const struct packet *p = b->packet; p != NULL; p = p->more) {
        for (oskit_u32_t i = 0; i < p->segment_count && *bytes < count && n < max; i++) {
            struct sg_segment s = p->segments[i];
            if (offset >= s.length) {
                offset -= s.length;
                continue;
            }
            s.base = (char *)s.base + offset;
            s.length -= offset;
            offset = 0;
            if (s.length > count - *bytes)
                s.length = count - *bytes;
            *bytes += s.length;
            out[n++] = s;
        }
    }
    return n;
}

/* The range in one piece; OSKIT_E_NOTIMPL: it isn't. */
static oskit_error_t bufio_whole(const struct packet_bufio *b, oskit_off_t offset,
                                 oskit_size_t count, char **out)
{
    struct sg_segment segment = {NULL, 0};
    oskit_u32_t bytes;

    *out = NULL;
    if (!range_within(offset, count, b->length))
        return OSKIT_E_INVALIDARG;
    if (count == 0)
        return OSKIT_SUCCESS;
    bufio_segments(b, (oskit_u32_t)offset, (oskit_u32_t)count, &segment, 1, &bytes);
    *out = segment.base;
    return bytes == count ? OSKIT_SUCCESS : OSKIT_E_NOTIMPL;
}

static oskit_error_t bufio_map(oskit_bufio_t *self, void **out_addr, oskit_off_t offset,
                               oskit_size_t count)
{
    char *at;
    oskit_error_t error = bufio_whole(bufio_of(self), offset, count, &at);

    *out_addr = OSKIT_FAILED(error) ? NULL : at;
    return error;
}

static oskit_error_t bufio_unmap(oskit_bufio_t *self, void *addr, oskit_off_t offset,
                                 oskit_size_t count)
{
    char *at;
    oskit_error_t error = bufio_whole(bufio_of(self), offset, count, &at);

    return !OSKIT_FAILED(error) && at != addr ? OSKIT_E_INVALIDARG : error;
}

static void bufio_pin(struct packet_bufio *b)
{
    sluice_object_addref(&b->object);
    atomic_fetch_add_explicit(&b->pins, 1, memory_order_relaxed);
}

static oskit_error_t bufio_unpin(struct packet_bufio *b)
{
    oskit_u32_t pins = atomic_load_explicit(&b->pins, memory_order_relaxed);

    do {
        if (pins == 0)
            return OSKIT_E_INVALIDARG;
    } while (!atomic_compare_exchange_weak_explicit(&b->pins, &pins, pins - 1, memory_order_relaxed,
                                                    memory_order_relaxed));
    sluice_object_release(&b->object);
    return OSKIT_SUCCESS;
}

static oskit_error_t bufio_wire(oskit_bufio_t *self, oskit_addr_t *out_phys_addr,
                                oskit_off_t offset, oskit_size_t count)
{
    struct packet_bufio *b = bufio_of(self);
    char *at;

    *out_phys_addr = 0;
    if (count == 0)
        return OSKIT_E_INVALIDARG;
    oskit_error_t error = bufio_whole(b, offset, count, &at);
    if (OSKIT_FAILED(error))
        return error;
    bufio_pin(b);
    *out_phys_addr = env_dma_address(at);
    return OSKIT_SUCCESS;
}

static oskit_error_t bufio_unwire(oskit_bufio_t *self, oskit_addr_t phys_addr, oskit_off_t offset,
                                  oskit_size_t count)
{
    struct packet_bufio *b = bufio_of(self);
    char *at;

    if (count == 0 || OSKIT_FAILED(bufio_whole(b, offset, count, &at)) ||
        phys_addr != env_dma_address(at))
        return OSKIT_E_INVALIDARG;
    return bufio_unpin(b);
}

static oskit_error_t bufio_copy(oskit_bufio_t *self, oskit_off_t offset, oskit_size_t count,
                                oskit_bufio_t **out_io)
{
    oskit_size_t actual;
    void *bytes;

    *out_io = NULL;
    if (!range_within(offset, count, bufio_of(self)->length))
        return OSKIT_E_INVALIDARG;
    oskit_bufio_t *copy = oskit_bufio_create(count);
    if (copy == NULL)
        return OSKIT_E_OUTOFMEMORY;
    oskit_error_t error = oskit_bufio_map(copy, &bytes, 0, count);
    if (!OSKIT_FAILED(error))
        error = bufio_read(self, bytes, offset, count, &actual);
    *out_io = copy;
    return error;
}

static oskit_error_t sgbuf_wire(sluice_sgbuf_t *self, oskit_off_t offset, oskit_size_t count,
                                oskit_u32_t direction, struct sg_segment *segments, oskit_u32_t max,
                                oskit_u32_t *out_count, oskit_size_t *out_bytes)
{
    struct packet_bufio *b = bufio_of(self);
    oskit_u32_t bytes;

    (void)direction;
    *out_count = 0;
    *out_bytes = 0;
    if (max == 0 || count == 0 || !range_within(offset, count, b->length))
        return OSKIT_E_INVALIDARG;
    *out_count = bufio_segments(b, (oskit_u32_t)offset, (oskit_u32_t)count, segments, max, &bytes);
    *out_bytes = bytes;
    bufio_pin(b);
    return OSKIT_SUCCESS;
}

static oskit_error_t sgbuf_unwire(sluice_sgbuf_t *self, oskit_off_t offset, oskit_size_t bytes)
{
    struct packet_bufio *b = bufio_of(self);

    if (bytes == 0 || !range_within(offset, bytes, b->length))
        return OSKIT_E_INVALIDARG;
    return bufio_unpin(b);
}

static void bufio_destroy(struct sluice_object *object)
{
    struct packet_bufio *b = (struct packet_bufio *)object;

    packet_chain_done(b->packet);
    sluice_object_fini(object);
    env_free(b, sizeof *b);
}

static const struct oskit_bufio_ops bufio_ops = {
    SLUICE_IUNKNOWN_SLOTS,    .reserved = (void *)bufio_getblocksize,
    .read = bufio_read,       .write = bufio_write_refused,
    .getsize = bufio_getsize, .setsize = bufio_setsize_refused,
    .map = bufio_map,         .unmap = bufio_unmap,
    .wire = bufio_wire,       .unwire = bufio_unwire,
    .copy = bufio_copy,
};
static const struct sluice_sgbuf_ops sgbuf_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .wire = sgbuf_wire,
    .unwire = sgbuf_unwire,
};
static const struct sluice_interface bufio_interfaces[] = {
    {&oskit_bufio_iid, offsetof(struct packet_bufio, bufio), &bufio_ops},
    {&oskit_absio_iid, offsetof(struct packet_bufio, bufio), &bufio_ops},
    {&oskit_blkio_iid, offsetof(struct packet_bufio, bufio), &bufio_ops},
    {&sluice_sgbuf_iid, offsetof(struct packet_bufio, sgbuf), &sgbuf_ops},
};
static const struct sluice_class bufio_class = {"packet", bufio_interfaces,
                                                SLUICE_COUNT(bufio_interfaces), bufio_destroy};

oskit_bufio_t *packet_bufio_create(struct packet *packet)
{
    struct packet_bufio *b = env_alloc(sizeof *b, ENV_NOSLEEP);

    if (b == NULL)
        return NULL;
    sluice_object_init(&b->object, &bufio_class);
    b->pins = 0;
    b->packet = packet;
    b->length = packet_chain_length(packet);
    return &b->bufio.i;
}
