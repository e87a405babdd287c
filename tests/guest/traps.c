/* The borders between program and kernel: what each exception becomes, what survives a system call,
 * a trap, a signal and a switch to others. Registers and flags are set as badly as a program can.
 */
#include "ktap.h"

#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <ucontext.h>

/* ---- Exceptions become signals ---- */

#define NONCANONICAL "$0x8000000000000000"
#define KERNEL_TEXT  "$0xffffffff80108000"
#define KERNEL_RAM   "$0xffff888000100000"

static sigjmp_buf back;
static siginfo_t info;
static char other_stack[32768] __attribute__((aligned(16)));

static void jump(int sig, siginfo_t *given, void *context)
{
    (void)context;
    info = *given;
    siglongjmp(back, sig);
}

static void on_fault(void (*handler)(int, siginfo_t *, void *))
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP};
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    stack_t stack = {.ss_sp = other_stack, .ss_size = sizeof(other_stack)};

    CHECK(sigaltstack(&stack, NULL) == 0);
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        CHECK(sigaction(signals[i], &action, NULL) == 0);
}

#define CASE(name, ...)                \
    static void name(void)             \
    {                                  \
        __asm__ volatile(__VA_ARGS__); \
    }
#define ALL : : : "rax", "rbx", "rcx", "rdx", "r11", "memory", "cc"

CASE(breakpoint, "int3" ALL)
CASE(undefined, "ud2" ALL)
CASE(division, "xorl %%ecx, %%ecx; xorl %%edx, %%edx; divl %%ecx" ALL)
CASE(halt, "hlt" ALL)
CASE(interrupts, "cli" ALL)
CASE(port, "inb $0x60, %%al" ALL)
CASE(msr, "movl $0xc0000080, %%ecx; rdmsr" ALL)
CASE(control, "movq %%cr3, %%rax" ALL)
CASE(gate, "int $14" ALL)
CASE(device_gate, "int $0x30" ALL)
CASE(timer_gate, "int $0xf0" ALL)
CASE(double_gate, "int $8" ALL)
CASE(task_register, "movl $0x30, %%eax; ltr %%ax" ALL)
CASE(local_segment, "movl $0x1234, %%eax; movl %%eax, %%ds" ALL)
CASE(stack_segment, "movl $0x10, %%eax; movl %%eax, %%ss" ALL)
CASE(far_return, "pushq $0x8; leaq 1f(%%rip), %%rax; pushq %%rax; lretq; 1:" ALL)
CASE(interrupt_return, "pushq %%rax; pushq %%rax; pushq %%rax; iretq" ALL)
CASE(null_read, "xorl %%eax, %%eax; movl (%%rax), %%eax" ALL)
CASE(null_jump, "xorl %%eax, %%eax; jmp *%%rax" ALL)
CASE(kernel_read, "movabsq " KERNEL_TEXT ", %%rax; movl (%%rax), %%eax" ALL)
CASE(kernel_write, "movabsq " KERNEL_RAM ", %%rax; movl %%eax, (%%rax)" ALL)
CASE(kernel_jump, "movabsq " KERNEL_TEXT ", %%rax; jmp *%%rax" ALL)
CASE(wild_read, "movabsq " NONCANONICAL ", %%rax; movl (%%rax), %%eax" ALL)
CASE(wild_jump, "movabsq " NONCANONICAL ", %%rax; jmp *%%rax" ALL)
CASE(wild_stack, "movabsq " NONCANONICAL ", %%rsp; ud2" ALL)
CASE(no_stack, "xorl %%esp, %%esp; ud2" ALL)
CASE(kernel_stack, "movabsq " KERNEL_RAM ", %%rsp; ud2" ALL)
CASE(bad_flags, "pushfq; orq $0x44400, (%%rsp); popfq; ud2" ALL)
CASE(own_text, "leaq 1f(%%rip), %%rax; 1: movl %%eax, (%%rax)" ALL)
CASE(x87_division, "pushq $0x37b; fldcw (%%rsp); fld1; fldz; fdivrp; fwait" ALL)
CASE(single_step, "pushfq; orq $0x100, (%%rsp); popfq; nop; nop" ALL)

