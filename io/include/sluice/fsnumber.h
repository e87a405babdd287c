/*
 * Numbers for file systems that have no device: what their files answer as st_dev. Minor numbers of
 * major 0, the lowest free one first, as Linux does it. A number is some file system's as long as
 * any of its files can still be asked.
 */
#ifndef SLUICE_FSNUMBER_H
#define SLUICE_FSNUMBER_H

#include <oskit/types.h>
#include <sluice/list.h>

/* In the file system. */
struct fs_number {
    struct list link;
    oskit_u32_t minor;
    oskit_u32_t dev; /* major 0 and MINOR, in Linux's encoding; immutable once taken */
};

void fs_number_take(struct fs_number *number); /* [any] */
void fs_number_give(struct fs_number *number); /* [any] */

#endif
