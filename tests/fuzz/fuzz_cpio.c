/* The initial RAM disk: the input is the archive, unpacked twice into one file system, as a later
 * archive over an earlier. The first byte may bound the memory. */
#include "fuzz.h"
#include <oskit/fs/filesystem.h>
#include <sluice/cpio.h>
#include <sluice/ramfs.h>

static void check_fault(const struct cpio_fault *fault, size_t size)
{
    assert_non_null(fault->reason);
    assert_true(fault->offset <= size);
    assert_non_null(memchr(fault->name, 0, sizeof fault->name));
}

void fuzz_one(const uint8_t *bytes, size_t size)
{
    struct choices choices = choices_from_bytes(bytes, size);
    uint64_t pages = 1 + choices_next(&choices, 256);
    oskit_filesystem_t *fs;
    oskit_dir_t *root;

    void *archive = fuzz_copy(choices.at, choices.left);
    assert_int_equal(ramfs_create(pages, 0, &fs), 0);
    assert_int_equal(oskit_filesystem_getroot(fs, &root), 0);
    for (int round = 0; round < 2; round++) {
        struct cpio_fault fault = {0};
        if (OSKIT_FAILED(cpio_unpack(archive, choices.left, root, &fault)))
            check_fault(&fault, choices.left);
    }
    oskit_dir_release(root);
    oskit_filesystem_release(fs);
    free(archive);
}
