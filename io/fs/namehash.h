/* The hash of a name, shared by directories and the namespace. */
#ifndef IO_FS_NAMEHASH_H
#define IO_FS_NAMEHASH_H

#include <stddef.h>
#include <stdint.h>

#define NAME_MAX_LENGTH 255u
#define PATH_MAX_LENGTH 4095u /* without the NUL */

static inline uint32_t namehash_step(uint32_t hash, char c)
{
    return (hash ^ (unsigned char)c) * 0x01000193u;
}

/* Spreads the bits: the low ones choose the bucket. */
static inline uint32_t namehash_end(uint32_t hash)
{
    hash ^= hash >> 15;
    hash *= 0x2c1b3c6du;
    return hash ^ (hash >> 13);
}

#define NAMEHASH_START 0x811c9dc5u

static inline uint32_t namehash(const char *text, size_t length)
{
    uint32_t hash = NAMEHASH_START;

    for (size_t i = 0; i < length; i++)
        hash = namehash_step(hash, text[i]);
    return namehash_end(hash);
}

#endif
