/* /proc/PID/stat and statm: one line of numbers for ps and top. */
#include "kernel/cpu/clock.h"
#include "kernel/mem/layout.h"
#include "kernel/mem/space.h"
#include "kernel/proc/entry.h"

#define NS_PER_TICK (1000000000ul / 100)

struct stat_facts {
    struct kin kin;
    struct signal_sets signals;
    uint64_t user, system; /* ns */
    uint64_t resident_limit;
    struct space_usage usage;
    struct space_image image;
    char name[THREAD_NAME_SIZE];
};

static void memory_of(struct process *process, struct stat_facts *out)
{
    struct space *space = process_space_get(process);
    if (!space) {
        out->usage.minor_faults = process->minor_faults;
        out->usage.major_faults = process->major_faults;
        return;
    }
    space_usage(space, &out->usage);
    /* Addresses tell how to attack a program. */
    if (subject_permitted(process))
        out->image = *space_image(space);
    space_unref(space);
}

static void facts_of(const struct subject *subject, struct stat_facts *out)
{
    *out = (struct stat_facts){.name = ""};
    kin_of(subject, &out->kin);
    signal_sets_of(subject, &out->signals);
    memory_of(subject->process, out);
    out->resident_limit = subject->process->limits[ABI_RLIMIT_RSS].rlim_cur;
    if (subject->is_thread) {
        thread_times(subject->thread, &out->user, &out->system);
        __builtin_memcpy(out->name, subject->thread->name, sizeof out->name);
        out->name[sizeof out->name - 1] = '\0';
    } else {
        process_times(subject->process, &out->user, &out->system);
        process_name(subject->process, out->name);
    }
}

/* Field numbers are proc(5)'s. */
static oskit_error_t show_stat(const struct subject *subject, struct synth_text *text)
{
    const struct process *process = subject->process;
    const struct thread *thread = subject->thread;
    struct stat_facts f;
    facts_of(subject, &f);
    int nice = thread ? thread->nice : 0;
    uint32_t urgency = thread ? thread->priority : 0;
    const abi_sigset_t low = 0x7fffffff;
    /* 1-10: pid comm state ppid pgrp session tty_nr tpgid flags minflt */
    synth_printf(text, "%d (%s) %c %d %d %d %u %d 0 %lu ", subject->number, f.name,
                 subject_state(subject), f.kin.parent, f.kin.group, f.kin.session, f.kin.terminal,
                 f.kin.foreground, f.usage.minor_faults);
    /* 11-17: cminflt majflt cmajflt utime stime cutime cstime */
    synth_printf(text, "0 %lu 0 %lu %lu %lu %lu ", f.usage.major_faults, f.user / NS_PER_TICK,
                 f.system / NS_PER_TICK, process->children_user / NS_PER_TICK,
                 process->children_system / NS_PER_TICK);
    /* 18-25: priority nice num_threads itrealvalue starttime vsize rss rsslim */
    synth_printf(text, "%d %d %u 0 %lu %lu %lu %lu ", urgency ? -1 - (int)urgency : 20 + nice, nice,
                 f.signals.threads, process->start_time / NS_PER_TICK, f.usage.total * PAGE_SIZE,
                 f.usage.resident, f.resident_limit);
    /* 26-30: startcode endcode startstack kstkesp kstkeip */
    synth_printf(text, "%lu %lu %lu 0 0 ", f.image.code_start, f.image.code_end,
                 f.image.stack_start);
    /* 31-37: signal blocked sigignore sigcatch wchan nswap cnswap */
    synth_printf(text, "%lu %lu %lu %lu 0 0 0 ", f.signals.pending & low, f.signals.blocked & low,
                 f.signals.ignored & low, f.signals.caught & low);
    /* 38-44: exit_signal processor rt_priority policy delayacct guest_time cguest_time */
    synth_printf(text, "%d %u %u %d 0 0 0 ", process->exit_signal, thread ? thread->cpu : 0,
                 thread ? thread->own_priority : 0, thread ? thread->policy : 0);
    /* 45-52: start_data end_data start_brk arg_start arg_end env_start env_end exit_code */
    synth_printf(text, "%lu %lu 0 %lu %lu %lu %lu %u\n", f.image.data_start, f.image.data_end,
                 f.image.arg_start, f.image.arg_end, f.image.env_start, f.image.env_end,
                 subject_permitted(subject->process) ? process->wait_status : 0);
    return OSKIT_SUCCESS;
}

oskit_error_t proc_show_stat(oskit_u64_t key, struct synth_text *text)
{
    return subject_show(key, text, show_stat);
}

static oskit_error_t show_statm(const struct subject *subject, struct synth_text *text)
{
    struct space_usage usage = {0};
    struct space *space = process_space_get(subject->process);
    if (space) {
        space_usage(space, &usage);
        space_unref(space);
    }
    synth_printf(text, "%lu %lu %lu %lu 0 %lu 0\n", usage.total, usage.resident, usage.shared,
                 usage.text, usage.data + usage.stack);
    return OSKIT_SUCCESS;
}

oskit_error_t proc_show_statm(oskit_u64_t key, struct synth_text *text)
{
    return subject_show(key, text, show_statm);
}
