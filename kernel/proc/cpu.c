/* The CPUs: what they are, what they did, who interrupted them. */
#include <stdatomic.h>
#include "kernel/cpu/clock.h"
#include "kernel/cpu/features.h"
#include "kernel/cpu/irq.h"
#include "kernel/cpu/percpu.h"
#include "kernel/proc/system.h"
#include "kernel/task/mutex.h"

#define NS_PER_TICK      (1000000000ul / 100)
#define WAITS_FOR_SAMPLE (10 * NS_PER_TICK)

/* ---- cpuinfo ---- */

static void cpu_show(struct synth_text *text, const struct cpu *cpu, const char *flags)
{
    const struct cpu_features *f = &cpu_features;
    unsigned long khz = clock_tsc_hz() / 1000;
    synth_printf(text, "processor\t: %u\nvendor_id\t: %s\ncpu family\t: %u\nmodel\t\t: %u\n",
                 cpu->id, f->vendor, f->family, f->model);
    synth_printf(text, "model name\t: %s\nstepping\t: %u\ncpu MHz\t\t: %lu.%03lu\n", f->model_name,
                 f->stepping, khz / 1000, khz % 1000);
    synth_printf(text,
                 "physical id\t: 0\nsiblings\t: %u\ncore id\t\t: %u\ncpu cores\t: %u\n"
                 "apicid\t\t: %u\ninitial apicid\t: %u\n",
                 cpu_count, cpu->id, cpu_count, cpu->apic_id, cpu->apic_id);
    synth_printf(text, "fpu\t\t: yes\nfpu_exception\t: yes\ncpuid level\t: %u\nwp\t\t: yes\n",
                 cpuid(0, 0).eax);
    synth_printf(text, "flags\t\t: %s\nbogomips\t: %lu.%02lu\n", flags, khz / 500, khz / 5 % 100);
    synth_printf(text, "clflush size\t: %u\ncache_alignment\t: %u\n", f->cache_line, f->cache_line);
    synth_printf(text, "address sizes\t: %u bits physical, %u bits virtual\npower management:\n\n",
                 f->physical_bits, f->linear_bits);
}

oskit_error_t proc_show_cpuinfo(oskit_u64_t key, struct synth_text *text)
{
    char flags[1024];
    (void)key;
    features_flags(flags, sizeof flags);
    for (uint32_t i = 0; i < cpu_count; i++)
        cpu_show(text, cpus[i], flags);
    return OSKIT_SUCCESS;
}

/* ---- Times ---- */

struct cpu_times {
    uint64_t user, system, idle; /* ns */
};

struct cpu_shown {
    struct cpu_times times;
    uint64_t user_ticks, system_ticks;
};
static mutex_t shown_mutex; /* of shown: what readers were told last */
static struct cpu_shown shown[CPU_MAX];

static uint64_t at_least(uint64_t value, uint64_t least)
{
    return value > least ? value : least;
}

/* What isn't idle, and was not shown yet, is split as the samples since then say: so no figure that
 * was shown ever falls. Without a sample a little of it waits for one. */
static struct cpu_times times_of(const struct cpu *cpu)
{
    struct cpu_shown *last = &shown[cpu->id];
    uint64_t now = clock_monotonic(), idle = at_least(sched_idle_ns(cpu), last->times.idle);
    uint64_t told = last->times.user + last->times.system;
    uint64_t busy = at_least(now, idle + told) - idle - told;
    uint64_t user_ticks = cpu->user_ticks, system_ticks = cpu->system_ticks;
    uint64_t samples = user_ticks - last->user_ticks + system_ticks - last->system_ticks;
    if (!samples && busy < WAITS_FOR_SAMPLE)
        busy = 0;
    uint64_t user =
        samples ? (uint64_t)((unsigned __int128)busy * (user_ticks - last->user_ticks) / samples)
                : 0;
    *last = (struct cpu_shown){
        .times = {last->times.user + user, last->times.system + busy - user, idle},
        .user_ticks = user_ticks,
        .system_ticks = system_ticks};
    return last->times;
}

static void times_append(struct synth_text *text, const struct cpu_times *t)
{
    synth_printf(text, " %lu 0 %lu %lu 0 0 0 0 0 0\n", t->user / NS_PER_TICK,
                 t->system / NS_PER_TICK, t->idle / NS_PER_TICK);
}

static void line_count(void *arg, unsigned line, const char *name, const uint64_t *counts)
{
    uint64_t *sum = arg;
    (void)line;
    (void)name;
    for (uint32_t cpu = 0; cpu < cpu_count; cpu++)
        *sum += counts[cpu];
}

static void events_append(struct synth_text *text)
{
    uint64_t interrupts = 0, lines = 0, switches = 0;
    for (uint32_t i = 0; i < cpu_count; i++) {
        interrupts += cpus[i]->interrupts;
        switches += cpus[i]->switches;
    }
    irq_each(line_count, &lines);
    synth_printf(text, "intr %lu %lu\nctxt %lu\nbtime %ld\n", interrupts, lines, switches,
                 (long)((clock_real() - (int64_t)clock_monotonic()) / 1000000000));
    synth_printf(text, "processes %d\nprocs_running %u\nprocs_blocked 0\n", pid_last(),
                 sched_running());
}

oskit_error_t proc_show_cpu_times(oskit_u64_t key, struct synth_text *text)
{
    struct cpu_times times[CPU_MAX], sum = {0, 0, 0};
    uint32_t count = cpu_count;
    (void)key;
    mutex_lock(&shown_mutex);
    for (uint32_t i = 0; i < count; i++) {
        times[i] = times_of(cpus[i]);
        sum.user += times[i].user;
        sum.system += times[i].system;
        sum.idle += times[i].idle;
    }
    mutex_unlock(&shown_mutex);
    synth_printf(text, "cpu ");
    times_append(text, &sum);
    for (uint32_t i = 0; i < count; i++) {
        synth_printf(text, "cpu%u", i);
        times_append(text, &times[i]);
    }
    events_append(text);
    return OSKIT_SUCCESS;
}

static void seconds_append(struct synth_text *text, uint64_t ns, char end)
{
    synth_printf(text, "%lu.%02lu%c", ns / 1000000000, ns / 10000000 % 100, end);
}

oskit_error_t proc_show_uptime(oskit_u64_t key, struct synth_text *text)
{
    uint64_t idle = 0;
    (void)key;
    for (uint32_t i = 0; i < cpu_count; i++)
        idle += sched_idle_ns(cpus[i]);
    seconds_append(text, clock_monotonic(), ' ');
    seconds_append(text, idle, '\n');
    return OSKIT_SUCCESS;
}

/* ---- Interrupts ---- */

static void line_show(void *arg, unsigned line, const char *name, const uint64_t *counts)
{
    struct synth_text *text = arg;
    synth_printf(text, "%4u: ", line);
    for (uint32_t cpu = 0; cpu < cpu_count; cpu++)
        synth_printf(text, "%10lu ", counts[cpu]);
    synth_printf(text, "  %s\n", name);
}

oskit_error_t proc_show_interrupts(oskit_u64_t key, struct synth_text *text)
{
    (void)key;
    synth_printf(text, "      ");
    for (uint32_t cpu = 0; cpu < cpu_count; cpu++)
        synth_printf(text, "     CPU%-3u", cpu);
    synth_printf(text, "\n");
    irq_each(line_show, text);
    return OSKIT_SUCCESS;
}
