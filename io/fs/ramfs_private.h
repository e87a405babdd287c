/*
 * What the files of ramfs share.
 *
 * Ownership. A directory entry holds a reference to its node; a node holds the core of its ramfs
 * (struct ramfs, counted by `holders`), so that a file outlives its file system while somebody has
 * it open. The filesystem object holds the root. Parents are borrowed: a child's `parent` is good
 * while the entry that leads to it exists.
 *
 * Locks, in the order they are taken:
 *     ramfs.rename_mutex            renames and removals of directories: who is whose parent
 *       ramfs_dir.mutex             entries of one directory; two: ancestor first, else by address
 *         ramfs_file.mutex          size and contents by write, truncate and allocate
 *           (a page fault of the calling program: copies from user memory happen here)
 *             ramfs_node.lock       spinlock: attributes, parent, page table. Held for a few
 *                                   instructions, never across a copy, an allocation or a release
 *           ramfs_file.mapped       locks of address spaces, and in them node.lock: mappings.h
 * A page fault on a mapped file and a read take ramfs_node.lock only. So a program that reads a
 * file into a mapping of the same file doesn't lock itself out, nor does one that writes it from
 * there.
 */
#ifndef IO_FS_RAMFS_PRIVATE_H
#define IO_FS_RAMFS_PRIVATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <oskit/error.h>
#include <oskit/fs/dir.h>
#include <oskit/fs/file.h>
#include <oskit/fs/filesystem.h>
#include <oskit/fs/openfile.h>
#include <oskit/io/absio.h>
#include <oskit/io/posixio.h>
#include <sluice/dynamic.h>
#include <sluice/env.h>
#include <sluice/filex.h>
#include <sluice/fsnumber.h>
#include <sluice/list.h>
#include <sluice/object.h>
#include <sluice/pipe.h>
#include <sluice/radix.h>
#include <sluice/ramfs.h>
#include <sluice/sealing.h>
#include <sluice/string.h>
#include <sluice/vecio.h>

struct ramfs_dir;

struct ramfs {
    struct sluice_object object; /* the filesystem object */
    SLUICE_FACE(oskit_filesystem_t) filesystem;
    _Atomic oskit_u32_t holders; /* the filesystem object and every node; the last frees this */
    oskit_u32_t flags;           /* RAMFS_*; immutable */
    struct fs_number number;     /* immutable */
    oskit_u64_t page_limit;      /* immutable */
    _Atomic oskit_u64_t pages;   /* in files */
    _Atomic oskit_u64_t nodes;
    _Atomic oskit_u64_t next_ino;
    struct env_mutex rename_mutex;
    struct ramfs_dir *root; /* immutable until the filesystem object ends */
};

struct ramfs_node {
    struct sluice_object object;
    SLUICE_FACE(oskit_file_t) file; /* of a directory: an oskit_dir_t */
    SLUICE_FACE(sluice_filex_t) filex;
    SLUICE_FACE(sluice_dynamic_t) dynamic; /* with RAMFS_DYNAMIC */
    struct ramfs *fs;
    oskit_u64_t ino;
    struct env_spinlock lock; /* covers what follows */
    _Atomic oskit_u32_t mode; /* the type bits are immutable; read without the lock, too */
    oskit_u32_t uid, gid;
    oskit_u32_t nlink;
    oskit_u32_t rdev; /* immutable */
    bool unnamed;     /* made by tmpfile and not yet linked */
    oskit_s64_t atime, mtime, ctime, btime;
};

/* A regular file. */
struct ramfs_file {
    struct ramfs_node node;
    SLUICE_FACE(oskit_absio_t) absio;
    SLUICE_FACE(sluice_absvec_t) absvec;
    SLUICE_FACE(sluice_pager_t) pager;
    SLUICE_FACE(sluice_sealing_t) sealing;
    struct mappings mapped;
    struct env_mutex mutex;
    _Atomic oskit_u32_t seals; /* SEAL_*; changed with mutex and node.lock held */
    oskit_u32_t mappings;      /* that may write; node.lock */
    oskit_u64_t size;          /* node.lock; changed with mutex held as well */
    struct radix pages;        /* node.lock */
    oskit_u64_t page_count;    /* node.lock */
};

struct ramfs_entry {
    struct ramfs_entry *next; /* in its bucket */
    struct ramfs_node *node;  /* with a reference */
    oskit_u64_t cookie;       /* index in ramfs_dir.order */
    oskit_u32_t hash;
    oskit_u32_t length;
    char name[]; /* NUL-terminated */
};

struct ramfs_dir {
    struct ramfs_node node;
    struct env_mutex mutex;   /* covers what follows, but for parent */
    struct ramfs_dir *parent; /* node.lock; NULL once removed; the root's is itself */
    struct ramfs_entry **buckets;
    oskit_u32_t bucket_count;        /* a power of two, or 0 */
    _Atomic oskit_u32_t entry_count; /* read by stat without the mutex */
    oskit_u64_t next_cookie;
    struct radix order; /* entries by cookie */
    struct list reap;   /* for ramfs_dir_empty */
};

