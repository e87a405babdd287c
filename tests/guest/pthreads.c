/* POSIX threads and semaphores of the libc, and that the rest of it bears several threads. */
#define KTAP_HAS_AGAIN
#include <pthread.h>
#include <semaphore.h>

#include "ktap.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>

enum { MANY = 8 };

static pthread_t start(void *(*run)(void *), void *argument)
{
    pthread_t thread;

    CHECK_EQUAL(pthread_create(&thread, NULL, run, argument), 0);
    return thread;
}

static void *join(pthread_t thread)
{
    void *result = NULL;

    CHECK_EQUAL(pthread_join(thread, &result), 0);
    return result;
}

static void run_many(void *(*run)(void *))
{
    pthread_t threads[MANY];

    for (long n = 0; n < MANY; n++)
        threads[n] = start(run, (void *)n);
    for (int n = 0; n < MANY; n++)
        join(threads[n]);
}

static struct timespec soon(clockid_t clock, long milliseconds)
{
    struct timespec when;

    clock_gettime(clock, &when);
    when.tv_nsec += milliseconds * 1000000;
    when.tv_sec += when.tv_nsec / 1000000000;
    when.tv_nsec %= 1000000000;
    return when;
}

/* The process's size in pages. */
static long mapped(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    long pages = 0;

    CHECK(file && fscanf(file, "%ld", &pages) == 1);
    fclose(file);
    return pages;
}

