/* POSIX threads: their lives, values, signals and forks, and that the rest of the libc bears
 * several of them. */
#define KTAP_HAS_AGAIN
#include "pthreads.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>

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
}

/* ---- fork ---- */

static char order[8];

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
