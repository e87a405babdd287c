/* The options of mount(2)'s last argument: words between commas. What isn't so, or not done, is
 * refused rather than passed over. */
#ifndef KERNEL_MOUNT_OPTIONS_H
#define KERNEL_MOUNT_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <oskit/fs/filesystem.h>

struct mount_options {
    uint32_t flags;          /* ABI_MS_*, as the caller gave them; "ro" and "rw" change them */
    uint64_t pages;          /* tmpfs: as many may be in files; RAMFS_UNLIMITED */
    uint32_t mode, uid, gid; /* tmpfs, ramfs: of the root directory */
    const char *errors;      /* on disks: what shall be so (fsname_options); NULL: anything; in the
                                text that was parsed */
    bool ordered;            /* likewise: that data is written before what points to it */
};

/* What holds for TYPE ("tmpfs") when nothing is said. */
void mount_options_init(const char *type, uint32_t flags, struct mount_options *out);
/* Takes TEXT, which is cut up, into OPTIONS. -ABI_EINVAL: an option that TYPE hasn't, or that isn't
 * true here; the log says which. */
long mount_options_parse(const char *type, char *text, struct mount_options *options);
/* The same for what is mounted already: only what is true of FS anyway is taken, and "ro", "rw". */
long mount_options_parse_again(oskit_filesystem_t *fs, char *text, struct mount_options *options);
/* -ABI_EINVAL unless FS does what OPTIONS say of it; the log says so. */
long mount_options_verify(oskit_filesystem_t *fs, const struct mount_options *options);

#endif
