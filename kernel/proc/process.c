/* The directory of a process, or of a thread: its tree of entries, and those told in a few lines.
 */
#include <sluice/string.h>
#include "kernel/log.h"
#include "kernel/mem/layout.h"
#include "kernel/mem/pages.h"
#include "kernel/mem/space.h"
#include "kernel/proc/entry.h"
#include "kernel/task/capability.h"
#include "kernel/task/fs_context.h"

/* ---- comm ---- */

static oskit_error_t show_comm(const struct subject *subject, struct synth_text *text)
{
    char name[THREAD_NAME_SIZE];
    process_name(subject->process, name);
    if (subject->is_thread)
        memcpy(name, subject->thread->name, sizeof name);
    synth_printf(text, "%.*s\n", (int)sizeof name, name);
    return OSKIT_SUCCESS;
}

static oskit_error_t comm_show(oskit_u64_t key, struct synth_text *text)
{
    return subject_show(key, text, show_comm);
}

/* A process may name its own threads. */
static oskit_error_t comm_store(oskit_u64_t key, const char *text, size_t size)
{
    struct subject subject;
    char name[THREAD_NAME_SIZE] = {0};
    if (!subject_get(key, &subject))
        return OSKIT_ESRCH;
    for (size_t i = 0; i < size && i < sizeof name - 1 && text[i] && text[i] != '\n'; i++)
        name[i] = text[i];
    bool own = subject.process == current_process() && subject.thread;
    if (own)
        memcpy(subject.thread->name, name, sizeof name);
    subject_put(&subject);
    return own ? OSKIT_SUCCESS : OSKIT_E_INVALIDARG;
}

/* ---- limits ---- */

struct limit_row {
    const char *name, *unit;
};
static const struct limit_row limit_rows[ABI_RLIM_NLIMITS] = {
    [ABI_RLIMIT_CPU] = {"Max cpu time", "seconds"},
    [ABI_RLIMIT_FSIZE] = {"Max file size", "bytes"},
    [ABI_RLIMIT_DATA] = {"Max data size", "bytes"},
    [ABI_RLIMIT_STACK] = {"Max stack size", "bytes"},
    [ABI_RLIMIT_CORE] = {"Max core file size", "bytes"},
    [ABI_RLIMIT_RSS] = {"Max resident set", "bytes"},
    [ABI_RLIMIT_NPROC] = {"Max processes", "processes"},
    [ABI_RLIMIT_NOFILE] = {"Max open files", "files"},
    [ABI_RLIMIT_MEMLOCK] = {"Max locked memory", "bytes"},
    [ABI_RLIMIT_AS] = {"Max address space", "bytes"},
    [ABI_RLIMIT_LOCKS] = {"Max file locks", "locks"},
    [ABI_RLIMIT_SIGPENDING] = {"Max pending signals", "signals"},
    [ABI_RLIMIT_MSGQUEUE] = {"Max msgqueue size", "bytes"},
    [ABI_RLIMIT_NICE] = {"Max nice priority", NULL},
    [ABI_RLIMIT_RTPRIO] = {"Max realtime priority", NULL},
    [ABI_RLIMIT_RTTIME] = {"Max realtime timeout", "us"},
};

static void show_limit(struct synth_text *text, uint64_t value)
{
    if (value == ABI_RLIM_INFINITY)
        synth_printf(text, "%-20s ", "unlimited");
    else
        synth_printf(text, "%-20lu ", value);
}

