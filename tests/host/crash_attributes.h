/*
 * Extended attributes and flags of files under power cuts: what to change, what is promised, and
 * what to ask of a disk on which the power went. For test_powercut.c.
 *
 * Attributes come and go in the inode and in blocks, which at first three files share, as Linux
 * leaves them. A value begins with its version, from which all its bytes follow.
 */
#ifndef TESTS_HOST_CRASH_ATTRIBUTES_H
#define TESTS_HOST_CRASH_ATTRIBUTES_H

#include <sluice/faultdisk.h>
#include "ext2_image.h"

#define CRASH_KEPT     3u /* files that are always there: kept0 and on */
#define CRASH_NAMES    3u /* attributes of each */
#define CRASH_PROMISES 512u

struct crash_state {
    uint32_t version[CRASH_NAMES]; /* 0: there is none */
    bool immutable;
};

/* What fsync has returned for, in every cut after events FROM to TO. */
struct crash_promise {
    unsigned file;
    uint32_t from, to;
    struct crash_state state;
};

struct crash_attributes {
    uint32_t last_version;
    struct crash_state now[CRASH_KEPT];
    struct crash_promise promises[CRASH_PROMISES];
    unsigned promise_count;
};

/* Makes the kept files in an image that isn't mounted. */
void crash_attributes_make(struct crash_attributes *a, struct ext2_image *image);
/* One change, chosen by RANDOM, of a kept file or of OTHER, which may be NULL. */
void crash_attributes_step(struct crash_attributes *a, oskit_dir_t *root, struct faultdisk *disk,
                           uint64_t random, const char *other);
/* What is wrong with kept file NUMBER in the image after COUNT events; NULL: nothing. */
const char *crash_attributes_judge(const struct crash_attributes *a, oskit_dir_t *root,
                                   uint32_t count, unsigned number);
/* The same of the attributes that any file has. */
const char *crash_attributes_judge_other(const struct crash_attributes *a, oskit_dir_t *root,
                                         const char *name);

#endif
