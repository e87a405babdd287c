/* Futexes: waiting on a word of user memory. */
#ifndef KERNEL_TASK_FUTEX_H
#define KERNEL_TASK_FUTEX_H

#include <stdbool.h>
#include <stdint.h>

/* futex(2) whole: operation, clock and flags decoded inside. TIMEOUT is the user pointer (or the
 * second count for requeues). */
long futex_call(uint64_t address, int operation, uint32_t value, uint64_t timeout,
                uint64_t address2, uint32_t value3);
/* Wakes up to COUNT waiters of the current process's private or shared ADDRESS: thread exit's
 * clear_child_tid. */
long futex_wake(uint64_t address, uint32_t count, uint32_t bitset, int shared);
/* The current thread leaves its memory: its robust list is walked (bounded), owners marked dead,
 * waiters woken; who waits for a lock of its that inherits priorities gets it. ENDS: it isn't going
 * on in other memory. */
void futex_leave(bool ends);

#endif