static oskit_error_t show_limits(const struct subject *subject, struct synth_text *text)
{
    struct abi_rlimit limits[ABI_RLIM_NLIMITS];
    spin_lock(&subject->process->signal_lock);
    memcpy(limits, subject->process->limits, sizeof limits);
    spin_unlock(&subject->process->signal_lock);
    synth_printf(text, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit", "Units");
    for (int i = 0; i < ABI_RLIM_NLIMITS; i++) {
        synth_printf(text, "%-25s ", limit_rows[i].name);
        show_limit(text, limits[i].rlim_cur);
        show_limit(text, limits[i].rlim_max);
        if (limit_rows[i].unit)
            synth_printf(text, "%-10s", limit_rows[i].unit);
        synth_printf(text, "\n");
    }
    return OSKIT_SUCCESS;
}

oskit_error_t proc_show_limits(oskit_u64_t key, struct synth_text *text)
{
    return subject_show(key, text, show_limits);
}

/* ---- Out of memory ---- */

/* Thousandths of memory in use, moved by the adjustment. */
static oskit_error_t show_oom_score(const struct subject *subject, struct synth_text *text)
{
    int64_t score = subject->process->oom_adjust;
    struct space *space = process_space_get(subject->process);
    if (space) {
        score += (int64_t)(space_weight(space) * PROCESS_OOM_ADJUST_MAX / pages_total());
        space_unref(space);
    }
    synth_printf(text, "%ld\n", (long)(score < 0 ? 0 : score));
    return OSKIT_SUCCESS;
}

static oskit_error_t oom_score_show(oskit_u64_t key, struct synth_text *text)
{
    return subject_show(key, text, show_oom_score);
}

static oskit_error_t show_oom_adjust(const struct subject *subject, struct synth_text *text)
{
    synth_printf(text, "%d\n", subject->process->oom_adjust);
    return OSKIT_SUCCESS;
}

static oskit_error_t oom_adjust_show(oskit_u64_t key, struct synth_text *text)
{
    return subject_show(key, text, show_oom_adjust);
}

static oskit_error_t oom_adjust_store(oskit_u64_t key, const char *text, size_t size)
{
    struct subject subject;
    char word[8] = {0};
    int32_t value;
    for (size_t i = 0; i < size && i < sizeof word - 1 && text[i] != '\n'; i++)
        word[i] = text[i];
    bool negative = word[0] == '-';
    if (!number_parse(word + negative, &value) || value > PROCESS_OOM_ADJUST_MAX)
        return OSKIT_E_INVALIDARG;
    if (!subject_get(key, &subject))
        return OSKIT_ESRCH;
    value = negative ? -value : value;
    /* To make a process less likely to be chosen takes a privilege. */
    bool allowed = value >= subject.process->oom_adjust || process_capable(CAPABILITY_SYS_RESOURCE);
    if (allowed)
        subject.process->oom_adjust = value;
    subject_put(&subject);
    return allowed ? OSKIT_SUCCESS : OSKIT_EACCES;
}

/* ---- Places ---- */

enum place { PLACE_CWD, PLACE_ROOT, PLACE_EXE };

static oskit_error_t fs_place(struct process *process, enum place place, struct location *out)
{
    struct fs_context *fs = process_fs_get(process);
    if (!fs)
        return OSKIT_ENOENT;
    spin_lock(&fs->lock);
    location_copy(out, place == PLACE_CWD ? &fs->cwd : &fs->root);
    spin_unlock(&fs->lock);
    fs_context_unref(fs);
    return OSKIT_SUCCESS;
}

static oskit_error_t exe_place(struct process *process, struct location *out)
{
    struct space *space = process_space_get(process);
    if (!space)
        return OSKIT_ENOENT;
    const struct space_image *image = space_image(space);
    bool known = image->executable.name;
    if (known)
        location_copy(out, &image->executable);
    space_unref(space);
    return known ? OSKIT_SUCCESS : OSKIT_ENOENT;
}

static oskit_error_t place_get(oskit_u64_t key, enum place place, struct location *out)
{
    struct subject subject;
    if (!subject_get(key, &subject))
        return OSKIT_ESRCH;
    oskit_error_t error = OSKIT_EACCES;
    if (subject_permitted(subject.process))
        error = place == PLACE_EXE ? exe_place(subject.process, out)
                                   : fs_place(subject.process, place, out);
    subject_put(&subject);
    return error;
}

static oskit_error_t place_show(oskit_u64_t key, enum place place, struct synth_text *text)
{
    struct location location;
    oskit_error_t error = place_get(key, place, &location);
    if (error)
        return error;
    error = path_append(text, &location);
    location_release(&location);
    return error;
}

static oskit_error_t cwd_show(oskit_u64_t key, struct synth_text *text)
{
    return place_show(key, PLACE_CWD, text);
}

static oskit_error_t cwd_follow(oskit_u64_t key, struct location *out)
{
    return place_get(key, PLACE_CWD, out);
}

static oskit_error_t root_show(oskit_u64_t key, struct synth_text *text)
{
    return place_show(key, PLACE_ROOT, text);
}

static oskit_error_t root_follow(oskit_u64_t key, struct location *out)
{
    return place_get(key, PLACE_ROOT, out);
}

static oskit_error_t exe_show(oskit_u64_t key, struct synth_text *text)
{
    return place_show(key, PLACE_EXE, text);
}

static oskit_error_t exe_follow(oskit_u64_t key, struct location *out)
{
    return place_get(key, PLACE_EXE, out);
}

/* The kernel doesn't tell where its threads sleep. */
static oskit_error_t wchan_show(oskit_u64_t key, struct synth_text *text)
{
    (void)key;
    synth_printf(text, "0");
    return OSKIT_SUCCESS;
}

/* ---- Threads ---- */

static void task_each(oskit_u64_t key, void (*emit)(void *arg, const char *name, oskit_u64_t key),
                      void *arg)
{
    struct subject subject;
    if (!subject_get(key, &subject))
        return;
    spin_lock(&subject.process->signal_lock);
    list_for_each (link, &subject.process->threads) {
        int32_t tid = container_of(link, struct thread, process_link)->tid;
        char name[12];
        format_text(name, sizeof name, "%d", tid);
        emit(arg, name, (oskit_u64_t)tid | KEY_THREAD);
    }
    spin_unlock(&subject.process->signal_lock);
    subject_put(&subject);
}

static oskit_error_t task_find(oskit_u64_t key, const char *name, oskit_u64_t *out)
{
    struct subject subject, thread;
    int32_t tid;
    if (!number_parse(name, &tid) || !subject_get(key, &subject))
        return OSKIT_ENOENT;
    *out = (oskit_u64_t)tid | KEY_THREAD;
    bool found = subject_get(*out, &thread);
    if (found) {
        found = thread.process == subject.process;
        subject_put(&thread);
    }
    subject_put(&subject);
    return found ? OSKIT_SUCCESS : OSKIT_ENOENT;
}

/* ---- The trees ---- */

static oskit_error_t memory_permit(oskit_u64_t key)
{
    struct subject subject;
    if (!subject_get(key, &subject))
        return OSKIT_ESRCH;
    bool permitted = subject_permitted(subject.process);
    subject_put(&subject);
    return permitted ? OSKIT_SUCCESS : OSKIT_EACCES;
}

#define FILE_NODE(node_name, node_mode, node_show)                                   \
    {                                                                                \
        .name = (node_name), .mode = OSKIT_S_IFREG | node_mode, .show = (node_show), \
        .owner = subject_owner                                                       \
    }
#define STORE_NODE(node_name, node_show, node_store)                            \
    {                                                                           \
        .name = (node_name), .mode = OSKIT_S_IFREG | 0644, .show = (node_show), \
        .store = (node_store), .owner = subject_owner                           \
    }
/* What tells of a process's memory is opened by those only who may look inside it. */
#define MEMORY_NODE(node_name, node_mode, node_show)                                   \
    {                                                                                  \
        .name = (node_name), .mode = OSKIT_S_IFREG | (node_mode), .show = (node_show), \
        .permit = memory_permit, .owner = subject_owner                                \
    }
#define LINK_NODE(node_name, node_show, node_follow)                            \
    {                                                                           \
        .name = (node_name), .mode = OSKIT_S_IFLNK | 0777, .show = (node_show), \
        .follow = (node_follow), .owner = subject_owner                         \
    }
#define FD_NODE(node_name, node_template)                                         \
    {                                                                             \
        .name = (node_name), .mode = OSKIT_S_IFDIR | 0500, .each = proc_fd_each,  \
        .find = proc_fd_find, .template = (node_template), .owner = subject_owner \
    }

/* What processes and threads have alike. */
#define COMMON_NODES                                                                               \
    FD_NODE("fd", &proc_fd_template), FD_NODE("fdinfo", &proc_fdinfo_template),                    \
        MEMORY_NODE("auxv", 0400, proc_show_auxv), FILE_NODE("cmdline", 0444, proc_show_cmdline),  \
        STORE_NODE("comm", comm_show, comm_store), LINK_NODE("cwd", cwd_show, cwd_follow),         \
        MEMORY_NODE("environ", 0400, proc_show_environ), LINK_NODE("exe", exe_show, exe_follow),   \
        FILE_NODE("limits", 0444, proc_show_limits), MEMORY_NODE("maps", 0444, proc_show_maps),    \
        FILE_NODE("mountinfo", 0444, proc_show_mountinfo),                                         \
        FILE_NODE("mounts", 0444, proc_show_mounts), FILE_NODE("oom_score", 0444, oom_score_show), \
        STORE_NODE("oom_score_adj", oom_adjust_show, oom_adjust_store),                            \
        LINK_NODE("root", root_show, root_follow), FILE_NODE("stat", 0444, proc_show_stat),        \
        FILE_NODE("statm", 0444, proc_show_statm), FILE_NODE("status", 0444, proc_show_status),    \
        FILE_NODE("wchan", 0444, wchan_show)

static const struct synth_node thread_nodes[] = {COMMON_NODES, {.name = NULL}};

static const struct synth_node thread_template = {
    .mode = OSKIT_S_IFDIR | 0555, .children = thread_nodes, .owner = subject_owner};

const struct synth_node proc_process_nodes[] = {{.name = "task",
                                                 .mode = OSKIT_S_IFDIR | 0555,
                                                 .each = task_each,
                                                 .find = task_find,
                                                 .template = &thread_template,
                                                 .owner = subject_owner},
                                                COMMON_NODES,
                                                {.name = NULL}};