static void stack_code(void)
{
    volatile unsigned char code[] = {0xc3};

    ((void (*)(void))(uintptr_t)code)();
}

static const struct fault {
    const char *name;
    void (*run)(void);
    int signal, code; /* 0: any */
} faults[] = {
    {"int3", breakpoint, SIGTRAP, SI_KERNEL},
    {"undefined opcode", undefined, SIGILL, ILL_ILLOPN},
    {"division by zero", division, SIGFPE, FPE_INTDIV},
    {"hlt", halt, SIGSEGV, SI_KERNEL},
    {"cli", interrupts, SIGSEGV, SI_KERNEL},
    {"port access", port, SIGSEGV, SI_KERNEL},
    {"rdmsr", msr, SIGSEGV, SI_KERNEL},
    {"control register", control, SIGSEGV, SI_KERNEL},
    {"int 14", gate, SIGSEGV, SI_KERNEL},
    {"int of a device", device_gate, SIGSEGV, SI_KERNEL},
    {"int of the timer", timer_gate, SIGSEGV, SI_KERNEL},
    {"int 8", double_gate, SIGSEGV, SI_KERNEL},
    {"ltr", task_register, SIGSEGV, SI_KERNEL},
    {"segment of the LDT", local_segment, SIGSEGV, SI_KERNEL},
    {"kernel's stack segment", stack_segment, SIGSEGV, SI_KERNEL},
    {"far return to the kernel's code", far_return, SIGSEGV, SI_KERNEL},
    {"iret to nowhere", interrupt_return, SIGSEGV, SI_KERNEL},
    {"read at NULL", null_read, SIGSEGV, SEGV_MAPERR},
    {"jump to NULL", null_jump, SIGSEGV, SEGV_MAPERR},
    {"read of the kernel", kernel_read, SIGSEGV, SEGV_MAPERR},
    {"write to the kernel", kernel_write, SIGSEGV, SEGV_MAPERR},
    {"jump into the kernel", kernel_jump, SIGSEGV, SEGV_MAPERR},
    {"read at no address", wild_read, SIGSEGV, SI_KERNEL},
    {"jump to no address", wild_jump, SIGSEGV, SI_KERNEL},
    {"fault with no address in rsp", wild_stack, SIGILL, ILL_ILLOPN},
    {"fault with rsp 0", no_stack, SIGILL, ILL_ILLOPN},
    {"fault with the kernel's rsp", kernel_stack, SIGILL, ILL_ILLOPN},
    {"fault with DF, NT and AC set", bad_flags, SIGILL, ILL_ILLOPN},
    {"write to text", own_text, SIGSEGV, SEGV_ACCERR},
    {"x87 division by zero", x87_division, SIGFPE, FPE_FLTDIV},
    {"single step", single_step, SIGTRAP, TRAP_TRACE},
    {"execution of the stack", stack_code, SIGSEGV, SEGV_ACCERR},
};

TEST(exceptions, "each exception becomes its signal and code, and the program goes on after it")
{
    on_fault(jump);
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        const struct fault *fault = &faults[i];
        int sig = sigsetjmp(back, 1);

        if (sig == 0) {
            fault->run();
            FAIL("%s: no signal", fault->name);
        }
        if (sig != fault->signal || info.si_code != fault->code)
            FAIL("%s: signal %d code %d, not %d code %d", fault->name, sig, info.si_code,
                 fault->signal, fault->code);
    }
}

TEST(deadly_exceptions, "without a handler the exception ends the process by its signal")
{
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        pid_t pid = CHILD(faults[i].run());
        int status;

        CHECK(waitpid(pid, &status, 0) == pid);
        if (!WIFSIGNALED(status) || WTERMSIG(status) != faults[i].signal)
            FAIL("%s: status 0x%x", faults[i].name, status);
    }
}

/* ---- System calls keep what they must ---- */

/*
 * The call NR with FLAGS set besides, and RSP as the stack pointer unless it is 0. The value is 0
 * when every register but RAX, RCX and R11 survived; the flags found afterwards go to flags_after.
 */
long registers_lost(long nr, unsigned long rsp, unsigned long flags);
unsigned long flags_after, stack_before;