static int open_descriptors(void)
{
    int count = 0;

    for (int fd = 0; fd < 256; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

/* Waits until the flag is set by another thread. */
static void await(volatile int *flag)
{
    while (!__atomic_load_n(flag, __ATOMIC_ACQUIRE))
        sched_yield();
}

static void set(volatile int *flag)
{
    __atomic_store_n(flag, 1, __ATOMIC_RELEASE);
}

/* A chance for others to come to where they block. */
static void linger(void)
{
    ktap_sleep(5);
}

static volatile int ready, done, counter;

/* ---- what POSIX declares ---- */

static const struct {
    int (*create)(pthread_t *restrict, const pthread_attr_t *restrict, void *(*)(void *),
                  void *restrict);
    int (*join)(pthread_t, void **);
    void (*exit)(void *);
    int (*once)(pthread_once_t *, void (*)(void));
    int (*key)(pthread_key_t *, void (*)(void *));
    int (*timedwait)(pthread_cond_t *restrict, pthread_mutex_t *restrict,
                     const struct timespec *restrict);
    int (*rwlock)(pthread_rwlock_t *restrict, const struct timespec *restrict);
    int (*barrier)(pthread_barrier_t *restrict, const pthread_barrierattr_t *restrict, unsigned);
    int (*spin)(pthread_spinlock_t *, int);
    int (*atfork)(void (*)(void), void (*)(void), void (*)(void));
    int (*sigmask)(int, const sigset_t *restrict, sigset_t *restrict);
    int (*robust)(const pthread_mutexattr_t *restrict, int *restrict);
    int (*stack)(const pthread_attr_t *restrict, void **restrict, size_t *restrict);
    sem_t *(*open)(const char *, int, ...);
    int (*sem)(sem_t *restrict, const struct timespec *restrict);
} declared = {pthread_create,
              pthread_join,
              pthread_exit,
              pthread_once,
              pthread_key_create,
              pthread_cond_timedwait,
              pthread_rwlock_timedwrlock,
              pthread_barrier_init,
              pthread_spin_init,
              pthread_atfork,
              pthread_sigmask,
              pthread_mutexattr_getrobust,
              pthread_attr_getstack,
              sem_open,
              sem_timedwait};

TEST(declarations, "headers declare what POSIX says, and sysconf tells that it is there")
{
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
    static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;

    CHECK(declared.create && declared.sem);
    CHECK(sysconf(_SC_THREADS) >= 200809 && sysconf(_SC_SEMAPHORES) >= 200809);
    CHECK(sysconf(_SC_THREAD_KEYS_MAX) >= 128 && sysconf(_SC_THREAD_STACK_MIN) > 0);
    CHECK(PTHREAD_DESTRUCTOR_ITERATIONS >= 4 && PTHREAD_CANCELED != NULL);
    CHECK(pthread_mutex_lock(&mutex) == 0 && pthread_mutex_unlock(&mutex) == 0);
    CHECK(pthread_cond_signal(&cond) == 0 && pthread_cond_broadcast(&cond) == 0);
    CHECK(pthread_rwlock_rdlock(&lock) == 0 && pthread_rwlock_unlock(&lock) == 0);
}

/* ---- threads ---- */

static __thread int own = 17;

static void *look_at_own(void *argument)
{
    pthread_t *self = argument;

    if (own != 17 || errno != 0)
        return "not fresh";
    own = 5;
    errno = ERANGE;
    close(-1);
    *self = pthread_self();
    return errno == EBADF ? NULL : "errno";
}

TEST(storage, "errno, variables of __thread and pthread_self are each thread's own")
{
    pthread_t seen, thread;

    errno = EDOM;
    thread = start(look_at_own, &seen);
    void *wrong = NULL;
    if (pthread_join(thread, &wrong) || wrong)
        FAIL("%s", (char *)wrong);
    if (errno != EDOM)
        FAIL("another thread changed errno");
    CHECK_EQUAL(own, 17);
    CHECK(pthread_equal(seen, thread) && !pthread_equal(seen, pthread_self()));
}

static void *give_back(void *argument)
{
    return argument;
}

static void *leave_with(void *argument)
{
    pthread_exit(argument);
}

static void *wait_for_done(void *argument)
{
    await(&done);
    return argument;
}

TEST(joining, "join waits and tells the result; refuses itself, detached ones and past deadlines")
{
    struct timespec when;
    void *result;

    CHECK_EQUAL(join(start(give_back, (void *)42)), 42);
    CHECK_EQUAL(join(start(leave_with, (void *)43)), 43);
    CHECK_EQUAL(pthread_join(pthread_self(), NULL), EDEADLK);
    pthread_t thread = start(wait_for_done, (void *)44);
    CHECK_EQUAL(pthread_tryjoin_np(thread, &result), EBUSY);
    when = soon(CLOCK_REALTIME, 20);
    CHECK_EQUAL(pthread_timedjoin_np(thread, &result, &when), ETIMEDOUT);
    set(&done);
    CHECK_EQUAL(join(thread), 44);
    thread = start(give_back, (void *)45);
    while (pthread_tryjoin_np(thread, &result))
        sched_yield();
    CHECK_EQUAL(result, 45);
    done = 0;
    thread = start(wait_for_done, NULL);
    CHECK_EQUAL(pthread_detach(thread), 0);
    CHECK_EQUAL(pthread_join(thread, NULL), EINVAL);
    CHECK_EQUAL(pthread_detach(thread), EINVAL);
    set(&done);
}

static void *count(void *argument)
{
    __atomic_add_fetch(&counter, 1, __ATOMIC_SEQ_CST);
    return argument;
}

TEST(memory, "joined and detached threads leave no memory behind")
{
    pthread_attr_t attr;
    pthread_t thread;

    for (int n = 0; n < 20; n++)
        join(start(count, NULL));
    long before = mapped();
    for (int n = 0; n < 100; n++)
        join(start(count, NULL));
    CHECK_EQUAL(mapped(), before);
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    for (int n = 0; n < 100; n++)
        CHECK_EQUAL(pthread_create(&thread, &attr, count, NULL), 0);
    for (int n = 0; n < 50; n++)
        CHECK_EQUAL(pthread_detach(start(count, NULL)), 0);
    while (counter < 270 || mapped() != before)
        sched_yield();
}

static void *look_at_stack(void *argument)
{
    pthread_attr_t attr;
    void *stack;
    size_t size, guard;
    int detached;

    if (pthread_getattr_np(pthread_self(), &attr))
        return "getattr";
    pthread_attr_getstack(&attr, &stack, &size);
    pthread_attr_getguardsize(&attr, &guard);
    pthread_attr_getdetachstate(&attr, &detached);
    if ((char *)&attr < (char *)stack || (char *)&attr >= (char *)stack + size)
        return "not on that stack";
    if (detached != PTHREAD_CREATE_JOINABLE)
        return "detached";
    *(size_t *)argument = size + guard;
    return NULL;
}

TEST(stacks, "size, place and guard of a stack are what was asked for")
{
    static char place[65536] __attribute__((aligned(4096)));
    pthread_attr_t attr;
    pthread_t thread;
    size_t size;
    void *stack;

    CHECK_EQUAL(pthread_attr_init(&attr), 0);
    CHECK_EQUAL(pthread_attr_setstacksize(&attr, 1), EINVAL);
    CHECK_EQUAL(pthread_attr_setstacksize(&attr, 200 << 10), 0);
    CHECK_EQUAL(pthread_attr_setguardsize(&attr, 5000), 0);
    CHECK_EQUAL(pthread_create(&thread, &attr, look_at_stack, &size), 0);
    if ((stack = join(thread)))
        FAIL("%s", (char *)stack);
    CHECK_EQUAL(size, (200 << 10) + 8192);
    CHECK_EQUAL(pthread_attr_setstack(&attr, place, sizeof(place)), 0);
    CHECK(pthread_attr_getstack(&attr, &stack, &size) == 0 && stack == place &&
          size == sizeof(place));
    CHECK_EQUAL(pthread_create(&thread, &attr, look_at_stack, &size), 0);
    CHECK(join(thread) == NULL && size == sizeof(place));
    CHECK(look_at_stack(&size) == NULL);
    CHECK_EQUAL(pthread_attr_destroy(&attr), 0);
}

static int deepen(volatile char *above)
{
    volatile char here[1024];

    here[0] = above ? above[0] : 1;
    return done ? 0 : deepen(here) + here[0];
}

static void *overflow(void *argument)
{
    deepen(argument);
    return NULL;
}

TEST(guard, "a stack that overflows hits its guard")
{
    int status;

    pid_t pid = CHILD(join(start(overflow, NULL)));
    CHECK_EQUAL(waitpid(pid, &status, 0), pid);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

static void *join_first(void *first)
{
    void *result;

    if (pthread_join((pthread_t)first, &result) || result != (void *)7)
        _exit(KTAP_FAILED);
    printf("second\n");
    return NULL;
}

static void *end_process(void *argument)
{
    printf("thread\n");
    exit((int)(long)argument);
}

AGAIN
{
    if (argc && !strcmp(argv[0], "leave")) {
        printf("first\n");
        start(join_first, (void *)pthread_self());
        pthread_exit((void *)7);
    }
    if (argc && !strcmp(argv[0], "exit")) {
        join(start(end_process, (void *)5));
        return KTAP_FAILED;
    }
    return KTAP_FAILED;
}

/* What the program says, run anew. */
static int again(const char *what, char *text, size_t size)
{
    char command[PATH_MAX + 32];

    snprintf(command, sizeof(command), "%s --again %s", ktap_self, what);
    FILE *stream = popen(command, "r");
    text[fread(text, 1, size - 1, stream)] = '\0';
    return pclose(stream);
}

TEST(last_thread, "the process ends with its last thread, or with exit in any; streams are flushed")
{
    char text[100];

    CHECK_EQUAL(again("leave", text, sizeof(text)), 0);
    CHECK_STRING(text, "first\nsecond\n");
    CHECK_EQUAL(again("exit", text, sizeof(text)), 5 << 8);
    CHECK_STRING(text, "thread\n");
}

static void *read_line(void *argument)
{
    char line[10];

    set(&ready);
    fgets(line, sizeof(line), argument);
    return NULL;
}

TEST(exit_beside_reader, "exit does not wait for a thread that reads a stream")
{
    int in[2], out[2], status;
    char text[10] = "";

    CHECK(pipe(in) == 0 && pipe(out) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(out[1], STDOUT_FILENO);
        printf("kept");
        start(read_line, fdopen(in[0], "r"));
        await(&ready);
        linger();
        exit(0);
    }
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    CHECK(read(out[0], text, 9) == 4);
    CHECK_STRING(text, "kept");
}

TEST(no_memory, "no room for a stack is EAGAIN")
{
    struct rlimit limit = {256 << 20, 256 << 20};
    pthread_attr_t attr;
    pthread_t thread;

    CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, 1ul << 30);
    CHECK_EQUAL(pthread_create(&thread, &attr, count, NULL), EAGAIN);
    pthread_attr_setstacksize(&attr, SIZE_MAX - 4096);
    CHECK_EQUAL(pthread_create(&thread, &attr, count, NULL), EAGAIN);
    join(start(count, NULL));
    CHECK_EQUAL(counter, 1);
}

static void *tell_policy(void *argument)
{
    struct sched_param param;
    int policy = -1;

    (void)argument;
    pthread_getschedparam(pthread_self(), &policy, &param);
    return (void *)(long)(policy * 100 + param.sched_priority);
}

TEST(scheduling,
     "a policy is inherited, or given; names, processors and clocks are known by thread")
{
    struct sched_param param = {.sched_priority = 3};
    char name[16];
    pthread_attr_t attr;
    pthread_t thread;
    clockid_t clock;
    struct timespec used;
    cpu_set_t processors;

    CHECK_EQUAL(join(start(tell_policy, NULL)), SCHED_OTHER);
    pthread_attr_init(&attr);
    CHECK(pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED) == 0 &&
          pthread_attr_setschedpolicy(&attr, SCHED_RR) == 0 &&
          pthread_attr_setschedparam(&attr, &param) == 0);
    int error = pthread_create(&thread, &attr, tell_policy, NULL);
    if (error)
        CHECK_EQUAL(error, EPERM);
    else
        CHECK_EQUAL(join(thread), SCHED_RR * 100 + 3);
    CHECK_EQUAL(pthread_attr_setscope(&attr, PTHREAD_SCOPE_PROCESS), ENOTSUP);
    thread = start(wait_for_done, NULL);
    CHECK_EQUAL(pthread_setname_np(thread, "a name that is too long"), ERANGE);
    CHECK(pthread_setname_np(thread, "worker") == 0 && pthread_getname_np(thread, name, 16) == 0);
    CHECK_STRING(name, "worker");
    CHECK(pthread_setname_np(pthread_self(), "self") == 0 &&
          pthread_getname_np(pthread_self(), name, 16) == 0);
    CHECK_STRING(name, "self");
    CHECK(pthread_getaffinity_np(thread, sizeof(processors), &processors) == 0 &&
          pthread_setaffinity_np(thread, sizeof(processors), &processors) == 0);
    CHECK(pthread_getcpuclockid(thread, &clock) == 0 && clock_gettime(clock, &used) == 0);
    set(&done);
    join(thread);
}

/* ---- values and once ---- */

static pthread_key_t key, other_key;

static void destroy(void *value)
{
    counter = counter + 1;
    if ((long)value > 1)
        pthread_setspecific(key, (char *)value - 1);
}

static void *hold_value(void *argument)
{
    if (pthread_getspecific(key))
        return "another thread's";
    pthread_setspecific(key, argument);
    pthread_setspecific(other_key, argument);
    return pthread_getspecific(key) == argument ? NULL : "lost";
}

TEST(values, "each thread has its own, destroyed at its end; a new key has none")
{
    pthread_key_t keys[PTHREAD_KEYS_MAX + 1];
    int made = 0;

    CHECK(pthread_key_create(&key, destroy) == 0 && pthread_key_create(&other_key, NULL) == 0);
    CHECK(pthread_setspecific(key, (void *)1) == 0);
    CHECK(join(start(hold_value, (void *)3)) == NULL);
    CHECK_EQUAL(counter, 3);
    CHECK(join(start(hold_value, (void *)100)) == NULL);
    CHECK_EQUAL(counter, 3 + PTHREAD_DESTRUCTOR_ITERATIONS);
    CHECK_EQUAL(pthread_getspecific(key), 1);
    CHECK_EQUAL(pthread_key_delete(key), 0);
    CHECK_EQUAL(pthread_key_delete(key), EINVAL);
    CHECK_EQUAL(pthread_setspecific(key, NULL), EINVAL);
    while (made <= PTHREAD_KEYS_MAX && pthread_key_create(&keys[made], NULL) == 0)
        CHECK(pthread_getspecific(keys[made++]) == NULL);
    CHECK(made >= PTHREAD_KEYS_MAX - 2 && made <= PTHREAD_KEYS_MAX);
}

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void count_once(void)
{
    linger();
    counter = counter + 1;
}

static void *do_once(void *argument)
{
    pthread_once(&once, count_once);
    return counter == 1 ? argument : "not yet";
}

static void *see_once(void *argument)
{
    (void)argument;
    if (do_once(NULL))
        _exit(KTAP_FAILED);
    return NULL;
}

static void sleep_once(void)
{
    set(&ready);
    if (!done)
        pause();
    counter = counter + 1;
}

static void *slow_once(void *argument)
{
    pthread_once(&once, sleep_once);
    return argument;
}

TEST(once_only, "one of many runs the function, the others wait; a cancelled one was none")
{
    run_many(see_once);
    CHECK_EQUAL(counter, 1);
    once = PTHREAD_ONCE_INIT;
    pthread_t first = start(slow_once, NULL);
    await(&ready);
    pthread_t second = start(slow_once, NULL);
    linger();
    done = 1;
    CHECK_EQUAL(pthread_cancel(first), 0);
    CHECK(join(first) == PTHREAD_CANCELED && join(second) == NULL);
    CHECK_EQUAL(counter, 2);
}

/* ---- mutexes ---- */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;

static void *count_locked(void *argument)
{
    for (int n = 0; n < 2000; n++) {
        pthread_mutex_lock(&mutex);
        counter = counter + 1;
        if (n % 64 == 0)
            sched_yield();
        pthread_mutex_unlock(&mutex);
    }
    return argument;
}

TEST(exclusion, "no count is lost under a mutex")
{
    run_many(count_locked);
    CHECK_EQUAL(counter, MANY * 2000);
}

static void make_mutex(pthread_mutex_t *made, int type, int robust, int shared)
{
    pthread_mutexattr_t attr;

    CHECK(pthread_mutexattr_init(&attr) == 0 && pthread_mutexattr_settype(&attr, type) == 0 &&
          pthread_mutexattr_setrobust(&attr, robust) == 0 &&
          pthread_mutexattr_setpshared(&attr, shared) == 0);
    CHECK_EQUAL(pthread_mutex_init(made, &attr), 0);
}

static void *try_others(void *argument)
{
    pthread_mutex_t *others = argument;

    if (pthread_mutex_unlock(others) != EPERM)
        return "unlocked another's";
    return pthread_mutex_trylock(others) == EBUSY ? NULL : "locked another's";
}

TEST(mutex_types, "recursive ones count, checking ones refuse, all of them know a deadline")
{
    struct timespec when = soon(CLOCK_REALTIME, 20);
    pthread_mutexattr_t attr;
    pthread_mutex_t one;
    int type;

    make_mutex(&one, PTHREAD_MUTEX_RECURSIVE, 0, 0);
    CHECK(pthread_mutex_lock(&one) == 0 && pthread_mutex_lock(&one) == 0 &&
          pthread_mutex_trylock(&one) == 0);
    CHECK(pthread_mutex_unlock(&one) == 0 && pthread_mutex_unlock(&one) == 0);
    CHECK(join(start(try_others, &one)) == NULL);
    CHECK_EQUAL(pthread_mutex_destroy(&one), EBUSY);
    CHECK(pthread_mutex_unlock(&one) == 0 && pthread_mutex_unlock(&one) == EPERM);
    CHECK_EQUAL(pthread_mutex_destroy(&one), 0);
    make_mutex(&one, PTHREAD_MUTEX_ERRORCHECK, 0, 0);
    CHECK(pthread_mutex_lock(&one) == 0 && pthread_mutex_lock(&one) == EDEADLK &&
          pthread_mutex_trylock(&one) == EBUSY);
    CHECK(join(start(try_others, &one)) == NULL);
    CHECK(pthread_mutex_unlock(&one) == 0 && pthread_mutex_unlock(&one) == EPERM);
    make_mutex(&one, PTHREAD_MUTEX_NORMAL, 0, 0);
    CHECK(pthread_mutex_lock(&one) == 0 && pthread_mutex_trylock(&one) == EBUSY);
    CHECK_EQUAL(pthread_mutex_timedlock(&one, &when), ETIMEDOUT);
    when = soon(CLOCK_MONOTONIC, 20);
    CHECK_EQUAL(pthread_mutex_clocklock(&one, CLOCK_MONOTONIC, &when), ETIMEDOUT);
    when.tv_nsec = -1;
    CHECK_EQUAL(pthread_mutex_timedlock(&one, &when), EINVAL);
    pthread_mutexattr_init(&attr);
    CHECK(pthread_mutexattr_gettype(&attr, &type) == 0 && type == PTHREAD_MUTEX_DEFAULT);
    CHECK_EQUAL(pthread_mutexattr_settype(&attr, 9), EINVAL);
    CHECK_EQUAL(pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_NONE), 0);
}

