/* Who may read and set extended attributes: see xattr_access.h. */
#include "xattr_access.h"
#include <sluice/env.h>
#include <sluice/filesystemx.h>
#include <sluice/string.h>
#include "permission.h"

static bool begins(const char *name, const char *prefix)
{
    return strncmp(name, prefix, strlen(prefix)) == 0;
}

/* Anybody could fill a device node, or a directory like /tmp, that isn't his. */
static bool has_user_attributes(const struct file_owner *owner, bool change,
                                const struct env_identity *who)
{
    if (OSKIT_S_ISREG(owner->mode))
        return true;
    if (!OSKIT_S_ISDIR(owner->mode))
        return false;
    return !change || !(owner->mode & OSKIT_S_ISVTX) || who->uid == owner->uid ||
           env_identity_may(who, CAPABILITY_FOWNER);
}

oskit_error_t xattr_access(const struct file_owner *owner, const char *name, bool change)
{
    oskit_error_t hidden = change ? OSKIT_EPERM : OSKIT_ENODATA;
    struct env_identity who;

    env_identity(&who);
    if (strcmp(name, XATTR_CAPABILITY) == 0)
        return change && !env_identity_may(&who, CAPABILITY_SETFCAP) ? OSKIT_EPERM : OSKIT_SUCCESS;
    if (begins(name, "security."))
        return change && !env_identity_may(&who, CAPABILITY_SYS_ADMIN) ? OSKIT_EPERM
                                                                       : OSKIT_SUCCESS;
    if (begins(name, "system."))
        return OSKIT_SUCCESS; /* whoever has such attributes has rules for them */
    if (begins(name, "trusted."))
        return env_identity_may(&who, CAPABILITY_SYS_ADMIN) ? OSKIT_SUCCESS : hidden;
    if (begins(name, "user.") && !has_user_attributes(owner, change, &who))
        return hidden;
    return permission_check(owner->mode, owner->uid, owner->gid, change ? OSKIT_W_OK : OSKIT_R_OK);
}

bool xattr_is_listed(const char *prefix)
{
    return !begins(prefix, "trusted.") || env_capable(CAPABILITY_SYS_ADMIN);
}
