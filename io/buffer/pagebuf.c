/*
 * A buffer over a list of pages that need not be neighbours.
 *
 * A pin is a reference, as in buffer.c. No locks: place and size never change.
 */
#include <sluice/sgbuf.h>

#include <stdatomic.h>
#include <oskit/io/absio.h>
#include <oskit/io/blkio.h>
#include <sluice/env.h>
#include <sluice/object.h>
#include <sluice/range.h>
#include <sluice/string.h>

struct pagebuf {
    struct sluice_object object;
    SLUICE_FACE(oskit_bufio_t) bufio;
    SLUICE_FACE(sluice_sgbuf_t) sgbuf;
    _Atomic oskit_u32_t pins;
    oskit_size_t first, size, page_count;
    void *pages[];
};

static struct pagebuf *pagebuf_of(const void *self)
{
    return (struct pagebuf *)SLUICE_OBJECT(self);
}

static oskit_u32_t pagebuf_getblocksize(oskit_blkio_t *self)
{
    (void)self;
    return 1;
}

/* ---- Where bytes are ---- */

/* Byte OFFSET, and how many follow it in its page, at most LEFT. */
static char *pagebuf_at(struct pagebuf *b, oskit_off_t offset, oskit_size_t left, oskit_size_t *run)
{
    oskit_size_t place = b->first + (oskit_size_t)offset, inside = place & (ENV_PAGE_SIZE - 1);

    *run = ENV_PAGE_SIZE - inside < left ? ENV_PAGE_SIZE - inside : left;
    return (char *)b->pages[place >> ENV_PAGE_SHIFT] + inside;
}

/* The piece that begins at OFFSET with the pages that lie behind its first one in memory. */
static struct sg_segment pagebuf_piece(struct pagebuf *b, oskit_off_t offset, oskit_size_t left)
{
    oskit_size_t run, length;
    char *base = pagebuf_at(b, offset, left, &run);

    for (length = run; length < left && length < (1u << 30); length += run)
        if (pagebuf_at(b, offset + (oskit_off_t)length, left - length, &run) != base + length)
            break;
    return (struct sg_segment){base, (oskit_u32_t)length};
}

/* ---- bufio ---- */

static oskit_error_t pagebuf_read(oskit_bufio_t *self, void *buf, oskit_off_t offset,
                                  oskit_size_t amount, oskit_size_t *out_actual)
{
    struct pagebuf *b = pagebuf_of(self);
    oskit_size_t run;

    *out_actual = 0;
    if (offset < 0)
        return OSKIT_E_INVALIDARG;
    amount = range_clip(offset, amount, (oskit_off_t)b->size);
    for (oskit_size_t done = 0; done < amount; done += run) {
        char *from = pagebuf_at(b, offset + (oskit_off_t)done, amount - done, &run);
        memcpy((char *)buf + done, from, run);
    }
    *out_actual = amount;
    return OSKIT_SUCCESS;
}

static oskit_error_t pagebuf_write(oskit_bufio_t *self, const void *buf, oskit_off_t offset,
                                   oskit_size_t amount, oskit_size_t *out_actual)
{
    struct pagebuf *b = pagebuf_of(self);
    oskit_size_t run;

    *out_actual = 0;
    if (offset < 0)
        return OSKIT_E_INVALIDARG;
    oskit_size_t fits = range_clip(offset, amount, (oskit_off_t)b->size);
    if (fits == 0 && amount != 0)
        return OSKIT_ENOSPC;
    for (oskit_size_t done = 0; done < fits; done += run) {
        char *to = pagebuf_at(b, offset + (oskit_off_t)done, fits - done, &run);
        memcpy(to, (const char *)buf + done, run);
    }
    *out_actual = fits;
    return OSKIT_SUCCESS;
}

static oskit_error_t pagebuf_getsize(oskit_bufio_t *self, oskit_off_t *out_size)
{
    *out_size = (oskit_off_t)pagebuf_of(self)->size;
    return OSKIT_SUCCESS;
}

