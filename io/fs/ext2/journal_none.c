/*
 * Without a journal: what journal.h says of a NULL one. Weak, so that the journal takes its place
 * by being there.
 */
#include "journal.h"
#include <stdint.h>
#include <sluice/string.h>

#define NONE __attribute__((weak))

NONE oskit_error_t journal_open(const struct journal_config *c, struct journal_replay *r,
                                struct journal **o)
{
    (void)c;
    (void)r;
    *o = NULL;
    return OSKIT_EOPNOTSUPP;
}
NONE oskit_error_t journal_close(struct journal *j)
{
    (void)j;
    return 0;
}
NONE oskit_error_t journal_begin(struct journal *j, oskit_u32_t c, struct journal_handle *h)
{
    (void)c;
    memset(h, 0, sizeof *h);
    h->journal = j;
    return 0;
}
NONE void journal_end(struct journal_handle *h)
{
    (void)h;
}
NONE oskit_error_t journal_extend(struct journal_handle *h, oskit_u32_t c)
{
    (void)h;
    (void)c;
    return 0;
}
NONE oskit_error_t journal_restart(struct journal_handle *h, oskit_u32_t c)
{
    (void)h;
    (void)c;
    return 0;
}
NONE oskit_u32_t journal_credits(const struct journal_handle *h)
{
    (void)h;
    return UINT32_MAX;
}
NONE oskit_u32_t journal_credits_max(struct journal *j)
{
    (void)j;
    return UINT32_MAX;
}
NONE journal_tid_t journal_tid(const struct journal_handle *h)
{
    (void)h;
    return 0;
}
NONE oskit_error_t journal_access(struct journal_handle *h, struct buffer *b)
{
    (void)h;
    (void)b;
    return 0;
}
NONE void journal_dirty(struct journal_handle *h, struct buffer *b)
{
    (void)h;
    buffer_dirty(b);
}
NONE oskit_error_t journal_forget(struct journal_handle *h, struct buffer *b)
{
    (void)h;
    struct buffer_cache *c = b->cache;
    oskit_u64_t n = b->block;
    buffer_put(b);
    buffer_forget(c, n);
    return 0;
}
NONE oskit_error_t journal_revoke(struct journal_handle *h, oskit_u64_t b)
{
    (void)h;
    (void)b;
    return 0;
}
NONE oskit_error_t journal_free_bits(struct journal_handle *h, struct buffer *b, oskit_u32_t f,
                                     oskit_u32_t c)
{
    (void)h;
    (void)b;
    (void)f;
    (void)c;
    return 0;
}
NONE void journal_busy(struct journal *j, struct buffer *b, struct journal_busy *o)
{
    (void)j;
    (void)b;
    o->bits[0] = o->bits[1] = 0;
}
NONE bool journal_wait_free(struct journal *j)
{
    (void)j;
    return false;
}
NONE void journal_add_ordered(struct journal_handle *h, struct journal_ordered *o)
{
    (void)h;
    (void)o;
}
NONE void journal_remove_ordered(struct journal *j, struct journal_ordered *o)
{
    (void)j;
    (void)o;
}
NONE oskit_error_t journal_commit_wait(struct journal *j, journal_tid_t t)
{
    (void)j;
    (void)t;
    return 0;
}
NONE oskit_error_t journal_fsync(struct journal *j, journal_tid_t t)
{
    (void)j;
    (void)t;
    return 0;
}
NONE oskit_error_t journal_sync(struct journal *j, bool w)
{
    (void)j;
    (void)w;
    return 0;
}
NONE oskit_error_t journal_checkpoint(struct journal *j)
{
    (void)j;
    return 0;
}
NONE oskit_error_t journal_error(struct journal *j)
{
    (void)j;
    return 0;
}
