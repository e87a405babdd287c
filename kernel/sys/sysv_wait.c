/* Waiting for a semaphore or a message: see sysv_wait.h. */
#include "kernel/sys/sysv_wait.h"

void sysv_queue(struct list *queue, struct sysv_waiter *waiter)
{
    waiter->thread = current_thread();
    atomic_store(&waiter->done, false);
    list_push_back(queue, &waiter->link);
}

void sysv_wake(struct sysv_waiter *waiter, long result)
{
    list_remove(&waiter->link);
    waiter->result = result;
    atomic_store(&waiter->done, true);
    thread_wake(waiter->thread);
}

long sysv_wait(struct sysv_waiter *waiter, spinlock_t *lock, uint64_t deadline)
{
    int error = 0;
    spin_unlock(lock);
    while (!atomic_load(&waiter->done) && !error) {
        thread_sleep_prepare(SLEEP_INTERRUPTIBLE);
        if (!atomic_load(&waiter->done))
            error = thread_sleep(deadline);
        thread_sleep_finish();
    }
    spin_lock(lock);
    if (atomic_load(&waiter->done))
        return waiter->result;
    list_remove(&waiter->link);
    return error;
}
