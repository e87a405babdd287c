/* Words at any address, for comparing headers of frames: without the call that memcmp is. */
#ifndef IO_NET_INET_WORDS_H
#define IO_NET_INET_WORDS_H

#include <stdint.h>

static inline uint64_t load64(const void *from)
{
    uint64_t value;
    __builtin_memcpy(&value, from, sizeof value);
    return value;
}

static inline uint32_t load32(const void *from)
{
    uint32_t value;
    __builtin_memcpy(&value, from, sizeof value);
    return value;
}

#endif
