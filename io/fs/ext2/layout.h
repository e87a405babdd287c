/*
 * The ext2 family's format on the disk: superblock, group descriptors, inodes, directory entries,
 * extents, extended attributes. All numbers are little-endian; this code runs on x86-64 only, so
 * they are read in place. Everything read through these structs is somebody else's word: whoever
 * uses a number from here as an offset, a count or a block checks it first.
 */
#ifndef IO_FS_EXT2_LAYOUT_H
#define IO_FS_EXT2_LAYOUT_H

#include <stddef.h>
#include <oskit/types.h>

#define EXT2_SUPER_OFFSET 1024u
#define EXT2_SUPER_SIZE   1024u
#define EXT2_MAGIC        0xEF53u

#define EXT2_BAD_INO          1u
#define EXT2_ROOT_INO         2u
#define EXT2_JOURNAL_INO      8u
#define EXT2_FIRST_INO        11u /* of revision 0 */
#define EXT2_INODE_SIZE_OLD   128u
#define EXT2_NAME_MAX         255u
#define EXT2_LINK_MAX         65000u /* directories without dir_nlink, and files */
#define EXT2_BLOCK_SIZE_MIN   1024u
#define EXT2_BLOCK_SIZE_MAX   4096u /* pages are mapped: a block is no larger than one */
#define EXT2_FAST_SYMLINK_MAX 59u   /* text that fits into i_block with its NUL */

/* s_state */
#define EXT2_STATE_CLEAN   1u
#define EXT2_STATE_ERRORS  2u
#define EXT2_STATE_ORPHANS 4u
/* s_errors: what to do about an inconsistency */
#define EXT2_ERRORS_CONTINUE 1u
#define EXT2_ERRORS_READONLY 2u
#define EXT2_ERRORS_PANIC    3u

#define EXT2_COMPAT_HAS_JOURNAL  0x0004u
#define EXT2_COMPAT_EXT_ATTR     0x0008u
#define EXT2_COMPAT_RESIZE_INODE 0x0010u
#define EXT2_COMPAT_DIR_INDEX    0x0020u
#define EXT2_COMPAT_SPARSE2      0x0200u
#define EXT2_COMPAT_FAST_COMMIT  0x0400u
#define EXT2_COMPAT_ORPHAN_FILE  0x1000u

#define EXT2_INCOMPAT_FILETYPE    0x0002u
#define EXT2_INCOMPAT_RECOVER     0x0004u
#define EXT2_INCOMPAT_JOURNAL_DEV 0x0008u
#define EXT2_INCOMPAT_META_BG     0x0010u
#define EXT2_INCOMPAT_EXTENTS     0x0040u
#define EXT2_INCOMPAT_64BIT       0x0080u
#define EXT2_INCOMPAT_FLEX_BG     0x0200u
#define EXT2_INCOMPAT_EA_INODE    0x0400u
#define EXT2_INCOMPAT_CSUM_SEED   0x2000u
#define EXT2_INCOMPAT_LARGEDIR    0x4000u
#define EXT2_INCOMPAT_INLINE_DATA 0x8000u

#define EXT2_RO_SPARSE_SUPER   0x0001u
#define EXT2_RO_LARGE_FILE     0x0002u
#define EXT2_RO_HUGE_FILE      0x0008u
#define EXT2_RO_GDT_CSUM       0x0010u
#define EXT2_RO_DIR_NLINK      0x0020u
#define EXT2_RO_EXTRA_ISIZE    0x0040u
#define EXT2_RO_METADATA_CSUM  0x0400u
#define EXT2_RO_ORPHAN_PRESENT 0x10000u

