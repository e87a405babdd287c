/* The locks inside the libc, and what becomes of them when a process forks: newlib's, which it
   declares by
   __LOCK_INIT, and our own. Each is recursive: newlib's streams call each other.

   Lock order: a stream's own lock; then the locks in the order of `all` below. */
#include <stdio.h>

#include "futex.h"
#include "thread.h"

struct __libc_lock __atexit_recursive_mutex, __at_quick_exit_mutex, __env_recursive_mutex,
    __tz_mutex, __dd_hash_mutex, __arc4random_mutex, __sfp_recursive_mutex, __sinit_recursive_mutex,
    __malloc_recursive_mutex, __libc_lists_lock;

static struct __libc_lock *const all[] = {&__libc_lists_lock,
                                          &__atexit_recursive_mutex,
                                          &__at_quick_exit_mutex,
                                          &__env_recursive_mutex,
                                          &__tz_mutex,
                                          &__dd_hash_mutex,
                                          &__arc4random_mutex,
                                          &__sfp_recursive_mutex,
                                          &__sinit_recursive_mutex,
                                          &__malloc_recursive_mutex};

#define COUNT (sizeof(all) / sizeof(*all))

bool __threads_started;
int __threads_alive = 1;
int __fork_generation; /* counts forks down the line of parents */

/* True when the word was 0. While there is one thread, nobody else can write it. */
static inline bool take_free(struct __libc_lock *lock)
{
    int free = 0;

    if (__threads_started)
        return __atomic_compare_exchange_n(&lock->__word, &free, 1, false, __ATOMIC_ACQUIRE,
                                           __ATOMIC_RELAXED);
    if (lock->__word)
        return false;
    lock->__word = 1;
    return true;
}

int __libc_lock_try(struct __libc_lock *lock)
{
    struct thread *self = thread_self();

    /* Only the owner can find itself here, so the race with others is harmless. */
    if (__atomic_load_n(&lock->__owner, __ATOMIC_RELAXED) == self) {
        lock->__depth++;
        return 0;
    }
    if (!take_free(lock))
        return EBUSY;
    __atomic_store_n(&lock->__owner, self, __ATOMIC_RELAXED);
    return 0;
}

void __libc_lock_acquire(struct __libc_lock *lock)
{
    if (__libc_lock_try(lock) == 0)
        return;
    while (__atomic_exchange_n(&lock->__word, 2, __ATOMIC_ACQUIRE))
        __futex_wait(&lock->__word, 2, false, CLOCK_MONOTONIC, NULL, false);
    __atomic_store_n(&lock->__owner, thread_self(), __ATOMIC_RELAXED);
}

void __libc_lock_release(struct __libc_lock *lock)
{
    if (lock->__depth) {
        lock->__depth--;
        return;
    }
    __atomic_store_n(&lock->__owner, NULL, __ATOMIC_RELAXED);
    if (!__threads_started)
        lock->__word = 0;
    else if (__atomic_exchange_n(&lock->__word, 0, __ATOMIC_RELEASE) == 2)
        futex_wake(&lock->__word, 1, false);
}

/* The thread that forks holds all of them, so that the child finds whole lists and a whole heap. */
void __locks_before_fork(void)
{
    for (size_t n = 0; n < COUNT; n++)
        __libc_lock_acquire(all[n]);
}

/* Threads that held a stream are not in the child. */
static void free_streams(void)
{
    for (struct _glue *glue = &_GLOBAL_REENT->__sglue; glue; glue = glue->_next)
        for (int n = 0; n < glue->_niobs; n++)
            if (glue->_iobs[n]._lock.__owner != thread_self())
                __lock_init(glue->_iobs[n]._lock);
}

void __locks_after_fork(bool child)
{
    for (size_t n = COUNT; n-- > 0;)
        __libc_lock_release(all[n]);
    if (child)
        free_streams();
}
