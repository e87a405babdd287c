/* ext2 images of mke2fs read back; each kind and block size. */
#include "harness.h"

#include <stdio.h>
#include "ext2_image.h"

/* A tree on the host with what file systems have: sizes around every edge of the block map. */
static void make_source(char *folder)
{
    strcpy(folder, "/tmp/sluice-tree-XXXXXX");
    assert_non_null(mkdtemp(folder));
    assert_int_equal(
        ext2_shell("cd %s && mkdir -p a/b/c empty many && echo hello >a/hello && : >a/none && "
                   "for i in $(seq 1 300); do echo $i >many/file-with-a-long-name-$i; done && "
                   "ln -s hello a/link && ln -s %0200d a/slow && ln a/hello a/hard && "
                   "for k in 1 11 12 13 47 48 49 267 268 269 1035 1036; do "
                   "head -c $((k*1024+k)) /dev/urandom >a/b/f$k; done && "
                   "truncate -s 70000000 a/b/sparse && "
                   "printf end | dd of=a/b/sparse bs=1 seek=69999997 conv=notrunc 2>/dev/null && "
                   "printf mid | dd of=a/b/sparse bs=1 seek=5000000 conv=notrunc 2>/dev/null",
                   folder, 7),
        0);
}

static const char *const kinds[] = {
    "-t ext2 -b 1024",
    "-t ext2 -b 2048",
    "-t ext2 -b 4096",
    "-t ext3 -b 1024",
    "-t ext3 -b 4096",
    "-t ext4 -b 1024",
    "-t ext4 -b 4096",
    "-t ext2 -I 128",
    "-t ext2 -r 0 -O none",
    "-t ext4 -O ^64bit",
    "-t ext4 -O metadata_csum_seed",
    "-t ext2 -b 1024 -O meta_bg,^resize_inode",
    "-t ext4 -O ^metadata_csum,uninit_bg",
};

static void test_trees_of_mke2fs_read_back_equal(void **state)
{
    struct ext2_image image;
    char source[64], copy[128];

    (void)state;
    make_source(source);
    for (size_t i = 0; i < SLUICE_COUNT(kinds); i++) {
        ext2_image_make(&image, kinds[i], 32768, source);
        snprintf(copy, sizeof copy, "%s/copy", image.folder);
        ext2_shell("mkdir %s", copy);
        assert_int_equal(ext2_image_mount(&image, EXT2_MOUNT_RDONLY), 0);
        ext2_dump(image.root, copy);
        ext2_image_unmount(&image);
        if (ext2_shell("rmdir %s/lost+found; diff -r --no-dereference %s %s", copy, source, copy))
            fail_msg("%s: reads differently", kinds[i]);
        ext2_image_free(&image);
    }
    ext2_shell("rm -rf %s", source);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_trees_of_mke2fs_read_back_equal),
    };

    if (!ext2_image_tools()) {
        puts("skipped: no e2fsprogs");
        return 0;
    }
    return cmocka_run_group_tests_name("ext2", tests, NULL, NULL);
}
