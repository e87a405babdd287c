/*
 * System-call dispatch: the tables that scripts/syscalls made of kernel/abi/syscalls.tbl, and what
 * answers for numbers that have no function.
 */
#include <stdatomic.h>
#include "kernel/abi/errno.h"
#include "kernel/log.h"
#include "kernel/task/process.h"
#include "kernel/sys/sys.h"

#define SYSCALL_ENTRIES
#include "syscall_table.inc"
#undef SYSCALL_ENTRIES

static const struct syscall_row syscall_table[SYSCALL_COUNT] = {
#define SYSCALL_ROWS
#include "syscall_table.inc"
#undef SYSCALL_ROWS
};

/* Calls of each number that isn't implemented; the first is named in the log. */
static _Atomic uint32_t syscall_missing[SYSCALL_COUNT];

long syscall_unknown(uint64_t number)
{
    if (number >= SYSCALL_COUNT || !syscall_table[number].name)
        return -ABI_ENOSYS;
    if (atomic_fetch_add(&syscall_missing[number], 1) == 0)
        log_write(LOG_INFO, "%s[%d]: system call %lu (%s) is not implemented",
                  current_thread()->name, current_process()->pid, (unsigned long)number,
                  syscall_table[number].name);
    return -ABI_ENOSYS;
}

static long syscall_none(void)
{
    return syscall_unknown(current_thread()->frame->error);
}

/* What entry.S calls, by number. */
const syscall_fn syscall_targets[SYSCALL_COUNT] = {
#define SYSCALL_TARGETS
#include "syscall_table.inc"
#undef SYSCALL_TARGETS
};

void syscall_dispatch(struct trap_frame *frame)
{
    syscall_fn function = syscall_table[frame->error].function;
    long result = function((long)frame->rdi, (long)frame->rsi, (long)frame->rdx, (long)frame->r10,
                           (long)frame->r8, (long)frame->r9);
    frame->rax = (uint64_t)result;
    if (result >= -ERESTART_RESTARTBLOCK && result <= -ERESTARTSYS)
        atomic_fetch_or(&current_thread()->work, WORK_SIGNAL);
}

const char *syscall_name(uint64_t number)
{
    return number < SYSCALL_COUNT ? syscall_table[number].name : NULL;
}
