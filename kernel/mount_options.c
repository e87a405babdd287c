/* Options of mount(2). Type by type, each with a function that takes one option, or doesn't. */
#include "kernel/mount_options.h"
#include <stdbool.h>
#include <stddef.h>
#include <sluice/filesystemx.h>
#include <sluice/object.h>
#include <sluice/ramfs.h>
#include <sluice/string.h>
#include "kernel/abi/errno.h"
#include "kernel/abi/mount.h"
#include "kernel/log.h"
#include "kernel/mem/pages.h"

/* ---- Values ---- */

/* The end of the digits, or NULL: there are none, or too many. */
static const char *digits(const char *text, unsigned base, uint64_t *out)
{
    const char *start = text;
    *out = 0;
    for (; *text >= '0' && *text < (char)('0' + base); text++)
        if (__builtin_mul_overflow(*out, base, out) ||
            __builtin_add_overflow(*out, (unsigned)(*text - '0'), out))
            return NULL;
    return text == start ? NULL : text;
}

static bool number_value(const char *value, unsigned base, uint32_t *out)
{
    uint64_t number;
    const char *end = value ? digits(value, base, &number) : NULL;
    if (!end || *end || number >= UINT32_MAX) /* -1 is nobody's number */
        return false;
    *out = (uint32_t)number;
    return true;
}

static bool mode_value(const char *value, uint32_t *out)
{
    if (!number_value(value, 8, out))
        return false;
    *out &= 07777;
    return true;
}

/* Powers of 1024 that a letter stands for. */
static unsigned letter_power(char letter)
{
    static const char letters[] = "kmgtpe";
    for (unsigned i = 0; letters[i]; i++)
        if ((letter | 0x20) == letters[i])
            return i + 1;
    return 0;
}

/* Bytes, with a letter or not, or a share of memory in percent; whole pages, none at all for no
 * limit. */
static bool size_value(const char *value, uint64_t *pages)
{
    uint64_t number;
    const char *end = value ? digits(value, 10, &number) : NULL;
    if (!end)
        return false;
    if (*end == '%') {
        if (__builtin_mul_overflow(number, (uint64_t)pages_total(), &number))
            return false;
        *pages = number / 100 + (number % 100 != 0);
        end++;
    } else {
        unsigned power = letter_power(*end);
        for (unsigned i = 0; i < power; i++)
            if (__builtin_mul_overflow(number, 1024, &number))
                return false;
        *pages = number / 4096 + (number % 4096 != 0);
        end += power > 0;
    }
    if (!*pages)
        *pages = RAMFS_UNLIMITED;
    return *end == '\0';
}

static bool is(const char *text, const char *name)
{
    return text && !strcmp(text, name);
}

/* ---- Types ---- */

/* VALUE is NULL without an equals sign. */
typedef bool option_function(const char *name, const char *value, struct mount_options *options);

static bool option_tmpfs(const char *name, const char *value, struct mount_options *options)
{
    if (is(name, "size"))
        return size_value(value, &options->pages);
    if (is(name, "mode"))
        return mode_value(value, &options->mode);
    if (is(name, "uid"))
        return number_value(value, 10, &options->uid);
    return is(name, "gid") && number_value(value, 10, &options->gid);
}

/* It has one option, and takes no notice of others, as Linux's. */
static bool option_ramfs(const char *name, const char *value, struct mount_options *options)
{
    return !is(name, "mode") || mode_value(value, &options->mode);
}

static bool option_proc(const char *name, const char *value, struct mount_options *options)
{
    (void)options;
    return is(name, "hidepid") && (is(value, "0") || is(value, "off"));
}

/* What is done in any case. No file system here has lists for access. */
static bool option_disk(const char *name, const char *value, struct mount_options *options)
{
    if (is(name, "errors") && (is(value, "continue") || is(value, "remount-ro"))) {
        options->errors = value;
        return true;
    }
    if (is(name, "data") && is(value, "ordered")) {
        options->ordered = true;
        return true;
    }
    return !value && (is(name, "user_xattr") || is(name, "noacl"));
}

static const struct {
    const char *type;
    option_function *take;
} takers[] = {
    {"tmpfs", option_tmpfs}, {"ramfs", option_ramfs}, {"proc", option_proc},
    {"ext2", option_disk},   {"ext3", option_disk},   {"ext4", option_disk},
};

static option_function *taker(const char *type)
{
    for (size_t i = 0; i < sizeof takers / sizeof takers[0]; i++)
        if (is(type, takers[i].type))
            return takers[i].take;
    return NULL;
}

static bool option_take(const char *type, const char *name, const char *value,
                        struct mount_options *options)
{
    option_function *take = taker(type);
    if (!value && is(name, "ro"))
        options->flags |= ABI_MS_RDONLY;
    else if (!value && is(name, "rw"))
        options->flags &= ~(uint32_t)ABI_MS_RDONLY;
    else
        return take && take(name, value, options);
    return true;
}

/* ---- The text ---- */

/* Puts a NUL at the first of C in TEXT and returns what follows; NULL when there is none. */
static char *cut(char *text, char c)
{
    for (; *text; text++)
        if (*text == c) {
            *text = '\0';
            return text + 1;
        }
    return NULL;
}

void mount_options_init(const char *type, uint32_t flags, struct mount_options *out)
{
    bool tmpfs = is(type, "tmpfs");
    *out = (struct mount_options){
        .flags = flags,
        .pages = tmpfs ? pages_total() / 2 : RAMFS_UNLIMITED,
        .mode = tmpfs ? 01777 : 0755,
    };
}

long mount_options_parse(const char *type, char *text, struct mount_options *options)
{
    for (char *next; text; text = next) {
        next = cut(text, ',');
        char *value = cut(text, '=');
        if ((*text || value) && !option_take(type, text, value, options)) {
            log_write(LOG_WARNING, "mount: %s: no option %s%s%s", type, text, value ? "=" : "",
                      value ? value : "");
            return -ABI_EINVAL;
        }
    }
    return 0;
}

static sluice_fsname_t *fsname_of(oskit_filesystem_t *fs)
{
    return sluice_query_face(fs, &sluice_fsname_iid);
}

long mount_options_parse_again(oskit_filesystem_t *fs, char *text, struct mount_options *options)
{
    sluice_fsname_t *fsname = fsname_of(fs);
    const char *type = fsname ? fsname->ops->type(fsname) : "mounted";
    long error = mount_options_parse(type, text, options);
    if (fsname)
        fsname->ops->release(fsname);
    return error ? error : mount_options_verify(fs, options);
}

static bool refuse(const char *type, const char *option, const char *why)
{
    log_write(LOG_WARNING, "mount: %s: no option %s: %s", type, option, why);
    return false;
}

/* An ext2, whatever it was mounted as, has no journal that could order anything. */
static bool verified(sluice_fsname_t *fsname, const struct mount_options *options)
{
    struct fsname_options so = {0};
    const char *type = fsname->ops->type(fsname);
    fsname->ops->options(fsname, &so);
    const char *errors = so.errors ? so.errors : "continue";
    if (options->errors && !is(errors, options->errors))
        return refuse(type, "errors", "its superblock says otherwise");
    return !options->ordered || !is(type, "ext2") ||
           refuse(type, "data=ordered", "it has no journal");
}

long mount_options_verify(oskit_filesystem_t *fs, const struct mount_options *options)
{
    sluice_fsname_t *fsname = options->errors || options->ordered ? fsname_of(fs) : NULL;
    if (!fsname)
        return 0;
    bool true_of_it = verified(fsname, options);
    fsname->ops->release(fsname);
    return true_of_it ? 0 : -ABI_EINVAL;
}
