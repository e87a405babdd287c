/* A change of one name: the walk to its directory, and the name there. */
#ifndef IO_FS_NAMESPACE_CHANGE_H
#define IO_FS_NAMESPACE_CHANGE_H

#include "namespace_private.h"
#include "notify_private.h"

struct change {
    struct walker walker; /* stands at the parent */
    struct component component;
    struct name *parent;     /* borrowed from the walker */
    struct notify_told told; /* whom the change is to be told, once nothing is locked */
    char text[NAME_MAX_LENGTH + 1];
};

/* Walks to the parent of PATH's last component, which may be dots. On failure there is nothing to
 * finish. */
oskit_error_t change_start(struct change *change, const struct walk *walk, const char *path);
void change_finish(struct change *change);
/* OSKIT_EROFS on a mount that is read-only. */
oskit_error_t change_allowed(const struct change *change);

#endif
