/*
 * synthfs: a read-mostly file system whose files are made by functions; /proc and /sys are two of
 * them.
 *
 * The owner supplies a tree of static nodes, and for directories that come and go (one per process)
 * two functions. Contents are produced into a growing buffer when the file is opened (first read),
 * so that a reader sees one consistent text.
 */
#ifndef SLUICE_SYNTHFS_H
#define SLUICE_SYNTHFS_H

#include <oskit/com.h>
#include <oskit/error.h>
#include <oskit/fs/filesystem.h>
#include <sluice/namespace.h>
#include <oskit/types.h>
#include <stdbool.h>

/*
 * A growing text. Memory for it is taken without sleeping, so show, each and find may write to it
 * with locks of their own held; when memory runs out the reader gets OSKIT_ENOMEM. printf's d i u x
 * X o p c s and %%, with -, 0, #, +, width, precision (of s) and h, l, ll, z, j.
 */
struct synth_text;
void synth_printf(struct synth_text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void synth_append(struct synth_text *text, const void *bytes, size_t size);

struct synth_node {
    const char *name;
    oskit_mode_t mode; /* type and permissions: regular, directory or symbolic link */
    /* Regular file: writes the contents. KEY is that of the dynamic directory around it (a pid), or
     * 0. Error codes go to the reader (OSKIT_ESRCH ...). */
    oskit_error_t (*show)(oskit_u64_t key, struct synth_text *text);
    /* Regular file: stat tells the contents' size, for readers that read as much as it says and no
     * more. Without it the size is 0, as in Linux's /proc. */
    bool sized;
    /* Regular file: whether the caller may open it, beyond its permissions; NULL: yes. */
    oskit_error_t (*permit)(oskit_u64_t key);
    /* Regular file: a write from a program, of at most 65536 bytes, NUL-terminated; NULL refuses
     * with OSKIT_EACCES. */
    oskit_error_t (*store)(oskit_u64_t key, const char *text, size_t size);
    /* Symbolic link: its text goes through show. A "magic" link (/proc/PID/fd/N, exe, cwd) also
     * gives the location itself. */
    oskit_error_t (*follow)(oskit_u64_t key, struct location *out);
    /* Directory: static children (ended by one with a NULL name), */
    const struct synth_node *children;
    /* and children that come and go: calls EMIT(arg, name, key) for each; the child is a copy of
     * TEMPLATE with that name and key. Keys differ within a directory and stay with a child as
     * long as it is there: they are its place when the directory is read in pieces. */
    void (*each)(oskit_u64_t key, void (*emit)(void *arg, const char *name, oskit_u64_t key),
                 void *arg);
    /* Finds one by name; OSKIT_ENOENT. */
    oskit_error_t (*find)(oskit_u64_t key, const char *name, oskit_u64_t *out_key);
    const struct synth_node *template;
    /* Permissions that differ by key, instead of mode's. */
    oskit_mode_t (*permissions)(oskit_u64_t key);
    /* Owner of the node; NULL means root. */
    void (*owner)(oskit_u64_t key, oskit_uid_t *uid, oskit_gid_t *gid);
};

/* A file system showing the tree below ROOT (a directory node, static storage). */
oskit_error_t synthfs_create(const struct synth_node *root, oskit_filesystem_t **out);

#endif
