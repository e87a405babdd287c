/*
 * Clocks of CPU time. Numbers below zero name one, as in Linux: the complement of a process or
 * thread number above three bits, of which the third says "thread" and the others which time.
 *
 * Locks: process->alarm_lock guards the list and what is on it. A tick takes what is due off the
 * list and calls it without the lock; who stops an alarm waits for that. Inside posix_timers.lock,
 * outside nothing.
 */
#include "kernel/task/cpu_clock.h"
#include "kernel/abi/errno.h"
#include "kernel/abi/timens.h"
#include "kernel/task/itimer.h"
#include "kernel/task/signal.h"

#define CLOCK_WHICH_MASK 3
#define CLOCK_VIRTUAL    1
#define CLOCK_SCHED      2
#define CLOCK_THREAD     4

/* ---- Which clock ---- */

bool cpu_clock_is(int32_t number)
{
    return number < 0 || number == ABI_CLOCK_PROCESS_CPUTIME_ID ||
           number == ABI_CLOCK_THREAD_CPUTIME_ID;
}

bool cpu_clock_ticks(int32_t number)
{
    return number < 0 && (number & CLOCK_WHICH_MASK) != CLOCK_SCHED;
}

/* The number as the general form has it; process or thread 0 is the caller's. */
static int32_t clock_general(int32_t number)
{
    if (number == ABI_CLOCK_PROCESS_CPUTIME_ID)
        return (int32_t)(~0u << 3 | CLOCK_SCHED);
    if (number == ABI_CLOCK_THREAD_CPUTIME_ID)
        return (int32_t)(~0u << 3 | CLOCK_THREAD | CLOCK_SCHED);
    return number;
}

static struct thread *clock_thread(int32_t tid)
{
    if (!tid || tid == current_thread()->tid) {
        thread_ref(current_thread());
        return current_thread();
    }
    struct thread *thread = thread_find(tid);
    if (thread && thread->process != current_process()) {
        thread_unref(thread);
        thread = NULL;
    }
    return thread;
}

static struct process *clock_process(int32_t pid, bool reading)
{
    if (!pid || (reading && pid == current_thread()->tid)) {
        process_ref(current_process());
        return current_process();
    }
    return process_find(pid);
}

long cpu_clock_open(int32_t number, bool reading, struct cpu_clock *out)
{
    number = clock_general(number);
    int32_t which = number & CLOCK_WHICH_MASK, id = (int32_t)(~(uint32_t)number >> 3);
    *out = (struct cpu_clock){.user = which == CLOCK_VIRTUAL};
    if (number >= 0 || which > CLOCK_SCHED)
        return -ABI_EINVAL;
    if (number & CLOCK_THREAD) {
        out->thread = clock_thread(id);
        if (!out->thread)
            return -ABI_EINVAL;
        out->process = out->thread->process;
        process_ref(out->process);
    } else {
        out->process = clock_process(id, reading);
    }
    return out->process ? 0 : -ABI_EINVAL;
}

void cpu_clock_close(struct cpu_clock *clock)
{
    if (clock->thread)
        thread_unref(clock->thread);
    if (clock->process)
        process_unref(clock->process);
    *clock = (struct cpu_clock){0};
}

uint64_t cpu_clock_read(const struct cpu_clock *clock)
{
    uint64_t user, system;
    if (clock->thread)
        thread_times(clock->thread, &user, &system);
    else
        process_times(clock->process, &user, &system);
    return clock->user ? user : user + system;
}

/* ---- Alarms ---- */

void cpu_alarm_init(struct cpu_alarm *alarm, void (*fire)(struct cpu_alarm *alarm))
{
    list_init(&alarm->link);
    alarm->fire = fire;
}

void cpu_alarm_start(struct cpu_alarm *alarm, uint64_t deadline)
{
    struct process *process = alarm->clock.process;
    spin_lock(&process->alarm_lock);
    alarm->deadline = deadline;
    if (list_empty(&alarm->link))
        list_push_back(&process->cpu_alarms, &alarm->link);
    spin_unlock(&process->alarm_lock);
}

