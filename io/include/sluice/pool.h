/*
 * A wired pool: pieces of one size that a device can reach, taken and given back in any context.
 * Packets and other memory that devices write without being asked come from one.
 */
#ifndef SLUICE_POOL_H
#define SLUICE_POOL_H

#include <stdbool.h>
#include <oskit/error.h>
#include <oskit/types.h>
#include <sluice/env.h>

struct pool_piece;

struct pool {
    struct env_spinlock lock;
    /* Under the lock: */
    struct pool_piece *free;
    struct pool_block *blocks;
    oskit_u32_t free_count, count; /* pieces: free, and in all */
    bool closed;
    /* Immutable: */
    oskit_u32_t size, per_block, limit;
    unsigned block_order;
};

/*
 * Pieces of SIZE bytes (1 to 1 MiB), each at a multiple of 64 and in one run of addresses for a
 * device; LIMIT at most, of which RESERVE are made now. OSKIT_E_INVALIDARG, OSKIT_E_OUTOFMEMORY.
 * [thread]
 */
oskit_error_t pool_init(struct pool *pool, oskit_u32_t size, oskit_u32_t reserve,
                        oskit_u32_t limit);
/* Gives all memory back; every piece must be there. [any] */
void pool_fini(struct pool *pool);

/* A piece, with what was in it; NULL when all are taken and no more can be made without sleeping.
 * [any] */
void *pool_take(struct pool *pool);
/* true: the pool is closed, and this was the last piece: who gave it ends the pool. [any] */
bool pool_give(struct pool *pool, void *piece);
/* No piece will be taken any more. true: all are there, the caller ends the pool; else who gives
 * the last one does. [any] */
bool pool_close(struct pool *pool);
/* Makes pieces till COUNT are free or the limit is reached. OSKIT_E_OUTOFMEMORY. [thread] */
oskit_error_t pool_fill(struct pool *pool, oskit_u32_t count);

#endif
