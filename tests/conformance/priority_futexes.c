/* Futexes that are locks: every call on every state of the word, who gets the lock, owners that
 * end, deadlocks, robust lists, priorities lent, conditions. */
#include "show.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

enum {
    WAIT = 0,
    WAKE = 1,
    REQUEUE = 3,
    LOCK = 6,
    UNLOCK = 7,
    TRYLOCK = 8,
    WAIT_REQUEUE = 11,
    REQUEUE_PI = 12,
    LOCK2 = 13,
    PRIVATE = 128,
    REAL = 256,
};

#define WAITERS    0x80000000u
#define OWNER_DIED 0x40000000u
#define NUMBER     0x3fffffffu
#define NOBODY     0x3ffffffeu /* above any thread's number */

/* Shared by all processes here. */
static struct shared {
    volatile uint32_t a, b, c;
    volatile int ready, go, order;
    struct {
        void *next;
        long offset;
        void *pending;
    } head;
    struct {
        void *next;
        uint32_t word;
    } entry;
} * shared;

static long futex(volatile uint32_t *word, int operation, uint32_t value, const void *timeout,
                  volatile uint32_t *word2, uint32_t value3)
{
    return syscall(SYS_futex, word, operation, value, timeout, word2, value3);
}

static const struct timespec *soon(clockid_t clock)
{
    static struct timespec time;

    clock_gettime(clock, &time);
    time.tv_nsec += 20000000;
    time.tv_sec += time.tv_nsec / 1000000000;
    time.tv_nsec %= 1000000000;
    return &time;
}

static void rest(void)
{
    nanosleep(&(struct timespec){0, 2000000}, NULL);
}

static void until_word(volatile uint32_t *word, uint32_t bits)
{
    while ((__atomic_load_n(word, __ATOMIC_SEQ_CST) & bits) != bits)
        rest();
}

static void until_count(volatile int *count, int value)
{
    while (__atomic_load_n(count, __ATOMIC_SEQ_CST) < value)
        rest();
}

static void count(volatile int *counter)
{
    __atomic_fetch_add(counter, 1, __ATOMIC_SEQ_CST);
}

/* Process PID sleeps. */
static void until_asleep(pid_t pid)
{
    char path[64], line[256], state = 0;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    while (state != 'S') {
        FILE *file = fopen(path, "r");
        if (!file || !fgets(line, sizeof(line), file))
            exit(3);
        fclose(file);
        state = strrchr(line, ')')[2];
        if (state != 'S')
            rest();
    }
}

static void show_word(const char *name, uint32_t word)
{
    uint32_t owner = word & NUMBER;

    printf("  %s is %s%s%s\n", name,
           !owner                        ? "nobody's"
           : owner == (uint32_t)getpid() ? "mine"
           : owner == NOBODY             ? "one's who never was"
                                         : "another's",
           word & WAITERS ? ", with waiters" : "", word & OWNER_DIED ? ", owner died" : "");
}

/* ---- Every call on every state ---- */

struct call {
    const char *name;
    int operation;
    clockid_t clock;
};

static const struct call calls[] = {
    {"LOCK_PI", LOCK, CLOCK_REALTIME},
    {"LOCK_PI private", LOCK | PRIVATE, CLOCK_REALTIME},
    {"LOCK_PI real", LOCK | REAL, CLOCK_REALTIME},
    {"LOCK_PI2", LOCK2, CLOCK_MONOTONIC},
    {"LOCK_PI2 real", LOCK2 | REAL, CLOCK_REALTIME},
    {"TRYLOCK_PI", TRYLOCK, CLOCK_REALTIME},
    {"UNLOCK_PI", UNLOCK, CLOCK_REALTIME},
    {"UNLOCK_PI real", UNLOCK | REAL, CLOCK_REALTIME},
    {"WAKE", WAKE, CLOCK_REALTIME},
    {"WAKE real", WAKE | REAL, CLOCK_REALTIME},
    {"none such", 14, CLOCK_REALTIME},
};

static void one_call(const struct call *call, const char *state, uint32_t word)
{
    printf("%s, %s", call->name, state);
    shared->a = word;
    show("", futex(&shared->a, call->operation, 1, soon(call->clock), NULL, 0));
    show_word("it", shared->a);
}

