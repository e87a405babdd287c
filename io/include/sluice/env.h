/*
 * The porting header: everything that io/ and drivers/ ask of the kernel they are linked into.
 *
 * Implement these functions and the whole of io/ and drivers/ runs in your kernel. Two hosts exist
 * to copy from: kernel/host.c (the reference kernel) and tests/host/env.c (a Linux process).
 *
 * Contexts. Code runs in one of two:
 *   thread     may sleep; is preemptible unless it holds a spinlock.
 *   interrupt  an interrupt handler (env_irq_attach) or a timer callback (env_timer_init). May not
 * sleep, may take spinlocks, may wake sleepers. A host may run these in true interrupt context or
 * in a deferred context of its own, as the reference kernel does; the rules are the same. Each
 * function says which contexts may call it: [any] or [thread]. [thread] functions may sleep and
 * must not be called with a spinlock held.
 *
 * An all-zero spinlock is unlocked and an all-zero mutex is unlocked; neither needs destroying.
 */
#ifndef SLUICE_ENV_H
#define SLUICE_ENV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <oskit/error.h>
#include <sluice/capability.h>

/* ---- Memory
 * ------------------------------------------------------------------------------------------- */

#define ENV_PAGE_SIZE  4096u
#define ENV_PAGE_SHIFT 12

/* Flags of env_alloc and env_page_alloc. */
#define ENV_ZERO 1u /* the memory reads as zeros */
#define ENV_NOSLEEP \
    2u /* fail rather than wait for memory; needed in interrupt context or with a spinlock held */

/* SIZE bytes (> 0) aligned to 16, or NULL when there is no memory. [any with ENV_NOSLEEP, else
 * thread] */
void *env_alloc(size_t size, unsigned flags);
/* Frees what env_alloc returned; SIZE is the size asked for then. NULL is ignored. [any] */
void env_free(void *block, size_t size);

/*
 * 2^ORDER physically contiguous pages, aligned to their size, with one reference; NULL when there
 * is no memory. The address stays valid and directly usable until the last reference goes. [any
 * with ENV_NOSLEEP, else thread]
 */
void *env_page_alloc(unsigned order, unsigned flags);
/* Adds a reference to the pages that start at PAGE. [any] */
void env_page_ref(void *page);
/* Drops a reference; the last one frees the pages. [any] */
void env_page_unref(void *page);

/* Whether anybody holds a reference besides one that the caller knows of. When the caller alone
 * gives references out, "no" stays true until it does. [any] */
bool env_page_shared(const void *page);

/*
 * Memory that can be given up when the host is short of it. RECLAIM(ARG, PAGES) frees about PAGES
 * pages if it can and returns how many it did; it is called in thread context, but by whoever asks
 * for memory: it must not wait for a lock under which anyone allocates, nor allocate more than
 * little things. The struct is the caller's and stays registered for good. [thread]
 */
struct env_reclaim {
    size_t (*reclaim)(void *arg, size_t pages);
    void *arg;
    struct env_reclaim *next; /* the host's */
};
void env_reclaim_register(struct env_reclaim *reclaim);
/* Pages of memory in all, and free now; for limits that follow the machine's size. [any] */
size_t env_page_total(void);
size_t env_page_free(void);

/* Device (DMA) address of memory from env_alloc or env_page_alloc. [any] */
uint64_t env_dma_address(const void *p);
/* Maps SIZE bytes of device memory at physical PHYS, uncached; NULL on failure. Never unmapped.
 * [thread] */
void *env_map_device(uint64_t phys, size_t size);

/* ---- Locks
 * -------------------------------------------------------------------------------------------- */

/*
 * Excludes other CPUs, preemption and interrupt-context code of this CPU. Hold briefly; never sleep
 * inside; not recursive. [any]
 */
struct env_spinlock {
    _Atomic uint32_t word;
};
void env_spin_lock(struct env_spinlock *lock);
void env_spin_unlock(struct env_spinlock *lock);

/* A sleeping lock, not recursive, released by the thread that took it. */
struct env_mutex {
    uintptr_t opaque[6];
};
void env_mutex_lock(struct env_mutex *mutex);    /* [thread] */
bool env_mutex_trylock(struct env_mutex *mutex); /* true when taken [thread] */
void env_mutex_unlock(struct env_mutex *mutex);  /* [thread] */

/* ---- Sleeping
 * ----------------------------------------------------------------------------------------- */

#define ENV_FOREVER UINT64_MAX

/*
 * One sleeper waiting for one event. A wakeup between env_sleep_init and env_sleep is not lost: the
 * sleep then returns at once. After a sleep returned, init again before reuse. Usually lives on the
 * sleeper's stack; the waker must be done with it (its lock released) before the sleeper may leave
 * the frame.
 */
struct env_sleep {
    uintptr_t opaque[6];
};
void env_sleep_init(struct env_sleep *sleep); /* [thread] */
/* Sleeps till woken or until DEADLINE (env_time_monotonic's scale, or ENV_FOREVER). true when
 * woken, false on timeout. Not ended by signals. [thread] */
bool env_sleep(struct env_sleep *sleep, uint64_t deadline);
void env_wakeup(struct env_sleep *sleep); /* [any] */

/* Starts a thread that runs FN(ARG) and ends when FN returns. NAME is copied (15 characters).
 * [thread] */
oskit_error_t env_thread_start(const char *name, void (*fn)(void *arg), void *arg);

/* A number, never 0, that tells the calling thread from all others alive. In interrupt context:
 * that of the interrupted thread, or one of the CPU's own. [any] */
uintptr_t env_context(void);

/* ---- Time
 * --------------------------------------------------------------------------------------------- */

