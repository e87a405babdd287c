/*
 * /sys/devices/system/cpu: how many processors there are, for lscpu, nproc --all and their like.
 * All are there from the start to the end, each a core of its own in one package.
 *
 * A key is a processor's number plus one.
 */
#include <sluice/string.h>
#include "kernel/proc/syscpu.h"
#include "kernel/cpu/percpu.h"
#include "kernel/log.h"

/* A list of processors as sysfs writes it: "0" or "0-3". */
static void list_append(struct synth_text *text, uint32_t last)
{
    if (last)
        synth_printf(text, "0-%u\n", last);
    else
        synth_printf(text, "0\n");
}

static oskit_error_t all_show(oskit_u64_t key, struct synth_text *text)
{
    (void)key;
    list_append(text, cpu_count - 1);
    return OSKIT_SUCCESS;
}

static oskit_error_t none_show(oskit_u64_t key, struct synth_text *text)
{
    (void)key;
    synth_printf(text, "\n");
    return OSKIT_SUCCESS;
}

static oskit_error_t kernel_max_show(oskit_u64_t key, struct synth_text *text)
{
    (void)key;
    synth_printf(text, "%u\n", CPU_MAX - 1);
    return OSKIT_SUCCESS;
}

static oskit_error_t self_show(oskit_u64_t key, struct synth_text *text)
{
    synth_printf(text, "%u\n", (unsigned)key - 1);
    return OSKIT_SUCCESS;
}

static oskit_error_t zero_show(oskit_u64_t key, struct synth_text *text)
{
    (void)key;
    synth_printf(text, "0\n");
    return OSKIT_SUCCESS;
}

/* A bit mask in words of 32 bits, highest first. */
static void mask_append(struct synth_text *text, uint64_t mask)
{
    if (cpu_count > 32)
        synth_printf(text, "%08x,", (unsigned)(mask >> 32));
    synth_printf(text, cpu_count > 32 ? "%08x\n" : "%x\n", (unsigned)mask);
}

static oskit_error_t self_mask_show(oskit_u64_t key, struct synth_text *text)
{
    mask_append(text, 1ull << (key - 1));
    return OSKIT_SUCCESS;
}

static oskit_error_t all_mask_show(oskit_u64_t key, struct synth_text *text)
{
    (void)key;
    mask_append(text, ~0ull >> (64 - cpu_count));
    return OSKIT_SUCCESS;
}

#define FILE_NODE(node_name, node_show)                                        \
    {                                                                          \
        .name = (node_name), .mode = OSKIT_S_IFREG | 0444, .show = (node_show) \
    }

static const struct synth_node topology_nodes[] = {FILE_NODE("core_id", self_show),
                                                   FILE_NODE("core_siblings", all_mask_show),
                                                   FILE_NODE("core_siblings_list", all_show),
                                                   FILE_NODE("physical_package_id", zero_show),
                                                   FILE_NODE("thread_siblings", self_mask_show),
                                                   FILE_NODE("thread_siblings_list", self_show),
                                                   {.name = NULL}};

static const struct synth_node one_nodes[] = {
    {.name = "topology", .mode = OSKIT_S_IFDIR | 0555, .children = topology_nodes}, {.name = NULL}};

static const struct synth_node one_template = {.mode = OSKIT_S_IFDIR | 0555, .children = one_nodes};

static void one_each(oskit_u64_t key, void (*emit)(void *arg, const char *name, oskit_u64_t key),
                     void *arg)
{
    (void)key;
    for (uint32_t cpu = 0; cpu < cpu_count; cpu++) {
        char name[16];
        format_text(name, sizeof name, "cpu%u", cpu);
        emit(arg, name, cpu + 1);
    }
}

static oskit_error_t one_find(oskit_u64_t key, const char *name, oskit_u64_t *out)
{
    (void)key;
    for (uint32_t cpu = 0; cpu < cpu_count; cpu++) {
        char it[16];
        format_text(it, sizeof it, "cpu%u", cpu);
        if (!strcmp(it, name)) {
            *out = cpu + 1;
            return OSKIT_SUCCESS;
        }
    }
    return OSKIT_ENOENT;
}

static const struct synth_node cpu_nodes[] = {FILE_NODE("kernel_max", kernel_max_show),
                                              FILE_NODE("offline", none_show),
                                              FILE_NODE("online", all_show),
                                              FILE_NODE("possible", all_show),
                                              FILE_NODE("present", all_show),
                                              {.name = NULL}};

static const struct synth_node system_nodes[] = {{.name = "cpu",
                                                  .mode = OSKIT_S_IFDIR | 0555,
                                                  .children = cpu_nodes,
                                                  .each = one_each,
                                                  .find = one_find,
                                                  .template = &one_template},
                                                 {.name = NULL}};

const struct synth_node sysfs_devices[] = {
    {.name = "system", .mode = OSKIT_S_IFDIR | 0555, .children = system_nodes}, {.name = NULL}};
