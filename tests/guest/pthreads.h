/* What the tests of threads have in common. */
#ifndef TESTS_GUEST_PTHREADS_H
#define TESTS_GUEST_PTHREADS_H

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>

#include "ktap.h"

enum { MANY = 8 };

__attribute__((unused)) static pthread_t start(void *(*run)(void *), void *argument)
{
    pthread_t thread;

    CHECK_EQUAL(pthread_create(&thread, NULL, run, argument), 0);
    return thread;
}

__attribute__((unused)) static void *join(pthread_t thread)
{
    void *result = NULL;

    CHECK_EQUAL(pthread_join(thread, &result), 0);
    return result;
}

__attribute__((unused)) static void run_many(void *(*run)(void *))
{
    pthread_t threads[MANY];

    for (long n = 0; n < MANY; n++)
        threads[n] = start(run, (void *)n);
    for (int n = 0; n < MANY; n++)
        join(threads[n]);
}

__attribute__((unused)) static struct timespec soon(clockid_t clock, long milliseconds)
{
    struct timespec when;

    clock_gettime(clock, &when);
    when.tv_nsec += milliseconds * 1000000;
    when.tv_sec += when.tv_nsec / 1000000000;
    when.tv_nsec %= 1000000000;
    return when;
}

/* The process's size in pages. */
__attribute__((unused)) static long mapped(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    long pages = 0;

    CHECK(file && fscanf(file, "%ld", &pages) == 1);
    fclose(file);
    return pages;
}

__attribute__((unused)) static int open_descriptors(void)
{
    int count = 0;

    for (int fd = 0; fd < 256; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

/* Waits until the flag is set by another thread. */
__attribute__((unused)) static void await(volatile int *flag)
{
    while (!__atomic_load_n(flag, __ATOMIC_ACQUIRE))
        sched_yield();
}

__attribute__((unused)) static void set(volatile int *flag)
{
    __atomic_store_n(flag, 1, __ATOMIC_RELEASE);
}

/* A chance for others to come to where they block. */
__attribute__((unused)) static void linger(void)
{
    ktap_sleep(5);
}

/* What threads of a test tell each other; each test begins with zeros. */
static volatile int ready __attribute__((unused)), done __attribute__((unused)),
    counter __attribute__((unused));

#endif
