/* Threads as the kernel has them: clone, futexes, thread-local storage, and what ends with a thread
 * or a process. */
#define KTAP_HAS_AGAIN
#include "ktap.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>

enum {
    STACK = 256 << 10,
    WAIT = 0,
    WAKE = 1,
    REQUEUE = 3,
    CMP_REQUEUE = 4,
    WAIT_BITSET = 9,
    WAKE_BITSET = 10
};
enum {
    THREAD = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM |
             CLONE_CHILD_CLEARTID | CLONE_PARENT_SETTID | CLONE_SETTLS
};

AGAIN
{
    (void)argc;
    (void)argv;
    return 0;
}

/* The libc has no threads yet, so these use nothing of it but plain memory and raw calls. */
struct thread {
    volatile int tid; /* the kernel clears it and wakes its futex when the thread is gone */
    int (*run)(void *);
    void *argument;
    void *block[16]; /* what FS addresses: the first word points to itself */
    char *stack;
};

static long futex(volatile int *word, int operation, int value, const void *timeout,
                  volatile int *other, int third)
{
    return syscall(SYS_futex, word, operation, value, timeout, other, third);
}

/* The stub of syscall(2) sets errno only on failure; threads below use this, which never does. */
static long raw(long number, long a, long b, long c, long d)
{
    register long r10 __asm__("r10") = d;
    long result;

    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10)
                     : "rcx", "r11", "memory");
    return result;
}

static void start(struct thread *thread, int (*run)(void *), void *argument)
{
    memset(thread, 0, sizeof(*thread));
    thread->block[0] = thread->block;
    thread->stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(thread->stack != MAP_FAILED);
    thread->tid = 1;
    CHECK(clone(run, thread->stack + STACK, THREAD, argument, &thread->tid, thread->block,
                &thread->tid) > 0);
}

static void join(struct thread *thread)
{
    for (int tid; (tid = thread->tid);)
        futex(&thread->tid, WAIT, tid, NULL, NULL, 0);
    munmap(thread->stack, STACK);
}

static volatile int word, counter, ready;

static void lock(volatile int *mutex)
{
    int seen = __sync_val_compare_and_swap(mutex, 0, 1);

    while (seen) {
        if (seen == 2 || __sync_val_compare_and_swap(mutex, 1, 2))
            raw(SYS_futex, (long)mutex, WAIT, 2, 0);
        seen = __sync_val_compare_and_swap(mutex, 0, 2);
    }
}

static void unlock(volatile int *mutex)
{
    if (__sync_lock_test_and_set(mutex, 0) == 2)
        raw(SYS_futex, (long)mutex, WAKE, 1, 0);
}

static int count_up(void *argument)
{
    for (int n = 0; n < (int)(long)argument; n++) {
        lock(&word);
        counter = counter + 1;
        unlock(&word);
    }
    return 0;
}

TEST(mutual_exclusion, "eight threads under one futex mutex lose no count")
{
    struct thread threads[8];

    for (int n = 0; n < 8; n++)
        start(&threads[n], count_up, (void *)2000);
    for (int n = 0; n < 8; n++)
        join(&threads[n]);
    CHECK_EQUAL(counter, 16000);
}

static int look(void *argument)
{
    long *seen = argument;

    seen[0] = raw(SYS_getpid, 0, 0, 0, 0);
    seen[1] = raw(SYS_gettid, 0, 0, 0, 0);
    __asm__("movq %%fs:0, %0" : "=r"(seen[2]));
    seen[3] = raw(SYS_getppid, 0, 0, 0, 0);
    return 0;
}

TEST(identity, "a thread has its own number and storage, and its process's number")
{
    struct thread thread;
    long seen[4];

    start(&thread, look, seen);
    join(&thread);
    CHECK_EQUAL(seen[0], getpid());
    CHECK(seen[1] != getpid() && seen[1] > 0);
    CHECK_EQUAL(seen[2], (long)thread.block);
    CHECK_EQUAL(seen[3], getppid());
    CHECK_EQUAL(gettid(), getpid());
}

static int open_file(void *argument)
{
    *(long *)argument = raw(SYS_open, (long)"/dev/null", O_RDONLY, 0, 0);
    raw(SYS_chdir, (long)"/", 0, 0, 0);
    return 0;
}

TEST(shared_things, "threads share descriptors and the working directory")
{
    struct thread thread;
    char place[PATH_MAX];
    long fd = -1;

    start(&thread, open_file, &fd);
    join(&thread);
    CHECK(fd >= 0 && fcntl((int)fd, F_GETFD) == 0);
    CHECK_STRING(getcwd(place, sizeof(place)), "/");
}

