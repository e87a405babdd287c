/*
 * Descriptor tables: numbers to open files, with the close-on-exec bit. Lookups take a reference;
 * the fast one doesn't when the table belongs to a single thread (nobody else can close it during
 * the call).
 */
#ifndef KERNEL_SYS_FDTAB_H
#define KERNEL_SYS_FDTAB_H

#include <stdbool.h>
#include <stdint.h>
#include "kernel/cpu/spinlock.h"
#include "kernel/sys/openfile.h"
#include "kernel/task/process.h"

struct fdtab {
    _Atomic uint32_t references; /* processes that share it, and whoever looks at it */
    spinlock_t lock;             /* guards the rest */
    uint32_t capacity;           /* a multiple of 64 */
    struct openfile **files;
    uint64_t *used, *cloexec; /* bitmaps */
    uint32_t lowest;          /* no free descriptor below */
    _Atomic bool claims; /* its owner has record locks, or is told of messages: closing ends it */
};

struct fdtab *fdtab_create(void);
struct fdtab *fdtab_copy(struct fdtab *from); /* fork: descriptors share the open files */
void fdtab_ref(struct fdtab *table);          /* CLONE_FILES */
void fdtab_unref(struct fdtab *table);        /* the last one closes all */
static inline uint32_t fdtab_users(struct fdtab *table)
{
    return atomic_load_explicit(&table->references, memory_order_relaxed);
}
void fdtab_close_on_exec(struct fdtab *table);

/* A reference, or NULL (EBADF). */
struct openfile *fdtab_get(struct fdtab *table, int fd);
/* For the length of a system call: *put says whether fdput has to drop a reference. */
struct fd {
    struct openfile *file;
    bool put;
};
struct fd fd_get(int fd); /* no O_PATH files: these only name something */
struct fd fd_get_path(int fd);
struct fd fd_get_slowly(int fd);
static inline void fd_put(struct fd fd)
{
    if (fd.put)
        openfile_unref(fd.file);
}

/* Only the calling thread can change TABLE, its process's. */
static inline bool fdtab_is_own(struct fdtab *table, const struct process *process)
{
    return process->thread_count == 1 && fdtab_users(table) == 1;
}

/* The lock is held, or TABLE is the thread's own. */
static inline struct openfile *fdtab_at(const struct fdtab *table, int fd)
{
    return (uint32_t)fd < table->capacity ? table->files[fd] : NULL;
}

/* fd_get for calls that do little else. */
static inline struct fd fd_get_inline(int number)
{
    struct process *process = current_process();
    struct fdtab *table = process->fds;
    if (__builtin_expect(fdtab_is_own(table, process), 1)) {
        struct openfile *file = fdtab_at(table, number);
        if (__builtin_expect(file && !openfile_is_path(file), 1))
            return (struct fd){file, false};
    }
    return fd_get_slowly(number);
}

/*
 * A look at many descriptors of the current process at once. FILES[fd] for fd < CAPACITY is the
 * open file or NULL, borrowed until fdtab_view_end. May hold a spinlock: be brief and don't sleep.
 */
struct fdtab_view {
    struct openfile **files;
    uint32_t capacity;
    struct fdtab *locked; /* NULL when the table is the thread's own */
};
void fdtab_view_begin(struct fdtab_view *view);
void fdtab_view_end(struct fdtab_view *view);

/* Lowest free number >= LEAST, bounded by RLIMIT_NOFILE; takes over a reference of FILE on success.
 * -ABI_EMFILE, -ABI_ENOMEM. */
int fdtab_install(struct fdtab *table, struct openfile *file, int least, bool cloexec);
/* Whether RLIMIT_NOFILE leaves room for one more, now. */
bool fdtab_has_room(struct fdtab *table);
/* Puts FILE at exactly FD, closing what was there. -ABI_EBADF beyond the limit. */
int fdtab_replace(struct fdtab *table, struct openfile *file, int fd, bool cloexec);
int fdtab_close(struct fdtab *table, int fd);
/* The process set record locks, or asked to be told of a queue's messages: from now on closing
 * looks for these. */
void fdtab_note_claims(struct fdtab *table);
int fdtab_close_range(struct fdtab *table, uint32_t first, uint32_t last, bool only_cloexec);
int fdtab_get_cloexec(struct fdtab *table, int fd);
int fdtab_set_cloexec(struct fdtab *table, int fd, bool cloexec);
uint32_t fdtab_capacity(struct fdtab *table); /* descriptors it has room for, for /proc */
/* The first descriptor >= FD in use, or -1; for /proc/PID/fd. */
int fdtab_next(struct fdtab *table, int fd);

#endif
