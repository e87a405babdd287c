/* Mutexes, condition variables, the other locks and semaphores, of threads and between processes.
 */
#include "pthreads.h"

#include <fcntl.h>
#include <sys/mman.h>

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
        int error;
        while ((error = pthread_mutex_trylock(&robust[1])) != EOWNERDEAD)
            if (error == 0)
                pthread_mutex_unlock(&robust[1]);
        CHECK_EQUAL(pthread_mutex_lock(&robust[0]), EOWNERDEAD);
        CHECK_EQUAL(pthread_mutex_consistent(&robust[0]), 0);
        CHECK_EQUAL(pthread_mutex_consistent(&robust[1]), 0);
        CHECK(pthread_mutex_unlock(&robust[0]) == 0 && pthread_mutex_unlock(&robust[1]) == 0);
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
    pid_t pid = ktap_interrupt(SIGALRM);
    CHECK_ERROR(sem_wait(&items), EINTR);
    CHECK_CHILD(pid);
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
