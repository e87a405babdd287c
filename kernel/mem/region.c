/*
 * The tree is a treap: ordered by address, heap-ordered by random priorities. The list through all
 * regions gives neighbours without a walk.
 */
#include "kernel/mem/region.h"

#include "kernel/mem/heap.h"

void regions_init(struct region_set *set, uint32_t seed)
{
    *set = (struct region_set){.seed = seed ? seed : 1}; /* zero would stay zero */
    list_init(&set->order);
}

struct region *region_create(uint64_t start, uint64_t end)
{
    struct region *region = heap_alloc(sizeof(*region), HEAP_ZERO);
    if (region != NULL) {
        region->start = start;
        region->end = end;
        list_init(&region->link);
    }
    return region;
}

void region_copy_source(struct region *copy, const struct region *from, uint64_t address)
{
    if (from->pager != NULL) {
        copy->pager = from->pager;
        copy->pager->ops->addref(copy->pager);
        copy->offset = from->offset + (address - from->start);
    }
    if (from->sealing != NULL) {
        copy->sealing = from->sealing;
        copy->sealing->ops->addref(copy->sealing);
        copy->sealing->ops->map(copy->sealing, true);
    }
    if (from->location.name != NULL)
        location_copy(&copy->location, &from->location);
}

void region_destroy(struct region *region)
{
    if (region->sealing != NULL) {
        region->sealing->ops->unmap(region->sealing);
        region->sealing->ops->release(region->sealing);
    }
    if (region->pager != NULL)
        region->pager->ops->release(region->pager);
    if (region->location.name != NULL)
        location_release(&region->location);
    heap_free(region);
}

/* ---- Order ---- */

static struct region *of_link(struct region_set *set, struct list *link)
{
    return link == &set->order ? NULL : container_of(link, struct region, link);
}

struct region *regions_after(struct region_set *set, const struct region *region)
{
    return of_link(set, region->link.next);
}

struct region *regions_before(struct region_set *set, const struct region *region)
{
    return of_link(set, region->link.prev);
}

static uint64_t room_start(struct region_set *set, const struct region *region)
{
    const struct region *before = regions_before(set, region);
    return before ? before->end : 0;
}

/* ---- What a node knows of its subtree ---- */

static void summarise(struct region *region)
{
    uint64_t best = region->room;
    if (region->left != NULL && region->left->best_room > best)
        best = region->left->best_room;
    if (region->right != NULL && region->right->best_room > best)
        best = region->right->best_room;
    region->best_room = best;
}

static void summarise_up(struct region *region)
{
    for (; region != NULL; region = region->parent)
        summarise(region);
}

/* REGION's start, flags or the end of the one before changed. REGION may be NULL. */
static void room_changed(struct region_set *set, struct region *region)
{
    if (region == NULL)
        return;
    uint64_t room = region->start - room_start(set, region);
    uint64_t guard = region->flags & REGION_GROWSDOWN ? REGION_GUARD : 0;
    region->room = room > guard ? room - guard : 0;
    summarise_up(region);
}

/* ---- Tree ---- */

static struct region **slot_of(struct region_set *set, struct region *region)
{
    struct region *parent = region->parent;
    if (parent == NULL)
        return &set->root;
    return parent->left == region ? &parent->left : &parent->right;
}

/* CHILD takes its parent's place, the parent becomes its child on the other side. */
static void rotate_up(struct region_set *set, struct region *child)
{
    struct region *parent = child->parent;
    *slot_of(set, parent) = child;
    child->parent = parent->parent;
    struct region **inner, **outer;
    if (parent->left == child) {
        inner = &parent->left;
        outer = &child->right;
    } else {
        inner = &parent->right;
        outer = &child->left;
    }
    *inner = *outer;
    if (*inner != NULL)
        (*inner)->parent = parent;
    *outer = parent;
    parent->parent = child;
    summarise(parent);
    summarise(child);
}

static uint32_t random_next(struct region_set *set)
{
    set->seed ^= set->seed << 13;
    set->seed ^= set->seed >> 17;
    set->seed ^= set->seed << 5;
    return set->seed;
}

void regions_insert(struct region_set *set, struct region *region)
{
    struct region **slot = &set->root, *parent = NULL;
    struct list *before = &set->order;
    while (*slot != NULL) {
        parent = *slot;
        if (region->start < parent->start) {
            slot = &parent->left;
        } else {
            slot = &parent->right;
            before = &parent->link;
        }
    }
    *slot = region;
    region->parent = parent;
    region->left = region->right = NULL;
    region->priority = random_next(set);
    list_insert_between(&region->link, before, before->next);
    room_changed(set, region);
    room_changed(set, regions_after(set, region));
    while (region->parent != NULL && region->parent->priority < region->priority)
        rotate_up(set, region);
    set->count++;
    set->bytes += region->end - region->start;
}

void regions_remove(struct region_set *set, struct region *region)
{
    while (region->left != NULL || region->right != NULL) {
        struct region *child = region->left;
        if (child == NULL || (region->right != NULL && region->right->priority > child->priority))
            child = region->right;
        rotate_up(set, child);
    }
    struct region *after = regions_after(set, region);
    *slot_of(set, region) = NULL;
    summarise_up(region->parent);
    region->parent = NULL;
    list_remove(&region->link);
    room_changed(set, after);
    if (set->recent == region)
        set->recent = NULL;
    set->count--;
    set->bytes -= region->end - region->start;
}

