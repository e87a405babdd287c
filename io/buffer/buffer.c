/*
 * Buffers in one piece of memory: the heap bufio, and the bufio around memory that somebody else
 * brings.
 *
 * One method table serves bufio, absio and blkio (with a block size of one), whose slots coincide.
 * A pin is a reference: that alone defers the end of a wired buffer to its last unwire.
 *
 * No locks: size and place never change, and who reads while another writes sees what memory holds,
 * as with any memory.
 */
#include <oskit/io/absio.h>
#include <oskit/io/blkio.h>
#include <oskit/io/bufio.h>
#include <sluice/env.h>
#include <sluice/object.h>
#include <sluice/range.h>
#include <sluice/sgbuf.h>
#include <sluice/string.h>
#include <sluice/vecio.h>

struct buffer {
    struct sluice_object object;
    SLUICE_FACE(oskit_bufio_t) bufio;
    SLUICE_FACE(sluice_absvec_t) absvec;
    SLUICE_FACE(sluice_sgbuf_t) sgbuf;
    char *bytes;
    oskit_size_t size;
    bool wirable;                          /* a device can reach it, in one piece */
    _Atomic oskit_u32_t pins;              /* each also a reference */
    void (*free)(void *cookie, void *buf); /* or NULL */
    void *cookie;
};

static struct buffer *buffer_of(const void *self)
{
    return (struct buffer *)SLUICE_OBJECT(self);
}

static oskit_u32_t buffer_getblocksize(oskit_blkio_t *self)
{
    (void)self;
    return 1;
}

static oskit_error_t buffer_read(oskit_bufio_t *self, void *buf, oskit_off_t offset,
                                 oskit_size_t amount, oskit_size_t *out_actual)
{
    struct buffer *b = buffer_of(self);

    *out_actual = 0;
    if (offset < 0)
        return OSKIT_E_INVALIDARG;
    amount = range_clip(offset, amount, (oskit_off_t)b->size);
    if (amount != 0)
        memcpy(buf, b->bytes + offset, amount);
    *out_actual = amount;
    return 0;
}

/* What of a write of AMOUNT at OFFSET fits; an error when nothing does. */
static oskit_error_t buffer_room(struct buffer *b, oskit_off_t offset, oskit_size_t *amount)
{
    if (offset < 0)
        return OSKIT_E_INVALIDARG;
    oskit_size_t fits = range_clip(offset, *amount, (oskit_off_t)b->size);
    if (fits == 0 && *amount != 0)
        return OSKIT_ENOSPC;
    *amount = fits;
    return 0;
}

static oskit_error_t buffer_write(oskit_bufio_t *self, const void *buf, oskit_off_t offset,
                                  oskit_size_t amount, oskit_size_t *out_actual)
{
    struct buffer *b = buffer_of(self);

    *out_actual = 0;
    oskit_error_t error = buffer_room(b, offset, &amount);
    if (OSKIT_FAILED(error))
        return error;
    if (amount != 0)
        memcpy(b->bytes + offset, buf, amount);
    *out_actual = amount;
    return 0;
}

static oskit_error_t buffer_getsize(oskit_bufio_t *self, oskit_off_t *out_size)
{
    *out_size = (oskit_off_t)buffer_of(self)->size;
    return 0;
}

static oskit_error_t buffer_setsize_refused(oskit_bufio_t *self, oskit_off_t new_size)
{
    (void)self;
    (void)new_size;
    return OSKIT_E_NOTIMPL;
}

static oskit_error_t buffer_map(oskit_bufio_t *self, void **out_addr, oskit_off_t offset,
                                oskit_size_t count)
{
    struct buffer *b = buffer_of(self);

    *out_addr = NULL;
    if (!range_within(offset, count, (oskit_off_t)b->size))
        return OSKIT_E_INVALIDARG;
    *out_addr = b->bytes + offset;
    return 0;
}

static oskit_error_t buffer_unmap(oskit_bufio_t *self, void *addr, oskit_off_t offset,
                                  oskit_size_t count)
{
    struct buffer *b = buffer_of(self);

    if (!range_within(offset, count, (oskit_off_t)b->size) || addr != b->bytes + offset)
        return OSKIT_E_INVALIDARG;
    return 0;
}

