/* Making a thread: one mapping holds its guard, its stack and, above, its storage. */
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "futex.h"
#include "thread.h"

#define PAGE_SIZE     4096ul
#define DEFAULT_STACK (2ul << 20) /* where the limit of the first thread's stack says nothing */
#define DEFAULT_GUARD PAGE_SIZE

#define THREAD_FLAGS                                                                    \
    (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | \
     CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID)

enum { GATE_OPEN, GATE_WAIT, GATE_REFUSED };

void __streams_share(void);

static size_t round_up(size_t size)
{
    return (size + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
}

size_t __thread_default_stack(void)
{
    struct rlimit limit;

    if (SYS6(prlimit64, 0, RLIMIT_STACK, NULL, &limit, 0, 0) < 0 ||
        limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur < PTHREAD_STACK_MIN)
        return DEFAULT_STACK;
    return round_up(limit.rlim_cur);
}

/* The memory of a thread, all zero; NULL when there is none. */
static struct thread *map_thread(const pthread_attr_t *attr)
{
    size_t wanted = attr->__stack_size ? attr->__stack_size : __thread_default_stack();
    size_t guard = attr->__stack ? 0 : round_up(attr->__guard_size);
    size_t stack = attr->__stack ? 0 : round_up(wanted);
    size_t size = round_up(__thread_area_size());

    if (__builtin_add_overflow(size, guard, &size) || __builtin_add_overflow(size, stack, &size))
        return NULL;
    char *mapping = (char *)SYS6(mmap, NULL, size, PROT_READ | PROT_WRITE,
                                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if ((unsigned long)mapping >= -4095ul)
        return NULL;
    if (guard && SYS3(mprotect, mapping, guard, PROT_NONE) < 0) {
        SYS3(munmap, mapping, size, 0);
        return NULL;
    }
    struct thread *thread = __thread_area_make(mapping + guard + stack);
    thread->mapping = mapping;
    thread->mapping_size = size;
    thread->stack = attr->__stack ? attr->__stack : mapping + guard;
    thread->stack_size = attr->__stack ? attr->__stack_size : stack;
    thread->guard_size = guard;
    return thread;
}

void __thread_free(struct thread *thread)
{
    if (thread->mapping)
        SYS3(munmap, thread->mapping, thread->mapping_size, 0);
}

static int begin(void *pointer)
{
    struct thread *self = pointer;
    int gate;

    while ((gate = __atomic_load_n(&self->gate, __ATOMIC_ACQUIRE)) == GATE_WAIT)
        __futex_wait(&self->gate, GATE_WAIT, false, CLOCK_MONOTONIC, NULL, false);
    if (gate == GATE_REFUSED)
        __thread_leave(self);
    signals_restore(self->mask);
    pthread_exit(self->run(self->argument));
}

/* Gives the waiting thread the policy of its attributes, and lets it go on or ends it. */
static int schedule(struct thread *thread, const pthread_attr_t *attr)
{
    int error = (int)-SYS3(sched_setscheduler, thread->tid, attr->__policy, &attr->__param);

    __atomic_store_n(&thread->gate, error ? GATE_REFUSED : GATE_OPEN, __ATOMIC_RELEASE);
    futex_wake(&thread->gate, 1, false);
    if (error) {
        __atomic_store_n(&thread->state, THREAD_JOINABLE, __ATOMIC_RELAXED);
        pthread_join((pthread_t)thread, NULL);
    }
    return error;
}

static int start(struct thread *thread)
{
    char *stack_end = (char *)thread->stack + thread->stack_size;
    unsigned long mask = signals_block();
    int saved = errno, error = 0;

    /* A blocked cancellation signal is its creator's matter (see cancel.c). */
    thread->mask = mask & ~SIGNALS_INTERNAL;
    __atomic_add_fetch(&__threads_alive, 1, __ATOMIC_RELAXED);
    if (clone(begin, stack_end, THREAD_FLAGS, thread, &thread->tid, thread, &thread->tid) < 0) {
        error = errno;
        __atomic_sub_fetch(&__threads_alive, 1, __ATOMIC_RELAXED);
        __thread_free(thread);
    }
    errno = saved;
    signals_restore(mask);
    return error;
}

int pthread_create(pthread_t *restrict result, const pthread_attr_t *restrict attr,
                   void *(*run)(void *), void *restrict argument)
{
    pthread_attr_t standard = {.__guard_size = DEFAULT_GUARD};
    struct thread *thread;

    if (!attr)
        attr = &standard;
    if (!__threads_started)
        __streams_share();
    __threads_started = true;
    thread = map_thread(attr);
    if (!thread)
        return EAGAIN;
    _REENT_INIT_PTR_ZEROED(thread->reent);
    thread->run = run;
    thread->argument = argument;
    /* One that may be refused is detached only when it runs. */
    thread->gate = attr->__explicit_sched ? GATE_WAIT : GATE_OPEN;
    thread->state = attr->__detached && !attr->__explicit_sched ? THREAD_DETACHED : THREAD_JOINABLE;
    /* Before the thread exists: it may look for its own number here, and may be gone afterwards. */
    *result = (pthread_t)thread;
    int error = start(thread);
    if (!error && attr->__explicit_sched)
        error = schedule(thread, attr);
    if (!error && attr->__explicit_sched && attr->__detached)
        pthread_detach((pthread_t)thread);
    return error;
}
