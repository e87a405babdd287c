/*
 * A disk in memory.
 *
 * Pages hang in a tree of two levels, both filled in as they are needed: a root of leaf pointers,
 * and leaves (each one page) of page pointers. Slots only ever go from NULL to a value, once, by
 * compare-and-swap; so there are no locks, and a reader that sees NULL reads zeros. The release
 * order of that swap makes the zeroed contents visible before the pointer.
 *
 * A request of the queue is carried out by submit itself, which may be called where nobody may
 * sleep: memory is then asked for without. Its only lock guards the statistics.
 */
#include <sluice/block.h>

#include <sluice/env.h>
#include <sluice/object.h>
#include <sluice/range.h>
#include <sluice/string.h>
#include <sluice/vecio.h>

/* What one request of the queue may be. */
#define RAMDISK_SEGMENTS 1024u
#define RAMDISK_TRANSFER (4u << 20)

#define LEAF_SLOTS (ENV_PAGE_SIZE / sizeof(void *))
#define LEAF_BYTES ((oskit_u64_t)LEAF_SLOTS * ENV_PAGE_SIZE)

typedef _Atomic(void *) slot_t;

struct ramdisk {
    struct sluice_object object;
    SLUICE_FACE(oskit_blkio_t) blkio;
    SLUICE_FACE(sluice_absvec_t) absvec;
    SLUICE_FACE(sluice_pager_t) pager;
    SLUICE_FACE(sluice_blockqueue_t) queue;
    oskit_off_t size;
    oskit_u32_t block_size;
    oskit_size_t leaves;
    slot_t *root;             /* LEAVES of them */
    struct env_spinlock lock; /* guards statistics */
    struct block_statistics statistics;
};

static struct ramdisk *ramdisk_of(const void *self)
{
    return (struct ramdisk *)SLUICE_OBJECT(self);
}

/* What SLOT holds; when that is nothing and CREATE, a zeroed page put there, had with FLAGS. NULL:
 * nothing, or no memory. */
static void *slot_get(slot_t *slot, bool create, unsigned flags)
{
    void *page = atomic_load_explicit(slot, memory_order_acquire);
    if (page != NULL || !create)
        return page;
    void *fresh = env_page_alloc(0, ENV_ZERO | flags);
    if (fresh == NULL)
        return NULL;
    if (atomic_compare_exchange_strong_explicit(slot, &page, fresh, memory_order_acq_rel,
                                                memory_order_acquire))
        return fresh;
    env_page_unref(fresh); /* another writer was first */
    return page;
}

static char *ramdisk_page_by(struct ramdisk *r, oskit_u64_t index, bool create, unsigned flags)
{
    slot_t *leaf = slot_get(&r->root[index / LEAF_SLOTS], create, flags);
    return leaf != NULL ? slot_get(&leaf[index % LEAF_SLOTS], create, flags) : NULL;
}

static char *ramdisk_page(struct ramdisk *r, oskit_u64_t index, bool create)
{
    return ramdisk_page_by(r, index, create, 0);
}

/* Bytes from OFFSET to the end of its page, at most LEFT. */
static oskit_size_t page_run(oskit_off_t offset, oskit_size_t left)
{
    oskit_size_t run = ENV_PAGE_SIZE - ((oskit_size_t)offset & (ENV_PAGE_SIZE - 1));
    return run < left ? run : left;
}

static oskit_error_t ramdisk_preadv(sluice_absvec_t *self, struct sluice_uio *uio,
                                    oskit_off_t offset, oskit_u32_t flags, oskit_size_t *out_actual)
{
    struct ramdisk *r = ramdisk_of(self);
    oskit_error_t error = 0;

    (void)flags;
    *out_actual = 0;
    if (offset < 0)
        return OSKIT_E_INVALIDARG;
    oskit_size_t left = range_clip(offset, uio->left, r->size);
    while (left != 0 && !OSKIT_FAILED(error)) {
        oskit_size_t run = page_run(offset, left), moved = 0;
        char *page = ramdisk_page(r, (oskit_u64_t)offset >> ENV_PAGE_SHIFT, false);
        error = page != NULL ? uio_write_to(uio, page + (offset & (ENV_PAGE_SIZE - 1)), run, &moved)
                             : uio_zero(uio, run, &moved);
        offset += (oskit_off_t)moved;
        left -= moved;
        *out_actual += moved;
    }
    return *out_actual != 0 ? 0 : error;
}

