/*
 * System-call dispatch: the number from the frame, the function from the table that
 * scripts/syscalls made of kernel/abi/syscalls.tbl.
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

static __attribute__((noinline)) long syscall_unknown(uint64_t number)
{
    if (number >= SYSCALL_COUNT || !syscall_table[number].name)
        return -ABI_ENOSYS;
    if (atomic_fetch_add(&syscall_missing[number], 1) == 0)
        log_write(LOG_INFO, "%s[%d]: system call %lu (%s) is not implemented",
                  current_thread()->name, current_process()->pid, (unsigned long)number,
                  syscall_table[number].name);
    return -ABI_ENOSYS;
}

/* Results -512 to -516 ask delivery to decide between a restart and EINTR. Only a pending signal
 * makes a call give one, but another thread may have taken that signal meanwhile: the work bit gets
 * the thread through delivery in any case. */
static __attribute__((noinline)) void syscall_interrupted(void)
{
    atomic_fetch_or(&current_thread()->work, WORK_SIGNAL);
}

void syscall_dispatch(struct trap_frame *frame)
{
    uint64_t number = frame->error;
    long result;
    if (__builtin_expect(number < SYSCALL_COUNT && syscall_table[number].function, 1))
        result =
            syscall_table[number].function((long)frame->rdi, (long)frame->rsi, (long)frame->rdx,
                                           (long)frame->r10, (long)frame->r8, (long)frame->r9);
    else
        result = syscall_unknown(number);
    frame->rax = (uint64_t)result;
    if (__builtin_expect((uint64_t)result - (uint64_t)-ERESTART_RESTARTBLOCK <=
                             ERESTART_RESTARTBLOCK - ERESTARTSYS,
                         0))
        syscall_interrupted();
}

const char *syscall_name(uint64_t number)
{
    return number < SYSCALL_COUNT ? syscall_table[number].name : NULL;
}