static void *lock_and_end(void *argument)
{
    pthread_mutex_lock(argument);
    pthread_mutex_lock((pthread_mutex_t *)argument + 1);
    pthread_mutex_unlock(argument);
    pthread_mutex_lock(argument);
    return NULL;
}

TEST(robust_mutexes, "the next owner is told that the last one died, and may repair or not")
{
    pthread_mutex_t *robust =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    make_mutex(&robust[0], PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_ROBUST, 1);
    make_mutex(&robust[1], PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_ROBUST, 1);
    for (int way = 0; way < 3; way++) {
        pthread_t thread;
        if (way < 2)
            thread = start(lock_and_end, robust);
        if (way == 0)
            join(thread);
        else if (way == 1)
            pthread_detach(thread);
        else
            CHECK_CHILD(CHILD(lock_and_end(robust)));
        while (way == 1 && pthread_mutex_trylock(&robust[1]) == 0)
            pthread_mutex_unlock(&robust[1]);
        if (way != 1)
            CHECK_EQUAL(pthread_mutex_lock(&robust[1]), EOWNERDEAD);
        CHECK_EQUAL(pthread_mutex_lock(&robust[0]), EOWNERDEAD);
        CHECK_EQUAL(pthread_mutex_consistent(&robust[0]), 0);
        pthread_mutex_consistent(&robust[1]);
        CHECK(pthread_mutex_unlock(&robust[0]) == 0);
        pthread_mutex_unlock(&robust[1]);
        CHECK(pthread_mutex_lock(&robust[0]) == 0 && pthread_mutex_unlock(&robust[0]) == 0);
    }
    CHECK_EQUAL(pthread_mutex_consistent(&robust[0]), EINVAL);
    join(start(lock_and_end, robust));
    CHECK_EQUAL(pthread_mutex_lock(&robust[0]), EOWNERDEAD);
    CHECK_EQUAL(pthread_mutex_unlock(&robust[0]), 0);
    CHECK_EQUAL(pthread_mutex_lock(&robust[0]), ENOTRECOVERABLE);
    CHECK_EQUAL(pthread_mutex_trylock(&robust[0]), ENOTRECOVERABLE);
}