/* Writes LEFT bytes of UIO, which fit, at OFFSET. */
static oskit_error_t write_pages(struct ramdisk *r, struct sluice_uio *uio, oskit_off_t offset,
                                 oskit_size_t left, oskit_size_t *out_actual)
{
    oskit_error_t error = 0;

    while (left != 0 && !OSKIT_FAILED(error)) {
        oskit_size_t run = page_run(offset, left), moved = 0;
        char *page = ramdisk_page(r, (oskit_u64_t)offset >> ENV_PAGE_SHIFT, true);
        error = page != NULL
                    ? uio_read_from(uio, page + (offset & (ENV_PAGE_SIZE - 1)), run, &moved)
                    : OSKIT_ENOSPC;
        offset += (oskit_off_t)moved;
        left -= moved;
        *out_actual += moved;
    }
    return *out_actual != 0 ? 0 : error;
}

static oskit_error_t ramdisk_pwritev(sluice_absvec_t *self, struct sluice_uio *uio,
                                     oskit_off_t offset, oskit_u32_t flags,
                                     oskit_size_t *out_actual, oskit_off_t *out_end)
{
    struct ramdisk *r = ramdisk_of(self);

    *out_actual = 0;
    if (flags & VECIO_APPEND)
        offset = r->size;
    if (offset < 0)
        return OSKIT_E_INVALIDARG;
    oskit_size_t fits = range_clip(offset, uio->left, r->size);
    oskit_error_t error =
        fits == 0 && uio->left != 0 ? OSKIT_ENOSPC : write_pages(r, uio, offset, fits, out_actual);
    if (out_end != NULL)
        *out_end = offset + (oskit_off_t)*out_actual;
    return error;
}

static oskit_u32_t ramdisk_getblocksize(oskit_blkio_t *self)
{
    return ramdisk_of(self)->block_size;
}

static oskit_error_t ramdisk_read(oskit_blkio_t *self, void *buf, oskit_off_t offset,
                                  oskit_size_t amount, oskit_size_t *out_actual)
{
    struct ramdisk *r = ramdisk_of(self);
    struct sluice_iovec segment;
    struct sluice_uio uio;

    *out_actual = 0;
    if (!range_aligned(offset, amount, r->block_size))
        return OSKIT_E_INVALIDARG;
    uio_init_kernel(&uio, &segment, buf, amount);
    return ramdisk_preadv(&r->absvec.i, &uio, offset, 0, out_actual);
}

/* Memory may run out inside a block: only the whole ones before it count. */
static oskit_error_t ramdisk_write(oskit_blkio_t *self, const void *buf, oskit_off_t offset,
                                   oskit_size_t amount, oskit_size_t *out_actual)
{
    struct ramdisk *r = ramdisk_of(self);
    struct sluice_iovec segment;
    struct sluice_uio uio;

    *out_actual = 0;
    if (!range_aligned(offset, amount, r->block_size))
        return OSKIT_E_INVALIDARG;
    uio_init_kernel(&uio, &segment, (void *)buf, amount);
    oskit_error_t error = ramdisk_pwritev(&r->absvec.i, &uio, offset, 0, out_actual, NULL);
    *out_actual &= ~(oskit_size_t)(r->block_size - 1);
    return !OSKIT_FAILED(error) && *out_actual == 0 && amount != 0 ? OSKIT_ENOSPC : error;
}

static oskit_error_t ramdisk_getsize(oskit_blkio_t *self, oskit_off_t *out_size)
{
    *out_size = ramdisk_of(self)->size;
    return 0;
}

static oskit_error_t ramdisk_setsize_refused(oskit_blkio_t *self, oskit_off_t new_size)
{
    (void)self;
    (void)new_size;
    return OSKIT_E_NOTIMPL;
}

static oskit_error_t ramdisk_getpage(sluice_pager_t *self, oskit_u64_t index, oskit_u32_t flags,
                                     void **out_page)
{
    struct ramdisk *r = ramdisk_of(self);

    *out_page = NULL;
    if (index > (oskit_u64_t)INT64_MAX >> ENV_PAGE_SHIFT ||
        (oskit_off_t)(index << ENV_PAGE_SHIFT) >= r->size)
        return OSKIT_E_INVALIDARG;
    void *page = ramdisk_page(r, index, flags & PAGER_WRITE);
    if (page != NULL)
        env_page_ref(page);
    else if (!(flags & PAGER_WRITE))
        page = env_page_alloc(0, ENV_ZERO); /* a hole: nothing to remember */
    *out_page = page;
    return page != NULL ? 0 : OSKIT_E_OUTOFMEMORY;
}

