/*
 * A buffer over a list of pages that need not be neighbours.
 *
 * No locks: place and size never change.
 */
#include <sluice/env.h>
#include <sluice/range.h>
#include <sluice/string.h>
#include "piecebuf.h"

struct pagebuf {
    struct piecebuf base;
    oskit_size_t first, page_count;
    void *pages[];
};

static struct pagebuf *pagebuf_of(const void *self)
{
    return (struct pagebuf *)SLUICE_OBJECT(self);
}

/* ---- Where bytes are ---- */

/* Byte OFFSET, and how many follow it in its page, at most LEFT. */
static char *pagebuf_at(const struct pagebuf *b, oskit_off_t offset, oskit_size_t left,
                        oskit_size_t *run)
{
    oskit_size_t place = b->first + (oskit_size_t)offset, inside = place & (ENV_PAGE_SIZE - 1);

    *run = ENV_PAGE_SIZE - inside < left ? ENV_PAGE_SIZE - inside : left;
    return (char *)b->pages[place >> ENV_PAGE_SHIFT] + inside;
}

/* The piece that begins at OFFSET with the pages that lie behind its first one in memory. */
static struct sg_segment pagebuf_piece(const struct pagebuf *b, oskit_off_t offset,
                                       oskit_size_t left)
{
    oskit_size_t run, length;
    char *base = pagebuf_at(b, offset, left, &run);

    for (length = run; length < left && length < (1u << 30); length += run)
        if (pagebuf_at(b, offset + (oskit_off_t)length, left - length, &run) != base + length)
            break;
    return (struct sg_segment){base, (oskit_u32_t)length};
}

static oskit_u32_t pagebuf_pieces(const struct piecebuf *base, oskit_size_t offset,
                                  oskit_size_t count, struct sg_segment *out, oskit_u32_t max,
                                  oskit_size_t *bytes)
{
    const struct pagebuf *b = container_of(base, struct pagebuf, base);
    oskit_u32_t n = 0;

    *bytes = 0;
    while (*bytes < count && n < max) {
        out[n] = pagebuf_piece(b, (oskit_off_t)(offset + *bytes), count - *bytes);
        *bytes += out[n++].length;
    }
    return n;
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
    amount = range_clip(offset, amount, (oskit_off_t)b->base.size);
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
    oskit_size_t fits = range_clip(offset, amount, (oskit_off_t)b->base.size);
    if (fits == 0 && amount != 0)
        return OSKIT_ENOSPC;
    for (oskit_size_t done = 0; done < fits; done += run) {
        char *to = pagebuf_at(b, offset + (oskit_off_t)done, fits - done, &run);
        memcpy(to, (const char *)buf + done, run);
    }
    *out_actual = fits;
    return OSKIT_SUCCESS;
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
    SLUICE_IUNKNOWN_SLOTS,
    PIECEBUF_SLOTS,
    .read = pagebuf_read,
    .write = pagebuf_write,
};
static const struct sluice_interface pagebuf_interfaces[] = {
    PIECEBUF_INTERFACES(pagebuf_bufio_ops)};
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
    piecebuf_init(&b->base, &pagebuf_class, size, pagebuf_pieces);
    b->first = first;
    b->page_count = count;
    memcpy(b->pages, pages, count * sizeof(void *));
    *out = &b->base.bufio.i;
    return OSKIT_SUCCESS;
}
