/*
 * The way back from an object to the address spaces that show its pages. A pager (vecio.h) gives
 * pages away in getpage; here it takes them back, or learns of the next store to them:
 *
 *     mappings_unmap   after the file became shorter or got a hole: whoever touches the page next
 *                      asks getpage again, which gives another page or none (SIGBUS)
 *     mappings_clean   before a dirty page is written out: the next store asks getpage again, with
 *                      PAGER_WRITE, and the pager learns that the page is dirty anew
 *
 * A pager that does so embeds a `struct mappings` and answers its method `mappings` with it; one
 * whose pages never change hands has mappings_none for that method. The host (whoever maps: the
 * kernel's memory management) embeds a `struct mapping` in each stretch of an address space that
 * shows the object, and adds it before the first getpage for it.
 *
 * How a pager uses it so that no stale page survives. First change what getpage answers, then call:
 *
 *     truncation, hole   set the size, detach the pages; mappings_unmap(first, end, ...)
 *     write-back         mark the page clean;            mappings_clean(index, index + 1);
 *                        then read its bytes for the disk
 *
 * A fault that asked before the change has put its page in before the call looks at that space; one
 * that asks later gets the new answer. For the same reason a store through a mapping is either in
 * the bytes that the write-back reads, or has marked the page dirty after it was marked clean.
 *
 * Pages that a reader or writer holds by reference (env_page_ref) are not concerned; they live
 * until the last reference goes.
 *
 * Locks. A visit holds mappings.mutex and takes the address spaces' locks, the host's, one after
 * the other, waiting for other processors with each; mappings.lock is innermost. So who calls
 * mappings_unmap or mappings_clean holds no lock that getpage takes, nor one of an address space; a
 * lock held while programs' memory is copied (a file's mutex) is fine. [thread]
 */
#ifndef SLUICE_MAPPINGS_H
#define SLUICE_MAPPINGS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <oskit/types.h>
#include <sluice/env.h>
#include <sluice/list.h>

struct sluice_pager;

/* ---- The pager's side ---- */

struct mappings {
    struct env_mutex mutex; /* one visit at a time */
    struct env_spinlock lock;
    oskit_u64_t visits;          /* begun so far; lock */
    struct list list;            /* by `since`; lock */
    _Atomic oskit_s32_t writers; /* below zero: executed that many times */
};

void mappings_init(struct mappings *mappings);

/* No mapping shows pages FIRST to END - 1 when it returns. COPIES: private copies that programs
 * made of them go, too, as after a truncation; a hole leaves them. */
void mappings_unmap(struct mappings *mappings, oskit_u64_t first, oskit_u64_t end, bool copies);
/* No mapping can store to pages FIRST to END - 1 without asking getpage when it returns. How many
 * times one could before: 0 says that nobody has stored to them that way since they were last
 * cleaned. */
oskit_u64_t mappings_clean(struct mappings *mappings, oskit_u64_t first, oskit_u64_t end);

/*
 * A file that is open for writing can't be executed, nor the other way round: who does either says
 * so, with the same list. `begin` is false when the other is going on (OSKIT_ETXTBSY); each that
 * was true is undone by its `end`. NULL, a pager without mappings, allows everything. [any]
 */
bool mappings_write_begin(struct mappings *mappings);
void mappings_write_end(struct mappings *mappings);
bool mappings_execute_begin(struct mappings *mappings);
void mappings_execute_end(struct mappings *mappings);

/* The method `mappings` of a pager that never takes pages back: NULL. */
struct mappings *mappings_none(struct sluice_pager *self);

/* ---- The host's side ---- */

struct mapping_visit;

struct mapping_ops {
    /* Keeps the memory of OWNER, not necessarily its contents, until `drop`. Called with
     * mappings.lock held, while a mapping of OWNER's is on the list. [any] */
    void (*hold)(void *owner);
    /* Locks OWNER; does what VISIT says to each mapping that mapping_next gives, and calls
     * mapping_done for it; unlocks. [thread] */
    void (*visit)(void *owner, struct mapping_visit *visit);
    void (*drop)(void *owner); /* [thread] */
};

struct mapping {
    const struct mapping_ops *ops; /* the host sets these two before mapping_add; immutable */
    void *owner;                   /* the address space */
    /* mappings.c's own. */
    struct mappings *mappings; /* NULL: on no list */
    struct list link;          /* mappings.lock */
    oskit_u64_t since;         /* no earlier visit concerns it; mappings.lock */
};

/* Each of these with the owner locked, so that none of them happens during its visit. */

void mapping_add(struct mappings *mappings, struct mapping *mapping);
/* Nothing that MAPPING showed can be reached any more. May be called for one that is on no list. */
void mapping_remove(struct mapping *mapping);
/* PART, on no list yet, is going to show some of what MAPPING shows, there or in another address
 * space of the same host, OWNER. */
void mapping_split(struct mapping *mapping, struct mapping *part, void *owner);
/* MAPPING takes over all of GONE, which is removed. */
void mapping_join(struct mapping *mapping, struct mapping *gone);

enum mapping_action { MAPPING_UNMAP, MAPPING_UNMAP_COPIES, MAPPING_CLEAN };

struct mapping_visit {
    enum mapping_action action;
    oskit_u64_t first, end; /* pages of the object, END exclusive */
    oskit_u64_t cleaned;    /* what mappings_clean returns: for `visit` to count up */
    /* mappings.c's own. */
    struct mappings *mappings;
    oskit_u64_t number;
};

/* The next mapping to do it to, or NULL when that isn't one of OWNER's, or there is none. */
struct mapping *mapping_next(struct mapping_visit *visit, const void *owner);
void mapping_done(struct mapping_visit *visit, struct mapping *mapping);

#endif
