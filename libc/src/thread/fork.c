/* fork in a process that may have threads: the child has only the one that called, and finds every
   lock of the libc free. */
#include <signal.h>
#include <sched.h>
#include <unistd.h>

#include "atfork.h"
#include "thread.h"

struct atfork *__atfork_first, *__atfork_last;

static void run_prepare(void)
{
    for (struct atfork *entry = __atfork_last; entry; entry = entry->previous)
        if (entry->prepare)
            entry->prepare();
}

static void run_after(bool child)
{
    for (struct atfork *entry = __atfork_first; entry; entry = entry->next) {
        void (*handler)(void) = child ? entry->child : entry->parent;
        if (handler)
            handler();
    }
}

/* The mutexes of the child's list are its parent's thread's. */
static void become_only(struct thread *self)
{
    __threads_alive = 1;
    __fork_generation = (__fork_generation + 1) & 0xffffff;
    self->has_robust = false;
    __lock_init(self->lock);
}

static long make_child(struct thread *self)
{
    return SYS6(clone, SIGCHLD | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID, 0, NULL, &self->tid, 0,
                0);
}

pid_t fork(void)
{
    struct thread *self = thread_self();
    bool threads = __threads_started;
    unsigned long mask = 0;
    long pid;

    run_prepare();
    if (threads) {
        mask = signals_block();
        __locks_before_fork();
    }
    pid = make_child(self);
    if (pid == 0)
        become_only(self);
    if (threads) {
        __locks_after_fork(pid == 0);
        signals_restore(mask);
    }
    run_after(pid == 0);
    return (pid_t)with_errno(pid);
}

pid_t _Fork(void)
{
    struct thread *self = thread_self();
    long pid = make_child(self);

    if (pid == 0)
        become_only(self);
    return (pid_t)with_errno(pid);
}
