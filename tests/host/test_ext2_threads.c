/* Several threads in one ext2 file system at once; e2fsck says whether they kept out of each
 * other's way. */
#include "harness.h"

#include <pthread.h>
#include <stdio.h>
#include "ext2_image.h"

static const char *const kinds[] = {"-t ext2 -b 1024", "-t ext3 -b 1024", "-t ext3 -b 4096"};

struct worker {
    struct ext2_image *image;
    unsigned number;
};

static void *work(void *arg)
{
    struct worker *worker = arg;
    oskit_dir_t *root = worker->image->root;
    char own[16], name[32], other[32];
    oskit_file_t *file;
    size_t written;

    snprintf(own, sizeof own, "dir%u", worker->number);
    assert_int_equal(oskit_dir_mkdir(root, own, 0755), 0);
    assert_int_equal(oskit_dir_lookup(root, own, &file), 0);
    oskit_dir_t *dir = (oskit_dir_t *)file;
    for (unsigned i = 0; i < 60; i++) {
        snprintf(name, sizeof name, "%c%u", 'a' + (int)(i % 5), i);
        snprintf(other, sizeof other, "shared%u", i % 6);
        assert_int_equal(ext2_fill_file(dir, name, 1000 + 997 * (i % 20), &written), 0);
        oskit_dir_rename(dir, name, root, other);
        oskit_dir_rename(root, other, dir, "back");
        if (i % 3 == 0)
            oskit_dir_unlink(dir, "back");
        if (i % 10 == 0 && oskit_dir_lookup(root, "shared1", &file) == 0) {
            oskit_file_sync(file, 1);
            oskit_dir_link(dir, "linked", file);
            oskit_file_release(file);
        }
        oskit_dir_unlink(dir, "linked");
        if (i % 20 == 0)
            oskit_filesystem_sync(worker->image->fs, 1);
    }
    oskit_dir_release(dir);
    return NULL;
}

static void test_many_threads_at_once(void **state)
{
    struct ext2_image image;
    pthread_t threads[4];
    struct worker workers[4];

    (void)state;
    for (size_t k = 0; k < SLUICE_COUNT(kinds); k++) {
        ext2_image_make(&image, kinds[k], 32768, NULL);
        assert_int_equal(ext2_image_mount(&image, 0), 0);
        for (unsigned i = 0; i < 4; i++) {
            workers[i] = (struct worker){&image, i};
            pthread_create(&threads[i], NULL, work, &workers[i]);
        }
        for (unsigned i = 0; i < 4; i++)
            pthread_join(threads[i], NULL);
        ext2_image_unmount(&image);
        assert_true(ext2_image_clean(&image));
        ext2_image_free(&image);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_many_threads_at_once),
    };

    if (!ext2_image_tools()) {
        puts("skipped: no e2fsprogs");
        return 0;
    }
    return cmocka_run_group_tests_name("ext2 threads", tests, NULL, NULL);
}
