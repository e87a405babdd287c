#include "kernel/log_ring.h"

static char ring_at(const struct log_ring *ring, uint64_t position)
{
    return ring->text[position % ring->size];
}

static size_t ring_line_length(const struct log_ring *ring, uint64_t position)
{
    size_t length = 1;
    while (ring_at(ring, position + length - 1) != '\n')
        length++;
    return length;
}

static void ring_append(struct log_ring *ring, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        ring->text[(ring->end + i) % ring->size] = text[i];
    ring->end += length;
}

void log_ring_write(struct log_ring *ring, const char *prefix, size_t prefix_length,
                    const char *text, size_t length)
{
    size_t room = ring->size - 1;
    if (prefix_length > room)
        prefix_length = room;
    if (length > room - prefix_length)
        length = room - prefix_length;
    while (ring->end - ring->start + prefix_length + length + 1 > ring->size)
        ring->start += ring_line_length(ring, ring->start);
    ring_append(ring, prefix, prefix_length);
    ring_append(ring, text, length);
    ring_append(ring, "\n", 1);
}

size_t log_ring_read(const struct log_ring *ring, uint64_t *position, char *buffer, size_t size)
{
    size_t copied = 0;
    if (*position < ring->start)
        *position = ring->start;
    while (*position < ring->end) {
        size_t length = ring_line_length(ring, *position);
        if (length > size - copied)
            break;
        for (size_t i = 0; i < length; i++)
            buffer[copied++] = ring_at(ring, *position + i);
        *position += length;
    }
    return copied;
}
