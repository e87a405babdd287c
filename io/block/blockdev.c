/*
 * A block device: one page cache, and objects that are opens of it.
 *
 * Locks: dev->mutex is to the device what an inode's mutex is to a file: writes hold it, reads
 * don't.
 */
#include "blockdev_private.h"

#include <sluice/block.h>

/* ---- The device ---- */

oskit_error_t blockdev_create(sluice_blockqueue_t *queue, const struct blockdev_hooks *hooks,
                              struct blockdev **out)
{
    struct blockdev *dev = env_alloc(sizeof *dev, ENV_ZERO);
    struct block_limits limits;

    *out = NULL;
    if (!dev)
        return OSKIT_ENOMEM;
    atomic_init(&dev->references, 1);
    dev->queue = queue;
    sluice_blockqueue_addref(queue);
    if (hooks)
        dev->hooks = *hooks;
    if (dev->hooks.whole)
        blockdev_ref(dev->hooks.whole);
    sluice_blockqueue_get_limits(queue, &limits);
    pagecache_init(&dev->cache, &pagecache_device_ops, queue, limits.block_size, limits.size);
    *out = dev;
    return OSKIT_SUCCESS;
}

void blockdev_ref(struct blockdev *dev)
{
    atomic_fetch_add_explicit(&dev->references, 1, memory_order_relaxed);
}

void blockdev_unref(struct blockdev *dev)
{
    if (atomic_fetch_sub_explicit(&dev->references, 1, memory_order_acq_rel) != 1)
        return;
    pagecache_fini(&dev->cache);
    sluice_blockqueue_release(dev->queue);
    if (dev->hooks.whole)
        blockdev_unref(dev->hooks.whole);
    env_free(dev, sizeof *dev);
}

static bool marked_read_only(const struct blockdev *dev)
{
    return atomic_load_explicit(&dev->read_only, memory_order_relaxed);
}

bool blockdev_read_only(const struct blockdev *dev)
{
    return dev->cache.limits.read_only || marked_read_only(dev) ||
           (dev->hooks.whole && marked_read_only(dev->hooks.whole));
}

oskit_u32_t blockdev_opens(const struct blockdev *dev)
{
    return atomic_load(&dev->opens);
}

/* How much was ever written: rises with each write that a flush would be good for. */
static oskit_u64_t blockdev_written(struct blockdev *dev)
{
    env_spin_lock(&dev->cache.lock);
    oskit_u64_t started = dev->cache.writeback_started;
    env_spin_unlock(&dev->cache.lock);
    return started + atomic_load(&dev->direct);
}

oskit_error_t blockdev_flush(struct blockdev *dev)
{
    static const struct block_request flush = {.op = BLOCK_FLUSH};
    oskit_u64_t written = blockdev_written(dev);

    if (!dev->cache.limits.volatile_cache || atomic_load(&dev->flushed) == written)
        return OSKIT_SUCCESS;
    oskit_error_t err = block_transfer(dev->queue, &flush);
    if (OSKIT_SUCCEEDED(err))
        atomic_store(&dev->flushed, written);
    return err;
}

/* ---- Transfers ---- */

static oskit_error_t open_preadv(sluice_absvec_t *self, struct sluice_uio *uio, oskit_off_t offset,
                                 oskit_u32_t flags, oskit_size_t *out_actual)
{
    struct blockdev_open *open = blockdev_open_of(self);
    oskit_error_t err;

    *out_actual = 0;
    if (offset < 0)
        return OSKIT_E_INVALIDARG;
    if (flags & VECIO_DIRECT)
        err = pagecache_direct(&open->dev->cache, uio, false, (oskit_u64_t)offset, out_actual);
    else
        err =
            pagecache_read(&open->dev->cache, &open->reader, uio, (oskit_u64_t)offset, out_actual);
    return *out_actual > 0 ? OSKIT_SUCCESS : err;
}

/* dev->mutex held. */
static oskit_error_t blockdev_write(struct blockdev *dev, struct sluice_uio *uio,
                                    oskit_u64_t offset, oskit_u32_t flags, oskit_size_t *moved)
{
    size_t left = uio->left;
    oskit_error_t err;

    if (offset >= dev->cache.size)
        return left > 0 ? OSKIT_ENOSPC : OSKIT_SUCCESS;
    if (left > dev->cache.size - offset)
        uio->left = (size_t)(dev->cache.size - offset);
    size_t inside = uio->left;
    if (flags & VECIO_DIRECT) {
        err = pagecache_direct(&dev->cache, uio, true, offset, moved);
        atomic_fetch_add(&dev->direct, 1);
    } else {
        err = pagecache_write(&dev->cache, uio, offset, moved);
    }
    uio->left += left - inside;
    return err;
}

