/*
 * Abuse: random system calls with the worst of arguments, from several processes with several
 * threads at once. The kernel lives, and afterwards nothing is missing: pages, processes, open
 * files.
 *
 * A round is a worker process, made anew with a seed of its own: it closes its descriptors,
 * confines itself, opens one of each kind of file, starts threads, and all of them call until the
 * supervisor kills them. Whatever a round did to itself (its memory, mask, limits, directory) ends
 * with it. ABUSE_SEED and ABUSE_SECONDS in the environment choose another run.
 *
 * Nothing of this may happen on a system that anybody needs: it runs on Sluice alone.
 */
#include "ktap.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>

enum { PAGE = 4096, ARENA = 64 * PAGE, BUFFERS = 8, WORKERS = 3, THREADS = 2, ROUND_MS = 250 };
enum { NOBODY = 65534, CALLS_MAX = 512 };

/* From kernel/abi/syscalls.tbl: the kinds of each implemented call's arguments, "" for a call
 * without any. */
static const char *const kinds[CALLS_MAX] = {
#include "syscall_kinds.inc"
};

/* ---- The worker's memory: no libc, for threads without any share it ---- */

struct dice {
    uint64_t state;
};

static char *arena;     /* readable and writable; an unmapped page follows */
static char *read_only; /* one page */
static char *no_access; /* one page */
static bool as_root;
static uint64_t *calls_made; /* shared with the supervisor */

static uint64_t roll(struct dice *dice)
{
    dice->state ^= dice->state << 13;
    dice->state ^= dice->state >> 7;
    dice->state ^= dice->state << 17;
    return dice->state * 0x2545f4914f6cdd1dull;
}

static uint64_t below(struct dice *dice, uint64_t limit)
{
    return (roll(dice) >> 11) % limit;
}

/* The child of any kind of clone ends at once, without touching a stack that it may share. */
static long call(long number, const uint64_t a[6])
{
    register uint64_t r10 __asm__("r10") = a[3], r8 __asm__("r8") = a[4], r9 __asm__("r9") = a[5];
    long result;

    __asm__ volatile("syscall\n\t"
                     "test %%rax, %%rax\n\t"
                     "jnz 1f\n\t"
                     "cmp $56, %%rbx\n\t"
                     "je 2f\n\t"
                     "cmp $57, %%rbx\n\t"
                     "je 2f\n\t"
                     "cmp $58, %%rbx\n\t"
                     "je 2f\n\t"
                     "cmp $435, %%rbx\n\t"
                     "jne 1f\n"
                     "2:\tmov $60, %%eax\n\t"
                     "xor %%edi, %%edi\n\t"
                     "syscall\n"
                     "1:"
                     : "=a"(result)
                     : "a"(number), "b"(number), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8),
                       "r"(r9)
                     : "rcx", "r11", "memory", "cc");
    return result;
}

/* ---- Arguments ---- */

static uint64_t any_number(struct dice *dice)
{
    static const uint64_t odd[] = {0,
                                   1,
                                   2,
                                   3,
                                   7,
                                   8,
                                   255,
                                   4095,
                                   4096,
                                   4097,
                                   65536,
                                   0x7fffffff,
                                   0x80000000,
                                   0xffffffff,
                                   0x7fffffffffffffff,
                                   0x8000000000000000,
                                   (uint64_t)-1,
                                   (uint64_t)-2,
                                   (uint64_t)-4096,
                                   (uint64_t)-4095,
                                   1ull << 32,
                                   1ull << 47,
                                   (1ull << 47) - 4096};

    switch (below(dice, 5)) {
    case 0:
        return odd[below(dice, sizeof(odd) / sizeof(*odd))];
    case 1:
        return roll(dice) >> below(dice, 64);
    case 2:
        return 1ull << below(dice, 64);
    default:
        return below(dice, 20);
    }
}

static uint64_t any_pointer(struct dice *dice)
{
    switch (below(dice, 24)) {
    case 0:
        return 0;
    case 1:
        return 1 + below(dice, 64);
    case 2:
        return 0x7ffffffff000 - below(dice, 64);
    case 3:
        return 0xffff800000000000 + (roll(dice) & 0xfffffff);
    case 4:
        return 0xffffffff80000000 + (roll(dice) & 0xffffff);
    case 5:
        return 0x8000000000000000 | roll(dice);
    case 6:
        return (uint64_t)-1 - below(dice, 256);
    case 7:
        return (uint64_t)no_access + below(dice, PAGE);
    case 8:
        return (uint64_t)read_only + below(dice, PAGE);
    case 9:
    case 10:
        return (uint64_t)arena + ARENA - 1 - below(dice, 64);
    case 11:
        return (uint64_t)arena + (1 + below(dice, ARENA / PAGE - 1)) * PAGE - 1 - below(dice, 64);
    default:
        return (uint64_t)arena + (below(dice, ARENA / 8) & ~7ull) * 8 % ARENA;
    }
}

