/*
 * Extended attributes and flags of files: random changes beside a model, e2fsck's and debugfs's
 * view of them, and who may do what.
 */
#include "harness.h"

#include <stdio.h>
#include <sluice/filesystemx.h>
#include <sluice/vecio.h>
#include "choices.h"
#include "ext2_image.h"

#define FILES   4u
#define NAMES   12u
#define LONGEST 600u

struct value {
    bool set;
    unsigned size;
    char bytes[LONGEST];
};

struct model {
    struct value values[FILES][NAMES];
    struct choices choices;
};

static void make_files(struct ext2_image *image)
{
    for (unsigned i = 0; i < FILES; i++) {
        oskit_file_t *file;
        char name[8];
        snprintf(name, sizeof name, "f%u", i);
        if (i == FILES - 1) {
            assert_int_equal(oskit_dir_mkdir(image->root, name, 0755), 0);
            continue;
        }
        assert_int_equal(oskit_dir_create(image->root, name, true, 0644, &file), 0);
        oskit_file_release(file);
    }
}

static void file_of(struct ext2_image *image, unsigned i, sluice_xattr_t **get,
                    sluice_xattrset_t **set)
{
    oskit_file_t *file;
    char name[8];
    snprintf(name, sizeof name, "f%u", i);
    assert_int_equal(ext2_walk_to(image->root, name, &file), 0);
    *get = sluice_query_face(file, &sluice_xattr_iid);
    *set = sluice_query_face(file, &sluice_xattrset_iid);
    assert_non_null(*get);
    assert_non_null(*set);
    oskit_file_release(file);
}

/* Names of many lengths, in all the namespaces. */
static void name_of(unsigned i, char *name, size_t size)
{
    static const char *const prefixes[] = {"user.", "trusted.", "security."};
    snprintf(name, size, "%s%.*s%u", prefixes[i % 3], (int)(i * 3),
             "aVeryLongNameThatGoesOnAndOnAndOn", i);
}

/* ---- Against the model ---- */

static void change(struct ext2_image *image, struct model *model, unsigned *full)
{
    unsigned f = choices_next(&model->choices, FILES), n = choices_next(&model->choices, NAMES);
    unsigned size = choices_next(&model->choices, choices_next(&model->choices, 4) ? 40 : LONGEST);
    oskit_u32_t flags = choices_next(&model->choices, 3);
    struct value *value = &model->values[f][n];
    char name[64], bytes[LONGEST];
    sluice_xattr_t *get;
    sluice_xattrset_t *set;

    file_of(image, f, &get, &set);
    name_of(n, name, sizeof name);
    for (unsigned i = 0; i < size; i++)
        bytes[i] = (char)choices_next(&model->choices, 256);
    if (choices_next(&model->choices, 3) == 0) {
        assert_int_equal(set->ops->remove(set, name), value->set ? 0 : OSKIT_ENODATA);
        value->set = false;
    } else {
        oskit_error_t err = set->ops->set(set, name, bytes, size, flags);
        if (flags & XATTRSET_CREATE && value->set) {
            assert_int_equal(err, OSKIT_EEXIST);
        } else if (flags & XATTRSET_REPLACE && !value->set) {
            assert_int_equal(err, OSKIT_ENODATA);
        } else if (err == OSKIT_ENOSPC) {
            (*full)++;
        } else {
            assert_int_equal(err, 0);
            value->set = true;
            value->size = size;
            memcpy(value->bytes, bytes, size);
        }
    }
    get->ops->release(get);
    set->ops->release(set);
}

static void compare(struct ext2_image *image, const struct model *model)
{
    for (unsigned f = 0; f < FILES; f++) {
        oskit_size_t expected = 0, length;
        sluice_xattr_t *get;
        sluice_xattrset_t *set;
        file_of(image, f, &get, &set);
        for (unsigned n = 0; n < NAMES; n++) {
            const struct value *value = &model->values[f][n];
            char name[64], bytes[LONGEST + 1];
            name_of(n, name, sizeof name);
            oskit_error_t err = get->ops->get(get, name, bytes, sizeof bytes, &length);
            assert_int_equal(err, value->set ? 0 : OSKIT_ENODATA);
            if (!value->set)
                continue;
            assert_int_equal(length, value->size);
            assert_memory_equal(bytes, value->bytes, length);
            expected += strlen(name) + 1;
            if (length > 1)
                assert_int_equal(get->ops->get(get, name, bytes, length - 1, &length),
                                 OSKIT_ERANGE);
        }
        assert_int_equal(get->ops->list(get, NULL, 0, &length), 0);
        assert_int_equal(length, expected);
        get->ops->release(get);
        set->ops->release(set);
    }
}

