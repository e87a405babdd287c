/* An open of a regular file: what reads, writes and faults go to. Lock order: ext2.h. */
#include "ext2.h"

static struct ext2_open *ext2_open_of(const void *face)
{
    return container_of(SLUICE_OBJECT(face), struct ext2_open, object);
}

/* ---- Reading ---- */

static oskit_error_t ext2_preadv(sluice_absvec_t *self, struct sluice_uio *uio, oskit_off_t offset,
                                 oskit_u32_t flags, oskit_size_t *out_actual)
{
    struct ext2_open *open = ext2_open_of(self);
    struct pagecache *cache = &open->node->cache;
    oskit_error_t err;

    *out_actual = 0;
    if (offset < 0)
        return OSKIT_E_INVALIDARG;
    if (flags & VECIO_DIRECT)
        err = pagecache_direct(cache, uio, false, (oskit_u64_t)offset, out_actual);
    else
        err = pagecache_read(cache, &open->reader, uio, (oskit_u64_t)offset, out_actual);
    ext2_accessed(open->node);
    return *out_actual > 0 ? OSKIT_SUCCESS : err;
}

/* ---- Writing ---- */

/* Under the node's mutex. */
static oskit_error_t ext2_write(struct ext2_node *node, struct sluice_uio *uio, oskit_u64_t offset,
                                oskit_u32_t flags, oskit_size_t *moved)
{
    if (offset >= ext2_size_limit(node->fs))
        return OSKIT_EFBIG;
    ext2_written(node);
    return flags & VECIO_DIRECT ? pagecache_direct(&node->cache, uio, true, offset, moved)
                                : pagecache_write(&node->cache, uio, offset, moved);
}

/* What was freed lately can be had after a commit. */
static oskit_error_t ext2_write_patiently(struct ext2_node *node, struct sluice_uio *uio,
                                          oskit_u64_t offset, oskit_u32_t flags,
                                          oskit_size_t *moved)
{
    oskit_error_t err;

    do
        err = ext2_write(node, uio, offset, flags, moved);
    while (err == OSKIT_ENOSPC && *moved == 0 && ext2_wait_free(node->fs));
    return err;
}

static oskit_error_t ext2_pwritev(sluice_absvec_t *self, struct sluice_uio *uio, oskit_off_t offset,
                                  oskit_u32_t flags, oskit_size_t *out_actual, oskit_off_t *out_end)
{
    struct ext2_node *node = ext2_open_of(self)->node;
    oskit_error_t err = ext2_writable(node->fs);

    *out_actual = 0;
    if (offset < 0 && !(flags & VECIO_APPEND))
        return OSKIT_E_INVALIDARG;
    if (OSKIT_SUCCEEDED(err)) /* the flag may be newer than the open */
        err = flags & VECIO_APPEND ? ext2_may_touch(node) : ext2_may_alter(node);
    if (OSKIT_SUCCEEDED(err) && uio->left > 0)
        err = ext2_lock_incapable(node);
    else
        env_mutex_lock(&node->mutex);
    oskit_u64_t start = flags & VECIO_APPEND ? ext2_node_size(node) : (oskit_u64_t)offset;
    if (OSKIT_SUCCEEDED(err) && uio->left > 0)
        err = ext2_write_patiently(node, uio, start, flags, out_actual);
    env_mutex_unlock(&node->mutex);
    if (out_end)
        *out_end = (oskit_off_t)(start + *out_actual);
    if (*out_actual == 0)
        return err;
    return flags & VECIO_SYNC || node->flags & EXT2_FLAG_SYNC ? ext2_fsync(node, true)
                                                              : OSKIT_SUCCESS;
}

static const struct sluice_absvec_ops ext2_absvec_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .preadv = ext2_preadv,
    .pwritev = ext2_pwritev,
};

/* ---- Mapping ---- */

static oskit_error_t ext2_getpage(sluice_pager_t *self, oskit_u64_t index, oskit_u32_t flags,
                                  void **out_page)
{
    struct ext2_node *node = ext2_open_of(self)->node;
    oskit_error_t err = flags & PAGER_WRITE ? ext2_may_alter(node) : OSKIT_SUCCESS;

    if (OSKIT_FAILED(err))
        return err;
    if (flags & PAGER_WRITE)
        ext2_written(node);
    return pagecache_getpage(&node->cache, index, flags, out_page);
}

static struct mappings *ext2_mappings(sluice_pager_t *self)
{
    return &ext2_open_of(self)->node->cache.mappings;
}

static const struct sluice_pager_ops ext2_pager_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .getpage = ext2_getpage,
    .mappings = ext2_mappings,
};

/* ---- The seed's absio ---- */

static oskit_error_t ext2_absio_read(oskit_absio_t *self, void *buf, oskit_off_t offset,
                                     oskit_size_t amount, oskit_size_t *out_actual)
{
    struct sluice_iovec segment;
    struct sluice_uio uio;

    uio_init_kernel(&uio, &segment, buf, amount);
    return ext2_preadv(&ext2_open_of(self)->absvec.i, &uio, offset, 0, out_actual);
}