/* ---- blockqueue ---- */

/* A request of the queue may be as long as the disk; the memory of segments is what limits it. */
static struct block_limits limits_of(const struct ramdisk *r)
{
    return (struct block_limits){
        .size = (oskit_u64_t)r->size,
        .block_size = r->block_size,
        .physical_block = r->block_size,
        .segments_max = RAMDISK_SEGMENTS,
        .segment_size_max = RAMDISK_TRANSFER,
        .length_max = RAMDISK_TRANSFER,
        .discard_max = (oskit_u64_t)r->size,
        .zeroes_max = (oskit_u64_t)r->size,
        .depth = 1,
    };
}

/* Copies SIZE bytes (none: zeros) between BASE and the disk. */
static oskit_error_t queue_copy(struct ramdisk *r, enum block_op op, char *base, oskit_u64_t offset,
                                oskit_u64_t size)
{
    while (size != 0) {
        oskit_size_t run = page_run((oskit_off_t)offset, size);
        char *page = ramdisk_page_by(r, offset >> ENV_PAGE_SHIFT, op == BLOCK_WRITE, ENV_NOSLEEP);
        char *at = page != NULL ? page + (offset & (ENV_PAGE_SIZE - 1)) : NULL;
        if (op == BLOCK_WRITE && at == NULL)
            return OSKIT_ENOSPC;
        if (op == BLOCK_WRITE)
            memcpy(at, base, run);
        else if (op != BLOCK_READ && at != NULL)
            memset(at, 0, run); /* what was never written is zeros already */
        else if (op == BLOCK_READ && at != NULL)
            memcpy(base, at, run);
        else if (op == BLOCK_READ)
            memset(base, 0, run);
        base += op == BLOCK_READ || op == BLOCK_WRITE ? run : 0;
        offset += run;
        size -= run;
    }
    return OSKIT_SUCCESS;
}

static oskit_error_t queue_carry_out(struct ramdisk *r, const struct block_request *request)
{
    oskit_u64_t offset = request->offset;
    oskit_error_t error = OSKIT_SUCCESS;

    if (request->op == BLOCK_FLUSH)
        return OSKIT_SUCCESS;
    if (request->op == BLOCK_DISCARD || request->op == BLOCK_WRITE_ZEROES)
        return queue_copy(r, BLOCK_WRITE_ZEROES, NULL, offset, request->length);
    for (oskit_u32_t i = 0; i < request->segment_count && !OSKIT_FAILED(error); i++) {
        const struct sg_segment *segment = &request->segments[i];
        error = queue_copy(r, request->op, segment->base, offset, segment->length);
        offset += segment->length;
    }
    return error;
}

static void ramdisk_submit(sluice_blockqueue_t *self, struct block_request *const *requests,
                           oskit_u32_t count)
{
    struct ramdisk *r = ramdisk_of(self);
    struct block_limits limits = limits_of(r);

    for (oskit_u32_t i = 0; i < count; i++) {
        struct block_request *request = requests[i];
        env_spin_lock(&r->lock);
        block_statistics_start(&r->statistics, request);
        env_spin_unlock(&r->lock);
        oskit_error_t status = block_request_check(request, &limits);
        if (!OSKIT_FAILED(status))
            status = queue_carry_out(r, request);
        env_spin_lock(&r->lock);
        block_statistics_end(&r->statistics, request, status);
        env_spin_unlock(&r->lock);
        request->done(request, status);
    }
}

/* Requests are done when submit returns: nothing is held back, nothing can be given up. */
static void ramdisk_plug(sluice_blockqueue_t *self)
{
    (void)self;
}

static oskit_error_t ramdisk_cancel(sluice_blockqueue_t *self, struct block_request *request)
{
    (void)self, (void)request;
    return OSKIT_EBUSY;
}

static void ramdisk_get_limits(sluice_blockqueue_t *self, struct block_limits *out)
{
    *out = limits_of(ramdisk_of(self));
}

static void ramdisk_get_statistics(sluice_blockqueue_t *self, struct block_statistics *out)
{
    struct ramdisk *r = ramdisk_of(self);

    env_spin_lock(&r->lock);
    *out = r->statistics;
    env_spin_unlock(&r->lock);
}