static void walk(const char *options, uint64_t seed)
{
    struct model *model = calloc(1, sizeof *model);
    struct ext2_image image;
    unsigned full = 0;

    model->choices = choices_from_seed(seed);
    ext2_image_make(&image, options, 8192, NULL);
    for (unsigned round = 0; round < 6; round++) {
        assert_int_equal(ext2_image_mount(&image, 0), 0);
        if (round == 0)
            make_files(&image);
        for (unsigned i = 0; i < 250; i++)
            change(&image, model, &full);
        compare(&image, model);
        ext2_image_unmount(&image);
        if (!ext2_image_clean(&image))
            fail_msg("%s: seed %llu round %u", options, (unsigned long long)seed, round);
    }
    assert_int_equal(ext2_image_mount(&image, 0), 0);
    compare(&image, model);
    for (unsigned f = 0; f < FILES - 1; f++) {
        char name[8];
        snprintf(name, sizeof name, "f%u", f);
        assert_int_equal(oskit_dir_unlink(image.root, name), 0);
    }
    assert_int_equal(oskit_dir_rmdir(image.root, "f3"), 0);
    ext2_image_unmount(&image);
    assert_true(ext2_image_clean(&image));
    ext2_image_free(&image);
    assert_true(full > 0);
    free(model);
}

static void test_random_changes_in_a_block_only(void **state)
{
    (void)state;
    walk("-t ext2 -b 1024 -I 128", 1);
    walk("-t ext2 -b 1024 -I 128 -O ^ext_attr", 2);
}

static void test_random_changes_in_inode_and_block(void **state)
{
    (void)state;
    walk("-t ext2 -b 1024 -I 256", 3);
    walk("-t ext3 -b 1024 -I 256", 4);
    walk("-t ext3 -b 1024 -I 512", 5);
}

/* ---- Others' views ---- */

static void put(struct ext2_image *image, const char *path, const char *name, const char *value)
{
    oskit_file_t *file;
    assert_int_equal(ext2_walk_to(image->root, path, &file), 0);
    sluice_xattrset_t *set = sluice_query_face(file, &sluice_xattrset_iid);
    assert_int_equal(set->ops->set(set, name, value, strlen(value), 0), 0);
    set->ops->release(set);
    oskit_file_release(file);
}

static bool reads(struct ext2_image *image, const char *path, const char *name, const char *value)
{
    oskit_size_t length;
    char bytes[1024];
    oskit_file_t *file;
    assert_int_equal(ext2_walk_to(image->root, path, &file), 0);
    sluice_xattr_t *get = sluice_query_face(file, &sluice_xattr_iid);
    bool same = get->ops->get(get, name, bytes, sizeof bytes, &length) == 0 &&
                length == strlen(value) && memcmp(bytes, value, length) == 0;
    get->ops->release(get);
    oskit_file_release(file);
    return same;
}

static char *long_text(char *text, size_t length, char c)
{
    memset(text, c, length);
    text[length] = '\0';
    return text;
}

static void test_debugfs_reads_what_we_set_and_we_what_it_sets(void **state)
{
    struct ext2_image image;
    char text[600];

    (void)state;
    ext2_image_make(&image, "-t ext3 -b 1024 -I 256", 8192, NULL);
    assert_int_equal(ext2_image_mount(&image, 0), 0);
    make_files(&image);
    put(&image, "f0", "user.colour", "green");
    put(&image, "f0", "user.long", long_text(text, 500, 'x'));
    put(&image, "f3", "trusted.dir", "yes");
    ext2_image_unmount(&image);
    assert_true(ext2_image_clean(&image));
    assert_int_equal(
        ext2_shell("test \"$(debugfs -R 'ea_get -V f0 user.colour' %s 2>/dev/null)\" = "
                   "green",
                   image.path),
        0);
    assert_int_equal(
        ext2_shell("test \"$(debugfs -R 'ea_get -V f0 user.long' %s 2>/dev/null | tr -d "
                   "'\\n' | wc -c)\" = 500",
                   image.path),
        0);
    assert_int_equal(ext2_shell("debugfs -w -R 'ea_set f1 user.theirs blue' %s 2>/dev/null && "
                                "debugfs -w -R 'ea_rm f0 user.colour' %s 2>/dev/null",
                                image.path, image.path),
                     0);
    ext2_image_load(&image);
    assert_int_equal(ext2_image_mount(&image, 0), 0);
    assert_true(reads(&image, "f1", "user.theirs", "blue"));
    assert_false(reads(&image, "f0", "user.colour", "green"));
    assert_true(reads(&image, "f0", "user.long", text));
    ext2_image_unmount(&image);
    ext2_image_free(&image);
}

