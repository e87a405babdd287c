/* Directories of many names: each is found, none that has gone is, in whatever order they come and
 * go. */
#include "harness.h"

#include <stdio.h>
#include "choices.h"
#include "ext2_image.h"

#define NAMES 6000u

static bool present[NAMES];

static void name_of(unsigned i, char *name, size_t size)
{
    snprintf(name, size, "%.*s%u", (int)(i % 23), "some-letters-before-the-number", i);
}

static void change(oskit_dir_t *dir, struct choices *choices)
{
    unsigned i = choices_next(choices, NAMES), to = choices_next(choices, NAMES);
    char name[64], other[64];
    oskit_file_t *file;

    name_of(i, name, sizeof name);
    name_of(to, other, sizeof other);
    switch (choices_next(choices, 8)) {
    case 0:
        assert_int_equal(oskit_dir_unlink(dir, name), present[i] ? 0 : OSKIT_ENOENT);
        present[i] = false;
        break;
    case 1:
        assert_int_equal(oskit_dir_rename(dir, name, dir, other), present[i] ? 0 : OSKIT_ENOENT);
        if (present[i] && i != to) {
            present[i] = false;
            present[to] = true;
        }
        break;
    case 2:
        assert_int_equal(oskit_dir_lookup(dir, name, &file), present[i] ? 0 : OSKIT_ENOENT);
        if (present[i])
            oskit_file_release(file);
        break;
    default:
        assert_int_equal(oskit_dir_mknod(dir, name, OSKIT_S_IFREG | 0644, 0),
                         present[i] ? OSKIT_EEXIST : 0);
        present[i] = true;
    }
}

static void check_all(oskit_dir_t *dir)
{
    char name[64];
    oskit_file_t *file;

    for (unsigned i = 0; i < NAMES; i++) {
        name_of(i, name, sizeof name);
        assert_int_equal(oskit_dir_lookup(dir, name, &file), present[i] ? 0 : OSKIT_ENOENT);
        if (present[i])
            oskit_file_release(file);
    }
}

static void walk(const char *options, uint64_t seed)
{
    struct choices choices = choices_from_seed(seed);
    struct ext2_image image;
    oskit_file_t *dir;

    memset(present, 0, sizeof present);
    ext2_image_make(&image, options, 32768, NULL);
    for (unsigned round = 0; round < 3; round++) {
        assert_int_equal(ext2_image_mount(&image, 0), 0);
        if (round == 0)
            assert_int_equal(oskit_dir_mkdir(image.root, "many", 0755), 0);
        assert_int_equal(oskit_dir_lookup(image.root, "many", &dir), 0);
        for (unsigned i = 0; i < 6000; i++)
            change((oskit_dir_t *)dir, &choices);
        check_all((oskit_dir_t *)dir);
        oskit_file_release(dir);
        ext2_image_unmount(&image);
        if (!ext2_image_clean(&image))
            fail_msg("%s: round %u", options, round);
    }
    ext2_image_free(&image);
}

static void test_names_in_a_large_directory(void **state)
{
    (void)state;
    walk("-t ext2 -b 1024 -N 8000", 1);
    walk("-t ext3 -b 4096 -N 8000", 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_names_in_a_large_directory),
    };

    if (!ext2_image_tools()) {
        puts("skipped: no e2fsprogs");
        return 0;
    }
    return cmocka_run_group_tests_name("ext2_index", tests, NULL, NULL);
}
