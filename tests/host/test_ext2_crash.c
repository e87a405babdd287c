/*
 * The power is cut between two calls, any number of writes after the last commit: what is on the
 * disk then is replayed by e2fsck, which must find nothing but orphans to do, and by our own mount,
 * after which e2fsck must find nothing at all. What fsync has answered for must be there.
 */
#include "harness.h"

#include <stdio.h>
#include <oskit/io/absio.h>
#include "ext2_image.h"
#include "ext2_pair.h"

/* What e2fsck may say of a disk whose journal it replays. */
static const char usual[] =
    "recovering journal|Clearing orphaned inode|^Pass |^e2fsck |files .*blocks$|"
    "Journal transaction .* was corrupt|Orphan|FILE SYSTEM WAS MODIFIED|^$";

static void check_by_e2fsck(struct ext2_image *image, unsigned cut)
{
    ext2_shell("cp %s %s/cut && /sbin/e2fsck -fy %s/cut >%s/said 2>&1", image->path, image->folder,
               image->folder, image->folder);
    if (ext2_shell("! grep -Ev '%s' %s/said", usual, image->folder) != 0)
        fail_msg("cut %u: e2fsck found that", cut);
    if (ext2_shell("/sbin/e2fsck -fn %s/cut >/dev/null 2>&1", image->folder) != 0)
        fail_msg("cut %u: e2fsck isn't content with itself", cut);
}

static void check_by_mount(const struct ext2_image *image, unsigned cut)
{
    struct ext2_image again = *image;

    snprintf(again.path, sizeof again.path, "%s/again", image->folder);
    ext2_shell("cp %s %s", image->path, again.path);
    ext2_image_attach(&again);
    assert_int_equal(ext2_image_mount(&again, 0), 0);
    ext2_image_unmount(&again);
    if (!ext2_image_clean(&again))
        fail_msg("cut %u: our replay left that", cut);
    ext2_image_detach(&again);
}

static void walk_with_cuts(const char *options, uint64_t seed, unsigned cuts)
{
    struct ext2_image image;
    struct ext2_pair pair;

    ext2_image_make(&image, options, 32768, NULL);
    ext2_pair_init(&pair, seed);
    assert_int_equal(ext2_image_mount(&image, 0), 0);
    ext2_pair_adopt(&pair, image.root);
    ext2_pair_enter(&pair, image.root);
    for (unsigned cut = 0; cut < cuts; cut++) {
        for (unsigned i = 0; i < 60; i++)
            ext2_pair_step(&pair);
        ext2_image_save(&image);
        check_by_e2fsck(&image, cut);
        check_by_mount(&image, cut);
    }
    ext2_pair_leave(&pair);
    ext2_image_unmount(&image);
    ext2_pair_fini(&pair);
    ext2_image_free(&image);
}

static void test_cuts_with_blocks_of_1k(void **state)
{
    (void)state;
    walk_with_cuts("-t ext3 -b 1024", 11, 10);
}

static void test_cuts_with_blocks_of_4k(void **state)
{
    (void)state;
    walk_with_cuts("-t ext3 -b 4096", 12, 10);
}

/* ---- What fsync has promised, and a name that took another's place ---- */

static oskit_absio_t *make_file(oskit_dir_t *dir, const char *name, oskit_file_t **file)
{
    oskit_iunknown_t *opened;

    assert_int_equal(oskit_dir_create(dir, name, 0, 0644, file), 0);
    sluice_filex_t *filex = sluice_query_face(*file, &sluice_filex_iid);
    assert_int_equal(sluice_filex_open(filex, OSKIT_O_RDWR, &opened), 0);
    oskit_absio_t *io = sluice_query_face(opened, &oskit_absio_iid);
    oskit_iunknown_release(opened);
    sluice_filex_release(filex);
    return io;
}