TEST(futex_values, "a futex waits only while the word is as told, and as long")
{
    struct timespec brief = {0, 50000000}, wrong = {0, -1};

    word = 5;
    CHECK_ERROR(futex(&word, WAIT, 4, NULL, NULL, 0), EAGAIN);
    long begin = ktap_now();
    CHECK_ERROR(futex(&word, WAIT, 5, &brief, NULL, 0), ETIMEDOUT);
    CHECK(ktap_now() - begin >= 49);
    CHECK_ERROR(futex(&word, WAIT, 5, &wrong, NULL, 0), EINVAL);
    CHECK_EQUAL(futex(&word, WAKE, 1, NULL, NULL, 0), 0);
    CHECK_ERROR(futex((int *)((char *)&word + 1), WAIT, 5, NULL, NULL, 0), EINVAL);
    CHECK_ERROR(futex((int *)8, WAIT, 5, NULL, NULL, 0), EFAULT);
    CHECK_ERROR(futex(&word, 77, 0, NULL, NULL, 0), ENOSYS);
    CHECK_ERROR(futex(&word, WAIT_BITSET, 5, NULL, NULL, 0), EINVAL);
    brief.tv_nsec = 1;
    CHECK_ERROR(futex(&word, WAIT_BITSET, 5, &brief, NULL, -1),
                ETIMEDOUT); /* an absolute time, already past */
}

static int wait_on_word(void *argument)
{
    (void)argument;
    while (word == 0)
        raw(SYS_futex, (long)&word, WAIT | 128, 0, 0);
    __sync_fetch_and_add(&counter, 1);
    return 0;
}

TEST(waking, "a wake reaches as many waiters as it says")
{
    struct thread threads[5];

    for (int n = 0; n < 5; n++)
        start(&threads[n], wait_on_word, NULL);
    for (int n = 0; n < 5; n++)
        ktap_await_asleep(threads[n].tid);
    word = 1;
    long woken = futex(&word, WAKE | 128, 2, NULL, NULL, 0);
    CHECK_EQUAL(woken, 2);
    woken += futex(&word, WAKE | 128, INT_MAX, NULL, NULL, 0);
    CHECK_EQUAL(woken, 5);
    for (int n = 0; n < 5; n++)
        join(&threads[n]);
    CHECK_EQUAL(counter, 5);
}

static volatile int second;

static int wait_once(void *argument)
{
    (void)argument;
    raw(SYS_futex, (long)&word, WAIT, 0, 0);
    __sync_fetch_and_add(&counter, 1);
    return 0;
}

TEST(requeueing, "waiters can be moved to another futex")
{
    struct thread threads[4];

    for (int n = 0; n < 4; n++)
        start(&threads[n], wait_once, NULL);
    for (int n = 0; n < 4; n++)
        ktap_await_asleep(threads[n].tid);
    CHECK_ERROR(syscall(SYS_futex, &word, CMP_REQUEUE, 1, 10, &second, 99), EAGAIN);
    CHECK_EQUAL(syscall(SYS_futex, &word, CMP_REQUEUE, 1, 10, &second, 0), 4);
    CHECK_EQUAL(futex(&word, WAKE, 10, NULL, NULL, 0), 0);
    CHECK_EQUAL(futex(&second, WAKE, 10, NULL, NULL, 0), 3);
    for (int n = 0; n < 4; n++)
        join(&threads[n]);
    CHECK_EQUAL(counter, 4);
}

TEST(between_processes, "a futex in shared memory works between processes")
{
    volatile int *shared =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    pid_t pid = CHILD(while (!*shared) futex(shared, WAIT, 0, NULL, NULL, 0));
    ktap_sleep(50);
    *shared = 1;
    futex(shared, WAKE, 1, NULL, NULL, 0);
    CHECK_CHILD(pid);
}

static int for_ever(void *argument)
{
    (void)argument;
    ready = 1;
    for (;;)
        raw(SYS_pause, 0, 0, 0, 0);
    return 0;
}

static int spin(void *argument)
{
    (void)argument;
    ready = 1;
    for (;;)
        continue;
    return 0;
}

TEST(end_of_the_process, "exit_group ends all threads, waiting ones and busy ones")
{
    int status;
    pid_t pid = CHILD({
        struct thread one, two;
        start(&one, for_ever, NULL);
        start(&two, spin, NULL);
        while (!ready)
            sched_yield();
        _exit(5);
    });

    CHECK_EQUAL(waitpid(pid, &status, 0), pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 5);
}

TEST(killed_with_threads, "a fatal signal ends all threads")
{
    int status;
    pid_t pid = CHILD({
        struct thread one, two;
        start(&one, for_ever, NULL);
        start(&two, spin, NULL);
        for (;;)
            pause();
    });

    ktap_sleep(100);
    CHECK(kill(pid, SIGTERM) == 0);
    CHECK_EQUAL(waitpid(pid, &status, 0), pid);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}

