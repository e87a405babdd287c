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

#include "thread/thread.h"

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
    return (int)CANCEL6(waitid, type, id, info, options, NULL, 0);
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

/* What threads that are in system() at once share: the first of them has the signals ignored, the
 * last one gives them back. */
static int commands;
static struct sigaction interrupt, quit;

static void ignore_keys(void)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};

    __libc_lock_acquire(&__libc_lists_lock);
    if (commands++ == 0) {
        sigaction(SIGINT, &ignore, &interrupt);
        sigaction(SIGQUIT, &ignore, &quit);
    }
    __libc_lock_release(&__libc_lists_lock);
}

static void restore_keys(void)
{
    __libc_lock_acquire(&__libc_lists_lock);
    if (--commands == 0) {
        sigaction(SIGINT, &interrupt, NULL);
        sigaction(SIGQUIT, &quit, NULL);
    }
    __libc_lock_release(&__libc_lists_lock);
}

struct command {
    pid_t pid;
    sigset_t mask;
};

static void end_command(struct command *command)
{
    restore_keys();
    sigprocmask(SIG_SETMASK, &command->mask, NULL);
}

static void abandon_command(void *pointer)
{
    struct command *command = pointer;

    kill(command->pid, SIGKILL);
    while (waitpid(command->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    end_command(command);
}

static pid_t start_command(const char *text, const sigset_t *mask)
{
    pid_t pid = fork();

    if (pid == 0) {
        sigaction(SIGINT, &interrupt, NULL);
        sigaction(SIGQUIT, &quit, NULL);
        sigprocmask(SIG_SETMASK, mask, NULL);
        run_command(text);
    }
    return pid;
}

/* The status of the child; -1 when it can't be had. */
static int status_of(pid_t pid)
{
    int status;

    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return -1;
    return status;
}

int system(const char *text)
{
    struct command command;
    sigset_t child;
    int status = -1;

    if (!text)
        return access(SHELL, X_OK) == 0;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    ignore_keys();
    sigprocmask(SIG_BLOCK, &child, &command.mask);
    command.pid = start_command(text, &command.mask);
    if (command.pid > 0) {
        pthread_cleanup_push(abandon_command, &command);
        status = status_of(command.pid);
        pthread_cleanup_pop(0);
    }
    end_command(&command);
    return status;
}

/* Streams that popen() opened, under the lock of the libc's lists. */
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
    __libc_lock_acquire(&__libc_lists_lock);
    entry->next = opened;
    opened = entry;
    __libc_lock_release(&__libc_lists_lock);
    return entry->stream;
}

static struct opened *forget(FILE *stream)
{
    struct opened **link = &opened, *entry;

    __libc_lock_acquire(&__libc_lists_lock);
    while ((entry = *link) && entry->stream != stream)
        link = &entry->next;
    if (entry)
        *link = entry->next;
    __libc_lock_release(&__libc_lists_lock);
    return entry;
}

int pclose(FILE *stream)
{
    struct opened *entry = forget(stream);

    if (!entry) {
        errno = ECHILD;
        return -1;
    }
    pid_t pid = entry->pid;
    free(entry);
    fclose(stream);
    return status_of(pid);
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
