/* What takes memory or processors in one certain way, for tests/run/test_pressure.py. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIB         ((size_t)1 << 20)
#define PAGE        4096
#define TABLE_SPAN  (2 * MIB) /* what one page table maps */
#define RESERVATION (MIB << 20)

static void check(int good, const char *what)
{
    if (good)
        return;
    perror(what);
    exit(1);
}

static char *memory(size_t size, int prot, int flags)
{
    char *area = mmap(NULL, size, prot, flags | MAP_ANONYMOUS, -1, 0);

    check(area != MAP_FAILED, "mmap");
    return area;
}

/* Nothing but page tables: pages that are only read are all the same page of zeros. */
static int tables(void)
{
    const volatile char *area = memory(RESERVATION, PROT_READ, MAP_PRIVATE | MAP_NORESERVE);
    int sum = 0;

    for (size_t at = 0; at < RESERVATION; at += TABLE_SPAN)
        sum += area[at];
    return sum;
}

/* Holds memory and says so by making a file, until it is told to end. */
static _Noreturn void hold(size_t size, const char *sign)
{
    memset(memory(size, PROT_READ | PROT_WRITE, MAP_PRIVATE), 1, size);
    check(open(sign, O_CREAT | O_WRONLY, 0600) >= 0, sign);
    for (;;)
        pause();
}

/* Has all of a file read into the cache, then asks for pages of shared memory. */
static void read_all(const char *path)
{
    static char piece[MIB];
    int fd = open(path, O_RDONLY);
    ssize_t got;

    check(fd >= 0, path);
    while ((got = read(fd, piece, sizeof piece)) > 0)
        continue;
    check(got == 0, path);
    close(fd);
}

static int fill(volatile char *area, size_t size)
{
    for (size_t at = 0; at < size; at += PAGE) {
        if (area[at] != 0)
            return 1;
        area[at] = (char)(at / PAGE);
    }
    for (size_t at = 0; at < size; at += PAGE)
        if (area[at] != (char)(at / PAGE))
            return 1;
    return 0;
}

static int shared(size_t size, const char *path)
{
    read_all(path);
    return fill(memory(size, PROT_READ | PROT_WRITE, MAP_SHARED), size);
}

static int segment(size_t size, const char *path)
{
    int id = shmget(IPC_PRIVATE, size, IPC_CREAT | 0600);
    char *area = shmat(id, NULL, 0);

    check(area != (void *)-1, "shmat");
    check(shmctl(id, IPC_RMID, NULL) == 0, "shmctl");
    read_all(path);
    return fill(area, size);
}

/* On each processor one that never sleeps, of the highest priority. They end with their parent. */
static _Noreturn void hogs(const char *sign)
{
    struct sched_param highest = {.sched_priority = 99};
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    int ends[2];

    check(pipe(ends) == 0, "pipe");
    for (int i = 0; i < count; i++) {
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(i, &one);
        if (fork() != 0)
            continue;
        check(sched_setaffinity(0, sizeof one, &one) == 0, "sched_setaffinity");
        check(sched_setscheduler(0, SCHED_FIFO, &highest) == 0, "sched_setscheduler");
        check(write(ends[1], "", 1) == 1, "write");
        for (;;)
            ;
    }
    for (int i = 0; i < count; i++)
        check(read(ends[0], &(char){0}, 1) == 1, "read");
    check(open(sign, O_CREAT | O_WRONLY, 0600) >= 0, sign);
    for (;;)
        pause();
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    size_t size = argc > 2 ? (size_t)atol(argv[2]) * MIB : 0;

    if (!strcmp(what, "tables"))
        return tables();
    if (!strcmp(what, "hold") && argc > 3)
        hold(size, argv[3]);
    if (!strcmp(what, "shared") && argc > 3)
        return shared(size, argv[3]);
    if (!strcmp(what, "segment") && argc > 3)
        return segment(size, argv[3]);
    if (!strcmp(what, "hogs") && argc > 2)
        hogs(argv[2]);
    fprintf(stderr, "usage: pressure tables | hold MIB SIGN | shared MIB FILE | segment MIB FILE | "
                    "hogs SIGN\n");
    return 2;
}
