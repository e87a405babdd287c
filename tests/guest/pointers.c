/* Bad pointers, lengths and descriptors: each call answers with its error and harms nobody. */
#include "ktap.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/vfs.h>

enum { PAGE = 4096 };

/* Pointers that no user may use: unmapped, protected, the kernel's, non-canonical, and wrapping
 * round. */
static void *bad[] = {(void *)8,
                      NULL,
                      (void *)0x7ffffffff000,
                      (void *)0xffff800000000000,
                      (void *)0xffffffff80000000,
                      (void *)0x8000000000000000,
                      (void *)-8,
                      (void *)-1};
enum { BAD = sizeof(bad) / sizeof(*bad) };

static void prepare(void)
{
    bad[1] = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(bad[1] != MAP_FAILED);
}

#define EACH_BAD(p)                              \
    prepare();                                   \
    for (int ktap_n = 0; ktap_n < BAD; ktap_n++) \
        for (void *p = bad[ktap_n], *ktap_once = &ktap_n; ktap_once; ktap_once = NULL)

TEST(paths, "every call that takes a path")
{
    struct statfs fs;
    struct stat st;
    char text[16];

    EACH_BAD(p)
    {
        CHECK_ERROR(open(p, O_RDONLY), EFAULT);
        CHECK_ERROR(stat(p, &st), EFAULT);
        CHECK_ERROR(lstat(p, &st), EFAULT);
        CHECK_ERROR(access(p, F_OK), EFAULT);
        CHECK_ERROR(chdir(p), EFAULT);
        CHECK_ERROR(mkdir(p, 0700), EFAULT);
        CHECK_ERROR(rmdir(p), EFAULT);
        CHECK_ERROR(unlink(p), EFAULT);
        CHECK_ERROR(rename(p, "x"), EFAULT);
        CHECK_ERROR(rename("x", p), EFAULT);
        CHECK_ERROR(link(p, "x"), EFAULT);
        CHECK_ERROR(symlink(p, "x"), EFAULT);
        CHECK_ERROR(symlink("x", p), EFAULT);
        CHECK_ERROR(readlink(p, text, 16), EFAULT);
        CHECK_ERROR(chmod(p, 0), EFAULT);
        CHECK_ERROR(chown(p, 0, 0), EFAULT);
        CHECK_ERROR(truncate(p, 0), EFAULT);
        CHECK_ERROR(statfs(p, &fs), EFAULT);
        CHECK_ERROR(mkfifo(p, 0), EFAULT);
        CHECK_ERROR(execve(p, NULL, NULL), EFAULT);
    }
}

TEST(results, "every call that writes a result")
{
    struct timespec brief = {0, 1};
    int fd = open("/dev/zero", O_RDWR), ends[2];

    CHECK(pipe(ends) == 0);
    EACH_BAD(p)
    {
        CHECK_ERROR(read(fd, p, 16), EFAULT);
        CHECK_ERROR(pread(fd, p, 16, 0), EFAULT);
        CHECK_ERROR(stat(".", p), EFAULT);
        CHECK_ERROR(fstat(fd, p), EFAULT);
        CHECK_ERROR(pipe(p), EFAULT);
        CHECK_ERROR(uname(p), EFAULT);
        CHECK_ERROR(sysinfo(p), EFAULT);
        CHECK_ERROR(statfs(".", p), EFAULT);
        CHECK_ERROR(syscall(SYS_getcwd, p, 100), EFAULT);
        CHECK_ERROR(syscall(SYS_clock_gettime, CLOCK_REALTIME, p), EFAULT);
        CHECK_ERROR(syscall(SYS_gettimeofday, p, NULL), EFAULT);
        CHECK_ERROR(getrlimit(RLIMIT_NOFILE, p), EFAULT);
        CHECK_ERROR(getrusage(RUSAGE_SELF, p), EFAULT);
        CHECK_ERROR(times(p), EFAULT);
        CHECK_ERROR(getrandom(p, 16, 0), EFAULT);
        CHECK_ERROR(ioctl(ends[0], FIONREAD, p), EFAULT);
        CHECK_ERROR(syscall(SYS_rt_sigpending, p, 8), EFAULT);
        CHECK_ERROR(syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, p, 8), EFAULT);
        CHECK_ERROR(syscall(SYS_rt_sigaction, SIGUSR1, NULL, p, 8), EFAULT);
        CHECK_ERROR(syscall(SYS_nanosleep, p, NULL), EFAULT);
        CHECK(nanosleep(&brief, p) == 0); /* only an interrupted sleep writes it */
    }
    int in = open(".", O_RDONLY);
    EACH_BAD(p)
    CHECK_ERROR(getdents64(in, p, 1000), EFAULT);
    EACH_BAD(p)
    CHECK_ERROR(readlink("/proc/self/exe", p, 100), EFAULT);
}

