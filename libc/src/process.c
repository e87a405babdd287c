/* Processes: waiting, executing along PATH, system and popen. */
#include <fcntl.h>
#include <paths.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "internal.h"

#define DEFAULT_PATH "/usr/local/bin:/usr/bin:/bin"
#define SHELL        "/bin/sh"

pid_t waitpid(pid_t pid, int *status, int options)
{
    return wait4(pid, status, options, NULL);
}

pid_t wait3(int *status, int options, struct rusage *usage)
{
    return wait4(-1, status, options, usage);
}

pid_t wait(int *status)
{
    return wait4(-1, status, 0, NULL);
}

int waitid(idtype_t type, id_t id, siginfo_t *info, int options)
{
    return (int)CALL6(waitid, type, id, info, options, NULL, 0);
}

int execv(const char *path, char *const argv[])
{
    return execve(path, argv, environ);
}

int fexecve(int fd, char *const argv[], char *const envp[])
{
    return (int)CALL6(execveat, fd, "", argv, envp, AT_EMPTY_PATH, 0);
}

/* A text without "#!" is the shell's, says POSIX. Returns only when that failed too. */
static void run_by_shell(const char *path, char *const argv[], char *const envp[])
{
    size_t count = 0;

    while (argv[count])
        count++;
    char *shell_argv[count + 3];
    shell_argv[0] = SHELL;
    shell_argv[1] = (char *)path;
    for (size_t n = 1; n <= count; n++)
        shell_argv[n + 1] = argv[n];
    shell_argv[count ? count + 1 : 2] = NULL;
    execve(SHELL, shell_argv, envp);
}

static void run_at(const char *path, char *const argv[], char *const envp[])
{
    execve(path, argv, envp);
    if (errno == ENOEXEC)
        run_by_shell(path, argv, envp);
}

/* Tries each directory of PATH; what was found but refused is remembered, for it is the better
 * error. */
int execvpe(const char *file, char *const argv[], char *const envp[])
{
    const char *path = getenv("PATH");
    bool refused = false;
    char full[4096];

    if (strchr(file, '/')) {
        run_at(file, argv, envp);
        return -1;
    }
    errno = ENOENT;
    if (!*file)
        return -1;
    if (!path)
        path = DEFAULT_PATH;
    for (const char *end; path; path = *end ? end + 1 : NULL) {
        end = strchrnul(path, ':');
        int length = (int)(end - path);
        const char *slash = length ? "/" : "";
        if (snprintf(full, sizeof(full), "%.*s%s%s", length, path, slash, file) >=
            (int)sizeof(full))
            continue;
        run_at(full, argv, envp);
        refused |= errno == EACCES;
        if (errno != ENOENT && errno != ENOTDIR && errno != EACCES)
            return -1;
    }
    if (refused)
        errno = EACCES;
    return -1;
}

int execvp(const char *file, char *const argv[])
{
    return execvpe(file, argv, environ);
}

/* The arguments of execl and its like, as a vector in the caller's frame. */
#define COLLECT(argv, first, list)             \
    va_list list;                              \
    size_t argv##_count = 1;                   \
    va_start(list, first);                     \
    while (va_arg(list, char *))               \
        argv##_count++;                        \
    va_end(list);                              \
    char *argv[argv##_count + 1];              \
    argv[0] = (char *)first;                   \
    va_start(list, first);                     \
    for (size_t n = 1; n <= argv##_count; n++) \
    argv[n] = va_arg(list, char *)

int execl(const char *path, const char *first, ...)
{
    COLLECT(argv, first, list);
    va_end(list);
    return execve(path, argv, environ);
}

int execle(const char *path, const char *first, ...)
{
    COLLECT(argv, first, list);
    char **envp = va_arg(list, char **);
    va_end(list);
    return execve(path, argv, envp);
}

int execlp(const char *file, const char *first, ...)
{
    COLLECT(argv, first, list);
    va_end(list);
    return execvpe(file, argv, environ);
}

static void run_command(const char *command)
{
    execl(SHELL, "sh", "-c", command, (char *)NULL);
    _exit(127);
}

int system(const char *command)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN}, interrupt, quit;
    sigset_t child, mask;
    int status = -1;

    if (!command)
        return access(SHELL, X_OK) == 0;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigaction(SIGINT, &ignore, &interrupt);
    sigaction(SIGQUIT, &ignore, &quit);
    sigprocmask(SIG_BLOCK, &child, &mask);
    pid_t pid = fork();
    if (pid == 0) {
        sigaction(SIGINT, &interrupt, NULL);
        sigaction(SIGQUIT, &quit, NULL);
        sigprocmask(SIG_SETMASK, &mask, NULL);
        run_command(command);
    }
    while (pid > 0 && waitpid(pid, &status, 0) < 0)
        if (errno != EINTR) {
            status = -1;
            break;
        }
    sigaction(SIGINT, &interrupt, NULL);
    sigaction(SIGQUIT, &quit, NULL);
    sigprocmask(SIG_SETMASK, &mask, NULL);
    return status;
}

/* Streams that popen() opened. */
static struct opened {
    struct opened *next;
    FILE *stream;
    pid_t pid;
} * opened;

static void become_command(const char *command, int theirs, int standard)
{
    for (struct opened *entry = opened; entry; entry = entry->next)
        close(fileno(entry->stream));
    if (theirs != standard) {
        dup2(theirs, standard);
        close(theirs);
    } else {
        fcntl(theirs, F_SETFD, 0);
    }
    run_command(command);
}

FILE *popen(const char *command, const char *mode)
{
    bool reading = mode[0] == 'r';
    struct opened *entry = malloc(sizeof(*entry));
    int ends[2];

    if (!entry)
        return NULL;
    if ((mode[0] != 'r' && mode[0] != 'w') || pipe2(ends, O_CLOEXEC) < 0) {
        if (mode[0] != 'r' && mode[0] != 'w')
            errno = EINVAL;
        free(entry);
        return NULL;
    }
    entry->stream = fdopen(ends[reading ? 0 : 1], mode);
    entry->pid = entry->stream ? fork() : -1;
    if (entry->pid == 0)
        become_command(command, ends[reading], reading);
    close(ends[reading]);
    if (entry->pid < 0) {
        if (entry->stream)
            fclose(entry->stream);
        else
            close(ends[!reading]);
        free(entry);
        return NULL;
    }
    if (!strchr(mode, 'e'))
        fcntl(ends[!reading], F_SETFD, 0);
    entry->next = opened;
    opened = entry;
    return entry->stream;
}

int pclose(FILE *stream)
{
    struct opened **link = &opened, *entry;
    int status = -1;

    while (*link && (*link)->stream != stream)
        link = &(*link)->next;
    entry = *link;
    if (!entry) {
        errno = ECHILD;
        return -1;
    }
    *link = entry->next;
    fclose(stream);
    while (waitpid(entry->pid, &status, 0) < 0)
        if (errno != EINTR) {
            status = -1;
            break;
        }
    free(entry);
    return status;
}

int daemon(int nochdir, int noclose)
{
    pid_t pid = fork();

    if (pid < 0)
        return -1;
    if (pid)
        _exit(0);
    if (setsid() < 0 || (!nochdir && chdir("/") < 0))
        return -1;
    if (noclose)
        return 0;
    int fd = open("/dev/null", O_RDWR);
    for (int standard = 0; fd >= 0 && standard <= 2; standard++)
        dup2(fd, standard);
    if (fd > 2)
        close(fd);
    return fd < 0 ? -1 : 0;
}