static const char *const paths[] = {"a",
                                    "b",
                                    "d",
                                    "d/a",
                                    "d/e",
                                    "link",
                                    "fifo",
                                    ".",
                                    "d/../a",
                                    "a/",
                                    "",
                                    "//",
                                    "d/e/f",
                                    "/proc/self/fd/3",
                                    "/proc/self/maps",
                                    "/proc/self/status",
                                    "/proc/self/cwd",
                                    "/proc/self/exe",
                                    "/proc/1/stat",
                                    "/proc/self/fd",
                                    "/dev/null",
                                    "/dev/zero",
                                    "/dev/full",
                                    "/dev/tty",
                                    "/dev/random",
                                    "/proc/meminfo",
                                    "/proc/self/fd/4/x",
                                    "/prog",
                                    "/proc/self/environ",
                                    "/proc/mounts",
                                    "/proc/self/task",
                                    "a/b/c",
                                    "loop",
                                    "/proc",
                                    "/dev",
                                    "d"};

static uint64_t any_path(struct dice *dice)
{
    if (below(dice, 8) == 0)
        return any_pointer(dice);
    return (uint64_t)paths[below(dice, sizeof(paths) / sizeof(*paths))];
}

static uint64_t any_descriptor(struct dice *dice)
{
    if (below(dice, 10) == 0)
        return any_number(dice);
    if (below(dice, 20) == 0)
        return (uint64_t)-100;
    return below(dice, 36);
}

/* Never another's number for root: it may do everything to anybody. */
static uint64_t any_process(struct dice *dice)
{
    if (as_root || below(dice, 4))
        return 0;
    return below(dice, 2) ? any_number(dice) : below(dice, 400);
}

static uint64_t any_flags(struct dice *dice)
{
    uint64_t flags = 0;

    if (below(dice, 3) == 0)
        return 0;
    for (uint64_t bits = below(dice, 4); bits; bits--)
        flags |= 1ull << below(dice, 32);
    return flags;
}

static bool kind_is(const char *kind, size_t length, const char *names)
{
    size_t known;

    for (; *names; names += known + (names[known] == ' ')) {
        for (known = 0; names[known] && names[known] != ' ';)
            known++;
        if (known == length && !memcmp(kind, names, length))
            return true;
    }
    return false;
}

static uint64_t any_argument(struct dice *dice, const char *kind, size_t length)
{
    if (below(dice, 40) == 0)
        return as_root && kind_is(kind, length, "pid") ? 0 : any_number(dice);
    if (kind_is(kind, length, "fd dirfd"))
        return any_descriptor(dice);
    if (kind_is(kind, length, "path str"))
        return any_path(dice);
    if (kind_is(kind, length, "in out inout"))
        return any_pointer(dice);
    if (kind_is(kind, length, "addr"))
        return below(dice, 3) ? any_pointer(dice) & ~(uint64_t)(PAGE - 1) : any_number(dice);
    if (kind_is(kind, length, "flags hex"))
        return any_flags(dice);
    if (kind_is(kind, length, "pid"))
        return any_process(dice);
    if (kind_is(kind, length, "sig"))
        return below(dice, 70);
    return any_number(dice);
}

/* A socket's address in a word: a short path, an abstract name, a port of 127.0.0.1. */
static uint64_t any_name(struct dice *dice)
{
    switch (below(dice, 4)) {
    case 0:
        return AF_UNIX | (uint64_t)('a' + below(dice, 4)) << 16;
    case 1:
        return AF_UNIX | below(dice, 4) << 24;
    case 2:
        return AF_INET | below(dice, 4) << 24 | 0x0100007full << 32;
    default:
        return below(dice, 20) | below(dice, 8) << 16;
    }
}

/* Structures: words that are pointers, sizes, descriptors, names or nonsense. */
static void refill(struct dice *dice)
{
    uint64_t *words = (uint64_t *)(arena + below(dice, ARENA / 512) * 512);

    for (int n = 0; n < 64; n++)
        words[n] = below(dice, 8) == 0 ? any_name(dice)
                   : below(dice, 3)    ? below(dice, 2) ? any_number(dice) : any_pointer(dice)
                                       : any_descriptor(dice) | any_flags(dice) << 32;
}