static void *wait_for_robust(void *argument)
{
    set(&ready);
    return (void *)(long)pthread_mutex_lock(argument);
}

static void *lock_until_done(void *argument)
{
    pthread_mutex_lock(argument);
    set(&ready);
    await(&done);
    return NULL;
}

TEST(robust_waiters, "one that waits is woken by the owner's end")
{
    pthread_mutex_t robust;

    make_mutex(&robust, PTHREAD_MUTEX_ERRORCHECK, PTHREAD_MUTEX_ROBUST, 0);
    pthread_t owner = start(lock_until_done, &robust);
    await(&ready);
    ready = 0;
    pthread_t waiter = start(wait_for_robust, &robust);
    await(&ready);
    linger();
    set(&done);
    join(owner);
    CHECK_EQUAL(join(waiter), EOWNERDEAD);
}

/* ---- condition variables ---- */

static int turn;

static void *play(void *argument)
{
    int me = (int)(long)argument;

    for (int n = 0; n < 2000; n++) {
        pthread_mutex_lock(&mutex);
        while (turn != me)
            pthread_cond_wait(&cond, &mutex);
        turn = !me;
        pthread_cond_signal(&cond);
        pthread_mutex_unlock(&mutex);
    }
    return NULL;
}

TEST(ping_pong, "two threads take turns by a condition variable")
{
    pthread_t one = start(play, (void *)1);

    play((void *)0);
    join(one);
    CHECK_EQUAL(turn, 0);
}

static void *wait_for_turn(void *argument)
{
    pthread_mutex_lock(&mutex);
    counter = counter + 1;
    while (!turn)
        pthread_cond_wait(&cond, &mutex);
    counter = counter - 1;
    pthread_mutex_unlock(&mutex);
    return argument;
}

TEST(broadcasting, "a broadcast wakes all that wait")
{
    pthread_t threads[MANY];

    for (int round = 0; round < 50; round++) {
        turn = 0;
        for (int n = 0; n < MANY; n++)
            threads[n] = start(wait_for_turn, NULL);
        while (__atomic_load_n(&counter, __ATOMIC_RELAXED) < MANY)
            sched_yield();
        pthread_mutex_lock(&mutex);
        turn = 1;
        pthread_cond_broadcast(&cond);
        pthread_mutex_unlock(&mutex);
        for (int n = 0; n < MANY; n++)
            join(threads[n]);
        CHECK_EQUAL(counter, 0);
    }
}

TEST(deadlines, "a wait ends at its time, by the clock of the attributes")
{
    static const clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC};
    pthread_condattr_t attr;
    pthread_cond_t timed;
    clockid_t clock;

    CHECK_EQUAL(pthread_condattr_init(&attr), 0);
    CHECK(pthread_condattr_getclock(&attr, &clock) == 0 && clock == CLOCK_REALTIME);
    CHECK_EQUAL(pthread_condattr_setclock(&attr, CLOCK_PROCESS_CPUTIME_ID), EINVAL);
    pthread_mutex_lock(&mutex);
    for (int n = 0; n < 2; n++) {
        CHECK(pthread_condattr_setclock(&attr, clocks[n]) == 0 &&
              pthread_cond_init(&timed, &attr) == 0);
        struct timespec when = soon(clocks[n], 30), now;
        int error;
        while ((error = pthread_cond_timedwait(&timed, &mutex, &when)) == 0)
            continue;
        CHECK_EQUAL(error, ETIMEDOUT);
        clock_gettime(clocks[n], &now);
        CHECK(now.tv_sec > when.tv_sec ||
              (now.tv_sec == when.tv_sec && now.tv_nsec >= when.tv_nsec));
        when.tv_nsec = 1000000000;
        CHECK_EQUAL(pthread_cond_timedwait(&timed, &mutex, &when), EINVAL);
        CHECK_EQUAL(pthread_cond_destroy(&timed), 0);
    }
    CHECK_EQUAL(pthread_mutex_trylock(&mutex), EBUSY);
}

static void unlock(void *argument)
{
    /* It is locked by this thread, so this fails but for the owner. */
    counter = counter + (pthread_mutex_unlock(argument) == 0);
}

static pthread_mutex_t checked = PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP;

static void *wait_checked(void *argument)
{
    pthread_mutex_lock(&checked);
    pthread_cleanup_push(unlock, &checked);
    ready = ready + 1;
    while (!turn)
        pthread_cond_wait(&cond, &checked);
    turn = 0;
    pthread_cleanup_pop(1);
    return argument;
}