static void every_call(void)
{
    uint32_t me = (uint32_t)getpid(), other = (uint32_t)getppid();
    const struct {
        const char *name;
        uint32_t word;
    } states[] = {
        {"free", 0},
        {"free but for waiters", WAITERS},
        {"owner died", OWNER_DIED},
        {"owner died, waiters", OWNER_DIED | WAITERS},
        {"mine", me},
        {"mine, waiters", me | WAITERS},
        {"mine, an owner died", me | OWNER_DIED},
        {"another's", other},
        {"another's, waiters", other | WAITERS},
        {"another's, an owner died", other | OWNER_DIED},
        {"one's who never was", NOBODY},
        {"one's who never was, waiters", NOBODY | WAITERS},
    };

    puts("== every call on every state");
    for (size_t c = 0; c < COUNT(calls); c++)
        for (size_t s = 0; s < COUNT(states); s++)
            one_call(&calls[c], states[s].name, states[s].word);
}

static void bad_addresses(void)
{
    void *constant = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct timespec odd = {0, 1000000000}, negative = {-1, 0};
    static const int operations[] = {LOCK, LOCK2, TRYLOCK, UNLOCK};

    puts("== addresses and times");
    for (size_t n = 0; n < COUNT(operations); n++) {
        int operation = operations[n];
        printf("operation %d\n", operation);
        shared->a = 0;
        SHOW(futex((uint32_t *)((char *)&shared->a + 1), operation, 0, NULL, NULL, 0));
        SHOW(futex(NULL, operation, 0, NULL, NULL, 0));
        SHOW(futex(NULL, operation | PRIVATE, 0, NULL, NULL, 0));
        SHOW(futex(constant, operation, 0, NULL, NULL, 0));
        SHOW(futex(constant, operation | PRIVATE, 0, NULL, NULL, 0));
        SHOW(futex((uint32_t *)-4096l, operation | PRIVATE, 0, NULL, NULL, 0));
        SHOW(futex(&shared->a, operation, 0, &odd, NULL, 0));
        shared->a = 0;
        SHOW(futex(&shared->a, operation, 0, &negative, NULL, 0));
        shared->a = 0;
        SHOW(futex(&shared->a, operation, 0, (void *)8, NULL, 0));
    }
}

/* ---- Who gets the lock ---- */

static pid_t child_of(void (*run)(void))
{
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        run();
        fflush(stdout);
        _exit(0);
    }
    return pid;
}

static void own(volatile uint32_t *word)
{
    uint32_t none = 0;

    if (!__atomic_compare_exchange_n(word, &none, (uint32_t)getpid(), 0, __ATOMIC_SEQ_CST,
                                     __ATOMIC_SEQ_CST) &&
        futex(word, LOCK, 0, NULL, NULL, 0) < 0)
        printf("own: %s\n", strerror(errno));
}

static void waiter(void)
{
    SHOW(futex(&shared->a, LOCK, 0, NULL, NULL, 0));
    show_word("a", shared->a);
    SHOW(futex(&shared->a, UNLOCK, 0, NULL, NULL, 0));
}

/* What it answers is shown when the next owner has had its say. */
static void unlock_for(pid_t next)
{
    long value = futex(&shared->a, UNLOCK, 0, NULL, NULL, 0);

    waitpid(next, NULL, 0);
    show("unlocked", value);
}

static void passing_on(void)
{
    puts("== passed on");
    shared->a = 0;
    own(&shared->a);
    pid_t pid = child_of(waiter);
    until_word(&shared->a, WAITERS);
    until_asleep(pid);
    show_word("a", shared->a);
    SHOW(futex(&shared->a, WAKE, 1, NULL, NULL, 0));
    SHOW(futex(&shared->a, REQUEUE, 1, (void *)1, &shared->b, 0));
    unlock_for(pid);
    show_word("a", shared->a);
    puts("given up");
    own(&shared->a);
    pid = child_of(waiter);
    until_word(&shared->a, WAITERS);
    until_asleep(pid);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    show_word("a", shared->a);
    SHOW(futex(&shared->a, UNLOCK, 0, NULL, NULL, 0));
    show_word("a", shared->a);
    puts("another's in the record than in the word");
    own(&shared->a);
    pid = child_of(waiter);
    until_word(&shared->a, WAITERS);
    until_asleep(pid);
    uint32_t word = shared->a;
    shared->a = (uint32_t)getppid() | WAITERS;
    SHOW(futex(&shared->a, LOCK, 0, soon(CLOCK_REALTIME), NULL, 0));
    SHOW(futex(&shared->a, TRYLOCK, 0, NULL, NULL, 0));
    SHOW(futex(&shared->a, UNLOCK, 0, NULL, NULL, 0));
    shared->a = word;
    unlock_for(pid);
}