/* As Linux leaves it: two inodes have one block. */
static void test_a_shared_block_is_left_to_the_other(void **state)
{
    struct ext2_image image;
    char text[200];

    (void)state;
    ext2_image_make(&image, "-t ext3 -b 1024 -I 128", 8192, NULL);
    assert_int_equal(ext2_image_mount(&image, 0), 0);
    make_files(&image);
    put(&image, "f0", "user.shared", long_text(text, 100, 's'));
    ext2_image_unmount(&image);
    assert_true(ext2_image_clean(&image));
    assert_int_equal(
        ext2_shell("b=$(debugfs -R 'stat f0' %s 2>/dev/null | sed -n 's/.*File ACL: "
                   "*\\([0-9]*\\).*/\\1/p');"
                   "debugfs -w -R \"sif f1 file_acl $b\" %s 2>/dev/null;"
                   "debugfs -w -R 'sif f1 blocks 2' %s 2>/dev/null;"
                   "printf '\\002' | dd of=%s bs=1 seek=$((b * 1024 + 4)) conv=notrunc 2>/dev/null",
                   image.path, image.path, image.path, image.path),
        0);
    ext2_image_load(&image);
    assert_true(ext2_image_clean(&image));
    assert_int_equal(ext2_image_mount(&image, 0), 0);
    assert_true(reads(&image, "f1", "user.shared", text));
    put(&image, "f1", "user.shared", "mine");
    assert_true(reads(&image, "f0", "user.shared", text));
    assert_true(reads(&image, "f1", "user.shared", "mine"));
    ext2_image_unmount(&image);
    assert_true(ext2_image_clean(&image));
    ext2_image_free(&image);
}

/* ---- Who may ---- */

static oskit_error_t try_set(oskit_file_t *file, const char *name)
{
    sluice_xattrset_t *set = sluice_query_face(file, &sluice_xattrset_iid);
    oskit_error_t err = set->ops->set(set, name, "v", 1, 0);
    set->ops->release(set);
    return err;
}

static void test_names_and_permissions_are_as_on_linux(void **state)
{
    struct ext2_image image;
    oskit_file_t *file, *link;

    (void)state;
    ext2_image_make(&image, "-t ext3 -b 1024 -I 256", 8192, NULL);
    assert_int_equal(ext2_image_mount(&image, 0), 0);
    make_files(&image);
    assert_int_equal(oskit_dir_symlink(image.root, "link", "f0"), 0);
    assert_int_equal(ext2_walk_to(image.root, "f0", &file), 0);
    assert_int_equal(oskit_dir_lookup(image.root, "link", &link), 0);
    assert_int_equal(try_set(file, "user."), OSKIT_E_INVALIDARG);
    assert_int_equal(try_set(file, "other.x"), OSKIT_EOPNOTSUPP);
    assert_int_equal(try_set(file, "system.posix_acl_access"), OSKIT_EOPNOTSUPP);
    assert_int_equal(try_set(link, "user.x"), OSKIT_EPERM);
    assert_int_equal(try_set(link, "trusted.x"), 0);
    env_test_set_identity(1000, 1000, 022, false);
    assert_int_equal(try_set(file, "user.x"), OSKIT_EACCES);
    assert_int_equal(try_set(file, "trusted.x"), OSKIT_EPERM);
    assert_int_equal(try_set(file, "security.x"), OSKIT_EPERM);
    env_test_set_identity(0, 0, 022, true);
    oskit_file_release(link);
    oskit_file_release(file);
    ext2_image_unmount(&image);
    assert_true(ext2_image_clean(&image));
    ext2_image_free(&image);
}

/* ---- Flags ---- */

