/* Signals: delivery, masks, information, interrupted calls, stacks, and the state a handler must
 * not lose. */
#include "ktap.h"

#include <fcntl.h>
#include <setjmp.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/uio.h>

static volatile sig_atomic_t count, last;
static siginfo_t info;
static sigjmp_buf back;

static void note(int sig)
{
    count++;
    last = sig;
}

static void note_information(int sig, siginfo_t *given, void *context)
{
    (void)context;
    count++;
    last = sig;
    info = *given;
}

static void jump(int sig, siginfo_t *given, void *context)
{
    (void)context;
    info = *given;
    siglongjmp(back, sig);
}

static void on(int sig, void (*handler)(int), int flags)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};

    CHECK(sigaction(sig, &action, NULL) == 0);
}

static void on_information(int sig, void (*handler)(int, siginfo_t *, void *), int flags)
{
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = flags | SA_SIGINFO};

    CHECK(sigaction(sig, &action, NULL) == 0);
}

static sigset_t set_of(int sig)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, sig);
    return set;
}

static void block(int sig)
{
    sigset_t set = set_of(sig);

    CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
}

static void unblock(int sig)
{
    sigset_t set = set_of(sig);

    CHECK(sigprocmask(SIG_UNBLOCK, &set, NULL) == 0);
}

/* ---- delivery and masks ---- */

TEST(handler_runs, "a handler runs before kill to oneself returns")
{
    on(SIGUSR1, note, 0);
    CHECK(kill(getpid(), SIGUSR1) == 0);
    CHECK(count == 1 && last == SIGUSR1);
    CHECK(raise(SIGUSR1) == 0);
    CHECK_EQUAL(count, 2);
}

TEST(actions, "sigaction tells the old action; KILL and STOP have none")
{
    struct sigaction old, new = {.sa_handler = note};

    on(SIGUSR1, note, SA_RESTART | SA_NODEFER);
    CHECK(sigaction(SIGUSR1, NULL, &old) == 0);
    CHECK(old.sa_handler == note && old.sa_flags == (SA_RESTART | SA_NODEFER));
    CHECK_ERROR(sigaction(SIGKILL, &new, NULL), EINVAL);
    CHECK_ERROR(sigaction(SIGSTOP, &new, NULL), EINVAL);
    CHECK_ERROR(sigaction(0, &new, NULL), EINVAL);
    CHECK_ERROR(sigaction(65, &new, NULL), EINVAL);
    CHECK(sigaction(64, &new, NULL) == 0);
}

TEST(blocked, "a blocked signal waits, once, until it is unblocked")
{
    sigset_t pending;

    on(SIGUSR1, note, 0);
    block(SIGUSR1);
    for (int n = 0; n < 3; n++)
        raise(SIGUSR1);
    CHECK_EQUAL(count, 0);
    CHECK(sigpending(&pending) == 0 && sigismember(&pending, SIGUSR1));
    unblock(SIGUSR1);
    CHECK_EQUAL(count, 1);
    CHECK(sigpending(&pending) == 0 && !sigismember(&pending, SIGUSR1));
}

TEST(ignored_is_dropped, "a pending signal that becomes ignored is gone")
{
    on(SIGUSR1, note, 0);
    block(SIGUSR1);
    raise(SIGUSR1);
    on(SIGUSR1, SIG_IGN, 0);
    on(SIGUSR1, note, 0);
    unblock(SIGUSR1);
    CHECK_EQUAL(count, 0);
}

TEST(kill_is_not_blocked, "SIGKILL and SIGSTOP don't go into a mask")
{
    sigset_t all, now;
    int status;

    sigfillset(&all);
    CHECK(sigprocmask(SIG_SETMASK, &all, NULL) == 0);
    CHECK(sigprocmask(SIG_SETMASK, NULL, &now) == 0);
    CHECK(!sigismember(&now, SIGKILL) && !sigismember(&now, SIGSTOP) && sigismember(&now, SIGTERM));
    pid_t pid = CHILD(raise(SIGKILL));
    CHECK_EQUAL(waitpid(pid, &status, 0), pid);
    CHECK(WIFSIGNALED(status));
    CHECK_ERROR(sigprocmask(99, &all, NULL), EINVAL);
}

