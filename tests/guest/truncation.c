/* Pages that mappings show go when the file loses them: truncation and holes, in all address spaces
 * and on all processors. */
#include <fcntl.h>
#include <setjmp.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include "ktap.h"

enum { PAGE = 4096, PAGES = 40, KEEP_SIZE = 1, PUNCH_HOLE = 2 };

static sigjmp_buf back;

static void jump(int sig)
{
    siglongjmp(back, sig);
}

static void catch_faults(void)
{
    struct sigaction action = {.sa_handler = jump, .sa_flags = SA_NODEFER};

    CHECK(sigaction(SIGSEGV, &action, NULL) == 0 && sigaction(SIGBUS, &action, NULL) == 0);
}

/* The signal that reading or writing the byte raises, or 0. */
static int touch(volatile char *address, bool write)
{
    int sig = sigsetjmp(back, 1);

    if (sig)
        return sig;
    if (write)
        *address = 'w';
    else
        (void)*address;
    return 0;
}

/* A file of SIZE pages whose pages begin with 'a', 'b', ... */
static int file_of(int pages)
{
    int fd = open("f", O_RDWR | O_CREAT | O_TRUNC, 0600);

    CHECK(fd >= 0);
    for (int n = 0; n < pages; n++) {
        char page[PAGE];
        memset(page, 'a' + n % 26, sizeof page);
        CHECK_EQUAL(pwrite(fd, page, PAGE, (off_t)n * PAGE), PAGE);
    }
    return fd;
}

static char *show(int fd, int pages, int flags)
{
    char *area = mmap(NULL, (size_t)pages * PAGE, PROT_READ | PROT_WRITE, flags, fd, 0);

    CHECK(area != MAP_FAILED);
    for (int n = 0; n < pages; n++)
        CHECK(area[n * PAGE] == 'a' + n % 26);
    return area;
}

TEST(shared_shorter, "a shared mapping loses the pages behind the new end")
{
    int fd = file_of(PAGES);
    char *area = show(fd, PAGES, MAP_SHARED);

    catch_faults();
    area[5 * PAGE] = 'X';
    CHECK(ftruncate(fd, 3 * PAGE + 10) == 0);
    for (int n = 0; n < PAGES; n++) {
        CHECK_EQUAL(touch(area + n * PAGE, false), n > 3 ? SIGBUS : 0);
        CHECK_EQUAL(touch(area + n * PAGE, true), n > 3 ? SIGBUS : 0);
    }
    CHECK(area[3 * PAGE + 9] == 'd' && area[3 * PAGE + 10] == 0 && area[4 * PAGE - 1] == 0);
    CHECK(ftruncate(fd, PAGES * PAGE) == 0);
    for (int n = 4; n < PAGES; n++)
        CHECK(area[n * PAGE] == 0);
    area[6 * PAGE] = 'Y';
    char c;
    CHECK(pread(fd, &c, 1, 6 * PAGE) == 1 && c == 'Y');
    CHECK(pwrite(fd, "Z", 1, 7 * PAGE) == 1 && area[7 * PAGE] == 'Z');
}

TEST(private_shorter, "a private mapping loses them too, with the copies it made")
{
    int fd = file_of(PAGES);
    char *area = show(fd, PAGES, MAP_PRIVATE);

    catch_faults();
    for (int n = 0; n < PAGES; n += 2)
        area[n * PAGE] = 'X';
    CHECK(ftruncate(fd, 5 * PAGE) == 0);
    for (int n = 0; n < PAGES; n++)
        CHECK_EQUAL(touch(area + n * PAGE, false), n >= 5 ? SIGBUS : 0);
    CHECK(area[2 * PAGE] == 'X' && area[3 * PAGE] == 'd');
    CHECK(ftruncate(fd, PAGES * PAGE) == 0);
    CHECK(area[8 * PAGE] == 0 && area[9 * PAGE] == 0);
}

TEST(opened_shorter, "open with O_TRUNC takes pages as well; a system call gets EFAULT from them")
{
    int fd = file_of(3), null = open("/dev/null", O_WRONLY);
    char *area = show(fd, 3, MAP_SHARED);
    int pipes[2];

    CHECK(pipe(pipes) == 0 && null >= 0);
    int again = open("f", O_WRONLY | O_TRUNC);
    CHECK(again >= 0);
    CHECK_ERROR(write(pipes[1], area, 10), EFAULT);
    CHECK_ERROR(read(null, area, 10), EBADF);
    CHECK(pwrite(again, "new", 3, 0) == 3);
    CHECK_EQUAL(write(pipes[1], area, 10), 10);
    CHECK(!memcmp(area, "new", 4));
}