static void set_flags(oskit_file_t *file, oskit_u32_t flags, oskit_error_t expected)
{
    sluice_fileflags_t *face = sluice_query_face(file, &sluice_fileflags_iid);
    oskit_u32_t now;
    assert_int_equal(face->ops->set(face, flags), expected);
    assert_int_equal(face->ops->get(face, &now), 0);
    if (expected == 0)
        assert_int_equal(now, flags);
    face->ops->release(face);
}

static oskit_error_t try_setattr(oskit_file_t *file, oskit_u32_t mask)
{
    sluice_filex_t *filex = sluice_query_face(file, &sluice_filex_iid);
    struct filex_attributes a = {.mode = 0644};
    oskit_error_t err = sluice_filex_setattr(filex, mask, &a);
    sluice_filex_release(filex);
    return err;
}

static oskit_error_t try_open(oskit_file_t *file, oskit_u32_t oflags, oskit_iunknown_t **out)
{
    sluice_filex_t *filex = sluice_query_face(file, &sluice_filex_iid);
    oskit_error_t err = sluice_filex_open(filex, oflags, out);
    sluice_filex_release(filex);
    return err;
}

static oskit_error_t try_write(oskit_iunknown_t *open, oskit_u32_t flags)
{
    sluice_absvec_t *absvec = sluice_query_face(open, &sluice_absvec_iid);
    struct sluice_iovec segment;
    struct sluice_uio uio;
    oskit_size_t moved;
    char byte = 'x';
    uio_init_kernel(&uio, &segment, &byte, 1);
    oskit_error_t err = absvec->ops->pwritev(absvec, &uio, 0, flags, &moved, NULL);
    absvec->ops->release(absvec);
    return err;
}

static void test_an_immutable_file_does_not_change(void **state)
{
    oskit_iunknown_t *open;
    struct ext2_image image;
    oskit_file_t *file, *dir;

    (void)state;
    ext2_image_make(&image, "-t ext3 -b 1024 -I 256", 8192, NULL);
    assert_int_equal(ext2_image_mount(&image, 0), 0);
    make_files(&image);
    assert_int_equal(ext2_walk_to(image.root, "f0", &file), 0);
    assert_int_equal(ext2_walk_to(image.root, "f3", &dir), 0);
    assert_int_equal(try_open(file, OSKIT_O_RDWR, &open), 0);
    set_flags(file, FILEFLAG_IMMUTABLE | FILEFLAG_NODUMP, 0);
    assert_int_equal(try_write(open, 0), OSKIT_EPERM);
    assert_int_equal(oskit_file_access(file, OSKIT_W_OK), OSKIT_EPERM);
    assert_int_equal(oskit_file_access(file, OSKIT_R_OK), 0);
    assert_int_equal(try_setattr(file, FILEX_MODE), OSKIT_EPERM);
    assert_int_equal(try_setattr(file, FILEX_SIZE | FILEX_OPEN), OSKIT_EPERM);
    assert_int_equal(try_setattr(file, FILEX_ATIME_NOW | FILEX_MTIME_NOW), OSKIT_EPERM);
    assert_int_equal(oskit_dir_unlink(image.root, "f0"), OSKIT_EPERM);
    assert_int_equal(oskit_dir_rename(image.root, "f0", image.root, "g"), OSKIT_EPERM);
    assert_int_equal(oskit_dir_rename(image.root, "f1", image.root, "f0"), OSKIT_EPERM);
    assert_int_equal(oskit_dir_link(image.root, "g", file), OSKIT_EPERM);
    assert_int_equal(try_set(file, "user.x"), OSKIT_EPERM);
    set_flags(file, FILEFLAG_NODUMP, 0);
    assert_int_equal(try_write(open, 0), 0);
    oskit_iunknown_release(open);
    set_flags(dir, FILEFLAG_IMMUTABLE, 0);
    assert_int_equal(oskit_dir_mkdir((oskit_dir_t *)dir, "x", 0755), OSKIT_EPERM);
    assert_int_equal(oskit_dir_rename(image.root, "f1", (oskit_dir_t *)dir, "x"), OSKIT_EPERM);
    assert_int_equal(oskit_dir_rmdir(image.root, "f3"), OSKIT_EPERM);
    set_flags(dir, FILEFLAG_APPEND, 0);
    assert_int_equal(oskit_dir_mkdir((oskit_dir_t *)dir, "x", 0755), 0);
    assert_int_equal(oskit_dir_rmdir((oskit_dir_t *)dir, "x"), OSKIT_EPERM);
    set_flags(dir, 0, 0);
    oskit_file_release(dir);
    oskit_file_release(file);
    ext2_image_unmount(&image);
    assert_true(ext2_image_clean(&image));
    assert_int_equal(
        ext2_shell("debugfs -R 'stat f0' %s 2>/dev/null | grep -q 'Flags: 0x40$'", image.path), 0);
    ext2_image_free(&image);
}

