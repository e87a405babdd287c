/* Segments of shared memory and their table. Lock: segments_spin, a leaf but for the clock's. */
#include "kernel/sys/segment.h"
#include "kernel/cpu/clock.h"
#include "kernel/cpu/spinlock.h"
#include "kernel/mem/heap.h"
#include "kernel/mem/space.h"
#include "kernel/sys/sys.h"

static spinlock_t segments_spin;
static struct list segments = LIST_INIT(segments);
static int segments_count;
static uint16_t segments_given; /* numbers, ever */

void segments_lock(void)
{
    spin_lock(&segments_spin);
}

void segments_unlock(void)
{
    spin_unlock(&segments_spin);
}

/* ---- Mappings ---- */

static struct segment *segment_of(sluice_sealing_t *self)
{
    return (struct segment *)SLUICE_OBJECT(self);
}

static oskit_u32_t segment_seals(sluice_sealing_t *self)
{
    (void)self;
    return 0;
}

static oskit_error_t segment_seal(sluice_sealing_t *self, oskit_u32_t seals)
{
    (void)self, (void)seals;
    return OSKIT_E_INVALIDARG;
}

static void segment_seal_begin(sluice_sealing_t *self, oskit_u32_t seals)
{
    (void)self, (void)seals;
}

static void segment_used(struct segment *segment, int64_t *when)
{
    *when = clock_real() / 1000000000;
    if (current_process())
        segment->about.shm_lpid = current_process()->pid;
}

static oskit_error_t segment_map(sluice_sealing_t *self, bool copy)
{
    struct segment *segment = segment_of(self);
    (void)copy;
    segments_lock();
    segment->about.shm_nattch++;
    segment_used(segment, &segment->about.shm_atime);
    segments_unlock();
    return OSKIT_SUCCESS;
}

static void segment_unmap(sluice_sealing_t *self)
{
    struct segment *segment = segment_of(self);
    segments_lock();
    segment->about.shm_nattch--;
    segment_used(segment, &segment->about.shm_dtime);
    bool last = segment->about.shm_perm.mode & ABI_SHM_DEST && segment_remove(segment);
    segments_unlock();
    if (last) /* the table's; the mapping's own follows */
        sluice_object_release(&segment->object);
}

static void segment_destroy(struct sluice_object *object)
{
    struct segment *segment = (struct segment *)object;
    segment->pager->ops->release(segment->pager);
    sluice_object_fini(object);
    heap_free(segment);
}

static const struct sluice_sealing_ops segment_sealing_ops = {
    SLUICE_IUNKNOWN_SLOTS,       .get = segment_seals, .add = segment_seal,
    .begin = segment_seal_begin, .map = segment_map,   .unmap = segment_unmap,
};

static const struct sluice_interface segment_interfaces[] = {
    {&oskit_iunknown_iid, offsetof(struct segment, sealing), &segment_sealing_ops},
    {&sluice_sealing_iid, offsetof(struct segment, sealing), &segment_sealing_ops},
};

static const struct sluice_class segment_class = {
    "segment", segment_interfaces, SLUICE_COUNT(segment_interfaces), segment_destroy};

bool segment_is(const sluice_sealing_t *sealing)
{
    return sealing->ops == &segment_sealing_ops;
}

struct segment *segment_create(uint64_t size)
{
    struct segment *segment = heap_alloc(sizeof *segment, HEAP_ZERO);
    if (!segment)
        return NULL;
    segment->pager = shared_memory_create(page_ceil(size));
    if (!segment->pager) {
        heap_free(segment);
        return NULL;
    }
    segment->about.shm_segsz = size;
    list_init(&segment->link);
    sluice_object_init(&segment->object, &segment_class);
    return segment;
}

/* ---- The table ---- */

struct segment *segment_by_key(int32_t key)
{
    list_for_each (link, &segments) {
        struct segment *segment = container_of(link, struct segment, link);
        if (segment->about.shm_perm.key == key && key != ABI_IPC_PRIVATE)
            return segment;
    }
    return NULL;
}

struct segment *segment_from(int index)
{
    list_for_each (link, &segments) {
        struct segment *segment = container_of(link, struct segment, link);
        if (segment_index(segment) >= index)
            return segment;
    }
    return NULL;
}

struct segment *segment_by_id(int id)
{
    struct segment *segment = id < 0 ? NULL : segment_from(id % SEGMENT_INDEXES);
    return segment && segment->id == id ? segment : NULL;
}

long segment_enter(struct segment *segment)
{
    int index = 0;
    struct list *before = &segments; /* the last one in front of the first gap */
    if (segments_count == SEGMENTS_MAX)
        return -ABI_ENOSPC;
    list_for_each (link, &segments) {
        if (segment_index(container_of(link, struct segment, link)) != index)
            break;
        before = link;
        index++;
    }
    segment->about.shm_perm.seq = segments_given++ & INT16_MAX;
    segment->id = segment->about.shm_perm.seq * SEGMENT_INDEXES + index;
    list_push_front(before, &segment->link);
    segments_count++;
    return 0;
}

bool segment_remove(struct segment *segment)
{
    segment->about.shm_perm.key = ABI_IPC_PRIVATE;
    segment->about.shm_perm.mode |= ABI_SHM_DEST;
    if (segment->about.shm_nattch || list_empty(&segment->link))
        return false;
    list_remove(&segment->link);
    segments_count--;
    return true;
}
