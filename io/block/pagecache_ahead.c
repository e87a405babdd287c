/*
 * Reading ahead. A reader that goes on where its last read ended is sequential: what it misses is
 * read together with a window of what comes next, and a page in that window carries CACHED_AHEAD.
 * When the reader gets to the mark, the next window, twice as large, is started in the background,
 * so that a steady reader never waits. One read elsewhere closes the window.
 *
 * In a cache that has all pages there are no marks, and a read costs nothing here.
 *
 * Locks: a reader's members are guarded by cache->lock.
 */
#include <sluice/sync.h>
#include "pagecache_private.h"

#define WINDOW_FIRST 4u              /* pages, and at least twice what is asked for */
#define WINDOW_MOST  (2 * CACHE_RUN) /* twice that with ADVICE_SEQUENTIAL */

static oskit_u32_t window_most(const struct pagecache_reader *reader)
{
    return reader->advice == ADVICE_SEQUENTIAL ? 2 * WINDOW_MOST : WINDOW_MOST;
}

static oskit_u32_t window_next(const struct pagecache_reader *reader, oskit_u64_t wanted)
{
    oskit_u64_t next = reader->window ? 2 * (oskit_u64_t)reader->window : 2 * wanted;

    if (next < WINDOW_FIRST)
        next = WINDOW_FIRST;
    return (oskit_u32_t)lesser(next, window_most(reader));
}

/* How many pages to read from FIRST on, of which WANTED are asked for; *mark as in fill. */
static oskit_u64_t reader_plan(struct pagecache *cache, struct pagecache_reader *reader,
                               oskit_u64_t first, oskit_u64_t wanted, oskit_u64_t *mark)
{
    oskit_u64_t count = wanted;

    *mark = CACHE_NO_MARK;
    if (!reader)
        return count;
    env_spin_lock(&cache->lock);
    if (reader_is_sequential(reader, first)) {
        reader->window = window_next(reader, wanted);
        if (count < reader->window)
            count = reader->window;
        *mark = first + (wanted < count ? wanted : count / 2);
    } else {
        reader->window = 0;
    }
    reader->ahead = first + count;
    env_spin_unlock(&cache->lock);
    return count;
}

oskit_error_t reader_missed(struct pagecache *cache, struct pagecache_reader *reader,
                            oskit_u64_t first, oskit_u64_t last)
{
    oskit_u64_t wanted = lesser(last - first + 1, CACHE_RUN), mark;
    oskit_u64_t count = reader_plan(cache, reader, first, wanted, &mark);
    struct page_wait wait;

    page_wait_init(&wait, first);
    oskit_error_t err = pagecache_fill(cache, first, count, mark, &wait);
    if (wait.queued)
        return page_wait_end(&wait, err);
    return OSKIT_FAILED(err) ? err : cached_page_wait(cache, first, CACHED_READING);
}

void reader_came_near(struct pagecache *cache, struct pagecache_reader *reader, oskit_u64_t index)
{
    env_spin_lock(&cache->lock);
    oskit_u32_t count = reader->window = window_next(reader, 1);
    oskit_u64_t first = index;
    while (first - index < WINDOW_MOST && cached_page_get(cache, first))
        first++;
    reader->ahead = first + count;
    env_spin_unlock(&cache->lock);
    /* An error is told to whoever needs the page. */
    (void)pagecache_fill(cache, first, count, first, NULL);
}

void pagecache_prefetch(struct pagecache *cache, oskit_u64_t first, oskit_u64_t last)
{
    if (first <= last)
        (void)pagecache_fill(cache, page_index(first), page_index(last) - page_index(first) + 1,
                             CACHE_NO_MARK, NULL);
}

oskit_u32_t pagecache_window(void)
{
    return WINDOW_MOST;
}