TEST(hole, "a hole takes the file's pages out of mappings, not the copies of private ones")
{
    int fd = file_of(8);
    char *shared = show(fd, 8, MAP_SHARED), *private = show(fd, 8, MAP_PRIVATE);

    private[3 * PAGE] = 'X';
    if (syscall(SYS_fallocate, fd, PUNCH_HOLE | KEEP_SIZE, 2l * PAGE, 3l * PAGE) != 0)
        SKIP("no holes here");
    for (int n = 0; n < 8; n++) {
        char want = n >= 2 && n < 5 ? 0 : 'a' + n;
        CHECK_EQUAL(shared[n * PAGE], want);
        CHECK_EQUAL(private[n * PAGE], n == 3 ? 'X' : want);
    }
    shared[2 * PAGE] = 'Y';
    char c;
    CHECK(pread(fd, &c, 1, 2 * PAGE) == 1 && c == 'Y');
    CHECK_EQUAL(private[2 * PAGE], 'Y');
}

TEST(pieces, "mappings that were cut, moved, protected and joined are found")
{
    int fd = file_of(PAGES);
    char *area = show(fd, PAGES, MAP_SHARED);

    catch_faults();
    CHECK(mprotect(area + 10 * PAGE, 5 * PAGE, PROT_READ) == 0);
    CHECK(mprotect(area + 20 * PAGE, 2 * PAGE, PROT_NONE) == 0);
    CHECK(munmap(area + 30 * PAGE, PAGE) == 0);
    char *moved = mremap(area + 31 * PAGE, 9 * PAGE, 12 * PAGE, MREMAP_MAYMOVE);
    CHECK(moved != MAP_FAILED && moved[0] == 'a' + 31 % 26);
    char *offset = mmap(NULL, 4 * PAGE, PROT_READ, MAP_SHARED, fd, 35 * PAGE);
    CHECK(offset != MAP_FAILED && offset[0] == 'a' + 35 % 26);
    CHECK(mprotect(area + 10 * PAGE, 3 * PAGE, PROT_READ | PROT_WRITE) == 0);
    CHECK(ftruncate(fd, 12 * PAGE) == 0);
    for (int n = 0; n < 30; n++)
        if (n < 20 || n > 21)
            CHECK_EQUAL(touch(area + n * PAGE, false), n >= 12 ? SIGBUS : 0);
    for (int n = 0; n < 12; n++)
        CHECK_EQUAL(touch(moved + n * PAGE, false), SIGBUS);
    CHECK_EQUAL(touch(offset, false), SIGBUS);
    CHECK(mprotect(area + 20 * PAGE, 2 * PAGE, PROT_READ) == 0);
    CHECK_EQUAL(touch(area + 20 * PAGE, false), SIGBUS);
    CHECK(ftruncate(fd, PAGES * PAGE) == 0);
    CHECK(moved[0] == 0 && offset[0] == 0 && area[15 * PAGE] == 0);
}

static void child_looks(char *shared, char *private, int in, int out)
{
    char c;

    catch_faults();
    CHECK(shared[9 * PAGE] == 'j' && private[9 * PAGE] == 'X');
    CHECK(write(out, "r", 1) == 1 && read(in, &c, 1) == 1);
    CHECK_EQUAL(touch(shared + 9 * PAGE, false), SIGBUS);
    CHECK_EQUAL(touch(private + 9 * PAGE, false), SIGBUS);
    CHECK_EQUAL(touch(private + 8 * PAGE, true), SIGBUS);
    CHECK(shared[PAGE] == 'b' && private[0] == 'a');
}

TEST(children, "another process's mappings are found, and inherited copies")
{
    int fd = file_of(10), to[2], from[2], status;
    char *shared = show(fd, 10, MAP_SHARED), *private = show(fd, 10, MAP_PRIVATE), c;

    private[9 * PAGE] = 'X';
    CHECK(pipe(to) == 0 && pipe(from) == 0);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        child_looks(shared, private, to[0], from[1]);
        _exit(0);
    }
    CHECK(read(from[0], &c, 1) == 1);
    CHECK(ftruncate(fd, 2 * PAGE) == 0);
    CHECK(write(to[1], "g", 1) == 1);
    CHECK(waitpid(child, &status, 0) == child && status == 0);
}