struct ext2_super_block {
    oskit_u32_t inodes_count;
    oskit_u32_t blocks_count_lo;
    oskit_u32_t r_blocks_count_lo; /* only for root */
    oskit_u32_t free_blocks_count_lo;
    oskit_u32_t free_inodes_count;
    oskit_u32_t first_data_block;
    oskit_u32_t log_block_size; /* 1024 << it */
    oskit_u32_t log_cluster_size;
    oskit_u32_t blocks_per_group;
    oskit_u32_t clusters_per_group;
    oskit_u32_t inodes_per_group;
    oskit_u32_t mtime; /* last mount */
    oskit_u32_t wtime; /* last write of this */
    oskit_u16_t mnt_count;
    oskit_u16_t max_mnt_count;
    oskit_u16_t magic;
    oskit_u16_t state;
    oskit_u16_t errors;
    oskit_u16_t minor_rev_level;
    oskit_u32_t lastcheck;
    oskit_u32_t checkinterval;
    oskit_u32_t creator_os;
    oskit_u32_t rev_level;
    oskit_u16_t def_resuid;
    oskit_u16_t def_resgid;
    /* revision 1 */
    oskit_u32_t first_ino;
    oskit_u16_t inode_size;
    oskit_u16_t block_group_nr;
    oskit_u32_t feature_compat;
    oskit_u32_t feature_incompat;
    oskit_u32_t feature_ro_compat;
    oskit_u8_t uuid[16];
    char volume_name[16];
    char last_mounted[64];
    oskit_u32_t algorithm_usage_bitmap;
    oskit_u8_t prealloc_blocks;
    oskit_u8_t prealloc_dir_blocks;
    oskit_u16_t reserved_gdt_blocks;
    oskit_u8_t journal_uuid[16];
    oskit_u32_t journal_inum;
    oskit_u32_t journal_dev;
    oskit_u32_t last_orphan; /* head of the list of inodes to be deleted */
    oskit_u32_t hash_seed[4];
    oskit_u8_t def_hash_version;
    oskit_u8_t jnl_backup_type;
    oskit_u16_t desc_size; /* with 64BIT */
    oskit_u32_t default_mount_opts;
    oskit_u32_t first_meta_bg;
    oskit_u32_t mkfs_time;
    oskit_u32_t jnl_blocks[17];
    oskit_u32_t blocks_count_hi; /* with 64BIT */
    oskit_u32_t r_blocks_count_hi;
    oskit_u32_t free_blocks_count_hi;
    oskit_u16_t min_extra_isize;
    oskit_u16_t want_extra_isize;
    oskit_u32_t flags;
    oskit_u16_t raid_stride;
    oskit_u16_t mmp_interval;
    oskit_u64_t mmp_block;
    oskit_u32_t raid_stripe_width;
    oskit_u8_t log_groups_per_flex;
    oskit_u8_t checksum_type;
    oskit_u16_t reserved_pad;
    oskit_u64_t kbytes_written;
    oskit_u32_t snapshot[5];
    oskit_u32_t error_count;
    oskit_u32_t error_record[42];
    oskit_u32_t quota_and_backups[6];
    oskit_u8_t encrypt_pw_salt[16];
    oskit_u32_t lpf_ino;
    oskit_u32_t prj_quota_inum;
    oskit_u32_t checksum_seed; /* with CSUM_SEED */
    oskit_u32_t reserved[98];
    oskit_u32_t checksum; /* crc32c of all before, with METADATA_CSUM */
};
_Static_assert(sizeof(struct ext2_super_block) == EXT2_SUPER_SIZE, "superblock");
_Static_assert(offsetof(struct ext2_super_block, magic) == 56, "superblock");
_Static_assert(offsetof(struct ext2_super_block, feature_compat) == 92, "superblock");
_Static_assert(offsetof(struct ext2_super_block, last_orphan) == 232, "superblock");
_Static_assert(offsetof(struct ext2_super_block, desc_size) == 254, "superblock");
_Static_assert(offsetof(struct ext2_super_block, blocks_count_hi) == 336, "superblock");
_Static_assert(offsetof(struct ext2_super_block, log_groups_per_flex) == 372, "superblock");
_Static_assert(offsetof(struct ext2_super_block, error_count) == 404, "superblock");
_Static_assert(offsetof(struct ext2_super_block, encrypt_pw_salt) == 600, "superblock");
_Static_assert(offsetof(struct ext2_super_block, checksum_seed) == 624, "superblock");
_Static_assert(offsetof(struct ext2_super_block, checksum) == 1020, "superblock");

#define EXT2_DESC_SIZE_MIN 32u
#define EXT2_DESC_SIZE_64  64u

