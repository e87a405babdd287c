/* mmap, munmap, mprotect, brk. Locks: space.h. */
#include "kernel/abi/errno.h"
#include "kernel/abi/mman.h"
#include "kernel/mem/pages.h"
#include "kernel/mem/space_private.h"

#define RIGHTS (ABI_PROT_READ | ABI_PROT_WRITE | ABI_PROT_EXEC)
/* Flags that MAP_SHARED_VALIDATE lets pass; those without a meaning here are hints. */
#define MAP_KNOWN                                                                           \
    (ABI_MAP_TYPE | ABI_MAP_FIXED | ABI_MAP_ANONYMOUS | ABI_MAP_32BIT | ABI_MAP_GROWSDOWN | \
     ABI_MAP_DENYWRITE | ABI_MAP_EXECUTABLE | ABI_MAP_LOCKED | ABI_MAP_NORESERVE |          \
     ABI_MAP_POPULATE | ABI_MAP_NONBLOCK | ABI_MAP_STACK | ABI_MAP_FIXED_NOREPLACE)
#define LOW_2G_BASE 0x40000000ul /* MAP_32BIT */
#define LOW_2G_END  0x80000000ul
#define STACK_LEAST (128ul << 20) /* kept free below the top for the stack */

/* ---- Checks ---- */

bool space_range_good(uint64_t address, uint64_t size)
{
    return (address & PAGE_MASK) == 0 && (size & PAGE_MASK) == 0 && size != 0 &&
           address <= USER_END && size <= USER_END - address;
}

bool space_covered(struct space *space, uint64_t start, uint64_t end)
{
    const struct region *region = regions_find(&space->regions, start);
    while (region != NULL && region->end < end) {
        const struct region *next = regions_after(&space->regions, region);
        region = next != NULL && next->start == region->end ? next : NULL;
    }
    return region != NULL;
}

/* Private memory that may be written, but for stacks: what RLIMIT_DATA bounds. */
static bool is_data(int prot, uint32_t flags)
{
    return (prot & ABI_PROT_WRITE) && !(flags & (REGION_SHARED | REGION_GROWSDOWN));
}

static uint64_t data_bytes(struct space *space)
{
    uint64_t bytes = 0;
    list_for_each (link, &space->regions.order) {
        const struct region *region = container_of(link, struct region, link);
        if (is_data(region->prot, region->flags))
            bytes += region->end - region->start;
    }
    return bytes;
}

bool space_may_grow(struct space *space, uint64_t size, int prot, uint32_t flags)
{
    if (size > space->limit_total || space->regions.bytes > space->limit_total - size)
        return false;
    if (space->limit_data == SPACE_UNLIMITED || !is_data(prot, flags))
        return true;
    return size <= space->limit_data && data_bytes(space) <= space->limit_data - size;
}

/* ---- Places ---- */

/* Mappings grow down from here, leaving room for the stack to grow. */
static uint64_t place_top(const struct space *space)
{
    uint64_t gap = space->limit_stack;
    if (gap < STACK_LEAST)
        gap = STACK_LEAST;
    if (gap > USER_END / 6 * 5)
        gap = USER_END / 6 * 5;
    return page_floor(USER_END - gap - space->scatter);
}

uint64_t space_place(struct space *space, uint64_t size)
{
    uint64_t found = regions_room(&space->regions, size, SPACE_LOWEST, place_top(space));
    return found ? found : regions_room(&space->regions, size, SPACE_LOWEST, USER_END);
}

/* mmap's choice: FIXED is law, another address a wish. 0 or a negative errno. */
static int choose(struct space *space, uint64_t *address, uint64_t size, int flags)
{
    struct region_set *set = &space->regions;
    if (flags & (ABI_MAP_FIXED | ABI_MAP_FIXED_NOREPLACE)) {
        if (*address & PAGE_MASK)
            return -ABI_EINVAL;
        if (!space_range_good(*address, size))
            return -ABI_ENOMEM;
        if (*address < SPACE_LOWEST)
            return -ABI_EPERM;
        if ((flags & ABI_MAP_FIXED_NOREPLACE) && !regions_free(set, *address, *address + size))
            return -ABI_EEXIST;
        return 0;
    }
    uint64_t wish = *address <= USER_END ? page_ceil(*address) : 0;
    uint64_t found = 0;
    if (wish >= SPACE_LOWEST && space_range_good(wish, size))
        found = regions_room(set, size, wish, wish + size);
    if (found == 0 && (flags & ABI_MAP_32BIT))
        found = regions_room(set, size, LOW_2G_BASE, LOW_2G_END);
    else if (found == 0)
        found = space_place(space, size);
    *address = found;
    return found ? 0 : -ABI_ENOMEM;
}

