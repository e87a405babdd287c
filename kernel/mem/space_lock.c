/*
 * mlock and its family: which regions are locked, and that what is locked is in memory. Nothing is
 * ever written out to make room, but a file's pages may be taken back and read again; those that
 * are copies, and all that is anonymous, stay. So a lock is a promise that is kept by faulting in,
 * and a number that RLIMIT_MEMLOCK bounds. Locks: space.h.
 */
#include "kernel/abi/errno.h"
#include "kernel/abi/mman.h"
#include "kernel/mem/space_private.h"

/* Bytes of [START, END) that are locked. Mutex held. */
static uint64_t locked_bytes(struct space *space, uint64_t start, uint64_t end)
{
    uint64_t bytes = 0;
    struct region_set *set = &space->regions;
    for (struct region *region = regions_from(set, start); region != NULL && region->start < end;
         region = regions_after(set, region)) {
        uint64_t from = region->start > start ? region->start : start;
        uint64_t to = region->end < end ? region->end : end;
        if (region->flags & REGION_LOCKED)
            bytes += to - from;
    }
    return bytes;
}

uint64_t space_locked(struct space *space)
{
    return locked_bytes(space, 0, USER_END);
}

bool space_has_locked(struct space *space, uint64_t start, uint64_t end)
{
    return locked_bytes(space, start, end) != 0;
}

bool space_may_lock(struct space *space, uint64_t size)
{
    uint64_t limit = process_lock_limit();
    if (limit == SPACE_UNLIMITED)
        return true;
    uint64_t locked = space_locked(space);
    limit = page_floor(limit);
    return size <= limit && locked <= limit - size;
}

/* ---- Faulting in ---- */

/* How the pages from AT on, up to *END, come to be what the program will see; 0: there are none.
 * Private memory that may be written gets its own pages at once. */
static int lock_access(struct space *space, uint64_t at, uint64_t *end)
{
    int access = 0;
    mutex_lock(&space->mutex);
    const struct region *region = regions_find(&space->regions, at);
    if (region != NULL) {
        bool own = (region->prot & ABI_PROT_WRITE) && !(region->flags & REGION_SHARED);
        access = own ? ABI_PROT_WRITE : ABI_PROT_READ;
        if (region->end < *end)
            *end = region->end;
    }
    mutex_unlock(&space->mutex);
    return access;
}

/* As far as possible; false when something can't be had. */
static bool lock_populate(struct space *space, uint64_t start, uint64_t end)
{
    for (uint64_t at = start, stop; at < end; at = stop) {
        stop = end;
        int access = lock_access(space, at, &stop);
        if (access == 0)
            return false;
        for (; at < stop; at += PAGE_SIZE)
            if (process_is_ending() || space_fault_in(space, at, access) != FAULT_DONE)
                return false;
    }
    return true;
}

/* ---- Ranges ---- */

/* What comes before a gap changes even so, as on Linux. Mutex held. */
static int lock_range(struct space *space, uint64_t start, uint64_t end, bool lock)
{
    struct region_set *set = &space->regions;
    if (space_cut(space, start, end) < 0)
        return -ABI_ENOMEM;
    uint64_t at = start;
    struct region *region = regions_find(set, start);
    while (region != NULL && region->start == at && at < end) {
        region->flags = lock ? region->flags | REGION_LOCKED : region->flags & ~REGION_LOCKED;
        region = region_join(set, region);
        at = region->end;
        region = regions_after(set, region);
    }
    if (region != NULL)
        region_join(set, region);
    return at < end ? -ABI_ENOMEM : 0;
}

/* What is locked already isn't counted twice. */
static bool lock_allowed(struct space *space, uint64_t start, uint64_t end)
{
    uint64_t limit = process_lock_limit();
    if (limit == SPACE_UNLIMITED)
        return true;
    uint64_t others = space_locked(space) - locked_bytes(space, start, end);
    limit = page_floor(limit);
    return others <= limit && end - start <= limit - others;
}

int space_lock(struct space *space, uint64_t address, size_t size, bool populate)
{
    uint64_t start = page_floor(address), whole = page_ceil(size + (address & PAGE_MASK)), end;
    if (process_lock_limit() == 0)
        return -ABI_EPERM;
    if (__builtin_add_overflow(start, whole, &end))
        return -ABI_EINVAL;
    if (start == end)
        return 0;
    mutex_lock(&space->mutex);
    int result =
        lock_allowed(space, start, end) ? lock_range(space, start, end, true) : -ABI_ENOMEM;
    mutex_unlock(&space->mutex);
    if (result == 0 && populate && !lock_populate(space, start, end))
        result = -ABI_ENOMEM;
    return result;
}

int space_unlock(struct space *space, uint64_t address, size_t size)
{
    uint64_t start = page_floor(address), whole = page_ceil(size + (address & PAGE_MASK)), end;
    if (__builtin_add_overflow(start, whole, &end))
        return -ABI_EINVAL;
    if (start == end)
        return 0;
    mutex_lock(&space->mutex);
    int result = lock_range(space, start, end, false);
    mutex_unlock(&space->mutex);
    return result;
}

/* ---- Everything ---- */

/* Mutex held. */
static void lock_each(struct space *space, bool lock)
{
    struct region_set *set = &space->regions;
    struct region *region = regions_from(set, 0);
    while (region != NULL) {
        region->flags = lock ? region->flags | REGION_LOCKED : region->flags & ~REGION_LOCKED;
        region = regions_after(set, region_join(set, region));
    }
}

static void lock_populate_each(struct space *space)
{
    uint64_t at = 0;
    for (;;) {
        mutex_lock(&space->mutex);
        const struct region *region = regions_from(&space->regions, at);
        uint64_t start = region != NULL ? region->start : 0;
        at = region != NULL ? region->end : 0;
        mutex_unlock(&space->mutex);
        if (at == 0 || process_is_ending())
            return;
        lock_populate(space, start, at);
    }
}

int space_lock_all(struct space *space, int flags)
{
    uint64_t limit = process_lock_limit();
    int result = 0;
    if (limit == 0)
        return -ABI_EPERM;
    mutex_lock(&space->mutex);
    if ((flags & ABI_MCL_CURRENT) && limit != SPACE_UNLIMITED &&
        space->regions.bytes > page_floor(limit))
        result = -ABI_ENOMEM;
    if (result == 0) {
        space->lock_future = flags & ABI_MCL_FUTURE;
        space->lock_on_fault = flags & ABI_MCL_ONFAULT;
    }
    if (result == 0 && (flags & ABI_MCL_CURRENT))
        lock_each(space, true);
    mutex_unlock(&space->mutex);
    if (result == 0 && (flags & ABI_MCL_CURRENT) && !(flags & ABI_MCL_ONFAULT))
        lock_populate_each(space);
    return result;
}

void space_unlock_all(struct space *space)
{
    mutex_lock(&space->mutex);
    space->lock_future = false;
    lock_each(space, false);
    mutex_unlock(&space->mutex);
}
