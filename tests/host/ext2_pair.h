/*
 * Two file systems that are told the same things: a ramfs, which is believed, and another. Each
 * step is a random operation on a random path of a few names; answers and contents must be equal.
 */
#ifndef TESTS_HOST_EXT2_PAIR_H
#define TESTS_HOST_EXT2_PAIR_H

#include <stdint.h>
#include <oskit/fs/dir.h>
#include <oskit/fs/filesystem.h>
#include <sluice/filex.h>

#define PAIR_OPEN 4u

struct ext2_pair {
    uint64_t random;
    oskit_filesystem_t *model;
    oskit_dir_t *roots[2];            /* the model's, the other's */
    oskit_file_t *held[PAIR_OPEN][2]; /* files kept open while others remove them */
    unsigned steps;
};

void ext2_pair_init(struct ext2_pair *pair, uint64_t seed);
void ext2_pair_fini(struct ext2_pair *pair);
/* Makes in the model what ROOT has in the beginning: lost+found. */
void ext2_pair_adopt(struct ext2_pair *pair, oskit_dir_t *root);
/* The other's root, from now till leave, which gives back what is held open. */
void ext2_pair_enter(struct ext2_pair *pair, oskit_dir_t *root);
void ext2_pair_leave(struct ext2_pair *pair);
void ext2_pair_step(struct ext2_pair *pair);
/* The whole trees: names, types, attributes, contents. */
void ext2_pair_compare(struct ext2_pair *pair);

#endif
