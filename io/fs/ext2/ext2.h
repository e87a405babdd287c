/*
 * What the files of the ext2 family's file system share.
 *
 * Ownership. A node (struct ext2_node) is an inode in memory and the object that others hold; there
 * is one for each inode in use, found by number in a table that holds no reference. Nodes hold the
 * core of their file system (struct ext2, counted by `holders`), so that a file outlives the
 * filesystem object while somebody has it. The last holder closes the journal and writes the
 * superblock. A directory entry is on the disk: it holds nothing.
 *
 * Locks, in the order they are taken:
 *     ext2.rename_mutex             renames between directories and removals of directories
 *       ext2_node.mutex             of directories: ancestor first, else by address; then that of
 *                                   files: size and contents by write and truncate, the entries
 *         ext2.load[ino]            a node comes into being or ends
 *           a journal handle        (journal.h) begun outermost here, never above
 *             ext2.attribute_mutex  the counts of blocks of attributes
 *             ext2_node.map_mutex   which block of the disk a block of the file is
 *               ext2.orphan_mutex   the list of inodes to be deleted
 *                 ext2.alloc_mutex  bitmaps, group descriptors, counts
 *                   the journal's and the buffer cache's own
 *       ext2_node.lock, ext2.nodes_lock   spinlocks: attributes; the table of nodes
 *         the page cache's lock           inside of the first: a file's size
 * A page fault on a mapped file and write-back take map_mutex and what is below it. The last
 * reference to a node is given back with none of these held, for it may delete the file.
 */
#ifndef IO_FS_EXT2_EXT2_H
#define IO_FS_EXT2_EXT2_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <oskit/error.h>
#include <oskit/fs/dir.h>
#include <oskit/fs/file.h>
#include <oskit/fs/filesystem.h>
#include <oskit/io/absio.h>
#include <oskit/io/posixio.h>
#include <sluice/blockqueue.h>
#include <sluice/env.h>
#include <sluice/ext2.h>
#include <sluice/filesystemx.h>
#include <sluice/filex.h>
#include <sluice/list.h>
#include <sluice/object.h>
#include <sluice/pagecache.h>
#include <sluice/pipe.h>
#include <sluice/string.h>
#include <sluice/sync.h>
#include <sluice/vecio.h>
#include "../attributes.h"
#include "buffer.h"
#include "geometry.h"
#include "journal.h"
#include "layout.h"

#define EXT2_LOAD_STRIPES 16u
#define EXT2_BUCKETS      256u

/* Where a group's parts are: checked at the mount, immutable. */
struct ext2_group {
    oskit_u64_t block_bitmap, inode_bitmap, inode_table;
};

struct ext2 {
    struct sluice_object object; /* the filesystem object */
    SLUICE_FACE(oskit_filesystem_t) filesystem;
    SLUICE_FACE(sluice_filesystemx_t) filesystemx;
    SLUICE_FACE(sluice_fsname_t) fsname;
    _Atomic oskit_u32_t holders; /* the filesystem object and every node; the last frees this */
    sluice_blockqueue_t *device; /* held */
    oskit_iunknown_t *claim;     /* held; may be NULL */
    struct ext2_geometry g;      /* immutable, like the next */
    struct buffer_cache *buffers;
    struct journal *_Atomic journal; /* NULL: none, or none is open (sync.c) */
    _Atomic oskit_u32_t inside;      /* calls that may use it */
    _Atomic uintptr_t stopper;       /* the thread that stops the writing, or 0 */
    oskit_u32_t dev;
    bool noatime;
    bool never_write; /* features or the device forbid it */
    bool recovering;  /* mount time: inodes without links are looked at */
    char name[32];
    _Atomic bool read_only;
    _Atomic bool damaged;       /* a contradiction was met: e2fsck shall look */
    struct buffer *super_block; /* held; its data's struct is super */
    struct ext2_super_block *super;
    struct buffer **descs; /* desc_count of them, held */
    oskit_u32_t desc_count, loaded_groups;
    struct ext2_group *groups;
    oskit_u16_t state;               /* what s_state was at the mount */
    oskit_u64_t overhead;            /* blocks that can't be files' */
    _Atomic oskit_u32_t index_slots; /* of all directories' tables of names */
    _Atomic oskit_u32_t writers;     /* opens for writing */
    /* Of the next inode made: from a random number on, so that a number's next user is told from
     * the one before. */
    _Atomic oskit_u32_t next_generation;

