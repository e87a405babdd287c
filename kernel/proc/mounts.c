/* The table of mounts, in its short and its long form. */
#include <sluice/string.h>
#include "kernel/mem/heap.h"
#include "kernel/proc/entry.h"

/* A field of a line of fields: what would end it is written in octal. */
static void field_append(struct synth_text *text, const char *field)
{
    for (; *field; field++) {
        if (*field == ' ' || *field == '\t' || *field == '\n' || *field == '\\')
            synth_printf(text, "\\%03o", (unsigned)(unsigned char)*field);
        else
            synth_append(text, field, 1);
    }
}

/* What holds at the mount. */
static void flags_append(struct synth_text *text, const struct mount_info *info)
{
    oskit_u32_t flags = info->flags;
    synth_printf(text, "%s%s%s%s,%s", flags & MOUNT_RDONLY ? "ro" : "rw",
                 flags & MOUNT_NOSUID ? ",nosuid" : "", flags & MOUNT_NODEV ? ",nodev" : "",
                 flags & MOUNT_NOEXEC ? ",noexec" : "",
                 info->options.noatime ? "noatime" : "relatime");
}

/* What the file system was set to. */
static void options_append(struct synth_text *text, const struct mount_info *info)
{
    if (info->options.errors)
        synth_printf(text, ",errors=%s", info->options.errors);
}

static bool mounts_line(void *arg, const struct mount_info *info)
{
    struct synth_text *text = arg;
    field_append(text, info->source);
    synth_printf(text, " ");
    field_append(text, info->path);
    synth_printf(text, " %s ", info->type);
    flags_append(text, info);
    options_append(text, info);
    synth_printf(text, " 0 0\n");
    return true;
}

oskit_error_t proc_show_mounts(oskit_u64_t key, struct synth_text *text)
{
    struct location root;
    (void)key;
    current_root(&root);
    namespace_each_mount(root_namespace, &root, mounts_line, text);
    location_release(&root);
    return OSKIT_SUCCESS;
}

/* ---- mountinfo ---- */

#define MOUNT_FIRST_ID 20

/* A mount's number is its place in the list; its parent's comes from the path: the last one before
 * it that is mounted above. */
struct mountinfo {
    struct synth_text *text;
    struct location root; /* the asking process's */
    char **paths;         /* of the mounts before, owned */
    unsigned count, room;
    bool failed;
};

static bool path_is_above(const char *above, const char *path)
{
    size_t length = strlen(above);
    if (length == 1)
        return true;
    return !strncmp(above, path, length) && (path[length] == '/' || path[length] == '\0');
}

static unsigned parent_of(const struct mountinfo *m, const char *path)
{
    for (unsigned i = m->count; i > 0; i--)
        if (path_is_above(m->paths[i - 1], path))
            return MOUNT_FIRST_ID + i - 1;
    return 1;
}

static bool path_note(struct mountinfo *m, const char *path)
{
    if (m->count == m->room) {
        unsigned room = m->room ? 2 * m->room : 16;
        char **paths = heap_alloc(room * sizeof *paths, 0);
        if (!paths)
            return false;
        if (m->count)
            memcpy(paths, m->paths, m->count * sizeof *paths);
        heap_free(m->paths);
        m->paths = paths;
        m->room = room;
    }
    size_t size = strlen(path) + 1;
    char *copy = heap_alloc(size, 0);
    if (!copy)
        return false;
    memcpy(copy, path, size);
    m->paths[m->count++] = copy;
    return true;
}

static oskit_u32_t device_at(const struct location *root, const char *path)
{
    struct location at;
    struct filex_stat stat = {0};
    struct walk walk = {root_namespace, root, root};
    if (!namespace_lookup(&walk, path, 0, &at)) {
        sluice_filex_t *filex = location_filex(&at);
        if (filex)
            sluice_filex_stat(filex, &stat);
        location_release(&at);
    }
    return stat.dev;
}

static bool mountinfo_line(void *arg, const struct mount_info *info)
{
    struct mountinfo *m = arg;
    struct synth_text *text = m->text;
    oskit_u32_t dev = device_at(&m->root, info->path);
    synth_printf(text, "%u %u %u:%u / ", MOUNT_FIRST_ID + m->count, parent_of(m, info->path),
                 DEVICE_MAJOR(dev), DEVICE_MINOR(dev));
    field_append(text, info->path);
    synth_printf(text, " ");
    flags_append(text, info);
    synth_printf(text, " - %s ", info->type);
    field_append(text, info->source);
    synth_printf(text, " %s", info->flags & MOUNT_RDONLY ? "ro" : "rw");
    options_append(text, info);
    synth_printf(text, "\n");
    m->failed = !path_note(m, info->path);
    return !m->failed;
}

oskit_error_t proc_show_mountinfo(oskit_u64_t key, struct synth_text *text)
{
    struct mountinfo m = {.text = text};
    (void)key;
    current_root(&m.root);
    namespace_each_mount(root_namespace, &m.root, mountinfo_line, &m);
    location_release(&m.root);
    for (unsigned i = 0; i < m.count; i++)
        heap_free(m.paths[i]);
    heap_free(m.paths);
    return m.failed ? OSKIT_ENOMEM : OSKIT_SUCCESS;
}
