/* Full disks, large directories, failing memory; and what others say of the result.
 */
#include "harness.h"

#include <stdio.h>
#include "ext2_image.h"

static const char *const kinds[] = {"-t ext2 -b 1024", "-t ext3 -b 1024", "-t ext3 -b 4096"};

static void check_file(oskit_dir_t *dir, const char *name, size_t count)
{
    oskit_file_t *file;
    char piece[3000];
    size_t at = 0;
    oskit_size_t moved = 1;

    assert_int_equal(oskit_dir_lookup(dir, name, &file), 0);
    oskit_absio_t *io = ext2_open_io(file);
    for (; moved > 0; at += moved) {
        assert_int_equal(oskit_absio_read(io, piece, (oskit_off_t)at, sizeof piece, &moved), 0);
        for (size_t i = 0; i < moved; i++)
            if (piece[i] != (char)(name[0] + (at + i) % 251))
                fail_msg("%s differs at %zu", name, at + i);
    }
    assert_int_equal(at, count);
    oskit_absio_release(io);
    oskit_file_release(file);
}

static void test_a_full_disk_loses_nothing(void **state)
{
    struct ext2_image image;
    size_t written[26] = {0};

    (void)state;
    for (size_t k = 0; k < SLUICE_COUNT(kinds); k++) {
        ext2_image_make(&image, kinds[k], 8192, NULL);
        assert_int_equal(ext2_image_mount(&image, 0), 0);
        for (unsigned round = 0; round < 3; round++) {
            oskit_error_t err = 0;
            unsigned count = 0;

            for (; err == 0 && count < 26; count++) {
                char name[] = {(char)('a' + count), 0};
                err = ext2_fill_file(image.root, name, 700000, &written[count]);
            }
            assert_int_equal(err, OSKIT_ENOSPC);
            if (round == 1)
                oskit_filesystem_sync(image.fs, 1);
            for (unsigned i = 0; i < count; i++) {
                char name[] = {(char)('a' + i), 0};
                oskit_file_t *file;
                if (oskit_dir_lookup(image.root, name, &file))
                    continue; /* not even its name found room */
                oskit_file_release(file);
                check_file(image.root, name, written[i]);
                assert_int_equal(oskit_dir_unlink(image.root, name), 0);
            }
        }
        ext2_image_unmount(&image);
        assert_true(ext2_image_clean(&image));
        ext2_image_free(&image);
    }
}

static void test_inodes_run_out(void **state)
{
    struct ext2_image image;
    oskit_error_t err = 0;
    unsigned count = 0;
    char name[32];

    (void)state;
    ext2_image_make(&image, "-t ext2 -N 64", 4096, NULL);
    assert_int_equal(ext2_image_mount(&image, 0), 0);
    for (; err == 0; count++) {
        snprintf(name, sizeof name, "f%u", count);
        err = count % 2 ? oskit_dir_mkdir(image.root, name, 0755)
                        : oskit_dir_symlink(image.root, name, "somewhere");
    }
    assert_int_equal(err, OSKIT_ENOSPC);
    assert_int_equal(oskit_dir_unlink(image.root, "f0"), 0);
    assert_int_equal(oskit_dir_mkdir(image.root, "again", 0755), 0);
    ext2_image_unmount(&image);
    assert_true(ext2_image_clean(&image));
    ext2_image_free(&image);
}

/* ---- Large directories ---- */

struct count {
    unsigned names, room; /* in this call */
};

static bool count_emit(void *arg, const struct filex_entry *entry)
{
    struct count *count = arg;

    (void)entry;
    if (count->room == 0)
        return false;
    count->room--;
    count->names++;
    return true;
}

/* Read seven at a time. */
static unsigned count_names(oskit_dir_t *dir)
{
    sluice_filex_t *filex = sluice_query_face(dir, &sluice_filex_iid);
    struct count count = {0, 0};
    oskit_u64_t cookie = 0;

    do {
        count.room = 7;
        assert_int_equal(sluice_filex_readdir(filex, &cookie, count_emit, &count), 0);
    } while (count.room == 0);
    sluice_filex_release(filex);
    return count.names;
}

