/*
 * The journal's format on the disk: ext3's, which Linux calls jbd2. All numbers are big-endian.
 *
 * The log is a ring of blocks. A transaction in it: revoke blocks, then descriptor blocks, each
 * followed by the blocks that its tags name, then a commit block. Every block that isn't a copy of
 * a metadata block begins with a header; a copy that by chance begins with the header's magic
 * number has zeros there and a tag that says so (ESCAPE).
 */
#ifndef IO_FS_EXT2_JOURNAL_FORMAT_H
#define IO_FS_EXT2_JOURNAL_FORMAT_H

#include <stddef.h>
#include <oskit/types.h>

#define JBD_MAGIC 0xC03B3998u

enum jbd_block_type {
    JBD_DESCRIPTOR = 1,
    JBD_COMMIT = 2,
    JBD_SUPER_V1 = 3,
    JBD_SUPER_V2 = 4,
    JBD_REVOKE = 5,
};

#define JBD_COMPAT_CHECKSUM 1u

#define JBD_INCOMPAT_REVOKE       0x01u
#define JBD_INCOMPAT_64BIT        0x02u
#define JBD_INCOMPAT_ASYNC_COMMIT 0x04u
#define JBD_INCOMPAT_CSUM_V2      0x08u
#define JBD_INCOMPAT_CSUM_V3      0x10u
#define JBD_INCOMPAT_FAST_COMMIT  0x20u
/* Asynchronous and fast commits bring record types of their own: refused, not half understood. */
#define JBD_INCOMPAT_KNOWN \
    (JBD_INCOMPAT_REVOKE | JBD_INCOMPAT_64BIT | JBD_INCOMPAT_CSUM_V2 | JBD_INCOMPAT_CSUM_V3)

#define JBD_CHECKSUM_CRC32C 4u

/* Flags of a tag. */
#define JBD_TAG_ESCAPE    1u
#define JBD_TAG_SAME_UUID 2u /* no uuid follows the tag */
#define JBD_TAG_DELETED   4u
#define JBD_TAG_LAST      8u

struct jbd_header {
    oskit_u32_t magic;
    oskit_u32_t type;
    oskit_u32_t sequence; /* the transaction's tid */
};

struct jbd_super {
    struct jbd_header header;
    oskit_u32_t block_size;
    oskit_u32_t blocks;   /* of the journal in all */
    oskit_u32_t first;    /* where the ring begins */
    oskit_u32_t sequence; /* first tid expected in the log */
    oskit_u32_t start;    /* its block; 0: the log is empty */
    oskit_s32_t error;
    /* version 2 */
    oskit_u32_t feature_compat;
    oskit_u32_t feature_incompat;
    oskit_u32_t feature_ro_compat;
    oskit_u8_t uuid[16];
    oskit_u32_t users;
    oskit_u32_t dynamic_super;
    oskit_u32_t max_transaction;
    oskit_u32_t max_transaction_data;
    oskit_u8_t checksum_type;
    oskit_u8_t padding[3];
    oskit_u32_t fast_commit_blocks;
    oskit_u32_t head;
    oskit_u32_t reserved[40];
    oskit_u32_t checksum; /* crc32c, with CSUM_V2 or V3 */
    oskit_u8_t user_ids[16 * 48];
};
_Static_assert(sizeof(struct jbd_super) == 1024, "journal superblock");
_Static_assert(offsetof(struct jbd_super, uuid) == 48, "journal superblock");
_Static_assert(offsetof(struct jbd_super, checksum_type) == 80, "journal superblock");
_Static_assert(offsetof(struct jbd_super, checksum) == 252, "journal superblock");

/* A commit block: the header, then this. */
struct jbd_commit {
    struct jbd_header header;
    oskit_u8_t checksum_type;
    oskit_u8_t checksum_size;
    oskit_u8_t padding[2];
    oskit_u32_t checksum[8];
    oskit_u64_t seconds;
    oskit_u32_t nanoseconds;
};
_Static_assert(offsetof(struct jbd_commit, checksum) == 16, "commit block");
_Static_assert(offsetof(struct jbd_commit, seconds) == 48, "commit block");

struct jbd_revoke {
    struct jbd_header header;
    oskit_u32_t used; /* bytes of the block in use, this struct included */
};

/* Where descriptors and revoke blocks have their checksum, with CSUM_V2 or V3: the last bytes. */
#define JBD_TAIL 4u

static inline oskit_u16_t jbd_16(oskit_u16_t value)
{
    return __builtin_bswap16(value);
}
static inline oskit_u32_t jbd_32(oskit_u32_t value)
{
    return __builtin_bswap32(value);
}
static inline oskit_u64_t jbd_64(oskit_u64_t value)
{
    return __builtin_bswap64(value);
}

#endif