__asm__(".text\n"
        "registers_lost:\n\t"
        "pushq %rbx; pushq %rbp; pushq %r12; pushq %r13; pushq %r14; pushq %r15\n\t"
        "movq %rsp, stack_before(%rip)\n\t"
        "movq %rdi, %rax\n\t"
        "movq %rsi, %r12\n\t"
        "pushfq; orq %rdx, (%rsp); popfq\n\t"
        "movl $0x11, %ebx; movl $0x12, %ebp; movl $0x13, %edi; movl $0x14, %esi\n\t"
        "movl $0x15, %edx; movl $0x16, %r8d; movl $0x17, %r9d; movl $0x18, %r10d\n\t"
        "movl $0x1a, %r13d; movl $0x1b, %r14d; movl $0x1c, %r15d\n\t"
        "testq %r12, %r12\n\t"
        "cmovnzq %r12, %rsp\n\t"
        "syscall\n\t"
        "movq stack_before(%rip), %rsp\n\t"
        "pushfq; popq flags_after(%rip)\n\t"
        "pushq $0x202; popfq\n\t"
        "subq $0x11, %rbx; subq $0x12, %rbp; subq $0x13, %rdi; subq $0x14, %rsi\n\t"
        "subq $0x15, %rdx; subq $0x16, %r8; subq $0x17, %r9; subq $0x18, %r10\n\t"
        "subq $0x1a, %r13; subq $0x1b, %r14; subq $0x1c, %r15\n\t"
        "orq %rbp, %rbx; orq %rdi, %rbx; orq %rsi, %rbx; orq %rdx, %rbx\n\t"
        "orq %r8, %rbx; orq %r9, %rbx; orq %r10, %rbx; orq %r13, %rbx\n\t"
        "orq %r14, %rbx; orq %r15, %rbx\n\t"
        "movq %rbx, %rax\n\t"
        "popq %r15; popq %r14; popq %r13; popq %r12; popq %rbp; popq %rbx\n\t"
        "ret\n");

#define NO_CALL 9999 /* ENOSYS */

TEST(call_registers, "a system call keeps all registers, whatever way back it takes")
{
    CHECK_EQUAL(registers_lost(SYS_getppid, 0, 0), 0);
    CHECK_EQUAL(registers_lost(NO_CALL, 0, 0), 0);
    CHECK_EQUAL(registers_lost(-1, 0, 0), 0);
    CHECK_EQUAL(registers_lost(SYS_sched_yield, 0, 0), 0);
}

static volatile sig_atomic_t ticks;

static void tick(int sig)
{
    (void)sig;
    ticks++;
    /* What a careless handler leaves behind. */
    __asm__ volatile(
        "xorps %%xmm0, %%xmm0; xorps %%xmm7, %%xmm7; xorps %%xmm15, %%xmm15; fldz; fstp %%st" ::
            : "xmm0", "xmm7", "xmm15", "memory");
}

static void start_ticks(long microseconds)
{
    struct itimerval timer = {{0, microseconds}, {0, microseconds}};
    struct sigaction action = {.sa_handler = tick, .sa_flags = SA_RESTART};

    CHECK(sigaction(SIGALRM, &action, NULL) == 0);
    CHECK(setitimer(ITIMER_REAL, &timer, NULL) == 0);
}

static void stop_ticks(void)
{
    struct itimerval timer = {{0, 0}, {0, 0}};

    CHECK(setitimer(ITIMER_REAL, &timer, NULL) == 0);
}

TEST(call_registers_under_signals, "also when signals are delivered on the way")
{
    start_ticks(500);
    while (ticks < 100)
        CHECK_EQUAL(registers_lost(SYS_getppid, 0, 0), 0);
    stop_ticks();
}

TEST(call_stack_pointers, "a system call needs no stack, and returns to any")
{
    CHECK_EQUAL(registers_lost(SYS_getppid, 8, 0), 0);
    CHECK_EQUAL(registers_lost(SYS_getppid, 0x8000000000000000, 0), 0);
    CHECK_EQUAL(registers_lost(SYS_getppid, 0xffffffff80108000, 0), 0);
}