static oskit_error_t pagebuf_setsize_refused(oskit_bufio_t *self, oskit_off_t new_size)
{
    (void)self, (void)new_size;
    return OSKIT_E_NOTIMPL;
}

/* The range in one piece. OSKIT_E_NOTIMPL: it isn't. */
static oskit_error_t pagebuf_whole(struct pagebuf *b, oskit_off_t offset, oskit_size_t count,
                                   char **out)
{
    if (!range_within(offset, count, (oskit_off_t)b->size))
        return OSKIT_E_INVALIDARG;
    if (count == 0) {
        *out = NULL;
        return OSKIT_SUCCESS;
    }
    struct sg_segment piece = pagebuf_piece(b, offset, count);
    *out = piece.base;
    return piece.length == count ? OSKIT_SUCCESS : OSKIT_E_NOTIMPL;
}

static oskit_error_t pagebuf_map(oskit_bufio_t *self, void **out_addr, oskit_off_t offset,
                                 oskit_size_t count)
{
    char *at = NULL;
    oskit_error_t error = pagebuf_whole(pagebuf_of(self), offset, count, &at);

    *out_addr = OSKIT_FAILED(error) ? NULL : at;
    return error;
}

static oskit_error_t pagebuf_unmap(oskit_bufio_t *self, void *addr, oskit_off_t offset,
                                   oskit_size_t count)
{
    char *at = NULL;
    oskit_error_t error = pagebuf_whole(pagebuf_of(self), offset, count, &at);

    return !OSKIT_FAILED(error) && at != addr ? OSKIT_E_INVALIDARG : error;
}

static void pagebuf_pin(struct pagebuf *b)
{
    sluice_object_addref(&b->object);
    atomic_fetch_add_explicit(&b->pins, 1, memory_order_relaxed);
}

static oskit_error_t pagebuf_unpin(struct pagebuf *b)
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

static oskit_error_t pagebuf_wire(oskit_bufio_t *self, oskit_addr_t *out_phys_addr,
                                  oskit_off_t offset, oskit_size_t count)
{
    struct pagebuf *b = pagebuf_of(self);
    char *at = NULL;

    *out_phys_addr = 0;
    if (count == 0)
        return OSKIT_E_INVALIDARG;
    oskit_error_t error = pagebuf_whole(b, offset, count, &at);
    if (OSKIT_FAILED(error))
        return error;
    pagebuf_pin(b);
    *out_phys_addr = env_dma_address(at);
    return OSKIT_SUCCESS;
}

static oskit_error_t pagebuf_unwire(oskit_bufio_t *self, oskit_addr_t phys_addr, oskit_off_t offset,
                                    oskit_size_t count)
{
    struct pagebuf *b = pagebuf_of(self);
    char *at = NULL;

    if (count == 0 || OSKIT_FAILED(pagebuf_whole(b, offset, count, &at)) ||
        phys_addr != env_dma_address(at))
        return OSKIT_E_INVALIDARG;
    return pagebuf_unpin(b);
}

static oskit_error_t pagebuf_copy(oskit_bufio_t *self, oskit_off_t offset, oskit_size_t count,
                                  oskit_bufio_t **out_io)
{
    struct pagebuf *b = pagebuf_of(self);
    oskit_size_t actual;
    void *bytes;

    *out_io = NULL;
    if (!range_within(offset, count, (oskit_off_t)b->size))
        return OSKIT_E_INVALIDARG;
    oskit_bufio_t *copy = oskit_bufio_create(count);
    if (copy == NULL)
        return OSKIT_E_OUTOFMEMORY;
    oskit_error_t error = oskit_bufio_map(copy, &bytes, 0, count);
    if (!OSKIT_FAILED(error))
        error = pagebuf_read(self, bytes, offset, count, &actual);
    *out_io = copy;
    return error;
}

/* ---- sgbuf ---- */

