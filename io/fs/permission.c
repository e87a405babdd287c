/* Permission checks: see permission.h. */
#include <oskit/fs/file.h>
#include <oskit/io/posixio.h>
#include <sluice/env.h>
#include "permission.h"

/* Root may read and write all, search every directory, and run what anybody may run. */
static bool permission_root(oskit_u32_t mode, oskit_u32_t want)
{
    return !(want & OSKIT_X_OK) || OSKIT_S_ISDIR(mode) || (mode & 0111);
}

oskit_error_t permission_check(oskit_u32_t mode, oskit_u32_t uid, oskit_u32_t gid, oskit_u32_t want)
{
    struct env_identity who;
    oskit_u32_t granted;

    if (permission_all(mode, want))
        return OSKIT_SUCCESS;
    env_identity(&who);
    if (who.root)
        return permission_root(mode, want) ? OSKIT_SUCCESS : OSKIT_EACCES;
    if (who.uid == uid)
        granted = mode >> 6;
    else if (env_in_group(gid))
        granted = mode >> 3;
    else
        granted = mode;
    return (granted & want) == want ? OSKIT_SUCCESS : OSKIT_EACCES;
}

oskit_u32_t permission_of_oflags(oskit_u32_t oflags)
{
    oskit_u32_t want = 0;

    if (oflags & OSKIT_O_RDONLY)
        want |= OSKIT_R_OK;
    if (oflags & (OSKIT_O_WRONLY | OSKIT_O_TRUNC))
        want |= OSKIT_W_OK;
    return want;
}