uint64_t
env_time_monotonic(void);    /* nanoseconds since an arbitrary start, never steps back [any] */
int64_t env_time_real(void); /* nanoseconds since 1970-01-01 00:00 UTC [any] */

/* A one-shot timer; FN runs in interrupt context. */
struct env_timer {
    uintptr_t opaque[8];
};
void env_timer_init(struct env_timer *timer, void (*fn)(void *arg), void *arg); /* [any] */
void env_timer_start(struct env_timer *timer, uint64_t deadline); /* starts or moves it [any] */
/* After it returns FN is not running and will not run (unless started again); true when it had been
 * pending. Must not be called by FN itself nor with a lock held that FN takes. [any] */
bool env_timer_stop(struct env_timer *timer);

/* ---- Devices
 * ------------------------------------------------------------------------------------------ */

/*
 * Calls HANDLER(ARG) in interrupt context for each interrupt on ISA/GSI line LINE; the handler
 * returns true when its device had asked (lines may be shared). *OUT identifies it for
 * env_irq_detach, after which the handler doesn't run.
 */
struct env_irq;
oskit_error_t env_irq_attach(unsigned line, bool (*handler)(void *arg), void *arg,
                             struct env_irq **out); /* [thread] */
void env_irq_detach(struct env_irq *irq);           /* [thread] */

/*
 * A message-signalled interrupt: HANDLER(ARG) runs in interrupt context, on processor CPU when the
 * host can steer (CPU < env_cpu_count()), whenever a device writes *DATA to *ADDRESS. It is that
 * device's own; no one shares it. env_irq_detach ends it. OSKIT_E_NOTIMPL: the host has none, use
 * env_irq_attach; OSKIT_ENOMEM: no vector is left. [thread]
 */
oskit_error_t env_msi_attach(unsigned cpu, void (*handler)(void *arg), void *arg,
                             struct env_irq **out, uint64_t *address, uint32_t *data);

/* Processors that run, and the caller's (it may be another one right after, in thread context).
 * [any] */
unsigned env_cpu_count(void);
unsigned env_cpu_index(void);

uint8_t env_in8(uint16_t port); /* x86 I/O ports [any] */
uint16_t env_in16(uint16_t port);
uint32_t env_in32(uint16_t port);
void env_out8(uint16_t port, uint8_t value);
/* COUNT bytes to one port, in order: what a FIFO is filled with. */
void env_out8_string(uint16_t port, const uint8_t *bytes, size_t count);
void env_out16(uint16_t port, uint16_t value);
void env_out32(uint16_t port, uint32_t value);

/* ---- Programs and people
 * ------------------------------------------------------------------------------ */

/*
 * Copies between kernel memory and the calling thread's program. The user side is checked: the part
 * that is not accessible is not touched. Returns the number of bytes NOT copied (0 is success). May
 * fault pages in: no spinlock may be held. [thread]
 */
size_t env_copy_from_user(void *to, const void *user, size_t size);
size_t env_copy_to_user(void *user, const void *from, size_t size);
size_t env_zero_user(void *user, size_t size);

/*
 * Pins COUNT pages of the calling program from USER (page-aligned): pages[i] becomes the kernel
 * address of page i, one run of ENV_PAGE_SIZE bytes for processor and device, with a reference
 * that env_page_unref gives back (in any context). WRITE: the device will write them, so copies
 * are made of pages shared copy-on-write first. OSKIT_EFAULT: some of it can't be accessed so;
 * nothing is pinned then. [thread]
 */
oskit_error_t env_user_pin(const void *user, size_t count, bool write, void **pages);

/* Who asks: the identity of the calling thread for permission checks. [thread] */
struct env_identity {
    uint32_t uid, gid; /* file-system ids */
    uint32_t umask;
    uint64_t capabilities; /* what it may regardless: <sluice/capability.h> */
};
void env_identity(struct env_identity *out);
static inline bool env_identity_may(const struct env_identity *who, enum capability capability)
{
    return capability_in(who->capabilities, capability);
}
bool env_capable(enum capability capability); /* whether the caller may; the same, asked alone */
bool env_in_group(
    uint32_t gid); /* GID is the caller's group or among its supplementary ones [thread] */

/* Sends signal SIGNAL (Linux numbers) to process group PGRP. No such group: nothing happens. [any]
 */
void env_signal_group(int32_t pgrp, int signal);
/*
 * Asks whether the caller may use the terminal of session SID whose foreground group is PGRP, as
 * POSIX job control has it for reading (SIGNAL = SIGTTIN) or writing and changing (SIGNAL =
 * SIGTTOU). OSKIT_SUCCESS: go ahead. OSKIT_EINTR: the signal was sent to the caller's group, give
 * up now. OSKIT_EIO: orphaned, or the signal is blocked or ignored. [thread]
 */
oskit_error_t env_job_check(int32_t sid, int32_t pgrp, int signal);

/* ---- Words
 * -------------------------------------------------------------------------------------------- */

/* SIZE unpredictable bytes. [any] */
void env_random(void *buffer, size_t size);

enum env_log_level { ENV_LOG_ERROR = 3, ENV_LOG_WARNING = 4, ENV_LOG_INFO = 6, ENV_LOG_DEBUG = 7 };
/* One line, without a newline. printf's %s %c %d %i %u %x %X %p %% with h hh l ll z, width, '-',
 * '0' and '*'. [any] */
void env_log(enum env_log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Says why and stops the machine. [any] */
_Noreturn void env_panic(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- Inline forms ---- */

/*
 * A host may compile io/ and drivers/ with SLUICE_ENV_INLINE defined as the name of a header, in
 * quotes or angles. It may then define macros that stand before functions above, for what costs
 * less than a call; the functions must exist all the same.
 */
#ifdef SLUICE_ENV_INLINE
#include SLUICE_ENV_INLINE
#endif

#endif