void cpu_alarm_stop(struct cpu_alarm *alarm)
{
    struct process *process = alarm->clock.process;
    spin_lock(&process->alarm_lock);
    list_remove(&alarm->link);
    while (alarm->firing) { /* at the tick of another CPU: a few instructions */
        spin_unlock(&process->alarm_lock);
        cpu_pause();
        spin_lock(&process->alarm_lock);
        list_remove(&alarm->link); /* it may have started itself again */
    }
    spin_unlock(&process->alarm_lock);
}

/* The next alarm of THREAD's clock (NULL: the process's) that is due, off the list and firing;
 * NULL: none. */
static struct cpu_alarm *alarm_due(struct process *process, struct thread *thread, uint64_t user,
                                   uint64_t all)
{
    struct cpu_alarm *due = NULL;
    spin_lock(&process->alarm_lock);
    list_for_each (link, &process->cpu_alarms) {
        struct cpu_alarm *alarm = container_of(link, struct cpu_alarm, link);
        if (alarm->clock.thread == thread && alarm->deadline <= (alarm->clock.user ? user : all)) {
            due = alarm;
            break;
        }
    }
    if (due) {
        list_remove(&due->link);
        due->firing = true;
    }
    spin_unlock(&process->alarm_lock);
    return due;
}

static void alarms_fire(struct process *process, struct thread *thread)
{
    struct cpu_alarm *alarm;
    uint64_t user, system;
    if (thread)
        thread_times(thread, &user, &system);
    else
        process_times(process, &user, &system);
    while ((alarm = alarm_due(process, thread, user, user + system))) {
        alarm->fire(alarm);
        spin_lock(&process->alarm_lock);
        alarm->firing = false;
        spin_unlock(&process->alarm_lock);
    }
}

/* ---- RLIMIT_CPU and RLIMIT_RTTIME ---- */

static void limit_signal(struct process *process, int signal)
{
    struct abi_siginfo info;
    signal_info_kernel(&info, signal);
    signal_send_process(process, &info);
}

static bool limit_set(const struct process *process, unsigned resource)
{
    const struct abi_rlimit *limit = &process->limits[resource];
    return limit->rlim_cur != ABI_RLIM_INFINITY || limit->rlim_max != ABI_RLIM_INFINITY;
}

/* Beyond the soft limit a signal each SECOND, for which the limit moves, as Linux has it; at the
 * hard one the end. */
static void limit_check(struct process *process, unsigned resource, uint64_t used, uint64_t second)
{
    struct abi_rlimit *limit = &process->limits[resource];
    spin_lock(&process->signal_lock);
    int signal = used >= limit->rlim_max ? ABI_SIGKILL : used >= limit->rlim_cur ? ABI_SIGXCPU : 0;
    if (signal == ABI_SIGXCPU)
        limit->rlim_cur += second;
    spin_unlock(&process->signal_lock);
    if (signal)
        limit_signal(process, signal);
}

static void limits_check(struct process *process)
{
    const struct thread *self = current_thread();
    uint64_t user, system;
    if (limit_set(process, ABI_RLIMIT_CPU)) {
        process_times(process, &user, &system);
        limit_check(process, ABI_RLIMIT_CPU, (user + system) / NS_PER_S, 1);
    }
    if (self->priority && limit_set(process, ABI_RLIMIT_RTTIME))
        limit_check(process, ABI_RLIMIT_RTTIME, (self->cpu_time - self->urgent_from) / NS_PER_US,
                    NS_PER_S / NS_PER_US);
}

void cpu_clock_tick(struct process *process)
{
    itimers_tick(process);
    if (!list_empty(&process->cpu_alarms)) {
        alarms_fire(process, current_thread());
        alarms_fire(process, NULL);
    }
    limits_check(process);
}
