/*
 * What a pipe holds: a circular array of slots, each a piece of a page. Small writes share the last
 * page; pieces given by others (splice) keep their pages to themselves. No locks: the pipe's mutex
 * covers all of it.
 *
 * A pipe that is read empty keeps its last page in its slot, if the page is its own, so that one
 * that is read as fast as it is written allocates once. Otherwise no slot in use is empty.
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
    uint16_t length; /* bytes not read yet */
    bool own;        /* nobody else sees the page: it may be appended to, and reused */
};
_Static_assert(ENV_PAGE_SIZE <= UINT16_MAX, "a slot's length");

struct pipe_buffer {
    struct pipe_slot *slots;
    uint32_t mask;       /* number of slots - 1 */
    uint32_t head, tail; /* run free; slots in use are tail ... head - 1 */
    _Atomic size_t used; /* bytes; read without the lock */
};

oskit_error_t pipe_buffer_init(struct pipe_buffer *buffer, uint32_t slots); /* a power of two */
void pipe_buffer_fini(struct pipe_buffer *buffer);
void pipe_buffer_clear(struct pipe_buffer *buffer); /* drops bytes and pages */

static inline size_t pipe_buffer_used(const struct pipe_buffer *buffer)
{
    return atomic_load_explicit(&buffer->used, memory_order_relaxed);
}

static inline void pipe_buffer_set_used(struct pipe_buffer *buffer, size_t used)
{
    atomic_store_explicit(&buffer->used, used, memory_order_relaxed);
}

/* No slot is free. What still fits is then the rest of the last page. */
static inline bool pipe_buffer_full(const struct pipe_buffer *buffer)
{
    return buffer->head - buffer->tail > buffer->mask && pipe_buffer_used(buffer) != 0;
}

static inline struct pipe_slot *pipe_buffer_slot(const struct pipe_buffer *buffer,
                                                 uint32_t position)
{
    return &buffer->slots[position & buffer->mask];
}

/* Bytes that can be appended to the last slot. */
static inline size_t pipe_buffer_room(const struct pipe_buffer *buffer)
{
    const struct pipe_slot *last = pipe_buffer_slot(buffer, buffer->head - 1);

    if (buffer->head == buffer->tail || !last->own)
        return 0;
    return ENV_PAGE_SIZE - last->offset - last->length;
}

oskit_error_t pipe_buffer_write_long(struct pipe_buffer *buffer, struct sluice_uio *uio,
                                     size_t *moved);

/*
 * Appends bytes of UIO till it is empty or no more fit. At most PIPE_BUF_SIZE bytes go in whole or
 * not at all. Fails only when *moved is 0: OSKIT_EWOULDBLOCK when there is no room (then no slot is
 * free), OSKIT_ENOMEM, OSKIT_EFAULT.
 */
static inline oskit_error_t pipe_buffer_write(struct pipe_buffer *buffer, struct sluice_uio *uio,
                                              size_t *moved)
{
    size_t size = uio->left;

    if (size > pipe_buffer_room(buffer))
        return pipe_buffer_write_long(buffer, uio, moved);
    /* The common case, what is left of the last page: all or, after a fault, nothing. */
    struct pipe_slot *slot = pipe_buffer_slot(buffer, buffer->head - 1);
    oskit_error_t err =
        uio_read_from(uio, (char *)slot->page + slot->offset + slot->length, size, moved);
    if (OSKIT_FAILED(err)) {
        *moved = 0;
        return err;
    }
    slot->length = (uint16_t)(slot->length + size);
    pipe_buffer_set_used(buffer, pipe_buffer_used(buffer) + size);
    return err;
}

/* LENGTH bytes at the front of the first slot have been read. */
static inline void pipe_buffer_consume(struct pipe_buffer *buffer, size_t length)
{
    struct pipe_slot *slot = pipe_buffer_slot(buffer, buffer->tail);
    size_t used = pipe_buffer_used(buffer) - length;

    pipe_buffer_set_used(buffer, used);
    slot->offset += (uint32_t)length;
    slot->length = (uint16_t)(slot->length - length);
    if (slot->length != 0)
        return;
    if (used == 0 && slot->own) {
        slot->offset = 0;
        return;
    }
    buffer->tail++;
    env_page_unref(slot->page);
}

oskit_error_t pipe_buffer_read_long(struct pipe_buffer *buffer, struct sluice_uio *uio, bool peek,
                                    size_t *moved);

/* There are bytes. Moves them into UIO till it is full or none are left; PEEK leaves them.
 * OSKIT_EFAULT only when *moved is 0. */
static inline oskit_error_t pipe_buffer_read(struct pipe_buffer *buffer, struct sluice_uio *uio,
                                             bool peek, size_t *moved)
{
    const struct pipe_slot *slot = pipe_buffer_slot(buffer, buffer->tail);

    if (peek || (uio->left > slot->length && slot->length != pipe_buffer_used(buffer)))
        return pipe_buffer_read_long(buffer, uio, peek, moved);
    /* The common case: one slot has all that is asked for, or all there is. */
    oskit_error_t err = uio_write_to(uio, (char *)slot->page + slot->offset, slot->length, moved);
    pipe_buffer_consume(buffer, *moved);
    return *moved != 0 ? OSKIT_SUCCESS : err;
}

/* See sluice_pipe's give and take. The pipe is not full. */
void pipe_buffer_give(struct pipe_buffer *buffer, void *page, uint32_t offset, uint32_t length);
struct pipe_slot pipe_buffer_take(struct pipe_buffer *buffer, size_t skip, size_t max, bool peek);

/* Puts a piece in front, in a larger array when no slot is free. OSKIT_ENOMEM. */
oskit_error_t pipe_buffer_putback(struct pipe_buffer *buffer, void *page, uint32_t offset,
                                  uint32_t length);

/* OSKIT_EBUSY when more slots are in use, OSKIT_ENOMEM. */
oskit_error_t pipe_buffer_resize(struct pipe_buffer *buffer, uint32_t slots);

#endif
