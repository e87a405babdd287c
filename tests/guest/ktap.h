/*
 * Tests of the system from a user program. Each TEST runs in a process of its own, so that a crash,
 * a hang (60 seconds) or leftover state is that test's alone. Output is KTAP version 1.
 *
 *     TEST(name_of_case, "what it shows")
 *     {
 *         CHECK(write(fd, "x", 1) == 1);
 *         CHECK_ERROR(read(-1, &c, 1), EBADF);
 *     }
 *
 * A failed check writes "# file:line: what" and ends its process with KTAP_FAILED; a test that
 * forks passes that on by waiting with CHECK_CHILD. The header has main(): `program` runs all
 * tests, `program PATTERN...` those whose names hold one of the words. The working directory is
 * fresh and is removed at the end. The same program runs on Linux.
 */
#ifndef TESTS_GUEST_KTAP_H
#define TESTS_GUEST_KTAP_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { KTAP_SECONDS = 60, KTAP_SKIPPED = 98, KTAP_FAILED = 99 };

struct ktap_test {
    const char *name;
    const char *title;
    void (*run)(void);
};

extern const struct ktap_test __start_ktap_tests[], __stop_ktap_tests[];

/* The program's own absolute path, for tests that execute it again. */
static char ktap_self[PATH_MAX];

