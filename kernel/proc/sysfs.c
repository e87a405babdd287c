/*
 * /sys, as far as tools for disks look (and those for processors, syscpu.c):
 * /sys/block/DISK/PARTITION with their sizes, limits and statistics, and the ways to them by class
 * and by number.
 *
 * A key is a device number plus one (0 names nobody), looked up anew by each access.
 */
#include <sluice/device.h>
#include <sluice/disk.h>
#include <sluice/string.h>
#include "kernel/proc/disks.h"
#include "kernel/proc/proc.h"
#include "kernel/proc/syscpu.h"
#include "kernel/log.h"

#define SECTOR 512u

/* ---- Looking up ---- */

struct lookup {
    oskit_u64_t key;
    void (*show)(struct synth_text *text, const struct disk_entry *entry);
    struct synth_text *text;
    bool found;
};

static oskit_u64_t key_of(const struct disk_entry *entry)
{
    return (oskit_u64_t)entry->number + 1;
}

static bool lookup_match(void *arg, const struct disk_entry *entry)
{
    struct lookup *l = arg;
    if (key_of(entry) != l->key)
        return true;
    l->found = true;
    l->show(l->text, entry);
    return false;
}

static oskit_error_t disk_show(oskit_u64_t key, struct synth_text *text,
                               void (*show)(struct synth_text *, const struct disk_entry *))
{
    struct lookup l = {.key = key, .show = show, .text = text};
    disk_each(lookup_match, &l);
    return l.found ? OSKIT_SUCCESS : OSKIT_ENODEV;
}

