/* mincore, locked memory, and every value of madvise on each kind of mapping. */
#include "show.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#define MLOCK_ONFAULT 1 /* the C library doesn't tell of it */

enum { PAGE = 4096, PAGES = 6 };

static char *map(int flags, int fd)
{
    void *at = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, flags, fd, 0);

    return at == MAP_FAILED ? NULL : at;
}

static void show_pages(char *at, size_t size)
{
    unsigned char there[PAGES];

    memset(there, 9, sizeof(there));
    SHOW(mincore(at, size, there));
    for (size_t n = 0; n < PAGES; n++)
        putchar(there[n] == 9 ? '-' : there[n] & 1 ? '1' : '0');
    putchar('\n');
}

/* Every second page of fresh memory is touched, then some of it is given back. */
static void pages(void)
{
    unsigned char there[PAGES];
    char *at = map(MAP_PRIVATE | MAP_ANONYMOUS, -1);

    puts("== pages");
    madvise(at, PAGES * PAGE, MADV_NOHUGEPAGE);
    show_pages(at, PAGES * PAGE);
    for (int n = 0; n < PAGES; n += 2)
        at[n * PAGE] = 1;
    show_pages(at, PAGES * PAGE);
    show_pages(at, 0);
    show_pages(at, 1);
    show_pages(at, PAGE + 1);
    show_pages(at + 1, PAGE);
    SHOW(madvise(at, PAGE, MADV_DONTNEED));
    show_pages(at, PAGES * PAGE);
    SHOW(mincore(at, PAGE, (unsigned char *)1));
    SHOW(mincore(at, (size_t)-1, there));
    SHOW(mincore((void *)LONG_MIN, PAGE, there));
    SHOW(munmap(at + PAGE, PAGE));
    SHOW(mincore(at, PAGES * PAGE, there));
    SHOW(mincore(at + PAGE, PAGE, there));
    munmap(at, PAGES * PAGE);
}

/* The line of /proc/self/status that tells how much is locked. */
static void show_locked(void)
{
    char line[200];
    FILE *status = fopen("/proc/self/status", "r");

    while (status && fgets(line, sizeof(line), status))
        if (!strncmp(line, "VmLck:", 6))
            fputs(line, stdout);
    if (status)
        fclose(status);
}

/* Ranges: what is faulted in, what a gap does, what isn't there to be had. */
static void locked_ranges(void)
{
    char *at = map(MAP_PRIVATE | MAP_ANONYMOUS, -1), *more;
    int file = open("file", O_RDWR);

    puts("== locked ranges");
    madvise(at, PAGES * PAGE, MADV_NOHUGEPAGE);
    SHOW(mlock(at + PAGE + 5, PAGE));
    show_pages(at, PAGES * PAGE);
    show_locked();
    SHOW(munlock(at + PAGE, PAGE));
    show_locked();
    SHOW(munmap(at + 4 * PAGE, PAGE));
    SHOW(mlock(at, PAGES * PAGE));
    show_locked();
    SHOW(munlock(at + PAGE, 4 * PAGE));
    show_locked();
    SHOW(madvise(at, PAGE, MADV_DONTNEED));
    SHOW(madvise(at, PAGE, MADV_FREE));
    SHOW(msync(at, PAGE, MS_INVALIDATE));
    SHOW(msync(at, PAGE, MS_SYNC));
    SHOW(msync(at + PAGE, PAGE, MS_INVALIDATE));
    SHOW(munmap(at, PAGE));
    show_locked();
    munmap(at, PAGES * PAGE);
    SHOW(mlock(at, (size_t)-1));
    SHOW(mlock(at, (size_t)-2 * PAGE));
    SHOW(munlock(at, (size_t)-2 * PAGE));
    at = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    SHOW(mlock(at, PAGE));
    show_locked();
    munmap(at, PAGE);
    at = mmap(NULL, 2 * PAGES * PAGE, PROT_READ, MAP_SHARED, file, 0);
    SHOW(mlock(at, PAGE));
    SHOW(mlock(at, 2 * PAGES * PAGE));
    munmap(at, 2 * PAGES * PAGE);
    at = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1,
              0);
    show_pages(at, 2 * PAGE);
    show_locked();
    more = mremap(at, 2 * PAGE, 4 * PAGE, MREMAP_MAYMOVE);
    show_pages(more, 4 * PAGE);
    show_locked();
    munmap(more, 4 * PAGE);
    show_locked();
    close(file);
}