#define TEST(name, title)                                                                        \
    static void name(void);                                                                      \
    static const struct ktap_test ktap_##name                                                    \
        __attribute__((used, retain, section("ktap_tests"), aligned(8))) = {#name, title, name}; \
    static void name(void)

/* Called instead of the tests when the first argument is "--again": a test executed the program
 * anew. */
#define AGAIN static int ktap_again(int argc, char **argv)
AGAIN __attribute__((unused));

__attribute__((noreturn, unused, format(printf, 3, 4))) static void
ktap_fail(const char *file, int line, const char *format, ...)
{
    char text[400];
    va_list list;

    va_start(list, format);
    vsnprintf(text, sizeof(text), format, list);
    va_end(list);
    file = strrchr(file, '/') ? strrchr(file, '/') + 1 : file;
    char out[600];
    int length = snprintf(out, sizeof(out), "# %s:%d: %s\n", file, line, text);
    /* One write: other processes of the test may print as well. */
    write(STDOUT_FILENO, out, length);
    _exit(KTAP_FAILED);
}

#define FAIL(...) ktap_fail(__FILE__, __LINE__, __VA_ARGS__)

#define CHECK(condition)                                                   \
    do {                                                                   \
        errno = 0;                                                         \
        if (!(condition))                                                  \
            FAIL("%s (errno %d, %s)", #condition, errno, strerror(errno)); \
    } while (0)

#define CHECK_EQUAL(expression, wanted)                                               \
    do {                                                                              \
        long ktap_got = (long)(expression), ktap_wanted = (long)(wanted);             \
        if (ktap_got != ktap_wanted)                                                  \
            FAIL("%s is %ld, not %ld (errno %s)", #expression, ktap_got, ktap_wanted, \
                 strerror(errno));                                                    \
    } while (0)

#define CHECK_ERROR(expression, code)                                              \
    do {                                                                           \
        errno = 0;                                                                 \
        long ktap_got = (long)(expression);                                        \
        if (ktap_got != -1)                                                        \
            FAIL("%s is %ld, not %s", #expression, ktap_got, #code);               \
        if (errno != (code))                                                       \
            FAIL("%s fails with %s, not %s", #expression, strerror(errno), #code); \
    } while (0)

#define CHECK_STRING(expression, wanted)                                                  \
    do {                                                                                  \
        const char *ktap_got = (expression);                                              \
        if (!ktap_got || strcmp(ktap_got, (wanted)))                                      \
            FAIL("%s is \"%s\", not \"%s\"", #expression, ktap_got ? ktap_got : "(null)", \
                 (wanted));                                                               \
    } while (0)

/* Waits for the child; its failed checks fail this test, anything but status 0 does. */
#define CHECK_CHILD(pid) ktap_check_child(__FILE__, __LINE__, (pid))

#define SKIP(reason)                       \
    do {                                   \
        printf("# skipped: %s\n", reason); \
        fflush(stdout);                    \
        _exit(KTAP_SKIPPED);               \
    } while (0)

/* Runs the block in a child that then exits with status 0; the value is its process number. */
#define CHILD(...)               \
    ({                           \
        fflush(stdout);          \
        pid_t ktap_pid = fork(); \
        CHECK(ktap_pid >= 0);    \
        if (ktap_pid == 0) {     \
            __VA_ARGS__;         \
            _exit(0);            \
        }                        \
        ktap_pid;                \
    })

__attribute__((unused)) static void ktap_check_child(const char *file, int line, pid_t pid)
{
    int status;
    pid_t got;

    do
        got = waitpid(pid, &status, 0);
    while (got < 0 && errno == EINTR);
    if (got != pid)
        ktap_fail(file, line, "waitpid(%d) is %d: %s", (int)pid, (int)got, strerror(errno));
    if (status)
        ktap_fail(file, line, "the child's status is 0x%x", status);
}

/* Milliseconds of a clock that nobody sets. */
__attribute__((unused)) static long ktap_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

__attribute__((unused)) static void ktap_sleep(long milliseconds)
{
    struct timespec wanted = {milliseconds / 1000, milliseconds % 1000 * 1000000};

    while (nanosleep(&wanted, &wanted) < 0 && errno == EINTR)
        continue;
}

/* R, S, D and so on of a process or thread; 0: there is none. */
__attribute__((unused)) static char ktap_state(pid_t id)
{
    char path[40], text[512];

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)id);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
    if (fd >= 0)
        close(fd);
    text[got > 0 ? got : 0] = '\0';
    const char *at = strrchr(text, ')');
    return at ? at[2] : '\0';
}

/* Until a process or thread waits, and not for a moment only: what comes then finds it there. */
__attribute__((unused)) static void ktap_await_asleep(pid_t id)
{
    for (int seen = 0; seen < 3; ktap_sleep(1))
        seen = ktap_state(id) == 'S' ? seen + 1 : 0;
}

/* A child that sends SIGNAL as soon as its parent waits. */
__attribute__((unused)) static pid_t ktap_interrupt(int signal)
{
    return CHILD(ktap_await_asleep(getppid()); CHECK(kill(getppid(), signal) == 0));
}

/* A new file of that content in the working directory. */
__attribute__((unused)) static void ktap_file(const char *name, const void *content, size_t size)
{
    FILE *file = fopen(name, "w");

    CHECK(file != NULL);
    CHECK(fwrite(content, 1, size, file) == size);
    CHECK(fclose(file) == 0);
}

static void ktap_remove(const char *path)
{
    struct dirent *entry;
    DIR *dir = opendir(path);
    char name[PATH_MAX];
    struct stat st;

    while (dir && (entry = readdir(dir))) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
            continue;
        snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
        if (lstat(name, &st) == 0 && S_ISDIR(st.st_mode)) {
            chmod(name, 0700);
            ktap_remove(name);
        } else {
            unlink(name);
        }
    }
    if (dir)
        closedir(dir);
    rmdir(path);
}

static bool ktap_wanted(const struct ktap_test *test, char **patterns)
{
    for (char **pattern = patterns; *pattern; pattern++)
        if (strstr(test->name, *pattern))
            return true;
    return !*patterns;
}

static bool ktap_run(const struct ktap_test *test, int number)
{
    char place[] = "/tmp/ktap.XXXXXX";
    int status = 0;

    if (!mkdtemp(place)) {
        printf("# mkdtemp: %s\nnot ok %d - %s: %s\n", strerror(errno), number, test->name,
               test->title);
        return false;
    }
    fflush(stdout);
    /* Keys that a test types are for the test. */
    signal(SIGINT, SIG_IGN);
    signal(SIGQUIT, SIG_IGN);
    pid_t pid = fork();
    if (pid == 0) {
        signal(SIGINT, SIG_DFL);
        signal(SIGQUIT, SIG_DFL);
        alarm(KTAP_SECONDS);
        if (chdir(place) < 0)
            _exit(KTAP_FAILED);
        test->run();
        fflush(stdout);
        _exit(0);
    }
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    ktap_remove(place);
    bool skipped = WIFEXITED(status) && WEXITSTATUS(status) == KTAP_SKIPPED;
    bool good = pid > 0 && (skipped || status == 0);
    if (pid < 0)
        printf("# fork: %s\n", strerror(errno));
    else if (WIFSIGNALED(status))
        printf("# ended by signal %d%s\n", WTERMSIG(status),
               WTERMSIG(status) == SIGALRM ? ", for it took too long" : "");
    printf("%s %d - %s: %s%s\n", good ? "ok" : "not ok", number, test->name, test->title,
           skipped ? " # SKIP" : "");
    return good;
}

static int ktap_main(char **patterns)
{
    int count = 0, failed = 0, number = 0;

    for (const struct ktap_test *test = __start_ktap_tests; test < __stop_ktap_tests; test++)
        count += ktap_wanted(test, patterns);
    printf("KTAP version 1\n1..%d\n", count);
    for (const struct ktap_test *test = __start_ktap_tests; test < __stop_ktap_tests; test++)
        if (ktap_wanted(test, patterns))
            failed += !ktap_run(test, ++number);
    printf("# %d passed, %d failed\n", count - failed, failed);
    return failed ? 1 : 0;
}

#ifndef KTAP_HAS_AGAIN
static int ktap_again(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return KTAP_FAILED;
}
#endif

int main(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], "--again"))
        return ktap_again(argc - 2, argv + 2);
    if (!realpath(argv[0], ktap_self))
        snprintf(ktap_self, sizeof(ktap_self), "%s", argv[0]);
    return ktap_main(argv + 1);
}

#endif
