/* The pages of a pipe: see pipe_buffer.h. Called with the pipe's mutex held throughout. */
#include "pipe_buffer.h"

#include <sluice/pipe.h>

_Static_assert(PIPE_BUF_SIZE <= ENV_PAGE_SIZE, "a free slot takes an atomic write");

oskit_error_t pipe_buffer_init(struct pipe_buffer *buffer, uint32_t slots)
{
    *buffer = (struct pipe_buffer){.mask = slots - 1};
    buffer->slots = env_alloc(slots * sizeof *buffer->slots, ENV_ZERO);
    return buffer->slots != NULL ? OSKIT_SUCCESS : OSKIT_ENOMEM;
}

void pipe_buffer_fini(struct pipe_buffer *buffer)
{
    pipe_buffer_clear(buffer);
    env_free(buffer->slots, (buffer->mask + 1) * sizeof *buffer->slots);
}

void pipe_buffer_clear(struct pipe_buffer *buffer)
{
    while (buffer->tail != buffer->head)
        env_page_unref(pipe_buffer_slot(buffer, buffer->tail++)->page);
    pipe_buffer_set_used(buffer, 0);
}

/* ---- Writing ---- */

/*
 * How many of SIZE bytes go into the last page: what whole pages leave over, if that fits there, so
 * that the rest of a long write is page by page. A page that was kept empty is as good as a new
 * one. As Linux has it: programs see it by how much fits.
 */
static size_t write_first(const struct pipe_buffer *buffer, size_t size)
{
    size_t room = pipe_buffer_room(buffer), odd = size % ENV_PAGE_SIZE;

    if (room == ENV_PAGE_SIZE)
        return size < room ? size : room;
    return odd <= room ? odd : 0;
}

static bool buffer_has_slot(const struct pipe_buffer *buffer)
{
    return buffer->head - buffer->tail <= buffer->mask;
}

static struct pipe_slot *slot_add(struct pipe_buffer *buffer)
{
    void *page = env_page_alloc(0, 0);

    if (page == NULL)
        return NULL;
    struct pipe_slot *slot = pipe_buffer_slot(buffer, buffer->head++);
    *slot = (struct pipe_slot){.page = page, .own = true};
    return slot;
}

static oskit_error_t slot_append(struct pipe_slot *slot, struct sluice_uio *uio, size_t size,
                                 size_t *moved)
{
    size_t here;
    oskit_error_t err =
        uio_read_from(uio, (char *)slot->page + slot->offset + slot->length, size, &here);

    slot->length = (uint16_t)(slot->length + here);
    *moved += here;
    return err;
}

/* FIRST bytes into the last slot, then new slots as long as there are; what has moved stays when an
 * error comes. */
static oskit_error_t write_slots(struct pipe_buffer *buffer, struct sluice_uio *uio, size_t first,
                                 size_t *moved)
{
    oskit_error_t err = OSKIT_SUCCESS;

    if (first > 0)
        err = slot_append(pipe_buffer_slot(buffer, buffer->head - 1), uio, first, moved);
    while (uio->left > 0 && OSKIT_SUCCEEDED(err) && buffer_has_slot(buffer)) {
        struct pipe_slot *slot = slot_add(buffer);
        if (slot == NULL)
            return OSKIT_ENOMEM;
        err = slot_append(slot, uio, ENV_PAGE_SIZE, moved);
    }
    return err;
}

/* Goes back to where HEAD and the LENGTH of the slot before it were. */
static void write_undo(struct pipe_buffer *buffer, uint32_t head, uint16_t length)
{
    while (buffer->head != head)
        env_page_unref(pipe_buffer_slot(buffer, --buffer->head)->page);
    if (buffer->head != buffer->tail)
        pipe_buffer_slot(buffer, head - 1)->length = length;
}

/* A slot that was added and got no byte is taken away. */
static void write_trim(struct pipe_buffer *buffer)
{
    if (buffer->head == buffer->tail || pipe_buffer_slot(buffer, buffer->head - 1)->length != 0)
        return;
    env_page_unref(pipe_buffer_slot(buffer, --buffer->head)->page);
}

oskit_error_t pipe_buffer_write_long(struct pipe_buffer *buffer, struct sluice_uio *uio,
                                     size_t *moved)
{
    bool atomic = uio->left <= PIPE_BUF_SIZE;
    uint32_t head = buffer->head;
    uint16_t length = pipe_buffer_slot(buffer, head - 1)->length;

    size_t first = write_first(buffer, uio->left);

    *moved = 0;
    if (first < (atomic ? uio->left : 1) && !buffer_has_slot(buffer))
        return OSKIT_EWOULDBLOCK;
    oskit_error_t err = write_slots(buffer, uio, first, moved);
    if (OSKIT_FAILED(err) && atomic) {
        write_undo(buffer, head, length);
        *moved = 0;
    }
    write_trim(buffer);
    pipe_buffer_set_used(buffer, pipe_buffer_used(buffer) + *moved);
    return *moved != 0 ? OSKIT_SUCCESS : err;
}

