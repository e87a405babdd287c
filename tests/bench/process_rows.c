/* Rows of processes, their memory and their signals. */
#define _GNU_SOURCE
#include "bench.h"
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE  4096
#define PAGES 64

static int there[2], back[2];
static pid_t partner;
static long self;
static char touched[PAGES * PAGE] __attribute__((aligned(PAGE)));

/* The other process of the ping-pong: gives back each byte until the pipe's end. */
static void play(void)
{
    char ball;

    close(there[1]);
    close(back[0]);
    while (read(there[0], &ball, 1) == 1 && write(back[1], &ball, 1) == 1)
        ;
    _exit(0);
}

static bool pingpong_prepare(void)
{
    if (pipe(there) < 0 || pipe(back) < 0)
        return false;
    partner = fork();
    if (partner < 0)
        return false;
    if (partner == 0)
        play();
    close(there[0]);
    close(back[1]);
    return true;
}

static void pingpong_once(void)
{
    call(1, SYS_write, there[1], buffer, 1);
    call(1, SYS_read, back[0], buffer, 1);
}

static void pingpong_finish(void)
{
    close(there[1]);
    close(back[0]);
    waitpid(partner, NULL, 0);
}

static void fork_once(void)
{
    long child;

    /* With the gate shut there is no child; 1 stands for its number. */
    child = gate_shut ? 1 : call(ANY, SYS_fork, 0);
    if (child == 0)
        call(0, SYS_exit_group, 0);
    call(child, SYS_wait4, child, 0, 0, 0);
}

static void mmap_once(void)
{
    char *pages = (char *)call(ANY, SYS_mmap, 0, PAGES * PAGE, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (gate_shut)
        pages = touched;
    for (unsigned n = 0; n < PAGES; n++)
        ((volatile char *)pages)[n * PAGE] = 1;
    call(0, SYS_munmap, pages, PAGES * PAGE);
}

static void on_signal(int number)
{
    (void)number;
}

static bool signal_prepare(void)
{
    self = getpid();
    return signal(SIGUSR1, on_signal) != SIG_ERR;
}

static void signal_once(void)
{
    call(0, SYS_kill, self, SIGUSR1);
}

static void signal_finish(void)
{
    signal(SIGUSR1, SIG_DFL);
}

const struct row process_rows[] = {
    {"pingpong", "pipes: 1 B to another process and back", 300, 0, pingpong_prepare, pingpong_once,
     pingpong_finish},
    {"fork_exit_wait", "fork, exit and wait", 20, .once = fork_once},
    {"mmap_64", "mmap 64 pages, touch, munmap", 20, .once = mmap_once},
    {"signal", "send a signal and handle it", 500, 0, signal_prepare, signal_once, signal_finish},
    {0},
};