    struct env_mutex alloc_mutex; /* guards the counts and bitmaps */
    oskit_u64_t free_blocks, free_inodes;
    oskit_u64_t reserved_blocks;

    struct env_mutex rename_mutex;
    struct env_mutex attribute_mutex; /* how many inodes share a block of attributes */
    struct env_mutex orphan_mutex;
    struct list orphans; /* nodes, in the order of the list on the disk */

    struct env_mutex load[EXT2_LOAD_STRIPES];
    struct env_spinlock nodes_lock; /* guards the next two and each node's dirty */
    struct list buckets[EXT2_BUCKETS];
    struct list dirty_nodes;
    struct ext2_node *root;
};

/* A journal handle between begin and end of the page cache's operations. */
struct ext2_write {
    struct journal_handle handle;
    uintptr_t thread; /* env_context */
    bool store;       /* the inode changed: into its buffer at the end */
    struct ext2_write *next;
};

struct ext2_node {
    struct sluice_object object;
    SLUICE_FACE(oskit_file_t) file; /* of a directory: an oskit_dir_t */
    SLUICE_FACE(sluice_filex_t) filex;
    SLUICE_FACE(sluice_xattr_t) xattr;
    SLUICE_FACE(sluice_xattrset_t) xattrset;
    SLUICE_FACE(sluice_fileflags_t) fileflags;
    struct ext2 *fs;
    oskit_u32_t ino, generation, rdev; /* immutable */
    struct list link;                  /* in its bucket */
    oskit_u32_t revived;               /* ends called off; under load */
    struct env_mutex mutex;
    struct env_mutex map_mutex;
    oskit_u32_t block[EXT2_BLOCK_SLOTS]; /* map_mutex; of a symbolic link its text, immutable */
    oskit_u64_t goal;                    /* map_mutex: where the next block would be good */
    _Atomic bool incapable; /* known to have no XATTR_CAPABILITY; changed with mutex held */

    struct env_spinlock lock; /* covers what follows */
    _Atomic oskit_u32_t mode; /* the type bits are immutable; read without the lock, too */
    oskit_u32_t uid, gid, nlink;
    _Atomic oskit_u32_t flags; /* EXT2_FLAG_; read without the lock, too */
    oskit_u64_t file_acl;
    oskit_u64_t sectors;
    oskit_u32_t dtime; /* what dtime holds; orphan_mutex */
    oskit_s64_t atime, mtime, ctime, btime;
    oskit_u64_t size;  /* of all but regular files (cache.size); changed with mutex held */
    journal_tid_t tid; /* of the last change that is in a buffer */
    bool changed;      /* something isn't in a buffer yet */
    bool unnamed;      /* made by tmpfile and not yet linked */

    bool dirty;             /* on fs->dirty_nodes; nodes_lock */
    struct list dirty_link; /* nodes_lock */
    bool orphan;            /* on fs->orphans; orphan_mutex */
    struct list orphan_link;

    /* Regular files. */
    bool cached; /* there is a cache: true of each, immutable */
    struct pagecache cache;
    struct journal_ordered ordered;
    struct ext2_write *writes; /* lock: those begun by the page cache */
    struct ext2_write write;   /* one of them; more are allocated */
    bool write_taken;          /* lock */

    struct fifo *fifo;        /* FIFOs */
    oskit_u64_t insert_hint;  /* directories: no room in blocks before; mutex */
    struct ext2_index *index; /* directories: index.c; mutex; may be NULL */
};

