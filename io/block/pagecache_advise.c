/* What an open file's sync and advise come to, for those whose contents are a page cache. */
#include "pagecache_private.h"

oskit_error_t pagecache_sync_range(struct pagecache *cache, oskit_u32_t flags, oskit_u64_t first,
                                   oskit_u64_t last, oskit_u32_t *seen)
{
    if (flags & SYNC_WAIT_BEFORE)
        pagecache_wait(cache, first, last);
    if (flags & SYNC_WRITE)
        (void)pagecache_writeback(cache, first, last, false);
    if (flags & SYNC_WAIT_AFTER)
        pagecache_wait(cache, first, last);
    return flags & (SYNC_WAIT_BEFORE | SYNC_WAIT_AFTER) ? pagecache_error(cache, seen)
                                                        : OSKIT_SUCCESS;
}

/* Only whole pages are not needed any more. */
static void advise_drop(struct pagecache *cache, oskit_u64_t first, oskit_u64_t last)
{
    oskit_u64_t start = pages_of_size(first);
    oskit_u64_t end = last >= INT64_MAX ? CACHE_INDEX_MAX : page_index(last + 1);

    (void)pagecache_writeback(cache, first, last, false);
    if (start < end)
        pagecache_drop(cache, page_offset(start), page_offset(end) - 1);
}

oskit_error_t pagecache_advise(struct pagecache *cache, struct pagecache_reader *reader,
                               oskit_u32_t advice, oskit_u64_t first, oskit_u64_t last)
{
    switch (advice) {
    case ADVICE_NORMAL:
    case ADVICE_RANDOM:
    case ADVICE_SEQUENTIAL:
        env_spin_lock(&cache->lock);
        reader->advice = advice;
        env_spin_unlock(&cache->lock);
        return OSKIT_SUCCESS;
    case ADVICE_WILLNEED:
        pagecache_prefetch(cache, first, last);
        return OSKIT_SUCCESS;
    case ADVICE_DONTNEED:
        advise_drop(cache, first, last);
        return OSKIT_SUCCESS;
    case ADVICE_NOREUSE:
        return OSKIT_SUCCESS;
    default:
        return OSKIT_E_INVALIDARG;
    }
}
