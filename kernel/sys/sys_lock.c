/*
 * File locks: fcntl's record locks, owned by the descriptor table and so by the process; locks of
 * open file descriptions and flock(2)'s, owned by the open file.
 */
#include <sluice/filelock.h>
#include "kernel/abi/fcntl.h"
#include "kernel/sys/locks.h"
#include "kernel/sys/sys.h"

static const void *file_identity(const struct openfile *file)
{
    return file->location.name ? (const void *)location_file(&file->location) : NULL;
}

/* ---- Waiting ---- */

static oskit_error_t lock_try(void *arg)
{
    return filelock_set(arg);
}

static long lock_wait(const struct filelock *lock, bool detect_deadlock)
{
    struct filelock_wait wait;
    struct filelock_queue *queue = filelock_hold(lock->file);
    if (!queue)
        return -ABI_ENOLCK;
    oskit_error_t error = detect_deadlock ? filelock_wait_begin(&wait, lock) : 0;
    if (!error) {
        error = wait_loop(filelock_readiness(queue), READY_HUP, false, ENV_FOREVER, lock_try,
                          (void *)lock);
        if (detect_deadlock)
            filelock_wait_end(&wait);
    }
    filelock_drop(queue);
    return error == OSKIT_EINTR ? -ERESTARTSYS : errno_from_oskit(error);
}

static long lock_set(const struct filelock *lock, bool wait, bool detect_deadlock)
{
    oskit_error_t error = filelock_set(lock);
    if (error == OSKIT_EWOULDBLOCK && wait)
        return lock_wait(lock, detect_deadlock);
    return errno_from_oskit(error);
}

/* ---- fcntl ---- */

static long range_base(struct openfile *file, int16_t whence, int64_t *base)
{
    oskit_off_t size = 0;
    switch (whence) {
    case ABI_SEEK_SET:
        *base = 0;
        return 0;
    case ABI_SEEK_CUR:
        *base = file->offset;
        return 0;
    case ABI_SEEK_END:
        if (file->absio && oskit_absio_getsize(file->absio, &size))
            return -ABI_EINVAL;
        *base = size;
        return 0;
    default:
        return -ABI_EINVAL;
    }
}

/* A negative length reaches backwards from the start; length 0 to the end of all files. */
static long range_from(struct openfile *file, const struct abi_flock *flock, struct filelock *lock)
{
    int64_t base, end;
    long error = range_base(file, flock->l_whence, &base);
    if (error)
        return error;
    if (__builtin_add_overflow(base, flock->l_start, &lock->start))
        return -ABI_EOVERFLOW;
    lock->end = FILELOCK_END;
    if (flock->l_len > 0) {
        if (__builtin_add_overflow(lock->start, flock->l_len - 1, &end))
            return -ABI_EOVERFLOW;
        lock->end = end;
    } else if (flock->l_len < 0) {
        lock->end = lock->start - 1;
        if (__builtin_add_overflow(lock->start, flock->l_len, &lock->start))
            return -ABI_EINVAL;
    }
    return lock->start < 0 || lock->end < 0 ? -ABI_EINVAL : 0;
}

static long type_from(const struct openfile *file, int16_t type, bool set, enum filelock_type *out)
{
    switch (type) {
    case ABI_F_RDLCK:
        *out = FILELOCK_SHARED;
        return !set || openfile_readable(file) ? 0 : -ABI_EBADF;
    case ABI_F_WRLCK:
        *out = FILELOCK_EXCLUSIVE;
        return !set || openfile_writable(file) ? 0 : -ABI_EBADF;
    case ABI_F_UNLCK:
        *out = FILELOCK_NONE;
        return set ? 0 : -ABI_EINVAL;
    default:
        return -ABI_EINVAL;
    }
}

static long lock_test(struct filelock *lock, struct abi_flock *flock, long user)
{
    if (!filelock_test(lock)) {
        flock->l_type = ABI_F_UNLCK;
    } else {
        flock->l_type = lock->type == FILELOCK_EXCLUSIVE ? ABI_F_WRLCK : ABI_F_RDLCK;
        flock->l_whence = ABI_SEEK_SET;
        flock->l_start = lock->start;
        flock->l_len = lock->end == FILELOCK_END ? 0 : lock->end - lock->start + 1;
        flock->l_pid = lock->pid;
    }
    return put_user(user, flock, sizeof *flock);
}

long fcntl_lock(struct openfile *file, long command, long user)
{
    struct abi_flock flock;
    bool own = command >= ABI_F_OFD_GETLK,
         test = command == ABI_F_GETLK || command == ABI_F_OFD_GETLK;
    bool wait = command == ABI_F_SETLKW || command == ABI_F_OFD_SETLKW;
    struct fdtab *table = current_process()->fds;
    struct filelock lock = {.file = file_identity(file),
                            .owner = own ? (const void *)file : table,
                            .class = FILELOCK_RECORD,
                            .pid = own ? -1 : current_process()->pid};
    if (get_user(&flock, user, sizeof flock))
        return -ABI_EFAULT;
    if (!lock.file || (own && flock.l_pid))
        return -ABI_EINVAL;
    long error = type_from(file, flock.l_type, !test, &lock.type);
    if (!error)
        error = range_from(file, &flock, &lock);
    if (error)
        return error;
    if (test)
        return lock_test(&lock, &flock, user);
    if (own)
        file->locked = true;
    else
        fdtab_note_claims(table);
    return lock_set(&lock, wait, !own);
}

/* ---- flock ---- */

long sys_flock(long number, long operation)
{
    static const enum filelock_type types[] = {
        [ABI_LOCK_SH] = FILELOCK_SHARED, [ABI_LOCK_EX] = FILELOCK_EXCLUSIVE};
    long what = operation & ~ABI_LOCK_NB;
    if (what != ABI_LOCK_SH && what != ABI_LOCK_EX && what != ABI_LOCK_UN)
        return -ABI_EINVAL;
    struct fd fd = fd_get((int)number);
    if (!fd.file)
        return -ABI_EBADF;
    struct filelock lock = {.file = file_identity(fd.file),
                            .owner = fd.file,
                            .class = FILELOCK_WHOLE,
                            .type = what == ABI_LOCK_UN ? FILELOCK_NONE : types[what],
                            .end = FILELOCK_END,
                            .pid = current_process()->pid};
    long error = -ABI_EINVAL;
    if (lock.file) {
        fd.file->locked = true;
        error = lock_set(&lock, !(operation & ABI_LOCK_NB), false);
    }
    fd_put(fd);
    return error;
}

/* ---- Closing ---- */

void locks_file_gone(struct openfile *file)
{
    if (file->locked)
        filelock_release(file_identity(file), file);
}

void locks_descriptor_closed(const struct fdtab *table, const struct openfile *file)
{
    if (file->location.name)
        filelock_release(file_identity(file), table);
}
