/*
 * POSIX timers. A timer has at most one signal pending: what expires meanwhile counts as its
 * overrun, which signal.c adds to the pending one. Numbers aren't reused within a process.
 *
 * Time is kept on the monotonic clock, save an absolute time of the real one, which moves when that
 * is set, and that of a timer on CPU time, each of which is kept on its own clock.
 *
 * Lock order: posix_timers.lock -> those of clock timers, process->alarm_lock, process->signal_lock
 * (to read CPU time). Signals are sent after it was released.
 */
#include "kernel/task/posix_timer.h"
#include <sluice/clock_timer.h>
#include "kernel/abi/errno.h"
#include "kernel/abi/timens.h"
#include "kernel/cpu/clock.h"
#include "kernel/mem/heap.h"
#include "kernel/task/cpu_clock.h"
#include "kernel/task/signal.h"

struct posix_timers {
    spinlock_t lock;
    struct list timers;
    int32_t next;
    uint64_t count;
};

struct posix_timer {
    struct list link;
    struct process *process; /* outlives it */
    struct thread *thread;   /* with a reference: SIGEV_THREAD_ID; or NULL */
    int32_t number, clock;
    struct abi_sigevent event;
    struct clock_timer timer;
    struct cpu_alarm alarm;      /* instead of it, on a clock of CPU time: then it has a process */
    uint64_t deadline, interval; /* ns; deadline 0: not armed */
    bool on_real;                /* the deadline is */
    int32_t overrun;             /* of the last signal taken */
};

/* ---- Expiring ---- */

static void posix_timer_send(const struct posix_timer *timer, uint64_t more)
{
    struct abi_siginfo info = {.si_signo = timer->event.sigev_signo, .si_code = ABI_SI_TIMER};
    info.timer.si_timerid = timer->number;
    info.timer.si_overrun = more < INT32_MAX ? (int32_t)more : INT32_MAX;
    info.timer.si_value = timer->event.sigev_value;
    if (timer->thread)
        signal_send_thread(timer->thread, &info);
    else
        signal_send_process(timer->process, &info);
}

static bool timer_on_cpu(const struct posix_timer *timer)
{
    return timer->alarm.clock.process;
}

/* On the timer's own scale. */
static uint64_t timer_now(const struct posix_timer *timer)
{
    if (timer_on_cpu(timer))
        return cpu_clock_read(&timer->alarm.clock);
    return timer->on_real ? (uint64_t)clock_real() : clock_monotonic();
}

/* Lock held, as firing starts it too. */
static void timer_arm(struct posix_timer *timer)
{
    if (timer_on_cpu(timer))
        cpu_alarm_start(&timer->alarm, timer->deadline);
    else
        clock_timer_start(&timer->timer, (int64_t)timer->deadline, timer->on_real);
}

/* Called early when the timer or the real clock has been set. */
static void posix_timer_fire(void *arg)
{
    struct posix_timer *timer = arg;
    struct posix_timers *timers = timer->process->posix_timers;
    uint64_t more = 0;
    spin_lock(&timers->lock);
    uint64_t now = timer_now(timer);
    bool due = timer->deadline && timer->deadline <= now;
    if (due && timer->interval) {
        more = (now - timer->deadline) / timer->interval;
        timer->deadline += timer->interval * (more + 1);
        timer_arm(timer);
    } else if (due) {
        timer->deadline = 0;
    } else if (timer->deadline) {
        timer_arm(timer);
    }
    spin_unlock(&timers->lock);
    if (due && timer->event.sigev_notify != ABI_SIGEV_NONE)
        posix_timer_send(timer, more);
}

static void posix_timer_alarm(struct cpu_alarm *alarm)
{
    posix_timer_fire(container_of(alarm, struct posix_timer, alarm));
}

void posix_timer_taken(const struct abi_siginfo *info)
{
    struct posix_timers *timers = current_process()->posix_timers;
    if (!timers)
        return;
    spin_lock(&timers->lock);
    list_for_each (link, &timers->timers) {
        struct posix_timer *timer = container_of(link, struct posix_timer, link);
        if (timer->number == info->timer.si_timerid)
            timer->overrun = info->timer.si_overrun;
    }
    spin_unlock(&timers->lock);
}

/* ---- A process's ---- */