/* A symbolic link, FIFO, device node or socket. */
struct ramfs_special {
    struct ramfs_node node;
    char *target; /* symbolic link: its text, NUL-terminated */
    oskit_size_t target_length;
    struct fifo *fifo;
};

/* Cookies of "." and "..", and of the first entry. */
#define RAMFS_COOKIE_SELF   1u
#define RAMFS_COOKIE_PARENT 2u
#define RAMFS_COOKIE_FIRST  3u

/* ramfs.c */
void ramfs_hold(struct ramfs *fs);
void ramfs_drop(struct ramfs *fs);
bool ramfs_reserve_page(struct ramfs *fs); /* false: no space */
void ramfs_return_pages(struct ramfs *fs, oskit_u64_t count);

/* ramfs_node.c */
extern const struct sluice_filex_ops ramfs_filex_ops;
extern const struct sluice_dynamic_ops ramfs_dynamic_ops;
/* Starts the common part; OWNER is the directory it is made in (NULL: the root). The object is
 * counted from here on. */
void ramfs_node_init(struct ramfs_node *node, const struct sluice_class *class, struct ramfs *fs,
                     struct ramfs_dir *owner, oskit_u32_t mode, oskit_u32_t rdev);
/* Ends it; the caller frees the memory afterwards. */
void ramfs_node_fini(struct ramfs_node *node);
static inline struct ramfs_node *ramfs_node_of(const void *face)
{
    return container_of(SLUICE_OBJECT(face), struct ramfs_node, object);
}
/* The node behind a file of ramfs FS, or NULL when it is another's. Borrowed. */
struct ramfs_node *ramfs_node_in(struct ramfs *fs, oskit_file_t *file);
static inline void ramfs_node_release(struct ramfs_node *node)
{
    sluice_object_release(&node->object);
}
static inline bool ramfs_node_is_dir(const struct ramfs_node *node)
{
    return OSKIT_S_ISDIR(node->mode);
}
oskit_error_t ramfs_node_permission(struct ramfs_node *node, oskit_u32_t want);
/* Changes of nlink, with ctime. */
void ramfs_node_links(struct ramfs_node *node, int change);
#define RAMFS_TOUCH_MODIFY 1u /* mtime and ctime */
#define RAMFS_TOUCH_CHANGE 2u /* ctime */
void ramfs_node_touch(struct ramfs_node *node, oskit_u32_t what);
/* After a read: atime, unless it is newer than mtime and less than a day old. */
void ramfs_node_accessed(struct ramfs_node *node);
/* After a write by somebody else than root: the set-id bits go. */
void ramfs_node_written(struct ramfs_node *node);

/* Methods of the seed's posixio and file that all types share. SELF is the file (or dir) face. */
oskit_error_t ramfs_stat(oskit_file_t *self, oskit_stat_t *out);
oskit_error_t ramfs_setstat(oskit_file_t *self, oskit_u32_t mask, const oskit_stat_t *stats);
oskit_error_t ramfs_pathconf(oskit_file_t *self, oskit_s32_t option, oskit_s32_t *out_val);
oskit_error_t ramfs_sync(oskit_file_t *self, oskit_bool_t wait);
oskit_error_t ramfs_access(oskit_file_t *self, oskit_amode_t amode);
oskit_error_t ramfs_readlink(oskit_file_t *self, char *buf, oskit_u32_t len,
                             oskit_u32_t *out_actual);
oskit_error_t ramfs_open(oskit_file_t *self, oskit_u32_t oflags, oskit_openfile_t **out);
oskit_error_t ramfs_getfs(oskit_file_t *self, oskit_filesystem_t **out);

/* ramfs_file.c */
oskit_error_t ramfs_file_create(struct ramfs *fs, struct ramfs_dir *owner, oskit_u32_t mode,
                                struct ramfs_node **out);

/* ramfs_space.c */
oskit_u64_t ramfs_file_size(struct ramfs_file *file);
/*
 * The bytes behind the end in its page may be anything (a mapping can write them): before the end
 * moves over them they become zero.
 */
void ramfs_file_zero_gap(struct ramfs_file *file, oskit_u64_t offset);
/* Page INDEX with a reference, made when it is a hole. LIMIT: only up to the end of the file. */
oskit_error_t ramfs_file_fill(struct ramfs_file *file, oskit_u64_t index, bool limit, void **out);
oskit_error_t ramfs_file_truncate(struct ramfs_file *file, oskit_u64_t size);
oskit_error_t ramfs_file_allocate(struct ramfs_file *file, oskit_u32_t mode, oskit_off_t offset,
                                  oskit_off_t length);