TEST(cancelled_waits, "a cancelled wait has the mutex again, and takes no signal from another")
{
    for (int n = 0; n < 200; n++) {
        ready = turn = counter = 0;
        pthread_t victim = start(wait_checked, NULL), other = start(wait_checked, NULL);
        for (int waiting = 0; waiting < 2; sched_yield()) {
            pthread_mutex_lock(&checked);
            waiting = ready;
            pthread_mutex_unlock(&checked);
        }
        pthread_mutex_lock(&checked);
        turn = 1;
        if (n % 2)
            CHECK_EQUAL(pthread_cancel(victim), 0);
        pthread_cond_signal(&cond);
        pthread_mutex_unlock(&checked);
        if (n % 2 == 0)
            CHECK_EQUAL(pthread_cancel(victim), 0);
        if (join(victim) != PTHREAD_CANCELED) {
            /* It was the one that was woken. */
            CHECK_EQUAL(pthread_cancel(other), 0);
        }
        join(other);
        CHECK_EQUAL(counter, 2);
    }
}

/* ---- other locks ---- */

static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
static int pair[2];

static void *read_and_write(void *argument)
{
    for (int n = 0; n < 500; n++)
        if ((n + (long)argument) % 5 == 0) {
            pthread_rwlock_wrlock(&lock);
            pair[0]++;
            sched_yield();
            pair[1]++;
            pthread_rwlock_unlock(&lock);
        } else {
            pthread_rwlock_rdlock(&lock);
            if (pair[0] != pair[1])
                _exit(KTAP_FAILED);
            pthread_rwlock_unlock(&lock);
        }
    return NULL;
}

static void *read_beside(void *argument)
{
    int error = pthread_rwlock_tryrdlock(argument);

    return (void *)(long)(error ? error : pthread_rwlock_unlock(argument));
}

static void *write_beside(void *argument)
{
    struct timespec when = soon(CLOCK_REALTIME, 10);

    if (pthread_rwlock_trywrlock(argument) != EBUSY)
        return (void *)1;
    return (void *)(long)pthread_rwlock_timedwrlock(argument, &when);
}

TEST(readers_and_writers, "readers are together, a writer is alone")
{
    pthread_rwlock_t one;

    run_many(read_and_write);
    CHECK_EQUAL(pair[0], MANY * 100);
    CHECK(pthread_rwlock_init(&one, NULL) == 0 && pthread_rwlock_rdlock(&one) == 0 &&
          pthread_rwlock_rdlock(&one) == 0);
    CHECK_EQUAL(join(start(read_beside, &one)), 0);
    CHECK_EQUAL(join(start(write_beside, &one)), ETIMEDOUT);
    CHECK(pthread_rwlock_unlock(&one) == 0 && pthread_rwlock_unlock(&one) == 0);
    CHECK(pthread_rwlock_wrlock(&one) == 0 && pthread_rwlock_wrlock(&one) == EDEADLK &&
          pthread_rwlock_rdlock(&one) == EDEADLK);
    CHECK_EQUAL(join(start(read_beside, &one)), EBUSY);
    CHECK(pthread_rwlock_unlock(&one) == 0 && pthread_rwlock_destroy(&one) == 0);
}

static pthread_barrier_t *barrier;
static int arrived[100];

static void *meet(void *argument)
{
    for (int round = 0; round < 100; round++) {
        __atomic_add_fetch(&arrived[round], 1, __ATOMIC_SEQ_CST);
        int result = pthread_barrier_wait(barrier);
        if (arrived[round] != MANY)
            _exit(KTAP_FAILED);
        if (result == PTHREAD_BARRIER_SERIAL_THREAD)
            __atomic_add_fetch(&counter, 1, __ATOMIC_SEQ_CST);
    }
    if (pthread_barrier_wait(barrier) == PTHREAD_BARRIER_SERIAL_THREAD) {
        pthread_barrier_destroy(barrier);
        memset(barrier, 0x55, sizeof(*barrier));
        free(barrier);
    }
    return argument;
}

TEST(barriers, "all meet in each round, one is told apart and may destroy it")
{
    barrier = malloc(sizeof(*barrier));
    CHECK_EQUAL(pthread_barrier_init(barrier, NULL, 0), EINVAL);
    CHECK_EQUAL(pthread_barrier_init(barrier, NULL, MANY), 0);
    run_many(meet);
    CHECK_EQUAL(counter, 100);
}

static pthread_spinlock_t spin;

static void *count_spinning(void *argument)
{
    for (int n = 0; n < 1000; n++) {
        pthread_spin_lock(&spin);
        counter = counter + 1;
        pthread_spin_unlock(&spin);
    }
    return argument;
}

TEST(spinning, "spin locks exclude")
{
    CHECK_EQUAL(pthread_spin_init(&spin, PTHREAD_PROCESS_PRIVATE), 0);
    run_many(count_spinning);
    CHECK_EQUAL(counter, MANY * 1000);
    CHECK(pthread_spin_lock(&spin) == 0 && pthread_spin_trylock(&spin) == EBUSY);
}

/* ---- semaphores ---- */

static sem_t items, places;

static void *produce(void *argument)
{
    for (int n = 0; n < 1000; n++) {
        sem_wait(&places);
        __atomic_add_fetch(&turn, 1, __ATOMIC_SEQ_CST);
        sem_post(&items);
    }
    return argument;
}

static void *consume(void *argument)
{
    for (int n = 0; n < 1000; n++) {
        while (sem_wait(&items) < 0)
            continue;
        if (__atomic_fetch_sub(&turn, 1, __ATOMIC_SEQ_CST) > 4)
            _exit(KTAP_FAILED);
        sem_post(&places);
    }
    return argument;
}

static void *produce_or_consume(void *argument)
{
    return (long)argument % 2 ? produce(argument) : consume(argument);
}

static void ignore(int sig)
{
    (void)sig;
}

TEST(semaphores, "they count, wait, know deadlines, signals and their bounds")
{
    struct timespec when = soon(CLOCK_REALTIME, 20);
    struct sigaction action = {.sa_handler = ignore};
    int value;

    CHECK(sem_init(&items, 0, 0) == 0 && sem_init(&places, 0, 4) == 0);
    run_many(produce_or_consume);
    CHECK(sem_getvalue(&items, &value) == 0 && value == 0 && turn == 0);
    CHECK_ERROR(sem_trywait(&items), EAGAIN);
    CHECK_ERROR(sem_timedwait(&items, &when), ETIMEDOUT);
    when.tv_nsec = -1;
    CHECK_ERROR(sem_timedwait(&items, &when), EINVAL);
    CHECK_ERROR(sem_init(&items, 0, SEM_VALUE_MAX + 1u), EINVAL);
    CHECK_EQUAL(sem_init(&items, 0, SEM_VALUE_MAX), 0);
    CHECK_ERROR(sem_post(&items), EOVERFLOW);
    CHECK_EQUAL(sem_init(&items, 0, 0), 0);
    sigaction(SIGALRM, &action, NULL);
    ualarm(10000, 0);
    CHECK_ERROR(sem_wait(&items), EINTR);
    CHECK(sem_destroy(&items) == 0);
}

