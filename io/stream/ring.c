/*
 * The byte ring: see <sluice/ring.h>.
 *
 * No locks. Each side stores its own position with release after it has touched the bytes, and
 * loads the other's with acquire before: the consumer sees the bytes that the position covers, the
 * producer overwrites none that are still being read.
 */
#include <sluice/ring.h>

#include <sluice/env.h>
#include <sluice/string.h>

oskit_error_t ring_init(struct ring *ring, unsigned order)
{
    *ring = (struct ring){0};
    if (order > 31 - ENV_PAGE_SHIFT)
        return OSKIT_E_INVALIDARG;
    ring->bytes = env_page_alloc(order, 0);
    if (ring->bytes == NULL)
        return OSKIT_ENOMEM;
    ring->size = ENV_PAGE_SIZE << order;
    return OSKIT_SUCCESS;
}

void ring_fini(struct ring *ring)
{
    if (ring->bytes != NULL)
        env_page_unref(ring->bytes);
    *ring = (struct ring){0};
}

/* From position AT on, up to SIZE bytes in one stretch. */
static uint32_t stretch(const struct ring *ring, uint32_t at, size_t size)
{
    uint32_t here = ring->size - (at & (ring->size - 1));

    return here < size ? here : (uint32_t)size;
}

static unsigned char *byte_at(const struct ring *ring, uint32_t at)
{
    return ring->bytes + (at & (ring->size - 1));
}

size_t ring_write(struct ring *ring, const void *from, size_t size)
{
    uint32_t at = atomic_load_explicit(&ring->write, memory_order_relaxed);
    uint32_t space = ring_space(ring);
    size_t total = size < space ? size : space;
    uint32_t first = stretch(ring, at, total);

    memcpy(byte_at(ring, at), from, first);
    memcpy(ring->bytes, (const char *)from + first, total - first);
    atomic_store_explicit(&ring->write, at + (uint32_t)total, memory_order_release);
    return total;
}

size_t ring_read(struct ring *ring, void *to, size_t size)
{
    uint32_t at = atomic_load_explicit(&ring->read, memory_order_relaxed);
    uint32_t used = ring_used(ring);
    size_t total = size < used ? size : used;
    uint32_t first = stretch(ring, at, total);

    memcpy(to, byte_at(ring, at), first);
    memcpy((char *)to + first, ring->bytes, total - first);
    atomic_store_explicit(&ring->read, at + (uint32_t)total, memory_order_release);
    return total;
}

oskit_error_t ring_write_from(struct ring *ring, struct sluice_uio *uio, size_t size, size_t *moved)
{
    uint32_t at = atomic_load_explicit(&ring->write, memory_order_relaxed);
    uint32_t space = ring_space(ring);
    size_t total = size < space ? size : space;
    size_t first = stretch(ring, at, total), more = 0;

    oskit_error_t err = uio_read_from(uio, byte_at(ring, at), first, moved);
    if (OSKIT_SUCCEEDED(err) && *moved == first && total > first)
        err = uio_read_from(uio, ring->bytes, total - first, &more);
    *moved += more;
    atomic_store_explicit(&ring->write, at + (uint32_t)*moved, memory_order_release);
    return err;
}

oskit_error_t ring_read_to(struct ring *ring, struct sluice_uio *uio, size_t size, size_t *moved)
{
    uint32_t at = atomic_load_explicit(&ring->read, memory_order_relaxed);
    uint32_t used = ring_used(ring);
    size_t total = size < used ? size : used;
    size_t first = stretch(ring, at, total), more = 0;

    oskit_error_t err = uio_write_to(uio, byte_at(ring, at), first, moved);
    if (OSKIT_SUCCEEDED(err) && *moved == first && total > first)
        err = uio_write_to(uio, ring->bytes, total - first, &more);
    *moved += more;
    atomic_store_explicit(&ring->read, at + (uint32_t)*moved, memory_order_release);
    return err;
}

uint32_t ring_front(const struct ring *ring, const unsigned char **out)
{
    uint32_t at = atomic_load_explicit(&ring->read, memory_order_relaxed);

    *out = byte_at(ring, at);
    return stretch(ring, at, ring_used(ring));
}