/* What one open of a regular file remembers. */
struct ext2_open {
    struct sluice_object object;
    SLUICE_FACE(oskit_posixio_t) posixio;
    SLUICE_FACE(sluice_absvec_t) absvec;
    SLUICE_FACE(sluice_pager_t) pager;
    SLUICE_FACE(oskit_absio_t) absio;
    SLUICE_FACE(sluice_sync_t) sync;
    struct ext2_node *node; /* held */
    bool writes;            /* counted in fs->writers */
    struct pagecache_reader reader;
};

/* ---- super.c ---- */

void ext2_hold(struct ext2 *fs);
void ext2_drop(struct ext2 *fs);
/* Something on the disk contradicts itself: says so in the log, marks the file system, and makes it
 * read-only if it is set so. Answers OSKIT_EUCLEAN. */
oskit_error_t ext2_damaged(struct ext2 *fs, const char *what, oskit_u64_t number);
static inline oskit_error_t ext2_writable(struct ext2 *fs)
{
    return atomic_load_explicit(&fs->read_only, memory_order_relaxed) ? OSKIT_EROFS : OSKIT_SUCCESS;
}
extern const struct oskit_filesystem_ops ext2_filesystem_ops;
extern const struct sluice_filesystemx_ops ext2_filesystemx_ops;
extern const struct sluice_fsname_ops ext2_fsname_ops;

/* ---- sync.c ---- */

/* Everything to the disk; the superblock's counts, too. */
/* The present counts go to the superblock. */
oskit_error_t ext2_super_log(struct ext2 *fs);
oskit_error_t ext2_sync(struct ext2 *fs, bool wait);
/* The disk says "in use" from now on, and changes are let in; or the other way. OSKIT_EROFS. */
oskit_error_t ext2_start_writing(struct ext2 *fs);
oskit_error_t ext2_stop_writing(struct ext2 *fs);
/* The last holder's: writes what is left, frees FS. */
void ext2_finish(struct ext2 *fs);
/* Around what uses the journal other than by a handle. */
void ext2_enter(struct ext2 *fs);
void ext2_leave(struct ext2 *fs);
/* journal_begin and its relatives, but OSKIT_EROFS where nothing may be changed; never nested. More
 * credits than a transaction has are cut to that. After a failed restart the handle has ended. */
oskit_error_t ext2_begin(struct ext2 *fs, oskit_u32_t credits, struct journal_handle *handle);
void ext2_end(struct ext2 *fs, struct journal_handle *handle);
oskit_error_t ext2_restart(struct ext2 *fs, struct journal_handle *handle, oskit_u32_t credits);
bool ext2_wait_free(struct ext2 *fs);

/* ---- mount.c ---- */

/* Opens the journal, if there is one, which replays it. */
oskit_error_t ext2_journal_open(struct ext2 *fs, bool read_only);

/* ---- group.c ---- */

oskit_error_t ext2_groups_load(struct ext2 *fs);
void ext2_groups_free(struct ext2 *fs);
struct ext2_group_desc *ext2_desc(struct ext2 *fs, oskit_u32_t group, struct buffer **out);
oskit_u32_t ext2_desc_free_blocks(const struct ext2 *fs, const struct ext2_group_desc *desc);
oskit_u32_t ext2_desc_free_inodes(const struct ext2 *fs, const struct ext2_group_desc *desc);
oskit_u32_t ext2_desc_used_dirs(const struct ext2 *fs, const struct ext2_group_desc *desc);
/* With alloc_mutex held, in HANDLE: changes the counts of GROUP. */
oskit_error_t ext2_group_count(struct ext2 *fs, struct journal_handle *handle, oskit_u32_t group,
                               int blocks, int inodes, int dirs);

/* ---- inode.c ---- */

/* The buffer that holds inode INO, and the inode in it; INO must be valid. */
oskit_error_t ext2_inode_get(struct ext2 *fs, oskit_u32_t ino, struct buffer **out,
                             struct ext2_inode **out_inode);
