/* Processes: fork, exec, wait, exit, identities, groups and sessions. */
#define KTAP_HAS_AGAIN
#include "ktap.h"

#include <fcntl.h>
#include <sys/mman.h>

/* ---- what the program does when a test executes it again ---- */

AGAIN
{
    if (argc >= 1 && !strcmp(argv[0], "arguments")) {
        CHECK_EQUAL(argc, 4);
        CHECK_STRING(argv[1], "one");
        CHECK_STRING(argv[2], "");
        CHECK_STRING(argv[3], "three words here");
        CHECK_STRING(getenv("GREETING"), "hello");
        CHECK(getenv("PATH") == NULL);
        return 0;
    }
    if (argc == 1 && !strcmp(argv[0], "wait")) {
        CHECK(write(STDOUT_FILENO, "r", 1) == 1);
        pause();
    }
    if (argc == 2 && !strcmp(argv[0], "exit"))
        return atoi(argv[1]);
    if (argc == 3 && !strcmp(argv[0], "descriptors")) {
        CHECK(fcntl(atoi(argv[1]), F_GETFD) == 0);
        CHECK_ERROR(fcntl(atoi(argv[2]), F_GETFD), EBADF);
        return 0;
    }
    if (argc == 1 && !strcmp(argv[0], "signals")) {
        struct sigaction action;
        sigset_t mask;
        CHECK(sigaction(SIGUSR1, NULL, &action) == 0 && action.sa_handler == SIG_DFL);
        CHECK(sigaction(SIGUSR2, NULL, &action) == 0 && action.sa_handler == SIG_IGN);
        CHECK(sigprocmask(SIG_SETMASK, NULL, &mask) == 0);
        CHECK(sigismember(&mask, SIGTERM) && !sigismember(&mask, SIGINT));
        return 0;
    }
    if (argc == 2 && !strcmp(argv[0], "count")) {
        for (int n = 0; n < 3; n++)
            CHECK(strlen(argv[1]) == 100000);
        return 0;
    }
    return KTAP_FAILED;
}

static pid_t execute(char *const *arguments, char *const *environment)
{
    return CHILD(execve(ktap_self, arguments, environment); FAIL("execve: %s", strerror(errno)));
}

/* ---- exit and wait ---- */

static void child_handler(int signal)
{
    (void)signal;
}

TEST(wait_handler, "a child's end is found though its signal has a handler")
{
    struct sigaction action = {.sa_handler = child_handler};
    CHECK_EQUAL(sigaction(SIGCHLD, &action, NULL), 0);
    for (int i = 0; i < 50; i++) {
        pid_t pid = fork();
        if (pid == 0)
            _exit(0);
        CHECK_EQUAL(waitpid(pid, NULL, 0), pid);
    }
    action.sa_flags = SA_NOCLDWAIT;
    CHECK_EQUAL(sigaction(SIGCHLD, &action, NULL), 0);
    for (int i = 0; i < 50; i++) {
        if (fork() == 0)
            _exit(0);
        CHECK_ERROR(wait(NULL), ECHILD);
    }
}

TEST(exit_statuses, "a parent learns each exit status")
{
    for (int code = 0; code < 256; code += 17) {
        int status;
        pid_t pid = CHILD(_exit(code));
        CHECK_EQUAL(waitpid(pid, &status, 0), pid);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == code);
    }
}

TEST(signal_statuses, "a parent learns which signal ended a child")
{
    static const int signals[] = {SIGHUP,  SIGINT,  SIGKILL, SIGUSR1,     SIGPIPE,
                                  SIGALRM, SIGTERM, SIGPROF, SIGRTMIN + 3};

    for (size_t n = 0; n < sizeof(signals) / sizeof(*signals); n++) {
        int status;
        pid_t pid = CHILD(signal(signals[n], SIG_DFL); kill(getpid(), signals[n]); _exit(1));
        CHECK_EQUAL(waitpid(pid, &status, 0), pid);
        CHECK(WIFSIGNALED(status) && WTERMSIG(status) == signals[n]);
    }
}

