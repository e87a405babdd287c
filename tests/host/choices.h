/*
 * Where a walk's decisions come from: a seed, which never runs dry, or the bytes of a fuzzer's
 * input, of which a decision takes one (four where it has more than 256 ways); when they are used
 * up every decision is 0.
 */
#ifndef TESTS_HOST_CHOICES_H
#define TESTS_HOST_CHOICES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct choices {
    const uint8_t *at; /* NULL: the seed decides */
    size_t left;
    uint64_t seed;
};

static inline struct choices choices_from_seed(uint64_t seed)
{
    return (struct choices){NULL, 0, seed};
}

static inline struct choices choices_from_bytes(const uint8_t *bytes, size_t size)
{
    return (struct choices){bytes, size, 0};
}

static inline bool choices_over(const struct choices *choices)
{
    return choices->at != NULL && choices->left == 0;
}

/* One of 0 to BOUND - 1. */
static inline uint32_t choices_next(struct choices *choices, uint32_t bound)
{
    if (choices->at == NULL) {
        choices->seed = choices->seed * 6364136223846793005ull + 1442695040888963407ull;
        return (uint32_t)(((choices->seed >> 33) * bound) >> 31);
    }
    uint32_t value = 0;
    for (unsigned i = 0; i < (bound > 256 ? 4 : 1) && choices->left > 0; i++, choices->left--)
        value |= (uint32_t)*choices->at++ << 8 * i;
    return value % bound;
}

#endif
