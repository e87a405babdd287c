/* Files of /proc about the system that need a line or two each. */
#include <sluice/device.h>
#include "kernel/boot_info.h"
#include "kernel/fstypes.h"
#include "kernel/proc/system.h"
#include "kernel/sys/uts.h"

oskit_error_t proc_show_nothing(oskit_u64_t key, struct synth_text *text)
{
    (void)key;
    (void)text;
    return OSKIT_SUCCESS;
}

oskit_error_t proc_show_command_line(oskit_u64_t key, struct synth_text *text)
{
    (void)key;
    synth_printf(text, "%s\n", boot_info.command);
    return OSKIT_SUCCESS;
}

oskit_error_t proc_show_swaps(oskit_u64_t key, struct synth_text *text)
{
    (void)key;
    synth_printf(text, "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
    return OSKIT_SUCCESS;
}

oskit_error_t proc_show_version(oskit_u64_t key, struct synth_text *text)
{
    struct abi_utsname uts;
    (void)key;
    uts_read(&uts);
    synth_printf(text, "%s version %s (gcc %s) %s\n", uts.sysname, uts.release, __VERSION__,
                 uts.version);
    return OSKIT_SUCCESS;
}

oskit_error_t proc_show_filesystems(oskit_u64_t key, struct synth_text *text)
{
    const char *name;
    bool nodev;
    (void)key;
    for (unsigned i = 0; (name = fstype_name(i, &nodev)); i++)
        synth_printf(text, "%s\t%s\n", nodev ? "nodev" : "", name);
    return OSKIT_SUCCESS;
}

/* ---- Load ---- */

static bool count_threads(void *arg, struct process *process)
{
    *(uint32_t *)arg += process->thread_count;
    return true;
}

/* Fixed point with 11 bits of fraction, rounded to hundredths. */
static void load_append(struct synth_text *text, uint32_t load)
{
    load += (1u << 11) / 200;
    synth_printf(text, "%u.%02u ", load >> 11, ((load & 2047) * 100) >> 11);
}

oskit_error_t proc_show_loadavg(oskit_u64_t key, struct synth_text *text)
{
    uint32_t load[3], threads = 0;
    (void)key;
    sched_load(load);
    process_each(count_threads, &threads);
    for (int i = 0; i < 3; i++)
        load_append(text, load[i]);
    synth_printf(text, "%u/%u %d\n", sched_running(), threads, pid_last());
    return OSKIT_SUCCESS;
}

/* ---- Devices ---- */

struct major_list {
    struct synth_text *text;
    bool block;
    uint64_t seen[64]; /* majors have 12 bits */
};

/* Each major number once, under the name of its first device without the number behind it. */
static bool major_show(void *arg, const struct device *device)
{
    struct major_list *list = arg;
    oskit_u32_t major = DEVICE_MAJOR(device->number);
    uint64_t bit = 1ull << major % 64;
    if (OSKIT_S_ISBLK(device->mode) != list->block || list->seen[major / 64] & bit)
        return true;
    list->seen[major / 64] |= bit;
    size_t length = 0;
    while (device->name[length] && (device->name[length] < '0' || device->name[length] > '9'))
        length++;
    synth_printf(list->text, "%3u %.*s\n", major, (int)length, major == 1 ? "mem" : device->name);
    return true;
}

oskit_error_t proc_show_devices(oskit_u64_t key, struct synth_text *text)
{
    struct major_list characters = {.text = text}, blocks = {.text = text, .block = true};
    (void)key;
    synth_printf(text, "Character devices:\n");
    device_each(major_show, &characters);
    synth_printf(text, "\nBlock devices:\n");
    device_each(major_show, &blocks);
    return OSKIT_SUCCESS;
}