static inline bool ext2_ino_valid(const struct ext2 *fs, oskit_u32_t ino)
{
    return ino == EXT2_ROOT_INO || (ino >= fs->g.first_inode && ino <= fs->g.inode_count);
}
/* The same of reserved ones. */
static inline bool ext2_inode_exists(const struct ext2 *fs, oskit_u32_t ino)
{
    return ino > 0 && ino <= fs->g.inode_count;
}
/* Fills NODE from the disk. OSKIT_ENOENT: not in use. */
oskit_error_t ext2_inode_load(struct ext2_node *node);
/* Writes NODE's attributes, map and size into its buffer. FRESH: the inode is new, all of it. */
oskit_error_t ext2_inode_store(struct journal_handle *handle, struct ext2_node *node, bool fresh);
#define EXT2_CREDITS_INODE 1u

/* ---- node.c ---- */

/* The node of INO with a reference. */
oskit_error_t ext2_node_get(struct ext2 *fs, oskit_u32_t ino, struct ext2_node **out);
/* A node for an inode just allocated, with a reference; not yet found by number. */
oskit_error_t ext2_node_new(struct ext2 *fs, oskit_u32_t ino, oskit_u32_t mode, oskit_u32_t rdev,
                            struct ext2_node **out);
void ext2_node_publish(struct ext2_node *node);
void ext2_node_unpublish(struct ext2_node *node);
/* The last release. */
void ext2_node_destroy(struct sluice_object *object);
/* The node behind a face of ours. */
static inline struct ext2_node *ext2_node_of(const void *face)
{
    return container_of(SLUICE_OBJECT(face), struct ext2_node, object);
}
/* The node behind a file of FS, or NULL when it is another's. Borrowed. */
struct ext2_node *ext2_node_in(struct ext2 *fs, oskit_file_t *file);
static inline void ext2_node_put(struct ext2_node *node)
{
    if (node)
        sluice_object_release(&node->object);
}
static inline bool ext2_is_dir(const struct ext2_node *node)
{
    return OSKIT_S_ISDIR(node->mode);
}
static inline bool ext2_is_file(const struct ext2_node *node)
{
    return OSKIT_S_ISREG(node->mode);
}
oskit_u64_t ext2_node_size(struct ext2_node *node);
oskit_u64_t ext2_node_size_locked(struct ext2_node *node); /* with node->lock held */
/* Attributes were changed in memory only: they reach the disk by the next sync. */
void ext2_node_changed(struct ext2_node *node);
/* Brings what is in memory only into the inode's buffer. */
oskit_error_t ext2_node_flush(struct ext2_node *node);
/* The same, and the transaction waits for the file's contents. */
oskit_error_t ext2_node_flush_ordered(struct ext2_node *node);
/* Flushes every node on the list. */
oskit_error_t ext2_nodes_flush(struct ext2 *fs);

/* ---- attributes.c ---- */

struct file_owner ext2_node_owner(struct ext2_node *node);
/* Writing what is immutable is OSKIT_EPERM, for root as well. */
oskit_error_t ext2_permission(struct ext2_node *node, oskit_u32_t want);
#define EXT2_TOUCH_MODIFY 1u /* mtime and ctime */
#define EXT2_TOUCH_CHANGE 2u /* ctime */
/* TIME as this file system can say it: in whole UNITs of nanoseconds, or in seconds. Now, in ticks.
 */
oskit_s64_t ext2_time(const struct ext2 *fs, oskit_s64_t time, oskit_s64_t unit);
oskit_s64_t ext2_now(const struct ext2 *fs);
/* Times only in memory: the caller stores the inode, or ext2_node_changed; false: they are the same
 * as before. */
bool ext2_touch(struct ext2_node *node, oskit_u32_t what);
/* After a read: atime, as relatime has it. */
void ext2_accessed(struct ext2_node *node);
/* After a write: times, and the set-id bits go unless root wrote. */
void ext2_written(struct ext2_node *node);
void ext2_links(struct ext2_node *node, int change);
void ext2_node_stat(struct ext2_node *node, struct filex_stat *out);
oskit_error_t ext2_node_setattr(struct ext2_node *node, oskit_u32_t mask,
                                const struct filex_attributes *a);

/* ---- filex.c ---- */

extern const struct sluice_filex_ops ext2_filex_ops;