TEST(named_semaphores, "processes meet by a name")
{
    char name[40], gone[] = "/ktap.none";
    int value;

    if (access("/dev/shm", W_OK) < 0)
        SKIP("no /dev/shm");
    snprintf(name, sizeof(name), "/ktap.%d", (int)getpid());
    sem_unlink(name);
    CHECK(sem_open(gone, 0) == SEM_FAILED && errno == ENOENT);
    CHECK(sem_open("/a/b", O_CREAT, 0600, 1) == SEM_FAILED && errno == EINVAL);
    sem_t *sem = sem_open(name, O_CREAT | O_EXCL, 0600, 1);
    CHECK(sem != SEM_FAILED);
    CHECK(sem_open(name, O_CREAT | O_EXCL, 0600, 1) == SEM_FAILED && errno == EEXIST);
    CHECK(sem_open(name, O_CREAT, 0600, 9) == sem && sem_close(sem) == 0);
    CHECK(sem_getvalue(sem, &value) == 0 && value == 1);
    pid_t pid = CHILD(sem_t *mine = sem_open(name, 0); CHECK(mine != SEM_FAILED);
                      CHECK(sem_wait(mine) == 0 && sem_wait(mine) == 0));
    linger();
    CHECK_EQUAL(sem_post(sem), 0);
    CHECK_CHILD(pid);
    CHECK(sem_unlink(name) == 0 && sem_close(sem) == 0);
    CHECK_ERROR(sem_unlink(name), ENOENT);
}

TEST(shared_objects, "mutexes, conditions, barriers and semaphores work between processes")
{
    struct {
        pthread_mutex_t mutex;
        pthread_cond_t cond;
        pthread_barrier_t barrier;
        sem_t sem;
        int turn;
    } *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pthread_condattr_t cond_attr;
    pthread_barrierattr_t barrier_attr;

    make_mutex(&shared->mutex, PTHREAD_MUTEX_NORMAL, 0, 1);
    pthread_condattr_init(&cond_attr);
    pthread_condattr_setpshared(&cond_attr, PTHREAD_PROCESS_SHARED);
    pthread_cond_init(&shared->cond, &cond_attr);
    pthread_barrierattr_init(&barrier_attr);
    pthread_barrierattr_setpshared(&barrier_attr, PTHREAD_PROCESS_SHARED);
    pthread_barrier_init(&shared->barrier, &barrier_attr, 2);
    CHECK_EQUAL(sem_init(&shared->sem, 1, 0), 0);
    pid_t pid = fork();
    for (int n = 0; n < 500; n++) {
        pthread_mutex_lock(&shared->mutex);
        while (shared->turn != (pid == 0))
            pthread_cond_wait(&shared->cond, &shared->mutex);
        shared->turn = !shared->turn;
        pthread_cond_signal(&shared->cond);
        pthread_mutex_unlock(&shared->mutex);
        pthread_barrier_wait(&shared->barrier);
    }
    if (pid == 0) {
        sem_wait(&shared->sem);
        _exit(0);
    }
    sem_post(&shared->sem);
    CHECK_CHILD(pid);
}

/* ---- cancellation ---- */

static int ends[2];
static char order[8];

static void note(void *argument)
{
    strcat(order, argument);
}

static void *block_in_read(void *argument)
{
    char c;

    pthread_cleanup_push(note, "a");
    pthread_cleanup_push(note, "b");
    pthread_cleanup_push(note, "c");
    pthread_cleanup_pop(0);
    set(&ready);
    read(ends[0], &c, 1);
    pthread_cleanup_pop(1);
    pthread_cleanup_pop(1);
    return argument;
}

TEST(cancelling, "a thread that blocks in read is cancelled, its handlers run from the last one on")
{
    CHECK(pipe(ends) == 0);
    pthread_t thread = start(block_in_read, NULL);
    await(&ready);
    linger();
    CHECK_EQUAL(pthread_cancel(thread), 0);
    CHECK(join(thread) == PTHREAD_CANCELED);
    CHECK_STRING(order, "ba");
}

static void *block(void *argument)
{
    struct pollfd pollfd = {ends[0], POLLIN, 0};
    struct timespec long_time = {1000, 0};
    fd_set set;
    char c;

    ready = 1;
    switch ((long)argument) {
    case 0:
        poll(&pollfd, 1, -1);
        break;
    case 1:
        nanosleep(&long_time, NULL);
        break;
    case 2:
        pause();
        break;
    case 3:
        waitpid(-1, NULL, 0);
        break;
    case 4:
        sem_wait(&items);
        break;
    case 5:
        pthread_mutex_lock(&mutex);
        for (;;)
            pthread_cond_wait(&cond, &mutex);
    case 6:
        pthread_join((pthread_t)turn, NULL);
        break;
    case 7:
        FD_ZERO(&set);
        FD_SET(ends[0], &set);
        select(ends[0] + 1, &set, NULL, NULL, NULL);
        break;
    case 8:
        open("fifo", O_RDONLY);
        break;
    case 9:
        clock_nanosleep(CLOCK_MONOTONIC, 0, &long_time, NULL);
        break;
    case 10: {
        sigset_t none;
        sigemptyset(&none);
        sigsuspend(&none);
        break;
    }
    case 11:
        for (;;)
            write(ends[1], "x", 1);
    case 12: {
        struct flock region = {.l_type = F_WRLCK};
        fcntl(pair[0], F_SETLKW, &region);
        break;
    }
    case 13:
        recv(pair[1], &c, 1, 0);
        break;
    case 14:
        system("exec sleep 1000");
        break;
    case 15:
        for (;;)
            pthread_testcancel();
    }
    return argument;
}

TEST(cancellation_points, "whatever blocks is a cancellation point")
{
    int sockets[2];

    CHECK(pipe(ends) == 0 && sem_init(&items, 0, 0) == 0 && mkfifo("fifo", 0600) == 0);
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) < 0)
        sockets[0] = -1;
    pair[1] = sockets[0];
    pair[0] = open("locked", O_RDWR | O_CREAT, 0600);
    pid_t pid =
        CHILD(struct flock region = {.l_type = F_WRLCK};
              CHECK(fcntl(pair[0], F_SETLK, &region) == 0); write(ends[1], "x", 1); pause());
    char c;
    CHECK_EQUAL(read(ends[0], &c, 1), 1);
    for (long what = 0; what < 16; what++) {
        if (what == 6 || (what == 13 && sockets[0] < 0))
            continue;
        for (int early = 0; early < 2; early++) {
            ready = 0;
            pthread_t thread = start(block, (void *)what);
            if (!early) {
                await(&ready);
                linger();
            }
            CHECK_EQUAL(pthread_cancel(thread), 0);
            if (join(thread) != PTHREAD_CANCELED)
                FAIL("call %ld is no cancellation point", what);
            if (what == 5) /* nobody unlocked it */
                CHECK(pthread_mutex_trylock(&mutex) == EBUSY && pthread_mutex_unlock(&mutex) == 0);
            if (what == 11)
                fcntl(ends[0], F_SETFL, O_NONBLOCK);
            while (what == 11 && read(ends[0], &c, 1) == 1)
                continue;
        }
    }
    kill(pid, SIGKILL);
}