/* ---- Taking away ---- */

int space_cut(struct space *space, uint64_t start, uint64_t end)
{
    struct region *first = regions_find(&space->regions, start);
    if (first != NULL && first->start < start &&
        region_split(&space->regions, first, start) == NULL)
        return -ABI_ENOMEM;
    struct region *last = regions_find(&space->regions, end - 1);
    if (last != NULL && last->end > end && region_split(&space->regions, last, end) == NULL)
        return -ABI_ENOMEM;
    return 0;
}

int space_take(struct space *space, uint64_t start, uint64_t end, struct list *removed)
{
    struct region_set *set = &space->regions;
    int error = space_cut(space, start, end);
    if (error < 0)
        return error;
    struct region *region;
    bool any = false;
    while ((region = regions_from(set, start)) != NULL && region->start < end) {
        regions_remove(set, region);
        list_push_back(removed, &region->link);
        any = true;
    }
    if (any)
        user_tables_unmap(&space->tables, start, end);
    /* Now only: a store before has been told to the pager, one after can't be. */
    list_for_each (link, removed)
        mapping_remove(&container_of(link, struct region, link)->mapping);
    return 0;
}

void space_dispose(struct list *removed)
{
    struct list *link;
    while ((link = list_pop_front(removed)) != NULL)
        region_destroy(container_of(link, struct region, link));
}

int space_unmap(struct space *space, uint64_t address, size_t size)
{
    uint64_t whole = page_ceil(size);
    if (whole < size || !space_range_good(address, whole))
        return -ABI_EINVAL;
    struct list removed;
    list_init(&removed);
    mutex_lock(&space->mutex);
    int result = space_take(space, address, address + whole, &removed);
    mutex_unlock(&space->mutex);
    space_dispose(&removed);
    return result;
}

static bool attached_at(const struct region *region, uint64_t address, const sluice_pager_t *pager,
                        bool (*is)(const sluice_sealing_t *))
{
    return region->sealing != NULL && is(region->sealing) &&
           region->start - address == region->offset && (pager == NULL || pager == region->pager);
}

int space_detach(struct space *space, uint64_t address, bool (*is)(const sluice_sealing_t *))
{
    struct list removed;
    const sluice_pager_t *pager = NULL;
    int result = -ABI_EINVAL;
    list_init(&removed);
    mutex_lock(&space->mutex);
    struct region *next, *region = regions_from(&space->regions, address);
    for (; region != NULL; region = next) {
        next = regions_after(&space->regions, region);
        if (!attached_at(region, address, pager, is))
            continue;
        pager = region->pager;
        result = space_take(space, region->start, region->end, &removed); /* whole: can't fail */
    }
    mutex_unlock(&space->mutex);
    space_dispose(&removed);
    return result;
}

/* ---- mmap ---- */

struct map_request {
    uint64_t size;
    int prot, max_prot, flags;
    uint32_t region_flags;
    const struct space_source *source; /* NULL: anonymous */
    bool populate;                     /* told by place_region: it is to be faulted in */
};

static int check_request(struct map_request *request, size_t size)
{
    int type = request->flags & ABI_MAP_TYPE;
    bool shared = type == ABI_MAP_SHARED || type == ABI_MAP_SHARED_VALIDATE;
    if (size == 0 || (!shared && type != ABI_MAP_PRIVATE))
        return -ABI_EINVAL;
    request->size = page_ceil(size);
    if (request->size < size || request->size > USER_END)
        return -ABI_ENOMEM;
    const struct space_source *source = request->source;
    if (type == ABI_MAP_SHARED_VALIDATE && (request->flags & ~MAP_KNOWN))
        return -ABI_EOPNOTSUPP;
    if (source != NULL && (source->offset & PAGE_MASK))
        return -ABI_EINVAL;
    if (source != NULL && source->offset + request->size < source->offset)
        return -ABI_EOVERFLOW;
    if ((request->flags & ABI_MAP_GROWSDOWN) && (source != NULL || shared))
        return -ABI_EINVAL;
    request->region_flags = (shared ? REGION_SHARED : 0) |
                            (request->flags & ABI_MAP_GROWSDOWN ? REGION_GROWSDOWN : 0) |
                            (shared && source == NULL ? REGION_ANONYMOUS : 0);
    return 0;
}

