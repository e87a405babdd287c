/*
 * cpio: unpacks an initial RAM disk. The format is "newc" (070701, and 070702 whose check sums are
 * verified); several archives may follow one another with any number of zero bytes between, as
 * Linux's initramfs has it.
 *
 * The archive is not trusted: every length is checked against what is there, and nothing is made
 * outside ROOT: a leading
 * "/" is dropped, ".." is refused, and a path doesn't lead through symbolic links that the archive
 * made to places outside.
 */
#ifndef SLUICE_CPIO_H
#define SLUICE_CPIO_H

#include <stddef.h>
#include <oskit/error.h>
#include <oskit/fs/dir.h>

/* What went wrong, and where. */
struct cpio_fault {
    const char *reason; /* static text */
    size_t offset;      /* of the entry's header in the archive */
    char name[128];     /* the entry's, cut off when longer; empty when not known */
};

/*
 * Unpacks SIZE bytes at ARCHIVE into ROOT through the dir interface (owners, permissions and times
 * through sluice_filex when ROOT has it, else through setstat). Missing parents are made with mode
 * 0755. A regular file that exists is replaced, as by a later archive; a directory that exists gets
 * the entry's attributes. Stops at the first error: what was unpacked until then stays, and *FAULT
 * (may be NULL) is filled in. An archive of nothing but zeros, or of no bytes, is fine.
 * OSKIT_E_INVALIDARG for a damaged archive, else what ROOT's methods answered. [thread]
 */
oskit_error_t cpio_unpack(const void *archive, size_t size, oskit_dir_t *root,
                          struct cpio_fault *fault);

#endif
