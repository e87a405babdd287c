/* getrlimit, setrlimit and prlimit64: values, who may raise them, and what each process has. */
#include "show.h"

#include <sys/resource.h>
#include <sys/syscall.h>

#define NONE RLIM_INFINITY

static void show_limit(int which)
{
    struct rlimit limit = {1, 1};

    SHOW(syscall(SYS_getrlimit, which, &limit));
    for (int n = 0; n < 2; n++) {
        rlim_t value = n ? limit.rlim_max : limit.rlim_cur;
        if (value == NONE)
            printf("  unlimited\n");
        else
            printf("  %llu\n", (unsigned long long)value);
    }
}

/* In a child without privileges, beneath what any system begins with. */
static void each(const char *name, int which)
{
    static const struct rlimit sets[] = {{300, 500},  {200, 300}, {300, 200},
                                         {NONE, 300}, {0, 300},   {300, 300}};
    struct rlimit limit = {400, 400};
    int status;

    printf("== %s\n", name);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        if (setgid(1000) < 0 || setuid(1000) < 0)
            _exit(1);
        SHOW(syscall(SYS_setrlimit, which, &limit));
        for (size_t n = 0; n < COUNT(sets); n++) {
            SHOW(syscall(SYS_setrlimit, which, &sets[n]));
            show_limit(which);
        }
        SHOW(syscall(SYS_prlimit64, 0, which, NULL, &limit));
        SHOW(syscall(SYS_prlimit64, 0, which, &limit, NULL));
        SHOW(syscall(SYS_setrlimit, which, NULL));
        SHOW(syscall(SYS_getrlimit, which, 1));
        fflush(stdout);
        _exit(0);
    }
    waitpid(child, &status, 0);
    print_status("the child", status);
}

/* Only those whose value does nothing to a small process that writes to a pipe. */
int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    each("core", RLIMIT_CORE);
    each("rss", RLIMIT_RSS);
    each("nproc", RLIMIT_NPROC);
    each("nofile", RLIMIT_NOFILE);
    each("memlock", RLIMIT_MEMLOCK);
    each("locks", RLIMIT_LOCKS);
    each("sigpending", RLIMIT_SIGPENDING);
    each("msgqueue", RLIMIT_MSGQUEUE);
    each("none", RLIM_NLIMITS);
    SHOW(syscall(SYS_getrlimit, -1, NULL));
    SHOW(syscall(SYS_getrlimit, RLIMIT_NOFILE, NULL));
    SHOW(syscall(SYS_setrlimit, RLIMIT_NOFILE, NULL));
    SHOW(syscall(SYS_setrlimit, INT_MAX, NULL));
    SHOW(syscall(SYS_prlimit64, -1, -1, NULL, NULL));
    SHOW(syscall(SYS_prlimit64, -1, -1, 1, NULL));
    SHOW(syscall(SYS_prlimit64, 0, -1, NULL, NULL));
    SHOW(syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, 1));
    SHOW(syscall(SYS_prlimit64, -1, RLIMIT_NOFILE, NULL, NULL));
    SHOW(syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, NULL));
    SHOW(syscall(SYS_prlimit64, getpid(), RLIMIT_NOFILE, NULL, NULL));
    return 0;
}
