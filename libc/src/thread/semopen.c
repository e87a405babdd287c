/* Semaphores with names: files of /dev/shm that hold a sem_t. All openings of one file in a process
   share one mapping, found again by the file's identity. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "thread.h"

#define PATH_SIZE (NAME_MAX + 16)
#define PREFIX    "/dev/shm/sem."

static struct opened {
    struct opened *next;
    dev_t device;
    ino_t file;
    sem_t *sem;
    unsigned count;
} * all;

static int make_path(const char *name, char *path)
{
    name += *name == '/';
    if (!*name || strchr(name, '/')) {
        errno = EINVAL;
        return -1;
    }
    if (strlen(name) > NAME_MAX - strlen("sem.")) {
        errno = ENAMETOOLONG;
        return -1;
    }
    snprintf(path, PATH_SIZE, PREFIX "%s", name);
    return 0;
}

/* The semaphore appears under its name only when it is whole. */
static int create(const char *path, mode_t mode, unsigned value)
{
    char temporary[] = PREFIX "new.XXXXXX";
    sem_t sem;

    if (sem_init(&sem, 1, value) < 0)
        return -1;
    int fd = mkstemp(temporary);
    if (fd < 0)
        return -1;
    mode_t mask = umask(0);
    umask(mask);
    int made = fchmod(fd, mode & ~mask & 0777) < 0 || write(fd, &sem, sizeof(sem)) != sizeof(sem)
                   ? -1
                   : link(temporary, path);
    int error = errno;
    unlink(temporary);
    close(fd);
    errno = error;
    return made;
}

static int open_file(const char *path, int flags, mode_t mode, unsigned value)
{
    for (;;) {
        int fd = -1;
        if ((flags & (O_CREAT | O_EXCL)) != (O_CREAT | O_EXCL)) {
            fd = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
            if (fd >= 0 || errno != ENOENT || !(flags & O_CREAT))
                return fd;
        }
        if (create(path, mode, value) == 0)
            flags &= ~(O_CREAT | O_EXCL);
        else if (errno != EEXIST || flags & O_EXCL)
            return -1;
    }
}

static struct opened *map(int fd, const struct stat *st)
{
    struct opened *entry = malloc(sizeof(*entry));

    if (!entry)
        return NULL;
    void *sem = mmap(NULL, sizeof(sem_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (sem == MAP_FAILED) {
        free(entry);
        return NULL;
    }
    *entry = (struct opened){all, st->st_dev, st->st_ino, sem, 0};
    all = entry;
    return entry;
}

static struct opened *find(int fd)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return NULL;
    if (st.st_size != sizeof(sem_t)) {
        errno = EINVAL;
        return NULL;
    }
    for (struct opened *entry = all; entry; entry = entry->next)
        if (entry->device == st.st_dev && entry->file == st.st_ino)
            return entry;
    return map(fd, &st);
}

sem_t *sem_open(const char *name, int flags, ...)
{
    struct opened *entry = NULL;
    char path[PATH_SIZE];
    mode_t mode = 0;
    unsigned value = 0;
    va_list list;
    int cancel;

    va_start(list, flags);
    if (flags & O_CREAT) {
        mode = va_arg(list, mode_t);
        value = va_arg(list, unsigned);
    }
    va_end(list);
    if (make_path(name, path) < 0)
        return SEM_FAILED;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
    int fd = open_file(path, flags, mode, value);
    if (fd >= 0) {
        __libc_lock_acquire(&__libc_lists_lock);
        entry = find(fd);
        if (entry)
            entry->count++;
        __libc_lock_release(&__libc_lists_lock);
        SYS3(close, fd, 0, 0);
    }
    pthread_setcancelstate(cancel, NULL);
    return entry ? entry->sem : SEM_FAILED;
}

int sem_close(sem_t *sem)
{
    struct opened **link = &all, *entry;

    __libc_lock_acquire(&__libc_lists_lock);
    while ((entry = *link) && entry->sem != sem)
        link = &entry->next;
    if (entry && --entry->count == 0) {
        *link = entry->next;
        munmap(sem, sizeof(*sem));
        free(entry);
    }
    __libc_lock_release(&__libc_lists_lock);
    if (entry)
        return 0;
    errno = EINVAL;
    return -1;
}

int sem_unlink(const char *name)
{
    char path[PATH_SIZE];

    return make_path(name, path) < 0 ? -1 : unlink(path);
}
