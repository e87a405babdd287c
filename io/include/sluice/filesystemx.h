/*
 * sluice_filesystemx: what a file system says of itself beyond the seed's statfs: counts of 64 bits
 * and what kind it is. sluice_xattr: the extended attributes of a file. A client queries for them
 * and does without when the answer is OSKIT_E_NOINTERFACE. [thread] throughout.
 */
#ifndef SLUICE_FILESYSTEMX_H
#define SLUICE_FILESYSTEMX_H

#include <oskit/com.h>
#include <oskit/error.h>
#include <oskit/types.h>

struct filesystemx_stat {
    oskit_u64_t blocks, bfree, bavail; /* of bsize bytes; free; free to users */
    oskit_u64_t files, ffree;
    oskit_u64_t fsid;
    oskit_u32_t bsize;
    oskit_u32_t namemax;
    oskit_u32_t type; /* the number by which Linux's statfs tells it: 0xEF53 of ext2 to ext4 */
};

typedef struct sluice_filesystemx {
    struct sluice_filesystemx_ops *ops;
} sluice_filesystemx_t;
struct sluice_filesystemx_ops {
    OSKIT_COMDECL_IUNKNOWN(sluice_filesystemx_t)
    oskit_error_t (*stat)(sluice_filesystemx_t *self, struct filesystemx_stat *out);
};
extern const struct oskit_guid sluice_filesystemx_iid; /* SLUICE_GUID(0x5ac10058) */

/* Names are whole ones, as programs give them: "user.colour", "security.capability". */
typedef struct sluice_xattr {
    struct sluice_xattr_ops *ops;
} sluice_xattr_t;
struct sluice_xattr_ops {
    OSKIT_COMDECL_IUNKNOWN(sluice_xattr_t)
    /* The value of NAME: its length in *out_length, and its bytes in VALUE unless SIZE is 0.
     * OSKIT_ENODATA; OSKIT_ERANGE: longer than SIZE. */
    oskit_error_t (*get)(sluice_xattr_t *self, const char *name, void *value, oskit_size_t size,
                         oskit_size_t *out_length);
    /* All names, each with its NUL, likewise. */
    oskit_error_t (*list)(sluice_xattr_t *self, char *names, oskit_size_t size,
                          oskit_size_t *out_length);
};
extern const struct oskit_guid sluice_xattr_iid; /* SLUICE_GUID(0x5ac10059) */

#endif
