/* The page table of a file of ramfs. Lock order: ramfs_private.h; here only node.lock is taken. */
#include "ramfs_private.h"

#define RAMFS_FREE_BATCH 32 /* pages taken out under one hold of the lock */

void *ramfs_pages_get(struct ramfs_file *file, oskit_u64_t index)
{
    env_spin_lock(&file->node.lock);
    void *page = radix_get(&file->pages, index);
    if (page)
        env_page_ref(page);
    env_spin_unlock(&file->node.lock);
    return page;
}

/* With node.lock held: whether byte 0 of page INDEX lies before the end. */
static bool ramfs_pages_inside(const struct ramfs_file *file, oskit_u64_t index)
{
    return index < (file->size >> ENV_PAGE_SHIFT) + (file->size % ENV_PAGE_SIZE != 0);
}

/*
 * One try with what the pool has. Returns the number of nodes still missing, 0 when it is decided:
 * PAGE is in, or *TAKEN is the one that was there, or *err says that the file ends before.
 */
static unsigned ramfs_pages_try(struct ramfs_file *file, oskit_u64_t index, void *page, bool limit,
                                struct radix_pool *pool, void **taken, oskit_error_t *err)
{
    unsigned need = 0;

    env_spin_lock(&file->node.lock);
    *taken = radix_get(&file->pages, index);
    if (limit && !ramfs_pages_inside(file, index)) {
        *taken = NULL;
        *err = OSKIT_E_INVALIDARG;
    } else if (*taken) {
        env_page_ref(*taken);
    } else if ((need = radix_need(&file->pages, index)) <= pool->count) {
        radix_put(&file->pages, index, page, pool);
        file->page_count++;
        need = 0;
    }
    env_spin_unlock(&file->node.lock);
    return need;
}

oskit_error_t ramfs_pages_insert(struct ramfs_file *file, oskit_u64_t index, void *page, bool limit,
                                 void **taken)
{
    struct radix_pool pool = {0};
    oskit_error_t err = OSKIT_SUCCESS;
    unsigned need;

    do {
        need = ramfs_pages_try(file, index, page, limit, &pool, taken, &err);
        if (need > 0)
            err = radix_pool_fill(&pool, need);
    } while (need > 0 && OSKIT_SUCCEEDED(err));
    radix_pool_drain(&pool);
    return err;
}

/* Takes up to RAMFS_FREE_BATCH pages out of [*first, LAST] and moves *first behind them. */
static unsigned ramfs_pages_detach(struct ramfs_file *file, oskit_u64_t *first, oskit_u64_t last,
                                   void **batch, struct radix_pool *pool)
{
    unsigned count = 0;
    bool more = true;

    env_spin_lock(&file->node.lock);
    while (more && count < RAMFS_FREE_BATCH) {
        oskit_u64_t index = *first;

        more = radix_next(&file->pages, &index) && index <= last;
        if (more) {
            batch[count++] = radix_remove(&file->pages, index, pool);
            *first = index + 1; /* indices have 52 bits */
        }
    }
    file->page_count -= count;
    env_spin_unlock(&file->node.lock);
    return count;
}

void ramfs_pages_free(struct ramfs_file *file, oskit_u64_t first, oskit_u64_t last)
{
    struct radix_pool pool = {0};
    void *batch[RAMFS_FREE_BATCH];
    unsigned count;

    do {
        count = ramfs_pages_detach(file, &first, last, batch, &pool);
        for (unsigned i = 0; i < count; i++)
            env_page_unref(batch[i]);
        radix_pool_drain(&pool);
        ramfs_return_pages(file->node.fs, count);
    } while (count == RAMFS_FREE_BATCH);
}

void ramfs_pages_zero(struct ramfs_file *file, oskit_u64_t from, oskit_u64_t to)
{
    oskit_u64_t index = from >> ENV_PAGE_SHIFT;
    oskit_u64_t end = (index + 1) << ENV_PAGE_SHIFT;
    void *page = from < to ? ramfs_pages_get(file, index) : NULL;

    if (!page)
        return;
    memset((char *)page + from % ENV_PAGE_SIZE, 0, (to < end ? to : end) - from);
    env_page_unref(page);
}