static void test_a_directory_of_thousands(void **state)
{
    struct ext2_image image;
    oskit_file_t *file;
    char name[64];

    (void)state;
    ext2_image_make(&image, "-t ext2 -b 1024 -N 8000", 16384, NULL);
    assert_int_equal(ext2_image_mount(&image, 0), 0);
    for (unsigned i = 0; i < 3000; i++) {
        snprintf(name, sizeof name, "name-%u-%.*s", i, (int)(i % 40),
                 "########################################");
        assert_int_equal(oskit_dir_create(image.root, name, 1, 0644, &file), 0);
        oskit_file_release(file);
    }
    assert_int_equal(count_names(image.root), 3003);
    for (unsigned i = 0; i < 3000; i += 2) {
        snprintf(name, sizeof name, "name-%u-%.*s", i, (int)(i % 40),
                 "########################################");
        assert_int_equal(oskit_dir_unlink(image.root, name), 0);
    }
    assert_int_equal(count_names(image.root), 1503);
    ext2_image_unmount(&image);
    assert_true(ext2_image_clean(&image));
    assert_int_equal(ext2_image_mount(&image, EXT2_MOUNT_RDONLY), 0);
    assert_int_equal(oskit_dir_lookup(image.root, "name-1-#", &file), 0);
    oskit_file_release(file);
    assert_int_equal(oskit_dir_lookup(image.root, "name-2-##", &file), OSKIT_ENOENT);
    ext2_image_unmount(&image);
    ext2_image_free(&image);
}

/* A hash tree made by others is read as it is, and a change leaves plain blocks behind. */
static void test_a_hash_tree_stays_readable(void **state)
{
    struct ext2_image image;
    char source[] = "/tmp/sluice-tree-XXXXXX";
    oskit_file_t *file;

    (void)state;
    assert_non_null(mkdtemp(source));
    assert_int_equal(ext2_shell("mkdir %s/d; cd %s/d; for i in $(seq 1 500); do "
                                ": >a-name-to-fill-blocks-with-$i; done",
                                source, source),
                     0);
    ext2_image_make(&image, "-t ext2 -b 1024 -N 2000", 8192, source);
    /* e2fsck -D builds the tree: mke2fs -d doesn't. */
    ext2_shell("/sbin/e2fsck -fyD %s >/dev/null 2>&1", image.path);
    ext2_image_load(&image);
    assert_int_equal(ext2_image_mount(&image, 0), 0);
    assert_int_equal(ext2_walk_to(image.root, "d/a-name-to-fill-blocks-with-77", &file), 0);
    oskit_file_release(file);
    assert_int_equal(ext2_walk_to(image.root, "d", &file), 0);
    for (unsigned i = 0; i < 200; i++) {
        char name[64];
        oskit_file_t *made;
        snprintf(name, sizeof name, "new-%u", i);
        assert_int_equal(oskit_dir_create((oskit_dir_t *)file, name, 1, 0644, &made), 0);
        oskit_file_release(made);
    }
    assert_int_equal(oskit_dir_unlink((oskit_dir_t *)file, "a-name-to-fill-blocks-with-123"), 0);
    oskit_file_release(file);
    ext2_image_unmount(&image);
    assert_true(ext2_image_clean(&image));
    ext2_shell("rm -rf %s", source);
    ext2_image_free(&image);
}

/* ---- No memory ---- */

static void test_mounting_without_memory(void **state)
{
    struct ext2_image image;

    (void)state;
    ext2_image_make(&image, "-t ext2 -b 1024", 2048, NULL);
    ENV_TEST_EACH_FAILURE
    {
        oskit_error_t err = ext2_image_mount(&image, EXT2_MOUNT_RDONLY);

        assert_true(err == 0 || env_test_failed());
        if (err == 0)
            ext2_image_unmount(&image);
    }
    ext2_image_free(&image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_a_full_disk_loses_nothing), HARNESS_TEST(test_inodes_run_out),
        HARNESS_TEST(test_a_directory_of_thousands),  HARNESS_TEST(test_a_hash_tree_stays_readable),
        HARNESS_TEST(test_mounting_without_memory),
    };

    if (!ext2_image_tools()) {
        puts("skipped: no e2fsprogs");
        return 0;
    }
    return cmocka_run_group_tests_name("ext2 limits", tests, NULL, NULL);
}
