/*
 * A sparse array of pointers indexed by 64-bit numbers: pages of a file, entries of a directory.
 *
 * The radix takes no lock and allocates nothing by itself, so that it can be changed under a
 * spinlock: nodes come from a pool that the caller fills beforehand without the lock, and nodes
 * no longer needed go back to a pool that is drained afterwards.
 *
 *     struct radix_pool pool = {0};
 *     spin_lock();
 *     while ((need = radix_need(&r, index)) > pool.count) {
 *         spin_unlock();
 *         if (radix_pool_fill(&pool, need)) ...
 *         spin_lock();
 *     }
 *     radix_put(&r, index, item, &pool);
 *     spin_unlock();
 *     radix_pool_drain(&pool);
 */
#ifndef SLUICE_RADIX_H
#define SLUICE_RADIX_H

#include <stdbool.h>
#include <stddef.h>
#include <oskit/error.h>
#include <oskit/types.h>

struct radix_node;

/* All zeros is an empty array. Height 0 has no node: root is the item of index 0. */
struct radix {
    void *root;
    unsigned height;
};

struct radix_pool {
    struct radix_node *free;
    unsigned count;
};

/* At least COUNT nodes in the pool. OSKIT_ENOMEM (the pool keeps what it has). [thread] */
oskit_error_t radix_pool_fill(struct radix_pool *pool, unsigned count);
void radix_pool_drain(struct radix_pool *pool); /* [any] */

/* The item at INDEX, or NULL. [any] */
void *radix_get(const struct radix *radix, oskit_u64_t index);
/* How many nodes a put at INDEX takes from the pool at most. [any] */
unsigned radix_need(const struct radix *radix, oskit_u64_t index);
/* Stores ITEM (not NULL) and returns what was there. The pool has radix_need nodes. [any] */
void *radix_put(struct radix *radix, oskit_u64_t index, void *item, struct radix_pool *pool);
/* Takes the item at INDEX out (NULL: none); emptied nodes go to the pool. [any] */
void *radix_remove(struct radix *radix, oskit_u64_t index, struct radix_pool *pool);
/* The first item at *INDEX or above, and its index; NULL when there is none. [any] */
void *radix_next(const struct radix *radix, oskit_u64_t *index);

#endif