static void *be_disabled(void *argument)
{
    int old;

    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);
    set(&ready);
    await(&done);
    pthread_testcancel();
    ktap_sleep(1);
    counter = old == PTHREAD_CANCEL_ENABLE;
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &old);
    counter = counter + (old == PTHREAD_CANCEL_DISABLE);
    pthread_testcancel();
    return argument;
}

static void *spin_forever(void *argument)
{
    int old;

    pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &old);
    for (set(&ready);;)
        counter = counter + 1;
    return argument;
}

static void *cancel_self(void *argument)
{
    pthread_cancel(pthread_self());
    counter = 1;
    pthread_testcancel();
    return argument;
}

TEST(cancel_states, "cancellation waits until it is enabled; asynchronous, it comes anywhere")
{
    pthread_t thread = start(be_disabled, NULL);
    int old;

    await(&ready);
    CHECK_EQUAL(pthread_cancel(thread), 0);
    set(&done);
    CHECK(join(thread) == PTHREAD_CANCELED);
    CHECK_EQUAL(counter, 2);
    ready = 0;
    thread = start(spin_forever, NULL);
    await(&ready);
    CHECK_EQUAL(pthread_cancel(thread), 0);
    CHECK(join(thread) == PTHREAD_CANCELED);
    counter = 0;
    CHECK(join(start(cancel_self, NULL)) == PTHREAD_CANCELED && counter == 1);
    CHECK_EQUAL(pthread_setcancelstate(7, &old), EINVAL);
    CHECK_EQUAL(pthread_setcanceltype(7, &old), EINVAL);
    thread = start(give_back, NULL);
    linger();
    CHECK_EQUAL(pthread_cancel(thread), 0); /* it ended, and is not joined yet */
    CHECK(join(thread) == NULL);
}

static void *read_bytes(void *argument)
{
    char c;

    for (;;)
        if (read(ends[0], &c, 1) == 1)
            counter = counter + 1;
    return argument;
}

TEST(no_byte_lost, "a cancelled read has either not happened or its bytes are counted")
{
    int left = 0, written = 0;
    char bytes[64] = "";

    CHECK(pipe(ends) == 0);
    for (int n = 0; n < 300; n++) {
        pthread_t thread = start(read_bytes, NULL);
        for (int burst = 0; burst < n % 7; burst++)
            written += (int)write(ends[1], bytes, n % 13 + 1);
        if (n % 3)
            sched_yield();
        CHECK_EQUAL(pthread_cancel(thread), 0);
        written += (int)write(ends[1], bytes, 3);
        CHECK(join(thread) == PTHREAD_CANCELED);
    }
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    for (ssize_t got; (got = read(ends[0], bytes, sizeof(bytes))) > 0;)
        left += (int)got;
    CHECK_EQUAL(counter + left, written);
}

static volatile int held = -1;

static void *open_and_close(void *argument)
{
    for (;;) {
        int fd = open("/dev/null", O_RDONLY);
        held = fd;
        if (fd >= 0) {
            held = -1;
            pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
            close(fd);
            pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
        }
        counter = counter + 1;
    }
    return argument;
}

TEST(no_descriptor_lost, "a cancelled open has either not happened or its descriptor is known")
{
    int before = open_descriptors();

    for (int n = 0; n < 200; n++) {
        counter = 0;
        pthread_t thread = start(open_and_close, NULL);
        while (n % 2 && counter < n % 17)
            sched_yield();
        CHECK_EQUAL(pthread_cancel(thread), 0);
        CHECK(join(thread) == PTHREAD_CANCELED);
        CHECK_EQUAL(held, -1);
    }
    CHECK_EQUAL(open_descriptors(), before);
}

static void delay(int sig)
{
    (void)sig;
    ready = 1;
    while (!done)
        sched_yield();
}

TEST(cancel_in_handler, "a cancellation that comes while a signal's handler runs is not forgotten")
{
    struct sigaction action = {.sa_handler = delay, .sa_flags = SA_RESTART};

    CHECK(pipe(ends) == 0);
    sigaction(SIGUSR1, &action, NULL);
    for (int n = 0; n < 50; n++) {
        done = ready = 0;
        pthread_t thread = start(read_bytes, NULL);
        if (n % 2)
            linger();
        CHECK_EQUAL(pthread_kill(thread, SIGUSR1), 0);
        await(&ready);
        CHECK_EQUAL(pthread_cancel(thread), 0);
        set(&done);
        CHECK(join(thread) == PTHREAD_CANCELED);
    }
}

/* ---- signals ---- */

static pthread_t handled_by;

static void remember(int sig)
{
    (void)sig;
    handled_by = pthread_self();
    set(&ready);
}

static void *wait_for_signal(void *argument)
{
    sigset_t mask;
    int sig = 0;

    (void)argument;
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR2);
    sigwait(&mask, &sig);
    return (void *)(long)sig;
}

TEST(signals_of_threads, "a signal goes to its thread, a mask is a thread's, sigwait takes one")
{
    sigset_t mask, old;
    pthread_t thread;

    signal(SIGUSR1, remember);
    thread = start(wait_for_done, NULL);
    CHECK_EQUAL(pthread_kill(thread, SIGUSR1), 0);
    await(&ready);
    CHECK(pthread_equal(handled_by, thread));
    ready = 0;
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR1);
    sigaddset(&mask, SIGUSR2);
    CHECK(pthread_sigmask(SIG_BLOCK, &mask, &old) == 0 && !sigismember(&old, SIGUSR1));
    CHECK_EQUAL(kill(getpid(), SIGUSR1), 0);
    await(&ready); /* the other thread does not block it */
    CHECK(pthread_equal(handled_by, thread));
    CHECK_EQUAL(pthread_kill(thread, 32), EINVAL);
    CHECK_EQUAL(pthread_kill(thread, 65), EINVAL);
    set(&done);
    join(thread);
    thread = start(wait_for_signal, NULL);
    CHECK_EQUAL(kill(getpid(), SIGUSR2), 0);
    CHECK_EQUAL(join(thread), SIGUSR2);
    sigfillset(&mask);
    CHECK(pthread_sigmask(SIG_SETMASK, &mask, NULL) == 0);
    CHECK(pipe(ends) == 0);
    thread = start(read_bytes, NULL);
    linger();
    CHECK(pthread_cancel(thread) == 0 && join(thread) == PTHREAD_CANCELED);
}