/* ---- Which calls ---- */

/* What would end the machine or the session, or reach beyond the scratch directory. */
static bool forbidden(long number)
{
    switch (number) {
    case SYS_reboot:
        return true;
    case SYS_kill:
    case SYS_tkill:
    case SYS_tgkill:
    case SYS_rt_sigqueueinfo:
    case SYS_rt_tgsigqueueinfo:
    case SYS_setpriority:
    case SYS_sethostname:
    case SYS_setdomainname:
    case SYS_settimeofday:
    case SYS_clock_settime:
    case SYS_syslog:
    case SYS_mount:
    case SYS_umount2:
    case SYS_chroot:
        return as_root;
    default:
        return false;
    }
}

/* They end the round; and those that only wait cost its time. */
static bool seldom(long number)
{
    switch (number) {
    case SYS_exit:
    case SYS_exit_group:
    case SYS_execve:
    case SYS_execveat:
    case SYS_pause:
    case SYS_rt_sigsuspend:
    case SYS_rt_sigreturn:
    case SYS_munmap:
    case SYS_vfork:
    case SYS_close_range:
    case SYS_setrlimit:
    case SYS_prlimit64:
        return true;
    default:
        return false;
    }
}

static void call_once(struct dice *dice)
{
    uint64_t a[6] = {0};
    long number = (long)below(dice, CALLS_MAX);
    const char *kind = kinds[number];

    if (!kind || forbidden(number) || (seldom(number) && below(dice, 30)))
        return;
    for (int n = 0; *kind && n < 6; n++) {
        size_t length = strcspn(kind, " ");
        a[n] = any_argument(dice, kind, length);
        kind += length + (kind[length] == ' ');
    }
    call(number, a);
    __atomic_fetch_add(calls_made, 1, __ATOMIC_RELAXED);
}

__attribute__((noreturn)) static void call_for_ever(uint64_t seed)
{
    struct dice dice = {seed | 1};

    for (;;) {
        if (below(&dice, 8) == 0)
            refill(&dice);
        call_once(&dice);
    }
}

/* ---- A round ---- */

static void on_signal(int signal)
{
    (void)signal;
}

static void limit(int resource, rlim_t most)
{
    struct rlimit limits = {most, most};

    setrlimit(resource, &limits);
}

static void confine(bool root)
{
    as_root = root;
    if (chroot(".") < 0 || setsid() < 0)
        _exit(10);
    limit(RLIMIT_AS, 64 << 20);
    limit(RLIMIT_FSIZE, 256 << 10);
    limit(RLIMIT_NOFILE, 48);
    limit(RLIMIT_CORE, 0);
    if (!root && (setgid(NOBODY) < 0 || setuid(NOBODY) < 0))
        _exit(11);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static void open_sockets(void)
{
    static const int kinds[][2] = {{AF_UNIX, SOCK_STREAM},    {AF_UNIX, SOCK_DGRAM},
                                   {AF_INET, SOCK_STREAM},    {AF_INET, SOCK_DGRAM},
                                   {AF_INET6, SOCK_STREAM},   {AF_NETLINK, SOCK_RAW},
                                   {AF_UNIX, SOCK_SEQPACKET}, {AF_PACKET, SOCK_RAW}};
    int pair[2];

    for (size_t n = 0; n < sizeof(kinds) / sizeof(*kinds); n++)
        socket(kinds[n][0], kinds[n][1] | SOCK_NONBLOCK, 0);
    (void)!socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair);
    (void)!socketpair(AF_UNIX, SOCK_DGRAM, 0, pair);
}

static void open_all(void)
{
    int pair[2];

    for (int fd = 0; fd < 64; fd++)
        close(fd);
    open("/dev/null", O_RDWR);
    open("a", O_RDWR | O_CREAT, 0666);
    open("d", O_RDONLY | O_DIRECTORY);
    if (pipe(pair) == 0)
        fcntl(pair[0], F_SETFL, O_NONBLOCK);
    (void)!pipe(pair);
    open("/dev/zero", O_RDWR);
    open("b", O_RDWR | O_CREAT | O_APPEND, 0666);
    open("fifo", O_RDWR | O_NONBLOCK);
    open("/proc/self/maps", O_RDONLY);
    open("/proc/self/fd", O_RDONLY | O_DIRECTORY);
    open("/dev/full", O_RDWR);
    open("/dev/random", O_RDONLY);
    syscall(SYS_epoll_create1, 0);
    syscall(SYS_eventfd2, 3, O_NONBLOCK);
    syscall(SYS_timerfd_create, CLOCK_MONOTONIC, O_NONBLOCK);
    syscall(SYS_signalfd4, -1, "\377\377\377\377\377\377\377", 8, O_NONBLOCK);
    open("/dev/tty", O_RDWR | O_NONBLOCK);
    open(".", O_PATH);
    open_sockets();
}

