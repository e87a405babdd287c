/* The root of /proc: processes by number, and the system's own files (system.c, cpu.c). */
#include <sluice/synthfs.h>
#include "kernel/log.h"
#include "kernel/proc/disks.h"
#include "kernel/proc/entry.h"
#include "kernel/proc/net.h"
#include "kernel/proc/proc.h"
#include "kernel/proc/system.h"

/* ---- Processes ---- */

struct process_emit {
    void (*emit)(void *arg, const char *name, oskit_u64_t key);
    void *arg;
};

static bool process_emit(void *arg, struct process *process)
{
    const struct process_emit *e = arg;
    char name[12];
    format_text(name, sizeof name, "%d", process->pid);
    e->emit(e->arg, name, (oskit_u64_t)process->pid);
    return true;
}

static void root_each(oskit_u64_t key, void (*emit)(void *arg, const char *name, oskit_u64_t key),
                      void *arg)
{
    struct process_emit e = {emit, arg};
    (void)key;
    process_each(process_emit, &e);
}

/* Threads are found too, though not listed. */
static oskit_error_t root_find(oskit_u64_t key, const char *name, oskit_u64_t *out)
{
    struct subject subject;
    int32_t number;
    (void)key;
    if (!number_parse(name, &number))
        return OSKIT_ENOENT;
    *out = (oskit_u64_t)number;
    if (!subject_get(*out, &subject)) {
        *out |= KEY_THREAD;
        if (!subject_get(*out, &subject))
            return OSKIT_ENOENT;
    }
    subject_put(&subject);
    return OSKIT_SUCCESS;
}

static const struct synth_node process_template = {
    .mode = OSKIT_S_IFDIR | 0555, .children = proc_process_nodes, .owner = subject_owner};

static oskit_error_t show_self(oskit_u64_t key, struct synth_text *text)
{
    (void)key;
    synth_printf(text, "%d", current_process()->pid);
    return OSKIT_SUCCESS;
}

static oskit_error_t show_thread_self(oskit_u64_t key, struct synth_text *text)
{
    (void)key;
    synth_printf(text, "%d/task/%d", current_process()->pid, current_thread()->tid);
    return OSKIT_SUCCESS;
}

static oskit_error_t show_self_mounts(oskit_u64_t key, struct synth_text *text)
{
    (void)key;
    synth_printf(text, "self/mounts");
    return OSKIT_SUCCESS;
}

/* ---- The tree ---- */

#define FILE_NODE(node_name, node_show)                                        \
    {                                                                          \
        .name = (node_name), .mode = OSKIT_S_IFREG | 0444, .show = (node_show) \
    }
#define LINK_NODE(node_name, node_show)                                        \
    {                                                                          \
        .name = (node_name), .mode = OSKIT_S_IFLNK | 0777, .show = (node_show) \
    }

static const struct synth_node sysvipc_nodes[] = {FILE_NODE("msg", proc_show_messages),
                                                  FILE_NODE("sem", proc_show_semaphores),
                                                  FILE_NODE("shm", proc_show_segments),
                                                  {.name = NULL}};

static const struct synth_node root_nodes[] = {
    FILE_NODE("cmdline", proc_show_command_line),
    FILE_NODE("cpuinfo", proc_show_cpuinfo),
    FILE_NODE("devices", proc_show_devices),
    FILE_NODE("diskstats", proc_show_diskstats),
    FILE_NODE("filesystems", proc_show_filesystems),
    FILE_NODE("interrupts", proc_show_interrupts),
    FILE_NODE("loadavg", proc_show_loadavg),
    FILE_NODE("meminfo", proc_show_meminfo),
    FILE_NODE("modules", proc_show_nothing),
    LINK_NODE("mounts", show_self_mounts),
    {.name = "net", .mode = OSKIT_S_IFDIR | 0555, .children = proc_net_nodes},
    FILE_NODE("partitions", proc_show_partitions),
    LINK_NODE("self", show_self),
    FILE_NODE("stat", proc_show_cpu_times),
    FILE_NODE("swaps", proc_show_swaps),
    {.name = "sys", .mode = OSKIT_S_IFDIR | 0555, .children = proc_settings_nodes},
    {.name = "sysvipc", .mode = OSKIT_S_IFDIR | 0555, .children = sysvipc_nodes},
    LINK_NODE("thread-self", show_thread_self),
    FILE_NODE("uptime", proc_show_uptime),
    FILE_NODE("version", proc_show_version),
    FILE_NODE("vmstat", proc_show_vmstat),
    {.name = NULL}};

static const struct synth_node root_node = {.name = "proc",
                                            .mode = OSKIT_S_IFDIR | 0555,
                                            .children = root_nodes,
                                            .each = root_each,
                                            .find = root_find,
                                            .template = &process_template};

oskit_error_t proc_create(oskit_filesystem_t **out)
{
    return synthfs_create(&root_node, out);
}
