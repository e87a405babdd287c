/* newlib's locks. A stream holds one; the others guard what all threads share (the heap, the
   environment, the list of streams ...) and are defined together in src/thread/locks.c, where fork
   finds them. All of them are recursive. */
#ifndef __SYS_LOCK_H__
#define __SYS_LOCK_H__

struct __libc_lock {
    int __word;    /* a futex: 0 free, 1 taken, 2 taken and perhaps waited for */
    int __depth;   /* the owner's locks over the first */
    void *__owner; /* its thread control block */
};

typedef struct __libc_lock _LOCK_T;
typedef struct __libc_lock _LOCK_RECURSIVE_T;

#ifdef __cplusplus
extern "C" {
#endif
void __libc_lock_acquire(struct __libc_lock *);
int __libc_lock_try(struct __libc_lock *); /* 0 when it is the caller's now */
void __libc_lock_release(struct __libc_lock *);
#ifdef __cplusplus
}
#endif

#define __LOCK_INIT(class, lock)           extern _LOCK_T lock
#define __LOCK_INIT_RECURSIVE(class, lock) extern _LOCK_RECURSIVE_T lock

#define __lock_init(lock)                  ((lock) = (_LOCK_T){0, 0, 0})
#define __lock_init_recursive(lock)        __lock_init(lock)
#define __lock_close(lock)                 ((void)0)
#define __lock_close_recursive(lock)       ((void)0)
#define __lock_acquire(lock)               __libc_lock_acquire(&(lock))
#define __lock_acquire_recursive(lock)     __libc_lock_acquire(&(lock))
#define __lock_try_acquire(lock)           __libc_lock_try(&(lock))
#define __lock_try_acquire_recursive(lock) __libc_lock_try(&(lock))
#define __lock_release(lock)               __libc_lock_release(&(lock))
#define __lock_release_recursive(lock)     __libc_lock_release(&(lock))

#endif
