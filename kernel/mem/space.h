/*
 * Address spaces: what a program's memory is. A space is a sorted set of regions (mmap, brk, stack,
 * image) over page tables; pages come on demand, forks share them copy-on-write by the pages'
 * reference counts.
 *
 * Locks: space->mutex (sleeping) guards the region set, the page tables and all else. A fault takes
 * it: so nothing may copy from or to user memory while holding that same space's mutex, nor while
 * holding a lock that a pager's getpage takes. Order: mutex -> the pager's own locks ->
 * page_alloc's, the heap's. Taking a page from a space and stopping other CPUs' use of it (tlb.h)
 * needs the mutex only.
 *
 * Functions return 0 or a negative ABI errno.
 */
#ifndef KERNEL_MEM_SPACE_H
#define KERNEL_MEM_SPACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sluice/namespace.h>
#include <sluice/sealing.h>
#include <sluice/vecio.h>
#include "kernel/mem/layout.h"

struct space;

/* The kernel's own space: for kernel threads and boot; a kernel thread borrows whatever is loaded.
 */
void space_init(void);

struct space *space_create(void); /* an empty one, with one reference; NULL: no memory */
struct space *space_fork(struct space *parent); /* copy-on-write copy */
void space_ref(struct space *space);
/* The last one tears it down, and takes the tables from CPUs that still have them loaded, this one
 * included: so no thread's `space` may name it any more. [thread] */
void space_unref(struct space *space);
/* Loads SPACE on this CPU (nothing when already loaded, or NULL for a kernel thread). Preemption
 * off; scheduler. */
void space_switch(struct space *space);

/* What membarrier's users registered for: ABI_MEMBARRIER_REGISTER_*. A fork has its parent's. */
_Atomic uint32_t *space_barriers(struct space *space);

/* What a region shows. All NULL/0 for anonymous memory. The pager reference and the location are
 * copied (referenced) by the region. */
struct space_source {
    sluice_pager_t *pager;
    const struct location *location; /* for /proc/PID/maps; may be NULL */
    uint64_t offset;                 /* page-aligned */
    /* Of a file that can be sealed, for a mapping that may come to write it, with which the caller
     * is counted; else NULL. */
    sluice_sealing_t *sealing;
};

/*
 * mmap. PROT and FLAGS are ABI_PROT_, ABI_MAP_ (PRIVATE or SHARED, FIXED, FIXED_NOREPLACE,
 * ANONYMOUS, GROWSDOWN, NORESERVE, POPULATE, STACK). ADDRESS is a hint unless FIXED. SIZE is
 * rounded up by the callee. Access rights of the file were checked by the caller; MAX_PROT bounds
 * later mprotect.
 */
int space_map(struct space *space, uint64_t address, size_t size, int prot, int max_prot, int flags,
              const struct space_source *source, uint64_t *out_address);
int space_unmap(struct space *space, uint64_t address, size_t size);
/* Takes away what one space_map of a source whose sealing IS accepts had put at ADDRESS, as far as
 * it is still there. -ABI_EINVAL: nothing is. */
int space_detach(struct space *space, uint64_t address, bool (*is)(const sluice_sealing_t *));
int space_protect(struct space *space, uint64_t address, size_t size, int prot);
int space_remap(struct space *space, uint64_t old, size_t old_size, size_t new_size, int flags,
                uint64_t new_address, uint64_t *out_address);                     /* mremap */
int space_advise(struct space *space, uint64_t address, size_t size, int advice); /* madvise */
/* mlock, munlock, mlockall (FLAGS: ABI_MCL_, checked) and munlockall. POPULATE: every page is
 * faulted in before the return. */
int space_lock(struct space *space, uint64_t address, size_t size, bool populate);
int space_unlock(struct space *space, uint64_t address, size_t size);
int space_lock_all(struct space *space, int flags);
void space_unlock_all(struct space *space);
int space_sync(struct space *space, uint64_t address, size_t size, int flags); /* msync */
int space_incore(struct space *space, uint64_t address, size_t size,
                 uint8_t *out); /* mincore; OUT is kernel memory, a byte a page */