/* Promising more private memory than the machine has is refused, as Linux's heuristic does. */
static bool plausible(const struct map_request *request)
{
    return (request->flags & ABI_MAP_NORESERVE) || !is_data(request->prot, request->region_flags) ||
           request->size / PAGE_SIZE <= pages_total();
}

/* The region REQUEST asks for, its place not decided yet; NULL: no memory. */
static struct region *make_region(const struct map_request *request)
{
    struct region *region = region_create(0, request->size);
    if (region == NULL)
        return NULL;
    region->flags = request->region_flags;
    region->prot = request->prot & RIGHTS;
    region->max_prot = request->max_prot & RIGHTS;
    const struct space_source *source = request->source;
    if (source != NULL) {
        region->pager = source->pager;
        region->pager->ops->addref(region->pager);
        region->offset = source->offset;
        region->sealing = source->sealing;
        if (region->sealing != NULL) {
            region->sealing->ops->addref(region->sealing);
            region->sealing->ops->map(region->sealing, true);
        }
        if (source->location != NULL && source->location->name != NULL)
            location_copy(&region->location, source->location);
    } else if (region->flags & REGION_ANONYMOUS) {
        region->pager = shared_memory_create(request->size);
        if (region->pager == NULL) {
            region_destroy(region);
            return NULL;
        }
    }
    return region;
}

/* MAP_LOCKED, or mlockall's. Mutex held. */
static int place_lock(struct space *space, struct map_request *request, struct region *region)
{
    if (request->flags & ABI_MAP_LOCKED && process_lock_limit() == 0)
        return -ABI_EPERM;
    if (!(request->flags & ABI_MAP_LOCKED) && !space->lock_future)
        return 0;
    if (!space_may_lock(space, request->size))
        return -ABI_EAGAIN;
    region->flags |= REGION_LOCKED;
    request->populate |= request->flags & ABI_MAP_LOCKED || !space->lock_on_fault;
    return 0;
}

/* Mutex held. On success REGION is in the set. */
static int place_region(struct space *space, struct map_request *request, struct region *region,
                        uint64_t *address, struct list *removed)
{
    int error = choose(space, address, request->size, request->flags);
    if (error == 0)
        error = place_lock(space, request, region);
    if (error < 0)
        return error;
    if (space->regions.count >= SPACE_REGIONS_MAX || !plausible(request) ||
        !space_may_grow(space, request->size, request->prot, request->region_flags))
        return -ABI_ENOMEM;
    error = space_take(space, *address, *address + request->size, removed);
    if (error < 0)
        return error;
    region->start = *address;
    region->end = *address + request->size;
    space_enter(space, region, NULL);
    region_join(&space->regions, region);
    return 0;
}

int space_map(struct space *space, uint64_t address, size_t size, int prot, int max_prot, int flags,
              const struct space_source *source, uint64_t *out_address)
{
    struct map_request request = {.prot = prot,
                                  .max_prot = max_prot,
                                  .flags = flags,
                                  .source = source,
                                  .populate = flags & ABI_MAP_POPULATE};
    int result = check_request(&request, size);
    if (result < 0)
        return result;
    struct region *region = make_region(&request);
    if (region == NULL)
        return -ABI_ENOMEM;
    if ((flags & ABI_MAP_STACK) && (flags & ABI_MAP_GROWSDOWN))
        region->flags |= REGION_STACK;
    struct list removed;
    list_init(&removed);
    mutex_lock(&space->mutex);
    result = place_region(space, &request, region, &address, &removed);
    mutex_unlock(&space->mutex);
    space_dispose(&removed);
    if (result < 0) {
        region_destroy(region);
        return result;
    }
    *out_address = address;
    if (request.populate)
        space_populate(space, address, address + request.size,
                       prot & ABI_PROT_WRITE ? ABI_PROT_WRITE : ABI_PROT_READ);
    return 0;
}

void space_populate(struct space *space, uint64_t start, uint64_t end, int access)
{
    for (uint64_t at = start; at < end; at += PAGE_SIZE)
        if (process_is_ending() || space_fault_in(space, at, access) != FAULT_DONE)
            return;
}

/* ---- mprotect ---- */

/* How far from START on PROT may be given: to END, or to the first gap (-ABI_ENOMEM) or the first
 * region that must not have it (-ABI_EACCES). Mutex held. */