static void test_an_append_only_file_only_grows(void **state)
{
    oskit_iunknown_t *open;
    struct ext2_image image;
    oskit_file_t *file;

    (void)state;
    ext2_image_make(&image, "-t ext2 -b 1024 -I 128", 8192, NULL);
    assert_int_equal(ext2_image_mount(&image, 0), 0);
    make_files(&image);
    assert_int_equal(ext2_walk_to(image.root, "f0", &file), 0);
    set_flags(file, FILEFLAG_APPEND, 0);
    assert_int_equal(try_open(file, OSKIT_O_RDWR, &open), OSKIT_EPERM);
    assert_int_equal(try_open(file, OSKIT_O_WRONLY | OSKIT_O_APPEND, &open), 0);
    assert_int_equal(try_write(open, VECIO_APPEND), 0);
    assert_int_equal(try_write(open, 0), OSKIT_EPERM);
    oskit_iunknown_release(open);
    assert_int_equal(try_setattr(file, FILEX_SIZE | FILEX_OPEN), OSKIT_EPERM);
    assert_int_equal(try_setattr(file, FILEX_ATIME_NOW | FILEX_MTIME_NOW), 0);
    assert_int_equal(try_setattr(file, FILEX_MTIME), OSKIT_EPERM);
    assert_int_equal(oskit_dir_unlink(image.root, "f0"), OSKIT_EPERM);
    env_test_set_identity(1000, 1000, 022, false);
    set_flags(file, FILEFLAG_APPEND | FILEFLAG_NOATIME, OSKIT_EPERM);
    env_test_set_identity(0, 0, 022, true);
    set_flags(file, 0x04000000, OSKIT_EOPNOTSUPP);
    oskit_file_release(file);
    ext2_image_unmount(&image);
    assert_true(ext2_image_clean(&image));
    ext2_image_free(&image);
}

/* ---- What a file system calls itself ---- */

static void check_name(const char *options, const char *type, const char *errors)
{
    struct fsname_options told;
    struct ext2_image image;

    ext2_image_make(&image, options, 8192, NULL);
    assert_int_equal(ext2_image_mount(&image, EXT2_MOUNT_RDONLY), 0);
    sluice_fsname_t *fsname = sluice_query_face(image.fs, &sluice_fsname_iid);
    assert_non_null(fsname);
    assert_string_equal(fsname->ops->type(fsname), type);
    fsname->ops->options(fsname, &told);
    assert_true(told.read_only && !told.noatime);
    if (errors)
        assert_string_equal(told.errors, errors);
    else
        assert_null(told.errors);
    fsname->ops->release(fsname);
    ext2_image_unmount(&image);
    ext2_image_free(&image);
}

static void test_a_file_system_knows_what_it_is(void **state)
{
    (void)state;
    check_name("-t ext2", "ext2", NULL);
    check_name("-t ext3 -e remount-ro", "ext3", "remount-ro");
    check_name("-t ext4", "ext4", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_random_changes_in_a_block_only),
        HARNESS_TEST(test_random_changes_in_inode_and_block),
        HARNESS_TEST(test_debugfs_reads_what_we_set_and_we_what_it_sets),
        HARNESS_TEST(test_a_shared_block_is_left_to_the_other),
        HARNESS_TEST(test_names_and_permissions_are_as_on_linux),
        HARNESS_TEST(test_an_immutable_file_does_not_change),
        HARNESS_TEST(test_an_append_only_file_only_grows),
        HARNESS_TEST(test_a_file_system_knows_what_it_is),
    };

    if (!ext2_image_tools()) {
        puts("skipped: no e2fsprogs");
        return 0;
    }
    return cmocka_run_group_tests_name("ext2_xattr", tests, NULL, NULL);
}