static volatile sig_atomic_t depth, deepest;

static void nested(int sig)
{
    depth++;
    if (depth > deepest)
        deepest = depth;
    if (count + depth < 3)
        raise(sig);
    depth--;
    count++;
}

TEST(own_signal_is_blocked, "a handler's signal is blocked while it runs, unless SA_NODEFER")
{
    on(SIGUSR1, nested, 0);
    raise(SIGUSR1);
    CHECK(deepest == 1 && count == 3);
    deepest = count = 0;
    on(SIGUSR1, nested, SA_NODEFER);
    raise(SIGUSR1);
    CHECK(deepest == 3 && count == 3);
}

static void raise_other(int sig)
{
    (void)sig;
    raise(SIGUSR2);
    CHECK_EQUAL(count, 0);
}

TEST(mask_of_the_action, "sa_mask holds others back while the handler runs")
{
    struct sigaction action = {.sa_handler = raise_other};

    sigaddset(&action.sa_mask, SIGUSR2);
    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
    on(SIGUSR2, note, 0);
    raise(SIGUSR1);
    CHECK_EQUAL(count, 1);
}

TEST(reset_hand, "SA_RESETHAND forgets the handler when it runs")
{
    struct sigaction old;

    on(SIGUSR1, note, SA_RESETHAND);
    raise(SIGUSR1);
    CHECK_EQUAL(count, 1);
    CHECK(sigaction(SIGUSR1, NULL, &old) == 0 && old.sa_handler == SIG_DFL);
}

TEST(lowest_first, "several pending signals are all handled")
{
    on(SIGUSR1, note, 0);
    on(SIGUSR2, note, 0);
    on(SIGHUP, note, 0);
    sigset_t all, old;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &old);
    raise(SIGUSR2);
    raise(SIGHUP);
    raise(SIGUSR1);
    sigprocmask(SIG_SETMASK, &old, NULL);
    CHECK_EQUAL(count, 3);
}

TEST(suspending, "sigsuspend waits with another mask and restores the old one")
{
    sigset_t none, now;

    on(SIGUSR1, note, 0);
    block(SIGUSR1);
    pid_t parent = getpid();
    pid_t pid = CHILD(ktap_sleep(50); kill(parent, SIGUSR1));
    sigemptyset(&none);
    CHECK_ERROR(sigsuspend(&none), EINTR);
    CHECK_EQUAL(count, 1);
    CHECK(sigprocmask(SIG_SETMASK, NULL, &now) == 0 && sigismember(&now, SIGUSR1));
    CHECK_CHILD(pid);
}

TEST(pausing, "pause ends with a handled signal")
{
    on(SIGALRM, note, SA_RESTART);
    pid_t pid = ktap_interrupt(SIGALRM);
    CHECK_ERROR(pause(), EINTR);
    CHECK_EQUAL(count, 1);
    CHECK_CHILD(pid);
}

/* ---- information ---- */

TEST(who_sent_it, "siginfo tells the sender and how it was sent")
{
    on_information(SIGUSR1, note_information, 0);
    kill(getpid(), SIGUSR1);
    CHECK(info.si_signo == SIGUSR1 && info.si_code == SI_USER);
    CHECK(info.si_pid == getpid() && info.si_uid == getuid());
    raise(SIGUSR1);
    CHECK_EQUAL(info.si_code, SI_TKILL);
    union sigval value = {.sival_int = 4711};
    CHECK(sigqueue(getpid(), SIGUSR1, value) == 0);
    CHECK(info.si_code == SI_QUEUE && info.si_value.sival_int == 4711);
}

TEST(realtime_queue, "real-time signals queue, in order, with their values")
{
    siginfo_t got;
    sigset_t set = set_of(SIGRTMIN + 1);

    block(SIGRTMIN + 1);
    for (int n = 0; n < 5; n++) {
        union sigval value = {.sival_int = n};
        CHECK(sigqueue(getpid(), SIGRTMIN + 1, value) == 0);
    }
    for (int n = 0; n < 5; n++) {
        CHECK_EQUAL(sigwaitinfo(&set, &got), SIGRTMIN + 1);
        CHECK_EQUAL(got.si_value.sival_int, n);
    }
}

