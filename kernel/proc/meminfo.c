/* Memory in use. There is no swap; what Linux counts as cached is here the page cache and what the
 * file systems in memory hold, which is shown as shared, too, for it can't be given up. */
#include <sluice/pagecache.h>
#include <sluice/string.h>
#include "kernel/mem/heap.h"
#include "kernel/mem/layout.h"
#include "kernel/mem/pages.h"
#include "kernel/proc/system.h"

static void file_system_add(const char *path, uint64_t *kib)
{
    struct location root, at;
    oskit_statfs_t stat;
    namespace_root(root_namespace, &root);
    struct walk walk = {root_namespace, &root, &root};
    if (!namespace_lookup(&walk, path, 0, &at)) {
        oskit_filesystem_t *fs = location_filesystem(&at);
        if (!oskit_filesystem_statfs(fs, &stat) && stat.blocks > stat.bfree)
            *kib += (uint64_t)(stat.blocks - stat.bfree) * stat.frsize / 1024;
        location_release(&at);
    }
    location_release(&root);
}

static bool mount_add(void *arg, const struct mount_info *info)
{
    static const char *const in_memory[] = {"rootfs", "ramfs", "tmpfs"};
    for (size_t i = 0; i < sizeof in_memory / sizeof in_memory[0]; i++)
        if (!strcmp(info->type, in_memory[i]))
            file_system_add(info->path, arg);
    return true;
}

static void line(struct synth_text *text, const char *name, uint64_t kib)
{
    char label[20];
    size_t length = strlen(name);
    memcpy(label, name, length);
    memcpy(label + length, ":", 2);
    synth_printf(text, "%-15s %8lu kB\n", label, kib);
}

oskit_error_t proc_show_meminfo(oskit_u64_t key, struct synth_text *text)
{
    uint64_t total = pages_total() * (PAGE_SIZE / 1024), free = pages_free() * (PAGE_SIZE / 1024);
    struct pagecache_totals cache;
    uint64_t files = 0;
    (void)key;
    pagecache_totals(&cache);
    namespace_each_mount(root_namespace, NULL, mount_add, &files);
    const struct {
        const char *name;
        uint64_t kib;
    } lines[] = {
        {"MemTotal", total},
        {"MemFree", free},
        {"MemAvailable", free + (cache.cached - cache.dirty) * (PAGE_SIZE / 1024)},
        {"Buffers", 0},
        {"Cached", files + cache.cached * (PAGE_SIZE / 1024)},
        {"SwapCached", 0},
        {"Active", 0},
        {"Inactive", 0},
        {"Mlocked", 0},
        {"SwapTotal", 0},
        {"SwapFree", 0},
        {"Dirty", cache.dirty * (PAGE_SIZE / 1024)},
        {"Writeback", cache.writeback * (PAGE_SIZE / 1024)},
        {"AnonPages", 0},
        {"Mapped", 0},
        {"Shmem", files},
        {"KReclaimable", 0},
        {"Slab", heap_used() / 1024},
        {"SReclaimable", 0},
        {"SUnreclaim", heap_used() / 1024},
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        line(text, lines[i].name, lines[i].kib);
    return OSKIT_SUCCESS;
}

oskit_error_t proc_show_vmstat(oskit_u64_t key, struct synth_text *text)
{
    (void)key;
    synth_printf(text, "nr_free_pages %lu\npgpgin 0\npgpgout 0\npswpin 0\npswpout 0\n",
                 pages_free());
    return OSKIT_SUCCESS;
}