TEST(inputs, "every call that reads an argument")
{
    int fd = open("f", O_RDWR | O_CREAT, 0600), ends[2];
    int waiting = -1;

    CHECK(pipe(ends) == 0);
    EACH_BAD(p)
    {
        CHECK_ERROR(write(fd, p, 16), EFAULT);
        CHECK_ERROR(pwrite(fd, p, 16, 0), EFAULT);
        CHECK_ERROR(write(ends[1], p, 16), EFAULT);
        CHECK_ERROR(readv(fd, p, 1), EFAULT);
        CHECK_ERROR(writev(fd, p, 1), EFAULT);
        CHECK_ERROR(poll(p, 1, 0), EFAULT);
        CHECK_ERROR(select(1, p, NULL, NULL, NULL), EFAULT);
        CHECK_ERROR(select(0, NULL, NULL, NULL, p), EFAULT);
        CHECK_ERROR(syscall(SYS_rt_sigaction, SIGUSR1, p, NULL, 8), EFAULT);
        CHECK_ERROR(syscall(SYS_rt_sigprocmask, SIG_BLOCK, p, NULL, 8), EFAULT);
        CHECK_ERROR(syscall(SYS_rt_sigsuspend, p, 8), EFAULT);
        CHECK_ERROR(sigaltstack(p, NULL), EFAULT);
        CHECK_ERROR(utimensat(AT_FDCWD, "f", p, 0), EFAULT);
        CHECK_ERROR(setrlimit(RLIMIT_CORE, p), EFAULT);
        CHECK_ERROR(sethostname(p, 5), EFAULT);
        CHECK_ERROR(setgroups(3, p), EFAULT);
        struct iovec vector = {p, 10};
        CHECK_ERROR(writev(fd, &vector, 1), EFAULT);
    }
    CHECK_EQUAL(lseek(fd, 0, SEEK_END), 0);
    CHECK(ioctl(ends[0], FIONREAD, &waiting) == 0 && waiting == 0);
}

TEST(execution, "execve with bad vectors and strings")
{
    EACH_BAD(p)
    {
        char *vector[] = {"x", p, NULL};
        CHECK_ERROR(execve(ktap_self, (char **)p, environ), EFAULT);
        CHECK_ERROR(execve(ktap_self, vector, environ), EFAULT);
        CHECK_ERROR(execve(ktap_self, environ, vector), EFAULT);
    }
}

TEST(children, "wait4 with a bad status pointer")
{
    EACH_BAD(p)
    {
        pid_t pid = CHILD(_exit(0));
        CHECK_ERROR(waitpid(pid, p, 0), EFAULT);
    }
}

TEST(half_good, "a buffer whose second page is missing is used up to it")
{
    char *area = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct stat st;
    int ends[2];

    CHECK(munmap(area + PAGE, PAGE) == 0);
    memset(area, 'a', PAGE);
    int fd = open("f", O_RDWR | O_CREAT, 0600);
    long n = write(fd, area + PAGE - 10, 20);
    CHECK(n == 10 || n == -1);
    CHECK(fstat(fd, &st) == 0 && st.st_size == (n > 0 ? n : 0));
    CHECK(pipe(ends) == 0);
    n = write(ends[1], area + PAGE - 10, 20);
    CHECK(n == 10 || n == -1);
    /* A path that ends right at the edge is good, one that runs over it is not. */
    strcpy(area + PAGE - 2, "f");
    CHECK(stat(area + PAGE - 2, &st) == 0);
    area[PAGE - 1] = 'f';
    CHECK_ERROR(stat(area + PAGE - 2, &st), EFAULT);
    CHECK_ERROR(stat("f", (void *)(area + PAGE - 16)), EFAULT);
}

