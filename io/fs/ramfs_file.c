/* Regular files of ramfs: reads, writes, size. Lock order: ramfs_private.h. */
#include "ramfs_private.h"

static struct ramfs_file *ramfs_file_of(const void *face)
{
    return container_of(ramfs_node_of(face), struct ramfs_file, node);
}

/* ---- Reading ---- */

/*
 * Copies out what of OFFSET's page lies before the end; *moved 0 with success means end of file.
 * The page is held by a reference, not by a lock, while the copy may fault.
 */
static oskit_error_t ramfs_read_page(struct ramfs_file *file, struct sluice_uio *uio,
                                     oskit_u64_t offset, size_t *moved)
{
    oskit_u64_t within = offset % ENV_PAGE_SIZE;
    oskit_u64_t size = ENV_PAGE_SIZE - within;
    void *page = NULL;

    *moved = 0;
    env_spin_lock(&file->node.lock);
    oskit_u64_t left = offset < file->size ? file->size - offset : 0;
    if (left > 0)
        page = radix_get(&file->pages, offset >> ENV_PAGE_SHIFT);
    if (page)
        env_page_ref(page);
    env_spin_unlock(&file->node.lock);
    if (size > left)
        size = left;
    if (size == 0)
        return OSKIT_SUCCESS;
    if (!page)
        return uio_zero(uio, size, moved);
    oskit_error_t err = uio_write_to(uio, (char *)page + within, size, moved);
    env_page_unref(page);
    return err;
}

static oskit_error_t ramfs_preadv(sluice_absvec_t *self, struct sluice_uio *uio, oskit_off_t offset,
                                  oskit_u32_t flags, oskit_size_t *out_actual)
{
    struct ramfs_file *file = ramfs_file_of(self);
    oskit_error_t err = OSKIT_SUCCESS;
    oskit_size_t total = 0;
    size_t moved = 1;

    (void)flags;
    *out_actual = 0;
    if (offset < 0)
        return OSKIT_E_INVALIDARG;
    while (uio->left > 0 && moved > 0 && OSKIT_SUCCEEDED(err)) {
        err = ramfs_read_page(file, uio, (oskit_u64_t)offset + total, &moved);
        total += moved;
    }
    ramfs_node_accessed(&file->node);
    *out_actual = total;
    return total > 0 ? OSKIT_SUCCESS : err;
}

/* ---- Writing: file->mutex held ---- */

/*
 * Fills a hole. The new page is filled before it can be seen, so that a whole page needs no
 * zeroing; when a page fault has meanwhile put another one there, that one gets the bytes.
 */
static oskit_error_t ramfs_write_hole(struct ramfs_file *file, struct sluice_uio *uio,
                                      oskit_u64_t offset, size_t size, size_t *moved)
{
    oskit_u64_t within = offset % ENV_PAGE_SIZE;
    void *taken = NULL;

    if (!ramfs_reserve_page(file->node.fs))
        return OSKIT_ENOSPC;
    char *page = env_page_alloc(0, size < ENV_PAGE_SIZE ? ENV_ZERO : 0);
    oskit_error_t err = page ? uio_read_from(uio, page + within, size, moved) : OSKIT_ENOMEM;
    if (page && *moved < size && size == ENV_PAGE_SIZE)
        memset(page + *moved, 0, size - *moved);
    oskit_error_t put = OSKIT_SUCCESS;
    if (*moved > 0)
        put = ramfs_pages_insert(file, offset >> ENV_PAGE_SHIFT, page, false, &taken);
    if (*moved > 0 && !taken && OSKIT_SUCCEEDED(put))
        return err;
    if (taken) {
        memcpy((char *)taken + within, page + within, *moved);
        env_page_unref(taken);
    }
    if (page)
        env_page_unref(page);
    ramfs_return_pages(file->node.fs, 1);
    if (OSKIT_FAILED(put))
        *moved = 0;
    return OSKIT_FAILED(put) ? put : err;
}

