/* POSIX permission checks, for whoever keeps mode, owner and group of something. */
#ifndef SLUICE_PERMISSION_H
#define SLUICE_PERMISSION_H

#include <oskit/error.h>
#include <oskit/types.h>

/*
 * Whether the caller (env_identity) may do WANT (OSKIT_R_OK, W_OK, X_OK ored; 0 always passes) to a
 * file with these attributes: OSKIT_SUCCESS or OSKIT_EACCES. [thread]
 */
oskit_error_t permission_check(oskit_u32_t mode, oskit_u32_t uid, oskit_u32_t gid,
                               oskit_u32_t want);

#endif
