/*
 * The namespace over ramfs: every call with paths of few names and many dots, slashes and links, by
 * two people, with locations that are kept, mounts, and memory running out. At the end the tree
 * must be sound: counts of names are right, and what the namespace remembers is what the
 * directories say.
 */
#include "fuzz.h"
#include <oskit/fs/filesystem.h>
#include <sluice/filex.h>
#include <sluice/namespace.h>
#include <sluice/ramfs.h>

#define KEPT      6u
#define PATH_ROOM 400u
#define INODES    512u

static struct location root, kept[KEPT];
static struct namespace *ns;
static unsigned mounts;

static const char long_name[] = "a-name-that-is-longer-than-what-a-record-has-room-for-itself";
static const char *const names[] = {"a", "b", "c", "d", "..", ".", "", long_name};
#define NAMES (sizeof names / sizeof names[0])

/* Two bytes for most components. */
static const char *choose_path(struct choices *choices, char *path)
{
    uint32_t shape = choices_next(choices, 256), count = shape & 7;

    path[0] = '\0';
    if (shape & 8)
        strcat(path, "/");
    for (uint32_t i = 0; i < count && i < 6; i++) {
        strcat(path, names[choices_next(choices, NAMES)]);
        if (i + 1 < count || (shape & 0xf0) == 0x10)
            strcat(path, "/");
    }
    return path;
}

static struct walk choose_walk(struct choices *choices)
{
    const struct location *base = &kept[choices_next(choices, KEPT)];

    return (struct walk){ns, &root, base->name != NULL ? base : &root};
}

/* A path of a fresh location must lead there again. */
static void check_path(const struct location *at)
{
    struct walk walk = {ns, &root, &root};
    char path[4200];
    size_t length;
    struct location again;
    oskit_error_t err = namespace_path(&root, at, path, sizeof path, &length);

    assert_true(err == 0 || err == OSKIT_ERANGE || err == OSKIT_ENOMEM);
    if (err != 0)
        return;
    assert_int_equal(length, strlen(path) + 1);
    if (path[0] != '/' || location_deleted(at))
        return;
    err = namespace_lookup(&walk, path, NAMESPACE_NOFOLLOW, &again);
    if (err == OSKIT_EACCES || err == OSKIT_ENOMEM)
        return;
    assert_int_equal(err, 0);
    assert_true(location_same(at, &again));
    location_release(&again);
}

static void keep(struct choices *choices, struct location *at)
{
    struct location *slot = &kept[choices_next(choices, KEPT)];

    if (slot->name != NULL)
        location_release(slot);
    *slot = *at;
}

static void find(struct choices *choices, const struct walk *walk, const char *path)
{
    struct location at;

    if (namespace_lookup(walk, path, choices_next(choices, 4), &at) != 0)
        return;
    assert_non_null(location_file(&at));
    if (!env_test_failed() && mounts == 0)
        check_path(&at);
    keep(choices, &at);
}

static void make_file(struct choices *choices, const struct walk *walk, const char *path)
{
    bool created, excl = choices_next(choices, 2) != 0;
    struct location at;

    if (namespace_create_file(walk, path, choices_next(choices, 512), excl, 0, &at, &created) ==
        0) {
        assert_true(created || !excl);
        keep(choices, &at);
    }
}

static void make_nameless(struct choices *choices, const struct walk *walk, const char *path)
{
    struct location at;

    if (namespace_tmpfile(walk, path, 0600, false, 0, &at) == 0)
        keep(choices, &at);
}

static void mount(const struct walk *walk, const char *path, bool read_only)
{
    oskit_filesystem_t *fs;
    struct location at;

    if (namespace_lookup(walk, path, 0, &at) != 0)
        return;
    if (ramfs_create(10, 0, &fs) == 0) {
        if (namespace_mount(ns, &at, fs, "ramfs", "more", read_only ? MOUNT_RDONLY : 0) == 0)
            mounts++;
        oskit_filesystem_release(fs);
    }
    location_release(&at);
}

