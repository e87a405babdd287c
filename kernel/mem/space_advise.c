/* madvise, msync, mincore. Locks: space.h. */
#include "kernel/abi/errno.h"
#include "kernel/abi/mman.h"
#include "kernel/mem/pages.h"
#include "kernel/mem/space_private.h"
#include "kernel/sys/waitloop.h"

/* ---- madvise ---- */

/* What ADVICE does to one region's part [START, END). Mutex held; region borders were cut there if
 * need be. */
static int advise_region(struct space *space, struct region *region, uint64_t start, uint64_t end,
                         int advice)
{
    bool private = !(region->flags & REGION_SHARED);
    switch (advice) {
    case ABI_MADV_FREE: /* at once rather than some time */
        if (!private || region->pager != NULL)
            return -ABI_EINVAL;
        /* fallthrough */
    case ABI_MADV_DONTNEED:
        if (region->flags & REGION_LOCKED)
            return -ABI_EINVAL;
        user_tables_unmap(&space->tables, start, end);
        return 0;
    case ABI_MADV_DONTFORK:
        region->flags |= REGION_DONTFORK;
        return 0;
    case ABI_MADV_DOFORK:
        region->flags &= ~REGION_DONTFORK;
        return 0;
    case ABI_MADV_WIPEONFORK:
        if (!private || region->pager != NULL)
            return -ABI_EINVAL;
        region->flags |= REGION_WIPEONFORK;
        return 0;
    case ABI_MADV_KEEPONFORK:
        region->flags &= ~REGION_WIPEONFORK;
        return 0;
    case ABI_MADV_REMOVE:
        return private ? -ABI_EINVAL : -ABI_EOPNOTSUPP;
    default:
        return 0; /* a hint about speed */
    }
}

static bool advice_known(int advice)
{
    return (advice >= ABI_MADV_NORMAL && advice <= ABI_MADV_DONTNEED) ||
           (advice >= ABI_MADV_FREE && advice <= ABI_MADV_DOFORK) ||
           (advice >= ABI_MADV_HUGEPAGE && advice <= ABI_MADV_PAGEOUT);
}

static bool advice_marks(int advice)
{
    return advice == ABI_MADV_DONTFORK || advice == ABI_MADV_DOFORK ||
           advice == ABI_MADV_WIPEONFORK || advice == ABI_MADV_KEEPONFORK;
}

/* All regions in the range get their advice; gaps are reported at the end. */
static int advise_range(struct space *space, uint64_t start, uint64_t end, int advice)
{
    struct region_set *set = &space->regions;
    bool gaps = !space_covered(space, start, end);
    int result = advice_marks(advice) ? space_cut(space, start, end) : 0;
    struct region *region = regions_from(set, start);
    while (result == 0 && region != NULL && region->start < end) {
        uint64_t from = region->start > start ? region->start : start;
        uint64_t to = region->end < end ? region->end : end;
        result = advise_region(space, region, from, to, advice);
        if (advice_marks(advice))
            region = region_join(set, region);
        region = regions_after(set, region);
    }
    if (advice_marks(advice) && region != NULL)
        region_join(set, region);
    return result == 0 && gaps ? -ABI_ENOMEM : result;
}

int space_advise(struct space *space, uint64_t address, size_t size, int advice)
{
    uint64_t whole = page_ceil(size);
    if ((address & PAGE_MASK) || whole < size || !advice_known(advice))
        return -ABI_EINVAL;
    if (size == 0)
        return 0;
    if (!space_range_good(address, whole))
        return -ABI_ENOMEM;
    mutex_lock(&space->mutex);
    int result = advise_range(space, address, address + whole, advice);
    mutex_unlock(&space->mutex);
    return result;
}

/* ---- msync, mincore ---- */

/* From *AT on, what lies before END: the next file with a shared mapping there, with references, or
 * nothing. *AT comes to lie behind it; *GAP: something before it isn't mapped. */
static void sync_next(struct space *space, uint64_t *at, uint64_t end, bool *gap,
                      struct location *out)
{
    const struct region *region = NULL;
    mutex_lock(&space->mutex);
    while (*at < end && out->name == NULL) {
        region = regions_from(&space->regions, *at);
        if (region == NULL || region->start > *at)
            *gap = true;
        if (region == NULL || region->start >= end)
            break;
        *at = region->end;
        if ((region->flags & REGION_SHARED) && region->location.name != NULL)
            location_copy(out, &region->location);
    }
    if (out->name == NULL)
        *at = end;
    mutex_unlock(&space->mutex);
}

/* Files are written back with no lock of the space held. */
static int sync_files(struct space *space, uint64_t start, uint64_t end)
{
    bool gap = false;
    for (uint64_t at = start; at < end;) {
        struct location file = {NULL, NULL};
        sync_next(space, &at, end, &gap, &file);
        if (file.name == NULL)
            break;
        oskit_error_t error = oskit_file_datasync(location_file(&file), 1);
        location_release(&file);
        if (error && error != OSKIT_E_NOTIMPL)
            return (int)errno_from_oskit(error);
    }
    return gap ? -ABI_ENOMEM : 0;
}

/* Shared pages are the pager's own: what was written is in the object already, which has to write
 * it to its medium. What isn't mapped is passed over, and told at the end. */
int space_sync(struct space *space, uint64_t address, size_t size, int flags)
{
    uint64_t whole = page_ceil(size), end;
    if ((address & PAGE_MASK) || (flags & ~(ABI_MS_ASYNC | ABI_MS_INVALIDATE | ABI_MS_SYNC)) ||
        ((flags & ABI_MS_ASYNC) && (flags & ABI_MS_SYNC)))
        return -ABI_EINVAL;
    if (__builtin_add_overflow(address, whole, &end))
        return -ABI_ENOMEM;
    mutex_lock(&space->mutex);
    bool covered = address == end || space_covered(space, address, end);
    bool busy = flags & ABI_MS_INVALIDATE && space_has_locked(space, address, end);
    mutex_unlock(&space->mutex);
    if (busy)
        return -ABI_EBUSY;
    if (flags & ABI_MS_SYNC)
        return sync_files(space, address, end);
    return covered ? 0 : -ABI_ENOMEM;
}

/* Files are in memory as long as their pagers keep them there: known only for pages that were
 * touched, and said of these alone. */
int space_incore(struct space *space, uint64_t address, size_t size, uint8_t *out)
{
    uint64_t whole = page_ceil(size);
    if (address & PAGE_MASK)
        return -ABI_EINVAL;
    if (size == 0)
        return 0;
    if (whole < size || !space_range_good(address, whole))
        return -ABI_ENOMEM;
    mutex_lock(&space->mutex);
    bool covered = space_covered(space, address, address + whole);
    for (uint64_t at = 0; covered && at < whole; at += PAGE_SIZE) {
        const uint64_t *entry = user_entry(&space->tables, address + at, false);
        *out++ = entry != NULL && *entry != 0;
    }
    mutex_unlock(&space->mutex);
    return covered ? 0 : -ABI_ENOMEM;
}
