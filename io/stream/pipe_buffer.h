/*
 * What a pipe holds: a circular array of slots, each a piece of a page. Small writes share the last
 * page; pieces given by others (splice) keep their pages to themselves. No locks: the pipe's mutex
 * covers all of it.
 */
#ifndef IO_STREAM_PIPE_BUFFER_H
#define IO_STREAM_PIPE_BUFFER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <oskit/error.h>
#include <sluice/env.h>
#include <sluice/uio.h>

struct pipe_slot {
    void *page;      /* one reference */
    uint32_t offset; /* of the first byte not read yet; may lie beyond the first page of a run */
    uint16_t length; /* bytes not read yet; never 0 in a slot in use */
    bool own;        /* nobody else sees the page: it may be appended to, and reused */
};
_Static_assert(ENV_PAGE_SIZE <= UINT16_MAX, "a slot's length");

struct pipe_buffer {
    struct pipe_slot *slots;
    uint32_t mask;       /* number of slots - 1 */
    uint32_t head, tail; /* run free; slots in use are tail ... head - 1 */
    _Atomic size_t used; /* bytes; read without the lock */
    void *spare;         /* a page kept from the last slot read empty, or NULL */
};

oskit_error_t pipe_buffer_init(struct pipe_buffer *buffer, uint32_t slots); /* a power of two */
void pipe_buffer_fini(struct pipe_buffer *buffer);
void pipe_buffer_clear(struct pipe_buffer *buffer); /* drops the bytes and the spare */

static inline size_t pipe_buffer_used(const struct pipe_buffer *buffer)
{
    return atomic_load_explicit(&buffer->used, memory_order_relaxed);
}

/* No slot is free. What still fits is then the rest of the last page. */
static inline bool pipe_buffer_full(const struct pipe_buffer *buffer)
{
    return buffer->head - buffer->tail > buffer->mask;
}

/* Whether SIZE bytes fit; true means that a write of them can only fail for memory. */
bool pipe_buffer_fits(const struct pipe_buffer *buffer, size_t size);

/* Appends bytes of UIO till it is empty or no more fit. ATOMIC: all or nothing. OSKIT_ENOMEM,
 * OSKIT_EFAULT only when *moved is 0. */
oskit_error_t pipe_buffer_write(struct pipe_buffer *buffer, struct sluice_uio *uio, bool atomic,
                                size_t *moved);
/* Moves bytes into UIO till it is full or none are left; PEEK leaves them. OSKIT_EFAULT only when
 * *moved is 0. */
oskit_error_t pipe_buffer_read(struct pipe_buffer *buffer, struct sluice_uio *uio, bool peek,
                               size_t *moved);

/* See sluice_pipe's give and take. A slot must be free. */
void pipe_buffer_give(struct pipe_buffer *buffer, void *page, uint32_t offset, uint32_t length);
struct pipe_slot pipe_buffer_take(struct pipe_buffer *buffer, size_t skip, size_t max, bool peek);

/* OSKIT_EBUSY when more slots are in use, OSKIT_ENOMEM. */
oskit_error_t pipe_buffer_resize(struct pipe_buffer *buffer, uint32_t slots);

#endif
