/* Who may read and set extended attributes: the same on all file systems. */
#ifndef IO_FS_XATTR_ACCESS_H
#define IO_FS_XATTR_ACCESS_H

#include <stdbool.h>
#include <oskit/error.h>
#include "attributes.h"

/*
 * Whether the caller may read or (CHANGE) set and remove attribute NAME of a file of OWNER. "user."
 * goes by the file's permissions, and only regular files and directories have any; "trusted." is
 * for CAPABILITY_SYS_ADMIN; "security." is that one's to set, but "security.capability" is
 * CAPABILITY_SETFCAP's. OSKIT_EPERM, OSKIT_EACCES; OSKIT_ENODATA: to this caller
 * there is none. [thread]
 */
oskit_error_t xattr_access(const struct file_owner *owner, const char *name, bool change);
/* Whether the caller is shown names that begin with PREFIX. [thread] */
bool xattr_is_listed(const char *prefix);

#endif
