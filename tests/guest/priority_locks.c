/* Locks whose waiters lend their priorities: the calls themselves, under load, with kills. What
 * each answers is tests/conformance/priority_futexes.c's. */
#include "ktap.h"

#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>

enum {
    FUTEX_LOCK_PI = 6,
    FUTEX_UNLOCK_PI = 7,
    FUTEX_TRYLOCK_PI = 8,
    FUTEX_WAIT_REQUEUE_PI = 11,
    FUTEX_CMP_REQUEUE_PI = 12,
    FUTEX_LOCK_PI2 = 13,
};

#define WAITERS    0x80000000u
#define OWNER_DIED 0x40000000u
#define NUMBER     0x3fffffffu

struct robust_head {
    void *next;
    long offset;
    void *pending;
};

/* A word, what it guards, and the entry of the owner's robust list. */
struct lock {
    void *next;
    uint32_t word;
    uint32_t inside;
    uint32_t died;
};

static uint32_t word_get(const uint32_t *word)
{
    return __atomic_load_n(word, __ATOMIC_SEQ_CST);
}

static void word_set(uint32_t *word, uint32_t value)
{
    __atomic_store_n(word, value, __ATOMIC_SEQ_CST);
}

static uint32_t word_add(uint32_t *word, uint32_t value)
{
    return __atomic_fetch_add(word, value, __ATOMIC_SEQ_CST);
}

