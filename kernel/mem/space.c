/* Locks: space.h. */
#include "kernel/mem/space.h"

#include <stdatomic.h>
#include "kernel/abi/mman.h"
#include "kernel/abi/errno.h"
#include "kernel/log.h"
#include "kernel/mem/heap.h"
#include "kernel/mem/space_private.h"
#include "kernel/random.h"

/* From what the region trees' priorities start; a step further for each space. Set when the first
 * one is made, by when there is randomness. */
static _Atomic uint64_t secret;

static uint32_t secret_next(void)
{
    uint64_t now = atomic_fetch_add(&secret, 0x9e3779b97f4a7c15ul);
    if (now == 0)
        atomic_fetch_add(&secret, now = random_u64());
    return (now * 0xd1342543de82ef95ul) >> 32;
}

void space_init(void)
{
    user_tables_boot();
}

/* ---- Life ---- */

struct space *space_create(void)
{
    struct space *space = heap_alloc(sizeof(*space), HEAP_ZERO);
    if (space == NULL)
        return NULL;
    if (!user_tables_init(&space->tables)) {
        heap_free(space);
        return NULL;
    }
    atomic_store_explicit(&space->references, 1, memory_order_relaxed);
    atomic_store_explicit(&space->holders, 1, memory_order_relaxed);
    regions_init(&space->regions, secret_next());
    space->limit_total = space->limit_data = SPACE_UNLIMITED;
    space->limit_stack = 8ul << 20;
    return space;
}

void space_ref(struct space *space)
{
    atomic_fetch_add_explicit(&space->references, 1, memory_order_relaxed);
}

void space_unref(struct space *space)
{
    if (atomic_fetch_sub_explicit(&space->references, 1, memory_order_acq_rel) != 1)
        return;
    user_tables_forget(&space->tables);
    /* A pager's visit may come until its mapping is gone; ends of pagers wait till after. */
    mutex_lock(&space->mutex);
    list_for_each (link, &space->regions.order) {
        struct region *region = container_of(link, struct region, link);
        user_tables_discard(&space->tables, region->start, region->end);
        mapping_remove(&region->mapping);
    }
    mutex_unlock(&space->mutex);
    space_dispose(&space->regions.order);
    user_tables_destroy(&space->tables);
    mappings_execute_end(space->image.executed);
    if (space->image.executable.name != NULL)
        location_release(&space->image.executable);
    space_drop(space);
}

void space_switch(struct space *space)
{
    tlb_switch(space ? &space->tables.hardware : NULL);
}

/* ---- Fork ---- */

static struct region *region_copy(const struct region *from)
{
    struct region *copy = region_create(from->start, from->end);
    if (copy == NULL)
        return NULL;
    copy->flags = from->flags & ~REGION_LOCKED; /* locks are not inherited */
    copy->prot = from->prot;
    copy->max_prot = from->max_prot;
    region_copy_source(copy, from, from->start);
    return copy;
}

/* Shared memory, and what of a file wasn't written, the child finds again by its own faults. */
static bool fork_region(struct space *parent, struct space *child, struct region *region,
                        struct tlb_flush *flush)
{
    if (region->flags & REGION_DONTFORK)
        return true;
    struct region *copy = region_copy(region);
    if (copy == NULL)
        return false;
    space_enter(child, copy, region);
    if ((region->flags & (REGION_SHARED | REGION_WIPEONFORK)) || !(region->flags & REGION_COPIES))
        return true;
    return user_tables_share(&parent->tables, &child->tables, region->start, region->end,
                             region->pager != NULL, flush);
}

static void fork_facts(const struct space *parent, struct space *child)
{
    child->break_base = parent->break_base;
    child->break_now = parent->break_now;
    atomic_init(&child->barriers, atomic_load(&parent->barriers));
    child->limit_total = parent->limit_total;
    child->limit_data = parent->limit_data;
    child->limit_stack = parent->limit_stack;
    child->scatter = parent->scatter;
    child->image = parent->image;
    if (parent->image.executable.name != NULL)
        location_copy(&child->image.executable, &parent->image.executable);
    mappings_execute_begin(child->image.executed); /* as parent: no writer stands against it */
}

