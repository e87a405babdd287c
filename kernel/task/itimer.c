/*
 * Interval timers. ITIMER_REAL runs on the kernel's timers; the two that count CPU time are checked
 * at the scheduler's ticks.
 *
 * Lock order: itimers->lock -> timer_queue.lock; the signal is sent after it was released.
 */
#include "kernel/task/itimer.h"
#include "kernel/abi/errno.h"
#include "kernel/abi/timens.h"
#include "kernel/cpu/clock.h"
#include "kernel/mem/heap.h"
#include "kernel/task/signal.h"
#include "kernel/task/timer.h"

struct itimers {
    spinlock_t lock;
    struct process *process;
    ktimer_t timer;
    uint64_t deadline, interval; /* ITIMER_REAL, ns; deadline 0: not armed */
    struct cpu_itimer {
        uint64_t deadline, interval; /* in ns of the process's CPU time */
    } cpu[2];                        /* ITIMER_VIRTUAL, ITIMER_PROF */
};

static void itimer_signal(struct process *process, int signal)
{
    struct abi_siginfo info;
    signal_info_kernel(&info, signal);
    signal_send_process(process, &info);
}

static void itimer_fire(void *arg)
{
    struct itimers *timers = arg;
    spin_lock(&timers->lock);
    bool due = timers->deadline && timers->deadline <= clock_monotonic();
    if (due && timers->interval) {
        /* From the deadline, not from now: the period doesn't drift. Missed ones are skipped, as
         * the signal would merge them. */
        uint64_t behind = clock_monotonic() - timers->deadline;
        timers->deadline += timers->interval * (behind / timers->interval + 1);
        timer_start(&timers->timer, timers->deadline);
    } else if (due) {
        timers->deadline = 0;
    }
    spin_unlock(&timers->lock);
    if (due)
        itimer_signal(timers->process, ABI_SIGALRM);
}

static struct itimers *itimers_get(void)
{
    struct process *process = current_process();
    if (process->timers)
        return process->timers;
    struct itimers *timers = heap_alloc(sizeof *timers, HEAP_ZERO);
    if (!timers)
        return NULL;
    timers->process = process;
    timer_init(&timers->timer, itimer_fire, timers);
    spin_lock(&process->signal_lock);
    struct itimers *raced = process->timers;
    if (!raced)
        process->timers = timers;
    spin_unlock(&process->signal_lock);
    if (raced)
        heap_free(timers);
    return process->timers;
}

void itimers_release(struct process *process)
{
    struct itimers *timers = process->timers;
    if (!timers)
        return;
    spin_lock(&timers->lock);
    timers->deadline = timers->interval = 0;
    timers->cpu[0] = timers->cpu[1] = (struct cpu_itimer){0};
    spin_unlock(&timers->lock);
    timer_stop(&timers->timer);
}

static uint64_t itimer_now(int which)
{
    if (which == ABI_ITIMER_REAL)
        return clock_monotonic();
    uint64_t user, system;
    process_times(current_process(), &user, &system);
    return which == ABI_ITIMER_VIRTUAL ? user : user + system;
}

static void itimer_describe(const struct itimers *timers, int which, struct abi_itimerval *out)
{
    bool real = which == ABI_ITIMER_REAL;
    uint64_t deadline = real ? timers->deadline : timers->cpu[which - 1].deadline;
    uint64_t interval = real ? timers->interval : timers->cpu[which - 1].interval;
    uint64_t now = itimer_now(which);
    out->it_interval = timeval_from_ns((int64_t)interval);
    /* Armed never reads as zero, which would mean disarmed. */
    out->it_value = deadline
                        ? timeval_from_ns(deadline > now + 1000 ? (int64_t)(deadline - now) : 1000)
                        : (struct abi_timeval){0};
}

long itimer_get(int which, struct abi_itimerval *out)
{
    if (which < ABI_ITIMER_REAL || which > ABI_ITIMER_PROF)
        return -ABI_EINVAL;
    struct itimers *timers = current_process()->timers;
    *out = (struct abi_itimerval){0};
    if (timers)
        itimer_describe(timers, which, out);
    return 0;
}

long itimer_set(int which, const struct abi_itimerval *value, struct abi_itimerval *old)
{
    if (which < ABI_ITIMER_REAL || which > ABI_ITIMER_PROF || !timeval_valid(&value->it_value) ||
        !timeval_valid(&value->it_interval))
        return -ABI_EINVAL;
    struct itimers *timers = itimers_get();
    if (!timers)
        return -ABI_ENOMEM;
    uint64_t first = timeval_delay(&value->it_value);
    uint64_t deadline = first ? itimer_now(which) + first : 0;
    bool real = which == ABI_ITIMER_REAL;
    itimer_describe(timers, which, old);
    spin_lock(&timers->lock);
    *(real ? &timers->interval : &timers->cpu[which - 1].interval) =
        timeval_delay(&value->it_interval);
    *(real ? &timers->deadline : &timers->cpu[which - 1].deadline) = deadline;
    /* Under the lock, for timer_start by two threads at once would queue the timer twice. A timer
     * that is disarmed stays queued; nothing is due when it fires. */
    if (real && deadline)
        timer_start(&timers->timer, deadline);
    spin_unlock(&timers->lock);
    return 0;
}

static void cpu_itimer_check(struct itimers *timers, int which, uint64_t now, int signal)
{
    struct cpu_itimer *timer = &timers->cpu[which - 1];
    spin_lock(&timers->lock);
    bool due = timer->deadline && timer->deadline <= now;
    if (due)
        timer->deadline =
            timer->interval ? now + timer->interval - (now - timer->deadline) % timer->interval : 0;
    spin_unlock(&timers->lock);
    if (due)
        itimer_signal(timers->process, signal);
}

void itimers_tick(struct process *process)
{
    struct itimers *timers = process->timers;
    if (!timers || (!timers->cpu[0].deadline && !timers->cpu[1].deadline))
        return;
    uint64_t user, system;
    process_times(process, &user, &system);
    cpu_itimer_check(timers, ABI_ITIMER_VIRTUAL, user, ABI_SIGVTALRM);
    cpu_itimer_check(timers, ABI_ITIMER_PROF, user + system, ABI_SIGPROF);
}
