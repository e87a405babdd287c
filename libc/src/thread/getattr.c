/* A running thread's attributes. The first thread's stack grows down from where the program's
   arguments lie, as far as its limit lets it. */
#include <sched.h>

#include "thread.h"

#define PAGE_SIZE 4096ul

size_t __thread_default_stack(void);

static void first_stack(pthread_attr_t *attr)
{
    char *end = (char *)(((uintptr_t)__first_stack_end + PAGE_SIZE - 1) & -PAGE_SIZE);

    attr->__stack_size = __thread_default_stack();
    attr->__stack = end - attr->__stack_size;
}

int pthread_getattr_np(pthread_t id, pthread_attr_t *attr)
{
    struct thread *thread = thread_of(id);

    *attr = (pthread_attr_t){.__guard_size = thread->guard_size};
    attr->__detached = __atomic_load_n(&thread->state, __ATOMIC_RELAXED) == THREAD_DETACHED;
    if (thread->mapping) {
        attr->__stack = thread->stack;
        attr->__stack_size = thread->stack_size;
    } else {
        first_stack(attr);
    }
    return pthread_getschedparam(id, &attr->__policy, &attr->__param);
}