static int exit_later(void *argument)
{
    struct timespec wish = {0, 100000000};

    (void)argument;
    raw(SYS_nanosleep, (long)&wish, 0, 0, 0);
    raw(SYS_exit_group, 7, 0, 0, 0);
    return 0;
}

TEST(first_thread_leaves, "a process lives on when its first thread exits")
{
    int status;
    pid_t pid = CHILD({
        struct thread thread;
        start(&thread, exit_later, NULL);
        syscall(SYS_exit, 3);
    });

    CHECK_EQUAL(waitpid(pid, &status, 0), pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
}

TEST(exec_with_threads, "execve from one thread ends the others")
{
    char *arguments[] = {"x", "--again", NULL};
    pid_t pid = CHILD({
        struct thread one, two;
        start(&one, for_ever, NULL);
        start(&two, spin, NULL);
        while (!ready)
            sched_yield();
        execve(ktap_self, arguments, environ);
    });

    CHECK_CHILD(pid);
}

static volatile int handled_by;

static void handle(int sig)
{
    (void)sig;
    handled_by = (int)raw(SYS_gettid, 0, 0, 0, 0);
}

static int wait_for_flag(void *argument)
{
    (void)argument;
    ready = (int)raw(SYS_gettid, 0, 0, 0, 0);
    while (!word)
        raw(SYS_sched_yield, 0, 0, 0, 0);
    return 0;
}

TEST(directed_signals,
     "tgkill reaches the thread that it names, and a blocked process signal another thread")
{
    struct sigaction action = {.sa_handler = handle};
    struct thread thread;
    sigset_t set;

    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
    start(&thread, wait_for_flag, NULL);
    while (!ready)
        sched_yield();
    CHECK(syscall(SYS_tgkill, getpid(), ready, SIGUSR1) == 0);
    while (!handled_by)
        sched_yield();
    CHECK_EQUAL(handled_by, ready);
    handled_by = 0;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    CHECK(kill(getpid(), SIGUSR1) == 0);
    while (!handled_by)
        sched_yield();
    CHECK_EQUAL(handled_by, ready);
    CHECK_ERROR(syscall(SYS_tgkill, getpid(), 999999, SIGUSR1), ESRCH);
    CHECK_ERROR(syscall(SYS_tgkill, getpid(), 0, SIGUSR1), EINVAL);
    word = 1;
    join(&thread);
}

static int map_and_touch(void *argument)
{
    (void)argument;
    for (int n = 0; n < 300; n++) {
        register long r10 __asm__("r10") = MAP_PRIVATE | MAP_ANONYMOUS;
        register long r8 __asm__("r8") = -1;
        register long r9 __asm__("r9") = 0;
        volatile char *area;
        __asm__ volatile("syscall"
                         : "=a"(area)
                         : "a"(SYS_mmap), "D"(0), "S"(65536), "d"(PROT_READ | PROT_WRITE), "r"(r10),
                           "r"(r8), "r"(r9)
                         : "rcx", "r11", "memory");
        for (int page = 0; page < 16; page++) {
            if (area[page * 4096])
                __sync_fetch_and_add(&counter, 1);
            area[page * 4096] = 1;
        }
        raw(SYS_munmap, (long)area, 65536, 0, 0);
    }
    return 0;
}

TEST(mapping_at_once, "four threads map, touch and unmap; no stale page is ever seen")
{
    struct thread threads[4];

    for (int n = 0; n < 4; n++)
        start(&threads[n], map_and_touch, NULL);
    for (int n = 0; n < 4; n++)
        join(&threads[n]);
    CHECK_EQUAL(counter, 0);
}

TEST(robust, "a thread that ends with a robust futex leaves it marked and wakes a waiter")
{
    struct {
        void *list;
        long offset;
        void *pending;
    } *head = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct entry {
        void *next;
        volatile int word;
    } *entry = (void *)(head + 1);

    pid_t pid = CHILD({
        head->list = entry;
        head->offset = (char *)&entry->word - (char *)entry;
        head->pending = NULL;
        entry->next = head;
        entry->word = (int)gettid();
        CHECK(syscall(SYS_set_robust_list, head, sizeof(*head)) == 0);
    });
    CHECK_CHILD(pid);
    CHECK_EQUAL((unsigned)entry->word, 0x40000000u); /* FUTEX_OWNER_DIED */
    CHECK_ERROR(syscall(SYS_set_robust_list, head, 1), EINVAL);
}

TEST(clone_refusals, "clone refuses combinations that make no sense")
{
    CHECK_ERROR(syscall(SYS_clone, CLONE_THREAD, 0, 0, 0, 0), EINVAL);
    CHECK_ERROR(syscall(SYS_clone, CLONE_SIGHAND, 0, 0, 0, 0), EINVAL);
    CHECK_ERROR(syscall(SYS_clone, CLONE_SIGHAND | CLONE_THREAD, 0, 0, 0, 0), EINVAL);
}