/* ---- At the same time ---- */

struct looks {
    bool stop;
    unsigned long count;
};

/* Reads until it is told to stop; a page that is there has what the file has, or zeros. */
static void watch(volatile char *area, struct looks *looks)
{
    catch_faults();
    while (!__atomic_load_n(&looks->stop, __ATOMIC_ACQUIRE)) {
        if (sigsetjmp(back, 1) == 0) {
            char c = area[0];
            if (c != 'a' && c != 0)
                FAIL("the page shows %d", c);
        }
        __atomic_fetch_add(&looks->count, 1, __ATOMIC_ACQ_REL);
    }
}

static void wait_looks(struct looks *looks, unsigned long more)
{
    unsigned long until = __atomic_load_n(&looks->count, __ATOMIC_ACQUIRE) + more;

    while (__atomic_load_n(&looks->count, __ATOMIC_ACQUIRE) < until)
        syscall(SYS_sched_yield);
}

TEST(watchers, "no processor sees an old page after ftruncate returned")
{
    int fd = file_of(1);
    char *area = show(fd, 1, MAP_SHARED);
    struct looks *looks =
        mmap(NULL, sizeof *looks, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t children[2];

    CHECK(looks != MAP_FAILED);
    for (int n = 0; n < 2; n++)
        children[n] = CHILD(watch(area, looks));
    catch_faults();
    for (int round = 0; round < 300; round++) {
        CHECK(ftruncate(fd, 0) == 0);
        CHECK_EQUAL(touch(area, false), SIGBUS);
        wait_looks(looks, 2);
        CHECK(pwrite(fd, "a", 1, 0) == 1);
        CHECK(area[0] == 'a');
        wait_looks(looks, 2);
    }
    __atomic_store_n(&looks->stop, true, __ATOMIC_RELEASE);
    for (int n = 0; n < 2; n++)
        CHECK_CHILD(children[n]);
}

/* Maps, touches, cuts, forks and unmaps until it is told to stop. */
static void churn(int fd, int in)
{
    unsigned seed = (unsigned)getpid();
    char c;

    catch_faults();
    fcntl(in, F_SETFL, O_NONBLOCK);
    while (read(in, &c, 1) != 0) {
        char *area = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE,
                          seed & 256 ? MAP_SHARED : MAP_PRIVATE, fd, 0);
        CHECK(area != MAP_FAILED);
        for (int n = 0; n < 8; n++, seed = seed * 1103515245 + 12345)
            touch(area + n * PAGE, seed >> 20 & 1);
        CHECK(mprotect(area + 2 * PAGE, 2 * PAGE, PROT_READ) == 0);
        if ((seed >> 16) % 8 == 0)
            CHECK_CHILD(CHILD(touch(area, true)));
        if (seed >> 17 & 1)
            CHECK(mprotect(area + 2 * PAGE, 2 * PAGE, PROT_READ | PROT_WRITE) == 0);
        CHECK(munmap(area, 8 * PAGE) == 0);
    }
}

TEST(churn_and_truncate, "processes that map and unmap while the file changes its size")
{
    int fd = file_of(8), pipes[2], status;
    pid_t children[3];

    CHECK(pipe(pipes) == 0);
    for (int n = 0; n < 3; n++) {
        children[n] = fork();
        CHECK(children[n] >= 0);
        if (children[n] == 0) {
            close(pipes[1]);
            churn(fd, pipes[0]);
            _exit(0);
        }
    }
    char *area = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(area != MAP_FAILED);
    catch_faults();
    for (int round = 0; round < 400; round++) {
        CHECK(ftruncate(fd, round % 8 * PAGE) == 0);
        CHECK_EQUAL(touch(area + round % 8 * PAGE, false), SIGBUS);
        if (round % 8 > 0)
            CHECK_EQUAL(touch(area + (round % 8 - 1) * PAGE, true), 0);
    }
    close(pipes[1]);
    for (int n = 0; n < 3; n++)
        CHECK(waitpid(children[n], &status, 0) == children[n] && status == 0);
}