/* ---- posixio.c: the seed's methods on any node ---- */

oskit_error_t ext2_stat(oskit_file_t *self, oskit_stat_t *out);
oskit_error_t ext2_setstat(oskit_file_t *self, oskit_u32_t mask, const oskit_stat_t *stats);
oskit_error_t ext2_pathconf(oskit_file_t *self, oskit_s32_t option, oskit_s32_t *out_val);
oskit_error_t ext2_file_sync(oskit_file_t *self, oskit_bool_t wait);
oskit_error_t ext2_file_datasync(oskit_file_t *self, oskit_bool_t wait);
oskit_error_t ext2_access(oskit_file_t *self, oskit_amode_t amode);
oskit_error_t ext2_readlink(oskit_file_t *self, char *buf, oskit_u32_t len,
                            oskit_u32_t *out_actual);
oskit_error_t ext2_file_open(oskit_file_t *self, oskit_oflags_t flags, struct oskit_openfile **out);
oskit_error_t ext2_getfs(oskit_file_t *self, oskit_filesystem_t **out);
extern const struct oskit_file_ops ext2_file_ops;
extern const struct oskit_dir_ops ext2_dir_ops;

/* ---- map.c, extent.c ---- */

/*
 * Where block INDEX of NODE is: *block, or 0 for a hole, and in *count how many blocks (1..MAX)
 * from there on lie in one run, or in the hole. With map_mutex held.
 */
oskit_error_t ext2_map_find(struct ext2_node *node, oskit_u64_t index, oskit_u64_t max,
                            oskit_u64_t *block, oskit_u64_t *count);
oskit_error_t ext2_extent_find(struct ext2_node *node, oskit_u64_t index, oskit_u64_t max,
                               oskit_u64_t *block, oskit_u64_t *count);
/* Takes map_mutex itself. */
oskit_error_t ext2_map_get(struct ext2_node *node, oskit_u64_t index, oskit_u64_t max,
                           oskit_u64_t *block, oskit_u64_t *count);
/* Blocks that a file of this file system can have. */
oskit_u64_t ext2_map_limit(const struct ext2 *fs);
/* The place of an index in the tree: slots[0] in the inode, the others in each indirect block.
 * Returns how many, 0 when the index is past the limit. */
unsigned ext2_map_path(const struct ext2 *fs, oskit_u64_t index, oskit_u32_t slots[4]);

/* ---- fill.c ---- */

/*
 * Makes sure, with map_mutex held and in HANDLE, that block INDEX and those after it, up to COUNT,
 * have blocks. *done says for how many from INDEX on it is so now (> 0 with success), *fresh
 * whether any was a hole.
 */
oskit_error_t ext2_map_fill(struct journal_handle *handle, struct ext2_node *node,
                            oskit_u64_t index, oskit_u64_t count, oskit_u64_t *done, bool *fresh);
#define EXT2_CREDITS_FILL 12u /* one call: bitmap, descriptor and an indirect block, three deep */

/* ---- truncate.c ---- */

/* Frees all blocks from INDEX on, in several transactions; the node is on the list of orphans or
 * its size says so already. No handle open; the node's mutex is held. */
oskit_error_t ext2_truncate_blocks(struct ext2_node *node, oskit_u64_t index);
/* Bytes FROM to TO - 1 of a regular file become a hole. With a journal, and the node's mutex held.
 */
oskit_error_t ext2_punch(struct ext2_node *node, oskit_u64_t from, oskit_u64_t to);
/* Sets the size of a regular file; takes its mutex. */
oskit_error_t ext2_truncate(struct ext2_node *node, oskit_u64_t size);
/* The end of a node without links, at its last release: blocks and number are free. */
oskit_error_t ext2_delete(struct ext2_node *node);

/* ---- balloc.c ---- */

/*
 * Takes up to COUNT blocks in one run, near GOAL. OSKIT_ENOSPC (blocks that others have freed may
 * still be waiting for a commit: journal_wait_free).
 */
oskit_error_t ext2_balloc(struct ext2 *fs, struct journal_handle *handle, oskit_u64_t goal,
                          oskit_u64_t count, oskit_u64_t *out_first, oskit_u64_t *out_count);
