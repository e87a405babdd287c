/* bench: how dear is each system call? One static program for Sluice and for Linux, where it is
   process 1 of an initial RAM disk that holds nothing else.

   The kernel's command line must not be needed, so that both systems get the very same program:
   each row is measured by the time-stamp counter and by the clock. With QEMU's -icount the former
   counts instructions.

   It writes to the first serial port, a line each:

     bench: up TICKS

   the first thing that it does, with the counter's value then;

     bench: row KEY ok COUNT PER TICKS NS EMPTY LOST TITLE
     bench: row KEY absent|failed ERRNO TITLE

   the best of several batches: ticks and nanoseconds of COUNT operations of PER things each, EMPTY,
   the ticks without the calls, and LOST, what had to be done again because a network lost it;

     bench: end ROWS

   and, when there is a /net/server, which is a program's path and its arguments, a line each, at
   last

     bench: serving

   once the program is started: it is up to the host then to ask it, and to end the machine.

   Files choose the rows: /only has words of which a row's key must hold one; /skip/plain leaves out
   the rows that never wait, /skip/waiting those of disks and cards. */
#define _GNU_SOURCE
#include "bench.h"
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

/* A row's batches: in each round so many, and more while the time lasts. Many short rounds, for a
 * host that shares its processors is slow for seconds on end. */
#define ROUNDS            6
#define BATCHES_LEAST     2
#define BATCHES_MOST      5
#define ROUND_NANOSECONDS 100000000u
#define BATCHES_LOST      20 /* a network that loses something in each of these is none */

char buffer[65536] __attribute__((aligned(4096)));
int terminal = -1;
bool gate_shut;
unsigned losses;

static long first_error; /* since it was last cleared */
static unsigned lines_told;

static uint64_t ticks(void)
{
    uint32_t low, high;

    __asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
    return (uint64_t)high << 32 | low;
}

static uint64_t nanoseconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void row_fail(long error)
{
    if (!first_error)
        first_error = error;
}

/* The shut gate steps over nothing but the one instruction. */
__attribute__((noinline)) long gate(long wanted, long number, long a, long b, long c, long d,
                                    long e, long f)
{
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    long pretended = wanted == ANY || wanted == TRIED ? 0 : wanted;
    long answer;

    __asm__ volatile("cmpb $0, %[shut]\n\t"
                     "cmovne %[pretended], %%rax\n\t"
                     "jne 1f\n\t"
                     "syscall\n"
                     "1:"
                     : "=a"(answer)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8),
                       "r"(r9), [shut] "m"(gate_shut), [pretended] "r"(pretended)
                     : "rcx", "r11", "memory", "cc");
    if (answer != wanted && wanted != TRIED && (wanted != ANY || answer < 0))
        row_fail(answer < 0 ? -answer : EPROTO);
    return answer;
}

/* Everything is said in one write, so that a row's line is whole or missing. */
__attribute__((format(printf, 1, 2))) static void tell(const char *format, ...)
{
    char line[256];
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    if (write(terminal, line, (size_t)length) != length)
        _exit(1);
}

struct result {
    uint64_t ticks;
    uint64_t nanoseconds;
};