static void on_fault(void)
{
    char *at = map(MAP_PRIVATE | MAP_ANONYMOUS, -1), *more;

    puts("== locked on fault");
    madvise(at, PAGES * PAGE, MADV_NOHUGEPAGE);
    SHOW(syscall(SYS_mlock2, at, PAGE, 2));
    SHOW(syscall(SYS_mlock2, at, 2 * PAGE, MLOCK_ONFAULT));
    show_pages(at, 2 * PAGE);
    show_locked();
    SHOW(syscall(SYS_mlock2, at, PAGE, 0));
    show_pages(at, 2 * PAGE);
    SHOW(munlockall());
    show_locked();
    munmap(at, PAGES * PAGE);
    SHOW(mlockall(MCL_FUTURE | MCL_ONFAULT));
    more = map(MAP_PRIVATE | MAP_ANONYMOUS, -1);
    show_pages(more, PAGES * PAGE);
    show_locked();
    SHOW(mlockall(MCL_FUTURE));
    at = map(MAP_PRIVATE | MAP_ANONYMOUS, -1);
    show_pages(at, PAGES * PAGE);
    show_locked();
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) { /* which has no locks, and makes none */
        show_locked();
        munmap(at, PAGES * PAGE);
        at = map(MAP_PRIVATE | MAP_ANONYMOUS, -1);
        show_locked();
        fflush(stdout);
        _exit(0);
    }
    waitpid(child, NULL, 0);
    SHOW(munlockall());
    show_locked();
    munmap(at, PAGES * PAGE);
    munmap(more, PAGES * PAGE);
}

static void show_map(const char *what, void *at)
{
    show(what, at == MAP_FAILED ? -1 : 0);
}

