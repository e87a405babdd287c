/* capget(2), capset(2), what prctl(2) says about capabilities, and security.capability of files.
 * The capabilities themselves: <sluice/capability.h>. */
#ifndef ABI_CAPABILITY_H
#define ABI_CAPABILITY_H

#include <stdint.h>

#define ABI_LINUX_CAPABILITY_VERSION_1 0x19980330 /* one abi_capability_data; the others two */
#define ABI_LINUX_CAPABILITY_VERSION_2 0x20071026
#define ABI_LINUX_CAPABILITY_VERSION_3 0x20080522

struct abi_capability_header {
    uint32_t version;
    int32_t pid;
};

struct abi_capability_data {
    uint32_t effective, permitted, inheritable;
};

/* ABI_PR_CAP_AMBIENT's second argument. */
#define ABI_PR_CAP_AMBIENT_IS_SET    1
#define ABI_PR_CAP_AMBIENT_RAISE     2
#define ABI_PR_CAP_AMBIENT_LOWER     3
#define ABI_PR_CAP_AMBIENT_CLEAR_ALL 4

/* Bits of ABI_PR_SET_SECUREBITS; the one above each of them locks it. */
#define ABI_SECBIT_NOROOT                0x001
#define ABI_SECBIT_NO_SETUID_FIXUP       0x004
#define ABI_SECBIT_KEEP_CAPS             0x010
#define ABI_SECBIT_KEEP_CAPS_LOCKED      0x020
#define ABI_SECBIT_NO_CAP_AMBIENT_RAISE  0x040
#define ABI_SECBIT_EXEC_RESTRICT_FILE    0x100 /* these two are for interpreters to read */
#define ABI_SECBIT_EXEC_DENY_INTERACTIVE 0x400

/* The attribute's first word, in little endian as the others. */
#define ABI_VFS_CAP_REVISION_MASK   0xff000000u
#define ABI_VFS_CAP_REVISION_1      0x01000000u
#define ABI_VFS_CAP_REVISION_2      0x02000000u
#define ABI_VFS_CAP_REVISION_3      0x03000000u
#define ABI_VFS_CAP_FLAGS_EFFECTIVE 0x00000001u

/* Revision 1 ends after the first two sets, revision 2 before the root. */
struct abi_vfs_capability {
    uint32_t magic;
    struct {
        uint32_t permitted, inheritable;
    } sets[2];
    uint32_t root; /* of the user namespace that it counts in; the first one's is 0 */
};

#endif