static void unmount(const struct walk *walk, const char *path, bool lazy)
{
    struct location at;

    if (namespace_lookup(walk, path, 0, &at) != 0)
        return;
    if (namespace_unmount(ns, &at, lazy) == 0)
        mounts--;
    location_release(&at);
}

static void change(struct choices *choices, const struct walk *walk, const char *path)
{
    struct filex_attributes attributes = {.mode = choices_next(choices, 512),
                                          .uid = choices_next(choices, 2) * 1000,
                                          .size = choices_next(choices, 70000)};
    struct location at;

    if (namespace_lookup(walk, path, choices_next(choices, 2), &at) != 0)
        return;
    sluice_filex_t *filex = location_filex(&at);
    sluice_filex_setattr(filex, choices_next(choices, 16), &attributes);
    location_release(&at);
}

static void step(struct choices *choices)
{
    char path[PATH_ROOM], other[PATH_ROOM];
    uint32_t what = choices_next(choices, 18);
    struct walk walk = choose_walk(choices), second;

    choose_path(choices, path);
    switch (what) {
    case 0:
    case 1:
        namespace_mkdir(&walk, path, choices_next(choices, 2) != 0 ? 0755 : 0700);
        break;
    case 2:
    case 3:
        make_file(choices, &walk, path);
        break;
    case 4:
        namespace_symlink(&walk, path, choose_path(choices, other));
        break;
    case 5:
        namespace_mknod(&walk, path, OSKIT_S_IFIFO | 0644, 0);
        break;
    case 6:
        namespace_unlink(&walk, path);
        break;
    case 7:
        namespace_rmdir(&walk, path);
        break;
    case 8:
    case 9:
        second = choose_walk(choices);
        namespace_rename(&walk, path, &second, choose_path(choices, other),
                         choices_next(choices, 4) % 3);
        break;
    case 10:
        second = choose_walk(choices);
        namespace_link(second.base, &walk, path);
        break;
    case 11:
        make_nameless(choices, &walk, path);
        break;
    case 12:
        mount(&walk, path, choices_next(choices, 4) == 0);
        break;
    case 13:
        unmount(&walk, path, choices_next(choices, 2) != 0);
        break;
    case 14:
        change(choices, &walk, path);
        break;
    case 15:
        if (choices_next(choices, 4) == 0)
            env_test_set_identity(1000, 1000, 022, false);
        else
            env_test_set_identity(0, 0, 022, true);
        break;
    case 16:
        env_test_fail_after(choices_next(choices, 8));
        break;
    default:
        find(choices, &walk, path);
    }
}

/* ---- The tree afterwards ---- */

static struct {
    uint64_t ino;
    uint32_t expected, found; /* names */
} inodes[INODES];
static size_t inode_count;

static void note_name(const struct filex_stat *stat)
{
    size_t i = 0;

    while (i < inode_count && inodes[i].ino != stat->ino)
        i++;
    if (i == inode_count) {
        assert_true(inode_count < INODES);
        inodes[inode_count].ino = stat->ino;
        inodes[inode_count].expected = stat->nlink;
        inodes[inode_count++].found = 0;
    }
    assert_int_equal(inodes[i].expected, stat->nlink);
    inodes[i].found++;
}

struct listing {
    char names[NAMES + 3][256];
    size_t count;
};

static bool list_entry(void *arg, const struct filex_entry *entry)
{
    struct listing *listing = arg;

    if (strcmp(entry->name, ".") == 0 || strcmp(entry->name, "..") == 0)
        return true;
    assert_true(listing->count < NAMES + 3 && entry->length < 256);
    strcpy(listing->names[listing->count++], entry->name);
    return true;
}

static bool listed(const struct listing *listing, const char *name)
{
    bool found = false;

    for (size_t i = 0; i < listing->count; i++)
        found = found || strcmp(listing->names[i], name) == 0;
    return found;
}

