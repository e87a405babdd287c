/*
 * Random operations on an ext2 file system and on a ramfs side by side: each must answer alike, the
 * trees must be equal whenever they are compared, and e2fsck must find nothing after the unmount.
 */
#include "harness.h"

#include <stdio.h>
#include <sluice/ramfs.h>
#include "ext2_image.h"
#include "ext2_pair.h"

/* Many steps, with a comparison and a new mount every few hundred. */
static void walk(const char *options, unsigned kilobytes, uint64_t seed, unsigned rounds,
                 unsigned steps)
{
    struct ext2_image image;
    struct ext2_pair pair;

    ext2_image_make(&image, options, kilobytes, NULL);
    ext2_pair_init(&pair, seed);
    for (unsigned round = 0; round < rounds; round++) {
        assert_int_equal(ext2_image_mount(&image, 0), 0);
        if (round == 0)
            ext2_pair_adopt(&pair, image.root);
        ext2_pair_enter(&pair, image.root);
        for (unsigned i = 0; i < steps; i++)
            ext2_pair_step(&pair);
        ext2_pair_compare(&pair);
        ext2_pair_leave(&pair);
        ext2_image_unmount(&image);
        if (!ext2_image_clean(&image))
            fail_msg("%s: seed %llu round %u", options, (unsigned long long)seed, round);
    }
    ext2_pair_fini(&pair);
    ext2_image_free(&image);
}

static void test_ext2_with_blocks_of_1k(void **state)
{
    (void)state;
    walk("-t ext2 -b 1024", 65536, 1, 4, 800);
}

static void test_ext2_with_blocks_of_2k(void **state)
{
    (void)state;
    walk("-t ext2 -b 2048", 65536, 2, 3, 800);
}

static void test_ext2_with_blocks_of_4k(void **state)
{
    (void)state;
    walk("-t ext2 -b 4096", 65536, 3, 4, 800);
}

static void test_ext3_with_blocks_of_1k(void **state)
{
    (void)state;
    walk("-t ext3 -b 1024", 65536, 4, 4, 800);
}

static void test_ext3_with_blocks_of_4k(void **state)
{
    (void)state;
    walk("-t ext3 -b 4096", 65536, 5, 4, 800);
}

static void test_small_inodes_and_no_features(void **state)
{
    (void)state;
    walk("-t ext2 -r 0 -O none", 65536, 6, 2, 500);
    walk("-t ext3 -I 128 -O ^dir_index,^filetype", 65536, 7, 2, 500);
}

static void test_wide_numbers(void **state)
{
    (void)state;
    walk("-t ext3 -O flex_bg,huge_file,dir_nlink,extra_isize", 65536, 8, 2, 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_ext2_with_blocks_of_1k), HARNESS_TEST(test_ext2_with_blocks_of_2k),
        HARNESS_TEST(test_ext2_with_blocks_of_4k), HARNESS_TEST(test_ext3_with_blocks_of_1k),
        HARNESS_TEST(test_ext3_with_blocks_of_4k), HARNESS_TEST(test_small_inodes_and_no_features),
        HARNESS_TEST(test_wide_numbers),
    };

    if (!ext2_image_tools()) {
        puts("skipped: no e2fsprogs");
        return 0;
    }
    return cmocka_run_group_tests_name("ext2 walk", tests, NULL, NULL);
}