/* What plugin/count.c looks for; for a processor they do nothing. */
#define MARK(number) \
    __asm__ volatile(".byte 0x0f, 0x1f, 0x84, 0, " #number ", 0, 0, 0x4d" ::: "memory")
#define MARK_ROW   MARK(1)
#define MARK_BATCH MARK(2)
#define MARK_END   MARK(3)

static struct result batch(const struct row *row)
{
    uint64_t clock_before = nanoseconds();
    uint64_t before = ticks();

    MARK_BATCH;
    for (unsigned n = 0; n < row->count && !first_error; n++)
        row->once();
    MARK_END;
    uint64_t after = ticks();
    return (struct result){after - before, nanoseconds() - clock_before};
}

static bool enough(unsigned whole, unsigned lossy, uint64_t begun)
{
    if (first_error || whole >= BATCHES_MOST || lossy >= BATCHES_LOST)
        return true;
    return whole >= BATCHES_LEAST && nanoseconds() - begun >= ROUND_NANOSECONDS;
}

/* The least of several batches: what disturbs a batch only ever adds to it. */
static struct result best(const struct row *row)
{
    struct result least = {UINT64_MAX, UINT64_MAX};
    uint64_t begun = nanoseconds();
    unsigned whole = 0, lossy = 0;

    while (!enough(whole, lossy, begun)) {
        unsigned lost_before = losses;
        struct result next = batch(row);

        if (losses != lost_before) {
            lossy++;
            continue;
        }
        whole++;
        if (next.ticks < least.ticks)
            least = next;
    }
    if (whole == 0)
        row_fail(ETIMEDOUT);
    return least;
}

static void tell_fault(const struct row *row, long error)
{
    tell("bench: row %s %s %ld %s\n", row->key, error == ENOSYS ? "absent" : "failed", error,
         row->title);
}

static void measure(const struct row *row)
{
    struct result full, empty;

    MARK_ROW;
    lines_told++;
    first_error = 0;
    losses = 0;
    if (row->prepare && !row->prepare()) {
        tell_fault(row, errno);
        return;
    }
    row->once();
    if (!first_error) {
        full = best(row);
        gate_shut = true;
        empty = batch(row);
        gate_shut = false;
    }
    if (row->finish)
        row->finish();
    if (first_error)
        tell_fault(row, first_error);
    else
        tell("bench: row %s ok %u %u %lu %lu %lu %u %s\n", row->key, row->count,
             row->per ? row->per : 1, full.ticks, full.nanoseconds, empty.ticks, losses,
             row->title);
}

/* Whether the row's key holds one of the words in /only, or there is no such file. */
static bool chosen(const struct row *row)
{
    FILE *words = fopen("/only", "r");
    bool found = !words;
    char word[64];

    while (words && !found && fscanf(words, "%63s", word) == 1)
        found = strstr(row->key, word) != NULL;
    if (words)
        fclose(words);
    return found;
}

static void measure_tables(const struct row *const tables[], const char *unless)
{
    if (access(unless, F_OK) == 0)
        return;
    for (; *tables; tables++)
        for (const struct row *row = *tables; row->key; row++)
            if (chosen(row))
                measure(row);
}

static void measure_all(void)
{
    static const struct row *const plain[] = {call_rows,  file_rows,   process_rows,
                                              ready_rows, socket_rows, NULL};
    static const struct row *const waiting[] = {disk_rows, net_rows, NULL};

    measure_tables(plain, "/skip/plain");
    measure_tables(waiting, "/skip/waiting");
}

/* Sluice has mounted some of these itself; Linux none. */
static void mount_all(void)
{
    mkdir("/dev", 0755);
    mkdir("/tmp", 0777);
    if (access("/dev/null", F_OK) < 0)
        mount("dev", "/dev", "devtmpfs", 0, NULL);
    mount("tmp", "/tmp", "tmpfs", 0, NULL);
}

static bool open_terminal(void)
{
    struct termios modes;

    terminal = open("/dev/ttyS0", O_RDWR | O_NOCTTY);
    if (terminal < 0 || tcgetattr(terminal, &modes) < 0)
        return false;
    cfmakeraw(&modes);
    cfsetspeed(&modes, B115200);
    modes.c_cflag |= CLOCAL;
    return tcsetattr(terminal, TCSANOW, &modes) == 0;
}

/* Linux has its drivers in files: /modules/order names them, a line each. */
static void load_modules(void)
{
    FILE *order = fopen("/modules/order", "r");
    char path[256];

    while (order && fscanf(order, "%255s", path) == 1) {
        int fd = open(path, O_RDONLY);
        if (fd >= 0) {
            syscall(SYS_finit_module, fd, "", 0);
            close(fd);
        }
    }
    if (order)
        fclose(order);
}

bool wait_until(bool (*there)(void))
{
    for (int n = 0; n < 200 && !there(); n++)
        usleep(10000);
    return there();
}

static bool disks_there(void)
{
    return access("/dev/vdb", F_OK) == 0;
}

static pid_t start(char *const words[])
{
    pid_t child = fork();

    if (child == 0) {
        dup2(terminal, STDERR_FILENO);
        execv(words[0], words);
        _exit(127);
    }
    return child;
}

/* Starts what /net/server names, and waits for the host to end the machine. */
static void serve(void)
{
    FILE *file = fopen("/net/server", "r");
    static char lines[8][128];
    char *words[9] = {NULL};
    unsigned count = 0;

    while (file && count < 8 && fscanf(file, "%127s", lines[count]) == 1) {
        words[count] = lines[count];
        count++;
    }
    if (file)
        fclose(file);
    if (count == 0 || start(words) < 0)
        return;
    tell("bench: serving\n");
    for (;;)
        pause();
}

/* Room for a thousand pipes. */
static void raise_limit(void)
{
    struct rlimit many = {4096, 4096};

    setrlimit(RLIMIT_NOFILE, &many);
}

int main(void)
{
    uint64_t up = ticks();

    mount_all();
    if (!open_terminal())
        return 1;
    tell("\nbench: up %lu\n", up);
    raise_limit();
    load_modules();
    wait_until(disks_there);
    net_configure();
    for (unsigned n = 0; n < ROUNDS; n++)
        measure_all();
    tell("bench: end %u\n", lines_told);
    serve();
    tcdrain(terminal);
    reboot(RB_POWER_OFF);
    return 0;
}
