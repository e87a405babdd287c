/* mremap. Locks: space.h. */
#include "kernel/abi/errno.h"
#include "kernel/abi/mman.h"
#include "kernel/mem/pages.h"
#include "kernel/mem/space_private.h"

struct remap {
    uint64_t old, old_size, new, new_size;
    int flags;
    bool locked;
    struct list removed;
};

static int remap_check(const struct remap *remap)
{
    int flags = remap->flags;
    if ((flags & ~(ABI_MREMAP_MAYMOVE | ABI_MREMAP_FIXED | ABI_MREMAP_DONTUNMAP)) ||
        (remap->old & PAGE_MASK) || remap->new_size == 0)
        return -ABI_EINVAL;
    if ((flags & (ABI_MREMAP_FIXED | ABI_MREMAP_DONTUNMAP)) && !(flags & ABI_MREMAP_MAYMOVE))
        return -ABI_EINVAL;
    if ((flags & ABI_MREMAP_DONTUNMAP) && remap->old_size != remap->new_size)
        return -ABI_EINVAL;
    if (remap->old_size != 0 && !space_range_good(remap->old, remap->old_size))
        return -ABI_EINVAL;
    if (!(flags & ABI_MREMAP_FIXED))
        return remap->new_size > USER_END ? -ABI_ENOMEM : 0;
    if (!space_range_good(remap->new, remap->new_size) || remap->new < SPACE_LOWEST)
        return -ABI_EINVAL;
    bool apart =
        remap->new + remap->new_size <= remap->old || remap->old + remap->old_size <= remap->new;
    return apart ? 0 : -ABI_EINVAL;
}

/* A region like the old range's, at the new place. */
static struct region *remap_region(const struct remap *remap, const struct region *from)
{
    struct region *region = region_create(remap->new, remap->new + remap->new_size);
    if (region == NULL)
        return NULL;
    region->flags = from->flags & ~(REGION_HEAP | REGION_STACK);
    region->prot = from->prot;
    region->max_prot = from->max_prot;
    region_copy_source(region, from, remap->old);
    return region;
}

/* Moves the pages and either takes the old range away or leaves it empty. */
static int remap_carry(struct space *space, struct remap *remap)
{
    uint64_t size = remap->old_size < remap->new_size ? remap->old_size : remap->new_size;
    if (size == 0)
        return 0;
    if (!user_tables_move(&space->tables, remap->old, remap->new, size)) {
        user_tables_move(&space->tables, remap->new, remap->old, size);
        user_tables_unmap(&space->tables, remap->new, remap->new + size);
        return -ABI_ENOMEM;
    }
    user_tables_unmap(&space->tables, remap->old, remap->old + remap->old_size);
    if (remap->flags & ABI_MREMAP_DONTUNMAP)
        return 0;
    /* The borders were cut: this needs no memory. */
    return space_take(space, remap->old, remap->old + remap->old_size, &remap->removed);
}

/* What the new size cuts off goes, whatever it is: the rest is one region's. */
static int remap_shrink(struct space *space, struct remap *remap)
{
    uint64_t start = remap->old + remap->new_size, end = remap->old + remap->old_size;
    if (start >= end)
        return 0;
    remap->old_size = remap->new_size;
    return space_take(space, start, end, &remap->removed);
}

static int remap_move(struct space *space, struct remap *remap)
{
    struct region_set *set = &space->regions;
    uint64_t old_end = remap->old + remap->old_size;
    int error = remap->old_size ? space_cut(space, remap->old, old_end) : 0;
    if (error == 0 && (remap->flags & ABI_MREMAP_FIXED))
        error = space_take(space, remap->new, remap->new + remap->new_size, &remap->removed);
    else if (error == 0 && (remap->new = space_place(space, remap->new_size)) == 0)
        error = -ABI_ENOMEM;
    if (error < 0)
        return error;
    struct region *from = regions_find(set, remap->old);
    struct region *region = remap_region(remap, from);
    if (region == NULL)
        return -ABI_ENOMEM;
    space_enter(space, region, from);
    error = remap_carry(space, remap);
    if (error < 0) {
        regions_remove(set, region);
        mapping_remove(&region->mapping);
        region_destroy(region);
        return error;
    }
    region_join(set, region);
    return 0;
}