void regions_resize(struct region_set *set, struct region *region, uint64_t start, uint64_t end)
{
    set->bytes += (end - start) - (region->end - region->start);
    region->start = start;
    region->end = end;
    room_changed(set, region);
    room_changed(set, regions_after(set, region));
}

/* ---- Looking ---- */

struct region *regions_from(struct region_set *set, uint64_t address)
{
    struct region *best = NULL;
    for (struct region *at = set->root; at != NULL;) {
        if (at->end > address) {
            best = at;
            if (at->start <= address)
                break;
            at = at->left;
        } else {
            at = at->right;
        }
    }
    return best;
}

struct region *regions_find(struct region_set *set, uint64_t address)
{
    struct region *region = set->recent;
    if (region != NULL && address >= region->start && address < region->end)
        return region;
    region = regions_from(set, address);
    if (region == NULL || region->start > address)
        return NULL;
    set->recent = region;
    return region;
}

bool regions_free(struct region_set *set, uint64_t start, uint64_t end)
{
    const struct region *region = regions_from(set, start);
    return region == NULL || region->start >= end;
}

struct wish {
    uint64_t size, low, high;
};

/* The highest fit in the free addresses [START, END), or 0. */
static uint64_t fit(const struct wish *wish, uint64_t start, uint64_t end)
{
    if (start < wish->low)
        start = wish->low;
    if (end > wish->high)
        end = wish->high;
    return end > start && end - start >= wish->size ? end - wish->size : 0;
}

static bool has_room(const struct region *region, const struct wish *wish)
{
    return region != NULL && region->best_room >= wish->size;
}

/* Right before left, since the highest is wanted. Subtrees without enough room are passed over; one
 * whose room lies outside the bounds is entered only along those. */
static uint64_t room_in_front(struct region_set *set, const struct wish *wish)
{
    enum { DOWN, BACK_FROM_RIGHT, DONE } step = DOWN;
    struct region *at = set->root;
    while (at != NULL) {
        if (step == DOWN && at->end < wish->high && has_room(at->right, wish)) {
            at = at->right;
            continue;
        }
        if (step != DONE) {
            uint64_t start = room_start(set, at), found = fit(wish, start, start + at->room);
            if (found != 0)
                return found;
            if (start > wish->low && has_room(at->left, wish)) {
                at = at->left;
                step = DOWN;
                continue;
            }
        }
        step = at->parent != NULL && at->parent->right == at ? BACK_FROM_RIGHT : DONE;
        at = at->parent;
    }
    return 0;
}

uint64_t regions_room(struct region_set *set, uint64_t size, uint64_t low, uint64_t high)
{
    struct wish wish = {size, low, high};
    struct region *last = of_link(set, set->order.prev);
    uint64_t found = fit(&wish, last ? last->end : 0, UINT64_MAX);
    return found != 0 ? found : room_in_front(set, &wish);
}

/* ---- Cutting and joining ---- */

struct region *region_split(struct region_set *set, struct region *region, uint64_t at)
{
    struct region *rest = region_create(at, region->end);
    if (rest == NULL)
        return NULL;
    /* Only the front of a stack grows. */
    rest->flags = region->flags & ~REGION_GROWSDOWN;
    rest->prot = region->prot;
    rest->max_prot = region->max_prot;
    region_copy_source(rest, region, at);
    regions_resize(set, region, region->start, at);
    regions_insert(set, rest);
    if (region->mapping.mappings != NULL)
        mapping_split(&region->mapping, &rest->mapping, region->mapping.owner);
    return rest;
}

/* LATER begins where EARLIER ends, and goes on with the same. */
static bool continues(const struct region *earlier, const struct region *later)
{
    if (earlier->end != later->start || earlier->prot != later->prot ||
        earlier->max_prot != later->max_prot || earlier->pager != later->pager ||
        earlier->sealing != later->sealing || later->flags & REGION_GROWSDOWN)
        return false;
    uint32_t differences = earlier->flags ^ later->flags;
    if (differences & ~(REGION_COPIES | REGION_GROWSDOWN))
        return false;
    return earlier->pager == NULL ||
           earlier->offset + (earlier->end - earlier->start) == later->offset;
}

static struct region *join_pair(struct region_set *set, struct region *earlier,
                                struct region *later)
{
    uint64_t end = later->end;
    earlier->flags |= later->flags & REGION_COPIES;
    regions_remove(set, later);
    regions_resize(set, earlier, earlier->start, end);
    if (later->mapping.mappings != NULL)
        mapping_join(&earlier->mapping, &later->mapping);
    region_destroy(later);
    return earlier;
}

struct region *region_join(struct region_set *set, struct region *region)
{
    struct region *after = regions_after(set, region);
    if (after != NULL && continues(region, after))
        join_pair(set, region, after);
    struct region *before = regions_before(set, region);
    if (before != NULL && continues(before, region))
        region = join_pair(set, before, region);
    return region;
}
