/* Size and space of files of ramfs. Lock order: ramfs_private.h. */
#include "ramfs_private.h"

oskit_u64_t ramfs_file_size(struct ramfs_file *file)
{
    env_spin_lock(&file->node.lock);
    oskit_u64_t size = file->size;
    env_spin_unlock(&file->node.lock);
    return size;
}

void ramfs_file_zero_gap(struct ramfs_file *file, oskit_u64_t offset)
{
    oskit_u64_t size = ramfs_file_size(file);

    if (offset > size && size % ENV_PAGE_SIZE != 0)
        ramfs_pages_zero(file, size, offset);
}

oskit_error_t ramfs_file_truncate(struct ramfs_file *file, oskit_u64_t size)
{
    if (size > INT64_MAX)
        return OSKIT_EFBIG;
    env_mutex_lock(&file->mutex);
    oskit_error_t err = ramfs_seal_permits_size(file, size);
    if (OSKIT_FAILED(err)) {
        env_mutex_unlock(&file->mutex);
        return err;
    }
    ramfs_file_zero_gap(file, size);
    env_spin_lock(&file->node.lock);
    bool shorter = size < file->size;
    file->size = size;
    env_spin_unlock(&file->node.lock);
    if (shorter) {
        oskit_u64_t first = (size + ENV_PAGE_SIZE - 1) >> ENV_PAGE_SHIFT;
        ramfs_pages_free(file, first, UINT64_MAX);
        mappings_unmap(&file->mapped, first, UINT64_MAX, true);
        if (size % ENV_PAGE_SIZE != 0)
            ramfs_pages_zero(file, size, UINT64_MAX);
    }
    ramfs_node_written(&file->node);
    env_mutex_unlock(&file->mutex);
    return OSKIT_SUCCESS;
}

oskit_error_t ramfs_file_fill(struct ramfs_file *file, oskit_u64_t index, bool limit, void **out)
{
    void *page = NULL, *taken = NULL;
    oskit_error_t err = OSKIT_SUCCESS;

    if (!ramfs_reserve_page(file->node.fs))
        return OSKIT_ENOSPC;
    page = env_page_alloc(0, ENV_ZERO);
    if (page) {
        env_page_ref(page); /* the caller's, beside the file's */
        err = ramfs_pages_insert(file, index, page, limit, &taken);
    } else {
        err = OSKIT_ENOMEM;
    }
    if (OSKIT_SUCCEEDED(err) && !taken) {
        *out = page;
        return OSKIT_SUCCESS;
    }
    if (page) {
        env_page_unref(page);
        env_page_unref(page);
    }
    ramfs_return_pages(file->node.fs, 1);
    *out = taken;
    return err;
}

static void ramfs_punch(struct ramfs_file *file, oskit_u64_t from, oskit_u64_t to)
{
    oskit_u64_t first = (from + ENV_PAGE_SIZE - 1) >> ENV_PAGE_SHIFT;
    oskit_u64_t end = to >> ENV_PAGE_SHIFT;

    if (from % ENV_PAGE_SIZE != 0)
        ramfs_pages_zero(file, from, to);
    if (to % ENV_PAGE_SIZE != 0 && end >= first)
        ramfs_pages_zero(file, end << ENV_PAGE_SHIFT, to);
    if (first < end) {
        ramfs_pages_free(file, first, end - 1);
        mappings_unmap(&file->mapped, first, end, false);
    }
}

static oskit_error_t ramfs_preallocate(struct ramfs_file *file, oskit_u64_t from, oskit_u64_t to,
                                       bool grow)
{
    oskit_error_t err = OSKIT_SUCCESS;
    oskit_u64_t first = from >> ENV_PAGE_SHIFT, end = (to + ENV_PAGE_SIZE - 1) >> ENV_PAGE_SHIFT;

    for (oskit_u64_t i = first; i < end && OSKIT_SUCCEEDED(err); i++) {
        void *page = ramfs_pages_get(file, i);

        if (!page)
            err = ramfs_file_fill(file, i, false, &page);
        if (page)
            env_page_unref(page);
    }
    if (OSKIT_SUCCEEDED(err) && grow && to > ramfs_file_size(file)) {
        ramfs_file_zero_gap(file, to);
        env_spin_lock(&file->node.lock);
        file->size = to;
        env_spin_unlock(&file->node.lock);
    }
    return err;
}