oskit_error_t ext2_bfree(struct ext2 *fs, struct journal_handle *handle, oskit_u64_t first,
                         oskit_u64_t count);
#define EXT2_CREDITS_BITMAP 2u /* one group: its bitmap and its descriptor */

/* ---- ialloc.c ---- */

oskit_error_t ext2_ialloc(struct ext2 *fs, struct journal_handle *handle, struct ext2_node *dir,
                          bool is_dir, oskit_u32_t *out_ino);
oskit_error_t ext2_ifree(struct ext2 *fs, struct journal_handle *handle, oskit_u32_t ino,
                         bool is_dir);

/* ---- orphan.c ---- */

oskit_error_t ext2_orphan_add(struct journal_handle *handle, struct ext2_node *node);
oskit_error_t ext2_orphan_remove(struct journal_handle *handle, struct ext2_node *node);
#define EXT2_CREDITS_ORPHAN 2u
/* The node ends: off the list in memory, if it is still there. */
void ext2_orphan_forget(struct ext2_node *node);
/* At the mount: ends what a crash left undone. */
void ext2_orphans_recover(struct ext2 *fs);

/* ---- dir.c: entries, with the directory's mutex held ---- */

/* A place in a directory. */
struct ext2_entry {
    struct buffer *buffer; /* held */
    oskit_u32_t offset;    /* in it */
    oskit_u32_t previous;  /* of the entry before in the block; offset itself for the first */
    oskit_u64_t index;     /* of the block in the directory */
    oskit_u32_t ino;
};
static inline void ext2_entry_put(struct ext2_entry *entry)
{
    buffer_put(entry->buffer);
    entry->buffer = NULL;
}
/* OSKIT_ENOENT. The caller puts the entry. */
oskit_error_t ext2_dir_find(struct ext2_node *dir, const char *name, struct ext2_entry *out);
/* The entry at OFFSET of BLOCK's data, or NULL when it makes no sense. */
struct ext2_dir_entry *ext2_dir_entry_at(struct ext2 *fs, struct buffer *block, oskit_u32_t offset);
oskit_error_t ext2_dir_readdir(struct ext2_node *dir, oskit_u64_t *cookie,
                               bool (*emit)(void *arg, const struct filex_entry *entry), void *arg);
/* The block INDEX of DIR with a reference, or *out NULL: a hole of *skip blocks. */
oskit_error_t ext2_dir_block(struct ext2_node *dir, oskit_u64_t index, struct buffer **out,
                             oskit_u64_t *skip);
oskit_u8_t ext2_dir_type(oskit_u32_t mode);

/* ---- index.c: where names may be, with the directory's mutex held ---- */

/* Whether there is a table; one is made if it is worth while and possible. */
bool ext2_index_ready(struct ext2_node *dir);
/* The next block in which NAME may be; *AT is 0 at first. */
bool ext2_index_next(const struct ext2_node *dir, const char *name, oskit_u32_t *at,
                     oskit_u64_t *block);
/* NAME is in block BLOCK now. */
void ext2_index_add(struct ext2_node *dir, const char *name, oskit_u64_t block);
/* Also when the node ends. */
void ext2_index_drop(struct ext2_node *dir);

/* ---- entries.c: changing them, with the mutex held and in a handle ---- */

oskit_error_t ext2_dir_insert(struct journal_handle *handle, struct ext2_node *dir,
                              const char *name, struct ext2_node *node);
oskit_error_t ext2_dir_remove(struct journal_handle *handle, struct ext2_node *dir,
                              struct ext2_entry *entry);
/* ENTRY (also "..") leads to NODE from now on. DIR's times are the caller's. */
oskit_error_t ext2_dir_set(struct journal_handle *handle, struct ext2_node *dir,
                           struct ext2_entry *entry, struct ext2_node *node);
oskit_error_t ext2_dir_empty(struct ext2_node *dir); /* OSKIT_ENOTEMPTY */
/* The first block, with "." and "..". */
oskit_error_t ext2_dir_format(struct journal_handle *handle, struct ext2_node *dir,
                              struct ext2_node *parent);
