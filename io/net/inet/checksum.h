/* The internet's checksum. */
#ifndef IO_NET_INET_CHECKSUM_H
#define IO_NET_INET_CHECKSUM_H

#include <stdint.h>

/* The sum of SIZE bytes, ones' complement, not inverted, as the two bytes lie in memory. Sums of
 * pieces of even size may be added up (inet_sum_add). [any] */
uint16_t inet_sum(const void *data, int size);

static inline uint16_t inet_sum_add(uint16_t a, uint16_t b)
{
    uint32_t sum = (uint32_t)a + b;
    return (uint16_t)(sum + (sum >> 16));
}

#endif
