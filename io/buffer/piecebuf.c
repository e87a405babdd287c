/* Where the bytes of a buffer in several pieces are: see piecebuf.h. */
#include "piecebuf.h"

#include <sluice/env.h>
#include <sluice/range.h>

void piecebuf_init(struct piecebuf *b, const struct sluice_class *class, oskit_size_t size,
                   oskit_u32_t (*pieces)(const struct piecebuf *b, oskit_size_t offset,
                                         oskit_size_t count, struct sg_segment *out,
                                         oskit_u32_t max, oskit_size_t *bytes))
{
    sluice_object_init(&b->object, class);
    atomic_init(&b->pins, 0);
    b->size = size;
    b->pieces = pieces;
}

oskit_u32_t piecebuf_getblocksize(oskit_blkio_t *self)
{
    (void)self;
    return 1;
}

oskit_error_t piecebuf_getsize(oskit_bufio_t *self, oskit_off_t *out_size)
{
    *out_size = (oskit_off_t)piecebuf_of(self)->size;
    return OSKIT_SUCCESS;
}

oskit_error_t piecebuf_setsize_refused(oskit_bufio_t *self, oskit_off_t new_size)
{
    (void)self, (void)new_size;
    return OSKIT_E_NOTIMPL;
}

static bool within(const struct piecebuf *b, oskit_off_t offset, oskit_size_t count)
{
    return range_within(offset, count, (oskit_off_t)b->size);
}

/* The range in one piece. OSKIT_E_NOTIMPL: it isn't. */
static oskit_error_t whole(const struct piecebuf *b, oskit_off_t offset, oskit_size_t count,
                           char **out)
{
    struct sg_segment piece = {NULL, 0};
    oskit_size_t bytes;

    *out = NULL;
    if (!within(b, offset, count))
        return OSKIT_E_INVALIDARG;
    if (count == 0)
        return OSKIT_SUCCESS;
    b->pieces(b, (oskit_size_t)offset, count, &piece, 1, &bytes);
    *out = piece.base;
    return bytes == count ? OSKIT_SUCCESS : OSKIT_E_NOTIMPL;
}

oskit_error_t piecebuf_map(oskit_bufio_t *self, void **out_addr, oskit_off_t offset,
                           oskit_size_t count)
{
    char *at;
    oskit_error_t error = whole(piecebuf_of(self), offset, count, &at);

    *out_addr = OSKIT_FAILED(error) ? NULL : at;
    return error;
}

oskit_error_t piecebuf_unmap(oskit_bufio_t *self, void *addr, oskit_off_t offset,
                             oskit_size_t count)
{
    char *at;
    oskit_error_t error = whole(piecebuf_of(self), offset, count, &at);

    return !OSKIT_FAILED(error) && at != addr ? OSKIT_E_INVALIDARG : error;
}

static void pin(struct piecebuf *b)
{
    sluice_object_addref(&b->object);
    atomic_fetch_add_explicit(&b->pins, 1, memory_order_relaxed);
}

static oskit_error_t unpin(struct piecebuf *b)
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

oskit_error_t piecebuf_wire(oskit_bufio_t *self, oskit_addr_t *out_phys_addr, oskit_off_t offset,
                            oskit_size_t count)
{
    struct piecebuf *b = piecebuf_of(self);
    char *at;

    *out_phys_addr = 0;
    if (count == 0)
        return OSKIT_E_INVALIDARG;
    oskit_error_t error = whole(b, offset, count, &at);
    if (OSKIT_FAILED(error))
        return error;
    pin(b);
    *out_phys_addr = env_dma_address(at);
    return OSKIT_SUCCESS;
}

oskit_error_t piecebuf_unwire(oskit_bufio_t *self, oskit_addr_t phys_addr, oskit_off_t offset,
                              oskit_size_t count)
{
    struct piecebuf *b = piecebuf_of(self);
    char *at;

    if (count == 0 || OSKIT_FAILED(whole(b, offset, count, &at)) ||
        phys_addr != env_dma_address(at))
        return OSKIT_E_INVALIDARG;
    return unpin(b);
}

oskit_error_t piecebuf_copy(oskit_bufio_t *self, oskit_off_t offset, oskit_size_t count,
                            oskit_bufio_t **out_io)
{
    oskit_size_t actual;
    void *bytes;

    *out_io = NULL;
    if (!within(piecebuf_of(self), offset, count))
        return OSKIT_E_INVALIDARG;
    oskit_bufio_t *copy = oskit_bufio_create(count);
    if (copy == NULL)
        return OSKIT_E_OUTOFMEMORY;
    oskit_error_t error = oskit_bufio_map(copy, &bytes, 0, count);
    if (!OSKIT_FAILED(error))
        error = oskit_bufio_read(self, bytes, offset, count, &actual);
    *out_io = copy;
    return error;
}

/* ---- sgbuf ---- */

static oskit_error_t piecebuf_wire_segments(sluice_sgbuf_t *self, oskit_off_t offset,
                                            oskit_size_t count, oskit_u32_t direction,
                                            struct sg_segment *segments, oskit_u32_t max,
                                            oskit_u32_t *out_count, oskit_size_t *out_bytes)
{
    struct piecebuf *b = piecebuf_of(self);

    (void)direction;
    *out_count = 0;
    *out_bytes = 0;
    if (max == 0 || count == 0 || !within(b, offset, count))
        return OSKIT_E_INVALIDARG;
    *out_count = b->pieces(b, (oskit_size_t)offset, count, segments, max, out_bytes);
    pin(b);
    return OSKIT_SUCCESS;
}

static oskit_error_t piecebuf_unwire_segments(sluice_sgbuf_t *self, oskit_off_t offset,
                                              oskit_size_t bytes)
{
    struct piecebuf *b = piecebuf_of(self);

    if (bytes == 0 || !within(b, offset, bytes))
        return OSKIT_E_INVALIDARG;
    return unpin(b);
}

const struct sluice_sgbuf_ops piecebuf_sgbuf_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .wire = piecebuf_wire_segments,
    .unwire = piecebuf_unwire_segments,
};