TEST(call_flags, "DF, NT and AC mean nothing to the kernel and come back")
{
    const unsigned long bad = 0x44400;

    CHECK_EQUAL(registers_lost(SYS_getppid, 0, bad), 0);
    CHECK_EQUAL(flags_after & bad, bad);
    CHECK_EQUAL(registers_lost(NO_CALL, 0, bad), 0);
    CHECK_EQUAL(flags_after & bad, bad);
}

TEST(call_at_the_end, "a system call as the last instruction of the address space ends in SIGSEGV")
{
    char *page = mmap((void *)0x7fffffffe000, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

    if (page == MAP_FAILED)
        SKIP("the last page is taken");
    memcpy(page + 4094, "\x0f\x05", 2);
    on_fault(jump);
    if (sigsetjmp(back, 1) == 0) {
        __asm__ volatile("jmp *%1" : : "a"(SYS_getppid), "r"(page + 4094) : "rcx", "r11", "memory");
        FAIL("came back");
    }
    CHECK_EQUAL((long)info.si_addr, 0x7ffffffff000);
}

/* ---- Signals give everything back ---- */

static void step_over(int sig, siginfo_t *given, void *context)
{
    (void)sig, (void)given;
    ((ucontext_t *)context)->uc_mcontext.gregs[REG_R12] += 5;
    tick(0);
}

TEST(trap_registers, "a handler's return restores all registers, with its changes")
{
    unsigned long sum;
    double before[2] = {1.25, -3.5}, after[2];

    on_fault(step_over);
    __asm__ volatile(
        "movupd %[before], %%xmm7\n\t"
        "movl $1, %%eax; movl $2, %%ebx; movl $3, %%ecx; movl $4, %%edx\n\t"
        "movl $5, %%esi; movl $6, %%edi; movl $7, %%r8d; movl $8, %%r9d\n\t"
        "movl $9, %%r10d; movl $10, %%r11d; movl $11, %%r12d; movl $12, %%r13d\n\t"
        "movl $13, %%r14d; movl $14, %%r15d\n\t"
        "int3\n\t"
        "addq %%rbx, %%rax; addq %%rcx, %%rax; addq %%rdx, %%rax; addq %%rsi, %%rax\n\t"
        "addq %%rdi, %%rax; addq %%r8, %%rax; addq %%r9, %%rax; addq %%r10, %%rax\n\t"
        "addq %%r11, %%rax; addq %%r12, %%rax; addq %%r13, %%rax; addq %%r14, %%rax\n\t"
        "addq %%r15, %%rax\n\t"
        "movupd %%xmm7, %[after]"
        : "=&a"(sum), [after] "=m"(after)
        : [before] "m"(before)
        : "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
          "xmm7", "memory", "cc");
    CHECK_EQUAL(sum, 14 * 15 / 2 + 5);
    CHECK(memcmp(before, after, sizeof(before)) == 0);
}

static void note_direction(int sig, siginfo_t *given, void *context)
{
    unsigned long flags;

    (void)given, (void)context;
    __asm__ volatile("pushfq; popq %0" : "=r"(flags));
    ticks = flags & 0x400 ? -1 : 1;
    (void)sig;
}

TEST(handler_direction,
     "a handler starts with the direction flag clear; the program gets its own back")
{
    unsigned long flags;

    on_fault(note_direction);
    __asm__ volatile("std; int3; pushfq; popq %0; cld" : "=r"(flags));
    CHECK_EQUAL(ticks, 1);
    CHECK((flags & 0x400) != 0);
}

TEST(no_frame, "a return from no handler at all is SIGSEGV")
{
    pid_t pid = CHILD(__asm__ volatile("xorl %%esp, %%esp; movl $15, %%eax; syscall"
                                       :
                                       :
                                       : "rax", "rcx", "r11"));
    int status;

    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

static greg_t wanted_rip;

static void change_context(int sig, siginfo_t *given, void *context)
{
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;

    if (sig != SIGTRAP) {
        info = *given;
        siglongjmp(back, sig);
    }
    registers[REG_EFL] |= 0x3000; /* I/O privileges */
    if (wanted_rip)
        registers[REG_RIP] = wanted_rip;
}

TEST(no_way_into_the_kernel, "a handler can neither return into the kernel nor gain privileges")
{
    static const unsigned long places[] = {0xffffffff80108000, 0x8000000000000000, 0x7ffffffff000};
    unsigned long flags;

    on_fault(change_context);
    __asm__ volatile("int3; pushfq; popq %0" : "=r"(flags));
    CHECK_EQUAL(flags & 0x3000, 0);
    for (size_t i = 0; i < 3; i++) {
        wanted_rip = (greg_t)places[i];
        if (sigsetjmp(back, 1) == 0) {
            __asm__ volatile("int3");
            FAIL("came back from %#lx", places[i]);
        }
        CHECK_EQUAL(info.si_signo, SIGSEGV);
    }
}

/* ---- Switches keep the vector registers and the segment bases ---- */

static bool has_avx(void)
{
    unsigned a = 1, b, c = 0, d;

    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    return (c >> 27 & 3) == 3;
}

/* Fills registers with a pattern of SEED, lets others run, and looks. */
static void keep_vectors(unsigned long seed, bool avx)
{
    unsigned long pattern[4] = {seed, ~seed, seed << 20, seed * 0x0101010101010101}, seen[4];
    volatile long double third = 1.0L / 3 + seed;
    long double again;

    for (int round = 0; round < 200; round++) {
        pattern[2] = (unsigned long)round;
        memcpy(seen, pattern, sizeof(seen));
        if (avx)
            __asm__ volatile("vmovdqu %0, %%ymm9" : : "m"(pattern) : "xmm9");
        else
            __asm__ volatile("movdqu %0, %%xmm9" : : "m"(pattern) : "xmm9");
        for (volatile int i = 0; i < 2000; i++)
            continue;
        __asm__ volatile("syscall" : : "a"(SYS_sched_yield) : "rcx", "r11", "memory");
        if (avx)
            __asm__ volatile("vmovdqu %%ymm9, %0" : "=m"(seen));
        else
            __asm__ volatile("movdqu %%xmm9, %0" : "=m"(seen));
        again = 1.0L / 3 + seed;
        CHECK(memcmp(pattern, seen, sizeof(seen)) == 0);
        CHECK(again == third);
    }
}

TEST(vectors, "the vector registers of five processes under signals don't mix")
{
    bool avx = has_avx();
    pid_t pids[5];

    for (int i = 0; i < 5; i++)
        pids[i] = CHILD({
            start_ticks(700);
            keep_vectors((unsigned long)i + 1, avx);
        });
    for (int i = 0; i < 5; i++)
        CHECK_CHILD(pids[i]);
}

TEST(inherited_vectors, "a child starts with its parent's vector registers")
{
    unsigned long seen = 0;
    long pid;
    int status;

    __asm__ volatile("movq %2, %%xmm11\n\t"
                     "syscall\n\t"
                     "movq %%xmm11, %1"
                     : "=a"(pid), "=r"(seen)
                     : "r"(0x1234567890ul), "a"(SYS_fork)
                     : "rcx", "r11", "xmm11", "memory");
    if (pid == 0)
        _exit(seen == 0x1234567890ul ? 0 : 1);
    CHECK(pid > 0);
    CHECK(waitpid((pid_t)pid, &status, 0) == pid);
    CHECK_EQUAL(status, 0);
}

#define ARCH_SET_GS 0x1001
#define ARCH_GET_GS 0x1004

TEST(segment_bases, "the GS base belongs to the process, through calls, traps and switches")
{
    static unsigned long words[2] = {0x5566, 0x7788};
    pid_t pids[2];

    for (int i = 0; i < 2; i++)
        pids[i] = CHILD({
            CHECK(syscall(SYS_arch_prctl, ARCH_SET_GS, &words[i]) == 0);
            start_ticks(700);
            for (int round = 0; round < 300; round++) {
                unsigned long seen;
                unsigned long base;

                __asm__ volatile("movq %%gs:0, %0" : "=r"(seen));
                CHECK_EQUAL(seen, words[i]);
                CHECK(syscall(SYS_arch_prctl, ARCH_GET_GS, &base) == 0);
                CHECK_EQUAL(base, (long)&words[i]);
                sched_yield();
            }
        });
    for (int i = 0; i < 2; i++)
        CHECK_CHILD(pids[i]);
    CHECK_ERROR(syscall(SYS_arch_prctl, ARCH_SET_GS, 0xffffffff80000000), EPERM);
}