TEST(wait_errors, "waiting without children, for strangers and with wrong options fails")
{
    int status;

    CHECK_ERROR(wait(&status), ECHILD);
    CHECK_ERROR(waitpid(1, &status, 0), ECHILD);
    CHECK_ERROR(waitpid(-1, &status, 0x1000), EINVAL);
    pid_t pid = CHILD(pause());
    CHECK_EQUAL(waitpid(-1, &status, WNOHANG), 0);
    CHECK_EQUAL(waitpid(pid, &status, WNOHANG), 0);
    CHECK_ERROR(waitpid(pid + 10000, &status, WNOHANG), ECHILD);
    CHECK(kill(pid, SIGKILL) == 0);
    CHECK_EQUAL(waitpid(pid, &status, 0), pid);
    CHECK_ERROR(waitpid(pid, &status, 0), ECHILD);
    CHECK_ERROR(kill(pid, 0), ESRCH);
}

TEST(wait_for_group, "waitpid chooses by process group")
{
    pid_t one = CHILD(setpgid(0, 0); pause());
    pid_t two = CHILD(_exit(3));
    int status;

    setpgid(one, one);
    CHECK_EQUAL(waitpid(0, &status, 0), two);
    CHECK_EQUAL(waitpid(-one, &status, WNOHANG), 0);
    kill(one, SIGTERM);
    CHECK_EQUAL(waitpid(-one, &status, 0), one);
    CHECK(WIFSIGNALED(status));
}

TEST(wait_stopped_and_continued, "WUNTRACED and WCONTINUED tell of stops, each once")
{
    int status;
    pid_t pid = CHILD(for (;;) pause());

    CHECK(kill(pid, SIGSTOP) == 0);
    CHECK_EQUAL(waitpid(pid, &status, WUNTRACED), pid);
    CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
    CHECK_EQUAL(waitpid(pid, &status, WUNTRACED | WNOHANG), 0);
    CHECK(kill(pid, SIGCONT) == 0);
    CHECK_EQUAL(waitpid(pid, &status, WCONTINUED), pid);
    CHECK(WIFCONTINUED(status));
    CHECK_EQUAL(waitpid(pid, &status, WCONTINUED | WNOHANG), 0);
    CHECK(kill(pid, SIGTERM) == 0);
    CHECK_EQUAL(waitpid(pid, &status, 0), pid);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}

