/* Address spaces: mmap and its family, brk, copy on write, faults. */
#include "ktap.h"

#include <fcntl.h>
#include <setjmp.h>
#include <sys/mman.h>
#include <sys/resource.h>

enum { PAGE = 4096 };

static sigjmp_buf back;
static void *fault_address;
static int fault_code;

static void jump(int sig, siginfo_t *info, void *context)
{
    (void)context;
    fault_address = info->si_addr;
    fault_code = info->si_code;
    siglongjmp(back, sig);
}

static void catch_faults(void)
{
    struct sigaction action = {.sa_sigaction = jump, .sa_flags = SA_SIGINFO};

    CHECK(sigaction(SIGSEGV, &action, NULL) == 0 && sigaction(SIGBUS, &action, NULL) == 0);
}

/* The signal that touching the byte raises, or 0. */
static int touch(volatile char *address, bool write)
{
    int sig = sigsetjmp(back, 1);

    if (sig)
        return sig;
    if (write)
        *address = *address;
    else
        (void)*address;
    return 0;
}

static char *anonymous(size_t size, int protection)
{
    char *area = mmap(NULL, size, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    CHECK(area != MAP_FAILED);
    return area;
}

TEST(fresh_memory, "anonymous memory is zero and can be written")
{
    char *area = anonymous(20 * PAGE, PROT_READ | PROT_WRITE);

    CHECK(((uintptr_t)area & (PAGE - 1)) == 0);
    for (int n = 0; n < 20 * PAGE; n++)
        CHECK(area[n] == 0);
    memset(area, 0x5a, 20 * PAGE);
    CHECK(area[20 * PAGE - 1] == 0x5a);
    CHECK(munmap(area, 20 * PAGE) == 0);
    catch_faults();
    CHECK_EQUAL(touch(area, false), SIGSEGV);
    CHECK(fault_address == area && fault_code == SEGV_MAPERR);
}

TEST(unmapping_parts, "munmap may take the middle, and what is not mapped")
{
    char *area = anonymous(5 * PAGE, PROT_READ | PROT_WRITE);

    catch_faults();
    memset(area, 1, 5 * PAGE);
    CHECK(munmap(area + 2 * PAGE, PAGE) == 0);
    CHECK_EQUAL(touch(area + PAGE, true), 0);
    CHECK_EQUAL(touch(area + 2 * PAGE, false), SIGSEGV);
    CHECK_EQUAL(touch(area + 3 * PAGE, true), 0);
    CHECK(munmap(area, 5 * PAGE) == 0);
    CHECK(munmap(area, 5 * PAGE) == 0);
    CHECK_ERROR(munmap(area + 1, PAGE), EINVAL);
    CHECK_ERROR(munmap(area, 0), EINVAL);
    CHECK_ERROR(munmap((void *)-PAGE, PAGE), EINVAL);
}

TEST(protection, "mprotect takes and gives rights, page by page")
{
    char *area = anonymous(3 * PAGE, PROT_READ | PROT_WRITE);

    catch_faults();
    area[PAGE] = 7;
    CHECK(mprotect(area + PAGE, PAGE, PROT_READ) == 0);
    CHECK_EQUAL(touch(area + PAGE, false), 0);
    CHECK_EQUAL(touch(area + PAGE, true), SIGSEGV);
    CHECK_EQUAL(fault_code, SEGV_ACCERR);
    CHECK_EQUAL(touch(area, true), 0);
    CHECK_EQUAL(touch(area + 2 * PAGE, true), 0);
    CHECK(mprotect(area, 3 * PAGE, PROT_NONE) == 0);
    CHECK_EQUAL(touch(area + PAGE, false), SIGSEGV);
    CHECK(mprotect(area, 3 * PAGE, PROT_READ | PROT_WRITE) == 0);
    CHECK_EQUAL(area[PAGE], 7);
    CHECK_EQUAL(touch(area + PAGE, true), 0);
    CHECK_ERROR(mprotect(area + 1, PAGE, PROT_READ), EINVAL);
    munmap(area + PAGE, PAGE);
    CHECK_ERROR(mprotect(area, 3 * PAGE, PROT_READ), ENOMEM);
}

TEST(executable, "code runs where PROT_EXEC is, and only there")
{
    static const unsigned char code[] = {0xb8, 42, 0, 0, 0, 0xc3}; /* mov $42, %eax; ret */
    char *area = anonymous(PAGE, PROT_READ | PROT_WRITE);

    catch_faults();
    memcpy(area, code, sizeof(code));
    if (!sigsetjmp(back, 1)) {
        ((int (*)(void))area)();
        FAIL("data was executed");
    }
    CHECK(fault_address == area && fault_code == SEGV_ACCERR);
    CHECK(mprotect(area, PAGE, PROT_READ | PROT_EXEC) == 0);
    CHECK_EQUAL(((int (*)(void))area)(), 42);
    CHECK_EQUAL(touch(area, true), SIGSEGV);
}

TEST(fixed, "MAP_FIXED replaces what is there, MAP_FIXED_NOREPLACE refuses")
{
    char *area = anonymous(4 * PAGE, PROT_READ | PROT_WRITE);

    memset(area, 9, 4 * PAGE);
    CHECK(mmap(area + PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
               -1, 0) == area + PAGE);
    CHECK(area[PAGE - 1] == 9 && area[PAGE] == 0 && area[2 * PAGE] == 9);
    CHECK_ERROR(
        mmap(area, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0),
        EEXIST);
    munmap(area, 4 * PAGE);
    CHECK(mmap(area, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
          area); /* a hint that is free */
    CHECK_ERROR(mmap(area + 1, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
                EINVAL);
}

TEST(wrong_requests, "mmap refuses what makes no sense")
{
    int ends[2], fd = open("f", O_RDWR | O_CREAT, 0600);

    CHECK_ERROR(mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), EINVAL);
    CHECK_ERROR(mmap(NULL, PAGE, PROT_READ, MAP_ANONYMOUS, -1, 0), EINVAL);
    CHECK_ERROR(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, -1, 0), EBADF);
    CHECK_ERROR(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 1), EINVAL);
    CHECK_ERROR(mmap(NULL, 1ul << 62, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), ENOMEM);
    CHECK_ERROR(mmap(NULL, ~0ul, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), ENOMEM);
    CHECK_ERROR(
        mmap((void *)(1ul << 47), PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
        ENOMEM);
    CHECK(pipe(ends) == 0);
    CHECK_ERROR(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, ends[0], 0), ENODEV);
    int writer = open("f", O_WRONLY), reader = open("f", O_RDONLY);
    CHECK_ERROR(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, writer, 0), EACCES);
    CHECK_ERROR(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, reader, 0), EACCES);
}

