/*
 * The porting layer of the host tests: locks, threads, interrupts, ports, programs and words.
 * Memory is in env_memory.c, time in env_clock.c.
 *
 * Locks: interrupt exclusion (recursive, outermost) -> words_lock, a leaf that guards signals and
 * log.
 */
#define _GNU_SOURCE /* the recursive mutex initialiser */
#include "env.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sluice/list.h>

static _Thread_local unsigned spinlocks_held;
static _Thread_local unsigned interrupt_depth;
static pthread_mutex_t interrupt_exclusion = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;

_Noreturn void env_test_fault(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fputs("porting layer: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    abort();
}

/* ---- Contexts ---- */

void env_test_interrupt_enter(void)
{
    if (spinlocks_held != 0 && interrupt_depth == 0)
        env_test_fault("interrupt context entered with a spinlock held");
    pthread_mutex_lock(&interrupt_exclusion);
    interrupt_depth++;
}

void env_test_interrupt_leave(void)
{
    interrupt_depth--;
    if (spinlocks_held != 0 && interrupt_depth == 0)
        env_test_fault("interrupt context left with a spinlock held");
    pthread_mutex_unlock(&interrupt_exclusion);
}

bool env_test_stuck(void)
{
    return spinlocks_held != 0 || interrupt_depth != 0;
}

bool env_test_in_interrupt(void)
{
    return interrupt_depth != 0;
}

void env_test_assert_may_sleep(const char *what)
{
    if (interrupt_depth != 0)
        env_test_fault("%s in interrupt context", what);
    if (spinlocks_held != 0)
        env_test_fault("%s with a spinlock held", what);
}

/* A small number for each thread, never 0. */
static uint32_t thread_number(void)
{
    static _Atomic uint32_t last;
    static _Thread_local uint32_t number;

    if (number == 0)
        number = atomic_fetch_add(&last, 1) + 1;
    return number;
}

uintptr_t env_context(void)
{
    return thread_number();
}

/* ---- Locks ---- */

/* The word holds the owner's number. */
void env_spin_lock(struct env_spinlock *lock)
{
    uint32_t self = thread_number();
    uint32_t owner = 0;

    while (!atomic_compare_exchange_weak_explicit(&lock->word, &owner, self, memory_order_acquire,
                                                  memory_order_relaxed)) {
        if (owner == self)
            env_test_fault("spinlock %p taken twice", (void *)lock);
        owner = 0;
        sched_yield();
    }
    spinlocks_held++;
}

void env_spin_unlock(struct env_spinlock *lock)
{
    if (atomic_load_explicit(&lock->word, memory_order_relaxed) != thread_number())
        env_test_fault("spinlock %p unlocked by a thread that does not hold it", (void *)lock);
    spinlocks_held--;
    atomic_store_explicit(&lock->word, 0, memory_order_release);
}

/* glibc's all-zero mutex is an unlocked one, as ours must be. */
struct mutex {
    pthread_mutex_t mutex;
    _Atomic uint32_t owner;
};
_Static_assert(sizeof(struct mutex) <= sizeof(struct env_mutex), "a mutex fits its opaque words");

static struct mutex *mutex_of(struct env_mutex *mutex)
{
    return (struct mutex *)mutex;
}

void env_mutex_lock(struct env_mutex *public)
{
    struct mutex *mutex = mutex_of(public);

    env_test_assert_may_sleep("env_mutex_lock");
    if (atomic_load_explicit(&mutex->owner, memory_order_relaxed) == thread_number())
        env_test_fault("mutex %p taken twice", (void *)public);
    pthread_mutex_lock(&mutex->mutex);
    atomic_store_explicit(&mutex->owner, thread_number(), memory_order_relaxed);
}

bool env_mutex_trylock(struct env_mutex *public)
{
    struct mutex *mutex = mutex_of(public);

    env_test_assert_may_sleep("env_mutex_trylock");
    if (pthread_mutex_trylock(&mutex->mutex) != 0)
        return false;
    atomic_store_explicit(&mutex->owner, thread_number(), memory_order_relaxed);
    return true;
}

void env_mutex_unlock(struct env_mutex *public)
{
    struct mutex *mutex = mutex_of(public);

    env_test_assert_may_sleep("env_mutex_unlock");
    if (atomic_load_explicit(&mutex->owner, memory_order_relaxed) != thread_number())
        env_test_fault("mutex %p unlocked by a thread that does not hold it", (void *)public);
    atomic_store_explicit(&mutex->owner, 0, memory_order_relaxed);
    pthread_mutex_unlock(&mutex->mutex);
}

/* ---- Threads ---- */

struct thread {
    pthread_t id;
    void (*fn)(void *arg);
    void *arg;
    char name[16];
    struct list link;
};

static pthread_mutex_t threads_lock = PTHREAD_MUTEX_INITIALIZER;
static struct list threads = LIST_INIT(threads);

static void *thread_main(void *arg)
{
    struct thread *thread = arg;

    thread->fn(thread->arg);
    env_test_assert_may_sleep("the end of a thread");
    return NULL;
}

oskit_error_t env_thread_start(const char *name, void (*fn)(void *arg), void *arg)
{
    env_test_assert_may_sleep("env_thread_start");
    struct thread *thread = malloc(sizeof *thread);
    if (thread == NULL)
        return OSKIT_ENOMEM;
    thread->fn = fn;
    thread->arg = arg;
    snprintf(thread->name, sizeof thread->name, "%s", name);

    pthread_mutex_lock(&threads_lock);
    int error = pthread_create(&thread->id, NULL, thread_main, thread);
    if (error == 0)
        list_push_back(&threads, &thread->link);
    pthread_mutex_unlock(&threads_lock);
    if (error != 0)
        free(thread);
    return error == 0 ? OSKIT_SUCCESS : OSKIT_ENOMEM;
}

void env_test_join_threads(void)
{
    for (;;) {
        pthread_mutex_lock(&threads_lock);
        struct list *node = list_pop_front(&threads);
        pthread_mutex_unlock(&threads_lock);
        if (node == NULL)
            return;
        struct thread *thread = container_of(node, struct thread, link);
        pthread_join(thread->id, NULL);
        free(thread);
    }
}

/* ---- Interrupts ---- */

struct env_irq {
    struct list link;
    unsigned line;
    bool (*handler)(void *arg);
    void (*message)(void *arg); /* instead: then LINE is the data, and ADDRESS says which CPU */
    uint64_t address;
    void *arg;
};

#define MESSAGE_ADDRESS 0xfee00000u

static struct list irqs = LIST_INIT(irqs); /* guarded by interrupt exclusion */
static unsigned messages, messages_made, messages_max = UINT_MAX;
static unsigned cpus = 1;
static _Thread_local unsigned cpu;

oskit_error_t env_irq_attach(unsigned line, bool (*handler)(void *arg), void *arg,
                             struct env_irq **out)
{
    env_test_assert_may_sleep("env_irq_attach");
    struct env_irq *irq = env_alloc(sizeof *irq, 0);
    if (irq == NULL)
        return OSKIT_ENOMEM;
    *irq = (struct env_irq){.line = line, .handler = handler, .arg = arg};
    env_test_interrupt_enter();
    list_push_back(&irqs, &irq->link);
    env_test_interrupt_leave();
    *out = irq;
    return OSKIT_SUCCESS;
}

oskit_error_t env_msi_attach(unsigned to, void (*handler)(void *arg), void *arg,
                             struct env_irq **out, uint64_t *address, uint32_t *data)
{
    env_test_assert_may_sleep("env_msi_attach");
    if (messages >= messages_max)
        return messages_max ? OSKIT_ENOMEM : OSKIT_E_NOTIMPL;
    struct env_irq *irq = env_alloc(sizeof *irq, 0);
    if (irq == NULL)
        return OSKIT_ENOMEM;
    *address = MESSAGE_ADDRESS | (uint64_t)to << 12;
    *data = 0x40 + messages_made++;
    *irq = (struct env_irq){.line = *data, .address = *address, .message = handler, .arg = arg};
    env_test_interrupt_enter();
    messages++;
    list_push_back(&irqs, &irq->link);
    env_test_interrupt_leave();
    *out = irq;
    return OSKIT_SUCCESS;
}

void env_irq_detach(struct env_irq *irq)
{
    env_test_assert_may_sleep("env_irq_detach");
    env_test_interrupt_enter();
    list_remove(&irq->link);
    messages -= irq->message != NULL;
    env_test_interrupt_leave();
    env_free(irq, sizeof *irq);
}

unsigned env_test_irq(unsigned line)
{
    unsigned taken = 0;

    env_test_interrupt_enter();
    list_for_each_safe (node, &irqs) {
        struct env_irq *irq = container_of(node, struct env_irq, link);
        if (!irq->message && irq->line == line && irq->handler(irq->arg))
            taken++;
    }
    env_test_interrupt_leave();
    return taken;
}

bool env_test_message(uint64_t address, uint32_t data)
{
    bool taken = false;

    env_test_interrupt_enter();
    list_for_each_safe (node, &irqs) {
        struct env_irq *irq = container_of(node, struct env_irq, link);
        if (!irq->message || irq->line != data || irq->address != address)
            continue;
        taken = true;
        irq->message(irq->arg);
        break;
    }
    env_test_interrupt_leave();
    return taken;
}

void env_test_set_messages(unsigned max)
{
    messages_max = max;
}

/* ---- Processors ---- */

unsigned env_cpu_count(void)
{
    return cpus;
}

unsigned env_cpu_index(void)
{
    return cpu;
}

void env_test_set_cpus(unsigned count, unsigned index)
{
    cpus = count;
    cpu = index;
}

/* ---- Ports ---- */

static struct env_test_ports ports;

void env_test_set_ports(uint32_t (*in)(void *arg, uint16_t port, unsigned width),
                        void (*out)(void *arg, uint16_t port, unsigned width, uint32_t value),
                        void *arg)
{
    ports = (struct env_test_ports){in, out, arg};
}

static uint32_t port_in(uint16_t port, unsigned width)
{
    return ports.in != NULL ? ports.in(ports.arg, port, width) : UINT32_MAX;
}

static void port_out(uint16_t port, unsigned width, uint32_t value)
{
    if (ports.out != NULL)
        ports.out(ports.arg, port, width, value);
}

uint8_t env_in8(uint16_t port)
{
    return (uint8_t)port_in(port, 1);
}

uint16_t env_in16(uint16_t port)
{
    return (uint16_t)port_in(port, 2);
}

uint32_t env_in32(uint16_t port)
{
    return port_in(port, 4);
}

void env_out8(uint16_t port, uint8_t value)
{
    port_out(port, 1, value);
}

void env_out8_string(uint16_t port, const uint8_t *bytes, size_t count)
{
    while (count-- > 0)
        port_out(port, 1, *bytes++);
}

void env_out16(uint16_t port, uint16_t value)
{
    port_out(port, 2, value);
}

void env_out32(uint16_t port, uint32_t value)
{
    port_out(port, 4, value);
}

/* ---- Programs ---- */

static _Atomic uintptr_t bad_start, bad_size;

void env_test_bad_user(const void *start, size_t size)
{
    atomic_store(&bad_size, 0);
    atomic_store(&bad_start, (uintptr_t)start);
    atomic_store(&bad_size, size);
}

/* How many of SIZE bytes at USER are accessible before the first that is not. */
static size_t user_good(const void *user, size_t size)
{
    uintptr_t at = (uintptr_t)user, bad = atomic_load(&bad_start),
              bad_length = atomic_load(&bad_size);

    env_test_assert_may_sleep("a user copy");
    if (user == NULL)
        return 0;
    if (bad_length == 0 || at >= bad + bad_length || at + size <= bad)
        return size;
    return at < bad ? bad - at : 0;
}

bool env_test_user_good(const void *user, size_t size)
{
    return user_good(user, size) == size;
}

static atomic_bool user_races;

void env_test_user_races(bool allowed)
{
    atomic_store(&user_races, allowed);
}

__attribute__((no_sanitize("thread"))) static void racing_copy(void *to, const void *from,
                                                               size_t size)
{
    for (size_t i = 0; i < size; i++)
        ((volatile char *)to)[i] = ((const volatile char *)from)[i];
}

static void user_copy(void *to, const void *from, size_t size)
{
    if (atomic_load_explicit(&user_races, memory_order_relaxed))
        racing_copy(to, from, size);
    else
        memcpy(to, from, size);
}

size_t env_copy_from_user(void *to, const void *user, size_t size)
{
    size_t good = user_good(user, size);

    if (good != 0)
        user_copy(to, user, good);
    return size - good;
}

size_t env_copy_to_user(void *user, const void *from, size_t size)
{
    size_t good = user_good(user, size);

    if (good != 0)
        user_copy(user, from, good);
    return size - good;
}

size_t env_zero_user(void *user, size_t size)
{
    size_t good = user_good(user, size);

    if (good != 0)
        memset(user, 0, good);
    return size - good;
}

/* ---- People ---- */

#define DEFAULT_IDENTITY                                                 \
    {                                                                    \
        .uid = 0, .gid = 0, .umask = 022, .capabilities = CAPABILITY_ALL \
    }
static _Thread_local struct env_identity identity = DEFAULT_IDENTITY;
static _Thread_local const uint32_t *groups;
static _Thread_local size_t group_count;

void env_test_set_identity(uint32_t uid, uint32_t gid, uint32_t umask, bool root)
{
    identity = (struct env_identity){
        .uid = uid, .gid = gid, .umask = umask, .capabilities = root ? CAPABILITY_ALL : 0};
}

void env_test_set_groups(const uint32_t *list, size_t count)
{
    groups = list;
    group_count = count;
}

void env_identity(struct env_identity *out)
{
    *out = identity;
}

bool env_capable(enum capability capability)
{
    return env_identity_may(&identity, capability);
}

bool env_in_group(uint32_t gid)
{
    bool found = gid == identity.gid;

    for (size_t i = 0; i < group_count && !found; i++)
        found = groups[i] == gid;
    return found;
}

#define SIGNALS_KEPT 256
static pthread_mutex_t words_lock = PTHREAD_MUTEX_INITIALIZER;
static struct env_test_signal signals[SIGNALS_KEPT];
static size_t signals_sent, signals_taken;

void env_signal_group(int32_t pgrp, int signal)
{
    pthread_mutex_lock(&words_lock);
    signals[signals_sent++ % SIGNALS_KEPT] = (struct env_test_signal){pgrp, signal};
    pthread_mutex_unlock(&words_lock);
}

bool env_test_take_signal(struct env_test_signal *out)
{
    pthread_mutex_lock(&words_lock);
    bool any = signals_taken != signals_sent;
    if (signals_sent - signals_taken > SIGNALS_KEPT)
        env_test_fault("more than %d signals were not taken", SIGNALS_KEPT);
    if (any)
        *out = signals[signals_taken++ % SIGNALS_KEPT];
    pthread_mutex_unlock(&words_lock);
    return any;
}

struct env_test_signal env_test_last_signal(void)
{
    struct env_test_signal last = {0, 0};

    pthread_mutex_lock(&words_lock);
    if (signals_sent != 0)
        last = signals[(signals_sent - 1) % SIGNALS_KEPT];
    pthread_mutex_unlock(&words_lock);
    return last;
}

size_t env_test_signal_count(void)
{
    pthread_mutex_lock(&words_lock);
    size_t count = signals_sent;
    pthread_mutex_unlock(&words_lock);
    return count;
}

static oskit_error_t (*job_judge)(int32_t sid, int32_t pgrp, int signal);

void env_test_set_job_check(oskit_error_t (*judge)(int32_t sid, int32_t pgrp, int signal))
{
    job_judge = judge;
}

oskit_error_t env_job_check(int32_t sid, int32_t pgrp, int signal)
{
    env_test_assert_may_sleep("env_job_check");
    return job_judge != NULL ? job_judge(sid, pgrp, signal) : OSKIT_SUCCESS;
}

/* ---- Words ---- */

static char log_text[65536]; /* guarded by words_lock; lines that no longer fit are dropped */
static size_t log_length;
static char panic_text[512];
static _Thread_local jmp_buf *panic_exit;

void env_random(void *buffer, size_t size)
{
    unsigned char *to = buffer;

    while (size > 0) {
        ssize_t got = getrandom(to, size, 0);
        if (got < 0 && errno != EINTR)
            env_test_fault("getrandom: %s", strerror(errno));
        to += got > 0 ? got : 0;
        size -= got > 0 ? (size_t)got : 0;
    }
}

void env_log(enum env_log_level level, const char *format, ...)
{
    char line[1024];
    va_list args;

    va_start(args, format);
    int length = vsnprintf(line, sizeof line - 1, format, args);
    va_end(args);
    if (length < 0)
        return;
    if (getenv("SLUICE_TEST_LOG") != NULL)
        fprintf(stderr, "<%d> %s\n", level, line);
    size_t size = strlen(line);
    line[size++] = '\n';
    pthread_mutex_lock(&words_lock);
    if (size < sizeof log_text - log_length) {
        memcpy(log_text + log_length, line, size);
        log_length += size;
        log_text[log_length] = '\0';
    }
    pthread_mutex_unlock(&words_lock);
}

const char *env_test_log(void)
{
    return log_text;
}

void env_test_log_clear(void)
{
    pthread_mutex_lock(&words_lock);
    log_length = 0;
    log_text[0] = '\0';
    pthread_mutex_unlock(&words_lock);
}

_Noreturn void env_panic(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(panic_text, sizeof panic_text, format, args);
    va_end(args);
    if (panic_exit != NULL)
        longjmp(*panic_exit, 1);
    env_test_fault("panic: %s", panic_text);
}

bool env_test_panics(void (*fn)(void *arg), void *arg)
{
    jmp_buf here;
    /* What the panic interrupted may have held locks; the thread's own account of them starts
     * afresh. */
    volatile unsigned held = spinlocks_held;
    volatile bool panicked = false;

    panic_exit = &here;
    if (setjmp(here) == 0)
        fn(arg);
    else
        panicked = true;
    panic_exit = NULL;
    spinlocks_held = held;
    return panicked;
}

const char *env_test_panic_text(void)
{
    return panic_text;
}

void env_test_reset(void)
{
    env_test_fail_after(0);
    env_test_fail_some(0);
    env_test_page_limit(0);
    env_test_clock_manual(false);
    env_test_set_device_memory(0, NULL, 0);
    env_test_set_ports(NULL, NULL, NULL);
    env_test_set_messages(UINT_MAX);
    env_test_set_cpus(1, 0);
    env_test_bad_user(NULL, 0);
    identity = (struct env_identity)DEFAULT_IDENTITY;
    env_test_set_groups(NULL, 0);
    env_test_set_job_check(NULL);
    pthread_mutex_lock(&words_lock);
    signals_sent = signals_taken = 0;
    pthread_mutex_unlock(&words_lock);
    env_test_log_clear();
}
