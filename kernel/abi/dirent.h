/* getdents64(2): records of variable length, each a multiple of 8 bytes. */
#ifndef ABI_DIRENT_H
#define ABI_DIRENT_H

#include "kernel/abi/types.h"

#define ABI_DT_UNKNOWN 0
#define ABI_DT_FIFO    1
#define ABI_DT_CHR     2
#define ABI_DT_DIR     4
#define ABI_DT_BLK     6
#define ABI_DT_REG     8
#define ABI_DT_LNK     10
#define ABI_DT_SOCK    12
#define ABI_DT_WHT     14

/* The d_type of a mode. */
#define ABI_MODE_TO_DT(mode) (((mode) >> 12) & 15)

struct abi_dirent64 {
    uint64_t d_ino;
    int64_t d_off; /* what lseek(2) needs to go on behind this record */
    uint16_t d_reclen;
    uint8_t d_type;
    char d_name[]; /* NUL-terminated; starts at byte 19 */
};
_Static_assert(offsetof(struct abi_dirent64, d_name) == 19, "struct linux_dirent64");

/* The old getdents(2): d_type is the record's last byte. */
struct abi_dirent {
    uint64_t d_ino;
    uint64_t d_off;
    uint16_t d_reclen;
    char d_name[];
};

#define ABI_DIRENT64_RECLEN(namelen) ((19u + (namelen) + 1u + 7u) & ~7u)

#endif
