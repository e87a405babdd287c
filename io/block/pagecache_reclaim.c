/*
 * Giving pages up: because memory is short, or because somebody says that they are not needed.
 *
 * Only pages that are clean, idle and held by nobody else go. Under pressure a hand goes round each
 * cache, and the caches take turns: a page that was used since the hand's last visit loses one
 * degree of heat instead. What was read once goes before what was read again.
 *
 * Locks: cache->lock for moments, and nothing is allocated nor waited for: whoever allocates memory
 * may call this, whatever else it holds.
 */
#include "pagecache_private.h"

/* Pages looked at under one hold of a lock. */
#define SCAN_BATCH 64u

struct scan {
    struct pagecache *cache;
    oskit_u64_t index, last; /* from where, to where */
    bool spare;              /* pages that are warm cool down instead of going */
    size_t wanted;
    unsigned looked, taken;
    struct cached_page *pages[SCAN_BATCH];
};

static bool page_may_go(struct cached_page *page, bool spare)
{
    if ((page->flags & (CACHED_BUSY | CACHED_DIRTY)) || page->waiters ||
        env_page_shared(page->data))
        return false;
    if (!spare || page->heat == 0)
        return true;
    page->heat--;
    return false;
}

/* One hold of the lock. false: the range is at its end. */
static bool scan_step(struct scan *scan)
{
    struct radix_pool pool = {0};
    struct cached_page *page = NULL;
    unsigned looked = 0;

    scan->taken = 0;
    env_spin_lock(&scan->cache->lock);
    while (looked < SCAN_BATCH && scan->taken < scan->wanted && scan->index <= scan->last &&
           (page = radix_next(&scan->cache->pages, &scan->index)) && page->index <= scan->last) {
        if (page_may_go(page, scan->spare)) {
            cached_page_remove(scan->cache, page, &pool);
            scan->pages[scan->taken++] = page;
        }
        looked++;
        scan->index++;
    }
    env_spin_unlock(&scan->cache->lock);
    scan->looked += looked;
    scan->wanted -= scan->taken;
    for (unsigned i = 0; i < scan->taken; i++)
        cached_page_destroy(scan->pages[i]);
    radix_pool_drain(&pool);
    return looked > 0;
}

static size_t drop_range(struct pagecache *cache, oskit_u64_t first, oskit_u64_t last)
{
    struct scan scan = {.cache = cache, .index = first, .last = last, .wanted = SIZE_MAX};

    while (scan_step(&scan))
        ;
    return SIZE_MAX - scan.wanted;
}

void pagecache_drop(struct pagecache *cache, oskit_u64_t first, oskit_u64_t last)
{
    if (first <= last)
        (void)drop_range(cache, page_index(first), page_index(last));
}

oskit_size_t pagecache_drop_all(void)
{
    oskit_u64_t visit = pagecache_visit_begin();
    struct pagecache *cache = NULL;
    oskit_size_t dropped = 0;

    while ((cache = pagecache_visit_next(visit, cache)))
        dropped += drop_range(cache, 0, UINT64_MAX);
    return dropped;
}

/* Moves the hand of one cache on, over MOST pages at most and once around. */
static size_t reclaim_cache(struct pagecache *cache, size_t wanted, size_t most)
{
    struct scan scan = {.cache = cache, .last = UINT64_MAX, .spare = true, .wanted = wanted};
    bool wrapped = false;

    env_spin_lock(&cache->lock);
    scan.index = cache->hand;
    most = (size_t)lesser(most, cache->page_count);
    env_spin_unlock(&cache->lock);
    while (scan.wanted > 0 && scan.looked < most) {
        if (scan_step(&scan))
            continue;
        if (wrapped)
            break;
        wrapped = true;
        scan.index = 0;
    }
    env_spin_lock(&cache->lock);
    cache->hand = scan.index;
    env_spin_unlock(&cache->lock);
    return wanted - scan.wanted;
}

/* Gives every cache its turn, up to MOST pages each. */
static size_t reclaim_round(size_t wanted, size_t most)
{
    oskit_u32_t turns = pagecache_count_caches();
    struct pagecache *cache = NULL;
    size_t freed = 0;

    while (turns-- > 0 && freed < wanted && (cache = pagecache_next(cache)))
        freed += reclaim_cache(cache, wanted - freed, most);
    if (cache)
        pagecache_unhold(cache);
    return freed;
}

/* A part of each cache first; when all of that is warm, whole laps, as many as cool the hottest
 * page and take it: much at once, but then there are many cold pages for those who ask next. */
static size_t pagecache_reclaim(void *arg, size_t wanted)
{
    size_t freed = reclaim_round(wanted, 4 * wanted + SCAN_BATCH);

    (void)arg;
    for (unsigned lap = 0; lap <= CACHED_HEAT_MAX && freed < wanted; lap++)
        freed += reclaim_round(wanted - freed, SIZE_MAX);
    if (freed < wanted)
        pagecache_limit_press();
    return freed;
}

static struct env_reclaim reclaim = {.reclaim = pagecache_reclaim};

void pagecache_reclaim_start(void)
{
    env_reclaim_register(&reclaim);
}