TEST(of_children, "SIGCHLD tells which child, and what became of it")
{
    on_information(SIGCHLD, note_information, 0);
    pid_t pid = CHILD(_exit(9));
    while (!count)
        ktap_sleep(1);
    CHECK(info.si_code == CLD_EXITED && info.si_pid == pid && info.si_status == 9);
    CHECK_EQUAL(waitpid(pid, NULL, 0), pid);
    count = 0;
    pid = CHILD(pause());
    kill(pid, SIGKILL);
    while (!count)
        ktap_sleep(1);
    CHECK(info.si_code == CLD_KILLED && info.si_pid == pid && info.si_status == SIGKILL);
}

TEST(stopped_children, "SIGCHLD comes for stops too, unless SA_NOCLDSTOP")
{
    on_information(SIGCHLD, note_information, 0);
    pid_t pid = CHILD(for (;;) pause());
    kill(pid, SIGSTOP);
    while (!count)
        ktap_sleep(1);
    CHECK(info.si_code == CLD_STOPPED && info.si_status == SIGSTOP);
    count = 0;
    kill(pid, SIGCONT);
    while (!count)
        ktap_sleep(1);
    CHECK_EQUAL(info.si_code, CLD_CONTINUED);
    count = 0;
    on_information(SIGCHLD, note_information, SA_NOCLDSTOP);
    kill(pid, SIGSTOP);
    CHECK_EQUAL(waitpid(pid, NULL, WUNTRACED), pid);
    CHECK_EQUAL(count, 0);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

TEST(waiting_for_signals, "sigtimedwait takes a pending signal, or ends in time")
{
    struct timespec soon = {0, 50000000}, wrong = {0, 1000000000};
    sigset_t set = set_of(SIGUSR1);
    siginfo_t got;
    int sig;

    block(SIGUSR1);
    long begin = ktap_now();
    CHECK_ERROR(sigtimedwait(&set, &got, &soon), EAGAIN);
    CHECK(ktap_now() - begin >= 45);
    CHECK_ERROR(sigtimedwait(&set, &got, &wrong), EINVAL);
    raise(SIGUSR1);
    CHECK_EQUAL(sigtimedwait(&set, &got, &soon), SIGUSR1);
    CHECK_EQUAL(got.si_signo, SIGUSR1);
    pid_t parent = getpid();
    pid_t pid = CHILD(ktap_sleep(30); kill(parent, SIGUSR1));
    CHECK(sigwait(&set, &sig) == 0 && sig == SIGUSR1);
    CHECK_CHILD(pid);
    CHECK_EQUAL(count, 0);
}

/* ---- interrupted calls ---- */

TEST(interrupted_read, "without SA_RESTART a waiting read ends with EINTR, with it goes on")
{
    int ends[2];
    char c;

    CHECK(pipe(ends) == 0);
    on(SIGALRM, note, 0);
    pid_t pid = ktap_interrupt(SIGALRM);
    CHECK_ERROR(read(ends[0], &c, 1), EINTR);
    CHECK_CHILD(pid);
    on(SIGALRM, note, SA_RESTART);
    pid = CHILD(ktap_await_asleep(getppid()); kill(getppid(), SIGALRM); ktap_sleep(50);
                write(ends[1], "x", 1));
    CHECK_EQUAL(read(ends[0], &c, 1), 1);
    CHECK_EQUAL(count, 2);
    CHECK_CHILD(pid);
}

TEST(interrupted_wait, "wait is interrupted, or restarted, likewise")
{
    int status;
    pid_t pid = CHILD(pause());

    on(SIGALRM, note, 0);
    pid_t other = ktap_interrupt(SIGALRM);
    CHECK_ERROR(waitpid(pid, NULL, 0), EINTR);
    CHECK_CHILD(other);
    on(SIGALRM, note, SA_RESTART);
    other = CHILD(ktap_await_asleep(getppid()); kill(getppid(), SIGALRM); ktap_sleep(50);
                  kill(pid, SIGKILL));
    CHECK_EQUAL(waitpid(pid, &status, 0), pid);
    CHECK(WIFSIGNALED(status) && count == 2);
    CHECK_CHILD(other);
}

TEST(interrupted_sleep, "nanosleep tells what is left, with SA_RESTART too")
{
    struct timespec wanted = {60, 0}, left = {0, 0};

    on(SIGALRM, note, SA_RESTART);
    pid_t pid = ktap_interrupt(SIGALRM);
    CHECK_ERROR(nanosleep(&wanted, &left), EINTR);
    CHECK(left.tv_sec < 60 && left.tv_sec > 10);
    CHECK_CHILD(pid);
}

TEST(stop_does_not_interrupt, "stopping and continuing doesn't end a sleep or a read early")
{
    pid_t pid = CHILD({
        long begin = ktap_now();
        struct timespec wanted = {0, 300000000};
        CHECK(nanosleep(&wanted, NULL) == 0);
        CHECK(ktap_now() - begin >= 295);
    });

    ktap_sleep(50);
    kill(pid, SIGSTOP);
    CHECK_EQUAL(waitpid(pid, NULL, WUNTRACED), pid);
    ktap_sleep(50);
    kill(pid, SIGCONT);
    CHECK_CHILD(pid);
}

TEST(partial_write, "a write interrupted after some bytes tells how many")
{
    static char block_of_bytes[200000];
    int ends[2];

    CHECK(pipe(ends) == 0);
    on(SIGALRM, note, 0);
    pid_t pid = ktap_interrupt(SIGALRM);
    long n = write(ends[1], block_of_bytes, sizeof(block_of_bytes));
    CHECK(n > 0 && n < (long)sizeof(block_of_bytes));
    CHECK_EQUAL(count, 1);
    CHECK_CHILD(pid);
}

/* ---- faults ---- */

#define FAULT(sig, statement)                      \
    do {                                           \
        int ktap_came = sigsetjmp(back, 1);        \
        if (!ktap_came) {                          \
            statement;                             \
            FAIL("%s raised nothing", #statement); \
        }                                          \
        CHECK_EQUAL(ktap_came, sig);               \
    } while (0)

TEST(segmentation, "a bad address raises SIGSEGV with the address and why")
{
    char *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    on_information(SIGSEGV, jump, 0);
    FAULT(SIGSEGV, *(volatile char *)0x10 = 1);
    CHECK(info.si_addr == (void *)0x10 && info.si_code == SEGV_MAPERR);
    FAULT(SIGSEGV, *(volatile char *)(page + 5) = 1);
    CHECK(info.si_addr == page + 5 && info.si_code == SEGV_ACCERR);
    FAULT(SIGSEGV, ((void (*)(void))page)());
    CHECK(info.si_addr == page && info.si_code == SEGV_ACCERR);
    FAULT(SIGSEGV, *(volatile char *)0xffff800000000000 = 1);
    FAULT(SIGSEGV, *(volatile char *)0x8000000000000000 = 1);
    FAULT(SIGSEGV, __asm__ volatile("cli"));
    FAULT(SIGSEGV, __asm__ volatile("hlt"));
}

TEST(arithmetic_and_instructions,
     "division by zero is SIGFPE, an undefined instruction SIGILL, int3 SIGTRAP")
{
    on_information(SIGFPE, jump, 0);
    on_information(SIGILL, jump, 0);
    on_information(SIGTRAP, jump, 0);
    FAULT(SIGFPE, __asm__ volatile("xorl %%ecx, %%ecx; divl %%ecx" ::"a"(1), "d"(0) : "ecx"));
    CHECK_EQUAL(info.si_code, FPE_INTDIV);
    FAULT(SIGILL, __asm__ volatile("ud2"));
    CHECK_EQUAL(info.si_code, ILL_ILLOPN);
    FAULT(SIGTRAP, __asm__ volatile("int3"));
}

TEST(blocked_fault_kills, "a fault whose signal is blocked or ignored ends the process")
{
    int status;
    pid_t pid = CHILD(block(SIGSEGV); *(volatile char *)0x10 = 1);

    CHECK_EQUAL(waitpid(pid, &status, 0), pid);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
    pid = CHILD(signal(SIGSEGV, SIG_IGN); *(volatile char *)0x10 = 1);
    CHECK_EQUAL(waitpid(pid, &status, 0), pid);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

__attribute__((noinline)) static int recurse(int n)
{
    volatile char frame[4096];

    frame[n % 4096] = (char)n;
    return n > 1 << 30 ? 0 : recurse(n + 1) + frame[0];
}

TEST(stack_overflow, "an overflowed stack raises SIGSEGV, which an alternate stack can handle")
{
    static char other[65536];
    stack_t stack = {.ss_sp = other, .ss_size = sizeof(other)}, old;
    int status;

    pid_t pid = CHILD(recurse(0));
    CHECK_EQUAL(waitpid(pid, &status, 0), pid);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
    CHECK(sigaltstack(&stack, NULL) == 0);
    on_information(SIGSEGV, jump, SA_ONSTACK);
    FAULT(SIGSEGV, recurse(0));
    CHECK(sigaltstack(NULL, &old) == 0 && old.ss_sp == other && old.ss_size == sizeof(other));
    stack.ss_size = 100;
    CHECK_ERROR(sigaltstack(&stack, NULL), ENOMEM);
    stack.ss_flags = 77;
    CHECK_ERROR(sigaltstack(&stack, NULL), EINVAL);
}

static char *where;
static stack_t while_handling;

static void look_at_stack(int sig)
{
    char here;

    (void)sig;
    where = (char *)&here;
    sigaltstack(NULL, &while_handling);
}

TEST(alternate_stack, "SA_ONSTACK handlers run on the alternate stack, others don't")
{
    static char other[65536];
    stack_t stack = {.ss_sp = other, .ss_size = sizeof(other)};

    CHECK(sigaltstack(&stack, NULL) == 0);
    on(SIGUSR1, look_at_stack, SA_ONSTACK);
    raise(SIGUSR1);
    CHECK(where > other && where < other + sizeof(other));
    CHECK_EQUAL(while_handling.ss_flags, SS_ONSTACK);
    on(SIGUSR1, look_at_stack, 0);
    raise(SIGUSR1);
    CHECK(where < other || where > other + sizeof(other));
    stack.ss_flags = SS_DISABLE;
    CHECK(sigaltstack(&stack, NULL) == 0);
}

/* ---- what a handler must not disturb ---- */

static void spoil(int sig)
{
    (void)sig;
    count++;
    __asm__ volatile(
        "pcmpeqd %%xmm0, %%xmm0; movdqa %%xmm0, %%xmm1; movdqa %%xmm0, %%xmm15; fninit; fld1" ::
            : "xmm0", "xmm1", "xmm15", "st");
}

TEST(registers_survive, "registers, vector registers and flags are as before a handler")
{
    on(SIGALRM, spoil, 0);
    struct itimerval often = {{0, 1000}, {0, 1000}};
    CHECK(setitimer(ITIMER_REAL, &often, NULL) == 0);
    long begin = ktap_now();
    while (count < 20 && ktap_now() - begin < 5000) {
        unsigned long sum = 0;
        double x = 1.0, y = 1.0 / 3;
        for (int n = 0; n < 20000; n++) {
            sum += (unsigned long)n * 3;
            x = x * 1.0000001 + y;
            __asm__ volatile("" : "+x"(x), "+r"(sum));
        }
        double again = 1.0;
        for (int n = 0; n < 20000; n++)
            again = again * 1.0000001 + y;
        CHECK(sum == 599970000ul && x == again);
    }
    CHECK(count >= 20);
}

static void change_rip(int sig, siginfo_t *given, void *context)
{
    ucontext_t *state = context;

    (void)sig;
    (void)given;
    state->uc_mcontext.gregs[REG_RIP] += 2; /* over the ud2 */
    state->uc_mcontext.gregs[REG_RBX] = 0x1234567890;
    sigaddset(&state->uc_sigmask, SIGUSR2);
}

TEST(changed_context, "what a handler changes in its context holds when it returns")
{
    unsigned long rbx = 0;
    sigset_t mask;

    on_information(SIGILL, change_rip, 0);
    __asm__ volatile("ud2" : "+b"(rbx));
    CHECK_EQUAL(rbx, 0x1234567890);
    CHECK(sigprocmask(SIG_SETMASK, NULL, &mask) == 0 && sigismember(&mask, SIGUSR2));
}

TEST(forged_return, "a sigreturn with a forged frame can't gain privileges or stop the system")
{
    int status;

    for (int n = 0; n < 40; n++) {
        pid_t pid = CHILD({
            unsigned long frame[120];
            for (int i = 0; i < 120; i++)
                frame[i] = n < 10   ? 0
                           : n < 20 ? ~0ul
                                    : (unsigned long)i * 0x9e3779b97f4a7c15ul * (n + 1);
            signal(SIGALRM, SIG_DFL);
            alarm(5);
            __asm__ volatile("movq %0, %%rsp; movl $15, %%eax; syscall" ::"r"(frame + 1)
                             : "memory");
        });
        CHECK_EQUAL(waitpid(pid, &status, 0), pid);
        CHECK(WIFSIGNALED(status));
    }
}

TEST(bad_handler_stack, "a signal whose frame has no room ends the process")
{
    int status;
    pid_t pid = CHILD({
        on(SIGUSR1, note, 0);
        __asm__ volatile(
            "movl $39, %%eax; syscall; movl %%eax, %%edi; movl $10, %%esi; movq $8, %%rsp; "
            "movl $62, %%eax; syscall" ::
                : "rax", "rdi", "rsi", "rcx", "r11", "memory");
    });

    CHECK_EQUAL(waitpid(pid, &status, 0), pid);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

/* ---- sending ---- */

TEST(to_groups, "kill reaches a whole process group")
{
    int ends[2];
    char c;

    CHECK(pipe(ends) == 0);
    pid_t leader = CHILD(setpgid(0, 0); write(ends[1], "r", 1); pause());
    CHECK_EQUAL(read(ends[0], &c, 1), 1);
    pid_t other = CHILD(setpgid(0, leader); write(ends[1], "r", 1); pause());
    CHECK_EQUAL(read(ends[0], &c, 1), 1);
    CHECK(kill(-leader, SIGTERM) == 0);
    int status;
    CHECK_EQUAL(waitpid(leader, &status, 0), leader);
    CHECK_EQUAL(WTERMSIG(status), SIGTERM);
    CHECK_EQUAL(waitpid(other, &status, 0), other);
    CHECK_EQUAL(WTERMSIG(status), SIGTERM);
}

TEST(permission_to_send, "another user's process is out of reach")
{
    if (geteuid())
        SKIP("needs root");
    pid_t target = CHILD(pause());
    CHECK_CHILD(CHILD(CHECK(setuid(1000) == 0); CHECK_ERROR(kill(target, SIGTERM), EPERM);
                      CHECK_ERROR(kill(target, 0), EPERM)));
    kill(target, SIGKILL);
    waitpid(target, NULL, 0);
}

TEST(default_actions, "each signal's default action is Linux's")
{
    static const char actions[] = {
        [SIGHUP] = 'T',    [SIGINT] = 'T',  [SIGQUIT] = 'T',  [SIGILL] = 'T',  [SIGTRAP] = 'T',
        [SIGABRT] = 'T',   [SIGBUS] = 'T',  [SIGFPE] = 'T',   [SIGKILL] = 'T', [SIGUSR1] = 'T',
        [SIGSEGV] = 'T',   [SIGUSR2] = 'T', [SIGPIPE] = 'T',  [SIGALRM] = 'T', [SIGTERM] = 'T',
        [SIGSTKFLT] = 'T', [SIGCHLD] = 'I', [SIGCONT] = 'I',  [SIGSTOP] = 'S', [SIGTSTP] = 'S',
        [SIGTTIN] = 'S',   [SIGTTOU] = 'S', [SIGURG] = 'I',   [SIGXCPU] = 'T', [SIGXFSZ] = 'T',
        [SIGVTALRM] = 'T', [SIGPROF] = 'T', [SIGWINCH] = 'I', [SIGIO] = 'T',   [SIGPWR] = 'T',
        [SIGSYS] = 'T',
    };

    for (int sig = 1; sig < 32; sig++) {
        int status;
        /* A group of its own in this session, so that the stop signals of terminals count: it isn't
         * orphaned. */
        pid_t pid = CHILD(setpgid(0, 0); signal(sig, SIG_DFL); kill(getpid(), sig); _exit(0));
        CHECK_EQUAL(waitpid(pid, &status, WUNTRACED), pid);
        char got = WIFSIGNALED(status) ? 'T' : WIFSTOPPED(status) ? 'S' : 'I';
        if (got != actions[sig])
            FAIL("signal %d: %c, not %c", sig, got, actions[sig]);
        if (got == 'S') {
            kill(pid, SIGKILL);
            waitpid(pid, NULL, 0);
        }
    }
}

TEST(timers, "interval timers come again and again, and tell what is left")
{
    struct itimerval often = {{0, 10000}, {0, 10000}}, old, off = {{0, 0}, {0, 0}};

    on(SIGALRM, note, SA_RESTART);
    CHECK(setitimer(ITIMER_REAL, &often, NULL) == 0);
    while (count < 5)
        pause();
    CHECK(setitimer(ITIMER_REAL, &off, &old) == 0);
    CHECK(old.it_interval.tv_usec == 10000 && old.it_value.tv_sec == 0);
    CHECK(getitimer(ITIMER_REAL, &old) == 0 && old.it_value.tv_usec == 0 &&
          old.it_value.tv_sec == 0);
    CHECK_EQUAL(alarm(10), 0);
    CHECK_EQUAL(alarm(0), 10);
    often.it_value.tv_usec = 1000000;
    CHECK_ERROR(setitimer(ITIMER_REAL, &often, NULL), EINVAL);
    CHECK_ERROR(setitimer(7, &off, NULL), EINVAL);
}

/* A gigabyte at the same million bytes. */
enum { ENDLESS_PIECES = 1024, ENDLESS_PIECE = 1 << 20 };

static void check_cut_short(const char *path, ssize_t (*move)(int, const struct iovec *, int))
{
    static char buffer[ENDLESS_PIECE];
    static struct iovec pieces[ENDLESS_PIECES];
    ssize_t got;
    int fd = open(path, O_RDWR);

    CHECK(fd >= 0);
    for (int n = 0; n < ENDLESS_PIECES; n++)
        pieces[n] = (struct iovec){buffer, sizeof buffer};
    do {
        count = 0;
        got = move(fd, pieces, ENDLESS_PIECES);
    } while (got == (ssize_t)ENDLESS_PIECES * ENDLESS_PIECE);
    CHECK(count > 0);
    if (got <= 0)
        FAIL("%s: %ld bytes (errno %d)", path, (long)got, errno);
    close(fd);
}

static ssize_t read_at(int fd, const struct iovec *pieces, int n)
{
    return preadv(fd, pieces, n, 4096);
}

TEST(endless, "a signal cuts a transfer short that would never wait")
{
    struct itimerval often = {{0, 5000}, {0, 5000}};

    on(SIGALRM, note, SA_RESTART);
    CHECK(setitimer(ITIMER_REAL, &often, NULL) == 0);
    check_cut_short("/dev/zero", readv);
    check_cut_short("/dev/zero", read_at);
    check_cut_short("/dev/urandom", readv);
    check_cut_short("/dev/urandom", writev);
}

TEST(storm, "ten thousand signals between two processes are none too many")
{
    enum { ROUNDS = 2000 };
    pid_t parent = getpid();
    sigset_t set = set_of(SIGUSR1);
    int sig;

    block(SIGUSR1);
    pid_t pid = CHILD({
        for (int n = 0; n < ROUNDS; n++) {
            CHECK(sigwait(&set, &sig) == 0);
            CHECK(kill(parent, SIGUSR1) == 0);
        }
    });
    for (int n = 0; n < ROUNDS; n++) {
        CHECK(kill(pid, SIGUSR1) == 0);
        CHECK(sigwait(&set, &sig) == 0);
    }
    CHECK_CHILD(pid);
}
