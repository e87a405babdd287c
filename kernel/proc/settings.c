/* /proc/sys: the system's settings. Most can be read only: they tell what the kernel does, and it
 * does nothing else. */
#include <sluice/notify.h>
#include <sluice/pagecache.h>
#include <sluice/string.h>
#include "kernel/log.h"
#include "kernel/mem/pages.h"
#include "kernel/proc/settings.h"
#include "kernel/random.h"
#include "kernel/sys/mqueue.h"
#include "kernel/sys/msgqueue.h"
#include "kernel/sys/segment.h"
#include "kernel/sys/uts.h"

/* ---- Names ---- */

enum uts_field { UTS_SYSNAME, UTS_NODENAME, UTS_RELEASE, UTS_VERSION, UTS_DOMAINNAME };

static oskit_error_t uts_show(enum uts_field field, struct synth_text *text)
{
    struct abi_utsname uts;
    uts_read(&uts);
    const char *const fields[] = {uts.sysname, uts.nodename, uts.release, uts.version,
                                  uts.domainname};
    synth_printf(text, "%s\n", fields[field]);
    return OSKIT_SUCCESS;
}

/* A line; the newline isn't part of the name. */
static oskit_error_t uts_store(enum uts_field field, const char *text, size_t size)
{
    const char *newline = memchr(text, '\n', size);
    size_t length = newline ? (size_t)(newline - text) : size;
    if (length >= ABI_UTS_LEN)
        return OSKIT_E_INVALIDARG;
    if (field == UTS_NODENAME)
        uts_set_hostname(text, length);
    else
        uts_set_domainname(text, length);
    return OSKIT_SUCCESS;
}

#define UTS_SHOW(function, field)                                           \
    static oskit_error_t function(oskit_u64_t key, struct synth_text *text) \
    {                                                                       \
        (void)key;                                                          \
        return uts_show(field, text);                                       \
    }
UTS_SHOW(ostype_show, UTS_SYSNAME)
UTS_SHOW(hostname_show, UTS_NODENAME)
UTS_SHOW(osrelease_show, UTS_RELEASE)
UTS_SHOW(version_show, UTS_VERSION)
UTS_SHOW(domainname_show, UTS_DOMAINNAME)

static oskit_error_t hostname_store(oskit_u64_t key, const char *text, size_t size)
{
    (void)key;
    return uts_store(UTS_NODENAME, text, size);
}

static oskit_error_t domainname_store(oskit_u64_t key, const char *text, size_t size)
{
    (void)key;
    return uts_store(UTS_DOMAINNAME, text, size);
}

/* ---- Randomness ---- */

