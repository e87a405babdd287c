/* System V's calls and structures, for which the library has no headers. */
#ifndef TESTS_CONFORMANCE_SYSV_H
#define TESTS_CONFORMANCE_SYSV_H

#include "show.h"

#include <sys/syscall.h>
#include <time.h>

#define IPC_PRIVATE 0
#define IPC_CREAT   01000
#define IPC_EXCL    02000
#define IPC_NOWAIT  04000
#define IPC_RMID    0
#define IPC_SET     1
#define IPC_STAT    2
#define IPC_INFO    3

struct ipc_perm {
    int key;
    unsigned uid, gid, cuid, cgid, mode;
    unsigned short seq, pad[3];
    unsigned long unused[2];
};

static const struct timespec a_while = {.tv_nsec = 2000000};

/* Waits until EXPRESSION holds, which some other process sees to. */
#define AWAIT(expression)              \
    do {                               \
        while (!(expression))          \
            nanosleep(&a_while, NULL); \
    } while (0)

/* Runs BODY(ARGUMENT) in a child, whose exit status its value is. */
__attribute__((unused)) static pid_t in_child(int (*body)(int argument), int argument)
{
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        int status = body(argument);
        fflush(stdout);
        _exit(status);
    }
    return child;
}

__attribute__((unused)) static void await_child(const char *what, pid_t child)
{
    int status;
    if (waitpid(child, &status, 0) == child)
        print_status(what, status);
    else
        printf("%s: %s\n", what, strerror(errno));
}

/* As user and group 1234; in a child. */
__attribute__((unused)) static int become_somebody(void)
{
    return setgroups(0, NULL) < 0 || setgid(1234) < 0 || setuid(1234) < 0;
}

/* The line of FILE about the object of key KEY, without its number and what differs each time:
 * the fields of SKIP, a bit each. */
__attribute__((unused)) static void show_line(const char *file, int key, unsigned skip)
{
    char line[512], *at;
    FILE *stream = fopen(file, "r");
    bool first = true;

    while (stream && fgets(line, sizeof line, stream)) {
        if (first)
            printf("%s: %s", file, line);
        first = false;
        if (atoi(line) != key)
            continue;
        printf("%zu characters:", strlen(line));
        at = strtok(line, " \n");
        for (unsigned field = 0; at; field++, at = strtok(NULL, " \n"))
            if (!(skip & 1u << field))
                printf(" %s", at);
        printf("\n");
    }
    if (stream)
        fclose(stream);
}

#endif
