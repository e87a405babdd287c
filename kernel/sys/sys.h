/*
 * What the system-call files share. A call is `long sys_NAME(long ...)`, named in
 * kernel/abi/syscalls.tbl; it finds the object behind its arguments, calls one of its interfaces,
 * and returns a value or a negative errno.
 */
#ifndef KERNEL_SYS_SYS_H
#define KERNEL_SYS_SYS_H

#include <stdint.h>
#include <sluice/filex.h>
#include <sluice/uio.h>
#include "kernel/abi/errno.h"
#include "kernel/abi/types.h"
#include "kernel/mem/usercopy.h"
#include "kernel/sys/fdtab.h"
#include "kernel/sys/openfile.h"
#include "kernel/sys/waitloop.h"
#include "kernel/task/process.h"
#include "kernel/task/signal.h"

#define SYSCALL_PROTOTYPES
#include "syscall_table.inc"
#undef SYSCALL_PROTOTYPES

/* prctl(2)'s options about capabilities; -ABI_EINVAL: it is none of them (sys_capability.c). */
long prctl_capabilities(long option, long a, long b, long c, long d);

/* A user path in kernel memory. */
#define PATH_SIZE  4096
#define PATH_BRIEF 176 /* most paths fit, and need no memory of their own */
struct path {
    char *text; /* `brief`, a page, or NULL */
    char brief[PATH_BRIEF];
};
/* -ABI_EFAULT, -ABI_ENAMETOOLONG, -ABI_ENOMEM. path_free also after a failure. */
long path_get(struct path *path, long user);
void path_free(struct path *path);

/* A path with a walk to where it begins; path_walk_end also after a failure. */
struct path_walk {
    struct path path;
    struct walk_context context;
};
long path_walk_begin(struct path_walk *walk, long dirfd, long user_path);
void path_walk_end(struct path_walk *walk);
/* Whether DIRFD's own file is meant, which may have no location: 1 or 0, or -ABI_EFAULT. */
long path_is_empty(long dirfd, long user_path, long flags);
/* The location a path leads to; the caller releases it. EMPTY: an empty path is the descriptor's
 * own file (AT_EMPTY_PATH). */
long path_lookup(long dirfd, long user_path, uint32_t how, bool empty, struct location *out);

/* At most this many bytes move in one call, as in Linux. */
#define TRANSFER_MAX 0x7ffff000ul
/* One user buffer; SEGMENT must outlive UIO. Negative sizes are -ABI_EINVAL; the size is clamped.
 */
static inline long uio_from_user(struct sluice_uio *uio, struct sluice_iovec *segment, long buffer,
                                 long size)
{
    if (size < 0)
        return -ABI_EFAULT; /* no buffer of that size lies in user space */
    uio_init_user(uio, segment, (void *)buffer,
                  (size_t)size < TRANSFER_MAX ? (size_t)size : TRANSFER_MAX);
    return 0;
}
/* An iovec array from user memory: at most 1024 segments, checked and clamped. iov_release frees
 * what was allocated. */
#define IOV_FAST 8
struct user_iov {
    struct sluice_iovec fast[IOV_FAST];
    struct sluice_iovec *segments;
};
long iov_from_user(struct user_iov *iov, struct sluice_uio *uio, long user, long count);
void iov_release(struct user_iov *iov);

/* Copies a structure to the program: 0 or -ABI_EFAULT. */
static inline long put_user(long user, const void *from, size_t size)
{
    return copy_to_user((void *)user, from, size) ? -ABI_EFAULT : 0;
}
static inline long get_user(void *to, long user, size_t size)
{
    return copy_from_user(to, (const void *)user, size) ? -ABI_EFAULT : 0;
}

/* A relative timeout from the program to a deadline (clock_monotonic): NULL is for ever.
 * -ABI_EINVAL, -ABI_EFAULT. */
long deadline_from_timespec(long user, uint64_t *out);

/* open: the checks and the object behind LOCATION, for openat and whatever else opens by location.
 */
/* What descriptor NUMBER, opened by O_PATH or else, says of itself. */
long descriptor_stat(long number, struct filex_stat *out);
/* FILE is about to be changed though it isn't open for writing: -ABI_ETXTBSY when it is executed.
 * On success mappings_write_end(*OUT) afterwards. */
long file_write_begin(oskit_file_t *file, struct mappings **out);
long open_location(const struct location *location, long flags, bool created,
                   struct openfile **out);

/* fcntl's F_ADD_SEALS and F_GET_SEALS. */
long fcntl_seals(struct openfile *file, long command, long argument);

/* A new descriptor of a fresh open file without a name over OBJECT, whose reference is taken over
 * also on failure. -ABI_ENOMEM, -ABI_EMFILE. */
long descriptor_open(oskit_iunknown_t *object, uint32_t flags, bool cloexec);
/* The same over FILE; NULL: -ABI_ENOMEM. */
long descriptor_install(struct openfile *file, bool cloexec);
/* Two of them, whose numbers go to the program's int[2] at USER: 0, or an error and neither. */
long descriptor_pair_install(struct openfile *one, struct openfile *other, bool cloexec, long user);

/* system-call names for traces; NULL when unknown */
const char *syscall_name(uint64_t number);

#endif