/* Anonymous memory that is shared: a pager of SIZE bytes of zeros, with one reference; NULL: no
 * memory. (shared_memory.c) */
sluice_pager_t *shared_memory_create(uint64_t size);
/* How many pages of it there are by now. [any] */
uint64_t shared_memory_pages(sluice_pager_t *memory);

/* brk: the heap after the image. space_set_break returns the break in force afterwards (the old one
 * when it can't move), as the system call. */
void space_set_break_base(struct space *space, uint64_t base);
uint64_t space_set_break(struct space *space, uint64_t wanted);

/* Limits, in bytes (RLIM_INFINITY = UINT64_MAX). */
void space_set_limits(struct space *space, uint64_t address_space, uint64_t data, uint64_t stack);

/* How far below the stack's room mmap begins to look for places, in bytes; forks have it, too. */
void space_set_scatter(struct space *space, uint64_t scatter);

/* Reads or writes another (or the current) process's memory page by page through the tables,
 * faulting pages in: /proc/PID/cmdline, exec's arguments, core of ptrace-like needs. Returns bytes
 * moved. */
size_t space_read(struct space *space, uint64_t address, void *to, size_t size);
size_t space_write(struct space *space, uint64_t address, const void *from, size_t size);

/*
 * Pins COUNT pages from ADDRESS (page-aligned): PAGES[i] is the kernel's address of each, with a
 * reference. WRITE: for being written, so what is shared copy-on-write is copied first. 0 or
 * -ABI_EFAULT, nothing pinned. [thread]
 */
int space_pin(struct space *space, uint64_t address, size_t count, bool write, void **pages);

/* Numbers for /proc, in pages. */
struct space_usage {
    uint64_t total, resident, shared, text, data, stack, locked, tables;
    uint64_t minor_faults, major_faults;
};
void space_usage(struct space *space, struct space_usage *out);
/* Pages held, and the tables that lead to them or to zeros, read without the mutex: for choosing a
 * victim when memory ran out. [any] */
uint64_t space_weight(const struct space *space);

/* Calls SHOW for each region in address order, with no lock held; for /proc/PID/maps. */
struct space_region_info {
    uint64_t start, end, offset;
    int prot, flags;
    const struct location *location; /* or NULL */
    const char *label;               /* "[heap]", "[stack]", "" */
    sluice_sealing_t *sealing;       /* borrowed, or NULL */
};
void space_each_region(struct space *space,
                       bool (*show)(void *arg, const struct space_region_info *info), void *arg);

/* Image facts set by exec, shown in /proc/PID/{cmdline,environ,auxv,stat}. */
struct space_image {
    uint64_t code_start, code_end, data_start, data_end;
    uint64_t stack_start;
    uint64_t arg_start, arg_end, env_start, env_end;
    struct location executable; /* referenced; cleared when none */
    struct mappings *executed;  /* its mappings, where execution is noted; may be NULL */
};
struct space_image *space_image(struct space *space);

/* A key for futexes: (space, address) for private ones, (page source, offset) for shared memory. 0
 * or -ABI_EFAULT. The object part isn't referenced: the caller compares only while the waiter's
 * mapping exists. */
struct space_key {
    const void *object;
    uint64_t offset;
};
int space_futex_key(struct space *space, uint64_t address, bool private_, struct space_key *out);

/*
 * Called by kernel/mem, implemented by kernel/task: memory ran out in a page fault of the current
 * thread. Picks a process and kills it, with a line in the log. true: try again (after giving way
 * to the victim); false: the current process is the victim and its fault is not resolved. [thread,
 * no locks]
 */
bool process_out_of_memory(void);

/* Likewise: whether the current process was killed, so that nobody needs the rest of what takes
 * long. [thread] */
bool process_is_ending(void);

/* Likewise: bytes that the current process may lock; UINT64_MAX when there is no limit to it. */
uint64_t process_lock_limit(void);

#endif
