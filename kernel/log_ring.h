/*
 * A ring of text lines. Positions count bytes since the beginning and never wrap, so a reader that
 * was overtaken knows. It always holds whole lines: a line that comes in pushes the oldest out. No
 * locks, no hardware.
 */
#ifndef KERNEL_LOG_RING_H
#define KERNEL_LOG_RING_H

#include <stddef.h>
#include <stdint.h>

struct log_ring {
    char *text;
    size_t size;
    uint64_t start, end; /* of what it holds */
};

/* Adds the line PREFIX TEXT newline; neither may hold a newline. What doesn't fit into the whole
 * ring is cut off. */
void log_ring_write(struct log_ring *ring, const char *prefix, size_t prefix_length,
                    const char *text, size_t length);
/* Copies whole lines from *POSITION on, at most SIZE bytes, and advances *POSITION; a position that
 * was pushed out means the oldest line. A first line longer than SIZE: 0. */
size_t log_ring_read(const struct log_ring *ring, uint64_t *position, char *buffer, size_t size);

#endif