static oskit_error_t buffer_wire(oskit_bufio_t *self, oskit_addr_t *out_phys_addr,
                                 oskit_off_t offset, oskit_size_t count)
{
    struct buffer *b = buffer_of(self);

    *out_phys_addr = 0;
    if (!b->wirable)
        return OSKIT_E_NOTIMPL;
    if (!range_within(offset, count, (oskit_off_t)b->size))
        return OSKIT_E_INVALIDARG;
    sluice_object_addref(&b->object);
    atomic_fetch_add_explicit(&b->pins, 1, memory_order_relaxed);
    *out_phys_addr = env_dma_address(b->bytes) + (oskit_addr_t)offset;
    return 0;
}

/* Takes one pin off the count; false when there was none. */
static bool buffer_unpin(struct buffer *b)
{
    oskit_u32_t pins = atomic_load_explicit(&b->pins, memory_order_relaxed);
    while (pins != 0)
        if (atomic_compare_exchange_weak_explicit(&b->pins, &pins, pins - 1, memory_order_relaxed,
                                                  memory_order_relaxed))
            return true;
    return false;
}

static oskit_error_t buffer_unwire(oskit_bufio_t *self, oskit_addr_t phys_addr, oskit_off_t offset,
                                   oskit_size_t count)
{
    struct buffer *b = buffer_of(self);

    if (!b->wirable || !range_within(offset, count, (oskit_off_t)b->size) ||
        phys_addr != env_dma_address(b->bytes) + (oskit_addr_t)offset || !buffer_unpin(b))
        return OSKIT_E_INVALIDARG;
    sluice_object_release(&b->object);
    return 0;
}

#define SEGMENT_MAX (1u << 30) /* lengths are 32 bits */

static oskit_error_t buffer_wire_segments(sluice_sgbuf_t *self, oskit_off_t offset,
                                          oskit_size_t count, oskit_u32_t direction,
                                          struct sg_segment *segments, oskit_u32_t max,
                                          oskit_u32_t *out_count, oskit_size_t *out_bytes)
{
    struct buffer *b = buffer_of(self);
    oskit_addr_t address;

    (void)direction;
    *out_count = 0;
    *out_bytes = 0;
    if (max == 0 || count == 0)
        return OSKIT_E_INVALIDARG;
    oskit_error_t error = buffer_wire(&b->bufio.i, &address, offset, count);
    if (OSKIT_FAILED(error))
        return error;
    *out_count = 1;
    *out_bytes = count < SEGMENT_MAX ? count : SEGMENT_MAX;
    segments[0] = (struct sg_segment){b->bytes + offset, (oskit_u32_t)*out_bytes};
    return 0;
}

static oskit_error_t buffer_unwire_segments(sluice_sgbuf_t *self, oskit_off_t offset,
                                            oskit_size_t bytes)
{
    struct buffer *b = buffer_of(self);

    if (bytes == 0 || !range_within(offset, bytes, (oskit_off_t)b->size) || !buffer_unpin(b))
        return OSKIT_E_INVALIDARG;
    sluice_object_release(&b->object);
    return 0;
}

static oskit_error_t buffer_copy(oskit_bufio_t *self, oskit_off_t offset, oskit_size_t count,
                                 oskit_bufio_t **out_io)
{
    struct buffer *b = buffer_of(self);

    *out_io = NULL;
    if (!range_within(offset, count, (oskit_off_t)b->size))
        return OSKIT_E_INVALIDARG;
    oskit_bufio_t *copy = oskit_bufio_create(count);
    if (copy == NULL)
        return OSKIT_E_OUTOFMEMORY;
    if (count != 0)
        memcpy(buffer_of(copy)->bytes, b->bytes + offset, count);
    *out_io = copy;
    return 0;
}

static oskit_error_t buffer_preadv(sluice_absvec_t *self, struct sluice_uio *uio,
                                   oskit_off_t offset, oskit_u32_t flags, oskit_size_t *out_actual)
{
    struct buffer *b = buffer_of(self);

    (void)flags;
    *out_actual = 0;
    if (offset < 0)
        return OSKIT_E_INVALIDARG;
    oskit_size_t amount = range_clip(offset, uio->left, (oskit_off_t)b->size);
    if (amount == 0)
        return 0;
    oskit_error_t error = uio_write_to(uio, b->bytes + offset, amount, out_actual);
    return *out_actual != 0 ? 0 : error;
}