TEST(killed_while_stopped, "SIGKILL ends a stopped process")
{
    int status;
    pid_t pid = CHILD(raise(SIGSTOP));

    CHECK_EQUAL(waitpid(pid, &status, WUNTRACED), pid);
    CHECK(kill(pid, SIGKILL) == 0);
    CHECK_EQUAL(waitpid(pid, &status, 0), pid);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

TEST(waitid_information, "waitid fills siginfo, and WNOWAIT leaves the child to be waited for")
{
    siginfo_t info;
    pid_t pid = CHILD(_exit(5));

    memset(&info, 0, sizeof(info));
    CHECK(waitid(P_PID, pid, &info, WEXITED | WNOWAIT) == 0);
    CHECK_EQUAL(info.si_signo, SIGCHLD);
    CHECK_EQUAL(info.si_code, CLD_EXITED);
    CHECK_EQUAL(info.si_pid, pid);
    CHECK_EQUAL(info.si_status, 5);
    CHECK(waitid(P_ALL, 0, &info, WEXITED) == 0);
    CHECK_ERROR(waitid(P_ALL, 0, &info, WEXITED), ECHILD);
    CHECK_ERROR(waitid(P_ALL, 0, &info, 0), EINVAL);
}

TEST(orphans_find_a_parent, "a process whose parent ended gets another")
{
    int ends[2];
    pid_t first = 0, after = 0;

    CHECK(pipe(ends) == 0);
    pid_t parent = CHILD({
        pid_t middle = getpid();
        CHILD({
            while (getppid() == middle)
                ktap_sleep(1);
            after = getppid();
            write(ends[1], &after, sizeof(after));
        });
    });
    CHECK_CHILD(parent);
    CHECK_EQUAL(read(ends[0], &first, sizeof(first)), sizeof(first));
    CHECK(first >= 1 && first != parent);
}

TEST(many_children, "two hundred children, reaped in any order")
{
    enum { COUNT = 200 };
    int seen = 0, status;

    for (int n = 0; n < COUNT; n++)
        CHILD(_exit(n % 100));
    while (wait(&status) > 0) {
        CHECK(WIFEXITED(status));
        seen++;
    }
    CHECK_EQUAL(errno, ECHILD);
    CHECK_EQUAL(seen, COUNT);
}

TEST(fork_in_a_chain, "a chain of forty processes, each the next one's parent")
{
    pid_t top = getpid();

    for (int depth = 0; depth < 40; depth++) {
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (pid) {
            CHECK_CHILD(pid);
            if (getpid() == top)
                return;
            _exit(0);
        }
    }
    _exit(0);
}

/* ---- what a child has of its parent ---- */

TEST(memory_is_copied, "writes of parent and child don't reach each other")
{
    static int value = 1;
    int local = 1;
    int *heap = malloc(100000 * sizeof(int));
    int ends[2];
    char go;

    for (int n = 0; n < 100000; n++)
        heap[n] = n;
    CHECK(pipe(ends) == 0);
    pid_t pid = CHILD({
        CHECK(read(ends[0], &go, 1) == 1);
        CHECK(value == 1 && local == 1 && heap[99999] == 99999);
        value = local = 3;
        heap[0] = 3;
    });
    value = local = 2;
    heap[99999] = heap[0] = 2;
    CHECK(write(ends[1], "g", 1) == 1);
    CHECK_CHILD(pid);
    CHECK(value == 2 && local == 2 && heap[0] == 2 && heap[50000] == 50000);
}

TEST(files_are_shared, "parent and child share the offset of an open file")
{
    char text[4] = "";
    int fd;

    ktap_file("f", "abcdef", 6);
    fd = open("f", O_RDONLY);
    CHECK(fd >= 0);
    CHECK_CHILD(CHILD(CHECK(read(fd, text, 3) == 3)));
    CHECK_EQUAL(read(fd, text, 3), 3);
    CHECK(!memcmp(text, "def", 3));
    CHECK_CHILD(CHILD(CHECK(close(fd) == 0)));
    CHECK_EQUAL(lseek(fd, 0, SEEK_SET), 0);
}

TEST(identity_of_a_child,
     "a child has its own number, its parent's groups, and no pending alarm or signal")
{
    sigset_t set, pending;
    pid_t parent = getpid();

    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    raise(SIGUSR1);
    alarm(50);
    umask(027);
    CHECK_CHILD(CHILD({
        CHECK(getpid() != parent && getppid() == parent);
        CHECK_EQUAL(getpgrp(), getpgid(parent));
        CHECK_EQUAL(getsid(0), getsid(parent));
        CHECK_EQUAL(alarm(0), 0);
        CHECK(sigpending(&pending) == 0 && !sigismember(&pending, SIGUSR1));
        CHECK(sigprocmask(SIG_BLOCK, NULL, &set) == 0 && sigismember(&set, SIGUSR1));
        CHECK_EQUAL(umask(0), 027);
    }));
}

TEST(vfork_shares_memory, "vfork's child runs first, in the parent's memory")
{
    volatile int value = 1;
    int status;
    pid_t pid = vfork();

    if (pid == 0) {
        value = 2;
        _exit(9);
    }
    CHECK(pid > 0);
    CHECK_EQUAL(value, 2);
    CHECK_EQUAL(waitpid(pid, &status, 0), pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 9);
}

TEST(vfork_and_execute, "vfork's parent goes on when the child executes a program")
{
    char *arguments[] = {"x", "--again", "exit", "4", NULL};
    int status;
    pid_t pid = vfork();

    if (pid == 0) {
        execve(ktap_self, arguments, environ);
        _exit(1);
    }
    CHECK_EQUAL(waitpid(pid, &status, 0), pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 4);
}

/* ---- exec ---- */

TEST(arguments_and_environment, "a program gets its arguments and its environment")
{
    char *arguments[] = {"x", "--again", "arguments", "one", "", "three words here", NULL};
    char *environment[] = {"EMPTY=", "GREETING=hello", NULL};

    CHECK_CHILD(execute(arguments, environment));
}

TEST(long_arguments, "an argument of a hundred thousand bytes arrives, too long ones are E2BIG")
{
    char *text = malloc(200001);
    char *arguments[] = {"x", "--again", "count", text, NULL};

    memset(text, 'a', 200000);
    text[100000] = '\0';
    CHECK_CHILD(execute(arguments, environ));
    text[100000] = 'a';
    text[200000] = '\0';
    CHECK_ERROR(execve(ktap_self, arguments, environ), E2BIG);
}

TEST(close_on_exec, "only descriptors without FD_CLOEXEC stay open in a new program")
{
    char keep[8], gone[8];
    char *arguments[] = {"x", "--again", "descriptors", keep, gone, NULL};
    int ends[2];

    CHECK(pipe(ends) == 0);
    CHECK(fcntl(ends[1], F_SETFD, FD_CLOEXEC) == 0);
    sprintf(keep, "%d", ends[0]);
    sprintf(gone, "%d", ends[1]);
    CHECK_CHILD(execute(arguments, environ));
    CHECK_EQUAL(fcntl(ends[1], F_GETFD), FD_CLOEXEC);
}

static void handler(int sig)
{
    (void)sig;
}

TEST(signals_over_exec, "handlers are reset, what is ignored stays ignored, and so does the mask")
{
    char *arguments[] = {"x", "--again", "signals", NULL};
    sigset_t set;

    signal(SIGUSR1, handler);
    signal(SIGUSR2, SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_SETMASK, &set, NULL);
    CHECK_CHILD(execute(arguments, environ));
}

TEST(exec_errors, "what can't be executed is refused with the right error")
{
    char *arguments[] = {"x", NULL};

    CHECK_ERROR(execve("missing", arguments, environ), ENOENT);
    CHECK_ERROR(execve("", arguments, environ), ENOENT);
    ktap_file("plain", "text", 4);
    CHECK_ERROR(execve("plain", arguments, environ), EACCES);
    CHECK_ERROR(execve("plain/x", arguments, environ), ENOTDIR);
    CHECK(chmod("plain", 0755) == 0);
    CHECK_ERROR(execve("plain", arguments, environ), ENOEXEC);
    ktap_file("empty", "", 0);
    chmod("empty", 0755);
    CHECK_ERROR(execve("empty", arguments, environ), ENOEXEC);
    CHECK_ERROR(execve(".", arguments, environ), EACCES);
    ktap_file("script", "#!/nowhere/interpreter\n", 23);
    chmod("script", 0755);
    CHECK_ERROR(execve("script", arguments, environ), ENOENT);
    ktap_file("short", "\177ELF\2\1\1", 7);
    chmod("short", 0755);
    CHECK_ERROR(execve("short", arguments, environ), ENOEXEC);
}

TEST(scripts, "#! runs the interpreter with its one argument, the script's path and the arguments")
{
    char script[PATH_MAX + 64];
    char *environment[] = {"GREETING=hello", NULL};
    char line[64] = "";
    int ends[2], status;

    snprintf(script, sizeof(script), "#! %s   --again  \n", ktap_self);
    ktap_file("exit", script, strlen(script));
    CHECK(chmod("exit", 0755) == 0);
    /* The interpreter sees: --again exit arguments..., so "exit" is the script's path. */
    char *two[] = {"ignored", "6", NULL};
    pid_t pid = CHILD(execve("exit", two, environment); FAIL("execve: %s", strerror(errno)));
    CHECK_EQUAL(waitpid(pid, &status, 0), pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 6);
    CHECK(pipe(ends) == 0);
    ktap_file("shell", "#!/bin/sh\necho \"$0 $# $1\"\n", 26);
    CHECK(chmod("shell", 0755) == 0);
    if (access("/bin/sh", X_OK) == 0) {
        char *three[] = {"x", "a b", NULL};
        CHECK_CHILD(CHILD(dup2(ends[1], 1); execve("./shell", three, environment); _exit(1)));
        CHECK(read(ends[0], line, sizeof(line) - 1) > 0);
        CHECK_STRING(line, "./shell 1 a b\n");
    }
}

TEST(interpreter_loop, "a script that interprets itself ends in ELOOP")
{
    char *arguments[] = {"x", NULL}, script[PATH_MAX + 8], place[PATH_MAX - 8];

    CHECK(getcwd(place, sizeof(place)) != NULL);
    snprintf(script, sizeof(script), "#!%s/self\n", place);
    ktap_file("self", script, strlen(script));
    CHECK(chmod("self", 0755) == 0);
    CHECK_ERROR(execve("./self", arguments, environ), ELOOP);
}

TEST(damaged_programs,
     "a program cut or altered at any place is refused or ends; the system goes on")
{
    unsigned char image[4096];
    int fd = open(ktap_self, O_RDONLY), status;
    char *arguments[] = {"x", "--again", "exit", "0", NULL};

    CHECK_EQUAL(read(fd, image, sizeof(image)), sizeof(image));
    close(fd);
    for (size_t length = 8; length < 400; length += 24) {
        ktap_file("cut", image, length);
        CHECK(chmod("cut", 0755) == 0);
        pid_t pid = CHILD(execve("./cut", arguments, environ); _exit(77));
        CHECK_EQUAL(waitpid(pid, &status, 0), pid);
        CHECK(status != 0);
    }
    for (size_t at = 4; at < 232; at += 3) {
        unsigned char saved = image[at];
        image[at] ^= 0xff;
        ktap_file("bent", image, sizeof(image));
        CHECK(chmod("bent", 0755) == 0);
        pid_t pid = CHILD(alarm(5); signal(SIGALRM, SIG_DFL); execve("./bent", arguments, environ);
                          _exit(77));
        CHECK_EQUAL(waitpid(pid, &status, 0), pid);
        image[at] = saved;
    }
}

TEST(exec_of_a_file_being_written, "a file that is open for writing can't be executed")
{
    char *arguments[] = {"x", NULL};
    int fd;

    ktap_file("script", "#!/bin/false\n", 13); /* had it been executed, this would be seen */
    fd = open("script", O_WRONLY);
    CHECK(fd >= 0);
    CHECK(chmod("script", 0755) == 0);
    CHECK_ERROR(execve("./script", arguments, environ), ETXTBSY);
    close(fd);
}

static void copy_program(const char *name)
{
    int from = open(ktap_self, O_RDONLY), to = open(name, O_WRONLY | O_CREAT, 0755);
    char buffer[4096];
    ssize_t got;

    CHECK(from >= 0 && to >= 0);
    while ((got = read(from, buffer, sizeof buffer)) > 0)
        CHECK(write(to, buffer, got) == got);
    CHECK(got == 0 && close(from) == 0 && close(to) == 0);
}

TEST(writing_what_is_executed, "a program that runs can't be opened for writing or truncated")
{
    char *arguments[] = {"copy", "--again", "wait", NULL};
    int ready[2], status;
    char c;

    copy_program("copy");
    CHECK(pipe(ready) == 0);
    pid_t child = CHILD(dup2(ready[1], STDOUT_FILENO); execve("./copy", arguments, environ));
    CHECK(read(ready[0], &c, 1) == 1);
    CHECK_ERROR(open("copy", O_WRONLY), ETXTBSY);
    CHECK_ERROR(open("copy", O_RDWR | O_TRUNC), ETXTBSY);
    CHECK_ERROR(open("copy", O_RDONLY | O_TRUNC), ETXTBSY);
    CHECK_ERROR(truncate("copy", 0), ETXTBSY);
    int fd = open("copy", O_RDONLY);
    CHECK(fd >= 0 && read(fd, &c, 1) == 1 && c == 127);
    CHECK(kill(child, SIGKILL) == 0 && waitpid(child, &status, 0) == child);
    CHECK((fd = open("copy", O_RDWR)) >= 0);
    CHECK_ERROR(execve("./copy", arguments, environ), ETXTBSY);
    CHECK(close(fd) == 0 && truncate("copy", 0) == 0);
}

/* ---- groups and sessions ---- */

TEST(process_groups, "setpgid moves processes between the groups of a session")
{
    pid_t one = CHILD(pause());
    pid_t two = CHILD(pause());

    CHECK(setpgid(one, 0) == 0);
    CHECK_EQUAL(getpgid(one), one);
    CHECK(setpgid(two, one) == 0);
    CHECK_EQUAL(getpgid(two), one);
    CHECK_ERROR(setpgid(one, 999999), EPERM);
    CHECK_ERROR(setpgid(999999, 0), ESRCH);
    CHECK_ERROR(setpgid(one, -1), EINVAL);
    CHECK(kill(-one, SIGTERM) == 0);
    CHECK_EQUAL(waitpid(-one, NULL, 0) > 0, 1);
    CHECK_EQUAL(waitpid(-one, NULL, 0) > 0, 1);
    CHECK_ERROR(kill(-one, 0), ESRCH);
}

TEST(sessions, "setsid makes a session once; a group's leader can't")
{
    CHECK_CHILD(CHILD({
        CHECK_EQUAL(setsid(), getpid());
        CHECK_EQUAL(getsid(0), getpid());
        CHECK_EQUAL(getpgrp(), getpid());
        CHECK_ERROR(setsid(), EPERM);
        CHECK_ERROR(setpgid(0, 0), EPERM);
        CHECK_ERROR(open("/dev/tty", O_RDWR), ENXIO);
    }));
    CHECK_ERROR(getsid(999999), ESRCH);
}

TEST(changed_after_exec, "setpgid of a child that executed a program is EACCES")
{
    char *arguments[] = {"sleep", "5", NULL};
    int ends[2];
    char c;

    CHECK(pipe2(ends, O_CLOEXEC) == 0);
    pid_t pid = CHILD(execv("/bin/sleep", arguments); _exit(1));
    close(ends[1]);
    CHECK_EQUAL(read(ends[0], &c, 1), 0); /* the pipe closes when exec is over */
    CHECK_ERROR(setpgid(pid, pid), EACCES);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

TEST(null_signal, "kill with signal 0 asks whether a process is there")
{
    CHECK(kill(getpid(), 0) == 0);
    CHECK_ERROR(kill(getpid(), 65), EINVAL);
    CHECK_ERROR(kill(getpid(), -1), EINVAL);
    CHECK_ERROR(kill(999999, 0), ESRCH);
}

TEST(zombies_keep_their_number, "a process that ended is still there until it is waited for")
{
    pid_t pid = CHILD(_exit(0));
    siginfo_t info;

    CHECK(waitid(P_PID, pid, &info, WEXITED | WNOWAIT) == 0);
    CHECK(kill(pid, SIGTERM) == 0);
    CHECK_EQUAL(getpgid(pid), getpgrp());
    CHECK_CHILD(pid);
}

TEST(ignored_children, "with SIGCHLD ignored, children leave no zombie")
{
    signal(SIGCHLD, SIG_IGN);
    CHILD(_exit(0));
    CHILD(_exit(0));
    CHECK_ERROR(wait(NULL), ECHILD);
}
