/*
 * Unpredictable bytes: ChaCha20 with fast key erasure, keyed from RDSEED/RDRAND where the CPU has
 * them, the time stamp counter's jitter and the clock; rekeyed with fresh material from time to
 * time. The generator of getrandom(2), /dev/random, AT_RANDOM and everything in io/.
 */
#ifndef KERNEL_RANDOM_H
#define KERNEL_RANDOM_H

#include <stddef.h>
#include <stdint.h>

void random_init(void);                      /* once, early */
void random_fill(void *buffer, size_t size); /* [any] */
void random_mix(const void *data,
                size_t size); /* adds to the next key; what programs write to /dev/random [any] */
uint64_t random_u64(void);

#endif
