/* /proc/PID/status: a line for each thing, for people and for tools that like names. */
#include "kernel/cpu/percpu.h"
#include "kernel/mem/layout.h"
#include "kernel/mem/space.h"
#include "kernel/proc/entry.h"
#include "kernel/sys/fdtab.h"
#include "kernel/task/fs_context.h"

#define KIB(pages) ((pages) * (PAGE_SIZE / 1024))

static const char *state_name(char state)
{
    switch (state) {
    case 'R':
        return "running";
    case 'S':
        return "sleeping";
    case 'D':
        return "disk sleep";
    case 'T':
        return "stopped";
    case 'Z':
        return "zombie";
    }
    return "dead";
}

/* A name may hold anything; the file is made of lines. */
static void show_name(const struct subject *subject, struct synth_text *text)
{
    char name[THREAD_NAME_SIZE];
    process_name(subject->process, name);
    if (subject->is_thread)
        __builtin_memcpy(name, subject->thread->name, sizeof name);
    synth_printf(text, "Name:\t");
    for (const char *c = name; c < name + sizeof name && *c; c++) {
        if (*c == '\n' || *c == '\\')
            synth_printf(text, *c == '\n' ? "\\n" : "\\\\");
        else
            synth_append(text, c, 1);
    }
    synth_printf(text, "\n");
}

static void show_umask(struct process *process, struct synth_text *text)
{
    struct fs_context *fs = process_fs_get(process);
    if (!fs)
        return;
    synth_printf(text, "Umask:\t%04o\n", fs->umask);
    fs_context_unref(fs);
}

static void show_kin(const struct subject *subject, struct synth_text *text)
{
    struct kin kin;
    char state = subject_state(subject);
    int32_t pid = subject->process->pid;
    kin_of(subject, &kin);
    synth_printf(text, "State:\t%c (%s)\nTgid:\t%d\nNgid:\t0\nPid:\t%d\nPPid:\t%d\nTracerPid:\t0\n",
                 state, state_name(state), pid, subject->number, kin.parent);
}

static void show_cred(struct process *process, struct synth_text *text)
{
    struct cred *cred = process_cred_get(process);
    struct fdtab *fds = process_fds_get(process);
    synth_printf(text, "Uid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\n", cred->uid, cred->euid,
                 cred->suid, cred->fsuid, cred->gid, cred->egid, cred->sgid, cred->fsgid);
    synth_printf(text, "FDSize:\t%u\nGroups:\t", fds ? fdtab_capacity(fds) : 0);
    for (uint32_t i = 0; i < cred->group_count; i++)
        synth_printf(text, "%u ", cred->groups[i]);
    synth_printf(text, "\n");
    if (fds)
        fdtab_unref(fds);
    cred_unref(cred);
}

static void show_numbers(const struct subject *subject, struct synth_text *text)
{
    struct kin kin;
    int32_t pid = subject->process->pid;
    kin_of(subject, &kin);
    synth_printf(text, "NStgid:\t%d\nNSpid:\t%d\nNSpgid:\t%d\nNSsid:\t%d\n", pid, subject->number,
                 kin.group, kin.session);
}

static void show_size(struct synth_text *text, const char *name, uint64_t pages)
{
    synth_printf(text, "%s:\t%8lu kB\n", name, KIB(pages));
}

static void show_memory(struct process *process, struct synth_text *text)
{
    struct space *space = process_space_get(process);
    struct space_usage u;
    if (!space)
        return;
    space_usage(space, &u);
    space_unref(space);
    show_size(text, "VmPeak", u.total);
    show_size(text, "VmSize", u.total);
    show_size(text, "VmLck", u.locked);
    show_size(text, "VmPin", 0);
    show_size(text, "VmHWM", u.resident);
    show_size(text, "VmRSS", u.resident);
    show_size(text, "RssAnon", u.resident - u.shared);
    show_size(text, "RssFile", u.shared);
    show_size(text, "RssShmem", 0);
    show_size(text, "VmData", u.data);
    show_size(text, "VmStk", u.stack);
    show_size(text, "VmExe", u.text);
    show_size(text, "VmLib", 0);
    show_size(text, "VmPTE", u.tables);
    show_size(text, "VmSwap", 0);
}

static void show_signals(const struct subject *subject, struct synth_text *text)
{
    struct signal_sets s;
    signal_sets_of(subject, &s);
    synth_printf(text, "Threads:\t%u\nSigQ:\t0/%lu\n", s.threads,
                 subject->process->limits[ABI_RLIMIT_SIGPENDING].rlim_cur);
    synth_printf(text,
                 "SigPnd:\t%016lx\nShdPnd:\t%016lx\nSigBlk:\t%016lx\nSigIgn:\t%016lx\n"
                 "SigCgt:\t%016lx\n",
                 s.pending, s.shared_pending, s.blocked, s.ignored, s.caught);
}

static void show_capabilities(struct process *process, struct synth_text *text)
{
    struct cred *cred = process_cred_get(process);
    synth_printf(text, "CapInh:\t%016lx\nCapPrm:\t%016lx\nCapEff:\t%016lx\n", cred->inheritable,
                 cred->permitted, cred->effective);
    synth_printf(text, "CapBnd:\t%016lx\nCapAmb:\t%016lx\nNoNewPrivs:\t%d\nSeccomp:\t0\n",
                 cred->bounding, cred->ambient, cred->no_new_privileges);
    cred_unref(cred);
}

/* Ranges of set bits: "0-2,5". */
static void show_bits(struct synth_text *text, uint64_t mask)
{
    const char *comma = "";
    for (int first = 0; first < 64; first++) {
        if (!(mask >> first & 1))
            continue;
        int last = first;
        while (last < 63 && mask >> (last + 1) & 1)
            last++;
        synth_printf(text, last > first ? "%s%d-%d" : "%s%d", comma, first, last);
        comma = ",";
        first = last;
    }
}

static void show_thread(const struct thread *thread, struct synth_text *text)
{
    uint64_t here = cpu_count < 64 ? (1ull << cpu_count) - 1 : ~0ull;
    uint64_t allowed = thread->affinity & here;
    if (cpu_count > 32)
        synth_printf(text, "Cpus_allowed:\t%lx,%08lx\n", allowed >> 32, allowed & UINT32_MAX);
    else
        synth_printf(text, "Cpus_allowed:\t%lx\n", allowed);
    synth_printf(text, "Cpus_allowed_list:\t");
    show_bits(text, allowed);
    synth_printf(text, "\nMems_allowed:\t1\nMems_allowed_list:\t0\n");
    synth_printf(text, "voluntary_ctxt_switches:\t%lu\nnonvoluntary_ctxt_switches:\t%lu\n",
                 thread->voluntary, thread->involuntary);
}

static oskit_error_t show_status(const struct subject *subject, struct synth_text *text)
{
    show_name(subject, text);
    show_umask(subject->process, text);
    show_kin(subject, text);
    show_cred(subject->process, text);
    show_numbers(subject, text);
    show_memory(subject->process, text);
    show_signals(subject, text);
    show_capabilities(subject->process, text);
    if (subject->thread)
        show_thread(subject->thread, text);
    return OSKIT_SUCCESS;
}

oskit_error_t proc_show_status(oskit_u64_t key, struct synth_text *text)
{
    return subject_show(key, text, show_status);
}