static void leaf_free(slot_t *leaf)
{
    for (oskit_size_t i = 0; i < LEAF_SLOTS; i++) {
        void *page = atomic_load_explicit(&leaf[i], memory_order_relaxed);
        if (page != NULL)
            env_page_unref(page);
    }
    env_page_unref(leaf);
}

static void ramdisk_destroy(struct sluice_object *object)
{
    struct ramdisk *r = (struct ramdisk *)object;

    for (oskit_size_t i = 0; i < r->leaves; i++) {
        slot_t *leaf = atomic_load_explicit(&r->root[i], memory_order_relaxed);
        if (leaf != NULL)
            leaf_free(leaf);
    }
    if (r->leaves != 0)
        env_free(r->root, r->leaves * sizeof *r->root);
    sluice_object_fini(object);
    env_free(r, sizeof *r);
}

static const struct oskit_blkio_ops ramdisk_blkio_ops = {
    SLUICE_IUNKNOWN_SLOTS,      .getblocksize = ramdisk_getblocksize,
    .read = ramdisk_read,       .write = ramdisk_write,
    .getsize = ramdisk_getsize, .setsize = ramdisk_setsize_refused,
};
static const struct sluice_absvec_ops ramdisk_absvec_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .preadv = ramdisk_preadv,
    .pwritev = ramdisk_pwritev,
};
static const struct sluice_pager_ops ramdisk_pager_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .getpage = ramdisk_getpage,
    .mappings = mappings_none,
};
static const struct sluice_blockqueue_ops ramdisk_queue_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .submit = ramdisk_submit,
    .plug = ramdisk_plug,
    .unplug = ramdisk_plug,
    .cancel = ramdisk_cancel,
    .get_limits = ramdisk_get_limits,
    .get_statistics = ramdisk_get_statistics,
};
/* absio is for a block size of one only, the queue for those that a queue may have. */
static const struct sluice_interface ramdisk_interfaces[] = {
    {&sluice_blockqueue_iid, offsetof(struct ramdisk, queue), &ramdisk_queue_ops},
    {&oskit_blkio_iid, offsetof(struct ramdisk, blkio), &ramdisk_blkio_ops},
    {&sluice_absvec_iid, offsetof(struct ramdisk, absvec), &ramdisk_absvec_ops},
    {&sluice_pager_iid, offsetof(struct ramdisk, pager), &ramdisk_pager_ops},
    {&oskit_absio_iid, offsetof(struct ramdisk, blkio), &ramdisk_blkio_ops},
};
/* By block size: any run of rows that leaves out the first or the last is a class. */
static const struct sluice_class ramdisk_queue_class = {"RAM disk", ramdisk_interfaces, 4,
                                                        ramdisk_destroy};
static const struct sluice_class ramdisk_block_class = {"RAM disk", ramdisk_interfaces + 1, 3,
                                                        ramdisk_destroy};
static const struct sluice_class ramdisk_byte_class = {"RAM disk", ramdisk_interfaces + 1, 4,
                                                       ramdisk_destroy};

static const struct sluice_class *class_for(oskit_u32_t block_size)
{
    if (block_size == 1)
        return &ramdisk_byte_class;
    return block_size >= 512 && block_size <= ENV_PAGE_SIZE ? &ramdisk_queue_class
                                                            : &ramdisk_block_class;
}

oskit_error_t ramdisk_create(oskit_off_t size, oskit_u32_t block_size, oskit_blkio_t **out)
{
    *out = NULL;
    if (size < 0 || !range_is_power(block_size) || !range_aligned(size, 0, block_size))
        return OSKIT_E_INVALIDARG;
    struct ramdisk *r = env_alloc(sizeof *r, ENV_ZERO);
    if (r == NULL)
        return OSKIT_E_OUTOFMEMORY;
    r->leaves = (oskit_size_t)(((oskit_u64_t)size + LEAF_BYTES - 1) / LEAF_BYTES);
    if (r->leaves != 0) {
        r->root = env_alloc(r->leaves * sizeof *r->root, ENV_ZERO);
        if (r->root == NULL) {
            env_free(r, sizeof *r);
            return OSKIT_E_OUTOFMEMORY;
        }
    }
    sluice_object_init(&r->object, class_for(block_size));
    r->size = size;
    r->block_size = block_size;
    *out = &r->blkio.i;
    return 0;
}