TEST(private_files, "a private mapping shows the file, and its writes stay private")
{
    char content[3 * PAGE], c;

    for (int n = 0; n < 3 * PAGE; n++)
        content[n] = (char)(n / 64);
    ktap_file("f", content, sizeof(content));
    int fd = open("f", O_RDONLY);
    char *area = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    CHECK(area != MAP_FAILED && !memcmp(area, content, sizeof(content)));
    char *second = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, PAGE);
    CHECK(second != MAP_FAILED && !memcmp(second, content + PAGE, PAGE));
    close(fd);
    area[PAGE] = 'X';
    CHECK(second[0] == content[PAGE]);
    fd = open("f", O_RDONLY);
    CHECK_EQUAL(pread(fd, &c, 1, PAGE), 1);
    CHECK(c == content[PAGE]);
    CHECK(unlink("f") == 0);
    CHECK(area[2 * PAGE] == content[2 * PAGE]);
}

TEST(end_of_a_file, "behind a file's end a page reads as zeros, and further pages are SIGBUS")
{
    ktap_file("f", "abc", 3);
    int fd = open("f", O_RDONLY);
    char *area = mmap(NULL, 2 * PAGE, PROT_READ, MAP_PRIVATE, fd, 0);

    CHECK(area != MAP_FAILED);
    catch_faults();
    CHECK(!memcmp(area, "abc", 4) && area[PAGE - 1] == 0);
    CHECK_EQUAL(touch(area + PAGE, false), SIGBUS);
    CHECK_EQUAL(fault_code, BUS_ADRERR);
}

