#include "crash_attributes.h"
#include "harness.h"

#include <stdio.h>
#include <sluice/filesystemx.h>

#define VALUE_MAX 256u
#define LONG      150u /* no inode has room for so many bytes: they take a block */

static void kept_name(unsigned number, char *name, size_t size)
{
    snprintf(name, size, "kept%u", number);
}

static void attribute_name(unsigned which, char *name, size_t size)
{
    snprintf(name, size, "user.%.*s%u", (int)(which * 7), "aLongNameOfThem", which);
}

/* ---- Values ---- */

static uint32_t value_size(uint32_t version)
{
    return version % 3 == 0 ? LONG + version % (VALUE_MAX - LONG) : 4 + version % 37;
}

static uint8_t value_byte(uint32_t version, uint32_t at)
{
    return at < 4 ? (uint8_t)(version >> 8 * at) : (uint8_t)((version * 2654435761u + at) >> 11);
}

static void value_make(uint32_t version, uint8_t *bytes)
{
    for (uint32_t i = 0; i < value_size(version); i++)
        bytes[i] = value_byte(version, i);
}

/* The version whose value BYTES are; 0: of none. */
static uint32_t value_version(const uint8_t *bytes, oskit_size_t size)
{
    if (size < 4)
        return 0;
    uint32_t version = (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
                       (uint32_t)bytes[3] << 24;
    if (size != value_size(version))
        return 0;
    for (uint32_t i = 4; i < size; i++)
        if (bytes[i] != value_byte(version, i))
            return 0;
    return version;
}

/* ---- Changing ---- */

/* To VERSION, or with 0 away. */
static oskit_error_t change(oskit_file_t *file, unsigned which, uint32_t version)
{
    sluice_xattrset_t *set = sluice_query_face(file, &sluice_xattrset_iid);
    uint8_t bytes[VALUE_MAX];
    char name[64];
    oskit_error_t err;

    attribute_name(which, name, sizeof name);
    if (version == 0) {
        err = set->ops->remove(set, name);
    } else {
        value_make(version, bytes);
        err = set->ops->set(set, name, bytes, value_size(version), 0);
    }
    set->ops->release(set);
    return err;
}

static void set_immutable(oskit_file_t *file, bool on)
{
    sluice_fileflags_t *flags = sluice_query_face(file, &sluice_fileflags_iid);
    oskit_u32_t now;

    assert_int_equal(flags->ops->get(flags, &now), 0);
    now = on ? now | FILEFLAG_IMMUTABLE : now & ~FILEFLAG_IMMUTABLE;
    assert_int_equal(flags->ops->set(flags, now), 0);
    flags->ops->release(flags);
}

/* From here on up to now is promised what was. */
static void withdraw(struct crash_attributes *a, unsigned file, uint32_t events)
{
    for (unsigned i = 0; i < a->promise_count; i++)
        if (a->promises[i].file == file && a->promises[i].to == UINT32_MAX)
            a->promises[i].to = events;
}

static void promise(struct crash_attributes *a, unsigned file, uint32_t events)
{
    if (a->promise_count < CRASH_PROMISES)
        a->promises[a->promise_count++] =
            (struct crash_promise){file, events, UINT32_MAX, a->now[file]};
}

/* One change of a kept file that is as NOW says. */
static void change_kept(struct crash_attributes *a, oskit_file_t *file, struct crash_state *now,
                        uint64_t random)
{
    unsigned which = (unsigned)(random % CRASH_NAMES);
    uint32_t version = random >> 8 & 3 ? ++a->last_version : 0;

    if (now->immutable || (random >> 16) % 8 == 0) {
        now->immutable = !now->immutable;
        if (!now->immutable)
            assert_int_equal(change(file, which, ++a->last_version), OSKIT_EPERM);
        set_immutable(file, now->immutable);
        return;
    }
    oskit_error_t expected = version == 0 && now->version[which] == 0 ? OSKIT_ENODATA : 0;
    assert_int_equal(change(file, which, version), expected);
    now->version[which] = version;
}

static void step_kept(struct crash_attributes *a, oskit_dir_t *root, struct faultdisk *disk,
                      uint64_t random)
{
    unsigned number = (unsigned)(random >> 24) % CRASH_KEPT;
    char name[16];
    oskit_file_t *file;

    kept_name(number, name, sizeof name);
    assert_int_equal(oskit_dir_lookup(root, name, &file), 0);
    withdraw(a, number, faultdisk_events(disk));
    change_kept(a, file, &a->now[number], random);
    if (random >> 32 & 1) {
        assert_int_equal(oskit_file_sync(file, 1), 0);
        promise(a, number, faultdisk_events(disk));
    }
    oskit_file_release(file);
}

void crash_attributes_step(struct crash_attributes *a, oskit_dir_t *root, struct faultdisk *disk,
                           uint64_t random, const char *other)
{
    oskit_file_t *file;

    if (!other) {
        step_kept(a, root, disk, random);
        return;
    }
    assert_int_equal(oskit_dir_lookup(root, other, &file), 0);
    assert_int_equal(change(file, (unsigned)(random % CRASH_NAMES), ++a->last_version), 0);
    oskit_file_release(file);
}

/* ---- The files that share a block ---- */

static void make_kept(struct crash_attributes *a, oskit_dir_t *root)
{
    a->last_version = 3; /* a long one */
    for (unsigned i = 0; i < CRASH_KEPT; i++) {
        oskit_file_t *file;
        char name[16];
        kept_name(i, name, sizeof name);
        assert_int_equal(oskit_dir_create(root, name, 1, 0644, &file), 0);
        if (i == 0)
            assert_int_equal(change(file, 0, a->last_version), 0);
        a->now[i].version[0] = a->last_version;
        oskit_file_release(file);
    }
}

void crash_attributes_make(struct crash_attributes *a, struct ext2_image *image)
{
    memset(a, 0, sizeof *a);
    assert_int_equal(ext2_image_mount(image, 0), 0);
    make_kept(a, image->root);
    ext2_image_unmount(image);
    ext2_image_save(image);
    const char *path = image->path;
    assert_int_equal(
        ext2_shell("i=%s; b=$(debugfs -R 'stat kept0' $i 2>/dev/null | "
                   "sed -n 's/.*File ACL: *\\([0-9]*\\).*/\\1/p');"
                   "s=$(debugfs -R 'show_super_stats -h' $i 2>/dev/null | "
                   "sed -n 's/^Block size: *//p');"
                   "for f in kept1 kept2; do "
                   "debugfs -w -R \"sif $f file_acl $b\" $i 2>/dev/null;"
                   "debugfs -w -R \"sif $f blocks $((s / 512))\" $i 2>/dev/null; done;"
                   "printf '\\003' | dd of=$i bs=1 seek=$((b * s + 4)) conv=notrunc 2>/dev/null",
                   path),
        0);
    ext2_image_load(image);
    assert_true(ext2_image_clean(image));
}

/* ---- Judging ---- */

/* *GOOD: whole. Its version, or 0 when there is none. */
static uint32_t version_of(oskit_file_t *file, unsigned which, bool *good)
{
    sluice_xattr_t *get = sluice_query_face(file, &sluice_xattr_iid);
    uint8_t bytes[VALUE_MAX];
    oskit_size_t size = 0;
    char name[64];

    attribute_name(which, name, sizeof name);
    oskit_error_t err = get->ops->get(get, name, bytes, sizeof bytes, &size);
    get->ops->release(get);
    uint32_t version = err ? 0 : value_version(bytes, size);
    *good = err == OSKIT_ENODATA || version != 0;
    return version;
}

static bool state_of(oskit_file_t *file, struct crash_state *out)
{
    sluice_fileflags_t *flags = sluice_query_face(file, &sluice_fileflags_iid);
    oskit_u32_t set = 0;
    bool good = flags->ops->get(flags, &set) == 0;

    flags->ops->release(flags);
    out->immutable = set & FILEFLAG_IMMUTABLE;
    for (unsigned i = 0; i < CRASH_NAMES && good; i++)
        out->version[i] = version_of(file, i, &good);
    return good;
}

static bool same_state(const struct crash_state *a, const struct crash_state *b)
{
    return a->immutable == b->immutable && !memcmp(a->version, b->version, sizeof a->version);
}

static const char *whole(const struct crash_attributes *a, oskit_dir_t *root, const char *name,
                         struct crash_state *state)
{
    oskit_file_t *file;

    memset(state, 0, sizeof *state);
    if (oskit_dir_lookup(root, name, &file))
        return "is missing";
    bool good = state_of(file, state);
    oskit_file_release(file);
    for (unsigned i = 0; i < CRASH_NAMES; i++)
        good = good && state->version[i] <= a->last_version;
    return good ? NULL : "has an attribute that nobody gave it";
}

const char *crash_attributes_judge(const struct crash_attributes *a, oskit_dir_t *root,
                                   uint32_t count, unsigned number)
{
    struct crash_state state;
    char name[16];

    kept_name(number, name, sizeof name);
    const char *wrong = whole(a, root, name, &state);
    for (unsigned i = 0; i < a->promise_count && !wrong; i++) {
        const struct crash_promise *p = &a->promises[i];
        if (p->file == number && count >= p->from && count <= p->to &&
            !same_state(&state, &p->state))
            wrong = "hasn't the attributes and flags that fsync returned for";
    }
    return wrong;
}

const char *crash_attributes_judge_other(const struct crash_attributes *a, oskit_dir_t *root,
                                         const char *name)
{
    struct crash_state state;
    oskit_file_t *file;

    if (oskit_dir_lookup(root, name, &file))
        return NULL;
    oskit_file_release(file);
    return whole(a, root, name, &state);
}
