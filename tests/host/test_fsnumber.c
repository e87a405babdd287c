/* Numbers of file systems: all different, the lowest free one first, kept as long as files live. */
#include "harness.h"

#include <oskit/fs/filesystem.h>
#include <sluice/filex.h>
#include <sluice/fsnumber.h>
#include <sluice/ramfs.h>
#include <sluice/synthfs.h>

static const struct synth_node top = {.name = "", .mode = OSKIT_S_IFDIR | 0555};

static oskit_u32_t number_of(oskit_filesystem_t *fs, oskit_dir_t **keep)
{
    oskit_dir_t *root;
    oskit_stat_t stat;

    assert_int_equal(oskit_filesystem_getroot(fs, &root), 0);
    assert_int_equal(oskit_dir_stat(root, &stat), 0);
    if (keep)
        *keep = root;
    else
        oskit_dir_release(root);
    return stat.dev;
}

static oskit_filesystem_t *ramfs(void)
{
    oskit_filesystem_t *fs;

    assert_int_equal(ramfs_create(RAMFS_UNLIMITED, 0, &fs), 0);
    return fs;
}

static void test_all_kinds(void **state)
{
    oskit_filesystem_t *one = ramfs(), *two, *three;
    oskit_dir_t *kept;

    (void)state;
    assert_int_equal(synthfs_create(&top, &two), 0);
    three = ramfs();
    assert_int_equal(number_of(one, &kept), 1);
    assert_int_equal(number_of(two, NULL), 2);
    assert_int_equal(number_of(three, NULL), 3);
    oskit_filesystem_release(two);
    two = ramfs();
    assert_int_equal(number_of(two, NULL), 2);
    oskit_filesystem_release(one);
    one = ramfs();
    assert_int_equal(number_of(one, NULL), 4); /* 1 is the kept file's still */
    oskit_dir_release(kept);
    oskit_filesystem_release(one);
    one = ramfs();
    assert_int_equal(number_of(one, NULL), 1);
    oskit_filesystem_release(one);
    oskit_filesystem_release(two);
    oskit_filesystem_release(three);
}

static void test_many(void **state)
{
    struct fs_number numbers[600];
    oskit_u32_t last = 0;

    (void)state;
    for (int i = 0; i < 600; i++) {
        fs_number_take(&numbers[i]);
        assert_true(numbers[i].dev > last);
        assert_int_equal(numbers[i].dev >> 8 & 0xfff, 0); /* the major number */
        last = numbers[i].dev;
    }
    assert_int_equal(numbers[255].dev, 256u << 12);
    for (int i = 0; i < 600; i += 3)
        fs_number_give(&numbers[i]);
    for (int i = 0; i < 600; i += 3) {
        fs_number_take(&numbers[i]);
        assert_int_equal(numbers[i].minor, i + 1);
    }
    for (int i = 0; i < 600; i++)
        fs_number_give(&numbers[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {HARNESS_TEST(test_all_kinds), HARNESS_TEST(test_many)};

    return cmocka_run_group_tests_name("fsnumber", tests, NULL, NULL);
}