static void uuid_append(struct synth_text *text, uint8_t bytes[16])
{
    bytes[6] = (bytes[6] & 0x0f) | 0x40; /* version 4: random */
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    for (int i = 0; i < 16; i++)
        synth_printf(text, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", bytes[i]);
    synth_printf(text, "\n");
}

static oskit_error_t uuid_show(oskit_u64_t key, struct synth_text *text)
{
    uint8_t bytes[16];
    (void)key;
    random_fill(bytes, sizeof bytes);
    uuid_append(text, bytes);
    return OSKIT_SUCCESS;
}

static spinlock_t boot_id_lock;
static uint8_t boot_id[16]; /* all zeros: not made yet */

static oskit_error_t boot_id_show(oskit_u64_t key, struct synth_text *text)
{
    static const uint8_t none[16];
    uint8_t copy[16];
    (void)key;
    spin_lock(&boot_id_lock);
    if (!memcmp(boot_id, none, sizeof none))
        random_fill(boot_id, sizeof boot_id);
    memcpy(copy, boot_id, sizeof copy);
    spin_unlock(&boot_id_lock);
    uuid_append(text, copy);
    return OSKIT_SUCCESS;
}

/* ---- Numbers ---- */

/* Descriptors that memory could hold, a KiB each. */
static oskit_error_t file_max_show(oskit_u64_t key, struct synth_text *text)
{
    (void)key;
    synth_printf(text, "%lu\n", pages_total() * 4);
    return OSKIT_SUCCESS;
}

static oskit_error_t log_level_show(oskit_u64_t key, struct synth_text *text)
{
    (void)key;
    synth_printf(text, "%d\t4\t1\t7\n", log_console_level());
    return OSKIT_SUCCESS;
}

static oskit_error_t log_level_store(oskit_u64_t key, const char *text, size_t size)
{
    (void)key;
    if (!size || *text < '0' || *text > '8' || (size > 1 && text[1] >= '0' && text[1] <= '9'))
        return OSKIT_E_INVALIDARG;
    log_set_console_level(*text - '0');
    return OSKIT_SUCCESS;
}

FIXED(pid_max_show, "32768")
FIXED(ngroups_max_show, "65536")
FIXED(overflow_id_show, "65534")
FIXED(cap_last_cap_show, "40")
FIXED(core_pattern_show, "core")
FIXED(threads_max_show, "32768")
FIXED(zero_show, "0")
FIXED(entropy_show, "256")
FIXED(nr_open_show, "1048576")
FIXED(pipe_max_size_show, "1048576")
FIXED(max_map_count_show, "65530")
FIXED(mmap_min_addr_show, "65536")
FIXED(randomize_show, "2")
FIXED(segment_pages_show, "18446744073692774399") /* Linux's word for all */

/* ---- Bounds that can be set ---- */

oskit_error_t limit_show(struct synth_text *text, const _Atomic oskit_u32_t *limit)
{
    synth_printf(text, "%u\n", atomic_load(limit));
    return OSKIT_SUCCESS;
}

oskit_error_t limit_store(_Atomic oskit_u32_t *limit, const char *text, size_t size,
                          oskit_u32_t low, oskit_u32_t high)
{
    uint64_t value = 0;
    size_t digits = 0;
    for (; digits < size && text[digits] >= '0' && text[digits] <= '9'; digits++) {
        value = value * 10 + (uint64_t)(text[digits] - '0');
        if (value > high)
            return OSKIT_E_INVALIDARG;
    }
    if (!digits || value < low || (digits < size && text[digits] != '\n' && text[digits] != ' '))
        return OSKIT_E_INVALIDARG;
    atomic_store(limit, (oskit_u32_t)value);
    return OSKIT_SUCCESS;
}

LIMIT(inotify_events, notify_limits.events)
LIMIT(inotify_instances, notify_limits.instances)
LIMIT(inotify_watches, notify_limits.watches)

LIMIT(queues_max, queue_limits.queues)
LIMIT_WITHIN(queue_messages, queue_limits.messages, 1, 65536)
LIMIT_WITHIN(queue_size, queue_limits.size, 128, 16777216)
LIMIT_WITHIN(queue_default_messages, queue_limits.default_messages, 1, 65536)
LIMIT_WITHIN(queue_default_size, queue_limits.default_size, 128, 16777216)

LIMIT(message_size, message_limits.size)
LIMIT(message_bytes, message_limits.in_queue)
LIMIT_WITHIN(message_queues, message_limits.queues, 0, SYSV_INDEXES)
LIMIT_WITHIN(segments, segment_limits.segments, 0, SYSV_INDEXES)

LIMIT(dirty_ratio, pagecache_limits.ratio)
LIMIT(dirty_background, pagecache_limits.background_ratio)
LIMIT(dirty_expire, pagecache_limits.expire_centiseconds)
LIMIT(dirty_writeback, pagecache_limits.writeback_centiseconds)

/* What was last asked for. */
static _Atomic oskit_u32_t drop_caches;

static oskit_error_t drop_caches_show(oskit_u64_t key, struct synth_text *text)
{
    (void)key;
    return limit_show(text, &drop_caches);
}

/* 1: pages of files, 2: names and inodes, of which none are kept without need; 3: both. */
static oskit_error_t drop_caches_store(oskit_u64_t key, const char *text, size_t size)
{
    _Atomic oskit_u32_t value = 0;
    (void)key;
    oskit_error_t error = limit_store(&value, text, size, 0, INT32_MAX);
    if (error)
        return error;
    if (value < 1 || value > 4)
        return OSKIT_E_INVALIDARG;
    if (value & 1)
        pagecache_drop_all();
    atomic_store(&drop_caches, value);
    return OSKIT_SUCCESS;
}

/* ---- The tree ---- */

static const struct synth_node random_nodes[] = {
    FILE_NODE("boot_id", boot_id_show), FILE_NODE("entropy_avail", entropy_show),
    FILE_NODE("poolsize", entropy_show), FILE_NODE("uuid", uuid_show), END_NODE};

static const struct synth_node kernel_nodes[] = {
    FILE_NODE("cap_last_cap", cap_last_cap_show),
    FILE_NODE("core_pattern", core_pattern_show),
    STORE_NODE("domainname", domainname_show, domainname_store),
    STORE_NODE("hostname", hostname_show, hostname_store),
    LIMIT_NODE("msgmax", message_size),
    LIMIT_NODE("msgmnb", message_bytes),
    LIMIT_NODE("msgmni", message_queues),
    FILE_NODE("ngroups_max", ngroups_max_show),
    FILE_NODE("osrelease", osrelease_show),
    FILE_NODE("ostype", ostype_show),
    FILE_NODE("overflowgid", overflow_id_show),
    FILE_NODE("overflowuid", overflow_id_show),
    FILE_NODE("pid_max", pid_max_show),
    STORE_NODE("printk", log_level_show, log_level_store),
    DIR_NODE("random", random_nodes),
    FILE_NODE("randomize_va_space", randomize_show),
    STORE_NODE("sem", semaphores_show, semaphores_store),
    FILE_NODE("shmall", segment_pages_show),
    STORE_NODE("shmmax", segment_size_show, segment_size_store),
    LIMIT_NODE("shmmni", segments),
    FILE_NODE("tainted", zero_show),
    FILE_NODE("threads-max", threads_max_show),
    FILE_NODE("version", version_show),
    END_NODE};

static const struct synth_node inotify_nodes[] = {
    STORE_NODE("max_queued_events", inotify_events_show, inotify_events_store),
    STORE_NODE("max_user_instances", inotify_instances_show, inotify_instances_store),
    STORE_NODE("max_user_watches", inotify_watches_show, inotify_watches_store), END_NODE};

static const struct synth_node mqueue_nodes[] = {LIMIT_NODE("msg_default", queue_default_messages),
                                                 LIMIT_NODE("msg_max", queue_messages),
                                                 LIMIT_NODE("msgsize_default", queue_default_size),
                                                 LIMIT_NODE("msgsize_max", queue_size),
                                                 LIMIT_NODE("queues_max", queues_max),
                                                 END_NODE};

static const struct synth_node fs_nodes[] = {FILE_NODE("file-max", file_max_show),
                                             DIR_NODE("inotify", inotify_nodes),
                                             DIR_NODE("mqueue", mqueue_nodes),
                                             FILE_NODE("nr_open", nr_open_show),
                                             FILE_NODE("pipe-max-size", pipe_max_size_show),
                                             END_NODE};

static const struct synth_node vm_nodes[] = {
    STORE_NODE("dirty_background_ratio", dirty_background_show, dirty_background_store),
    STORE_NODE("dirty_expire_centisecs", dirty_expire_show, dirty_expire_store),
    STORE_NODE("dirty_ratio", dirty_ratio_show, dirty_ratio_store),
    STORE_NODE("dirty_writeback_centisecs", dirty_writeback_show, dirty_writeback_store),
    STORE_NODE("drop_caches", drop_caches_show, drop_caches_store),
    FILE_NODE("max_map_count", max_map_count_show),
    FILE_NODE("mmap_min_addr", mmap_min_addr_show),
    FILE_NODE("overcommit_memory", zero_show),
    FILE_NODE("panic_on_oom", zero_show),
    FILE_NODE("swappiness", zero_show),
    END_NODE};

const struct synth_node proc_settings_nodes[] = {
    DIR_NODE("fs", fs_nodes), DIR_NODE("kernel", kernel_nodes),
    DIR_NODE("net", proc_net_settings_nodes), DIR_NODE("vm", vm_nodes), END_NODE};