/* The part of a write that falls into one page; the size grows by what moved. */
static oskit_error_t ramfs_write_page(struct ramfs_file *file, struct sluice_uio *uio,
                                      oskit_u64_t offset, size_t *moved)
{
    oskit_u64_t within = offset % ENV_PAGE_SIZE;
    size_t size = ENV_PAGE_SIZE - within;
    oskit_error_t err;

    *moved = 0;
    if (size > uio->left)
        size = uio->left;
    if (size > INT64_MAX - offset)
        size = INT64_MAX - offset;
    if ((file->seals & SEAL_GROW) && offset + size > file->size)
        return OSKIT_EPERM;
    char *page = ramfs_pages_get(file, offset >> ENV_PAGE_SHIFT);
    if (page) {
        err = uio_read_from(uio, page + within, size, moved);
        env_page_unref(page);
    } else {
        err = ramfs_write_hole(file, uio, offset, size, moved);
    }
    env_spin_lock(&file->node.lock);
    if (*moved > 0 && offset + *moved > file->size)
        file->size = offset + *moved;
    env_spin_unlock(&file->node.lock);
    return err;
}

static oskit_error_t ramfs_write(struct ramfs_file *file, struct sluice_uio *uio,
                                 oskit_u64_t offset, oskit_size_t *out_actual)
{
    oskit_error_t err = OSKIT_SUCCESS;
    size_t moved;

    if (uio->left > 0 && offset >= INT64_MAX)
        return OSKIT_EFBIG;
    if (uio->left > 0 && (file->seals & (SEAL_WRITE | SEAL_FUTURE_WRITE)))
        return OSKIT_EPERM;
    if (uio->left > 0)
        ramfs_file_zero_gap(file, offset);
    while (uio->left > 0 && OSKIT_SUCCEEDED(err) && offset + *out_actual < INT64_MAX) {
        err = ramfs_write_page(file, uio, offset + *out_actual, &moved);
        *out_actual += moved;
    }
    if (*out_actual > 0)
        ramfs_node_written(&file->node);
    return *out_actual > 0 ? OSKIT_SUCCESS : err;
}

static oskit_error_t ramfs_pwritev(sluice_absvec_t *self, struct sluice_uio *uio,
                                   oskit_off_t offset, oskit_u32_t flags, oskit_size_t *out_actual,
                                   oskit_off_t *out_end)
{
    struct ramfs_file *file = ramfs_file_of(self);

    *out_actual = 0;
    if (offset < 0 && !(flags & VECIO_APPEND))
        return OSKIT_E_INVALIDARG;
    env_mutex_lock(&file->mutex);
    oskit_u64_t start = flags & VECIO_APPEND ? ramfs_file_size(file) : (oskit_u64_t)offset;
    oskit_error_t err = ramfs_write(file, uio, start, out_actual);
    env_mutex_unlock(&file->mutex);
    if (out_end)
        *out_end = (oskit_off_t)(start + *out_actual);
    return err;
}

static const struct sluice_absvec_ops ramfs_absvec_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .preadv = ramfs_preadv,
    .pwritev = ramfs_pwritev,
};

/* ---- Mapping ---- */

/*
 * Reads of a hole get a page that stays, too, so that what is written later shows in the mapping;
 * only when the file system is full, one of their own.
 */
static oskit_error_t ramfs_getpage(sluice_pager_t *self, oskit_u64_t index, oskit_u32_t flags,
                                   void **out_page)
{
    struct ramfs_file *file = ramfs_file_of(self);

    env_spin_lock(&file->node.lock);
    bool inside = index < (file->size + ENV_PAGE_SIZE - 1) >> ENV_PAGE_SHIFT;
    *out_page = inside ? radix_get(&file->pages, index) : NULL;
    if (*out_page)
        env_page_ref(*out_page);
    env_spin_unlock(&file->node.lock);
    if (*out_page)
        return OSKIT_SUCCESS;
    if (!inside)
        return OSKIT_E_INVALIDARG;
    oskit_error_t err = ramfs_file_fill(file, index, true, out_page);
    if (err == OSKIT_ENOSPC && !(flags & PAGER_WRITE)) {
        *out_page = env_page_alloc(0, ENV_ZERO);
        err = *out_page ? OSKIT_SUCCESS : OSKIT_ENOMEM;
    }
    return err;
}

static struct mappings *ramfs_mappings(sluice_pager_t *self)
{
    return &ramfs_file_of(self)->mapped;
}

static const struct sluice_pager_ops ramfs_pager_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .getpage = ramfs_getpage,
    .mappings = ramfs_mappings,
};

/* ---- The seed's absio ---- */

static oskit_error_t ramfs_absio_read(oskit_absio_t *self, void *buf, oskit_off_t offset,
                                      oskit_size_t amount, oskit_size_t *out_actual)
{
    struct sluice_iovec segment;
    struct sluice_uio uio;

    uio_init_kernel(&uio, &segment, buf, amount);
    return ramfs_preadv(&ramfs_file_of(self)->absvec.i, &uio, offset, 0, out_actual);
}

