/*
 * Names: one component in one directory, remembered with the file it stands for.
 *
 * A table finds a name by (parent, text). Each name holds its parent and its file; the table holds
 * every name in it, and forgets the least recently used ones that nobody else holds when there are
 * more than it was told to keep. A name whose file is NULL says that there is no such file; such
 * names are never handed out of the namespace.
 *
 * A name's file never changes: when a file comes or goes the name is replaced. Its place (parent
 * and text) changes by rename only.
 *
 * Locks. Changes of what is in a directory, and of the names below it, happen with the
 * directory name's mutex held, which makes "look into the directory, remember the answer" one step.
 *     namespace.rename_mutex       renames between directories
 *       name.mutex                 two: ancestor first, else by address
 *         locks of the file system
 *           name_table.lru_lock    spinlock: order of use
 *             name_table.tree_lock spinlock: parent and text of names
 *               mount_lock         spinlock of the namespace: what is mounted where
 *             name_bucket.lock     spinlock: one chain of the table
 * A name found in the table may be used without any of them: a reference is enough.
 */
#ifndef IO_FS_NAME_H
#define IO_FS_NAME_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <oskit/fs/dir.h>
#include <oskit/fs/file.h>
#include <sluice/dynamic.h>
#include <sluice/env.h>
#include <sluice/filex.h>
#include <sluice/list.h>

#define NAME_INLINE 32

struct name_bucket {
    struct env_spinlock lock;
    struct name *first;
};

struct name_table {
    struct name_bucket *buckets;
    oskit_u32_t bucket_count; /* a power of two */
    oskit_u32_t keep;         /* names remembered beyond use */
    struct env_spinlock tree_lock;
    struct env_spinlock lru_lock;
    struct list lru;           /* every name in the table, the longest unused first */
    oskit_u32_t lru_count;     /* lru_lock */
    _Atomic oskit_u32_t alive; /* names not yet freed */
};

struct name {
    _Atomic oskit_u32_t references; /* one of them is the table's */
    _Atomic oskit_u32_t mounts;     /* mounted on it */
    _Atomic bool recent;            /* used since the table last looked */
    _Atomic bool deleted;           /* its file was unlinked, or something renamed over it */
    bool anonymous;                 /* in no directory: its text is its path; immutable */
    bool unlinkable;                /* its file may get no name of a directory; immutable */
    struct name_table *table;
    oskit_file_t *file; /* NULL: no such file */
    oskit_dir_t *dir;   /* of a directory */
    sluice_filex_t *filex;
    sluice_dynamic_t *dynamic;
    oskit_u32_t type;    /* OSKIT_S_IFMT bits */
    oskit_u32_t hash;    /* of the text; bucket lock, tree_lock */
    oskit_u32_t length;  /* likewise */
    struct name *parent; /* with a reference; NULL of a root; tree_lock */
    char *text;          /* NUL-terminated; bucket lock, tree_lock */
    struct name *chain;  /* bucket lock */
    bool hashed;         /* bucket lock */
    struct list lru;     /* lru_lock */
    struct env_mutex mutex;
    char inline_text[NAME_INLINE];
};

oskit_error_t name_table_init(struct name_table *table, oskit_u32_t buckets, oskit_u32_t keep);
/* Every name must be gone. */
void name_table_fini(struct name_table *table);

/*
 * A name that isn't in the table yet, with one reference. Takes its own on PARENT (NULL: a root)
 * and FILE (NULL: no such file). OSKIT_ENOMEM, or what stat of FILE said.
 */
oskit_error_t name_create(struct name_table *table, struct name *parent, const char *text,
                          size_t length, oskit_u32_t hash, oskit_file_t *file, struct name **out);
static inline struct name *name_get(struct name *name)
{
    atomic_fetch_add_explicit(&name->references, 1, memory_order_relaxed);
    return name;
}
void name_put(struct name *name); /* NULL is ignored [thread] */

/* The name of that text in PARENT, with a reference, or NULL when the table doesn't know. */
struct name *name_find(struct name *parent, const char *text, size_t length, oskit_u32_t hash);
/* Puts NAME in the table. The parent's mutex is held and no other name is in that place. */
void name_enter(struct name *name);
/* Takes it out, if it is in; afterwards nobody finds it. */
void name_leave(struct name *name);
/* Its file has lost this name: takes it out for good. */
void name_delete(struct name *name);
/* Forgets all names below ROOT that nobody holds (NULL: all names). [thread] */
void name_forget(struct name_table *table, struct name *root);

/* A place for a name to go: made beforehand so that the change itself can't fail. */
struct name_place {
    struct name *parent; /* borrowed */
    char *text;
    oskit_u32_t length, hash;
};
oskit_error_t name_place_init(struct name_place *place, struct name *parent, const char *text,
                              size_t length, oskit_u32_t hash);
void name_place_fini(struct name_place *place);
/* Moves NAME there and leaves its old text in PLACE, to be freed. Mutexes of both parents are held.
 */
void name_move(struct name *name, struct name_place *place);

/* The parent with a reference, or NULL. */
struct name *name_parent(struct name *name);
/* Whether ABOVE is NAME or an ancestor of it. */
bool name_is_within(struct name *name, struct name *above);

#endif
