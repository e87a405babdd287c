/*
 * A byte ring of 2^n pages: first in, first out, between one producer and one consumer.
 *
 * The two may run at the same time in any contexts without a lock (an interrupt handler that fills,
 * a thread that drains). Functions say whose they are; several producers, or several consumers,
 * lock among themselves. Positions run free, so all bytes of the ring can be used.
 */
#ifndef SLUICE_RING_H
#define SLUICE_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <oskit/error.h>
#include <sluice/uio.h>

struct ring {
    unsigned char *bytes;
    uint32_t size;          /* a power of two */
    _Atomic uint32_t write; /* the producer's position: bytes put in ever, modulo 2^32 */
    _Atomic uint32_t read;  /* the consumer's */
};

/* 2^ORDER pages (at most 2^31 bytes). OSKIT_ENOMEM. [thread] */
oskit_error_t ring_init(struct ring *ring, unsigned order);
void ring_fini(struct ring *ring); /* harmless for an all-zero ring */

/* Bytes in it: for the consumer at least, for the producer at most. */
static inline uint32_t ring_used(const struct ring *ring)
{
    return atomic_load_explicit(&ring->write, memory_order_acquire) -
           atomic_load_explicit(&ring->read, memory_order_acquire);
}

/* Bytes that still fit: for the producer at least, for the consumer at most. */
static inline uint32_t ring_space(const struct ring *ring)
{
    return ring->size - ring_used(ring);
}

/* Producer: puts one byte; false when full. [any] */
static inline bool ring_put(struct ring *ring, unsigned char byte)
{
    uint32_t at = atomic_load_explicit(&ring->write, memory_order_relaxed);

    if (at - atomic_load_explicit(&ring->read, memory_order_acquire) == ring->size)
        return false;
    ring->bytes[at & (ring->size - 1)] = byte;
    atomic_store_explicit(&ring->write, at + 1, memory_order_release);
    return true;
}

/* Consumer: takes one byte, -1 when empty. [any] */
static inline int ring_get(struct ring *ring)
{
    uint32_t at = atomic_load_explicit(&ring->read, memory_order_relaxed);

    if (at == atomic_load_explicit(&ring->write, memory_order_acquire))
        return -1;
    int byte = ring->bytes[at & (ring->size - 1)];
    atomic_store_explicit(&ring->read, at + 1, memory_order_release);
    return byte;
}

/* Consumer: the byte OFFSET places from the front (OFFSET < ring_used). [any] */
static inline unsigned char ring_peek(const struct ring *ring, uint32_t offset)
{
    uint32_t at = atomic_load_explicit(&ring->read, memory_order_relaxed) + offset;

    return ring->bytes[at & (ring->size - 1)];
}

/* Producer: puts as many of SIZE bytes as fit; how many. [any] */
size_t ring_write(struct ring *ring, const void *from, size_t size);
/* Consumer: takes up to SIZE bytes; how many. [any] */
size_t ring_read(struct ring *ring, void *to, size_t size);

/* The same from and to a uio: bytes go in, or leave the ring, only as far as they were copied.
 * OSKIT_EFAULT as the uio's functions, with *moved counted. [thread] */
oskit_error_t ring_write_from(struct ring *ring, struct sluice_uio *uio, size_t size,
                              size_t *moved);
oskit_error_t ring_read_to(struct ring *ring, struct sluice_uio *uio, size_t size, size_t *moved);

/* Consumer: drops SIZE bytes from the front (SIZE <= ring_used). [any] */
static inline void ring_skip(struct ring *ring, uint32_t size)
{
    atomic_store_explicit(&ring->read,
                          atomic_load_explicit(&ring->read, memory_order_relaxed) + size,
                          memory_order_release);
}

/* Takes back the SIZE bytes put in last (SIZE <= ring_used); only while nobody consumes: an editing
 * producer that holds the consumer off with a lock. [any] */
static inline void ring_unput(struct ring *ring, uint32_t size)
{
    atomic_store_explicit(&ring->write,
                          atomic_load_explicit(&ring->write, memory_order_relaxed) - size,
                          memory_order_release);
}

/*
 * Consumer: the longest piece at the front that lies in one stretch of memory; its length, 0 when
 * empty. Stays there until ring_skip. For drivers that send from the ring itself. [any]
 */
uint32_t ring_front(const struct ring *ring, const unsigned char **out);

#endif
