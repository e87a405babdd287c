/*
 * The porting header (sluice/env.h) on the reference kernel: each function is a line or two over
 * the kernel's own. What is not here: env_irq_attach, env_msi_attach and env_irq_detach
 * (kernel/cpu/irq.c), identity, signals and job control (kernel/task/host_process.c).
 */
#include <stdarg.h>
#include <sluice/env.h>
#include "kernel/cpu/clock.h"
#include "kernel/cpu/spinlock.h"
#include "kernel/log.h"
#include "kernel/mem/heap.h"
#include "kernel/mem/pages.h"
#include "kernel/mem/space.h"
#include "kernel/mem/usercopy.h"
#include "kernel/mem/vmap.h"
#include "kernel/random.h"
#include "kernel/task/mutex.h"
#include "kernel/task/thread.h"
#include "kernel/task/timer.h"

/* ---- Memory ---- */

_Static_assert(ENV_PAGE_SIZE == PAGE_SIZE, "one page size");
_Static_assert(ENV_ZERO == HEAP_ZERO && ENV_ZERO == PAGES_ZERO, "flags are passed through");

/* The kernel never sleeps for memory, so ENV_NOSLEEP asks for nothing more. */
void *env_alloc(size_t size, unsigned flags)
{
    return heap_alloc_for(size, flags & ENV_ZERO, __builtin_return_address(0));
}

void env_free(void *block, size_t size)
{
    (void)size;
    heap_free(block);
}

void *env_page_alloc(unsigned order, unsigned flags)
{
    return page_alloc(order, flags & ENV_ZERO);
}

void env_page_ref(void *page)
{
    page_ref(page);
}

void env_page_unref(void *page)
{
    page_unref(page);
}

bool env_page_shared(const void *page)
{
    return page_references(page) > 1;
}

void env_reclaim_register(struct env_reclaim *reclaim)
{
    pages_reclaim_register(reclaim);
}

oskit_error_t env_user_pin(const void *user, size_t count, bool write, void **pages)
{
    int error = space_pin(current_thread()->space, (uint64_t)user, count, write, pages);
    return error ? OSKIT_EFAULT : OSKIT_SUCCESS;
}

size_t env_page_total(void)
{
    return pages_total();
}

size_t env_page_free(void)
{
    return pages_free();
}

_Static_assert(ENV_INLINE_DIRECT == DIRECT_BASE, "env_inline.h");

uint64_t(env_dma_address)(const void *p)
{
    return page_physical(p);
}

void *env_map_device(uint64_t phys, size_t size)
{
    return vmap_device(phys, size);
}

/* ---- Locks: in parentheses, for env_inline.h has macros of these names ---- */

void(env_spin_lock)(struct env_spinlock *lock)
{
    spin_lock(lock);
}

void(env_spin_unlock)(struct env_spinlock *lock)
{
    spin_unlock(lock);
}

void(env_mutex_lock)(struct env_mutex *mutex)
{
    mutex_lock(mutex);
}

bool env_mutex_trylock(struct env_mutex *mutex)
{
    return mutex_trylock(mutex);
}

void(env_mutex_unlock)(struct env_mutex *mutex)
{
    mutex_unlock(mutex);
}

/* ---- Sleeping ---- */

struct sleep_state {
    spinlock_t lock; /* held by the waker while it touches the rest: the sleeper takes it before it
                        leaves */
    bool woken;
    struct thread *thread;
};

_Static_assert(sizeof(struct sleep_state) <= sizeof(struct env_sleep), "env_sleep is too small");

void env_sleep_init(struct env_sleep *sleep)
{
    *(struct sleep_state *)sleep = (struct sleep_state){.thread = current_thread()};
}

bool env_sleep(struct env_sleep *sleep, uint64_t deadline)
{
    struct sleep_state *state = (struct sleep_state *)sleep;
    for (int error = 0;;) {
        spin_lock(&state->lock);
        bool woken = state->woken;
        if (!woken && !error)
            thread_sleep_prepare(SLEEP_UNINTERRUPTIBLE);
        spin_unlock(&state->lock);
        if (woken || error)
            return woken;
        error = thread_sleep(deadline);
        thread_sleep_finish();
    }
}

void env_wakeup(struct env_sleep *sleep)
{
    struct sleep_state *state = (struct sleep_state *)sleep;
    spin_lock(&state->lock);
    state->woken = true;
    thread_wake(state->thread);
    spin_unlock(&state->lock);
}

oskit_error_t env_thread_start(const char *name, void (*fn)(void *arg), void *arg)
{
    return thread_run(name, fn, arg) < 0 ? OSKIT_ENOMEM : 0;
}

uintptr_t env_context(void)
{
    return (uintptr_t)current_thread();
}

/* ---- Time ---- */

uint64_t env_time_monotonic(void)
{
    return clock_monotonic();
}

int64_t env_time_real(void)
{
    return clock_real();
}

void env_timer_init(struct env_timer *timer, void (*fn)(void *arg), void *arg)
{
    timer_init(timer, fn, arg);
}

void env_timer_start(struct env_timer *timer, uint64_t deadline)
{
    timer_start(timer, deadline);
}

bool env_timer_stop(struct env_timer *timer)
{
    return timer_stop(timer);
}

/* ---- Processors and I/O ports ---- */

unsigned env_cpu_count(void)
{
    return cpu_count;
}

unsigned(env_cpu_index)(void)
{
    return cpu_index();
}

uint8_t env_in8(uint16_t port)
{
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

uint16_t env_in16(uint16_t port)
{
    uint16_t value;
    __asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

uint32_t env_in32(uint16_t port)
{
    uint32_t value;
    __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

void env_out8(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" ::"a"(value), "Nd"(port));
}

void env_out8_string(uint16_t port, const uint8_t *bytes, size_t count)
{
    __asm__ volatile("rep outsb" : "+S"(bytes), "+c"(count) : "d"(port) : "memory");
}

void env_out16(uint16_t port, uint16_t value)
{
    __asm__ volatile("outw %0, %1" ::"a"(value), "Nd"(port));
}

void env_out32(uint16_t port, uint32_t value)
{
    __asm__ volatile("outl %0, %1" ::"a"(value), "Nd"(port));
}

/* ---- Programs ---- */

size_t env_copy_from_user(void *to, const void *user, size_t size)
{
    return copy_from_user(to, user, size);
}

size_t env_copy_to_user(void *user, const void *from, size_t size)
{
    return copy_to_user(user, from, size);
}

size_t env_zero_user(void *user, size_t size)
{
    return zero_user(user, size);
}

/* ---- Words ---- */

void env_random(void *buffer, size_t size)
{
    random_fill(buffer, size);
}

void env_log(enum env_log_level level, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    log_vwrite((enum log_level)level, format, args);
    va_end(args);
}

void env_panic(const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    format_vtext(text, sizeof text, format, args);
    va_end(args);
    panic("%s", text);
}
