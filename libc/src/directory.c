/* Directories: a buffer of the kernel's records. */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "internal.h"

struct __directory {
    int fd;
    int next;      /* offset of the record that readdir() gives next */
    int filled;    /* bytes of records in the buffer */
    long position; /* d_off of the record given last: what telldir() answers */
    char buffer[4096] __attribute__((__aligned__(8)));
};

DIR *fdopendir(int fd)
{
    struct stat st;
    DIR *dir;

    if (fstat(fd, &st) < 0)
        return NULL;
    if (!S_ISDIR(st.st_mode)) {
        errno = ENOTDIR;
        return NULL;
    }
    dir = malloc(sizeof(*dir));
    if (!dir)
        return NULL;
    dir->fd = fd;
    dir->next = dir->filled = 0;
    dir->position = 0;
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    return dir;
}

DIR *opendir(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);

    if (fd >= 0 && !dir)
        close(fd);
    return dir;
}

int closedir(DIR *dir)
{
    int fd = dir->fd;

    free(dir);
    return close(fd);
}

int dirfd(DIR *dir)
{
    return dir->fd;
}

struct dirent *readdir(DIR *dir)
{
    struct dirent *entry;

    if (dir->next >= dir->filled) {
        ssize_t n = getdents64(dir->fd, dir->buffer, sizeof(dir->buffer));
        if (n <= 0)
            return NULL;
        dir->filled = (int)n;
        dir->next = 0;
    }
    entry = (struct dirent *)(dir->buffer + dir->next);
    dir->next += entry->d_reclen;
    dir->position = entry->d_off;
    return entry;
}

int readdir_r(DIR *restrict dir, struct dirent *restrict entry, struct dirent **restrict result)
{
    int saved = errno;
    struct dirent *found;

    errno = 0;
    found = readdir(dir);
    int error = errno;
    errno = saved;
    *result = NULL;
    if (found) {
        memcpy(entry, found, found->d_reclen);
        *result = entry;
    }
    return found ? 0 : error;
}

void seekdir(DIR *dir, long position)
{
    dir->next = dir->filled = 0;
    dir->position = lseek(dir->fd, position, SEEK_SET);
}

void rewinddir(DIR *dir)
{
    seekdir(dir, 0);
}

long telldir(DIR *dir)
{
    return dir->position;
}

int alphasort(const struct dirent **a, const struct dirent **b)
{
    return strcoll((*a)->d_name, (*b)->d_name);
}

static int append(struct dirent ***list, int count, const struct dirent *entry)
{
    struct dirent *copy = malloc(entry->d_reclen);
    struct dirent **larger = realloc(*list, (count + 1) * sizeof(*larger));

    if (larger)
        *list = larger;
    if (!larger || !copy) {
        free(copy);
        return -1;
    }
    larger[count] = memcpy(copy, entry, entry->d_reclen);
    return 0;
}

int scandir(const char *path, struct dirent ***result, int (*wanted)(const struct dirent *),
            int (*compare)(const struct dirent **, const struct dirent **))
{
    struct dirent **list = NULL, *entry;
    int count = 0, failed = 0;
    DIR *dir = opendir(path);

    if (!dir)
        return -1;
    for (errno = 0; !failed && (entry = readdir(dir)); errno = 0)
        if (!wanted || wanted(entry))
            failed = append(&list, count, entry) < 0 ? ENOMEM : (count++, 0);
    failed = failed ? failed : errno;
    closedir(dir);
    if (failed) {
        while (count)
            free(list[--count]);
        free(list);
        errno = failed;
        return -1;
    }
    if (compare && count)
        qsort(list, count, sizeof(*list),
              (int (*)(const void *, const void *))(void (*)(void))compare);
    *result = list;
    return count;
}