static void on_signal(int number)
{
    (void)number;
    count(&shared->order);
}

static void interrupted(void)
{
    struct sigaction action = {.sa_handler = on_signal};

    sigaction(SIGUSR1, &action, NULL);
    waiter();
}

static void signals(void)
{
    puts("== a signal");
    shared->a = shared->order = 0;
    own(&shared->a);
    pid_t pid = child_of(interrupted);
    until_word(&shared->a, WAITERS);
    until_asleep(pid);
    kill(pid, SIGUSR1);
    until_count(&shared->order, 1);
    until_asleep(pid);
    unlock_for(pid);
}

/* ---- Owners that end ---- */

static void owner_that_ends(void)
{
    own(&shared->a);
    count(&shared->ready);
    until_count(&shared->go, 1);
}

static void ended(void)
{
    puts("== an owner that ends, with waiters");
    shared->a = 0;
    shared->ready = shared->go = 0;
    pid_t owner = child_of(owner_that_ends);
    until_count(&shared->ready, 1);
    pid_t other = child_of(waiter);
    until_word(&shared->a, WAITERS);
    until_asleep(other);
    shared->go = 1;
    waitpid(owner, NULL, 0);
    waitpid(other, NULL, 0);
    show_word("a", shared->a);
    puts("without any");
    shared->a = 0;
    owner = child_of(owner_that_ends);
    waitpid(owner, NULL, 0);
    SHOW(futex(&shared->a, LOCK, 0, NULL, NULL, 0));
    printf("  still its: %d\n", (shared->a & NUMBER) == (uint32_t)owner);
    SHOW(futex(&shared->a, TRYLOCK, 0, NULL, NULL, 0));
}

static void robust_owner(void)
{
    shared->entry.next = &shared->head;
    shared->head.next = (void *)((uintptr_t)&shared->entry | 1);
    shared->head.offset = (char *)&shared->entry.word - (char *)&shared->entry;
    shared->head.pending = NULL;
    syscall(SYS_set_robust_list, &shared->head, sizeof(shared->head));
    own(&shared->entry.word);
    count(&shared->ready);
    until_count(&shared->go, 1);
}

static void robust_waiter(void)
{
    SHOW(futex(&shared->entry.word, LOCK, 0, NULL, NULL, 0));
    show_word("the entry", shared->entry.word);
    SHOW(futex(&shared->entry.word, UNLOCK, 0, NULL, NULL, 0));
    show_word("the entry", shared->entry.word);
}

static void robust(void)
{
    puts("== an owner that ends, with a robust list");
    for (int waiters = 0; waiters < 2; waiters++) {
        pid_t other = 0;
        shared->entry.word = 0;
        shared->ready = shared->go = 0;
        pid_t owner = child_of(robust_owner);
        until_count(&shared->ready, 1);
        if (waiters) {
            other = child_of(robust_waiter);
            until_word(&shared->entry.word, WAITERS);
            until_asleep(other);
        }
        shared->go = 1;
        waitpid(owner, NULL, 0);
        if (waiters)
            waitpid(other, NULL, 0);
        show_word("the entry", shared->entry.word);
        if (!waiters)
            robust_waiter();
    }
}

/* ---- Deadlocks ---- */

static void second(void)
{
    own(&shared->b);
    count(&shared->ready);
    SHOW(futex(&shared->a, LOCK, 0, NULL, NULL, 0));
    futex(&shared->a, UNLOCK, 0, NULL, NULL, 0);
    futex(&shared->b, UNLOCK, 0, NULL, NULL, 0);
}