static oskit_error_t pagebuf_wire_segments(sluice_sgbuf_t *self, oskit_off_t offset,
                                           oskit_size_t count, oskit_u32_t direction,
                                           struct sg_segment *segments, oskit_u32_t max,
                                           oskit_u32_t *out_count, oskit_size_t *out_bytes)
{
    struct pagebuf *b = pagebuf_of(self);
    oskit_size_t done = 0;
    oskit_u32_t n = 0;

    (void)direction;
    *out_count = 0;
    *out_bytes = 0;
    if (max == 0 || count == 0 || !range_within(offset, count, (oskit_off_t)b->size))
        return OSKIT_E_INVALIDARG;
    while (done < count && n < max) {
        segments[n] = pagebuf_piece(b, offset + (oskit_off_t)done, count - done);
        done += segments[n++].length;
    }
    pagebuf_pin(b);
    *out_count = n;
    *out_bytes = done;
    return OSKIT_SUCCESS;
}

static oskit_error_t pagebuf_unwire_segments(sluice_sgbuf_t *self, oskit_off_t offset,
                                             oskit_size_t bytes)
{
    struct pagebuf *b = pagebuf_of(self);

    if (bytes == 0 || !range_within(offset, bytes, (oskit_off_t)b->size))
        return OSKIT_E_INVALIDARG;
    return pagebuf_unpin(b);
}

/* ---- Making and ending ---- */

static oskit_size_t bytes_of(oskit_size_t page_count)
{
    return sizeof(struct pagebuf) + page_count * sizeof(void *);
}

static void pagebuf_destroy(struct sluice_object *object)
{
    struct pagebuf *b = (struct pagebuf *)object;

    for (oskit_size_t i = 0; i < b->page_count; i++)
        env_page_unref(b->pages[i]);
    sluice_object_fini(object);
    env_free(b, bytes_of(b->page_count));
}

static const struct oskit_bufio_ops pagebuf_bufio_ops = {
    SLUICE_IUNKNOWN_SLOTS,      .reserved = (void *)pagebuf_getblocksize,
    .read = pagebuf_read,       .write = pagebuf_write,
    .getsize = pagebuf_getsize, .setsize = pagebuf_setsize_refused,
    .map = pagebuf_map,         .unmap = pagebuf_unmap,
    .wire = pagebuf_wire,       .unwire = pagebuf_unwire,
    .copy = pagebuf_copy,
};
static const struct sluice_sgbuf_ops pagebuf_sgbuf_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .wire = pagebuf_wire_segments,
    .unwire = pagebuf_unwire_segments,
};
static const struct sluice_interface pagebuf_interfaces[] = {
    {&oskit_bufio_iid, offsetof(struct pagebuf, bufio), &pagebuf_bufio_ops},
    {&oskit_absio_iid, offsetof(struct pagebuf, bufio), &pagebuf_bufio_ops},
    {&oskit_blkio_iid, offsetof(struct pagebuf, bufio), &pagebuf_bufio_ops},
    {&sluice_sgbuf_iid, offsetof(struct pagebuf, sgbuf), &pagebuf_sgbuf_ops},
};
static const struct sluice_class pagebuf_class = {
    "buffer of pages", pagebuf_interfaces, SLUICE_COUNT(pagebuf_interfaces), pagebuf_destroy};

oskit_error_t pagebuf_create(void *const *pages, oskit_size_t first, oskit_size_t size,
                             oskit_bufio_t **out)
{
    *out = NULL;
    if (first >= ENV_PAGE_SIZE || size > INT64_MAX - ENV_PAGE_SIZE)
        return OSKIT_E_INVALIDARG;
    oskit_size_t count = (first + size + ENV_PAGE_SIZE - 1) >> ENV_PAGE_SHIFT;
    struct pagebuf *b = env_alloc(bytes_of(count), ENV_ZERO);
    if (b == NULL)
        return OSKIT_E_OUTOFMEMORY;
    sluice_object_init(&b->object, &pagebuf_class);
    b->first = first;
    b->size = size;
    b->page_count = count;
    memcpy(b->pages, pages, count * sizeof(void *));
    *out = &b->bufio.i;
    return OSKIT_SUCCESS;
}