/* ---- fork ---- */

static void before(void)
{
    strcat(order, "b");
}

static void in_parent(void)
{
    strcat(order, "p");
}

static void in_child(void)
{
    strcat(order, "c");
}

static void before_that(void)
{
    strcat(order, "B");
}

TEST(fork_handlers, "they run before, backwards, and after, in parent and child")
{
    CHECK(pthread_atfork(before, in_parent, in_child) == 0);
    CHECK(pthread_atfork(before_that, NULL, NULL) == 0);
    pid_t pid = fork();
    if (pid == 0)
        _exit(strcmp(order, "Bbc") ? KTAP_FAILED : 0);
    CHECK_CHILD(pid);
    CHECK_STRING(order, "Bbp");
}

static void *hammer(void *argument)
{
    unsigned state = (unsigned)(long)argument + 1;

    while (!done) {
        state = state * 1664525 + 1013904223;
        size_t size = state >> 20;
        char *memory = malloc(size + 1);
        memset(memory, (int)state, size + 1);
        FILE *file = fopen("/dev/null", "w");
        if (!memory || !file || fprintf(file, "%u %p\n", state, (void *)memory) < 0)
            _exit(KTAP_FAILED);
        fclose(file);
        setenv("NUMBER", "1", 1);
        if (memory[size] != (char)state)
            _exit(KTAP_FAILED);
        free(memory);
        counter = counter + 1;
    }
    return NULL;
}

static void use_libc(void)
{
    for (int n = 0; n < 20; n++) {
        FILE *file = fopen("/dev/null", "w");
        CHECK(file && fprintf(file, "%d", n) > 0 && fclose(file) == 0);
        free(malloc(n * 1000));
        setenv("NUMBER", "2", 1);
    }
    join(start(count, NULL));
}

TEST(fork_beside_threads, "a child of a threaded process has one thread, and a libc that works")
{
    pthread_t threads[3];

    for (long n = 0; n < 3; n++)
        threads[n] = start(hammer, (void *)n);
    for (int n = 0; n < 40; n++) {
        while (counter < n * 20)
            sched_yield();
        CHECK_CHILD(CHILD(use_libc()));
    }
    set(&done);
    for (int n = 0; n < 3; n++)
        join(threads[n]);
}

/* ---- the rest of the libc ---- */

static FILE *file;

static void *write_lines(void *argument)
{
    char line[80];

    for (int n = 0; n < 500; n++) {
        memset(line, 'a' + (int)(long)argument, 60);
        line[60] = '\0';
        fprintf(file, "%ld %d %s\n", (long)argument, n, line);
        if (n % 100 == 0)
            fflush(file);
    }
    return NULL;
}

TEST(lines, "what threads print to one stream does not mix")
{
    int next[MANY] = {0}, lines = 0;
    char line[200], letters[80];
    long thread;
    int n;

    file = fopen("lines", "w+");
    CHECK(file != NULL);
    run_many(write_lines);
    rewind(file);
    while (fgets(line, sizeof(line), file)) {
        CHECK_EQUAL(sscanf(line, "%ld %d %79s", &thread, &n, letters), 3);
        CHECK(thread >= 0 && thread < MANY && n == next[thread]);
        CHECK(strlen(letters) == 60 && strspn(letters, (char[]){(char)('a' + thread), 0}) == 60);
        next[thread]++;
        lines++;
    }
    CHECK_EQUAL(lines, MANY * 500);
}

static void *use_heap(void *argument)
{
    enum { BLOCKS = 50 };
    unsigned char *blocks[BLOCKS] = {NULL};
    size_t sizes[BLOCKS] = {0};
    unsigned state = (unsigned)(long)argument * 77 + 5;

    for (int n = 0; n < 4000; n++) {
        state = state * 1664525 + 1013904223;
        int which = (int)(state >> 8) % BLOCKS;
        unsigned char mark = (unsigned char)((long)argument * 16 + which % 16);
        for (size_t at = 0; at < sizes[which]; at += 97)
            if (blocks[which][at] != mark)
                _exit(KTAP_FAILED);
        free(blocks[which]);
        sizes[which] = (state >> 16) % 3000;
        blocks[which] = n % 3 ? malloc(sizes[which] + 1) : calloc(1, sizes[which] + 1);
        if (n % 5 == 0)
            blocks[which] = realloc(blocks[which], sizes[which] + 500);
        memset(blocks[which], mark, sizes[which]);
    }
    for (int n = 0; n < BLOCKS; n++)
        free(blocks[n]);
    return NULL;
}

TEST(heap, "threads that allocate do not get each other's memory")
{
    run_many(use_heap);
}

static void *format(void *argument)
{
    struct tm broken;
    char text[64], wanted[64], words[] = "one two three";
    time_t when = 86400 * (long)argument;

    for (int n = 0; n < 300; n++) {
        double number = (double)(long)argument + n / 1000.0;
        snprintf(text, sizeof(text), "%.3f", number);
        snprintf(wanted, sizeof(wanted), "%ld.%03d", (long)argument, n);
        if (strcmp(text, wanted) || strtod(text, NULL) != strtod(wanted, NULL))
            _exit(KTAP_FAILED);
        strcpy(words, "one two three");
        if (strcmp(strtok(words, " "), "one") || strcmp(strtok(NULL, " "), "two"))
            _exit(KTAP_FAILED);
        if (localtime(&when)->tm_mday != localtime_r(&when, &broken)->tm_mday)
            _exit(KTAP_FAILED);
    }
    return NULL;
}

TEST(states, "formats, tokens and dates are each thread's own")
{
    setenv("TZ", "UTC0", 1);
    run_many(format);
}

static void *hold_stream(void *argument)
{
    if (ftrylockfile(argument))
        return "it is locked";
    funlockfile(argument);
    return NULL;
}

TEST(stream_locks, "flockfile keeps others out, and its owner in")
{
    flockfile(stdout);
    CHECK_EQUAL(ftrylockfile(stdout), 0);
    CHECK(printf("# locked\n") > 0);
    CHECK(join(start(hold_stream, stdout)) != NULL);
    funlockfile(stdout);
    CHECK(join(start(hold_stream, stdout)) != NULL);
    funlockfile(stdout);
    CHECK(join(start(hold_stream, stdout)) == NULL);
}

static void *run_commands(void *argument)
{
    char text[20] = "";

    for (int n = 0; n < 3; n++) {
        FILE *stream = popen("echo word", "r");
        if (!stream || !fgets(text, sizeof(text), stream) || pclose(stream) ||
            strcmp(text, "word\n"))
            _exit(KTAP_FAILED);
        int status = system("exit 4");
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 4)
            _exit(KTAP_FAILED);
    }
    return argument;
}

TEST(commands, "system and popen run in several threads at once, and signals are as before")
{
    struct sigaction action;

    run_many(run_commands);
    CHECK(sigaction(SIGINT, NULL, &action) == 0 && action.sa_handler == SIG_DFL);
}