TEST(shared_files, "a shared mapping is the file")
{
    char c;

    ktap_file("f", "abcdef", 6);
    int fd = open("f", O_RDWR);
    char *area = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(area != MAP_FAILED);
    area[2] = 'C';
    CHECK_EQUAL(pread(fd, &c, 1, 2), 1);
    CHECK_EQUAL(c, 'C');
    CHECK_EQUAL(pwrite(fd, "D", 1, 3), 1);
    CHECK_EQUAL(area[3], 'D');
    CHECK_CHILD(CHILD(area[4] = 'E'));
    CHECK_EQUAL(area[4], 'E');
    CHECK(msync(area, PAGE, MS_SYNC) == 0);
}

TEST(shared_anonymous, "shared anonymous memory is shared over fork")
{
    int *area = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    CHECK(area != MAP_FAILED);
    CHECK_CHILD(CHILD(area[0] = 5; CHECK_CHILD(CHILD(area[1] = 6))));
    CHECK(area[0] == 5 && area[1] == 6);
}

TEST(copy_on_write, "four processes write their copies of the same pages")
{
    enum { PAGES = 256 };
    int *area = (int *)anonymous(PAGES * PAGE, PROT_READ | PROT_WRITE);
    pid_t children[4];

    for (int n = 0; n < PAGES; n++)
        area[n * PAGE / 4] = n;
    for (int child = 0; child < 4; child++)
        children[child] = CHILD({
            for (int round = 0; round < 4; round++)
                for (int n = 0; n < PAGES; n++) {
                    CHECK(area[n * PAGE / 4] == n + round * (child + 1));
                    area[n * PAGE / 4] += child + 1;
                }
        });
    for (int child = 0; child < 4; child++)
        CHECK_CHILD(children[child]);
    for (int n = 0; n < PAGES; n++)
        CHECK(area[n * PAGE / 4] == n);
}

TEST(read_before_write, "zeros that were read first can be written after a fork")
{
    char *area = anonymous(16 * PAGE, PROT_READ | PROT_WRITE);

    for (int n = 0; n < 16; n++)
        CHECK(area[n * PAGE] == 0);
    pid_t pid = CHILD(for (int n = 0; n < 16; n++) area[n * PAGE] = 1);
    CHECK_CHILD(pid);
    for (int n = 0; n < 16; n++)
        CHECK(area[n * PAGE] == 0);
}

TEST(program_break, "the break grows with zeros, shrinks, and doesn't grow into mappings")
{
    char *begin = sbrk(0);

    CHECK(sbrk(10 * PAGE) == begin);
    for (int n = 0; n < 10 * PAGE; n++)
        CHECK(begin[n] == 0);
    memset(begin, 3, 10 * PAGE);
    CHECK(sbrk(-10 * PAGE) == begin + 10 * PAGE);
    CHECK(sbrk(10 * PAGE) == begin);
    CHECK(begin[5 * PAGE] == 0);
    CHECK_ERROR(sbrk(1l << 46), ENOMEM);
    CHECK(sbrk(0) == begin + 10 * PAGE);
}

TEST(stack_grows, "the stack grows by megabytes on demand")
{
    volatile char frame[4 << 20];

    for (size_t n = sizeof(frame); n > 0; n -= 1024)
        frame[n - 1] = (char)n;
    CHECK(frame[1023] == (char)1024);
}

TEST(overcommit, "more private memory than there can be is refused as the setting says")
{
    size_t size = 1ul << 46;
    int fd = open("/proc/sys/vm/overcommit_memory", O_RDONLY), flags = MAP_PRIVATE | MAP_ANONYMOUS;
    char mode;

    CHECK(read(fd, &mode, 1) == 1);
    if (mode == '2')
        SKIP("counted here");
    char *area = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, -1, 0);
    CHECK((area == MAP_FAILED) == (mode == '0'));
    if (mode == '0')
        CHECK(mmap(NULL, size, PROT_READ | PROT_WRITE, flags | MAP_NORESERVE, -1, 0) != MAP_FAILED);
}

