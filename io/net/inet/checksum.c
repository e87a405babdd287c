/* The internet's checksum (RFC 1071), eight bytes at a time. The copies are single loads, which a
 * freestanding compiler makes of its builtin only. */
#include <stdint.h>
#include "io/net/inet/checksum.h"

/* The compiler's own copy: one instruction, where memcpy would be a call. */
static uint64_t load(const uint8_t *from)
{
    uint64_t value;
    __builtin_memcpy(&value, from, sizeof value);
    return value;
}

/* The last one to seven bytes, as if zeros followed. */
static uint64_t load_tail(const uint8_t *from, uint32_t size)
{
    uint64_t value = 0;
    for (uint32_t i = 0; i < size; i++)
        value |= (uint64_t)from[i] << 8 * i;
    return value;
}

/* What doesn't fit into 64 bits is counted apart: an addition with carry depends on the flags,
 * which emulators compute dearly. */
static void add(uint64_t *sum, uint64_t *carries, uint64_t value)
{
    *sum += value;
    *carries += *sum < value;
}

static uint16_t fold(uint64_t sum)
{
    sum = (sum >> 32) + (sum & UINT32_MAX);
    sum = (sum >> 16) + (sum & UINT16_MAX);
    sum = (sum >> 16) + (sum & UINT16_MAX);
    return (uint16_t)((sum >> 16) + (sum & UINT16_MAX));
}

uint16_t inet_sum(const void *data, int size)
{
    const uint8_t *at = data;
    uint64_t sum = 0, carries = 0;
    uint32_t left = (uint32_t)size;
    for (; left >= 32; at += 32, left -= 32) {
        add(&sum, &carries, load(at));
        add(&sum, &carries, load(at + 8));
        add(&sum, &carries, load(at + 16));
        add(&sum, &carries, load(at + 24));
    }
    for (; left >= 8; at += 8, left -= 8)
        add(&sum, &carries, load(at));
    if (left)
        add(&sum, &carries, load_tail(at, left));
    return fold((sum >> 32) + (sum & UINT32_MAX) + carries);
}
