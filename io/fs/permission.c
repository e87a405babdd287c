/* Permission checks: see permission.h. */
#include <oskit/fs/file.h>
#include <oskit/io/posixio.h>
#include <sluice/env.h>
#include "permission.h"

/* CAPABILITY_DAC_OVERRIDE: read and write all, search every directory, and run what anybody may
 * run; CAPABILITY_DAC_READ_SEARCH: read all and search every directory. */
static bool permission_overridden(const struct env_identity *who, oskit_u32_t mode,
                                  oskit_u32_t want)
{
    bool harmless = OSKIT_S_ISDIR(mode) ? !(want & OSKIT_W_OK) : want == OSKIT_R_OK;

    if (harmless && env_identity_may(who, CAPABILITY_DAC_READ_SEARCH))
        return true;
    return env_identity_may(who, CAPABILITY_DAC_OVERRIDE) &&
           (!(want & OSKIT_X_OK) || OSKIT_S_ISDIR(mode) || (mode & 0111));
}

oskit_error_t permission_check(oskit_u32_t mode, oskit_u32_t uid, oskit_u32_t gid, oskit_u32_t want)
{
    struct env_identity who;
    oskit_u32_t granted;

    if (permission_all(mode, want))
        return OSKIT_SUCCESS;
    env_identity(&who);
    if (who.uid == uid)
        granted = mode >> 6;
    else if (env_in_group(gid))
        granted = mode >> 3;
    else
        granted = mode;
    return (granted & want) == want || permission_overridden(&who, mode, want) ? OSKIT_SUCCESS
                                                                               : OSKIT_EACCES;
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