/* Room right behind the region, when the range is its end. */
static bool remap_in_place(struct space *space, const struct remap *remap, struct region *region)
{
    uint64_t end = remap->old + remap->new_size;
    if (region->end != remap->old + remap->old_size || end > USER_END || end < remap->old ||
        regions_room(&space->regions, end - region->end, region->end, end) == 0)
        return false;
    regions_resize(&space->regions, region, region->start, end);
    region_join(&space->regions, region);
    return true;
}

/* Whether REGION, which holds the old start, can be had at another place or larger. */
static int remap_may_map(struct space *space, const struct remap *remap,
                         const struct region *region)
{
    bool doubles = remap->flags & ABI_MREMAP_DONTUNMAP;
    uint64_t keep = remap->old_size < remap->new_size ? remap->old_size : remap->new_size;
    if (keep == 0 && !(region->flags & REGION_SHARED))
        return -ABI_EINVAL;
    if (doubles && region->pager != NULL)
        return -ABI_EINVAL;
    if (keep > region->end - remap->old)
        return -ABI_EFAULT;
    if (region->pager != NULL &&
        region->offset + (remap->old - region->start) + remap->new_size < remap->new_size)
        return -ABI_EINVAL;
    uint64_t more = doubles ? remap->new_size : remap->new_size - keep;
    if (region->flags & REGION_LOCKED && more && !space_may_lock(space, more))
        return -ABI_EAGAIN;
    if (!space_may_grow(space, more, region->prot, region->flags) ||
        space->regions.count + 3 > SPACE_REGIONS_MAX)
        return -ABI_ENOMEM;
    return 0;
}

static int remap_locked(struct space *space, struct remap *remap)
{
    struct region *region = regions_find(&space->regions, remap->old);
    bool moves = remap->flags & (ABI_MREMAP_FIXED | ABI_MREMAP_DONTUNMAP);
    if (region == NULL)
        return -ABI_EFAULT;
    remap->new = moves ? remap->new : remap->old;
    remap->locked = region->flags & REGION_LOCKED;
    if (!moves && remap->new_size <= remap->old_size)
        return remap_shrink(space, remap);
    int error = remap_may_map(space, remap, region);
    if (error < 0)
        return error;
    if (!moves && remap->old_size != 0 && remap_in_place(space, remap, region))
        return 0;
    if (!(remap->flags & ABI_MREMAP_MAYMOVE))
        return -ABI_ENOMEM;
    error = remap_shrink(space, remap);
    return error < 0 ? error : remap_move(space, remap);
}

int space_remap(struct space *space, uint64_t old, size_t old_size, size_t new_size, int flags,
                uint64_t new_address, uint64_t *out_address)
{
    struct remap remap = {.old = old,
                          .old_size = page_ceil(old_size),
                          .new = new_address,
                          .new_size = page_ceil(new_size),
                          .flags = flags};
    if (remap.old_size < old_size || remap.new_size < new_size)
        return -ABI_EINVAL;
    int result = remap_check(&remap);
    if (result < 0)
        return result;
    list_init(&remap.removed);
    mutex_lock(&space->mutex);
    result = remap_locked(space, &remap);
    mutex_unlock(&space->mutex);
    space_dispose(&remap.removed);
    if (result == 0)
        *out_address = remap.new;
    if (result == 0 && remap.locked && remap.new_size > remap.old_size)
        space_populate(space, remap.new + remap.old_size, remap.new + remap.new_size,
                       ABI_PROT_READ);
    return result;
}
