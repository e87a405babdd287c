/* POSIX permission checks for file systems that keep mode, owner and group. */
#ifndef IO_FS_PERMISSION_H
#define IO_FS_PERMISSION_H

#include <stdbool.h>
#include <oskit/error.h>
#include <oskit/types.h>

/*
 * Whether the caller (env_identity) may do WANT (OSKIT_R_OK, W_OK, X_OK ored; 0 always passes) to a
 * file with these attributes: OSKIT_SUCCESS or OSKIT_EACCES. [thread]
 */
oskit_error_t permission_check(oskit_u32_t mode, oskit_u32_t uid, oskit_u32_t gid,
                               oskit_u32_t want);

/* Whether everybody may do WANT: the common case, which needs no identity and no lock. [any] */
static inline bool permission_all(oskit_u32_t mode, oskit_u32_t want)
{
    return (mode & (mode >> 3) & (mode >> 6) & want & 7) == want;
}

/* What opening with OFLAGS (OSKIT_O_*) wants of the file. */
oskit_u32_t permission_of_oflags(oskit_u32_t oflags);

#endif
