/*
 * Regions: the pieces of an address space, each a range of addresses with one kind of contents, and
 * the set of them: a balanced tree by address whose nodes also know the room in front of them, so
 * that both "what is here" and "where is room for this much" take logarithmic time.
 *
 * No locks: the owner's (space->mutex).
 */
#ifndef KERNEL_MEM_REGION_H
#define KERNEL_MEM_REGION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sluice/list.h>
#include <sluice/mappings.h>
#include <sluice/namespace.h>
#include <sluice/sealing.h>
#include <sluice/vecio.h>

#define REGION_SHARED     1u  /* writes go to the pager's pages */
#define REGION_GROWSDOWN  2u  /* a stack: extended by faults below it */
#define REGION_HEAP       4u  /* made by brk */
#define REGION_STACK      8u  /* the process's first stack */
#define REGION_DONTFORK   16u /* madvise's */
#define REGION_WIPEONFORK 32u
#define REGION_ANONYMOUS  64u  /* shared memory without a file: its pager is our own */
#define REGION_LOCKED     256u /* mlock's */
/* Private copies of pages exist, or may: fork has to look. Alone in not keeping regions apart. */
#define REGION_COPIES 128u

/* Below a GROWSDOWN region this much stays free of other regions that we place. */
#define REGION_GUARD (256ul * 4096)

struct region {
    uint64_t start, end; /* page-aligned; changed by regions_resize only */

    uint32_t flags;
    int prot, max_prot;        /* ABI_PROT_ */
    sluice_pager_t *pager;     /* referenced; NULL: private anonymous memory */
    sluice_sealing_t *sealing; /* referenced, and counted there as a mapping; or NULL */
    uint64_t offset;           /* of START in the pager, bytes */
    struct location location;  /* referenced; for people to read */
    struct mapping mapping;    /* on its pager's list while in a space (space_mappings.c) */

    /* The set's. */
    struct region *parent, *left, *right;
    struct list link; /* by address */
    uint32_t priority;
    uint64_t room; /* free addresses between the region in front and this one, guard deducted */
    uint64_t best_room; /* the most in this subtree */
};

struct region_set {
    struct region *root;
    struct list order;
    struct region *recent; /* what was found last */
    size_t count;
    uint64_t bytes; /* in all regions */
    uint32_t seed;
};

/* SEED is a secret: who knows the priorities to come can make the tree a long list. */
void regions_init(struct region_set *set, uint32_t seed);

/* A region that stands in no set, all else zero; NULL: no memory. */
struct region *region_create(uint64_t start, uint64_t end);
/* Makes COPY, from ADDRESS of FROM on, show what FROM shows. */
void region_copy_source(struct region *copy, const struct region *from, uint64_t address);
/* Drops its references and frees it; it must be neither in a set nor on a pager's list. [thread:
 * may end a pager] */
void region_destroy(struct region *region);

/* It must not overlap one of the set. */
void regions_insert(struct region_set *set, struct region *region);
void regions_remove(struct region_set *set, struct region *region);
/* Moves its ends within the room around it. */
void regions_resize(struct region_set *set, struct region *region, uint64_t start, uint64_t end);

/* The region that holds ADDRESS, or NULL. */
struct region *regions_find(struct region_set *set, uint64_t address);
/* The first one that ends after ADDRESS, or NULL. */
struct region *regions_from(struct region_set *set, uint64_t address);
/* Neighbours in address order, or NULL. */
struct region *regions_after(struct region_set *set, const struct region *region);
struct region *regions_before(struct region_set *set, const struct region *region);

/* The highest address within [LOW, HIGH) where SIZE bytes are free, or 0. */
uint64_t regions_room(struct region_set *set, uint64_t size, uint64_t low, uint64_t high);
/* true when [START, END) overlaps no region. */
bool regions_free(struct region_set *set, uint64_t start, uint64_t end);

/* Cuts REGION at AT, within it: REGION keeps the front, the rest is a region of its own. NULL: no
 * memory, nothing changed. */
struct region *region_split(struct region_set *set, struct region *region, uint64_t at);
/* Makes REGION one with neighbours that continue it in all respects; the result. */
struct region *region_join(struct region_set *set, struct region *region);

#endif