#define EXT2_GROUP_INODE_UNINIT 1u /* its inode bitmap isn't written yet: all free */
#define EXT2_GROUP_BLOCK_UNINIT 2u /* its block bitmap isn't written yet: only metadata in use */
#define EXT2_GROUP_ZEROED       4u /* its inode table is */

struct ext2_group_desc {
    oskit_u32_t block_bitmap_lo;
    oskit_u32_t inode_bitmap_lo;
    oskit_u32_t inode_table_lo;
    oskit_u16_t free_blocks_count_lo;
    oskit_u16_t free_inodes_count_lo;
    oskit_u16_t used_dirs_count_lo;
    oskit_u16_t flags; /* with GDT_CSUM or METADATA_CSUM */
    oskit_u32_t exclude_bitmap_lo;
    oskit_u16_t block_bitmap_csum_lo;
    oskit_u16_t inode_bitmap_csum_lo;
    oskit_u16_t itable_unused_lo;
    oskit_u16_t checksum;
    /* with 64BIT and desc_size >= 64 */
    oskit_u32_t block_bitmap_hi;
    oskit_u32_t inode_bitmap_hi;
    oskit_u32_t inode_table_hi;
    oskit_u16_t free_blocks_count_hi;
    oskit_u16_t free_inodes_count_hi;
    oskit_u16_t used_dirs_count_hi;
    oskit_u16_t itable_unused_hi;
    oskit_u32_t exclude_bitmap_hi;
    oskit_u16_t block_bitmap_csum_hi;
    oskit_u16_t inode_bitmap_csum_hi;
    oskit_u32_t reserved;
};
_Static_assert(sizeof(struct ext2_group_desc) == EXT2_DESC_SIZE_64, "group descriptor");
_Static_assert(offsetof(struct ext2_group_desc, checksum) == 30, "group descriptor");

#define EXT2_DIRECT_BLOCKS 12u
#define EXT2_INDIRECT      12u
#define EXT2_DOUBLE        13u
#define EXT2_TRIPLE        14u
#define EXT2_BLOCK_SLOTS   15u

#define EXT2_FLAG_SYNC        0x00000008u
#define EXT2_FLAG_IMMUTABLE   0x00000010u
#define EXT2_FLAG_APPEND      0x00000020u
#define EXT2_FLAG_NODUMP      0x00000040u
#define EXT2_FLAG_NOATIME     0x00000080u
#define EXT2_FLAG_ENCRYPT     0x00000800u
#define EXT2_FLAG_INDEX       0x00001000u /* a directory with a hash tree */
#define EXT2_FLAG_TOPDIR      0x00020000u
#define EXT2_FLAG_HUGE_FILE   0x00040000u /* blocks counts blocks, not sectors */
#define EXT2_FLAG_EXTENTS     0x00080000u
#define EXT2_FLAG_EA_INODE    0x00200000u
#define EXT2_FLAG_INLINE_DATA 0x10000000u
#define EXT2_FLAGS_SHOWN      0x725bdfffu /* to programs */
#define EXT2_FLAGS_PLAIN      0x000000c0u /* NODUMP, NOATIME: what anything may have */
#define EXT2_FLAGS_OF_FILES   0x000080ffu /* and the first eight, and "no tail merging" */
#define EXT2_FLAGS_OF_DIRS    0x000380ffu /* and "synchronous", "top of a tree" */
#define EXT2_FLAGS_INHERITED  0x000000c8u /* what a new file takes from its directory */

