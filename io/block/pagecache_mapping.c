/* The cache's side of the mappings of programs: see mappings.h for why nothing is missed. */
#include "pagecache_private.h"

void pagecache_unmap(struct pagecache *cache, oskit_u64_t first, oskit_u64_t last, bool copies)
{
    mappings_unmap(&cache->mappings, first, last + 1, copies);
}

void pagecache_unstore(struct pagecache *cache, oskit_u64_t first, oskit_u64_t last)
{
    (void)mappings_clean(&cache->mappings, first, last + 1);
}