static oskit_error_t ext2_absio_write(oskit_absio_t *self, const void *buf, oskit_off_t offset,
                                      oskit_size_t amount, oskit_size_t *out_actual)
{
    struct sluice_iovec segment;
    struct sluice_uio uio;

    uio_init_kernel(&uio, &segment, (void *)buf, amount);
    return ext2_pwritev(&ext2_open_of(self)->absvec.i, &uio, offset, 0, out_actual, NULL);
}

static oskit_error_t ext2_absio_getsize(oskit_absio_t *self, oskit_off_t *out_size)
{
    *out_size = (oskit_off_t)ext2_node_size(ext2_open_of(self)->node);
    return OSKIT_SUCCESS;
}

static oskit_error_t ext2_absio_setsize(oskit_absio_t *self, oskit_off_t new_size)
{
    if (new_size < 0)
        return OSKIT_E_INVALIDARG;
    return ext2_truncate(ext2_open_of(self)->node, (oskit_u64_t)new_size);
}

static const struct oskit_absio_ops ext2_absio_ops = {
    SLUICE_IUNKNOWN_SLOTS,         .read = ext2_absio_read,       .write = ext2_absio_write,
    .getsize = ext2_absio_getsize, .setsize = ext2_absio_setsize,
};

/* ---- Attributes ---- */

static oskit_error_t ext2_open_stat(oskit_posixio_t *self, oskit_stat_t *out)
{
    return ext2_stat(&ext2_open_of(self)->node->file.i, out);
}

static oskit_error_t ext2_open_setstat(oskit_posixio_t *self, oskit_u32_t mask,
                                       const oskit_stat_t *stats)
{
    return ext2_setstat(&ext2_open_of(self)->node->file.i, mask, stats);
}

static oskit_error_t ext2_open_pathconf(oskit_posixio_t *self, oskit_s32_t option,
                                        oskit_s32_t *out_val)
{
    return ext2_pathconf(&ext2_open_of(self)->node->file.i, option, out_val);
}

static const struct oskit_posixio_ops ext2_posixio_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .stat = ext2_open_stat,
    .setstat = ext2_open_setstat,
    .pathconf = ext2_open_pathconf,
};

/* ---- Writing back, advice ---- */

static oskit_error_t ext2_open_sync(sluice_sync_t *self, oskit_u32_t flags, oskit_u64_t first,
                                    oskit_u64_t last, oskit_u32_t *seen)
{
    struct ext2_node *node = ext2_open_of(self)->node;
    if (flags & SYNC_RANGE)
        return pagecache_sync_range(&node->cache, flags, first, last, seen);
    oskit_error_t err = ext2_fsync(node, flags & SYNC_DATA);
    oskit_error_t noted = pagecache_error(&node->cache, seen);

    return OSKIT_FAILED(noted) ? noted : err;
}

static oskit_u32_t ext2_open_errors(sluice_sync_t *self)
{
    struct pagecache *cache = &ext2_open_of(self)->node->cache;

    env_spin_lock(&cache->lock);
    oskit_u32_t count = cache->error_count;
    env_spin_unlock(&cache->lock);
    return count;
}

static oskit_error_t ext2_advise(sluice_sync_t *self, oskit_u32_t advice, oskit_u64_t first,
                                 oskit_u64_t last)
{
    struct ext2_open *open = ext2_open_of(self);

    return pagecache_advise(&open->node->cache, &open->reader, advice, first, last);
}

static const struct sluice_sync_ops ext2_sync_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .sync = ext2_open_sync,
    .errors = ext2_open_errors,
    .advise = ext2_advise,
};

/* ---- The object ---- */

static void ext2_open_destroy(struct sluice_object *object)
{
    struct ext2_open *open = container_of(object, struct ext2_open, object);

    if (open->writes)
        atomic_fetch_sub(&open->node->fs->writers, 1);
    ext2_node_put(open->node);
    sluice_object_fini(&open->object);
    env_free(open, sizeof *open);
}

static const struct sluice_interface ext2_open_interfaces[] = {
    {&oskit_iunknown_iid, offsetof(struct ext2_open, posixio), &ext2_posixio_ops},
    {&sluice_absvec_iid, offsetof(struct ext2_open, absvec), &ext2_absvec_ops},
    {&sluice_pager_iid, offsetof(struct ext2_open, pager), &ext2_pager_ops},
    {&oskit_posixio_iid, offsetof(struct ext2_open, posixio), &ext2_posixio_ops},
    {&oskit_absio_iid, offsetof(struct ext2_open, absio), &ext2_absio_ops},
    {&sluice_sync_iid, offsetof(struct ext2_open, sync), &ext2_sync_ops},
};

static const struct sluice_class ext2_open_class = {
    "open ext2 file", ext2_open_interfaces, SLUICE_COUNT(ext2_open_interfaces), ext2_open_destroy};

oskit_error_t ext2_open_create(struct ext2_node *node, oskit_u32_t oflags, oskit_iunknown_t **out)
{
    struct ext2_open *open = env_alloc(sizeof *open, ENV_ZERO);

    *out = NULL;
    if (!open)
        return OSKIT_ENOMEM;
    sluice_object_init(&open->object, &ext2_open_class);
    sluice_object_addref(&node->object);
    open->node = node;
    open->writes = oflags & OSKIT_O_WRONLY;
    if (open->writes)
        atomic_fetch_add(&node->fs->writers, 1);
    *out = (oskit_iunknown_t *)&open->posixio.i;
    return OSKIT_SUCCESS;
}