static void map_all(void)
{
    const int how = MAP_PRIVATE | MAP_ANONYMOUS;

    arena = mmap(NULL, ARENA + PAGE, PROT_READ | PROT_WRITE, how, -1, 0);
    munmap(arena + ARENA, PAGE);
    read_only = mmap(NULL, PAGE, PROT_READ, how, -1, 0);
    no_access = mmap(NULL, PAGE, PROT_NONE, how, -1, 0);
}

static void handle_all(void)
{
    struct sigaction action = {.sa_handler = on_signal};

    for (int signal = 1; signal < 32; signal++)
        if (signal != SIGSEGV && signal != SIGBUS && signal != SIGILL && signal != SIGFPE)
            sigaction(signal, &action, NULL);
}

static int thread_main(void *seed)
{
    call_for_ever((uint64_t)seed);
}

/* Waits are cut short by an alarm every few milliseconds, as long as nobody blocks it. */
static void worker(bool root, uint64_t seed)
{
    struct itimerval often = {{0, 5000}, {0, 5000}};

    confine(root);
    open_all();
    map_all();
    handle_all();
    setitimer(ITIMER_REAL, &often, NULL);
    struct dice dice = {seed | 1};
    for (int n = 0; n < ARENA / 512; n++)
        refill(&dice);
    for (int n = 0; n < THREADS; n++) {
        char *stack =
            mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        clone(thread_main, stack + 16 * PAGE,
              CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM,
              (void *)roll(&dice));
    }
    call_for_ever(seed);
}

/* ---- What there is ---- */

struct figures {
    long free_pages, processes;
};

static struct figures figures_now(void)
{
    struct figures now = {0};
    struct sysinfo info;

    CHECK(sysinfo(&info) == 0);
    now.free_pages = (long)(info.freeram * info.mem_unit / PAGE);
    now.processes = info.procs;
    return now;
}

/* Reaps those that CLONE_PARENT made ours. */
static void reap(void)
{
    while (waitpid(-1, NULL, WNOHANG | 0x40000000 /* __WALL */) > 0)
        continue;
}

/* Calls VISIT with the number of every process but those of BEFORE, which ends with 0. */
static void each_stranger(const int *before, void (*visit)(int pid))
{
    struct dirent *entry;
    DIR *proc = opendir("/proc");

    CHECK(proc != NULL);
    while ((entry = readdir(proc))) {
        int pid = atoi(entry->d_name);
        const int *known = before;
        while (*known && *known != pid)
            known++;
        if (pid > 0 && pid != *known)
            visit(pid);
    }
    closedir(proc);
}

enum { KNOWN_MAX = 64 };
static int known[KNOWN_MAX + 1];

static void note_known(int pid)
{
    int n = 0;

    while (known[n])
        n++;
    CHECK(n < KNOWN_MAX);
    known[n] = pid;
}

static int strangers;

static void kill_stranger(int pid)
{
    strangers++;
    kill(pid, SIGKILL);
}

static void show_stranger(int pid)
{
    char path[300], line[256];

    snprintf(path, sizeof(path), "/proc/%d/status", pid);
    FILE *status = fopen(path, "r");
    while (status && fgets(line, sizeof(line), status))
        printf("# %s", line);
    if (status)
        fclose(status);
    fflush(stdout);
}

/* Kills what a round left behind: processes that live on with other parents and in other groups.
 * Init reaps orphans when it gets round to it. */
static void sweep(void)
{
    strangers = 1;
    for (int tries = 0; strangers; tries++) {
        strangers = 0;
        each_stranger(known, kill_stranger);
        reap();
        if (strangers)
            ktap_sleep(5);
        if (tries > 500) {
            each_stranger(known, show_stranger);
            FAIL("some can't be killed");
        }
    }
}

