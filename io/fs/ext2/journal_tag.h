/* Tags of descriptor blocks in their four layouts, and the checksums of the log's blocks. */
#ifndef IO_FS_EXT2_JOURNAL_TAG_H
#define IO_FS_EXT2_JOURNAL_TAG_H

#include <stdbool.h>
#include <oskit/types.h>
#include "journal_format.h"

/* What of a journal's features decides how its log looks. */
struct jbd_layout {
    oskit_u32_t block_size;
    oskit_u32_t incompat;
    oskit_u32_t seed; /* of checksums: crc32c of the uuid */
};

struct jbd_tag {
    oskit_u64_t block;
    oskit_u32_t flags;
    oskit_u32_t checksum; /* as stored: 16 bits of it with CSUM_V2 */
};

static inline bool jbd_has_checksums(const struct jbd_layout *layout)
{
    return (layout->incompat & (JBD_INCOMPAT_CSUM_V2 | JBD_INCOMPAT_CSUM_V3)) != 0;
}
/* Bytes of a tag, without the uuid that may follow; bytes of a revoke record. */
oskit_u32_t jbd_tag_size(const struct jbd_layout *layout);
oskit_u32_t jbd_revoke_size(const struct jbd_layout *layout);
/* Bytes of a descriptor or revoke block that may be used. */
oskit_u32_t jbd_room(const struct jbd_layout *layout);
/* Tags in a full descriptor (one of them with a uuid), records in a full revoke block. */
oskit_u32_t jbd_tags_per_block(const struct jbd_layout *layout);
oskit_u32_t jbd_revokes_per_block(const struct jbd_layout *layout);

void jbd_tag_read(const struct jbd_layout *layout, const void *at, struct jbd_tag *out);
void jbd_tag_write(const struct jbd_layout *layout, void *at, const struct jbd_tag *tag);
/* The checksum of a tag, as stored, for a block of DATA as it is in the log. */
oskit_u32_t jbd_tag_checksum(const struct jbd_layout *layout, oskit_u32_t sequence,
                             const void *data);
/* Whether TAG's checksum is right for DATA; true when the layout has none. */
bool jbd_tag_good(const struct jbd_layout *layout, const struct jbd_tag *tag, oskit_u32_t sequence,
                  const void *data);

/* Puts the checksum at offset AT of BLOCK (block_size bytes), over all of it; good: it is right.
 * Nothing, and true, without checksums. */
void jbd_block_seal(const struct jbd_layout *layout, void *block, oskit_u32_t at);
bool jbd_block_good(const struct jbd_layout *layout, void *block, oskit_u32_t at);
static inline oskit_u32_t jbd_tail_at(const struct jbd_layout *layout)
{
    return layout->block_size - JBD_TAIL;
}
oskit_u32_t jbd_super_checksum(struct jbd_super *super);

#endif
