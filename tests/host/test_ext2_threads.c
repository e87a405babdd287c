/* Several threads in one ext2 file system at once; e2fsck says whether they kept out of each
 * other's way. */
#include "harness.h"

#include <pthread.h>
#include <stdio.h>
#include <oskit/io/absio.h>
#include "ext2_image.h"

static const char *const kinds[] = {"-t ext2 -b 1024", "-t ext3 -b 1024", "-t ext3 -b 4096"};

static oskit_absio_t *open_io(oskit_file_t *file)
{
    sluice_filex_t *filex = sluice_query_face(file, &sluice_filex_iid);
    oskit_iunknown_t *opened;

    assert_int_equal(sluice_filex_open(filex, OSKIT_O_RDWR, &opened), 0);
    oskit_absio_t *io = sluice_query_face(opened, &oskit_absio_iid);
    oskit_iunknown_release(opened);
    sluice_filex_release(filex);
    return io;
}

/* A file NAME with COUNT bytes that tell which file and place they are; the error that stopped it.
 */
static oskit_error_t fill_file(oskit_dir_t *dir, const char *name, size_t count, size_t *written)
{
    oskit_file_t *file;
    oskit_error_t err = oskit_dir_create(dir, name, 1, 0644, &file);

    *written = 0;
    if (err)
        return err;
    oskit_absio_t *io = open_io(file);
    while (err == 0 && *written < count) {
        char piece[3000];
        oskit_size_t moved = 0;
        size_t part = count - *written < sizeof piece ? count - *written : sizeof piece;

        for (size_t i = 0; i < part; i++)
            piece[i] = (char)(name[0] + (*written + i) % 251);
        err = oskit_absio_write(io, piece, (oskit_off_t)*written, part, &moved);
        *written += moved;
    }
    oskit_absio_release(io);
    oskit_file_release(file);
    return err;
}

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
        assert_int_equal(fill_file(dir, name, 1000 + 997 * (i % 20), &written), 0);
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