TEST(lazy, "a mapping much larger than memory costs only what is touched")
{
    size_t size = 1ul << 36;
    char *area = mmap(NULL, size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    CHECK(area != MAP_FAILED);
    for (int n = 0; n < 64; n++)
        area[size / 64 * n] = (char)n;
    for (int n = 0; n < 64; n++)
        CHECK(area[size / 64 * n] == n);
    CHECK(munmap(area, size) == 0);
}

/* Touches in one call so much that it would take minutes. */
TEST(populating_killed, "a process is killed also while it faults in what it asked for")
{
    size_t size = 1ul << 36;
    struct rusage usage;
    int ends[2], status;
    char c;

    CHECK(pipe(ends) == 0);
    pid_t child = fork();
    if (child == 0) {
        write(ends[1], "", 1);
        mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_POPULATE, -1,
             0);
        _exit(0);
    }
    CHECK(read(ends[0], &c, 1) == 1);
    usleep(50000); /* a chance for it to be amid that */
    CHECK(kill(child, SIGKILL) == 0);
    CHECK(wait4(child, &status, 0, &usage) == child);
    CHECK((size_t)usage.ru_minflt < size / PAGE);
}

TEST(given_back, "MADV_DONTNEED makes anonymous memory zero again")
{
    char *area = anonymous(4 * PAGE, PROT_READ | PROT_WRITE);

    memset(area, 1, 4 * PAGE);
    CHECK(madvise(area + PAGE, 2 * PAGE, MADV_DONTNEED) == 0);
    CHECK(area[0] == 1 && area[PAGE] == 0 && area[3 * PAGE - 1] == 0 && area[3 * PAGE] == 1);
    CHECK_ERROR(madvise(area + 1, PAGE, MADV_DONTNEED), EINVAL);
    CHECK_ERROR(madvise(area, PAGE, 12345), EINVAL);
}

TEST(remapping, "mremap grows, moves and shrinks")
{
    char *area = anonymous(2 * PAGE, PROT_READ | PROT_WRITE), *moved;

    catch_faults();
    memset(area, 4, 2 * PAGE);
    CHECK((moved = mremap(area, 2 * PAGE, 100 * PAGE, MREMAP_MAYMOVE)) != MAP_FAILED);
    CHECK(moved[0] == 4 && moved[2 * PAGE - 1] == 4 && moved[2 * PAGE] == 0);
    moved[99 * PAGE] = 5;
    CHECK(mremap(moved, 100 * PAGE, PAGE, 0) == moved);
    CHECK_EQUAL(touch(moved + PAGE, false), SIGSEGV);
    CHECK_ERROR(mremap(moved + 1, PAGE, PAGE, 0), EINVAL);
}

TEST(many_mappings, "a thousand mappings with different rights keep them")
{
    enum { COUNT = 1000 };
    char *area = anonymous(2 * COUNT * PAGE, PROT_NONE);

    catch_faults();
    for (int n = 0; n < COUNT; n++)
        CHECK(mprotect(area + 2l * n * PAGE, PAGE, n % 2 ? PROT_READ : PROT_READ | PROT_WRITE) ==
              0);
    for (int n = 0; n < COUNT; n += 37) {
        CHECK_EQUAL(touch(area + 2l * n * PAGE, true), n % 2 ? SIGSEGV : 0);
        CHECK_EQUAL(touch(area + (2l * n + 1) * PAGE, false), SIGSEGV);
    }
    CHECK(munmap(area, 2 * COUNT * PAGE) == 0);
}

TEST(locked_to_limits, "RLIMIT_AS bounds what mmap gives")
{
    struct rlimit limit = {512 << 20, 512 << 20};

    CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
    CHECK_ERROR(mmap(NULL, 600 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), ENOMEM);
    CHECK(mmap(NULL, 1 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
}

TEST(allocator, "malloc under stress keeps every byte")
{
    enum { COUNT = 500, ROUNDS = 20000 };
    static unsigned char *block[COUNT];
    static unsigned size[COUNT];
    unsigned state = 1;

    for (int n = 0; n < ROUNDS; n++) {
        state = state * 1103515245 + 12345;
        int at = (int)(state >> 8) % COUNT;
        if (block[at]) {
            for (unsigned i = 0; i < size[at]; i += 61)
                CHECK(block[at][i] == (unsigned char)(at + i));
            free(block[at]);
        }
        size[at] = state % 31 ? (state >> 4) % 3000 : (state >> 4) % 300000;
        block[at] = malloc(size[at] + 1);
        CHECK(block[at] != NULL);
        for (unsigned i = 0; i < size[at]; i++)
            block[at][i] = (unsigned char)(at + i);
    }
}