static oskit_error_t ramfs_absio_write(oskit_absio_t *self, const void *buf, oskit_off_t offset,
                                       oskit_size_t amount, oskit_size_t *out_actual)
{
    struct sluice_iovec segment;
    struct sluice_uio uio;

    uio_init_kernel(&uio, &segment, (void *)buf, amount);
    return ramfs_pwritev(&ramfs_file_of(self)->absvec.i, &uio, offset, 0, out_actual, NULL);
}

static oskit_error_t ramfs_absio_getsize(oskit_absio_t *self, oskit_off_t *out_size)
{
    *out_size = (oskit_off_t)ramfs_file_size(ramfs_file_of(self));
    return OSKIT_SUCCESS;
}

static oskit_error_t ramfs_absio_setsize(oskit_absio_t *self, oskit_off_t new_size)
{
    if (new_size < 0)
        return OSKIT_E_INVALIDARG;
    return ramfs_file_truncate(ramfs_file_of(self), (oskit_u64_t)new_size);
}

static const struct oskit_absio_ops ramfs_absio_ops = {
    SLUICE_IUNKNOWN_SLOTS,          .read = ramfs_absio_read,       .write = ramfs_absio_write,
    .getsize = ramfs_absio_getsize, .setsize = ramfs_absio_setsize,
};

/* ---- The object ---- */

static const struct oskit_file_ops ramfs_file_ops = {
    SLUICE_IUNKNOWN_SLOTS,      .stat = ramfs_stat,         .setstat = ramfs_setstat,
    .pathconf = ramfs_pathconf, .sync = ramfs_sync,         .datasync = ramfs_sync,
    .access = ramfs_access,     .readlink = ramfs_readlink, .open = ramfs_open,
    .getfs = ramfs_getfs,
};

static void ramfs_file_destroy(struct sluice_object *object)
{
    struct ramfs_node *node = container_of(object, struct ramfs_node, object);
    struct ramfs_file *file = container_of(node, struct ramfs_file, node);

    ramfs_pages_free(file, 0, UINT64_MAX);
    ramfs_node_fini(node);
    env_free(file, sizeof *file);
}

/* The last row is for RAMFS_DYNAMIC only. The most asked for come first. */
static const struct sluice_interface ramfs_file_interfaces[] = {
    {&oskit_iunknown_iid, offsetof(struct ramfs_file, node.file), &ramfs_file_ops},
    {&sluice_filex_iid, offsetof(struct ramfs_file, node.filex), &ramfs_filex_ops},
    {&sluice_absvec_iid, offsetof(struct ramfs_file, absvec), &ramfs_absvec_ops},
    {&sluice_pager_iid, offsetof(struct ramfs_file, pager), &ramfs_pager_ops},
    {&oskit_file_iid, offsetof(struct ramfs_file, node.file), &ramfs_file_ops},
    {&oskit_posixio_iid, offsetof(struct ramfs_file, node.file), &ramfs_file_ops},
    {&oskit_absio_iid, offsetof(struct ramfs_file, absio), &ramfs_absio_ops},
    {&sluice_sealing_iid, offsetof(struct ramfs_file, sealing), &ramfs_sealing_ops},
    {&sluice_dynamic_iid, offsetof(struct ramfs_file, node.dynamic), &ramfs_dynamic_ops},
};

static const struct sluice_class ramfs_file_class[2] = {
    {"ramfs file", ramfs_file_interfaces, SLUICE_COUNT(ramfs_file_interfaces) - 1,
     ramfs_file_destroy},
    {"ramfs file", ramfs_file_interfaces, SLUICE_COUNT(ramfs_file_interfaces), ramfs_file_destroy},
};

oskit_error_t ramfs_file_create(struct ramfs *fs, struct ramfs_dir *owner, oskit_u32_t mode,
                                struct ramfs_node **out)
{
    struct ramfs_file *file = env_alloc(sizeof *file, ENV_ZERO);

    if (!file)
        return OSKIT_ENOMEM;
    mappings_init(&file->mapped);
    ramfs_node_init(&file->node, &ramfs_file_class[fs->flags & RAMFS_DYNAMIC], fs, owner,
                    OSKIT_S_IFREG | mode, 0);
    file->seals = SEAL_SEAL;
    *out = &file->node;
    return OSKIT_SUCCESS;
}
