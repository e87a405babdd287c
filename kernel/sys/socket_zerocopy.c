/* See socket_zerocopy.h. */
#include "kernel/sys/socket_zerocopy.h"
#include "kernel/mem/heap.h"

/* ---- Holds ---- */

static void page_hold_release(struct socket_hold *hold)
{
    struct page_hold *self = container_of(hold, struct page_hold, hold);
    for (uint32_t i = 0; i < self->count; i++)
        env_page_unref(self->pages[i]);
    heap_free(self);
}

struct page_hold *page_hold_create(uint32_t count)
{
    struct page_hold *self = heap_alloc(sizeof *self + count * sizeof self->pages[0], 0);
    if (!self)
        return NULL;
    atomic_init(&self->hold.references, 1);
    self->hold.release = page_hold_release;
    self->count = 0;
    return self;
}

void page_hold_put(struct page_hold *hold)
{
    if (atomic_fetch_sub_explicit(&hold->hold.references, 1, memory_order_acq_rel) == 1)
        page_hold_release(&hold->hold);
}

/* ---- Segments ---- */

struct pages_transfer {
    struct openfile *file;
    struct socket_message message;
    struct sg_segment *segments;
    uint32_t count;
    struct socket_hold *hold;
    size_t moved;
};

/* MOVED bytes of the segments are done with. */
static void segments_advance(struct pages_transfer *t, size_t moved)
{
    t->moved += moved;
    while (t->count && moved >= t->segments->length) {
        moved -= t->segments->length;
        t->segments++;
        t->count--;
    }
    if (moved) {
        t->segments->base = (char *)t->segments->base + moved;
        t->segments->length -= (oskit_u32_t)moved;
    }
}

static oskit_error_t pages_try(void *arg)
{
    struct pages_transfer *t = arg;
    sluice_socket_t *socket = t->file->socket;
    for (;;) {
        size_t moved = 0;
        oskit_error_t error =
            socket->ops->send_segments(socket, &t->message, t->segments, t->count, t->hold, &moved);
        segments_advance(t, moved);
        if (error || !t->count || !moved)
            return error;
        if (readiness_level(t->file->readiness) & READY_ERR)
            return OSKIT_SUCCESS;
    }
}

static long pages_send_all(struct pages_transfer *t)
{
    bool expired;
    oskit_error_t first = pages_try(t);
    if (!first)
        return (long)t->moved;
    if (first == OSKIT_E_NOTIMPL)
        return -ABI_ENOSYS;
    long error = first == OSKIT_EWOULDBLOCK && !(t->message.flags & SOCKET_MSG_DONTWAIT)
                     ? socket_wait(t->file, t->file->readiness, READY_WRITE, pages_try, t, &expired)
                     : errno_from_oskit(first);
    return error ? socket_send_failed(t->file, t->moved, error, t->message.flags) : (long)t->moved;
}

static long pages_send(struct pages_transfer *t)
{
    sluice_socket_t *socket = t->file->socket;
    size_t none;
    long result = pages_send_all(t);
    if (t->message.notice)
        (void)socket->ops->send_segments(socket, &t->message, NULL, 0, t->hold, &none);
    return result;
}

long socket_send_pages(struct openfile *file, struct sg_segment *segments, uint32_t count,
                       struct page_hold *hold, uint32_t flags)
{
    struct pages_transfer t = {.file = file,
                               .message = {.flags = flags},
                               .segments = segments,
                               .count = count,
                               .hold = &hold->hold};
    return pages_send(&t);
}

/* ---- MSG_ZEROCOPY ---- */

/* Of one call: as much as Linux lets a process lock by default. What a stream sends beyond comes
 * with the next call. */
#define PINNED_MAX 2048u /* pages */

/* The part of the uio's current segment that lies in one page. */
static size_t page_part(const struct sluice_iovec *iov, size_t offset)
{
    uintptr_t at = (uintptr_t)iov->base + offset;
    size_t part = ENV_PAGE_SIZE - at % ENV_PAGE_SIZE, left = iov->length - offset;
    return part < left ? part : left;
}

/* Pages that UIO's bytes touch; more than PINNED_MAX: PINNED_MAX + 1. */
static uint32_t uio_pages(const struct sluice_uio *uio)
{
    uint32_t count = 0;
    size_t offset = uio->iov_offset;
    for (size_t i = 0; i < uio->iov_count; i++, offset = 0)
        for (; offset < uio->iov[i].length && count <= PINNED_MAX; count++)
            offset += page_part(&uio->iov[i], offset);
    return count;
}

/* Pins the next MOST pages of UIO, and makes a segment of each. */
static long uio_pin(const struct sluice_uio *uio, uint32_t most, struct page_hold *hold,
                    struct sg_segment *segments)
{
    size_t offset = uio->iov_offset;
    for (size_t i = 0; i < uio->iov_count && hold->count < most; i++, offset = 0)
        while (offset < uio->iov[i].length && hold->count < most) {
            uintptr_t at = (uintptr_t)uio->iov[i].base + offset;
            size_t part = page_part(&uio->iov[i], offset);
            void **page = &hold->pages[hold->count];
            const void *from = (const void *)(at & ~(uintptr_t)(ENV_PAGE_SIZE - 1));
            if (env_user_pin(from, 1, false, page))
                return -ABI_EFAULT;
            segments[hold->count++] =
                (struct sg_segment){(char *)*page + at % ENV_PAGE_SIZE, (oskit_u32_t)part};
            offset += part;
        }
    return 0;
}

static long pinned_send(struct socket_transfer *t, struct page_hold *hold,
                        struct sg_segment *segments, uint32_t count)
{
    long error = uio_pin(t->message.uio, count, hold, segments);
    if (error)
        return error;
    struct pages_transfer pages = {.file = t->file,
                                   .message = t->message,
                                   .segments = segments,
                                   .count = hold->count,
                                   .hold = &hold->hold};
    long result = pages_send(&pages);
    t->message.rights = pages.message.rights;
    if (result > 0)
        uio_skip(t->message.uio, (size_t)result);
    return result;
}

static bool socket_has_zerocopy(const struct openfile *file)
{
    oskit_s32_t on = 0;
    oskit_u32_t length = sizeof on;
    oskit_error_t error =
        file->socket->ops->getsockopt(file->socket, ABI_SOL_SOCKET, ABI_SO_ZEROCOPY, &on, &length);
    return !error && on;
}

/* A socket that copies after all tells the program so by itself: it gets the flag. */
long socket_send_pinned(struct socket_transfer *t)
{
    if (!socket_has_zerocopy(t->file)) {
        t->message.flags &= ~SOCKET_MSG_ZEROCOPY;
        return socket_send(t);
    }
    uint32_t count = uio_pages(t->message.uio);
    bool stream = t->file->socket_type == ABI_SOCK_STREAM;
    if (count > PINNED_MAX)
        count = stream ? PINNED_MAX : 0;
    if (!count)
        return socket_send(t);
    struct page_hold *hold = page_hold_create(count);
    struct sg_segment *segments = heap_alloc(count * sizeof *segments, 0);
    long result = hold && segments ? pinned_send(t, hold, segments, count) : -ABI_ENOBUFS;
    heap_free(segments);
    if (hold)
        page_hold_put(hold);
    return result == -ABI_ENOSYS ? socket_send(t) : result;
}