/* What seals say to it: space behind the end counts as growth, whether or not the size changes. */
static oskit_error_t ramfs_allocate_permitted(struct ramfs_file *file, oskit_u32_t mode,
                                              oskit_u64_t end)
{
    if (mode & ALLOCATE_PUNCH_HOLE)
        return file->seals & (SEAL_WRITE | SEAL_FUTURE_WRITE) ? OSKIT_EPERM : OSKIT_SUCCESS;
    return (file->seals & SEAL_GROW) && end > file->size ? OSKIT_EPERM : OSKIT_SUCCESS;
}

oskit_error_t ramfs_file_allocate(struct ramfs_file *file, oskit_u32_t mode, oskit_off_t offset,
                                  oskit_off_t length)
{
    oskit_error_t err = OSKIT_SUCCESS;

    if (offset < 0 || length <= 0)
        return OSKIT_E_INVALIDARG;
    if (mode != 0 && mode != ALLOCATE_KEEP_SIZE &&
        mode != (ALLOCATE_PUNCH_HOLE | ALLOCATE_KEEP_SIZE))
        return OSKIT_EOPNOTSUPP;
    if (length > INT64_MAX - offset)
        return OSKIT_EFBIG;
    oskit_u64_t from = (oskit_u64_t)offset, to = from + (oskit_u64_t)length;
    env_mutex_lock(&file->mutex);
    err = ramfs_allocate_permitted(file, mode, to);
    if (OSKIT_SUCCEEDED(err) && (mode & ALLOCATE_PUNCH_HOLE))
        ramfs_punch(file, from, to);
    else if (OSKIT_SUCCEEDED(err))
        err = ramfs_preallocate(file, from, to, !(mode & ALLOCATE_KEEP_SIZE));
    if (OSKIT_SUCCEEDED(err))
        ramfs_node_written(&file->node);
    env_mutex_unlock(&file->mutex);
    return err;
}

#define RAMFS_SEEK_STEPS 64 /* pages looked at under one hold of the lock */

/*
 * The first page at *index or after that is a hole (HOLE) or data, looked for in a few steps:
 * *found says whether it was come upon. OSKIT_ENXIO when no data follow. Nothing keeps the file
 * still between the steps, as nothing does after the call.
 */
static oskit_error_t ramfs_seek_steps(struct ramfs_file *file, oskit_u64_t *index, bool hole,
                                      bool *found)
{
    oskit_error_t err = OSKIT_SUCCESS;

    env_spin_lock(&file->node.lock);
    *found = !hole || *index << ENV_PAGE_SHIFT >= file->size;
    if (!hole && !radix_next(&file->pages, index))
        err = OSKIT_ENXIO;
    for (unsigned i = 0; !*found && i < RAMFS_SEEK_STEPS; i++) {
        *found = !radix_get(&file->pages, *index);
        if (!*found)
            (*index)++;
    }
    env_spin_unlock(&file->node.lock);
    return err;
}

oskit_error_t ramfs_file_seek(struct ramfs_file *file, oskit_off_t offset, bool hole,
                              oskit_off_t *out)
{
    oskit_u64_t size = ramfs_file_size(file), place = (oskit_u64_t)offset;
    oskit_u64_t first = place >> ENV_PAGE_SHIFT, index = first;
    oskit_error_t err = offset < 0 || place >= size ? OSKIT_ENXIO : OSKIT_SUCCESS;
    bool found = false;

    while (OSKIT_SUCCEEDED(err) && !found)
        err = ramfs_seek_steps(file, &index, hole, &found);
    if (OSKIT_FAILED(err))
        return err;
    if (index > first)
        place = index << ENV_PAGE_SHIFT;
    if (place >= size && !hole)
        return OSKIT_ENXIO;
    *out = (oskit_off_t)(place < size ? place : size);
    return OSKIT_SUCCESS;
}