oskit_error_t ramfs_file_seek(struct ramfs_file *file, oskit_off_t offset, bool hole,
                              oskit_off_t *out);
/* ramfs_seal.c */
extern const struct sluice_sealing_ops ramfs_sealing_ops;
/* OSKIT_EPERM when seals forbid the new permissions, or the new size (file->mutex held). */
oskit_error_t ramfs_seal_permits_mode(struct ramfs_node *node, oskit_u32_t mode);
oskit_error_t ramfs_seal_permits_size(struct ramfs_file *file, oskit_u64_t size);

/* ramfs_pages.c */
/* Page INDEX with a reference, or NULL (a hole). */
void *ramfs_pages_get(struct ramfs_file *file, oskit_u64_t index);
/*
 * Makes *PAGE (its reference passes to the file on success) page INDEX, unless there is one
 * already: then *taken is that one, with a reference, and *PAGE stays the caller's. LIMIT: fails
 * with OSKIT_E_INVALIDARG when the file has come to end before INDEX.
 */
oskit_error_t ramfs_pages_insert(struct ramfs_file *file, oskit_u64_t index, void *page, bool limit,
                                 void **taken);
/* Frees pages FIRST to LAST (inclusive). */
void ramfs_pages_free(struct ramfs_file *file, oskit_u64_t first, oskit_u64_t last);
/* Zeroes bytes [FROM, TO) where there are pages, TO within FROM's page or its end. */
void ramfs_pages_zero(struct ramfs_file *file, oskit_u64_t from, oskit_u64_t to);

/* ramfs_special.c */
oskit_error_t ramfs_special_create(struct ramfs *fs, struct ramfs_dir *owner,
                                   const struct filex_creation *creation, struct ramfs_node **out);

/* ramfs_dir.c */
oskit_error_t ramfs_dir_create(struct ramfs *fs, struct ramfs_dir *owner, oskit_u32_t mode,
                               struct ramfs_node **out);
/* Entries, with the directory's mutex held. */
struct ramfs_entry *ramfs_dir_find(const struct ramfs_dir *dir, const char *name);
oskit_error_t ramfs_dir_insert(struct ramfs_dir *dir, const char *name, struct ramfs_node *node);
struct ramfs_node *ramfs_dir_remove(struct ramfs_dir *dir, struct ramfs_entry *entry);
bool ramfs_dir_removed(const struct ramfs_dir *dir);
void ramfs_dir_set_parent(struct ramfs_dir *dir, struct ramfs_dir *parent);
/* Removes every entry below DIR, without recursion; nobody else uses the file system any more. */
void ramfs_dir_empty(struct ramfs_dir *dir);
oskit_error_t ramfs_dir_readdir(struct ramfs_dir *dir, oskit_u64_t *cookie,
                                bool (*emit)(void *arg, const struct filex_entry *entry),
                                void *arg);
static inline struct ramfs_dir *ramfs_dir_of_node(struct ramfs_node *node)
{
    return container_of(node, struct ramfs_dir, node);
}

/* ramfs_make.c */
bool ramfs_is_dots(const char *name);
oskit_error_t ramfs_make(struct ramfs_dir *dir, const char *name,
                         const struct filex_creation *creation, oskit_file_t **out);
/*
 * The system's own way in, without permission checks: the node NAME in DIR with a reference, made
 * as HOW says with owner UID and GID when it is absent and MAKE is set. A node that is there counts
 * when its type and rdev are HOW's (OSKIT_EEXIST otherwise).
 */
oskit_error_t ramfs_install(struct ramfs_dir *dir, const char *name,
                            const struct filex_creation *how, oskit_u32_t uid, oskit_u32_t gid,
                            bool make, struct ramfs_node **out);
/* Takes a device node out, if NAME is one of that type and number. */
void ramfs_uninstall(struct ramfs_dir *dir, const char *name, oskit_u32_t mode, oskit_u32_t rdev);
oskit_error_t ramfs_tmpfile(struct ramfs_dir *dir, oskit_u32_t mode, oskit_file_t **out);
/* OSKIT_SUCCESS when NAME can be a new name: no slash, not "." or "..", at most 255 bytes. */
oskit_error_t ramfs_name_check(const char *name);
/* Whether the caller may take NODE's entry out of DIR (write permission, sticky bit). */
oskit_error_t ramfs_may_remove(struct ramfs_dir *dir, struct ramfs_node *node);

/* ramfs_dirops.c: the dir interface. */
extern const struct oskit_dir_ops ramfs_dir_ops;

/* ramfs_rename.c */
oskit_error_t ramfs_rename(struct ramfs_dir *old_dir, const char *old_name,
                           struct ramfs_dir *new_dir, const char *new_name, oskit_u32_t flags);

#endif
