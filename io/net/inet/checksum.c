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
    uint32_t four;
    uint16_t two;
    if (size & 1)
        value = from[size - 1];
    if (size & 2) {
        __builtin_memcpy(&two, from + (size & 4), sizeof two);
        value = value << 16 | two;
    }
    if (size & 4) {
        __builtin_memcpy(&four, from, sizeof four);
        value = value << 32 | four;
    }
    return value;
}

/* What doesn't fit into 64 bits is counted apart: an addition with carry depends on the flags,
 * which emulators compute dearly. */
struct sum {
    uint64_t low, carries;
};

static void add(struct sum *sum, uint64_t value)
{
    sum->low += value;
    sum->carries += sum->low < value;
}

static uint16_t fold(const struct sum *whole)
{
    uint64_t sum = (whole->low >> 32) + (whole->low & UINT32_MAX) + whole->carries;
    sum = (sum >> 32) + (sum & UINT32_MAX);
    sum = (sum >> 16) + (sum & UINT16_MAX);
    return (uint16_t)((sum >> 16) + (sum & UINT16_MAX));
}

uint16_t inet_sum(const void *data, int size)
{
    const uint8_t *at = data;
    uint32_t left = (uint32_t)size;
    struct sum sum = {0, 0};
    for (; left >= 64; at += 64, left -= 64) {
        add(&sum, load(at));
        add(&sum, load(at + 8));
        add(&sum, load(at + 16));
        add(&sum, load(at + 24));
        add(&sum, load(at + 32));
        add(&sum, load(at + 40));
        add(&sum, load(at + 48));
        add(&sum, load(at + 56));
    }
    for (; left >= 8; at += 8, left -= 8)
        add(&sum, load(at));
    if (left)
        add(&sum, load_tail(at, left));
    return fold(&sum);
}