static void test_what_was_synced_is_there(void **state)
{
    struct ext2_image image, again;
    oskit_file_t *file, *other;
    oskit_size_t moved;
    char text[5000], back[5000];

    (void)state;
    memset(text, 'k', sizeof text);
    ext2_image_make(&image, "-t ext3 -b 1024", 16384, NULL);
    assert_int_equal(ext2_image_mount(&image, 0), 0);
    oskit_absio_t *io = make_file(image.root, "kept", &file);
    assert_int_equal(oskit_absio_write(io, text, 3000, sizeof text, &moved), 0);
    assert_int_equal(oskit_file_sync(file, 1), 0);
    oskit_absio_release(io);
    oskit_file_release(file);
    /* The new one is written, takes the old one's name, and another file's fsync commits that. */
    io = make_file(image.root, "new", &file);
    assert_int_equal(oskit_absio_write(io, text, 0, sizeof text, &moved), 0);
    assert_int_equal(oskit_dir_rename(image.root, "new", image.root, "replaced"), 0);
    oskit_absio_release(io);
    oskit_file_release(file);
    io = make_file(image.root, "other", &other);
    assert_int_equal(oskit_file_sync(other, 1), 0);
    oskit_absio_release(io);
    oskit_file_release(other);

    ext2_image_save(&image);
    again = image;
    snprintf(again.path, sizeof again.path, "%s/again", image.folder);
    ext2_shell("cp %s %s", image.path, again.path);
    ext2_image_attach(&again);
    assert_int_equal(ext2_image_mount(&again, 0), 0);
    io = make_file(again.root, "kept", &file);
    assert_int_equal(oskit_absio_read(io, back, 3000, sizeof back, &moved), 0);
    assert_int_equal(moved, sizeof text);
    assert_memory_equal(text, back, sizeof text);
    oskit_absio_release(io);
    oskit_file_release(file);
    io = make_file(again.root, "replaced", &file);
    assert_int_equal(oskit_absio_read(io, back, 0, sizeof back, &moved), 0);
    assert_int_equal(moved, sizeof text);
    assert_memory_equal(text, back, sizeof text);
    oskit_absio_release(io);
    oskit_file_release(file);
    ext2_image_unmount(&again);
    ext2_image_detach(&again);
    ext2_image_unmount(&image);
    ext2_image_free(&image);
}

/* Who wrote has let go of the file, and it has left memory: fsync by the next who opens it is for
 * what was written before. */
static void test_what_another_wrote_is_synced(void **state)
{
    struct ext2_image image, again;
    oskit_file_t *file;
    oskit_size_t moved;
    char text[100], back[200];

    (void)state;
    memset(text, 'k', sizeof text);
    ext2_image_make(&image, "-t ext3 -b 1024", 16384, NULL);
    assert_int_equal(ext2_image_mount(&image, 0), 0);
    oskit_absio_t *io = make_file(image.root, "kept", &file);
    assert_int_equal(oskit_absio_write(io, text, 0, sizeof text, &moved), 0);
    oskit_absio_release(io);
    oskit_file_release(file);
    assert_int_equal(oskit_dir_lookup(image.root, "kept", &file), 0);
    assert_int_equal(oskit_file_sync(file, 1), 0);
    oskit_file_release(file);

    ext2_image_save(&image);
    again = image;
    snprintf(again.path, sizeof again.path, "%s/again", image.folder);
    ext2_shell("cp %s %s", image.path, again.path);
    ext2_image_attach(&again);
    assert_int_equal(ext2_image_mount(&again, 0), 0);
    io = make_file(again.root, "kept", &file);
    assert_int_equal(oskit_absio_read(io, back, 0, sizeof back, &moved), 0);
    assert_int_equal(moved, sizeof text);
    assert_memory_equal(text, back, sizeof text);
    oskit_absio_release(io);
    oskit_file_release(file);
    ext2_image_unmount(&again);
    ext2_image_detach(&again);
    ext2_image_unmount(&image);
    ext2_image_free(&image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_cuts_with_blocks_of_1k),
        HARNESS_TEST(test_cuts_with_blocks_of_4k),
        HARNESS_TEST(test_what_was_synced_is_there),
        HARNESS_TEST(test_what_another_wrote_is_synced),
    };

    if (!ext2_image_tools()) {
        puts("skipped: no e2fsprogs");
        return 0;
    }
    return cmocka_run_group_tests_name("ext2 crash", tests, NULL, NULL);
}
