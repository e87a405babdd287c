/*
 * Whether what e2fsck asked about a disk after a power cut is a fault of its own. For
 * test_powercut.c.
 *
 * An inode on the list of orphans that still has names was being truncated, and e2fsck (1.47.0; as
 * old as its support for that) takes more than what is past the size: the block of extended
 * attributes as well, as if the file were deleted, without subtracting it from i_blocks. Then its
 * first pass asks "Inode 12, i_blocks is 6, should be 4". Linux leaves such orphans too. That
 * i_blocks was right on the disk shows in our own recovery of the same cut, after which e2fsck -fn
 * counts it.
 */
#ifndef TESTS_HOST_CRASH_FSCK_H
#define TESTS_HOST_CRASH_FSCK_H

#include "ext2_image.h"

/*
 * True when all that e2fsck -fy asked, according to its output in FOLDER/fsck, is one such
 * question, of one block, and IMAGE's file, which is as it was before that e2fsck, gives the reason
 * for it once the log is replayed, which this does.
 */
bool crash_fsck_excused(const struct ext2_image *image);

#endif