static void third(void)
{
    own(&shared->c);
    count(&shared->ready);
    futex(&shared->b, LOCK, 0, NULL, NULL, 0);
    futex(&shared->b, UNLOCK, 0, NULL, NULL, 0);
    futex(&shared->c, UNLOCK, 0, NULL, NULL, 0);
}

/* a is mine; TWO waits for it and owns b; THREE owns c and waits for b. */
static void chain_begin(pid_t *two, pid_t *three)
{
    shared->a = shared->b = shared->c = 0;
    shared->ready = 0;
    own(&shared->a);
    *two = child_of(second);
    until_count(&shared->ready, 1);
    until_word(&shared->a, WAITERS);
    until_asleep(*two);
    *three = child_of(third);
    until_count(&shared->ready, 2);
    until_word(&shared->b, WAITERS);
    until_asleep(*three);
}

static void deadlocks(void)
{
    puts("== deadlocks");
    pid_t two, three;
    chain_begin(&two, &three);
    SHOW(futex(&shared->b, LOCK, 0, NULL, NULL, 0));
    SHOW(futex(&shared->c, LOCK, 0, NULL, NULL, 0));
    SHOW(futex(&shared->c, TRYLOCK, 0, NULL, NULL, 0));
    unlock_for(two);
    waitpid(three, NULL, 0);
    show_word("c", shared->c);
}

/* ---- Priorities ---- */

static int priority_of(pid_t pid)
{
    char path[64], line[512];
    int priority = 0;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "r");
    if (file && fgets(line, sizeof(line), file)) {
        char *at = strrchr(line, ')');
        for (int field = 2; at && field < 18; field++)
            at = strchr(at + 1, ' ');
        priority = at ? atoi(at) : 0;
    }
    if (file)
        fclose(file);
    return priority;
}

static void be_urgent(pid_t pid, int priority)
{
    struct sched_param param = {.sched_priority = priority};

    if (sched_setscheduler(pid, priority ? SCHED_FIFO : SCHED_OTHER, &param))
        printf("sched_setscheduler: %s\n", strerror(errno));
}

static int urgency;

static void urgent_waiter(void)
{
    be_urgent(0, urgency);
    futex(&shared->a, LOCK, 0, NULL, NULL, 0);
    printf("%d has it, as number %d, at %d\n", urgency,
           __atomic_add_fetch(&shared->order, 1, __ATOMIC_SEQ_CST), priority_of(getpid()));
    fflush(stdout);
    futex(&shared->a, UNLOCK, 0, NULL, NULL, 0);
}

static pid_t urgent_child(int priority)
{
    urgency = priority;
    pid_t pid = child_of(urgent_waiter);
    until_word(&shared->a, WAITERS);
    until_asleep(pid);
    return pid;
}

static void priorities(void)
{
    struct sched_param param;
    pid_t pids[4];

    puts("== priorities");
    shared->a = shared->order = 0;
    own(&shared->a);
    pids[0] = urgent_child(10);
    printf("lent: %d\n", priority_of(getpid()));
    pids[1] = urgent_child(30);
    printf("lent: %d\n", priority_of(getpid()));
    pids[2] = urgent_child(20);
    pids[3] = urgent_child(30);
    printf("lent: %d\n", priority_of(getpid()));
    printf("own: %d %d\n", sched_getscheduler(0), sched_getparam(0, &param));
    printf("own: %d\n", param.sched_priority);
    be_urgent(pids[2], 40);
    printf("lent: %d\n", priority_of(getpid()));
    pid_t child = fork();
    if (child == 0) {
        printf("a child: %d\n", priority_of(getpid()));
        fflush(stdout);
        _exit(0);
    }
    waitpid(child, NULL, 0);
    kill(pids[3], SIGKILL);
    waitpid(pids[3], NULL, 0);
    be_urgent(pids[2], 20);
    printf("lent: %d\n", priority_of(getpid()));
    futex(&shared->a, UNLOCK, 0, NULL, NULL, 0);
    for (int n = 0; n < 3; n++)
        waitpid(pids[n], NULL, 0);
    printf("given back: %d\n", priority_of(getpid()));
}