/* What the namespace says of NAME in AT, the file system itself being asked by DIR. */
static void check_name(const struct location *at, oskit_dir_t *dir, const char *name, bool there)
{
    struct walk walk = {ns, &root, at};
    struct location found;
    oskit_file_t *file;
    oskit_error_t err = namespace_lookup(&walk, name, NAMESPACE_NOFOLLOW, &found);

    assert_int_equal(err, there ? 0 : OSKIT_ENOENT);
    assert_int_equal(oskit_dir_lookup(dir, name, &file), err);
    if (err != 0)
        return;
    struct filex_stat ours, theirs;
    sluice_filex_t *filex = sluice_query_face((oskit_iunknown_t *)file, &sluice_filex_iid);
    assert_int_equal(sluice_filex_stat(filex, &theirs), 0);
    assert_int_equal(sluice_filex_stat(location_filex(&found), &ours), 0);
    assert_int_equal(ours.ino, theirs.ino);
    oskit_iunknown_release(filex);
    oskit_file_release(file);
    location_release(&found);
}

/* One directory, then those in it; returns the number of directories in it. */
static void check_directory(const struct location *at, unsigned depth)
{
    struct listing *listing = calloc(1, sizeof *listing);
    struct walk walk = {ns, &root, at};
    struct filex_stat stat;
    oskit_u64_t cookie = 0;
    uint32_t directories = 0;

    assert_true(depth < INODES);
    assert_int_equal(
        location_filex(at)->ops->readdir(location_filex(at), &cookie, list_entry, listing), 0);
    for (size_t i = 0; i < 4; i++)
        check_name(at, location_dir(at), names[i], listed(listing, names[i]));
    for (size_t i = 0; i < listing->count; i++) {
        struct location inner;
        check_name(at, location_dir(at), listing->names[i], true);
        assert_int_equal(namespace_lookup(&walk, listing->names[i], NAMESPACE_NOFOLLOW, &inner), 0);
        assert_int_equal(sluice_filex_stat(location_filex(&inner), &stat), 0);
        if (location_dir(&inner) != NULL) {
            directories++;
            check_directory(&inner, depth + 1);
        } else {
            note_name(&stat);
        }
        check_path(&inner);
        location_release(&inner);
    }
    assert_int_equal(sluice_filex_stat(location_filex(at), &stat), 0);
    assert_int_equal(stat.nlink, 2 + directories);
    free(listing);
}

struct mounted {
    char path[4200];
    bool found;
};

static bool note_mount(void *arg, const struct mount_info *info)
{
    struct mounted *mounted = arg;

    if (strcmp(info->source, "more") == 0) {
        assert_true(strlen(info->path) < sizeof mounted->path);
        strcpy(mounted->path, info->path);
        mounted->found = true;
    }
    return true;
}

static void unmount_all(void)
{
    struct walk walk = {ns, &root, &root};
    struct mounted *mounted = calloc(1, sizeof *mounted);
    unsigned before = UINT32_MAX;

    /* The last one made is on top. */
    while (namespace_each_mount(ns, NULL, note_mount, mounted), mounted->found && mounts < before) {
        before = mounts;
        unmount(&walk, mounted->path, true);
        mounted->found = false;
    }
    free(mounted);
}

static void check_tree(void)
{
    inode_count = 0;
    check_directory(&root, 0);
    for (size_t i = 0; i < inode_count; i++)
        assert_int_equal(inodes[i].found, inodes[i].expected);
}

void fuzz_one(const uint8_t *bytes, size_t size)
{
    struct choices choices = choices_from_bytes(bytes, size);
    oskit_filesystem_t *fs;

    assert_int_equal(ramfs_create(100, 0, &fs), 0);
    assert_int_equal(namespace_create(fs, "ramfs", "none", &ns), 0);
    oskit_filesystem_release(fs);
    namespace_root(ns, &root);
    mounts = 0;
    for (unsigned n = 0; n < 200 && !choices_over(&choices); n++)
        step(&choices);
    env_test_fail_after(0);
    env_test_set_identity(0, 0, 022, true);
    unmount_all();
    if (mounts == 0)
        check_tree();
    for (size_t i = 0; i < KEPT; i++)
        if (kept[i].name != NULL)
            location_release(&kept[i]);
    location_release(&root);
    namespace_destroy(ns);
}