/* Sizes to both sides of what is moved by whole words, with every one of their bytes missing. */
TEST(edges, "of a buffer that runs into a missing page all before it is used, byte for byte")
{
    enum { ALL = 150, LONGEST = 600 }; /* all sizes up to ALL, some beyond */
    char text[LONGEST], back[LONGEST];
    char *end =
        (char *)mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) +
        PAGE;
    int fd = open("edges", O_RDWR | O_CREAT | O_TRUNC, 0600);

    CHECK(fd >= 0 && munmap(end, PAGE) == 0);
    for (int n = 0; n < LONGEST; n++)
        text[n] = (char)(n % 251 + 1);
    CHECK_EQUAL(write(fd, text, LONGEST), LONGEST);
    for (int size = 1; size <= LONGEST; size += size < ALL ? 1 : 53)
        for (int there = 0; there <= size && (there < 80 || size > ALL); there++) {
            char *at = end - there;
            memset(end - PAGE, 0, PAGE);
            ssize_t got = pread(fd, at, size, 0);
            if (got != (there ? there : -1) || memcmp(at, text, there) || at[-1])
                FAIL("read of %d with %d there: %ld", size, there, (long)got);
            memset(end - PAGE, 'x', PAGE);
            memcpy(at, text, there);
            CHECK_EQUAL(ftruncate(fd, 0), 0);
            got = pwrite(fd, at, size, 0);
            if (got != (there ? there : -1) || pread(fd, back, LONGEST, 0) != there ||
                memcmp(back, text, there))
                FAIL("write of %d with %d there: %ld", size, there, (long)got);
            CHECK_EQUAL(pwrite(fd, text, LONGEST, 0), LONGEST);
        }
    close(fd);
}

TEST(read_only, "results don't go to read-only memory")
{
    char *area = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int zero = open("/dev/zero", O_RDONLY);

    CHECK_ERROR(read(zero, area, 10), EFAULT);
    CHECK_ERROR(read(zero, (void *)"constant text", 10), EFAULT);
    CHECK_ERROR(stat(".", (void *)area), EFAULT);
    CHECK_ERROR(pipe((int *)area), EFAULT);
}

TEST(fresh_pages, "results go to memory that was never touched, and to copied pages")
{
    char *area = mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int zero = open("/dev/zero", O_RDONLY);

    CHECK_EQUAL(read(zero, area + 100, 40 * PAGE), 40 * PAGE);
    memset(area, 1, 64 * PAGE);
    pid_t pid =
        CHILD(CHECK_EQUAL(read(zero, area, 64 * PAGE), 64 * PAGE); CHECK(area[5 * PAGE] == 0));
    CHECK_CHILD(pid);
    CHECK(area[5 * PAGE] == 1);
}

TEST(huge_lengths, "lengths that wrap round are refused or cut")
{
    int zero = open("/dev/zero", O_RDWR);
    char buffer[16];

    CHECK_ERROR(read(zero, buffer, SIZE_MAX), EFAULT);
    CHECK_ERROR(read(zero, buffer, (size_t)SSIZE_MAX + 1), EFAULT);
    CHECK_ERROR(poll((struct pollfd *)buffer, 0x7fffffff, 0), EINVAL);
    CHECK_ERROR(select(-1, NULL, NULL, NULL, NULL), EINVAL);
}

TEST(unknown_calls, "numbers without a system call are ENOSYS")
{
    CHECK_ERROR(syscall(9999), ENOSYS);
    CHECK_ERROR(syscall(-1), ENOSYS);
    CHECK_ERROR(syscall(400), ENOSYS);
    CHECK_ERROR(syscall(LONG_MAX), ENOSYS);
    CHECK_ERROR(syscall(0x40000000), ENOSYS);
    CHECK_ERROR(syscall(SYS_getpmsg), ENOSYS);
}