static void round_of_workers(uint64_t seed, int as_root_too)
{
    pid_t pids[WORKERS];

    memset(known, 0, sizeof(known));
    each_stranger(known, note_known);
    for (int n = 0; n < WORKERS; n++) {
        pids[n] = fork();
        CHECK(pids[n] >= 0);
        if (pids[n] == 0)
            worker(n < as_root_too, seed * 1000003 + (uint64_t)n * 7919 + 1);
    }
    ktap_sleep(ROUND_MS);
    for (int n = 0; n < WORKERS; n++) {
        kill(pids[n], SIGKILL);
        CHECK_EQUAL(waitpid(pids[n], NULL, 0), pids[n]);
    }
    sweep();
}

static void scratch_make(void)
{
    CHECK(chmod(".", 0777) == 0);
    CHECK(mkdir("d", 0777) == 0 && chmod("d", 0777) == 0);
    CHECK(mkdir("proc", 0755) == 0 && mkdir("dev", 0755) == 0);
    CHECK(mount("proc", "proc", "proc", 0, NULL) == 0);
    CHECK(symlink("a", "link") == 0 && symlink("loop", "loop") == 0 && mkfifo("fifo", 0666) == 0);
    static const struct {
        const char *name;
        int minor;
    } devices[] = {{"dev/null", 3}, {"dev/zero", 5}, {"dev/full", 7}, {"dev/random", 8}};
    for (size_t n = 0; n < sizeof(devices) / sizeof(*devices); n++)
        CHECK(mknod(devices[n].name, S_IFCHR | 0666, makedev(1, devices[n].minor)) == 0 &&
              chmod(devices[n].name, 0666) == 0);
    CHECK(mknod("dev/tty", S_IFCHR | 0666, makedev(5, 0)) == 0 && chmod("dev/tty", 0666) == 0);
}

static long from_environment(const char *name, long otherwise)
{
    const char *value = getenv(name);

    return value ? strtol(value, NULL, 0) : otherwise;
}

static void require_sluice(void)
{
    struct utsname name;

    CHECK(uname(&name) == 0);
    if (!strstr(name.release, "sluice") || getuid() != 0)
        SKIP("it would harm this system");
}

/* Each round has a directory of its own, so that what the last one made of its own is gone. */
static void abuse(uint64_t seed, int as_root_too)
{
    char place[32];

    snprintf(place, sizeof(place), "round%lu", (unsigned long)seed);
    CHECK(mkdir(place, 0777) == 0 && chdir(place) == 0);
    scratch_make();
    round_of_workers(seed, as_root_too);
    CHECK(chdir("..") == 0);
    snprintf(place, sizeof(place), "round%lu/proc", (unsigned long)seed);
    CHECK(umount(place) == 0);
    *strchr(place, '/') = '\0';
    ktap_remove(place);
    CHECK_ERROR(access(place, F_OK), ENOENT);
}

/* Caches fill in the first rounds: stacks, slabs of the heap. Names stay cached up to a limit that
 * no run reaches: each round looks up processes in /proc that were never seen before. So a page or
 * two a round may go; whatever is forgotten of a process is more. */
static bool too_few_pages(const struct figures *before, const struct figures *after, int rounds)
{
    return before->free_pages - after->free_pages > 64 + 3 * rounds;
}

static void abuse_and_compare(int as_root_too)
{
    uint64_t seed = (uint64_t)from_environment("ABUSE_SEED", 1);
    long seconds = from_environment("ABUSE_SECONDS", 8), end = ktap_now() + seconds * 1000;
    int rounds = 0;

    require_sluice();
    calls_made = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(calls_made != MAP_FAILED);
    alarm((unsigned)seconds + KTAP_SECONDS);
    for (int n = 0; n < 3; n++)
        abuse(seed * 100000 + n, as_root_too);
    struct figures before = figures_now();
    for (; ktap_now() < end; rounds++)
        abuse(seed * 100000 + 10 + rounds, as_root_too);
    struct figures after = figures_now();
    printf("# %d rounds, %lu calls: %ld pages, %ld processes; then %ld, %ld\n", rounds,
           (unsigned long)*calls_made, before.free_pages, before.processes, after.free_pages,
           after.processes);
    CHECK(*calls_made > 200);
    CHECK_EQUAL(after.processes, before.processes);
    if (too_few_pages(&before, &after, rounds))
        FAIL("%ld pages are lost", before.free_pages - after.free_pages);
}

TEST(nobodys, "random calls by nobody: the kernel lives and loses nothing")
{
    abuse_and_compare(0);
}

TEST(roots, "random calls by root and nobody: the kernel lives and loses nothing")
{
    abuse_and_compare(2);
}