void pipe_buffer_give(struct pipe_buffer *buffer, void *page, uint32_t offset, uint32_t length)
{
    size_t used = pipe_buffer_used(buffer);

    if (used == 0)
        pipe_buffer_clear(buffer); /* the page it kept */
    *pipe_buffer_slot(buffer, buffer->head++) =
        (struct pipe_slot){.page = page, .offset = offset, .length = (uint16_t)length};
    pipe_buffer_set_used(buffer, used + length);
}

/* ---- Reading ---- */

static oskit_error_t read_peek(struct pipe_buffer *buffer, struct sluice_uio *uio, size_t *moved)
{
    oskit_error_t err = OSKIT_SUCCESS;

    for (uint32_t at = buffer->tail; at != buffer->head && uio->left > 0; at++) {
        const struct pipe_slot *slot = pipe_buffer_slot(buffer, at);
        size_t here;
        err = uio_write_to(uio, (char *)slot->page + slot->offset, slot->length, &here);
        *moved += here;
        if (OSKIT_FAILED(err))
            break;
    }
    return err;
}

static oskit_error_t read_slots(struct pipe_buffer *buffer, struct sluice_uio *uio, size_t *moved)
{
    oskit_error_t err = OSKIT_SUCCESS;

    while (uio->left > 0 && pipe_buffer_used(buffer) != 0 && OSKIT_SUCCEEDED(err)) {
        const struct pipe_slot *slot = pipe_buffer_slot(buffer, buffer->tail);
        size_t here;
        err = uio_write_to(uio, (char *)slot->page + slot->offset, slot->length, &here);
        *moved += here;
        pipe_buffer_consume(buffer, here);
    }
    return err;
}

oskit_error_t pipe_buffer_read_long(struct pipe_buffer *buffer, struct sluice_uio *uio, bool peek,
                                    size_t *moved)
{
    *moved = 0;
    oskit_error_t err = peek ? read_peek(buffer, uio, moved) : read_slots(buffer, uio, moved);
    return *moved != 0 ? OSKIT_SUCCESS : err;
}

/* The slot that holds the byte after *SKIP bytes, *SKIP becoming the place in it; NULL past the
 * end. */
static struct pipe_slot *slot_find(struct pipe_buffer *buffer, size_t *skip)
{
    for (uint32_t at = buffer->tail; at != buffer->head; at++) {
        struct pipe_slot *slot = pipe_buffer_slot(buffer, at);
        if (*skip < slot->length)
            return slot;
        *skip -= slot->length;
    }
    return NULL;
}

struct pipe_slot pipe_buffer_take(struct pipe_buffer *buffer, size_t skip, size_t max, bool peek)
{
    struct pipe_slot *slot = slot_find(buffer, &skip);

    if (slot == NULL || max == 0)
        return (struct pipe_slot){0};
    size_t rest = slot->length - skip;
    struct pipe_slot piece = {.page = slot->page,
                              .offset = slot->offset + (uint32_t)skip,
                              .length = (uint16_t)(rest < max ? rest : max)};
    /* From now on others see the page. */
    env_page_ref(slot->page);
    slot->own = false;
    if (!peek)
        pipe_buffer_consume(buffer, piece.length);
    return piece;
}

oskit_error_t pipe_buffer_resize(struct pipe_buffer *buffer, uint32_t count)
{
    uint32_t in_use = buffer->head - buffer->tail;

    if (in_use > count)
        return OSKIT_EBUSY;
    struct pipe_slot *slots = env_alloc(count * sizeof *slots, ENV_ZERO);
    if (slots == NULL)
        return OSKIT_ENOMEM;
    for (uint32_t i = 0; i < in_use; i++)
        slots[i] = *pipe_buffer_slot(buffer, buffer->tail + i);
    env_free(buffer->slots, (buffer->mask + 1) * sizeof *slots);
    buffer->slots = slots;
    buffer->mask = count - 1;
    buffer->tail = 0;
    buffer->head = in_use;
    return OSKIT_SUCCESS;
}

oskit_error_t pipe_buffer_putback(struct pipe_buffer *buffer, void *page, uint32_t offset,
                                  uint32_t length)
{
    size_t used = pipe_buffer_used(buffer);
    oskit_error_t err = OSKIT_SUCCESS;

    if (used == 0)
        pipe_buffer_clear(buffer); /* the page it kept */
    if (pipe_buffer_full(buffer))
        err = pipe_buffer_resize(buffer, 2 * (buffer->mask + 1));
    if (OSKIT_FAILED(err))
        return err;
    *pipe_buffer_slot(buffer, --buffer->tail) =
        (struct pipe_slot){.page = page, .offset = offset, .length = (uint16_t)length};
    pipe_buffer_set_used(buffer, used + length);
    return OSKIT_SUCCESS;
}