TEST(bad_descriptors, "every call that takes a descriptor")
{
    static const int wrong[] = {-1, 999, INT_MAX, INT_MIN, 1 << 20};
    struct stat st;
    char c;

    for (size_t n = 0; n < sizeof(wrong) / sizeof(*wrong); n++) {
        int fd = wrong[n];
        CHECK_ERROR(read(fd, &c, 1), EBADF);
        CHECK_ERROR(write(fd, &c, 1), EBADF);
        CHECK_ERROR(close(fd), EBADF);
        CHECK_ERROR(lseek(fd, 0, SEEK_SET), EBADF);
        CHECK_ERROR(fstat(fd, &st), EBADF);
        CHECK_ERROR(dup(fd), EBADF);
        CHECK_ERROR(dup2(fd, 5), EBADF);
        if (fd < 0 || fd == INT_MAX)
            CHECK_ERROR(dup2(0, fd), EBADF);
        CHECK_ERROR(fcntl(fd, F_GETFD), EBADF);
        CHECK_ERROR(ioctl(fd, TCGETS, &c), EBADF);
        CHECK_ERROR(ftruncate(fd, 0), EBADF);
        CHECK_ERROR(fsync(fd), EBADF);
        CHECK_ERROR(fchdir(fd), EBADF);
        CHECK_ERROR(fchmod(fd, 0), EBADF);
        CHECK_ERROR(getdents64(fd, &c, 1), EBADF);
    }
}

static void wake(int sig)
{
    (void)sig;
}

TEST(random_calls, "calls with random arguments never harm the system")
{
    /* What would end or stop the test itself is left out; what waits is interrupted. */
    static const int calls[] = {
        SYS_read,      SYS_write,      SYS_open,     SYS_stat,          SYS_lseek,    SYS_mprotect,
        SYS_ioctl,     SYS_readv,      SYS_writev,   SYS_access,        SYS_mincore,  SYS_madvise,
        SYS_fcntl,     SYS_getdents64, SYS_getcwd,   SYS_chdir,         SYS_readlink, SYS_getrlimit,
        SYS_sysinfo,   SYS_times,      SYS_uname,    SYS_clock_gettime, SYS_futex,    SYS_getrandom,
        SYS_statx,     SYS_pread64,    SYS_pwrite64, SYS_dup3,          SYS_pipe2,    SYS_prlimit64,
        SYS_getgroups, SYS_mremap,     SYS_sendfile};

    for (unsigned round = 0; round < 8; round++) {
        pid_t pid = CHILD({
            unsigned long state = round * 7919 + 1;
            struct sigaction action = {.sa_handler = wake};
            struct itimerval often = {{0, 10000}, {0, 10000}};
            CHECK(sigaction(SIGALRM, &action, NULL) == 0);
            CHECK(setitimer(ITIMER_REAL, &often, NULL) == 0);
            close(1);
            close(0);
            close(2);
            for (int n = 0; n < 1500; n++) {
                unsigned long argument[6];
                for (int i = 0; i < 6; i++) {
                    state = state * 6364136223846793005ul + 1442695040888963407ul;
                    unsigned long kind = state >> 60;
                    argument[i] = kind < 4    ? state >> 56 & 15
                                  : kind < 8  ? (unsigned long)bad[state >> 40 & 7]
                                  : kind < 12 ? (unsigned long)&argument
                                              : state;
                }
                int call = calls[(state >> 33) % (sizeof(calls) / sizeof(*calls))];
                if (call == SYS_futex)
                    argument[1] = 1;
                if ((call == SYS_mremap || call == SYS_mprotect || call == SYS_madvise) &&
                    argument[0] >> 40)
                    argument[0] = 0;
                syscall(call, argument[0], argument[1], argument[2], argument[3], argument[4],
                        argument[5]);
            }
        });
        int status;
        CHECK_EQUAL(waitpid(pid, &status, 0), pid);
        /* Writing over its own stack may end the child: that is its own affair. */
    }
}