static int protect_reach(struct space *space, uint64_t start, uint64_t end, int prot,
                         uint64_t *reach)
{
    const struct region *region = regions_find(&space->regions, start);
    *reach = start;
    while (region != NULL && region->start <= *reach && !(prot & ~region->max_prot)) {
        if (region->end >= end) {
            *reach = end;
            return 0;
        }
        *reach = region->end;
        region = regions_after(&space->regions, region);
    }
    return region != NULL && region->start <= *reach ? -ABI_EACCES : -ABI_ENOMEM;
}

static void protect_apply(struct space *space, uint64_t start, uint64_t end, int prot)
{
    struct region_set *set = &space->regions;
    struct region *region = regions_find(set, start);
    user_tables_protect(&space->tables, start, end, prot);
    while (region != NULL && region->start < end) {
        region->prot = prot;
        region = regions_after(set, region_join(set, region));
    }
    if (region != NULL)
        region_join(set, region);
}

/* What comes before an obstacle changes even so, as on Linux. */
static int protect_range(struct space *space, uint64_t start, uint64_t end, int prot)
{
    if (prot & ABI_PROT_GROWSDOWN) {
        const struct region *region = regions_find(&space->regions, start);
        if (region == NULL || !(region->flags & REGION_GROWSDOWN))
            return -ABI_EINVAL;
        start = region->start;
    }
    prot &= RIGHTS;
    uint64_t reach;
    int result = protect_reach(space, start, end, prot, &reach);
    if (reach == start)
        return result;
    if (space_cut(space, start, reach) < 0)
        return -ABI_ENOMEM;
    protect_apply(space, start, reach, prot);
    return result;
}

int space_protect(struct space *space, uint64_t address, size_t size, int prot)
{
    uint64_t whole = page_ceil(size);
    if (address & PAGE_MASK)
        return -ABI_EINVAL;
    if (size == 0)
        return 0;
    if (prot & ~(RIGHTS | ABI_PROT_GROWSDOWN))
        return -ABI_EINVAL;
    if (whole < size || !space_range_good(address, whole))
        return -ABI_ENOMEM;
    mutex_lock(&space->mutex);
    int result = protect_range(space, address, address + whole, prot);
    mutex_unlock(&space->mutex);
    return result;
}

/* ---- brk ---- */

void space_set_break_base(struct space *space, uint64_t base)
{
    mutex_lock(&space->mutex);
    space->break_base = space->break_now = base;
    mutex_unlock(&space->mutex);
}

static bool break_grow(struct space *space, uint64_t from, uint64_t to, bool *populate)
{
    struct map_request request = {.size = to - from,
                                  .prot = ABI_PROT_READ | ABI_PROT_WRITE,
                                  .max_prot = RIGHTS,
                                  .flags = ABI_MAP_PRIVATE | ABI_MAP_FIXED_NOREPLACE,
                                  .region_flags = REGION_HEAP};
    uint64_t address = from;
    struct list removed;
    list_init(&removed);
    /* A stack above keeps its guard. */
    if (regions_room(&space->regions, request.size, from, to) == 0)
        return false;
    struct region *region = make_region(&request);
    if (region == NULL)
        return false;
    if (place_region(space, &request, region, &address, &removed) < 0) {
        region_destroy(region);
        return false;
    }
    *populate = request.populate;
    return true;
}

static bool break_move(struct space *space, uint64_t wanted, struct list *removed, bool *populate)
{
    if (space->break_base == 0 || wanted < space->break_base || wanted > USER_END)
        return false;
    uint64_t old = page_ceil(space->break_now), new = page_ceil(wanted);
    if (new < old)
        return space_take(space, new, old, removed) == 0;
    if (wanted - space->break_base > space->limit_data)
        return false;
    return new == old || break_grow(space, old, new, populate);
}

uint64_t space_set_break(struct space *space, uint64_t wanted)
{
    struct list removed;
    bool populate = false;
    list_init(&removed);
    mutex_lock(&space->mutex);
    uint64_t before = space->break_now;
    if (break_move(space, wanted, &removed, &populate))
        space->break_now = wanted;
    uint64_t now = space->break_now;
    mutex_unlock(&space->mutex);
    space_dispose(&removed);
    if (populate)
        space_populate(space, page_ceil(before), page_ceil(now), ABI_PROT_WRITE);
    return now;
}