static oskit_error_t open_pwritev(sluice_absvec_t *self, struct sluice_uio *uio, oskit_off_t offset,
                                  oskit_u32_t flags, oskit_size_t *out_actual, oskit_off_t *out_end)
{
    struct blockdev *dev = blockdev_open_of(self)->dev;
    oskit_u64_t start = flags & VECIO_APPEND ? dev->cache.size : (oskit_u64_t)offset;

    *out_actual = 0;
    if (offset < 0 && !(flags & VECIO_APPEND))
        return OSKIT_E_INVALIDARG;
    if (blockdev_read_only(dev))
        return OSKIT_EPERM;
    env_mutex_lock(&dev->mutex);
    oskit_error_t err = blockdev_write(dev, uio, start, flags, out_actual);
    env_mutex_unlock(&dev->mutex);
    if (out_end)
        *out_end = (oskit_off_t)(start + *out_actual);
    if ((flags & VECIO_SYNC) && *out_actual > 0) {
        err = pagecache_writeback(&dev->cache, start, start + *out_actual - 1, true);
        if (OSKIT_SUCCEEDED(err))
            err = blockdev_flush(dev);
        return err;
    }
    return *out_actual > 0 ? OSKIT_SUCCESS : err;
}

static const struct sluice_absvec_ops open_absvec_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .preadv = open_preadv,
    .pwritev = open_pwritev,
};

/* ---- Mapping ---- */

static oskit_error_t open_getpage(sluice_pager_t *self, oskit_u64_t index, oskit_u32_t flags,
                                  void **out_page)
{
    return pagecache_getpage(&blockdev_open_of(self)->dev->cache, index, flags, out_page);
}

static struct mappings *open_mappings(sluice_pager_t *self)
{
    return &blockdev_open_of(self)->dev->cache.mappings;
}

static const struct sluice_pager_ops open_pager_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .getpage = open_getpage,
    .mappings = open_mappings,
};

/* ---- Sync ---- */

static oskit_error_t open_sync(sluice_sync_t *self, oskit_u32_t flags, oskit_u64_t first,
                               oskit_u64_t last, oskit_u32_t *seen)
{
    struct blockdev *dev = blockdev_open_of(self)->dev;
    oskit_error_t err;

    if (flags & SYNC_RANGE)
        return pagecache_sync_range(&dev->cache, flags, first, last, seen);
    (void)pagecache_writeback(&dev->cache, first, last, true);
    err = blockdev_flush(dev);
    oskit_error_t told = pagecache_error(&dev->cache, seen);
    return OSKIT_FAILED(told) ? told : err;
}

static oskit_u32_t open_errors(sluice_sync_t *self)
{
    struct pagecache *cache = &blockdev_open_of(self)->dev->cache;

    env_spin_lock(&cache->lock);
    oskit_u32_t errors = cache->error_count;
    env_spin_unlock(&cache->lock);
    return errors;
}

static oskit_error_t open_advise(sluice_sync_t *self, oskit_u32_t advice, oskit_u64_t first,
                                 oskit_u64_t last)
{
    struct blockdev_open *open = blockdev_open_of(self);

    return pagecache_advise(&open->dev->cache, &open->reader, advice, first, last);
}

static const struct sluice_sync_ops open_sync_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .sync = open_sync,
    .errors = open_errors,
    .advise = open_advise,
};

/* ---- The seed's absio ---- */

static oskit_error_t open_read(oskit_absio_t *self, void *buf, oskit_off_t offset,
                               oskit_size_t amount, oskit_size_t *out_actual)
{
    struct sluice_iovec segment;
    struct sluice_uio uio;

    uio_init_kernel(&uio, &segment, buf, amount);
    return open_preadv(&blockdev_open_of(self)->absvec.i, &uio, offset, 0, out_actual);
}

static oskit_error_t open_write(oskit_absio_t *self, const void *buf, oskit_off_t offset,
                                oskit_size_t amount, oskit_size_t *out_actual)
{
    struct sluice_iovec segment;
    struct sluice_uio uio;

    uio_init_kernel(&uio, &segment, (void *)buf, amount);
    return open_pwritev(&blockdev_open_of(self)->absvec.i, &uio, offset, 0, out_actual, NULL);
}

static oskit_error_t open_getsize(oskit_absio_t *self, oskit_off_t *out_size)
{
    *out_size = (oskit_off_t)blockdev_open_of(self)->dev->cache.size;
    return OSKIT_SUCCESS;
}

static oskit_error_t open_setsize(oskit_absio_t *self, oskit_off_t new_size)
{
    (void)self, (void)new_size;
    return OSKIT_E_INVALIDARG;
}

static const struct oskit_absio_ops open_absio_ops = {
    SLUICE_IUNKNOWN_SLOTS,   .read = open_read,       .write = open_write,
    .getsize = open_getsize, .setsize = open_setsize,
};

/* ---- The device itself ---- */

static sluice_blockqueue_t *queue_of(sluice_blockqueue_t *self)
{
    return blockdev_open_of(self)->dev->queue;
}