static bool word_swap_if(uint32_t *word, uint32_t from, uint32_t to)
{
    return __atomic_compare_exchange_n(word, &from, to, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

static uint32_t own_number(void)
{
    return (uint32_t)syscall(SYS_gettid);
}

static long futex(uint32_t *word, int operation, uint32_t value, const void *timeout,
                  uint32_t *word2, uint32_t value3)
{
    return syscall(SYS_futex, word, operation, value, timeout, word2, value3);
}

/* As the C libraries do it: only who finds the lock taken goes to the kernel. false: TIMEOUT. */
static bool lock_until(struct lock *lock, const struct timespec *timeout)
{
    if (!word_swap_if(&lock->word, 0, own_number()) &&
        futex(&lock->word, FUTEX_LOCK_PI2, 0, timeout, NULL, 0) < 0) {
        int error = errno;
        CHECK(timeout && error == ETIMEDOUT);
        return false;
    }
    return true;
}

static void lock_check(struct lock *lock)
{
    uint32_t word = word_get(&lock->word);

    CHECK_EQUAL(word & NUMBER, own_number());
    if (word & OWNER_DIED) {
        __atomic_fetch_and(&lock->word, ~OWNER_DIED, __ATOMIC_SEQ_CST);
        word_add(&lock->died, 1);
        word_set(&lock->inside, 0);
    }
    CHECK_EQUAL(word_add(&lock->inside, 1), 0);
}

static void unlock(struct lock *lock)
{
    CHECK_EQUAL(word_add(&lock->inside, -1u), 1);
    if (!word_swap_if(&lock->word, own_number(), 0))
        CHECK_EQUAL(futex(&lock->word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0), 0);
}

static void *shared_memory(void)
{
    void *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    CHECK(memory != MAP_FAILED);
    return memory;
}

static struct timespec after(long microseconds)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    time.tv_nsec += microseconds * 1000;
    time.tv_sec += time.tv_nsec / 1000000000;
    time.tv_nsec %= 1000000000;
    return time;
}

/* ---- Threads ---- */

static struct lock locks[3];

static void *thread_locks(void *arg)
{
    long seed = (long)arg, taken = 0;

    for (int n = 0; n < 300; n++) {
        struct lock *lock = &locks[(seed + n) % 3];
        struct timespec time = after(200);
        if (!lock_until(lock, (seed + n) % 5 ? NULL : &time))
            continue;
        lock_check(lock);
        if (n % 7 == 0)
            sched_yield();
        unlock(lock);
        taken++;
    }
    return (void *)taken;
}

TEST(excluding, "one thread at a time has the lock, with and without limits of time")
{
    pthread_t threads[6];

    for (long n = 0; n < 6; n++)
        CHECK_EQUAL(pthread_create(&threads[n], NULL, thread_locks, (void *)n), 0);
    for (int n = 0; n < 6; n++) {
        void *taken;
        CHECK_EQUAL(pthread_join(threads[n], &taken), 0);
        CHECK((long)taken >= 240);
    }
    for (int n = 0; n < 3; n++)
        CHECK_EQUAL(word_get(&locks[n].word) & NUMBER, 0);
}

/* ---- Processes that are killed ---- */

/* Takes and leaves LOCK, with a robust list, until it is killed. */
static void robust_life(struct lock *lock, uint32_t *alive)
{
    static struct robust_head head;

    head.next = &head;
    head.offset = offsetof(struct lock, word);
    CHECK(syscall(SYS_set_robust_list, &head, sizeof(head)) == 0);
    for (;;) {
        void *entry = (void *)((uintptr_t)lock | 1);
        *(void *volatile *)&head.pending = entry;
        lock_until(lock, NULL);
        lock->next = &head;
        *(void *volatile *)&head.next = entry;
        *(void *volatile *)&head.pending = NULL;
        lock_check(lock);
        word_add(alive, 1);
        *(void *volatile *)&head.pending = entry;
        *(void *volatile *)&head.next = &head;
        unlock(lock);
        *(void *volatile *)&head.pending = NULL;
    }
}

TEST(killed, "a lock outlives all its owners and waiters")
{
    struct lock *lock = shared_memory();
    uint32_t *alive = (uint32_t *)(lock + 1);
    pid_t pids[4] = {0};

    for (int round = 0; round < 100; round++) {
        pid_t *pid = &pids[round % 4];
        if (*pid) {
            CHECK(kill(*pid, SIGKILL) == 0);
            CHECK_EQUAL(waitpid(*pid, NULL, 0), *pid);
        }
        *pid = CHILD(robust_life(lock, alive));
        for (uint32_t seen = word_get(alive); word_get(alive) - seen < 3;)
            sched_yield();
    }
    for (int n = 0; n < 4; n++) {
        kill(pids[n], SIGKILL);
        CHECK_EQUAL(waitpid(pids[n], NULL, 0), pids[n]);
    }
    struct timespec time = after(5000000);
    CHECK(lock_until(lock, &time));
    lock_check(lock);
    unlock(lock);
    CHECK_EQUAL(word_get(&lock->word) & NUMBER, 0);
}

/* ---- Conditions ---- */

struct condition {
    struct lock lock;
    uint32_t turn, woken;
};

static void condition_waiter(struct condition *condition)
{
    for (;;) {
        uint32_t turn = word_get(&condition->turn);
        long value =
            futex(&condition->turn, FUTEX_WAIT_REQUEUE_PI, turn, NULL, &condition->lock.word, 0);
        if (value < 0) {
            int error = errno;
            CHECK_EQUAL(error, EAGAIN);
            continue;
        }
        lock_check(&condition->lock);
        word_add(&condition->woken, 1);
        unlock(&condition->lock);
    }
}

TEST(requeued, "waiters are moved from a condition to its lock while others are killed")
{
    struct condition *condition = shared_memory();
    pid_t pids[5];

    for (int n = 0; n < 5; n++)
        pids[n] = CHILD(condition_waiter(condition));
    for (int round = 0; round < 200; round++) {
        uint32_t woken = word_get(&condition->woken);
        while (word_get(&condition->woken) == woken) {
            CHECK(lock_until(&condition->lock, NULL));
            lock_check(&condition->lock);
            uint32_t turn = word_add(&condition->turn, 1) + 1;
            long moved = futex(&condition->turn, FUTEX_CMP_REQUEUE_PI, 1, (void *)(long)(round % 5),
                               &condition->lock.word, turn);
            CHECK(moved >= 0 && moved <= 5);
            unlock(&condition->lock);
            sched_yield();
        }
        if (round % 10 == 0) {
            pid_t *pid = &pids[round / 10 % 5];
            /* Not one that has the lock, whose death would be none of its waiters' business. */
            CHECK(lock_until(&condition->lock, NULL));
            lock_check(&condition->lock);
            kill(*pid, SIGKILL);
            CHECK_EQUAL(waitpid(*pid, NULL, 0), *pid);
            unlock(&condition->lock);
            *pid = CHILD(condition_waiter(condition));
        }
    }
    for (int n = 0; n < 5; n++) {
        kill(pids[n], SIGKILL);
        CHECK_EQUAL(waitpid(pids[n], NULL, 0), pids[n]);
    }
}

/* ---- What it is for ---- */

static void be(int policy, int priority)
{
    struct sched_param param = {.sched_priority = priority};

    CHECK(sched_setscheduler(0, policy, &param) == 0);
}

static bool on_one_processor(void)
{
    unsigned long first = 1;

    return geteuid() == 0 && syscall(SYS_sched_setaffinity, 0, sizeof(first), &first) >= 0;
}

struct inversion {
    struct lock lock;
    uint32_t owned, rival, steps, done;
};

static void owner_life(struct inversion *all)
{
    be(SCHED_OTHER, 0);
    lock_until(&all->lock, NULL);
    word_set(&all->owned, 1);
    while (!(word_get(&all->lock.word) & WAITERS) || !word_get(&all->rival))
        sched_yield();
    for (int n = 0; n < 20000; n++)
        word_add(&all->steps, 1);
    CHECK_EQUAL(futex(&all->lock.word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0), 0);
}

static void waiter_life(struct inversion *all)
{
    be(SCHED_FIFO, 30);
    lock_until(&all->lock, NULL);
    word_set(&all->done, 1);
    CHECK_EQUAL(word_get(&all->steps), 20000);
    CHECK_EQUAL(futex(&all->lock.word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0), 0);
}

/* It begins with its parent's priority, and would otherwise not get to say that it is there. */
static void rival_life(struct inversion *all)
{
    word_set(&all->rival, 1);
    be(SCHED_FIFO, 20);
    CHECK_EQUAL(word_get(&all->done), 1);
}

/* The owner is nobody special, an urgent thread waits for it, and one in between would have the
 * processor first: both of the others have done by then. */
TEST(inversion, "an owner goes on with its waiter's priority")
{
    struct inversion *all = shared_memory();

    if (!on_one_processor())
        SKIP("needs root and a processor of its own");
    be(SCHED_FIFO, 50);
    pid_t owner = CHILD(owner_life(all));
    while (!word_get(&all->owned))
        ktap_sleep(1);
    pid_t waiter = CHILD(waiter_life(all));
    while (!(word_get(&all->lock.word) & WAITERS))
        ktap_sleep(1);
    pid_t rival = CHILD(rival_life(all));
    CHECK_CHILD(owner);
    CHECK_CHILD(waiter);
    CHECK_CHILD(rival);
}