struct space *space_fork(struct space *parent)
{
    struct space *child = space_create();
    if (child == NULL)
        return NULL;
    struct tlb_flush flush = {0};
    bool done = true;
    mutex_lock(&parent->mutex);
    mutex_lock(&child->mutex); /* pagers find its regions as soon as they are there */
    list_for_each (link, &parent->regions.order) {
        done = fork_region(parent, child, container_of(link, struct region, link), &flush);
        if (!done)
            break;
    }
    fork_facts(parent, child);
    mutex_unlock(&child->mutex);
    tlb_flush(&parent->tables.hardware, &flush);
    mutex_unlock(&parent->mutex);
    if (!done) {
        space_unref(child);
        return NULL;
    }
    return child;
}

/* ---- Facts ---- */

_Atomic uint32_t *space_barriers(struct space *space)
{
    return &space->barriers;
}

void space_set_limits(struct space *space, uint64_t address_space, uint64_t data, uint64_t stack)
{
    mutex_lock(&space->mutex);
    space->limit_total = address_space;
    space->limit_data = data;
    space->limit_stack = stack;
    mutex_unlock(&space->mutex);
}

void space_set_scatter(struct space *space, uint64_t scatter)
{
    space->scatter = scatter;
}

struct space_image *space_image(struct space *space)
{
    return &space->image;
}

static void usage_add(const struct region *region, struct space_usage *out)
{
    uint64_t pages = (region->end - region->start) / PAGE_SIZE;
    if (region->flags & (REGION_STACK | REGION_GROWSDOWN))
        out->stack += pages;
    else if ((region->prot & ABI_PROT_WRITE) && !(region->flags & REGION_SHARED))
        out->data += pages;
}

void space_usage(struct space *space, struct space_usage *out)
{
    const struct space_image *image = &space->image;
    *out = (struct space_usage){0};
    mutex_lock(&space->mutex);
    out->total = space->regions.bytes / PAGE_SIZE;
    out->resident = space->tables.resident;
    out->shared = space->tables.resident - space->tables.copies;
    out->tables = space->tables.below;
    out->text = (page_ceil(image->code_end) - page_floor(image->code_start)) / PAGE_SIZE;
    out->locked = space_locked(space) / PAGE_SIZE;
    out->minor_faults = space->minor_faults;
    out->major_faults = space->major_faults;
    list_for_each (link, &space->regions.order)
        usage_add(container_of(link, struct region, link), out);
    mutex_unlock(&space->mutex);
}

uint64_t space_weight(const struct space *space)
{
    return space->tables.resident + space->tables.below;
}

static const char *region_label(const struct region *region)
{
    if (region->flags & REGION_HEAP)
        return "[heap]";
    if (region->flags & REGION_STACK)
        return "[stack]";
    return region->flags & REGION_ANONYMOUS ? "/dev/zero (deleted)" : "";
}

/* The first region that ends after ADDRESS; LOCATION gets references of its own, and what counts
 * the mapping another. */
static bool region_describe(struct space *space, uint64_t address, struct space_region_info *info,
                            struct location *location)
{
    mutex_lock(&space->mutex);
    const struct region *region = regions_from(&space->regions, address);
    if (region != NULL) {
        *location = (struct location){0};
        if (region->location.name != NULL)
            location_copy(location, &region->location);
        *info = (struct space_region_info){
            .start = region->start,
            .end = region->end,
            .offset = region->pager ? region->offset : 0,
            .prot = region->prot,
            .flags = region->flags & REGION_SHARED ? ABI_MAP_SHARED : ABI_MAP_PRIVATE,
            .location = region->location.name ? location : NULL,
            .label = region_label(region),
            .sealing = region->sealing,
        };
        if (region->sealing != NULL)
            region->sealing->ops->addref(region->sealing);
    }
    mutex_unlock(&space->mutex);
    return region != NULL;
}

void space_each_region(struct space *space,
                       bool (*show)(void *arg, const struct space_region_info *info), void *arg)
{
    struct space_region_info info = {0};
    struct location location;
    bool more = true;
    while (more && region_describe(space, info.end, &info, &location)) {
        more = show(arg, &info);
        if (location.name != NULL)
            location_release(&location);
        if (info.sealing != NULL)
            info.sealing->ops->release(info.sealing);
    }
}

int space_futex_key(struct space *space, uint64_t address, bool private_, struct space_key *out)
{
    int result = -ABI_EFAULT;
    *out = (struct space_key){space, address};
    if (address >= USER_END)
        return result;
    if (private_)
        return 0;
    mutex_lock(&space->mutex);
    const struct region *region = regions_find(&space->regions, address);
    if (region != NULL) {
        result = 0;
        if (region->flags & REGION_SHARED)
            *out = (struct space_key){region->pager, region->offset + (address - region->start)};
    }
    mutex_unlock(&space->mutex);
    return result;
}
