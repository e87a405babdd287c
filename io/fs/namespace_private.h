/* What the files of the namespace share. Names and the lock order: name.h. */
#ifndef IO_FS_NAMESPACE_PRIVATE_H
#define IO_FS_NAMESPACE_PRIVATE_H

#include <sluice/namespace.h>
#include "name.h"
#include "namehash.h"

#define NAMESPACE_MAX_LINKS 40

struct namespace
{
    struct name_table names;
    struct env_mutex rename_mutex;
    struct env_spinlock mount_lock; /* the list, and each mount's place in the tree */
    struct list mounts;             /* in order of mounting; each holds the list's reference */
    struct mount *root;             /* immutable; on the list */
};

/*
 * A file system put over a name. Its references are the list's (while it is attached), one for each
 * location in it, and one for each mount on a name in it.
 */
struct mount {
    _Atomic oskit_u32_t references;
    _Atomic oskit_u32_t flags; /* MOUNT_* */
    struct namespace *ns;
    struct name *root;      /* immutable, with a reference */
    oskit_filesystem_t *fs; /* immutable, with a reference */
    char *type, *source;    /* immutable */
    struct list link;       /* mount_lock */
    struct location at;     /* mount_lock; empty: the root mount, or detached */
};

/* namespace_mount.c */
struct mount *mount_get(struct mount *mount);
void mount_put(struct mount *mount);
/* The mount on NAME in MOUNT with a reference, or NULL. */
struct mount *mount_on(struct mount *mount, struct name *name);
/* Where the root of MOUNT is attached, with references; false when it is nowhere. */
bool mount_above(struct mount *mount, struct location *out);

/* namespace_walk.c */
struct component {
    const char *text; /* not NUL-terminated */
    size_t length;    /* 0: the path has none (it is "/") */
    oskit_u32_t hash;
    bool last;
    bool slash; /* slashes follow it */
};

struct walker {
    struct namespace *ns;
    const struct location *root;
    struct location at;
    bool own_mount, own_name; /* whether `at` holds references or borrows them */
    bool directory;           /* a trailing slash: the answer must be a directory */
    const char *path;         /* as given */
    const char *rest;
    char *storage; /* what rest points into once a link was followed */
    size_t storage_size;
    unsigned links;
    bool follow; /* a link at the end too */
};

/* PATH must live as long as the walker. On failure there is nothing to finish. */
oskit_error_t walker_start(struct walker *w, const struct walk *walk, const char *path,
                           bool follow);
void walker_finish(struct walker *w);
/* Walks all the way: `at` is the answer. */
oskit_error_t walker_run(struct walker *w);
/*
 * Walks to the directory of the last component, which is in *COMPONENT: a name, or length 0, "." or
 * ".." (then component_is_dots). That the directory may be searched has been checked.
 */
oskit_error_t walker_run_parent(struct walker *w, struct component *component);
/* Goes on from there over NAME, the component's, which may be a link or a mount point; consumes the
 * reference. */
oskit_error_t walker_step(struct walker *w, const struct component *component, struct name *name);
/* Goes on from there over a component that is dots. */
void walker_dots(struct walker *w, const struct component *component);
/* `at` with references of its own. */
void walker_answer(struct walker *w, struct location *out);
bool component_is_dots(const struct component *component);

/* Finds or makes the name of COMPONENT in PARENT. *out may be negative (its file NULL). PARENT's
 * mutex is held. */
oskit_error_t name_resolve_locked(struct name *parent, const struct component *component,
                                  struct name **out);

#endif
