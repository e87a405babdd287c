/* Wait queues. Lock order: queue->lock -> run_queue.lock. */
#include "kernel/task/wait.h"

void wait_queue_init(struct wait_queue *queue)
{
    *queue = (struct wait_queue){0};
    list_init(&queue->waiters);
}

void wait_prepare(struct wait_queue *queue, struct wait_entry *entry, enum sleep_kind kind)
{
    entry->thread = current_thread();
    spin_lock(&queue->lock);
    list_push_back(&queue->waiters, &entry->link);
    thread_sleep_prepare(kind);
    spin_unlock(&queue->lock);
}

void wait_finish(struct wait_queue *queue, struct wait_entry *entry)
{
    thread_sleep_finish();
    /* Always under the lock: a waker may be between taking this entry off the list and its last
     * look at it. */
    spin_lock(&queue->lock);
    list_remove(&entry->link);
    spin_unlock(&queue->lock);
}

/* Takes woken entries off, so that a second wake goes to the next waiter. */
static bool wait_wake_first(struct wait_queue *queue)
{
    struct list *link = list_pop_front(&queue->waiters);
    if (!link)
        return false;
    thread_wake(container_of(link, struct wait_entry, link)->thread);
    return true;
}

void wait_wake_one(struct wait_queue *queue)
{
    spin_lock(&queue->lock);
    wait_wake_first(queue);
    spin_unlock(&queue->lock);
}

void wait_wake_all(struct wait_queue *queue)
{
    spin_lock(&queue->lock);
    while (wait_wake_first(queue))
        ;
    spin_unlock(&queue->lock);
}