struct ext2_inode {
    oskit_u16_t mode;
    oskit_u16_t uid_lo;
    oskit_u32_t size_lo;
    oskit_u32_t atime, ctime, mtime;
    oskit_u32_t dtime; /* deletion; on the list of orphans the number of the next */
    oskit_u16_t gid_lo;
    oskit_u16_t links_count;
    oskit_u32_t blocks_lo; /* of 512 bytes, metadata of the file included */
    oskit_u32_t flags;
    oskit_u32_t version;
    oskit_u32_t block[EXT2_BLOCK_SLOTS];
    oskit_u32_t generation;
    oskit_u32_t file_acl_lo; /* block of extended attributes */
    oskit_u32_t size_hi;     /* regular files (directories with LARGEDIR) */
    oskit_u32_t obso_faddr;
    oskit_u16_t blocks_hi;
    oskit_u16_t file_acl_hi;
    oskit_u16_t uid_hi;
    oskit_u16_t gid_hi;
    oskit_u16_t checksum_lo;
    oskit_u16_t reserved;
    /* inodes larger than 128 bytes: as far as extra_isize says */
    oskit_u16_t extra_isize;
    oskit_u16_t checksum_hi;
    oskit_u32_t ctime_extra; /* nanoseconds << 2, and two more bits of seconds */
    oskit_u32_t mtime_extra;
    oskit_u32_t atime_extra;
    oskit_u32_t crtime;
    oskit_u32_t crtime_extra;
    oskit_u32_t version_hi;
    oskit_u32_t projid;
};
_Static_assert(sizeof(struct ext2_inode) == 160, "inode");
_Static_assert(offsetof(struct ext2_inode, block) == 40, "inode");
_Static_assert(offsetof(struct ext2_inode, blocks_hi) == 116, "inode");
_Static_assert(offsetof(struct ext2_inode, extra_isize) == 128, "inode");
_Static_assert(offsetof(struct ext2_inode, crtime_extra) == 148, "inode");
#define EXT2_EXTRA_ISIZE 32u /* what we ask for: all of the above */

/* ---- Directories ---- */

struct ext2_dir_entry {
    oskit_u32_t inode; /* 0: not in use */
    oskit_u16_t length;
    oskit_u8_t name_length;
    oskit_u8_t type; /* with FILETYPE; else the high byte of name_length, 0 */
    char name[];
};
_Static_assert(sizeof(struct ext2_dir_entry) == 8, "directory entry");
#define EXT2_DIR_ALIGN 4u

enum ext2_dir_type {
    EXT2_TYPE_UNKNOWN,
    EXT2_TYPE_REGULAR,
    EXT2_TYPE_DIRECTORY,
    EXT2_TYPE_CHAR,
    EXT2_TYPE_BLOCK,
    EXT2_TYPE_FIFO,
    EXT2_TYPE_SOCKET,
    EXT2_TYPE_SYMLINK,
};
#define EXT2_TYPE_CHECKSUM 0xDEu /* the entry that ends a block with METADATA_CSUM */

/* ---- Extents ---- */

#define EXT2_EXTENT_MAGIC       0xF30Au
#define EXT2_EXTENT_DEPTH_MAX   5u
#define EXT2_EXTENT_LENGTH_INIT 32768u /* longer ones read as zeros: length minus this */

struct ext2_extent_header {
    oskit_u16_t magic;
    oskit_u16_t entries;
    oskit_u16_t max;
    oskit_u16_t depth; /* 0: leaves follow */
    oskit_u32_t generation;
};
struct ext2_extent { /* leaf */
    oskit_u32_t block;
    oskit_u16_t length;
    oskit_u16_t start_hi;
    oskit_u32_t start_lo;
};
struct ext2_extent_index {
    oskit_u32_t block;
    oskit_u32_t leaf_lo;
    oskit_u16_t leaf_hi;
    oskit_u16_t unused;
};
_Static_assert(sizeof(struct ext2_extent_header) == 12, "extent header");
_Static_assert(sizeof(struct ext2_extent) == 12, "extent");
_Static_assert(sizeof(struct ext2_extent_index) == 12, "extent index");

/* ---- Extended attributes ---- */

#define EXT2_XATTR_MAGIC    0xEA020000u
#define EXT2_XATTR_NAME_MAX 255u

struct ext2_xattr_block_header {
    oskit_u32_t magic;
    oskit_u32_t refcount;
    oskit_u32_t blocks;
    oskit_u32_t hash;
    oskit_u32_t checksum;
    oskit_u32_t reserved[3];
};
_Static_assert(sizeof(struct ext2_xattr_block_header) == 32, "attribute block");

struct ext2_xattr_entry {
    oskit_u8_t name_length;
    oskit_u8_t name_index;
    oskit_u16_t value_offset;
    oskit_u32_t value_inode; /* with EA_INODE: the value is that inode's contents */
    oskit_u32_t value_size;
    oskit_u32_t hash; /* in a block */
    char name[];
};
_Static_assert(sizeof(struct ext2_xattr_entry) == 16, "attribute entry");

#endif