static struct posix_timers *timers_get(void)
{
    struct process *process = current_process();
    struct posix_timers *none = NULL, *timers = process->posix_timers;
    if (timers)
        return timers;
    timers = heap_alloc(sizeof *timers, HEAP_ZERO);
    if (!timers)
        return NULL;
    list_init(&timers->timers);
    if (!atomic_compare_exchange_strong(&process->posix_timers, &none, timers)) {
        heap_free(timers);
        timers = none;
    }
    return timers;
}

/* The timer, with the lock taken; or NULL, and the lock is free. */
static struct posix_timer *timer_lock(struct posix_timers *timers, int32_t number)
{
    if (!timers)
        return NULL;
    spin_lock(&timers->lock);
    list_for_each (link, &timers->timers) {
        struct posix_timer *timer = container_of(link, struct posix_timer, link);
        if (timer->number == number)
            return timer;
    }
    spin_unlock(&timers->lock);
    return NULL;
}

/* It is on no list any more. */
static void timer_dispose(struct posix_timer *timer)
{
    if (timer_on_cpu(timer))
        cpu_alarm_stop(&timer->alarm);
    else
        clock_timer_stop(&timer->timer);
    cpu_clock_close(&timer->alarm.clock);
    if (timer->thread)
        thread_unref(timer->thread);
    heap_free(timer);
}

/* ---- Making ---- */

/* What the clock is, if it can have timers; one of CPU time is opened. */
static long clock_check(int32_t clock, struct cpu_clock *cpu)
{
    *cpu = (struct cpu_clock){0};
    if (cpu_clock_is(clock))
        return cpu_clock_open(clock, false, cpu);
    switch (clock) {
    case ABI_CLOCK_REALTIME:
    case ABI_CLOCK_MONOTONIC:
    case ABI_CLOCK_BOOTTIME:
    case ABI_CLOCK_TAI:
        return 0;
    case ABI_CLOCK_MONOTONIC_RAW:
    case ABI_CLOCK_REALTIME_COARSE:
    case ABI_CLOCK_MONOTONIC_COARSE:
        return -ABI_EOPNOTSUPP;
    default:
        return -ABI_EINVAL;
    }
}

/* The thread that SIGEV_THREAD_ID names: one of this process. */
static long event_thread(const struct abi_sigevent *event, struct thread **out)
{
    *out = NULL;
    if (event->sigev_notify != ABI_SIGEV_THREAD_ID)
        return 0;
    struct thread *thread = thread_find(event->tid);
    if (thread && thread->process == current_process()) {
        *out = thread;
        return 0;
    }
    if (thread)
        thread_unref(thread);
    return -ABI_EINVAL;
}

static bool event_valid(const struct abi_sigevent *event)
{
    if (event->sigev_notify == ABI_SIGEV_NONE)
        return true;
    return (event->sigev_notify == ABI_SIGEV_SIGNAL || event->sigev_notify == ABI_SIGEV_THREAD ||
            event->sigev_notify == ABI_SIGEV_THREAD_ID) &&
           event->sigev_signo > 0 && event->sigev_signo <= ABI_NSIG;
}

/* Gives TIMER its number and a place on the list. */
static long timer_enlist(struct posix_timers *timers, struct posix_timer *timer, bool named)
{
    uint64_t limit = process_limit(ABI_RLIMIT_SIGPENDING);
    spin_lock(&timers->lock);
    bool room = timers->count < limit && timers->next < INT32_MAX;
    if (room) {
        timer->number = timers->next++;
        timers->count++;
        if (!named)
            timer->event.sigev_value.sival_int = timer->number;
        list_push_back(&timers->timers, &timer->link);
    }
    spin_unlock(&timers->lock);
    return room ? timer->number : -ABI_EAGAIN;
}

/* Takes over the references of THREAD and CPU, also on failure. */
static long timer_create(int32_t clock, const struct abi_sigevent *event, bool named,
                         struct thread *thread, const struct cpu_clock *cpu)
{
    struct posix_timers *timers = timers_get();
    struct posix_timer *timer = timers ? heap_alloc(sizeof *timer, HEAP_ZERO) : NULL;
    struct cpu_clock unused = *cpu;
    if (!timer) {
        cpu_clock_close(&unused);
        if (thread)
            thread_unref(thread);
        return -ABI_EAGAIN;
    }
    timer->process = current_process();
    timer->thread = thread;
    timer->clock = clock;
    timer->event = *event;
    clock_timer_init(&timer->timer, posix_timer_fire, timer);
    cpu_alarm_init(&timer->alarm, posix_timer_alarm);
    timer->alarm.clock = *cpu;
    long number = timer_enlist(timers, timer, named);
    if (number < 0)
        timer_dispose(timer);
    return number;
}