static void open_submit(sluice_blockqueue_t *self, struct block_request *const *requests,
                        oskit_u32_t count)
{
    sluice_blockqueue_submit(queue_of(self), requests, count);
}

static void open_plug(sluice_blockqueue_t *self)
{
    sluice_blockqueue_plug(queue_of(self));
}

static void open_unplug(sluice_blockqueue_t *self)
{
    sluice_blockqueue_unplug(queue_of(self));
}

static oskit_error_t open_cancel(sluice_blockqueue_t *self, struct block_request *request)
{
    return sluice_blockqueue_cancel(queue_of(self), request);
}

static void open_get_limits(sluice_blockqueue_t *self, struct block_limits *out)
{
    sluice_blockqueue_get_limits(queue_of(self), out);
    out->read_only |= blockdev_read_only(blockdev_open_of(self)->dev);
}

static void open_get_statistics(sluice_blockqueue_t *self, struct block_statistics *out)
{
    sluice_blockqueue_get_statistics(queue_of(self), out);
}

static const struct sluice_blockqueue_ops open_queue_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .submit = open_submit,
    .plug = open_plug,
    .unplug = open_unplug,
    .cancel = open_cancel,
    .get_limits = open_get_limits,
    .get_statistics = open_get_statistics,
};

/* ---- Opens ---- */

/* Whoever has a claim writes past the cache: what was read before may be old. */
static oskit_error_t blockdev_forget(struct blockdev *dev)
{
    env_mutex_lock(&dev->mutex);
    oskit_error_t err = pagecache_writeback(&dev->cache, 0, UINT64_MAX, true);
    pagecache_drop(&dev->cache, 0, UINT64_MAX);
    env_mutex_unlock(&dev->mutex);
    return err;
}

/* The last open takes what is dirty to the disk, as Linux's does. */
static void open_destroy(struct sluice_object *object)
{
    struct blockdev_open *open = (struct blockdev_open *)object;
    struct blockdev *dev = open->dev;

    if (open->oflags & OSKIT_O_EXCL) {
        (void)blockdev_forget(dev); /* errors stay counted in the cache */
        atomic_store(&dev->claimed, false);
    }
    if (atomic_fetch_sub(&dev->opens, 1) == 1) {
        (void)pagecache_writeback(&dev->cache, 0, UINT64_MAX, true);
        (void)blockdev_flush(dev);
    }
    sluice_object_fini(object);
    env_free(open, sizeof *open);
    blockdev_unref(dev);
}

static const struct sluice_interface open_interfaces[] = {
    {&oskit_iunknown_iid, offsetof(struct blockdev_open, absio), &open_absio_ops},
    {&sluice_absvec_iid, offsetof(struct blockdev_open, absvec), &open_absvec_ops},
    {&sluice_pager_iid, offsetof(struct blockdev_open, pager), &open_pager_ops},
    {&sluice_sync_iid, offsetof(struct blockdev_open, sync), &open_sync_ops},
    {&sluice_control_iid, offsetof(struct blockdev_open, control), &blockdev_control_ops},
    {&oskit_absio_iid, offsetof(struct blockdev_open, absio), &open_absio_ops},
    {&sluice_blockqueue_iid, offsetof(struct blockdev_open, queue), &open_queue_ops},
};
static const struct sluice_class open_class = {"block device", open_interfaces,
                                               SLUICE_COUNT(open_interfaces), open_destroy};

/* A claim starts with an empty cache. */
static oskit_error_t blockdev_claim(struct blockdev *dev)
{
    bool none = false;

    if (!atomic_compare_exchange_strong(&dev->claimed, &none, true))
        return OSKIT_EBUSY;
    oskit_error_t err = blockdev_forget(dev);
    if (OSKIT_FAILED(err))
        atomic_store(&dev->claimed, false);
    return err;
}

oskit_error_t blockdev_open(struct blockdev *dev, oskit_u32_t oflags, oskit_iunknown_t **out)
{
    oskit_error_t err = OSKIT_SUCCESS;

    *out = NULL;
    if ((oflags & OSKIT_O_WRONLY) && blockdev_read_only(dev))
        return OSKIT_EROFS;
    struct blockdev_open *open = env_alloc(sizeof *open, ENV_ZERO);
    if (!open)
        return OSKIT_ENOMEM;
    if (oflags & OSKIT_O_EXCL)
        err = blockdev_claim(dev);
    else if (atomic_load(&dev->claimed))
        (void)blockdev_forget(dev);
    if (OSKIT_FAILED(err)) {
        env_free(open, sizeof *open);
        return err;
    }
    blockdev_ref(dev);
    atomic_fetch_add(&dev->opens, 1);
    open->dev = dev;
    open->oflags = oflags;
    sluice_object_init(&open->object, &open_class);
    *out = (oskit_iunknown_t *)&open->absio.i;
    return OSKIT_SUCCESS;
}
