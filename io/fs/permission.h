/* Beside <sluice/permission.h>: what only file systems need. */
#ifndef IO_FS_PERMISSION_H
#define IO_FS_PERMISSION_H

#include <stdbool.h>
#include <oskit/error.h>
#include <oskit/types.h>
#include <sluice/permission.h>

/* Whether everybody may do WANT: the common case, which needs no identity and no lock. [any] */
static inline bool permission_all(oskit_u32_t mode, oskit_u32_t want)
{
    return (mode & (mode >> 3) & (mode >> 6) & want & 7) == want;
}

/* What opening with OFLAGS (OSKIT_O_*) wants of the file. */
oskit_u32_t permission_of_oflags(oskit_u32_t oflags);

#endif
