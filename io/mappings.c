/*
 * A visit meets all mappings that were there when it began, without holding the list's lock while
 * it waits for an address space. Each mapping knows since which visit it needn't be met, and the
 * list is sorted by that: what is left to do stands in front, what is done or has come in since
 * goes to the back. A part of a mapping that moves to another one takes its place in this order
 * along. So every visit ends, whatever programs map and unmap meanwhile.
 *
 * Locks: mappings.mutex, then the host's lock of an address space, then mappings.lock.
 */
#include <sluice/mappings.h>

#include <stddef.h>

void mappings_init(struct mappings *mappings)
{
    *mappings = (struct mappings){.visits = 0};
    list_init(&mappings->list);
}

struct mappings *mappings_none(struct sluice_pager *self)
{
    (void)self;
    return NULL;
}

/* ---- Writing or executing ---- */

/* One more in DIRECTION, unless the count is on the other side. */
static bool writers_begin(struct mappings *mappings, oskit_s32_t direction)
{
    if (!mappings)
        return true;
    oskit_s32_t count = atomic_load(&mappings->writers);
    while (count * direction >= 0)
        if (atomic_compare_exchange_weak(&mappings->writers, &count, count + direction))
            return true;
    return false;
}

bool mappings_write_begin(struct mappings *mappings)
{
    return writers_begin(mappings, 1);
}

void mappings_write_end(struct mappings *mappings)
{
    if (mappings)
        atomic_fetch_sub(&mappings->writers, 1);
}

bool mappings_execute_begin(struct mappings *mappings)
{
    return writers_begin(mappings, -1);
}

void mappings_execute_end(struct mappings *mappings)
{
    if (mappings)
        atomic_fetch_add(&mappings->writers, 1);
}

/* ---- Coming and going ---- */

void mapping_add(struct mappings *mappings, struct mapping *mapping)
{
    mapping->mappings = mappings;
    env_spin_lock(&mappings->lock);
    mapping->since = mappings->visits;
    list_push_back(&mappings->list, &mapping->link);
    env_spin_unlock(&mappings->lock);
}

void mapping_remove(struct mapping *mapping)
{
    struct mappings *mappings = mapping->mappings;

    if (!mappings)
        return;
    env_spin_lock(&mappings->lock);
    list_remove(&mapping->link);
    env_spin_unlock(&mappings->lock);
    mapping->mappings = NULL;
}

void mapping_split(struct mapping *mapping, struct mapping *part, void *owner)
{
    struct mappings *mappings = mapping->mappings;

    part->ops = mapping->ops;
    part->owner = owner;
    part->mappings = mappings;
    env_spin_lock(&mappings->lock);
    part->since = mapping->since;
    list_insert_between(&part->link, &mapping->link, mapping->link.next);
    env_spin_unlock(&mappings->lock);
}

void mapping_join(struct mapping *mapping, struct mapping *gone)
{
    struct mappings *mappings = mapping->mappings;

    env_spin_lock(&mappings->lock);
    if (gone->since < mapping->since) {
        mapping->since = gone->since;
        list_remove(&mapping->link);
        list_insert_between(&mapping->link, &gone->link, gone->link.next);
    }
    list_remove(&gone->link);
    env_spin_unlock(&mappings->lock);
    gone->mappings = NULL;
}

/* ---- Visits ---- */

/* The mapping in front, when it is still to be visited. The lock is held. */
static struct mapping *visit_front(const struct mapping_visit *visit)
{
    struct list *link = visit->mappings->list.next;
    struct mapping *mapping = container_of(link, struct mapping, link);

    return link != &visit->mappings->list && mapping->since < visit->number ? mapping : NULL;
}

struct mapping *mapping_next(struct mapping_visit *visit, const void *owner)
{
    env_spin_lock(&visit->mappings->lock);
    struct mapping *mapping = visit_front(visit);
    if (mapping && mapping->owner != owner)
        mapping = NULL;
    env_spin_unlock(&visit->mappings->lock);
    return mapping;
}

void mapping_done(struct mapping_visit *visit, struct mapping *mapping)
{
    env_spin_lock(&visit->mappings->lock);
    mapping->since = visit->number;
    list_remove(&mapping->link);
    list_push_back(&visit->mappings->list, &mapping->link);
    env_spin_unlock(&visit->mappings->lock);
}

/* The front mapping's owner, held, and its operations; false when all is done. */
static bool visit_owner(const struct mapping_visit *visit, const struct mapping_ops **ops,
                        void **owner)
{
    env_spin_lock(&visit->mappings->lock);
    const struct mapping *mapping = visit_front(visit);
    if (mapping) {
        *ops = mapping->ops;
        *owner = mapping->owner;
        (*ops)->hold(*owner);
    }
    env_spin_unlock(&visit->mappings->lock);
    return mapping != NULL;
}

static void visit_all(struct mappings *mappings, struct mapping_visit *visit)
{
    const struct mapping_ops *ops;
    void *owner;

    if (visit->first >= visit->end)
        return;
    visit->mappings = mappings;
    env_mutex_lock(&mappings->mutex);
    env_spin_lock(&mappings->lock);
    visit->number = ++mappings->visits;
    env_spin_unlock(&mappings->lock);
    while (visit_owner(visit, &ops, &owner)) {
        ops->visit(owner, visit);
        ops->drop(owner);
    }
    env_mutex_unlock(&mappings->mutex);
}

void mappings_unmap(struct mappings *mappings, oskit_u64_t first, oskit_u64_t end, bool copies)
{
    struct mapping_visit visit = {
        .action = copies ? MAPPING_UNMAP_COPIES : MAPPING_UNMAP, .first = first, .end = end};

    visit_all(mappings, &visit);
}

oskit_u64_t mappings_clean(struct mappings *mappings, oskit_u64_t first, oskit_u64_t end)
{
    struct mapping_visit visit = {.action = MAPPING_CLEAN, .first = first, .end = end};

    visit_all(mappings, &visit);
    return visit.cleaned;
}
