/* Signals: numbers, actions, the information and the context that a handler is given, and the
   frame that delivery builds on the user's stack. */
#ifndef ABI_SIGNAL_H
#define ABI_SIGNAL_H

#include "kernel/abi/types.h"

#define ABI_SIGHUP    1
#define ABI_SIGINT    2
#define ABI_SIGQUIT   3
#define ABI_SIGILL    4
#define ABI_SIGTRAP   5
#define ABI_SIGABRT   6
#define ABI_SIGIOT    6
#define ABI_SIGBUS    7
#define ABI_SIGFPE    8
#define ABI_SIGKILL   9
#define ABI_SIGUSR1   10
#define ABI_SIGSEGV   11
#define ABI_SIGUSR2   12
#define ABI_SIGPIPE   13
#define ABI_SIGALRM   14
#define ABI_SIGTERM   15
#define ABI_SIGSTKFLT 16
#define ABI_SIGCHLD   17
#define ABI_SIGCONT   18
#define ABI_SIGSTOP   19
#define ABI_SIGTSTP   20
#define ABI_SIGTTIN   21
#define ABI_SIGTTOU   22
#define ABI_SIGURG    23
#define ABI_SIGXCPU   24
#define ABI_SIGXFSZ   25
#define ABI_SIGVTALRM 26
#define ABI_SIGPROF   27
#define ABI_SIGWINCH  28
#define ABI_SIGIO     29
#define ABI_SIGPOLL   ABI_SIGIO
#define ABI_SIGPWR    30
#define ABI_SIGSYS    31
#define ABI_SIGRTMIN  32 /* the kernel's; libcs keep the first two or three for themselves */
#define ABI_SIGRTMAX  64
#define ABI_NSIG      64

/* The mask bit of a signal in abi_sigset_t. */
#define ABI_SIGMASK(sig) (1ull << ((sig)-1))

#define ABI_SIG_BLOCK   0
#define ABI_SIG_UNBLOCK 1
#define ABI_SIG_SETMASK 2

#define ABI_SIG_DFL 0ull
#define ABI_SIG_IGN 1ull

#define ABI_SA_NOCLDSTOP      0x00000001ull
#define ABI_SA_NOCLDWAIT      0x00000002ull
#define ABI_SA_SIGINFO        0x00000004ull
#define ABI_SA_UNSUPPORTED    0x00000400ull
#define ABI_SA_EXPOSE_TAGBITS 0x00000800ull
#define ABI_SA_RESTORER       0x04000000ull
#define ABI_SA_ONSTACK        0x08000000ull
#define ABI_SA_RESTART        0x10000000ull
#define ABI_SA_NODEFER        0x40000000ull
#define ABI_SA_RESETHAND      0x80000000ull

/* What rt_sigaction(2) passes: not the libc's struct sigaction. */
struct abi_sigaction {
    uint64_t handler;
    uint64_t flags;
    uint64_t restorer; /* x86-64 demands SA_RESTORER: the frame has no code of its own */
    abi_sigset_t mask;
};
_Static_assert(sizeof(struct abi_sigaction) == 32, "kernel's struct sigaction");

union abi_sigval {
    int32_t sival_int;
    uint64_t sival_ptr;
};

struct abi_siginfo {
    int32_t si_signo;
    int32_t si_errno;
    int32_t si_code;
    int32_t reserved;
    union {
        uint8_t padding[112];
        struct { /* kill, tgkill, sigqueue */
            int32_t si_pid;
            uint32_t si_uid;
            union abi_sigval si_value;
        } rt;
        struct { /* POSIX timers */
            int32_t si_timerid;
            int32_t si_overrun;
            union abi_sigval si_value;
            int32_t si_sys_private;
        } timer;
        struct { /* SIGCHLD */
            int32_t si_pid;
            uint32_t si_uid;
            int32_t si_status;
            int32_t reserved;
            int64_t si_utime;
            int64_t si_stime;
        } chld;
        struct { /* SIGILL SIGFPE SIGSEGV SIGBUS SIGTRAP */
            uint64_t si_addr;
            int16_t si_addr_lsb;
        } fault;
        struct { /* SIGIO */
            int64_t si_band;
            int32_t si_fd;
        } poll;
        struct { /* SIGSYS */
            uint64_t si_call_addr;
            int32_t si_syscall;
            uint32_t si_arch;
        } sys;
    };
};
_Static_assert(sizeof(struct abi_siginfo) == 128, "siginfo_t");

#define ABI_SI_USER    0
#define ABI_SI_KERNEL  0x80
#define ABI_SI_QUEUE   (-1)
#define ABI_SI_TIMER   (-2)
#define ABI_SI_MESGQ   (-3)
#define ABI_SI_ASYNCIO (-4)
#define ABI_SI_SIGIO   (-5)
#define ABI_SI_TKILL   (-6)

#define ABI_ILL_ILLOPC 1
#define ABI_ILL_ILLOPN 2
#define ABI_ILL_ILLADR 3
#define ABI_ILL_ILLTRP 4
#define ABI_ILL_PRVOPC 5

#define ABI_FPE_INTDIV 1
#define ABI_FPE_INTOVF 2
#define ABI_FPE_FLTDIV 3
#define ABI_FPE_FLTOVF 4
#define ABI_FPE_FLTUND 5
#define ABI_FPE_FLTRES 6
#define ABI_FPE_FLTINV 7
#define ABI_FPE_FLTSUB 8

