/* Files' attributes: stat, statx, statfs. */
#ifndef ABI_STAT_H
#define ABI_STAT_H

#include "kernel/abi/types.h"
#include "kernel/abi/time.h"

#define ABI_S_IFMT   0170000
#define ABI_S_IFSOCK 0140000
#define ABI_S_IFLNK  0120000
#define ABI_S_IFREG  0100000
#define ABI_S_IFBLK  0060000
#define ABI_S_IFDIR  0040000
#define ABI_S_IFCHR  0020000
#define ABI_S_IFIFO  0010000
#define ABI_S_ISUID  0004000
#define ABI_S_ISGID  0002000
#define ABI_S_ISVTX  0001000
#define ABI_S_IRWXU  0000700
#define ABI_S_IRUSR  0000400
#define ABI_S_IWUSR  0000200
#define ABI_S_IXUSR  0000100
#define ABI_S_IRWXG  0000070
#define ABI_S_IRGRP  0000040
#define ABI_S_IWGRP  0000020
#define ABI_S_IXGRP  0000010
#define ABI_S_IRWXO  0000007
#define ABI_S_IROTH  0000004
#define ABI_S_IWOTH  0000002
#define ABI_S_IXOTH  0000001

#define ABI_S_ISTYPE(mode, type) (((mode)&ABI_S_IFMT) == (type))
#define ABI_S_ISSOCK(mode)       ABI_S_ISTYPE(mode, ABI_S_IFSOCK)
#define ABI_S_ISLNK(mode)        ABI_S_ISTYPE(mode, ABI_S_IFLNK)
#define ABI_S_ISREG(mode)        ABI_S_ISTYPE(mode, ABI_S_IFREG)
#define ABI_S_ISBLK(mode)        ABI_S_ISTYPE(mode, ABI_S_IFBLK)
#define ABI_S_ISDIR(mode)        ABI_S_ISTYPE(mode, ABI_S_IFDIR)
#define ABI_S_ISCHR(mode)        ABI_S_ISTYPE(mode, ABI_S_IFCHR)
#define ABI_S_ISFIFO(mode)       ABI_S_ISTYPE(mode, ABI_S_IFIFO)

struct abi_stat {
    uint64_t st_dev;
    uint64_t st_ino;
    uint64_t st_nlink;
    uint32_t st_mode;
    uint32_t st_uid;
    uint32_t st_gid;
    uint32_t reserved0;
    uint64_t st_rdev;
    int64_t st_size;
    int64_t st_blksize;
    int64_t st_blocks; /* of 512 bytes */
    struct abi_timespec st_atim;
    struct abi_timespec st_mtim;
    struct abi_timespec st_ctim;
    int64_t reserved[3];
};
_Static_assert(sizeof(struct abi_stat) == 144, "struct stat");

/* statx(2): mask bits, asked for and answered in stx_mask */
#define ABI_STATX_TYPE        0x0001u
#define ABI_STATX_MODE        0x0002u
#define ABI_STATX_NLINK       0x0004u
#define ABI_STATX_UID         0x0008u
#define ABI_STATX_GID         0x0010u
#define ABI_STATX_ATIME       0x0020u
#define ABI_STATX_MTIME       0x0040u
#define ABI_STATX_CTIME       0x0080u
#define ABI_STATX_INO         0x0100u
#define ABI_STATX_SIZE        0x0200u
#define ABI_STATX_BLOCKS      0x0400u
#define ABI_STATX_BASIC_STATS 0x07ffu
#define ABI_STATX_BTIME       0x0800u
#define ABI_STATX_MNT_ID      0x1000u
#define ABI_STATX_DIOALIGN    0x2000u
#define ABI_STATX__RESERVED   0x80000000u

#define ABI_STATX_ATTR_COMPRESSED 0x0004
#define ABI_STATX_ATTR_IMMUTABLE  0x0010
#define ABI_STATX_ATTR_APPEND     0x0020
#define ABI_STATX_ATTR_NODUMP     0x0040
#define ABI_STATX_ATTR_MOUNT_ROOT 0x2000

struct abi_statx_timestamp {
    int64_t tv_sec;
    uint32_t tv_nsec;
    int32_t reserved;
};

struct abi_statx {
    uint32_t stx_mask;
    uint32_t stx_blksize;
    uint64_t stx_attributes;
    uint32_t stx_nlink;
    uint32_t stx_uid;
    uint32_t stx_gid;
    uint16_t stx_mode;
    uint16_t reserved0;
    uint64_t stx_ino;
    uint64_t stx_size;
    uint64_t stx_blocks;
    uint64_t stx_attributes_mask;
    struct abi_statx_timestamp stx_atime;
    struct abi_statx_timestamp stx_btime;
    struct abi_statx_timestamp stx_ctime;
    struct abi_statx_timestamp stx_mtime;
    uint32_t stx_rdev_major;
    uint32_t stx_rdev_minor;
    uint32_t stx_dev_major;
    uint32_t stx_dev_minor;
    uint64_t stx_mnt_id;
    uint32_t stx_dio_mem_align;
    uint32_t stx_dio_offset_align;
    uint64_t reserved1[12];
};
_Static_assert(sizeof(struct abi_statx) == 256, "struct statx");

struct abi_statfs {
    int64_t f_type;
    int64_t f_bsize;
    uint64_t f_blocks;
    uint64_t f_bfree;
    uint64_t f_bavail;
    uint64_t f_files;
    uint64_t f_ffree;
    int32_t f_fsid[2];
    int64_t f_namelen;
    int64_t f_frsize;
    int64_t f_flags; /* ABI_ST_* */
    int64_t f_spare[4];
};
_Static_assert(sizeof(struct abi_statfs) == 120, "struct statfs");

#define ABI_ST_RDONLY      0x0001
#define ABI_ST_NOSUID      0x0002
#define ABI_ST_NODEV       0x0004
#define ABI_ST_NOEXEC      0x0008
#define ABI_ST_SYNCHRONOUS 0x0010
#define ABI_ST_VALID       0x0020 /* f_flags is filled in */
#define ABI_ST_NOATIME     0x0400
#define ABI_ST_NODIRATIME  0x0800
#define ABI_ST_RELATIME    0x1000

/* f_type of the file systems that programs recognise */
#define ABI_EXT2_SUPER_MAGIC    0xef53
#define ABI_TMPFS_MAGIC         0x01021994
#define ABI_RAMFS_MAGIC         0x858458f6
#define ABI_PROC_SUPER_MAGIC    0x9fa0
#define ABI_DEVPTS_SUPER_MAGIC  0x1cd1
#define ABI_PIPEFS_MAGIC        0x50495045
#define ABI_SOCKFS_MAGIC        0x534f434b
#define ABI_ANON_INODE_FS_MAGIC 0x09041934
#define ABI_SYSFS_MAGIC         0x62656572

/* utimensat(2): special values of tv_nsec */
#define ABI_UTIME_NOW  0x3fffffff
#define ABI_UTIME_OMIT 0x3ffffffe

#endif
