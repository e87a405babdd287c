/*
 * A long random walk through mmap, munmap, mprotect, mremap, madvise, msync and fork in one fixed
 * stretch of addresses, the same on every system: after each step pages are read and written at
 * random, and what became of that goes into a checksum. One line every few hundred steps, so that a
 * difference shows near where it arose; `mapping_walk FIRST` prints each step from step FIRST on.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE  4096ul
#define ARENA ((char *)0x200000000ul)
#define PAGES 96u
#define STEPS 12000
#define EACH  400

static uint64_t sum = 1469598103934665603ul;
static uint32_t seed = 12345;
static int file, verbose_from = STEPS + 1;
static sigjmp_buf fault_return;

static void note(uint64_t value)
{
    sum = (sum ^ value) * 1099511628211ul;
}

static uint32_t pick(uint32_t bound)
{
    seed = seed * 1664525 + 1013904223;
    return (uint32_t)(((uint64_t)(seed >> 4) * bound) >> 28);
}

static void on_fault(int signal, siginfo_t *info, void *context)
{
    (void)context;
    note((uint64_t)signal << 32 | (uint32_t)info->si_code);
    note((uint64_t)((char *)info->si_addr - ARENA));
    siglongjmp(fault_return, 1);
}

static void probe(char *address, int write)
{
    if (sigsetjmp(fault_return, 1))
        return;
    if (write)
        *(volatile uint32_t *)address = seed;
    else
        note(*(volatile uint32_t *)address);
}

/* The result of a call that should give an address in the arena, or an error. */
static void note_address(void *address)
{
    note(address == MAP_FAILED ? (uint64_t)errno : (uint64_t)((char *)address - ARENA));
}

static void note_result(int result)
{
    note(result == 0 ? 0 : (uint64_t)errno);
}

struct range {
    char *start;
    size_t size;
};

static struct range pick_range(void)
{
    uint32_t first = pick(PAGES), count = 1 + pick(pick(4) ? 6 : PAGES - first);
    if (count > PAGES - first)
        count = PAGES - first;
    return (struct range){ARENA + first * PAGE, count * PAGE};
}

static const int rights[] = {PROT_NONE,
                             PROT_READ,
                             PROT_READ | PROT_WRITE,
                             PROT_READ | PROT_WRITE,
                             PROT_WRITE,
                             PROT_READ | PROT_EXEC};

static void step_map(void)
{
    struct range range = pick_range();
    int prot = rights[pick(6)], flags = pick(2) ? MAP_PRIVATE : MAP_SHARED;
    flags |= pick(8) ? MAP_FIXED : MAP_FIXED_NOREPLACE;
    if (pick(3))
        note_address(mmap(range.start, range.size, prot, flags | MAP_ANONYMOUS, -1, 0));
    else
        note_address(mmap(range.start, range.size, prot, flags, file, (off_t)(pick(20) * PAGE)));
}

/* One page, unless it shrinks in place: whether neighbours that look alike have become one mapping,
 * which may be moved, differs from kernel to kernel. */
static void step_remap(void)
{
    struct range from = pick_range(), to = pick_range();
    if (from.size <= to.size)
        from.size = PAGE;
    if (pick(3) == 0)
        note_address(mremap(from.start, from.size, to.size, 0));
    else
        note_address(mremap(from.start, PAGE, to.size, MREMAP_MAYMOVE | MREMAP_FIXED, to.start));
}

static void step_advise(void)
{
    static const int advice[] = {
        MADV_DONTNEED,   MADV_DONTNEED, MADV_NORMAL,   MADV_RANDOM, MADV_WILLNEED,
        MADV_SEQUENTIAL, 4711,          MADV_DONTFORK, MADV_DOFORK, MADV_WIPEONFORK,
        MADV_KEEPONFORK, MADV_DOFORK};
    struct range range = pick_range();
    note_result(madvise(range.start, range.size, advice[pick(12)]));
}

static void step_file(void)
{
    uint32_t word = seed;
    off_t at = (off_t)(pick(24) * PAGE + 8 * pick(500));
    if (pick(2))
        note((uint64_t)pwrite(file, &word, sizeof word, at));
    else if (pread(file, &word, sizeof word, at) == sizeof word)
        note(word);
}

static void touch_some(unsigned count)
{
    while (count-- > 0)
        probe(ARENA + pick(PAGES) * PAGE + 4 * pick(1024), pick(2));
}

/* The child walks on for a little and answers with what it found. */
static void step_fork(void)
{
    int ends[2];
    uint64_t answer = 0;
    if (pipe(ends) < 0)
        exit(2);
    pid_t child = fork();
    if (child == 0) {
        touch_some(60);
        struct range range = pick_range();
        note_result(munmap(range.start, range.size));
        touch_some(30);
        _exit(write(ends[1], &sum, sizeof sum) != sizeof sum);
    }
    if (child < 0)
        exit(3);
    /* Apart from the child's writes to shared memory, which are done by then. */
    int status;
    waitpid(child, &status, 0);
    note((uint64_t)status);
    note((uint64_t)read(ends[0], &answer, sizeof answer));
    note(answer);
    close(ends[0]);
    close(ends[1]);
}

static const char *step(void)
{
    struct range range = pick_range();
    switch (pick(16)) {
    default:
        step_map();
        return "map";
    case 5:
    case 6:
        note_result(munmap(range.start, range.size));
        return "unmap";
    case 7:
    case 8:
    case 9:
        note_result(mprotect(range.start, range.size, rights[pick(6)]));
        return "protect";
    case 10:
    case 11:
        step_remap();
        return "remap";
    case 12:
        step_advise();
        return "advise";
    case 13:
        note_result(msync(range.start, range.size, MS_SYNC));
        return "sync";
    case 14:
        step_file();
        return "file";
    case 15:
        step_fork();
        return "fork";
    }
}

int main(int argc, char **argv)
{
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
    if (argc > 1)
        verbose_from = atoi(argv[1]);
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
    file = open("mapping_walk.tmp", O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (file < 0 || unlink("mapping_walk.tmp") < 0 || ftruncate(file, 24 * PAGE) < 0)
        return 1;
    for (int number = 1; number <= STEPS; number++) {
        const char *what = step();
        uint64_t after = sum;
        touch_some(6);
        if (number >= verbose_from)
            printf("%d %s %016lx %016lx\n", number, what, (unsigned long)after, (unsigned long)sum);
        else if (number % EACH == 0)
            printf("step %d: %016lx\n", number, (unsigned long)sum);
    }
    return 0;
}
