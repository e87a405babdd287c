/* Segments of shared memory. Lock: that of segment_ids (sysv_ids.h), which guards also what they
 * say about themselves. */
#include "kernel/sys/segment.h"
#include "kernel/mem/heap.h"
#include "kernel/mem/pages.h"
#include "kernel/mem/space.h"
#include "kernel/sys/sys.h"

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
    *when = sysv_now();
    if (current_process())
        segment->about.shm_lpid = current_process()->pid;
}

static oskit_error_t segment_map(sluice_sealing_t *self, bool copy)
{
    struct segment *segment = segment_of(self);
    (void)copy;
    spin_lock(&segment_ids.lock);
    segment->about.shm_nattch++;
    segment_used(segment, &segment->about.shm_atime);
    spin_unlock(&segment_ids.lock);
    return OSKIT_SUCCESS;
}

static void segment_unmap(sluice_sealing_t *self)
{
    struct segment *segment = segment_of(self);
    spin_lock(&segment_ids.lock);
    segment->about.shm_nattch--;
    segment_used(segment, &segment->about.shm_dtime);
    bool last = segment->entry.perm.mode & ABI_SHM_DEST && segment_remove(segment);
    spin_unlock(&segment_ids.lock);
    if (last) /* the table's; the mapping's own follows */
        sysv_drop(&segment_ids, &segment->entry);
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

const struct segment *segment_behind(const sluice_sealing_t *sealing)
{
    return sealing->ops == &segment_sealing_ops ? (const struct segment *)SLUICE_OBJECT(sealing)
                                                : NULL;
}

bool segment_is(const sluice_sealing_t *sealing)
{
    return sealing->ops == &segment_sealing_ops;
}

/* ---- The table ---- */

static struct segment *segment_new(uint64_t size)
{
    struct segment *segment = heap_alloc(sizeof *segment, HEAP_ZERO);
    if (!segment)
        return NULL;
    segment->pager = shared_memory_create(page_ceil(size));
    if (!segment->pager) {
        heap_free(segment);
        return NULL;
    }
    sluice_object_init(&segment->object, &segment_class);
    return segment;
}

static long segment_create(uint64_t size, long flags, struct sysv_id **out)
{
    if (size == 0 || size > atomic_load(&segment_limits.size))
        return -ABI_EINVAL;
    /* No large pages are set aside, and memory is promised as mmap promises it. */
    if (flags & ABI_SHM_HUGETLB ||
        (!(flags & ABI_SHM_NORESERVE) && size / PAGE_SIZE > pages_total()))
        return -ABI_ENOMEM;
    struct segment *segment = segment_new(size);
    if (!segment)
        return -ABI_ENOMEM;
    atomic_init(&segment->entry.references, 1);
    segment->about.shm_segsz = size;
    segment->about.shm_cpid = current_process()->pid;
    segment->about.shm_ctime = sysv_now();
    *out = &segment->entry;
    return 0;
}

static long segment_check(const struct sysv_id *id, uint64_t size)
{
    return container_of(id, const struct segment, entry)->about.shm_segsz < size ? -ABI_EINVAL : 0;
}

static void segment_gone(struct sysv_id *id)
{
    sluice_object_release(&container_of(id, struct segment, entry)->object);
}

struct segment_limits segment_limits = {SEGMENT_SIZE_MAX, 4096};

static const struct sysv_ops segment_ops = {
    .most = &segment_limits.segments,
    .create = segment_create,
    .check = segment_check,
    .destroy = segment_gone,
};

struct sysv_ids segment_ids = {.ops = &segment_ops};

bool segment_remove(struct segment *segment)
{
    sysv_forget_key(&segment_ids, &segment->entry);
    segment->entry.perm.mode |= ABI_SHM_DEST;
    if (segment->about.shm_nattch || segment->gone)
        return false;
    segment->gone = true;
    sysv_remove(&segment_ids, &segment->entry);
    return true;
}
