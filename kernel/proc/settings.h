/* What the files of /proc/sys have in common: numbers that can be set, and what can only be read.
 */
#ifndef KERNEL_PROC_SETTINGS_H
#define KERNEL_PROC_SETTINGS_H

#include "kernel/proc/entry.h"

extern const struct synth_node proc_net_settings_nodes[]; /* net_settings.c */

/* ipc_settings.c */
oskit_error_t semaphores_show(oskit_u64_t key, struct synth_text *text);
oskit_error_t semaphores_store(oskit_u64_t key, const char *text, size_t size);
oskit_error_t segment_size_show(oskit_u64_t key, struct synth_text *text);
oskit_error_t segment_size_store(oskit_u64_t key, const char *text, size_t size);

/* settings.c */
oskit_error_t limit_show(struct synth_text *text, const _Atomic oskit_u32_t *limit);
/* A number from LOW to HIGH, and what isn't one behind it. OSKIT_E_INVALIDARG. */
oskit_error_t limit_store(_Atomic oskit_u32_t *limit, const char *text, size_t size,
                          oskit_u32_t low, oskit_u32_t high);

#define FIXED(function, value)                                              \
    static oskit_error_t function(oskit_u64_t key, struct synth_text *text) \
    {                                                                       \
        (void)key;                                                          \
        synth_printf(text, value "\n");                                     \
        return OSKIT_SUCCESS;                                               \
    }

#define LIMIT_WITHIN(name, limit, low, high)                                          \
    static oskit_error_t name##_show(oskit_u64_t key, struct synth_text *text)        \
    {                                                                                 \
        (void)key;                                                                    \
        return limit_show(text, &(limit));                                            \
    }                                                                                 \
    static oskit_error_t name##_store(oskit_u64_t key, const char *text, size_t size) \
    {                                                                                 \
        (void)key;                                                                    \
        return limit_store(&(limit), text, size, low, high);                          \
    }
#define LIMIT(name, limit) LIMIT_WITHIN(name, limit, 0, INT32_MAX)

#define FILE_NODE(node_name, node_show)                                        \
    {                                                                          \
        .name = (node_name), .mode = OSKIT_S_IFREG | 0444, .show = (node_show) \
    }
#define STORE_NODE(node_name, node_show, node_store)                            \
    {                                                                           \
        .name = (node_name), .mode = OSKIT_S_IFREG | 0644, .show = (node_show), \
        .store = (node_store)                                                   \
    }
#define LIMIT_NODE(node_name, name) STORE_NODE(node_name, name##_show, name##_store)
#define DIR_NODE(node_name, node_children)                                             \
    {                                                                                  \
        .name = (node_name), .mode = OSKIT_S_IFDIR | 0555, .children = (node_children) \
    }
#define END_NODE     \
    {                \
        .name = NULL \
    }

#endif
