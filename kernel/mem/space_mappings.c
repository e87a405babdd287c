/*
 * What pagers ask of the address spaces that show their pages: to give pages back and to report the
 * next store. Locks: space.h; mappings.h.
 */
#include "kernel/mem/heap.h"
#include "kernel/mem/space_private.h"

static void owner_hold(void *owner)
{
    struct space *space = owner;
    atomic_fetch_add_explicit(&space->holders, 1, memory_order_relaxed);
}

void space_drop(struct space *space)
{
    if (atomic_fetch_sub_explicit(&space->holders, 1, memory_order_acq_rel) == 1)
        heap_free(space);
}

static void owner_drop(void *owner)
{
    space_drop(owner);
}

/* The addresses where REGION shows pages [FIRST, END) of its pager; false when nowhere. */
static bool region_shows(const struct region *region, uint64_t first, uint64_t end, uint64_t *start,
                         uint64_t *stop)
{
    uint64_t begin = region->offset >> PAGE_SHIFT;
    uint64_t limit = begin + ((region->end - region->start) >> PAGE_SHIFT);
    if (first < begin)
        first = begin;
    if (end > limit)
        end = limit;
    if (first >= end)
        return false;
    *start = region->start + ((first - begin) << PAGE_SHIFT);
    *stop = region->start + ((end - begin) << PAGE_SHIFT);
    return true;
}

static void region_visit(struct space *space, const struct region *region,
                         struct mapping_visit *visit)
{
    uint64_t start, stop;
    if (!region_shows(region, visit->first, visit->end, &start, &stop))
        return;
    if (visit->action == MAPPING_UNMAP_COPIES)
        user_tables_unmap(&space->tables, start, stop);
    else if (visit->action == MAPPING_UNMAP)
        user_tables_unmap_pagers(&space->tables, start, stop);
    else if (region->flags & REGION_SHARED)
        visit->cleaned += user_tables_clean(&space->tables, start, stop);
}

static void owner_visit(void *owner, struct mapping_visit *visit)
{
    struct space *space = owner;
    struct mapping *mapping;
    mutex_lock(&space->mutex);
    while ((mapping = mapping_next(visit, space)) != NULL) {
        region_visit(space, container_of(mapping, struct region, mapping), visit);
        mapping_done(visit, mapping);
    }
    mutex_unlock(&space->mutex);
}

static const struct mapping_ops space_mapping_ops = {
    .hold = owner_hold,
    .visit = owner_visit,
    .drop = owner_drop,
};

static void space_tell_pager(struct space *space, struct region *region)
{
    struct mappings *mappings = region->pager->ops->mappings(region->pager);
    if (mappings == NULL)
        return;
    region->mapping.ops = &space_mapping_ops;
    region->mapping.owner = space;
    mapping_add(mappings, &region->mapping);
}

void space_enter(struct space *space, struct region *region, struct region *from)
{
    regions_insert(&space->regions, region);
    if (from != NULL && from->mapping.mappings != NULL)
        mapping_split(&from->mapping, &region->mapping, space);
    else if (region->pager != NULL)
        space_tell_pager(space, region);
}