static oskit_error_t buffer_pwritev(sluice_absvec_t *self, struct sluice_uio *uio,
                                    oskit_off_t offset, oskit_u32_t flags, oskit_size_t *out_actual,
                                    oskit_off_t *out_end)
{
    struct buffer *b = buffer_of(self);
    oskit_size_t amount = uio->left;

    if (flags & VECIO_APPEND)
        offset = (oskit_off_t)b->size;
    *out_actual = 0;
    oskit_error_t error = buffer_room(b, offset, &amount);
    if (!OSKIT_FAILED(error) && amount != 0)
        error = uio_read_from(uio, b->bytes + offset, amount, out_actual);
    if (out_end != NULL)
        *out_end = offset + (oskit_off_t)*out_actual;
    return *out_actual != 0 ? 0 : error;
}

static void buffer_destroy(struct sluice_object *object)
{
    struct buffer *b = (struct buffer *)object;

    if (b->free != NULL)
        b->free(b->cookie, b->bytes);
    sluice_object_fini(object);
    env_free(b, sizeof *b);
}

static const struct oskit_bufio_ops buffer_bufio_ops = {
    SLUICE_IUNKNOWN_SLOTS,     .reserved = (void *)buffer_getblocksize,
    .read = buffer_read,       .write = buffer_write,
    .getsize = buffer_getsize, .setsize = buffer_setsize_refused,
    .map = buffer_map,         .unmap = buffer_unmap,
    .wire = buffer_wire,       .unwire = buffer_unwire,
    .copy = buffer_copy,
};
static const struct sluice_absvec_ops buffer_absvec_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .preadv = buffer_preadv,
    .pwritev = buffer_pwritev,
};
static const struct sluice_sgbuf_ops buffer_sgbuf_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .wire = buffer_wire_segments,
    .unwire = buffer_unwire_segments,
};
static const struct sluice_interface buffer_interfaces[] = {
    {&oskit_bufio_iid, offsetof(struct buffer, bufio), &buffer_bufio_ops},
    {&oskit_absio_iid, offsetof(struct buffer, bufio), &buffer_bufio_ops},
    {&oskit_blkio_iid, offsetof(struct buffer, bufio), &buffer_bufio_ops},
    {&sluice_absvec_iid, offsetof(struct buffer, absvec), &buffer_absvec_ops},
    {&sluice_sgbuf_iid, offsetof(struct buffer, sgbuf), &buffer_sgbuf_ops},
};
static const struct sluice_class buffer_class = {"buffer", buffer_interfaces,
                                                 SLUICE_COUNT(buffer_interfaces), buffer_destroy};

static oskit_bufio_t *buffer_create(void *bytes, oskit_size_t size, bool wirable,
                                    void (*free)(void *cookie, void *buf), void *cookie)
{
    struct buffer *b;

    /* Sizes are told as oskit_off_t. */
    if (size > INT64_MAX || (b = env_alloc(sizeof *b, 0)) == NULL)
        return NULL;
    sluice_object_init(&b->object, &buffer_class);
    b->bytes = bytes;
    b->size = size;
    b->wirable = wirable;
    atomic_init(&b->pins, 0);
    b->free = free;
    b->cookie = cookie;
    return &b->bufio.i;
}

oskit_bufio_t *oskit_create_extern_bufio(void *buf, oskit_size_t size,
                                         void (*free)(void *cookie, void *buf), void *cookie)
{
    return buffer_create(buf, size, false, free, cookie);
}

oskit_bufio_t *oskit_create_wirable_bufio(void *buf, oskit_size_t size,
                                          void (*free)(void *cookie, void *buf), void *cookie)
{
    return buffer_create(buf, size, true, free, cookie);
}

static void pages_free(void *cookie, void *pages)
{
    (void)cookie;
    env_page_unref(pages);
}

/* Whole pages even for a few bytes: nothing else is sure to be in one piece for a device, nor alone
 * in what a device may overwrite. */
oskit_bufio_t *oskit_bufio_create(oskit_size_t size)
{
    unsigned order = 0;
    while (order < 32 && ((oskit_size_t)ENV_PAGE_SIZE << order) < size)
        order++;
    if (((oskit_size_t)ENV_PAGE_SIZE << order) < size)
        return NULL;
    void *pages = env_page_alloc(order, ENV_ZERO);
    if (pages == NULL)
        return NULL;
    oskit_bufio_t *io = buffer_create(pages, size, true, pages_free, NULL);
    if (io == NULL)
        env_page_unref(pages);
    return io;
}
