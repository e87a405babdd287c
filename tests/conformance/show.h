/*
 * For programs whose whole output is compared with Linux's: every line must be the same on each run
 * of each system. So no process numbers, addresses, times or sizes of blocks are printed.
 */
#ifndef TESTS_CONFORMANCE_SHOW_H
#define TESTS_CONFORMANCE_SHOW_H

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* "what: value", or the error's words when it is -1. */
__attribute__((unused)) static long show(const char *what, long value)
{
    int error = errno;

    if (value == -1)
        printf("%s: %s\n", what, strerror(error));
    else
        printf("%s: %ld\n", what, value);
    return value;
}

#define SHOW(expression) show(#expression, (errno = 0, (long)(expression)))

/* Succeeded or not, for calls whose value (a descriptor, an address) is no matter. */
#define SHOW_OK(expression) show(#expression, (errno = 0, (long)(expression) == -1 ? -1 : 0))

static char show_place[] = "/tmp/show.XXXXXX";

/* A fresh, empty working directory in a memory file system. Sluice's /tmp is one; on Linux root
   mounts one that nobody else sees, with the options that the rest of the test counts on. */
__attribute__((unused)) static void fresh_place(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (!mkdtemp(show_place)) {
        perror(show_place);
        exit(2);
    }
    if (unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0)
        mount("show", show_place, "tmpfs", 0, NULL);
    if (chmod(show_place, 0755) < 0 || chdir(show_place) < 0) {
        perror(show_place);
        exit(2);
    }
}

static void remove_tree(const char *path);
#include <dirent.h>
__attribute__((unused)) static void remove_tree(const char *path)
{
    struct dirent *entry;
    char name[PATH_MAX];
    struct stat st;
    DIR *dir = opendir(path);

    while (dir && (entry = readdir(dir))) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
            continue;
        snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
        if (lstat(name, &st) == 0 && S_ISDIR(st.st_mode)) {
            chmod(name, 0700);
            remove_tree(name);
            rmdir(name);
        } else {
            unlink(name);
        }
    }
    if (dir)
        closedir(dir);
}

/* Empties the fresh place and removes it. */
__attribute__((unused)) static void leave_place(void)
{
    remove_tree(".");
    if (chdir("/") == 0) {
        umount2(show_place, MNT_DETACH);
        rmdir(show_place);
    }
}

__attribute__((unused)) static void put_file(const char *name, const char *text, mode_t mode)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    if (fd < 0 || write(fd, text, strlen(text)) < 0 || fchmod(fd, mode) < 0)
        perror(name);
    close(fd);
}

__attribute__((unused)) static void print_status(const char *what, int status)
{
    if (WIFEXITED(status))
        printf("%s: exited %d\n", what, WEXITSTATUS(status));
    else if (WIFSIGNALED(status))
        printf("%s: killed by %d\n", what, WTERMSIG(status));
    else if (WIFSTOPPED(status))
        printf("%s: stopped by %d\n", what, WSTOPSIG(status));
    else if (WIFCONTINUED(status))
        printf("%s: continued\n", what);
}

#endif