long posix_timer_create(int32_t clock, const struct abi_sigevent *event, int32_t *out)
{
    static const struct abi_sigevent alarm = {.sigev_signo = ABI_SIGALRM,
                                              .sigev_notify = ABI_SIGEV_SIGNAL};
    struct thread *thread = NULL;
    struct cpu_clock cpu;
    const struct abi_sigevent *given = event ? event : &alarm;
    long error = clock_check(clock, &cpu);
    if (!error && !event_valid(given))
        error = -ABI_EINVAL;
    if (!error)
        error = event_thread(given, &thread);
    if (error) {
        cpu_clock_close(&cpu);
        return error;
    }
    long number = timer_create(clock, given, event != NULL, thread, &cpu);
    if (number < 0)
        return number;
    *out = (int32_t)number;
    return 0;
}

/* ---- Setting ---- */

/* Sets the deadline, which is armed by whoever calls this. FIRST isn't 0. Lock held. */
static void timer_set_deadline(struct posix_timer *timer, bool absolute, uint64_t first)
{
    timer->on_real = absolute && clock_is_real(timer->clock);
    uint64_t now = timer_now(timer);
    if (!absolute)
        timer->deadline = now + first;
    else
        timer->deadline = first > now ? first : now;
}

/* Armed never reads as zero, which would mean disarmed. Lock held. */
static void timer_describe(const struct posix_timer *timer, uint64_t now,
                           struct abi_itimerspec *out)
{
    uint64_t left = 0;
    if (timer->deadline)
        left = timer->deadline > now ? timer->deadline - now : 1;
    out->it_interval = timespec_from_ns((int64_t)timer->interval);
    out->it_value = timespec_from_ns((int64_t)left);
}

long posix_timer_set(int32_t number, bool absolute, const struct abi_itimerspec *value,
                     struct abi_itimerspec *old)
{
    if (!timespec_valid(&value->it_value) || !timespec_valid(&value->it_interval))
        return -ABI_EINVAL;
    struct posix_timers *timers = current_process()->posix_timers;
    struct posix_timer *timer = timer_lock(timers, number);
    if (!timer)
        return -ABI_EINVAL;
    uint64_t first = timespec_delay(&value->it_value);
    timer_describe(timer, timer_now(timer), old);
    timer->deadline = 0;
    if (first)
        timer_set_deadline(timer, absolute, first);
    timer->interval = first ? timespec_delay(&value->it_interval) : 0;
    timer->overrun = 0;
    /* One that is disarmed stays queued; nothing is due when it fires. */
    if (timer->deadline)
        timer_arm(timer);
    spin_unlock(&timers->lock);
    return 0;
}

long posix_timer_get(int32_t number, struct abi_itimerspec *out)
{
    struct posix_timers *timers = current_process()->posix_timers;
    struct posix_timer *timer = timer_lock(timers, number);
    if (!timer)
        return -ABI_EINVAL;
    timer_describe(timer, timer_now(timer), out);
    spin_unlock(&timers->lock);
    return 0;
}

long posix_timer_overrun(int32_t number)
{
    struct posix_timers *timers = current_process()->posix_timers;
    struct posix_timer *timer = timer_lock(timers, number);
    if (!timer)
        return -ABI_EINVAL;
    int32_t overrun = timer->overrun;
    spin_unlock(&timers->lock);
    return overrun;
}

/* ---- Ending ---- */

long posix_timer_delete(int32_t number)
{
    struct posix_timers *timers = current_process()->posix_timers;
    struct posix_timer *timer = timer_lock(timers, number);
    if (!timer)
        return -ABI_EINVAL;
    list_remove(&timer->link);
    timers->count--;
    timer->deadline = timer->interval = 0; /* firing may be on the way: it finds nothing due */
    spin_unlock(&timers->lock);
    timer_dispose(timer);
    return 0;
}

void posix_timers_release(struct process *process)
{
    struct posix_timers *timers = process->posix_timers;
    struct list *link;
    if (!timers)
        return;
    while ((link = list_pop_front(&timers->timers))) {
        struct posix_timer *timer = container_of(link, struct posix_timer, link);
        spin_lock(&timers->lock);
        timer->deadline = timer->interval = 0;
        spin_unlock(&timers->lock);
        timer_dispose(timer);
    }
    timers->count = 0;
}
