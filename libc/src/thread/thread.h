/* A thread as the libc keeps it, at the end of its thread-local storage; FS addresses it. Shared by
   the libc's own sources; no program sees it. */
#ifndef LIBC_THREAD_H
#define LIBC_THREAD_H

#include <limits.h>
#include <pthread.h>
#include <reent.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/lock.h>

#include "../internal.h"

/* Signals that are the library's: no program may block or handle them. 33 is kept free for what C
   libraries use it for, so that sets made here and there agree. */
#define SIGNAL_CANCEL    32
#define SIGNALS_INTERNAL (3ul << (SIGNAL_CANCEL - 1))

/* The word that a cancellation point compares: THREAD_CANCEL_NOW means asked for and not disabled.
   Each byte has one writer, so that the thread itself needs no locked instruction. */
union thread_cancel {
    int word;
    struct {
        unsigned char pending;  /* set by pthread_cancel, never cleared */
        unsigned char disabled; /* the thread's own */
        unsigned char leaving;  /* the thread's own: pthread_exit has begun */
    };
};
#define THREAD_CANCEL_NOW 1 /* read by src/syscall.S, as is the word's offset */

struct thread_value {
    unsigned generation; /* the key's when the value was set */
    void *value;
};

/* As the kernel's struct robust_list_head. */
struct thread_robust {
    struct __pthread_robust *first;
    long word_offset;
    struct __pthread_robust *pending;
};

enum thread_state { THREAD_JOINABLE, THREAD_EXITED, THREAD_DETACHED };

struct thread {
    struct thread *self; /* offset 0 is the psABI's */
    void *reserved;
    union thread_cancel cancel; /* offset 16 */
    int tid; /* offset 20: the kernel clears it and wakes its futex at the thread's end */
    struct _reent *reent; /* newlib's state */
    int state;            /* enum thread_state */
    int gate;             /* a new thread waits here while it is 1; 2 tells it to leave */
    uintptr_t canary;     /* offset 40 is the psABI's */
    void *(*run)(void *);
    void *argument;
    void *result;
    struct __pthread_cleanup *cleanup; /* the innermost handler */
    unsigned long mask;                /* what the new thread's signal mask shall be */
    void *mapping; /* all that is given back at the end; NULL for the first thread */
    size_t mapping_size;
    void *stack; /* its lowest usable address */
    size_t stack_size, guard_size;
    struct __libc_lock lock; /* of gone, and of what others do to this thread by its number */
    int cancel_type;
    bool gone;       /* the number may be another thread's soon */
    bool has_values; /* of keys */
    bool has_robust; /* the kernel knows the list */
    struct thread_robust robust;
    struct thread_value values[PTHREAD_KEYS_MAX];
};

_Static_assert(__builtin_offsetof(struct thread, cancel) == 16, "src/syscall.S");
_Static_assert(__builtin_offsetof(struct thread, canary) == 40, "the psABI");

static inline struct thread *thread_self(void)
{
    struct thread *self;

    __asm__("movq %%fs:0, %0" : "=r"(self));
    return self;
}

static inline struct thread *thread_of(pthread_t thread)
{
    return (struct thread *)thread;
}

static inline bool thread_cancel_wanted(struct thread *self)
{
    return __atomic_load_n(&self->cancel.word, __ATOMIC_RELAXED) == THREAD_CANCEL_NOW;
}

/* Whether a second thread was ever started: before that, the libc's locks need no locked
 * instructions. */
extern bool __threads_started;
/* Threads that did not begin to leave. */
extern int __threads_alive;

/* src/tls.c: how much a thread needs for its storage, itself and newlib's state, and making them
 * below `end`. */
size_t __thread_area_size(void);
struct thread *__thread_area_make(void *area);

/* Leaves all exit handlers to the caller; ends the thread, or the process with its last one. */
void __thread_leave(struct thread *self) __attribute__((__noreturn__));
void __thread_unmap_and_exit(void *mapping, size_t size) __attribute__((__noreturn__));
void __thread_free(struct thread *thread);
/* What src/syscall.S jumps to. Weak there: it is only reached after pthread_cancel. */
void __cancel_now(void) __attribute__((__noreturn__, __weak__));

/* Parts of pthread_exit that only programs which use them link. */
void __thread_run_destructors(struct thread *self) __attribute__((__weak__));
void __thread_abandon_robust(struct thread *self) __attribute__((__weak__));

/* Of the libc's own lists: atfork's handlers, keys, named semaphores, popen's streams. */
extern struct __libc_lock __libc_lists_lock;
extern int __fork_generation;

/* fork, in this order. `child` is true in the child. */
void __locks_before_fork(void);
void __locks_after_fork(bool child);

/* For the time of changing another thread or the list of them, no handler may run. */
static inline unsigned long signals_block(void)
{
    unsigned long all = ~0ul, old;

    SYS6(rt_sigprocmask, SIG_BLOCK, &all, &old, KERNEL_SIGSET_SIZE, 0, 0);
    return old;
}

static inline void signals_restore(unsigned long old)
{
    SYS6(rt_sigprocmask, SIG_SETMASK, &old, NULL, KERNEL_SIGSET_SIZE, 0, 0);
}

#endif
