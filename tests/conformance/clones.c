/* clone3: sizes of its arguments, flags that contradict each other, what the child shares. */
#include "show.h"

#include <sys/syscall.h>

enum { SIZE = 64, PAGE = 4096 }; /* the first version of the arguments */

/* Those that the C library doesn't tell of. */
#define __WALL              0x40000000
#define CLONE_CLEAR_SIGHAND 0x100000000ull

struct arguments {
    uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
    uint64_t set_tid, set_tid_size, cgroup;
    uint64_t later[600];
};

static int child_number; /* both sides are told it if asked for */

static void on_signal(int number)
{
    (void)number;
}

/* The child's end: what it did to what it may share with its parent. */
static void child_end(void)
{
    bool handled = signal(SIGUSR1, SIG_IGN) == on_signal;

    umask(0777);
    close(100);
    _exit(child_number == getpid() ? 20 + handled : 10 + handled);
}

static void show_child(const char *what, long child)
{
    int status = 0;

    if (child < 0) {
        printf("%s: %s\n", what, strerror(errno));
        return;
    }
    pid_t waited = waitpid((pid_t)child, &status, __WALL);
    print_status(what, waited == child ? status : -1);
}

static void raw(const char *what, struct arguments *args, size_t size)
{
    fflush(stdout);
    errno = 0;
    long child = syscall(SYS_clone3, args, size);
    if (child == 0)
        child_end();
    show_child(what, child);
}

static void clone3(const char *what, uint64_t flags, uint64_t exit_signal)
{
    struct arguments args = {.flags = flags,
                             .child_tid = (uintptr_t)&child_number,
                             .parent_tid = (uintptr_t)&child_number,
                             .exit_signal = exit_signal};

    child_number = 0;
    dup2(0, 100);
    umask(022);
    raw(what, &args, SIZE);
    printf("  descriptor %s, mask %o, number %s\n", fcntl(100, F_GETFD) < 0 ? "gone" : "there",
           (unsigned)umask(022), child_number ? "told" : "not told");
}

static void sizes(void)
{
    static const size_t all[] = {0, 1, 63, 64, 65, 72, 80, 87, 88, 89, 96, 1024, PAGE, PAGE + 1};
    struct arguments args = {.exit_signal = SIGCHLD};
    char what[64];

    for (size_t n = 0; n < COUNT(all); n++) {
        snprintf(what, sizeof(what), "size %zu", all[n]);
        raw(what, &args, all[n]);
    }
    args.later[sizeof(args.later) / 8 - 1] = 1;
    raw("the last byte beyond the size", &args, 1024);
    args.later[20] = 1;
    raw("something that no version knows", &args, 1024);
    raw("no address", (struct arguments *)1, SIZE);
}

static void fields(void)
{
    struct arguments args = {.exit_signal = SIGCHLD, .stack = PAGE};

    raw("a stack without a size", &args, SIZE);
    args = (struct arguments){.exit_signal = SIGCHLD, .set_tid_size = 1};
    raw("numbers without an address", &args, 80);
    args = (struct arguments){.exit_signal = SIGCHLD, .set_tid = 1};
    raw("numbers without a count", &args, 80);
    args = (struct arguments){.exit_signal = SIGCHLD, .set_tid = 1, .set_tid_size = 99};
    raw("more numbers than levels", &args, 80);
}

static void exit_signals(void)
{
    static const uint64_t all[] = {0, SIGCHLD, SIGUSR1, SIGWINCH, 64, 65, 255, 256, 1ull << 32};
    char what[64];

    for (size_t n = 0; n < COUNT(all); n++) {
        snprintf(what, sizeof(what), "exit signal %#llx", (unsigned long long)all[n]);
        clone3(what, 0, all[n]);
    }
}

static void shared(void)
{
    clone3("nothing", 0, SIGCHLD);
    clone3("descriptors", CLONE_FILES, SIGCHLD);
    clone3("directory and mask", CLONE_FS, SIGCHLD);
    clone3("both", CLONE_FILES | CLONE_FS, SIGCHLD);
    clone3("semaphores", CLONE_SYSVSEM, SIGCHLD);
    clone3("io", CLONE_IO, SIGCHLD);
    clone3("untraced", CLONE_UNTRACED, SIGCHLD);
    clone3("waiting", CLONE_VFORK, SIGCHLD);
    clone3("number to the parent", CLONE_PARENT_SETTID, SIGCHLD);
    clone3("number to the child", CLONE_CHILD_SETTID, SIGCHLD);
    clone3("cleared number", CLONE_CHILD_CLEARTID, SIGCHLD);
    clone3("fresh actions", CLONE_CLEAR_SIGHAND, SIGCHLD);
}

static void contradictions(void)
{
    clone3("actions without memory", CLONE_SIGHAND, SIGCHLD);
    clone3("thread without actions", CLONE_THREAD | CLONE_VM, SIGCHLD);
    clone3("fresh and shared actions", CLONE_CLEAR_SIGHAND | CLONE_SIGHAND | CLONE_VM, SIGCHLD);
    clone3("mounts and directory", CLONE_NEWNS | CLONE_FS, SIGCHLD);
    clone3("users and directory", CLONE_NEWUSER | CLONE_FS, SIGCHLD);
    clone3("signal in the flags", SIGCHLD, 0);
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGUSR1, on_signal);
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL); /* exit signals are no matter */
    sizes();
    fields();
    exit_signals();
    shared();
    contradictions();
    return 0;
}
