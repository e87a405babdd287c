/* Wait queues: threads waiting for a condition guarded by some lock of the caller's. */
#ifndef KERNEL_TASK_WAIT_H
#define KERNEL_TASK_WAIT_H

#include "kernel/task/thread.h"

struct wait_queue {
    spinlock_t lock;
    struct list waiters;
};

struct wait_entry {
    struct list link;
    struct thread *thread;
};

void wait_queue_init(struct wait_queue *queue);
/* Puts the current thread on QUEUE and prepares to sleep. Then test the condition; then
 * thread_sleep; loop; at last wait_finish. */
void wait_prepare(struct wait_queue *queue, struct wait_entry *entry, enum sleep_kind kind);
void wait_finish(struct wait_queue *queue, struct wait_entry *entry);
void wait_wake_one(struct wait_queue *queue); /* FIFO [any] */
void wait_wake_all(struct wait_queue *queue); /* [any] */

/* Sleeps until CONDITION (an expression, evaluated without locks) holds; value: 0, -ABI_ETIMEDOUT
 * or -ABI_EINTR. */
#define wait_until(queue, kind, deadline, condition)     \
    ({                                                   \
        int wait_result = 0;                             \
        struct wait_entry wait_entry_;                   \
        while (!(condition)) {                           \
            wait_prepare((queue), &wait_entry_, (kind)); \
            if (!(condition))                            \
                wait_result = thread_sleep(deadline);    \
            wait_finish((queue), &wait_entry_);          \
            if (wait_result < 0)                         \
                break;                                   \
        }                                                \
        (condition) ? 0 : wait_result;                   \
    })

#endif
