/* A space from the inside: for the files of kernel/mem that are its parts. */
#ifndef KERNEL_MEM_SPACE_PRIVATE_H
#define KERNEL_MEM_SPACE_PRIVATE_H

#include "kernel/mem/region.h"
#include "kernel/mem/space.h"
#include "kernel/mem/user_tables.h"
#include "kernel/task/mutex.h"

#define SPACE_LOWEST      0x10000ul /* below, nothing is mapped: NULL pointers stay bad */
#define SPACE_REGIONS_MAX 65530u    /* as Linux's vm.max_map_count */
#define SPACE_UNLIMITED   UINT64_MAX

struct space {
    struct user_tables tables;   /* first: cpu->space points here */
    _Atomic uint32_t references; /* to what it contains */
    _Atomic uint32_t holders;    /* of this structure: visitors, and one for all references */
    mutex_t mutex;               /* guards what follows, and the tables */
    struct region_set regions;
    uint64_t break_base, break_now; /* 0: no image yet */
    uint64_t limit_total, limit_data, limit_stack;
    uint64_t scatter;
    bool lock_future, lock_on_fault; /* mlockall: regions to come are locked, but not faulted in */
    uint64_t minor_faults, major_faults;
    struct space_image image;
    _Atomic uint32_t barriers; /* no lock */
};

/* ---- fault.c ---- */

enum fault_outcome {
    FAULT_DONE,
    FAULT_UNMAPPED,  /* SIGSEGV, SEGV_MAPERR */
    FAULT_FORBIDDEN, /* SIGSEGV, SEGV_ACCERR */
    FAULT_NO_SOURCE, /* SIGBUS: past the end of a file, or it can't be read */
    FAULT_NO_MEMORY,
};
/* Makes ADDRESS accessible as ACCESS (one ABI_PROT_ bit) asks. Mutex held. */
enum fault_outcome space_fault(struct space *space, uint64_t address, int access);
/* The same with the mutex taken and dropped, and trying again when memory was found. */
enum fault_outcome space_fault_in(struct space *space, uint64_t address, int access);

/* ---- space_map.c ---- */

/* Page-aligned, not empty, within the user's half. */
bool space_range_good(uint64_t address, uint64_t size);
/* Cuts regions so that START and END are borders. 0 or -ABI_ENOMEM. Mutex held. */
int space_cut(struct space *space, uint64_t start, uint64_t end);
/* No gap in [START, END). Mutex held. */
bool space_covered(struct space *space, uint64_t start, uint64_t end);
/* Takes [START, END) away; its regions go to REMOVED, for space_dispose once the mutex is dropped.
 * 0 or -ABI_ENOMEM, nothing changed. Mutex held. */
int space_take(struct space *space, uint64_t start, uint64_t end, struct list *removed);
void space_dispose(struct list *removed);
/* Whether the limits allow SIZE bytes more. Mutex held. */
bool space_may_grow(struct space *space, uint64_t size, int prot, uint32_t flags);
/* A place for SIZE bytes, or 0. Mutex held. */
uint64_t space_place(struct space *space, uint64_t size);
/* Faults [START, END) in as far as possible. */
void space_populate(struct space *space, uint64_t start, uint64_t end, int access);

/* ---- space_lock.c ---- */

uint64_t space_locked(struct space *space);                               /* bytes; mutex held */
bool space_has_locked(struct space *space, uint64_t start, uint64_t end); /* mutex held */
/* Whether SIZE bytes more may be locked. Mutex held. */
bool space_may_lock(struct space *space, uint64_t size);

/* ---- space_mappings.c ---- */

/* Puts REGION among the regions; FROM, of this space or the one it is forked from, is the one whose
 * pages it gets, or NULL. Mutex held. */
void space_enter(struct space *space, struct region *region, struct region *from);
/* Gives back a hold of the structure; the last frees it. */
void space_drop(struct space *space);

#endif
