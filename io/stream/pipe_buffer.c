/* The pages of a pipe: see pipe_buffer.h. Called with the pipe's mutex held throughout. */
#include "pipe_buffer.h"

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

static struct pipe_slot *slot_at(const struct pipe_buffer *buffer, uint32_t position)
{
    return &buffer->slots[position & buffer->mask];
}

static void used_add(struct pipe_buffer *buffer, size_t change)
{
    atomic_store_explicit(&buffer->used, pipe_buffer_used(buffer) + change, memory_order_relaxed);
}

/* One page is kept: a pipe that is read as fast as it is written allocates once. */
static void page_drop(struct pipe_buffer *buffer, const struct pipe_slot *slot)
{
    if (slot->own && buffer->spare == NULL)
        buffer->spare = slot->page;
    else
        env_page_unref(slot->page);
}

void pipe_buffer_clear(struct pipe_buffer *buffer)
{
    while (buffer->tail != buffer->head)
        page_drop(buffer, slot_at(buffer, buffer->tail++));
    if (buffer->spare != NULL)
        env_page_unref(buffer->spare);
    buffer->spare = NULL;
    atomic_store_explicit(&buffer->used, 0, memory_order_relaxed);
}

/* ---- Writing
 * ------------------------------------------------------------------------------------------- */

/* Bytes that can be appended to the last slot. */
static size_t last_room(const struct pipe_buffer *buffer)
{
    const struct pipe_slot *last = slot_at(buffer, buffer->head - 1);

    if (buffer->head == buffer->tail || !last->own)
        return 0;
    return ENV_PAGE_SIZE - last->offset - last->length;
}

bool pipe_buffer_fits(const struct pipe_buffer *buffer, size_t size)
{
    size_t room = last_room(buffer);

    if (size <= room)
        return true;
    size_t free = buffer->mask + 1 - (buffer->head - buffer->tail);
    return (size - room + ENV_PAGE_SIZE - 1) / ENV_PAGE_SIZE <= free;
}

static struct pipe_slot *slot_add(struct pipe_buffer *buffer)
{
    void *page = buffer->spare;

    if (page == NULL)
        page = env_page_alloc(0, 0);
    if (page == NULL)
        return NULL;
    buffer->spare = NULL;
    struct pipe_slot *slot = slot_at(buffer, buffer->head++);
    *slot = (struct pipe_slot){.page = page, .own = true};
    return slot;
}

/* The slot to append to; NULL when full (*err stays) or without memory. */
static struct pipe_slot *slot_to_append(struct pipe_buffer *buffer, oskit_error_t *err)
{
    if (last_room(buffer) != 0)
        return slot_at(buffer, buffer->head - 1);
    if (pipe_buffer_full(buffer))
        return NULL;
    struct pipe_slot *slot = slot_add(buffer);
    if (slot == NULL)
        *err = OSKIT_ENOMEM;
    return slot;
}

/* Goes back to where HEAD and the LENGTH of the slot before it were. */
static void write_undo(struct pipe_buffer *buffer, uint32_t head, uint16_t length)
{
    while (buffer->head != head)
        page_drop(buffer, slot_at(buffer, --buffer->head));
    if (buffer->head != buffer->tail)
        slot_at(buffer, head - 1)->length = length;
}

/* A slot that was added and got no byte is taken away. */
static void write_trim(struct pipe_buffer *buffer)
{
    if (buffer->head != buffer->tail && slot_at(buffer, buffer->head - 1)->length == 0)
        page_drop(buffer, slot_at(buffer, --buffer->head));
}

oskit_error_t pipe_buffer_write(struct pipe_buffer *buffer, struct sluice_uio *uio, bool atomic,
                                size_t *moved)
{
    uint32_t head = buffer->head;
    uint16_t length = slot_at(buffer, head - 1)->length;
    oskit_error_t err = OSKIT_SUCCESS;
    size_t total = 0;

    while (uio->left > 0 && OSKIT_SUCCEEDED(err)) {
        struct pipe_slot *slot = slot_to_append(buffer, &err);
        if (slot == NULL)
            break;
        uint32_t end = slot->offset + slot->length;
        size_t here;
        err = uio_read_from(uio, (char *)slot->page + end, ENV_PAGE_SIZE - end, &here);
        slot->length = (uint16_t)(slot->length + here);
        total += here;
    }
    if (OSKIT_FAILED(err)) {
        write_trim(buffer);
        if (atomic) {
            write_undo(buffer, head, length);
            total = 0;
        }
    }
    used_add(buffer, total);
    *moved = total;
    return total != 0 ? OSKIT_SUCCESS : err;
}

void pipe_buffer_give(struct pipe_buffer *buffer, void *page, uint32_t offset, uint32_t length)
{
    *slot_at(buffer, buffer->head++) =
        (struct pipe_slot){.page = page, .offset = offset, .length = (uint16_t)length};
    used_add(buffer, length);
}

/* ---- Reading
 * ------------------------------------------------------------------------------------------- */

/* LENGTH bytes at the front of the first slot have been read. */
static void slot_consume(struct pipe_buffer *buffer, struct pipe_slot *slot, size_t length)
{
    slot->offset += (uint32_t)length;
    slot->length = (uint16_t)(slot->length - length);
    used_add(buffer, 0 - length);
    if (slot->length == 0) {
        buffer->tail++;
        page_drop(buffer, slot);
    }
}

oskit_error_t pipe_buffer_read(struct pipe_buffer *buffer, struct sluice_uio *uio, bool peek,
                               size_t *moved)
{
    oskit_error_t err = OSKIT_SUCCESS;
    size_t total = 0;

    for (uint32_t at = buffer->tail; at != buffer->head && uio->left > 0 && OSKIT_SUCCEEDED(err);
         at++) {
        struct pipe_slot *slot = slot_at(buffer, at);
        size_t here;
        err = uio_write_to(uio, (char *)slot->page + slot->offset, slot->length, &here);
        total += here;
        if (!peek)
            slot_consume(buffer, slot, here);
    }
    *moved = total;
    return total != 0 ? OSKIT_SUCCESS : err;
}

/* The slot that holds the byte after *SKIP bytes, *SKIP becoming the place in it; NULL past the
 * end. */
static struct pipe_slot *slot_find(struct pipe_buffer *buffer, size_t *skip)
{
    for (uint32_t at = buffer->tail; at != buffer->head; at++) {
        struct pipe_slot *slot = slot_at(buffer, at);
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
        slot_consume(buffer, slot, piece.length);
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
        slots[i] = *slot_at(buffer, buffer->tail + i);
    env_free(buffer->slots, (buffer->mask + 1) * sizeof *slots);
    buffer->slots = slots;
    buffer->mask = count - 1;
    buffer->tail = 0;
    buffer->head = in_use;
    return OSKIT_SUCCESS;
}