#define EXT2_CREDITS_INSERT (EXT2_CREDITS_FILL + 2u) /* with the directory's inode */

/* ---- make.c, link.c, rename.c ---- */

bool ext2_is_dots(const char *name);
oskit_error_t ext2_name_check(const char *name);
oskit_error_t ext2_may_remove(struct ext2_node *dir, struct ext2_node *node);
/* DIR's mutex held: it was removed. */
static inline bool ext2_dir_gone(const struct ext2_node *dir)
{
    return dir->nlink == 0;
}
oskit_error_t ext2_make(struct ext2_node *dir, const char *name,
                        const struct filex_creation *creation, oskit_file_t **out);
oskit_error_t ext2_tmpfile(struct ext2_node *dir, oskit_u32_t mode, oskit_file_t **out);
oskit_error_t ext2_link(struct ext2_node *dir, const char *name, struct ext2_node *node);
oskit_error_t ext2_unlink(struct ext2_node *dir, const char *name);
oskit_error_t ext2_rmdir(struct ext2_node *dir, const char *name);
oskit_error_t ext2_rename(struct ext2_node *old_dir, const char *old_name,
                          struct ext2_node *new_dir, const char *new_name, oskit_u32_t flags);
oskit_u32_t ext2_link_max(const struct ext2_node *node);
/* The entry NAME of DIR, whose mutex is held, and its node; the caller puts both. After a failure
 * neither is there. */
oskit_error_t ext2_dir_get(struct ext2_node *dir, const char *name, struct ext2_entry *entry,
                           struct ext2_node **out);
/* A name that led to NODE is gone: its links, and the list of orphans with the last. */
oskit_error_t ext2_unlinked(struct journal_handle *handle, struct ext2_node *node);

/* ---- types.c ---- */

/* The class of nodes with that type in MODE. */
const struct sluice_class *ext2_node_class(oskit_u32_t mode);
/* Whether the text of a symbolic link is in its inode. */
bool ext2_link_is_fast(struct ext2_node *node);

/* ---- cache.c, file.c ---- */

extern const struct pagecache_ops ext2_cache_ops;
oskit_error_t ext2_open_create(struct ext2_node *node, oskit_u32_t oflags, oskit_iunknown_t **out);

/* ---- space.c ---- */

oskit_error_t ext2_allocate(struct ext2_node *node, oskit_u32_t mode, oskit_off_t offset,
                            oskit_off_t length);
oskit_error_t ext2_seek(struct ext2_node *node, oskit_off_t offset, bool hole, oskit_off_t *out);
oskit_error_t ext2_fsync(struct ext2_node *node, bool data_only);
/* Files are smaller than this. */
oskit_u64_t ext2_size_limit(const struct ext2 *fs);

/* ---- xattr.c ---- */

extern const struct sluice_xattr_ops ext2_xattr_ops;

/* ---- xattr_set.c ---- */

extern const struct sluice_xattrset_ops ext2_xattrset_ops;
/* The node ends: its block of attributes goes, unless other inodes share it. */
oskit_error_t ext2_xattr_free(struct journal_handle *handle, struct ext2_node *node);
/* A regular file loses its XATTR_CAPABILITY: it is about to be something else than what was
 * trusted. [thread] */
oskit_error_t ext2_capability_drop(struct ext2_node *node);
/* Takes the mutex of a node that has none then; or has, after a failure. [thread] */
oskit_error_t ext2_lock_incapable(struct ext2_node *node);

/* ---- flags.c ---- */

extern const struct sluice_fileflags_ops ext2_fileflags_ops;
/* Those that may be given to a node of its type. */
oskit_u32_t ext2_flags_of(const struct ext2_node *node);
/* OSKIT_EPERM for what is immutable; and, where it is about more than growing, what may only grow.
 */
oskit_error_t ext2_may_touch(const struct ext2_node *node);
oskit_error_t ext2_may_alter(const struct ext2_node *node);

#endif
