/* The cache's side of the mappings of programs. */
#include "pagecache_private.h"

void pagecache_unmap(struct pagecache *cache, oskit_u64_t first, oskit_u64_t last, bool copies)
{
    (void)cache, (void)first, (void)last, (void)copies;
}

void pagecache_unstore(struct pagecache *cache, oskit_u64_t first, oskit_u64_t last)
{
    (void)cache, (void)first, (void)last;
}
