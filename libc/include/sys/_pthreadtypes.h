/* The types of <pthread.h> that <sys/types.h> must have. What is all zero is as good as initialized
   by default. */
#ifndef _SYS__PTHREADTYPES_H_
#define _SYS__PTHREADTYPES_H_

#include <sys/sched.h>

typedef unsigned long pthread_t;
typedef unsigned int pthread_key_t;
typedef int pthread_once_t;
typedef int pthread_spinlock_t;

typedef struct {
    unsigned long __stack_size; /* 0: the default */
    void *__stack;              /* its lowest address, or 0 */
    unsigned long __guard_size;
    struct sched_param __param;
    int __policy;
    int __explicit_sched;
    int __detached;
} pthread_attr_t;

/* A node of the thread's list of robust mutexes, as the kernel walks it. */
struct __pthread_robust {
    struct __pthread_robust *__next;
    struct __pthread_robust *__previous;
};

typedef struct {
    int __word; /* a futex: the owner's number, and the kernel's two flags */
    unsigned int __kind;
    unsigned int __depth;
    struct __pthread_robust __robust;
} pthread_mutex_t;

typedef struct {
    unsigned int __kind;
} pthread_mutexattr_t;

typedef struct {
    unsigned int __sequence; /* a futex */
    int __shared;
    int __clock;
} pthread_cond_t;

typedef struct {
    int __shared;
    int __clock;
} pthread_condattr_t;

typedef struct {
    int __state; /* a futex */
    int __shared;
    int __writer;
} pthread_rwlock_t;

typedef struct {
    int __shared;
} pthread_rwlockattr_t;

typedef struct {
    unsigned int __round;  /* a futex */
    unsigned int __inside; /* a futex */
    unsigned int __arrived;
    unsigned int __count;
    int __shared;
} pthread_barrier_t;

typedef struct {
    int __shared;
} pthread_barrierattr_t;

#endif