#define ABI_SEGV_MAPERR 1
#define ABI_SEGV_ACCERR 2

#define ABI_BUS_ADRALN 1
#define ABI_BUS_ADRERR 2
#define ABI_BUS_OBJERR 3

#define ABI_TRAP_BRKPT 1
#define ABI_TRAP_TRACE 2

#define ABI_CLD_EXITED    1
#define ABI_CLD_KILLED    2
#define ABI_CLD_DUMPED    3
#define ABI_CLD_TRAPPED   4
#define ABI_CLD_STOPPED   5
#define ABI_CLD_CONTINUED 6

#define ABI_POLL_IN  1
#define ABI_POLL_OUT 2
#define ABI_POLL_MSG 3
#define ABI_POLL_ERR 4
#define ABI_POLL_PRI 5
#define ABI_POLL_HUP 6

struct abi_stack {
    uint64_t ss_sp;
    int32_t ss_flags;
    uint32_t reserved;
    uint64_t ss_size;
};
_Static_assert(sizeof(struct abi_stack) == 24, "stack_t");

#define ABI_SS_ONSTACK    1
#define ABI_SS_DISABLE    2
#define ABI_SS_AUTODISARM 0x80000000u
#define ABI_MINSIGSTKSZ   2048
#define ABI_SIGSTKSZ      8192

/* Registers at the interruption, in the order of the ABI. */
struct abi_sigcontext {
    uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
    uint64_t rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip;
    uint64_t eflags;
    uint16_t cs, gs, fs, ss;
    uint64_t err, trapno, oldmask, cr2;
    uint64_t fpstate; /* user address of a 64-byte aligned FXSAVE or XSAVE image; 0: none */
    uint64_t reserved[8];
};
_Static_assert(sizeof(struct abi_sigcontext) == 256, "struct sigcontext");

struct abi_ucontext {
    uint64_t uc_flags;
    uint64_t uc_link;
    struct abi_stack uc_stack;
    struct abi_sigcontext uc_mcontext;
    abi_sigset_t uc_sigmask;
};
_Static_assert(sizeof(struct abi_ucontext) == 304, "kernel's struct ucontext");

#define ABI_UC_FP_XSTATE         0x1
#define ABI_UC_SIGCONTEXT_SS     0x2
#define ABI_UC_STRICT_RESTORE_SS 0x4

/* What delivery pushes. The handler is entered with rsp at pretcode, which is 8 modulo 16, rdi =
   signal, rsi = &info, rdx = &uc; rt_sigreturn(2) is entered with rsp just above pretcode. */
struct abi_rt_sigframe {
    uint64_t pretcode; /* the action's restorer */
    struct abi_ucontext uc;
    struct abi_siginfo info;
};
_Static_assert(sizeof(struct abi_rt_sigframe) == 440, "struct rt_sigframe");

/* The last 48 bytes of the legacy FXSAVE area (offset 464) are software's: how long the image is.
 */
#define ABI_FP_XSTATE_MAGIC1      0x46505853u
#define ABI_FP_XSTATE_MAGIC2      0x46505845u /* four bytes right behind the extended image */
#define ABI_FP_SW_RESERVED_OFFSET 464
struct abi_fpx_sw_bytes {
    uint32_t magic1;
    uint32_t extended_size;
    uint64_t xfeatures;
    uint32_t xstate_size;
    uint32_t padding[7];
};
_Static_assert(sizeof(struct abi_fpx_sw_bytes) == 48, "struct _fpx_sw_bytes");

/* pselect6(2)'s sixth argument points to this. */
struct abi_sigset_argpack {
    uint64_t set; /* user address; 0: none */
    uint64_t size;
};

/* sigevent, for timer_create(2) and mq_notify(2) */
struct abi_sigevent {
    union abi_sigval sigev_value;
    int32_t sigev_signo;
    int32_t sigev_notify;
    union {
        int32_t padding[12];
        int32_t tid;
    };
};
_Static_assert(sizeof(struct abi_sigevent) == 64, "struct sigevent");

#define ABI_SIGEV_SIGNAL    0
#define ABI_SIGEV_NONE      1
#define ABI_SIGEV_THREAD    2
#define ABI_SIGEV_THREAD_ID 4

#define ABI_SFD_NONBLOCK 04000
#define ABI_SFD_CLOEXEC  02000000

struct abi_signalfd_siginfo {
    uint32_t ssi_signo;
    int32_t ssi_errno;
    int32_t ssi_code;
    uint32_t ssi_pid;
    uint32_t ssi_uid;
    int32_t ssi_fd;
    uint32_t ssi_tid;
    uint32_t ssi_band;
    uint32_t ssi_overrun;
    uint32_t ssi_trapno;
    int32_t ssi_status;
    int32_t ssi_int;
    uint64_t ssi_ptr;
    uint64_t ssi_utime;
    uint64_t ssi_stime;
    uint64_t ssi_addr;
    uint16_t ssi_addr_lsb;
    uint16_t reserved0;
    int32_t ssi_syscall;
    uint64_t ssi_call_addr;
    uint32_t ssi_arch;
    uint8_t reserved[28];
};
_Static_assert(sizeof(struct abi_signalfd_siginfo) == 128, "struct signalfd_siginfo");

#endif