static void chain(void)
{
    puts("== a chain");
    pid_t two, three;
    chain_begin(&two, &three);
    printf("%d %d\n", priority_of(getpid()), priority_of(two));
    be_urgent(three, 50);
    printf("%d %d\n", priority_of(getpid()), priority_of(two));
    be_urgent(two, 60);
    printf("%d %d\n", priority_of(getpid()), priority_of(two));
    be_urgent(three, 0);
    be_urgent(two, 0);
    printf("%d %d\n", priority_of(getpid()), priority_of(two));
    be_urgent(three, 50);
    kill(three, SIGKILL);
    waitpid(three, NULL, 0);
    printf("%d %d\n", priority_of(getpid()), priority_of(two));
    futex(&shared->a, UNLOCK, 0, NULL, NULL, 0);
    waitpid(two, NULL, 0);
}

/* ---- Conditions ---- */

static void condition_waiter(void)
{
    long value = futex(&shared->b, WAIT_REQUEUE, 0, NULL, &shared->a, 0);

    printf("number %d: %ld\n", __atomic_add_fetch(&shared->order, 1, __ATOMIC_SEQ_CST), value);
    show_word("a", shared->a);
    fflush(stdout);
    futex(&shared->a, UNLOCK, 0, NULL, NULL, 0);
}

static void condition_moves(int waiters, bool locked, int move)
{
    pid_t pids[3];

    printf("%d waiters, the lock %s, %d to be moved\n", waiters, locked ? "mine" : "free", move);
    shared->a = shared->b = shared->order = 0;
    for (int n = 0; n < waiters; n++) {
        pids[n] = child_of(condition_waiter);
        until_asleep(pids[n]);
        rest();
    }
    if (locked)
        own(&shared->a);
    SHOW(futex(&shared->b, REQUEUE_PI, 1, (void *)(long)move, &shared->a, 1));
    SHOW(futex(&shared->b, WAKE, 1, NULL, NULL, 0));
    SHOW(futex(&shared->b, REQUEUE, 1, (void *)1, &shared->c, 0));
    long moved = futex(&shared->b, REQUEUE_PI, 1, (void *)(long)move, &shared->a, 0), unlocked = 0;
    if (locked) {
        show_word("a", shared->a);
        unlocked = futex(&shared->a, UNLOCK, 0, NULL, NULL, 0);
    }
    int done = move + 1 < waiters ? move + 1 : waiters;
    until_count(&shared->order, done);
    for (int n = done; n < waiters; n++)
        kill(pids[n], SIGKILL);
    for (int n = 0; n < waiters; n++)
        waitpid(pids[n], NULL, 0);
    printf("moved: %ld, unlocked: %ld\n", moved, unlocked);
    show_word("a", shared->a);
}

static void conditions(void)
{
    puts("== conditions");
    shared->a = shared->b = 0;
    SHOW(futex(&shared->b, WAIT_REQUEUE, 1, NULL, &shared->a, 0));
    SHOW(futex(&shared->b, WAIT_REQUEUE, 0, NULL, &shared->b, 0));
    SHOW(futex(&shared->b, WAIT_REQUEUE, 0, NULL, NULL, 0));
    SHOW(futex(&shared->b, WAIT_REQUEUE, 0, soon(CLOCK_MONOTONIC), &shared->a, 0));
    SHOW(futex(&shared->b, WAIT_REQUEUE | REAL, 0, soon(CLOCK_REALTIME), &shared->a, 0));
    SHOW(futex(&shared->b, REQUEUE_PI, 0, (void *)1, &shared->a, 0));
    SHOW(futex(&shared->b, REQUEUE_PI, 2, (void *)1, &shared->a, 0));
    SHOW(futex(&shared->b, REQUEUE_PI, 1, (void *)1, &shared->b, 0));
    SHOW(futex(&shared->b, REQUEUE_PI, 1, (void *)1, &shared->a, 1));
    SHOW(futex(&shared->b, REQUEUE_PI, 1, (void *)1, &shared->a, 0));
    SHOW(futex(&shared->b, REQUEUE_PI | REAL, 1, (void *)1, &shared->a, 0));
    for (int waiters = 1; waiters < 4; waiters++)
        for (int move = 0; move < 3; move++)
            condition_moves(waiters, false, move), condition_moves(waiters, true, move);
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    every_call();
    bad_addresses();
    passing_on();
    signals();
    ended();
    robust();
    deadlocks();
    priorities();
    chain();
    conditions();
    return 0;
}
