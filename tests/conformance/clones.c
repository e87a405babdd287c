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
    struct sigaction ignored;

    umask(0777);
    close(100);
    sigaction(SIGUSR2, NULL, &ignored);
    _exit(handled + (ignored.sa_handler == SIG_IGN ? 2 : 0) +
          (ignored.sa_flags & SA_RESTART ? 4 : 0) + (child_number == getpid() ? 20 : 10));
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
    args = (struct arguments){.exit_signal = SIGCHLD, .stack_size = PAGE};
    raw("a size without a stack", &args, SIZE);
    args = (struct arguments){.exit_signal = SIGCHLD, .stack = PAGE, .stack_size = (uint64_t)-PAGE};
    raw("a stack round the end", &args, SIZE);
    args = (struct arguments){.exit_signal = SIGCHLD, .stack = 1ull << 63, .stack_size = PAGE};
    raw("a stack that is the kernel's", &args, SIZE);
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
    clone3("detached", CLONE_DETACHED, SIGCHLD);
    clone3("a sibling with a signal", CLONE_PARENT, SIGCHLD);
    clone3("a thread with a signal", CLONE_THREAD | CLONE_SIGHAND | CLONE_VM, SIGCHLD);
}

static void unknown(void)
{
    char what[64];

    for (int bit = 40; bit < 64; bit++) {
        snprintf(what, sizeof(what), "flag %d", bit);
        clone3(what, 1ull << bit, SIGCHLD);
    }
}

/* clone itself passes over what it doesn't know, signals among it. */
static void plain(const char *what, uint64_t flags)
{
    fflush(stdout);
    long child = syscall(SYS_clone, flags, NULL, NULL, NULL, 0);
    if (child == 0)
        child_end();
    show_child(what, child);
}

static void plain_clones(void)
{
    child_number = 0;
    plain("clone", SIGCHLD);
    plain("clone, no signal", 0);
    plain("clone, signal 64", 64);
    plain("clone, signal 65", 65);
    plain("clone, signal 255", 255);
    plain("clone, fresh actions", CLONE_CLEAR_SIGHAND | SIGCHLD);
    plain("clone, the last flag", 1ull << 63 | SIGCHLD);
    plain("clone, detached", CLONE_DETACHED | SIGCHLD);
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGUSR1, on_signal);
    sigaction(SIGUSR2, &(struct sigaction){.sa_handler = SIG_IGN, .sa_flags = SA_RESTART}, NULL);
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL); /* exit signals are no matter */
    sizes();
    fields();
    exit_signals();
    shared();
    contradictions();
    unknown();
    plain_clones();
    return 0;
}