/* A file: its line is made of ENTRY by FORMAT. */
#define LINE(noun, format, ...)                                                      \
    static void noun##_line(struct synth_text *text, const struct disk_entry *entry) \
    {                                                                                \
        synth_printf(text, format "\n", __VA_ARGS__);                                \
    }                                                                                \
    static oskit_error_t noun##_show(oskit_u64_t key, struct synth_text *text)       \
    {                                                                                \
        return disk_show(key, text, noun##_line);                                    \
    }

#define BYTES(value) ((unsigned long long)(value))

LINE(dev, "%u:%u", DEVICE_MAJOR(entry->number), DEVICE_MINOR(entry->number))
LINE(size, "%llu", BYTES(entry->limits.size) / SECTOR)
LINE(start, "%llu", BYTES(entry->start) / SECTOR)
LINE(partition, "%u", entry->partition)
LINE(ro, "%u", entry->limits.read_only)
LINE(serial, "%s", entry->serial)
LINE(inflight, "%8u %8u", entry->statistics.in_flight, 0u)
LINE(logical, "%u", entry->limits.block_size)
LINE(physical, "%u", entry->limits.physical_block)
LINE(depth, "%u", entry->limits.depth)
LINE(segments, "%u", entry->limits.segments_max)
LINE(segment_size, "%u", entry->limits.segment_size_max)
LINE(transfer, "%u", entry->limits.length_max / 1024)
LINE(discard, "%llu", BYTES(entry->limits.discard_max))
LINE(zeroes, "%llu", BYTES(entry->limits.zeroes_max))
LINE(cache, "%s", entry->limits.volatile_cache ? "write back" : "write through")
LINE(granularity, "%u", entry->limits.discard_max ? entry->limits.block_size : 0)

static void stat_line(struct synth_text *text, const struct disk_entry *entry)
{
    disk_statistics_show(text, &entry->statistics);
}

static oskit_error_t stat_show(oskit_u64_t key, struct synth_text *text)
{
    return disk_show(key, text, stat_line);
}

static oskit_error_t zero_show(oskit_u64_t key, struct synth_text *text)
{
    (void)key;
    synth_printf(text, "0\n");
    return OSKIT_SUCCESS;
}

static oskit_error_t scheduler_show(oskit_u64_t key, struct synth_text *text)
{
    (void)key;
    synth_printf(text, "[none]\n");
    return OSKIT_SUCCESS;
}

/* ---- Listing ---- */

struct listing {
    void (*emit)(void *arg, const char *name, oskit_u64_t key);
    void *arg;
    oskit_u64_t parent; /* key of the disk whose partitions are listed */
    const char *disk;   /* its name, once it has come */
};

static bool list_whole(void *arg, const struct disk_entry *entry)
{
    struct listing *l = arg;
    if (entry->partition == 0)
        l->emit(l->arg, entry->name, key_of(entry));
    return true;
}

/* A disk's partitions follow it, so its name is still there to compare with. */
static bool list_partition(void *arg, const struct disk_entry *entry)
{
    struct listing *l = arg;
    if (key_of(entry) == l->parent)
        l->disk = entry->name;
    else if (entry->partition == 0)
        l->disk = NULL;
    else if (l->disk)
        l->emit(l->arg, entry->name, key_of(entry));
    return true;
}

static bool list_any(void *arg, const struct disk_entry *entry)
{
    struct listing *l = arg;
    l->emit(l->arg, entry->name, key_of(entry));
    return true;
}

static bool list_number(void *arg, const struct disk_entry *entry)
{
    struct listing *l = arg;
    char name[24];
    format_text(name, sizeof name, "%u:%u", DEVICE_MAJOR(entry->number),
                DEVICE_MINOR(entry->number));
    l->emit(l->arg, name, key_of(entry));
    return true;
}

#define EACH(noun)                                                                                 \
    static void noun##_each(oskit_u64_t key,                                                       \
                            void (*emit)(void *arg, const char *name, oskit_u64_t key), void *arg) \
    {                                                                                              \
        struct listing l = {.emit = emit, .arg = arg, .parent = key};                              \
        disk_each(list_##noun, &l);                                                                \
    }

EACH(whole)
EACH(partition)
EACH(any)
EACH(number)

struct finding {
    const char *name;
    oskit_u64_t key;
};

static void find_match(void *arg, const char *name, oskit_u64_t key)
{
    struct finding *f = arg;
    if (!strcmp(name, f->name))
        f->key = key;
}

static oskit_error_t find_in(void (*each)(oskit_u64_t, void (*)(void *, const char *, oskit_u64_t),
                                          void *),
                             oskit_u64_t key, const char *name, oskit_u64_t *out)
{
    struct finding f = {.name = name};
    each(key, find_match, &f);
    *out = f.key;
    return f.key ? OSKIT_SUCCESS : OSKIT_ENOENT;
}

#define FIND(noun)                                                                        \
    static oskit_error_t noun##_find(oskit_u64_t key, const char *name, oskit_u64_t *out) \
    {                                                                                     \
        return find_in(noun##_each, key, name, out);                                      \
    }

FIND(whole)
FIND(partition)
FIND(any)
FIND(number)

/* ---- Links ---- */

struct owner {
    oskit_u64_t key;
    const char *up;
    struct synth_text *text;
    bool found;
};

static bool owner_match(void *arg, const struct disk_entry *entry)
{
    struct owner *o = arg;
    if (key_of(entry) != o->key)
        return true;
    o->found = true;
    synth_printf(o->text, "%sblock/%s", o->up, entry->disk);
    if (entry->partition)
        synth_printf(o->text, "/%s", entry->name);
    return false;
}

/* Both kinds of link lie two directories below /sys. */
static oskit_error_t link_show(oskit_u64_t key, struct synth_text *text)
{
    struct owner o = {.key = key, .up = "../../", .text = text};
    disk_each(owner_match, &o);
    return o.found ? OSKIT_SUCCESS : OSKIT_ENOENT;
}

/* ---- The tree ---- */

#define FILE_NODE(node_name, node_show)                                        \
    {                                                                          \
        .name = (node_name), .mode = OSKIT_S_IFREG | 0444, .show = (node_show) \
    }

static const struct synth_node queue_nodes[] = {FILE_NODE("discard_granularity", granularity_show),
                                                FILE_NODE("discard_max_bytes", discard_show),
                                                FILE_NODE("hw_sector_size", logical_show),
                                                FILE_NODE("logical_block_size", logical_show),
                                                FILE_NODE("max_sectors_kb", transfer_show),
                                                FILE_NODE("max_segment_size", segment_size_show),
                                                FILE_NODE("max_segments", segments_show),
                                                FILE_NODE("minimum_io_size", physical_show),
                                                FILE_NODE("nr_requests", depth_show),
                                                FILE_NODE("optimal_io_size", zero_show),
                                                FILE_NODE("physical_block_size", physical_show),
                                                FILE_NODE("rotational", zero_show),
                                                FILE_NODE("scheduler", scheduler_show),
                                                FILE_NODE("write_cache", cache_show),
                                                FILE_NODE("write_zeroes_max_bytes", zeroes_show),
                                                {.name = NULL}};

static const struct synth_node partition_nodes[] = {FILE_NODE("alignment_offset", zero_show),
                                                    FILE_NODE("dev", dev_show),
                                                    FILE_NODE("inflight", inflight_show),
                                                    FILE_NODE("partition", partition_show),
                                                    FILE_NODE("ro", ro_show),
                                                    FILE_NODE("size", size_show),
                                                    FILE_NODE("start", start_show),
                                                    FILE_NODE("stat", stat_show),
                                                    {.name = NULL}};

static const struct synth_node partition_template = {.mode = OSKIT_S_IFDIR | 0555,
                                                     .children = partition_nodes};

static const struct synth_node disk_nodes[] = {
    FILE_NODE("alignment_offset", zero_show),
    FILE_NODE("dev", dev_show),
    FILE_NODE("inflight", inflight_show),
    {.name = "queue", .mode = OSKIT_S_IFDIR | 0555, .children = queue_nodes},
    FILE_NODE("removable", zero_show),
    FILE_NODE("ro", ro_show),
    FILE_NODE("serial", serial_show),
    FILE_NODE("size", size_show),
    FILE_NODE("stat", stat_show),
    {.name = NULL}};

static const struct synth_node disk_template = {.mode = OSKIT_S_IFDIR | 0555,
                                                .children = disk_nodes,
                                                .each = partition_each,
                                                .find = partition_find,
                                                .template = &partition_template};

static const struct synth_node link_template = {.mode = OSKIT_S_IFLNK | 0777, .show = link_show};

#define LISTED_NODE(node_name, noun, node_template)                             \
    {                                                                           \
        .name = (node_name), .mode = OSKIT_S_IFDIR | 0555, .each = noun##_each, \
        .find = noun##_find, .template = &(node_template)                       \
    }

static const struct synth_node class_nodes[] = {LISTED_NODE("block", any, link_template),
                                                {.name = NULL}};
static const struct synth_node dev_nodes[] = {LISTED_NODE("block", number, link_template),
                                              {.name = NULL}};

static const struct synth_node root_nodes[] = {
    LISTED_NODE("block", whole, disk_template),
    {.name = "class", .mode = OSKIT_S_IFDIR | 0555, .children = class_nodes},
    {.name = "dev", .mode = OSKIT_S_IFDIR | 0555, .children = dev_nodes},
    {.name = "devices", .mode = OSKIT_S_IFDIR | 0555, .children = sysfs_devices},
    {.name = NULL}};

static const struct synth_node root_node = {
    .name = "sys", .mode = OSKIT_S_IFDIR | 0555, .children = root_nodes};

oskit_error_t sysfs_create(oskit_filesystem_t **out)
{
    return synthfs_create(&root_node, out);
}
