/* clone(2), clone3(2) and scheduling. */
#ifndef ABI_SCHED_H
#define ABI_SCHED_H

#include "kernel/abi/types.h"

#define ABI_CSIGNAL              0x000000ffull /* the signal that the parent gets */
#define ABI_CLONE_VM             0x00000100ull
#define ABI_CLONE_FS             0x00000200ull
#define ABI_CLONE_FILES          0x00000400ull
#define ABI_CLONE_SIGHAND        0x00000800ull
#define ABI_CLONE_PIDFD          0x00001000ull
#define ABI_CLONE_PTRACE         0x00002000ull
#define ABI_CLONE_VFORK          0x00004000ull
#define ABI_CLONE_PARENT         0x00008000ull
#define ABI_CLONE_THREAD         0x00010000ull
#define ABI_CLONE_NEWNS          0x00020000ull
#define ABI_CLONE_SYSVSEM        0x00040000ull
#define ABI_CLONE_SETTLS         0x00080000ull
#define ABI_CLONE_PARENT_SETTID  0x00100000ull
#define ABI_CLONE_CHILD_CLEARTID 0x00200000ull
#define ABI_CLONE_DETACHED       0x00400000ull
#define ABI_CLONE_UNTRACED       0x00800000ull
#define ABI_CLONE_CHILD_SETTID   0x01000000ull
#define ABI_CLONE_NEWCGROUP      0x02000000ull
#define ABI_CLONE_NEWUTS         0x04000000ull
#define ABI_CLONE_NEWIPC         0x08000000ull
#define ABI_CLONE_NEWUSER        0x10000000ull
#define ABI_CLONE_NEWPID         0x20000000ull
#define ABI_CLONE_NEWNET         0x40000000ull
#define ABI_CLONE_IO             0x80000000ull
#define ABI_CLONE_CLEAR_SIGHAND  0x100000000ull
#define ABI_CLONE_INTO_CGROUP    0x200000000ull

struct abi_clone_args {
    uint64_t flags;
    uint64_t pidfd;
    uint64_t child_tid;
    uint64_t parent_tid;
    uint64_t exit_signal;
    uint64_t stack; /* its lowest byte, unlike clone(2)'s */
    uint64_t stack_size;
    uint64_t tls;
    uint64_t set_tid;
    uint64_t set_tid_size;
    uint64_t cgroup;
};
_Static_assert(sizeof(struct abi_clone_args) == 88, "struct clone_args");
#define ABI_CLONE_ARGS_SIZE_VER0 64
#define ABI_CLONE_ARGS_SIZE_VER1 80
#define ABI_CLONE_ARGS_SIZE_VER2 88

#define ABI_SCHED_OTHER         0
#define ABI_SCHED_FIFO          1
#define ABI_SCHED_RR            2
#define ABI_SCHED_BATCH         3
#define ABI_SCHED_IDLE          5
#define ABI_SCHED_DEADLINE      6
#define ABI_SCHED_RESET_ON_FORK 0x40000000

struct abi_sched_param {
    int32_t sched_priority;
};

#endif