static void limited(void)
{
    char *at = map(MAP_PRIVATE | MAP_ANONYMOUS, -1);

    SHOW(mlock(at, 4 * PAGE));
    SHOW(mlock(at, 4 * PAGE));
    SHOW(mlock(at, 5 * PAGE));
    SHOW(mlock(at + PAGE, 4 * PAGE));
    show_locked();
    show_map("locked mapping",
             mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0));
    show_map("remapped", mremap(at, 4 * PAGE, PAGES * PAGE * 2, MREMAP_MAYMOVE));
    SHOW(munlock(at, PAGE));
    SHOW(mlock(at + 4 * PAGE, PAGE));
    show_locked();
    SHOW(mlockall(MCL_CURRENT));
    SHOW(mlockall(MCL_FUTURE));
    show_map("future mapping",
             mmap(NULL, PAGES * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    SHOW_OK(syscall(SYS_brk, 0) == syscall(SYS_brk, syscall(SYS_brk, 0) + 16 * PAGE) ? -1 : 0);
    SHOW(munlockall());
    show_locked();
    show_map("unlocked mapping",
             mmap(NULL, PAGES * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

static void forbidden(void)
{
    char *at = map(MAP_PRIVATE | MAP_ANONYMOUS, -1);

    SHOW(mlock(at, PAGE));
    SHOW(mlock(at, 0));
    SHOW(mlock((void *)LONG_MIN, PAGE));
    SHOW(syscall(SYS_mlock2, at, PAGE, 2));
    SHOW(munlock(at, PAGE));
    SHOW(mlockall(MCL_CURRENT));
    SHOW(mlockall(0));
    SHOW(munlockall());
    show_map("locked mapping",
             mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0));
}

/* RLIMIT_MEMLOCK, which root's privilege excuses. */
static void as_user(const char *what, rlim_t limit, void (*run)(void))
{
    struct rlimit most = {limit, limit};
    int status;

    printf("== %s\n", what);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        if (setrlimit(RLIMIT_MEMLOCK, &most) < 0 || setgid(1000) < 0 || setuid(1000) < 0)
            _exit(1);
        run();
        fflush(stdout);
        _exit(0);
    }
    waitpid(child, &status, 0);
    print_status(what, status);
}

static void locks(void)
{
    char *at = map(MAP_PRIVATE | MAP_ANONYMOUS, -1);

    puts("== locks");
    madvise(at, PAGES * PAGE, MADV_NOHUGEPAGE);
    SHOW(mlock(at, PAGE));
    SHOW(mlock(at + 1, 1));
    SHOW(mlock(at, 0));
    SHOW(munlock(at, PAGE));
    SHOW(munlock(at, PAGE));
    SHOW(munlock(at + 5, 0));
    SHOW(mlock((void *)LONG_MIN, PAGE));
    SHOW(munmap(at + PAGE, PAGE));
    SHOW(mlock(at + PAGE, PAGE));
    SHOW(munlock(at + PAGE, PAGE));
    SHOW(mlockall(0));
    SHOW(mlockall(8));
    SHOW(mlockall(MCL_CURRENT));
    SHOW(mlockall(MCL_FUTURE));
    SHOW(mlockall(MCL_CURRENT | MCL_FUTURE));
    SHOW(mlockall(MCL_ONFAULT));
    SHOW(munlockall());
    munmap(at, PAGES * PAGE);
}

static const struct {
    const char *name;
    int advice;
} advices[] = {{"normal", MADV_NORMAL},
               {"random", MADV_RANDOM},
               {"sequential", MADV_SEQUENTIAL},
               {"willneed", MADV_WILLNEED},
               {"dontneed", MADV_DONTNEED},
               {"free", MADV_FREE},
               {"dontfork", MADV_DONTFORK},
               {"dofork", MADV_DOFORK},
               {"dontdump", MADV_DONTDUMP},
               {"dodump", MADV_DODUMP},
               {"wipeonfork", MADV_WIPEONFORK},
               {"keeponfork", MADV_KEEPONFORK},
               {"none of them", 5},
               {"negative", -1},
               {"large", 1 << 20}};

static void advise(const char *kind, char *at)
{
    printf("== advice on %s\n", kind);
    for (size_t n = 0; n < COUNT(advices); n++) {
        int advice = advices[n].advice;
        puts(advices[n].name);
        SHOW(madvise(at, PAGE, advice));
        SHOW(madvise(at, 1, advice));
        SHOW(madvise(at, 0, advice));
        SHOW(madvise(at + 1, PAGE, advice));
        SHOW(madvise(at, (size_t)-1, advice));
        SHOW(madvise(at, PAGES * PAGE, advice));
    }
}

static void hints(void)
{
    char *at = map(MAP_PRIVATE | MAP_ANONYMOUS, -1);

    puts("== hints");
    SHOW(madvise(at, PAGE, MADV_RANDOM));
    SHOW(madvise(at, PAGE, MADV_SEQUENTIAL));
    SHOW(madvise(at, PAGE, MADV_WILLNEED));
    SHOW(madvise(at, PAGE, MADV_COLD));
    SHOW(madvise(at, PAGE, MADV_PAGEOUT));
    SHOW(madvise(at, PAGE, MADV_DONTDUMP));
    SHOW(madvise(at, PAGE, MADV_DODUMP));
    SHOW(madvise(at, PAGE, MADV_FREE));
    SHOW(madvise(at, PAGE, MADV_DOFORK));
    munmap(at, PAGES * PAGE);
}

static void advices_on_kinds(void)
{
    int file = open("file", O_RDWR);
    char *private = map(MAP_PRIVATE | MAP_ANONYMOUS, -1);

    advise("private memory", private);
    munmap(private + PAGE, PAGE);
    advise("memory with a gap", private);
    munmap(private, PAGES * PAGE);
    advise("unmapped memory", private);
    advise("shared memory", map(MAP_SHARED | MAP_ANONYMOUS, -1));
    advise("a file", map(MAP_SHARED, file));
    advise("a private file", map(MAP_PRIVATE, file));
    close(file);
}

/* What the values about the content do to it, here and in a child. */
static void show_bytes(const char *who, const char *at)
{
    printf("%s:", who);
    for (int n = 0; n < PAGES; n++)
        printf(" %d", at[n * PAGE]);
    putchar('\n');
    fflush(stdout);
}

static void contents(void)
{
    char *at = map(MAP_PRIVATE | MAP_ANONYMOUS, -1);
    int status;

    puts("== contents");
    for (int n = 0; n < PAGES; n++)
        at[n * PAGE] = (char)(n + 1);
    SHOW(madvise(at, PAGE, MADV_DONTNEED));
    SHOW(madvise(at + PAGE, 2 * PAGE, MADV_WIPEONFORK));
    SHOW(madvise(at + 2 * PAGE, PAGE, MADV_KEEPONFORK));
    SHOW(madvise(at + 5 * PAGE, PAGE, MADV_DONTFORK));
    show_bytes("parent", at);
    pid_t child = fork();
    if (child == 0) {
        SHOW(madvise(at + 5 * PAGE, PAGE, MADV_NORMAL));
        mmap(at + 5 * PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        show_bytes("child", at);
        _exit(0);
    }
    waitpid(child, &status, 0);
    print_status("child", status);
    show_bytes("parent", at);
    munmap(at, PAGES * PAGE);
}

int main(void)
{
    char text[PAGES * PAGE + 1];

    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    fresh_place();
    put_file("file", text, 0600);
    pages();
    locks();
    locked_ranges();
    on_fault();
    as_user("four pages and a bit", 4 * PAGE + 100, limited);
    as_user("no page", 0, forbidden);
    as_user("less than a page", PAGE - 1, limited);
    hints();
    advices_on_kinds();
    contents();
    leave_place();
    return 0;
}
