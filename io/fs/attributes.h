/*
 * What file systems agree on about attributes: who may change them, what a change makes of them,
 * and how the seed's stat is told in filex's terms.
 *
 * Nothing here locks or keeps anything; a file system brings what its node holds.
 */
#ifndef IO_FS_ATTRIBUTES_H
#define IO_FS_ATTRIBUTES_H

#include <stdbool.h>
#include <oskit/error.h>
#include <oskit/fs/file.h>
#include <oskit/io/posixio.h>
#include <oskit/types.h>
#include <sluice/env.h>
#include <sluice/filex.h>

/* What setattr decides by. A node copies it under its lock, checks without, and changes only if it
 * is still the same: the checks may sleep, and meanwhile another may give the file away. */
struct file_owner {
    oskit_u32_t mode, uid, gid;
};

struct file_times {
    oskit_s64_t atime, mtime, ctime;
};

/* Whether WHO may change what MASK (FILEX_*) names to A: setattr's errors. [thread] */
oskit_error_t attributes_check(const struct file_owner *owner, oskit_u32_t mask,
                               const struct filex_attributes *a, const struct env_identity *who);
/* Whether set-group-id stays when WHO changes the mode of a file of OWNER. [thread] */
bool attributes_keep_sgid(const struct file_owner *owner, oskit_u32_t mask,
                          const struct filex_attributes *a, const struct env_identity *who);
/* Changes OWNER and TIMES as MASK and A say, all but the size; NOW becomes ctime. [any] */
void attributes_change(struct file_owner *owner, struct file_times *times, oskit_u32_t mask,
                       const struct filex_attributes *a, bool keep_sgid, oskit_s64_t now);

/* The set-id bits of MODE that go when the contents or the owner change: set-group-id without group
 * execution means locking. [any] */
oskit_u32_t attributes_set_id_bits(oskit_u32_t mode);

/* The seed's stat and setstat of the file behind FILEX. [thread] */
oskit_error_t attributes_stat(sluice_filex_t *filex, oskit_stat_t *out);
oskit_error_t attributes_setstat(sluice_filex_t *filex, oskit_u32_t mask,
                                 const oskit_stat_t *stats);
/* The seed's pathconf of a file that may have LINKS names. OSKIT_E_INVALIDARG: no such option.
 * [any] */
oskit_error_t attributes_pathconf(oskit_s32_t option, oskit_u32_t links, oskit_s32_t *out_val);

#endif
