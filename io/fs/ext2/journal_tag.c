/* Tags and checksums of the journal's format. Pure functions of bytes; no locks. */
#include "journal_tag.h"

#include <sluice/string.h>
#include "checksum.h"

oskit_u32_t jbd_tag_size(const struct jbd_layout *layout)
{
    if (layout->incompat & JBD_INCOMPAT_CSUM_V3)
        return 16;
    oskit_u32_t size = layout->incompat & JBD_INCOMPAT_64BIT ? 12 : 8;
    /* Two bytes that nobody uses: a slip of the format that all who read it have to follow. */
    return size + (layout->incompat & JBD_INCOMPAT_CSUM_V2 ? 2 : 0);
}

oskit_u32_t jbd_revoke_size(const struct jbd_layout *layout)
{
    return layout->incompat & JBD_INCOMPAT_64BIT ? 8 : 4;
}

oskit_u32_t jbd_room(const struct jbd_layout *layout)
{
    return layout->block_size - (jbd_has_checksums(layout) ? JBD_TAIL : 0);
}

oskit_u32_t jbd_tags_per_block(const struct jbd_layout *layout)
{
    return (jbd_room(layout) - (oskit_u32_t)sizeof(struct jbd_header) - 16) / jbd_tag_size(layout);
}

oskit_u32_t jbd_revokes_per_block(const struct jbd_layout *layout)
{
    return (jbd_room(layout) - (oskit_u32_t)sizeof(struct jbd_revoke)) / jbd_revoke_size(layout);
}

static oskit_u32_t load_32(const oskit_u8_t *at)
{
    oskit_u32_t value;

    memcpy(&value, at, sizeof value);
    return jbd_32(value);
}

static oskit_u32_t load_16(const oskit_u8_t *at)
{
    return (oskit_u32_t)at[0] << 8 | at[1];
}

static void store_32(oskit_u8_t *at, oskit_u32_t value)
{
    value = jbd_32(value);
    memcpy(at, &value, sizeof value);
}

static void store_16(oskit_u8_t *at, oskit_u32_t value)
{
    at[0] = (oskit_u8_t)(value >> 8);
    at[1] = (oskit_u8_t)value;
}

/* With CSUM_V3: block, flags, block's high half, checksum, 32 bits each; else block (32), checksum
 * (16), flags (16), and with 64BIT the high half. */
void jbd_tag_read(const struct jbd_layout *layout, const void *at, struct jbd_tag *out)
{
    const oskit_u8_t *bytes = at;

    out->block = load_32(bytes);
    if (layout->incompat & JBD_INCOMPAT_CSUM_V3) {
        out->flags = load_32(bytes + 4);
        out->checksum = load_32(bytes + 12);
    } else {
        out->checksum = load_16(bytes + 4);
        out->flags = load_16(bytes + 6);
    }
    if (layout->incompat & JBD_INCOMPAT_64BIT)
        out->block |= (oskit_u64_t)load_32(bytes + 8) << 32;
}

void jbd_tag_write(const struct jbd_layout *layout, void *at, const struct jbd_tag *tag)
{
    oskit_u8_t *bytes = at;

    memset(bytes, 0, jbd_tag_size(layout));
    store_32(bytes, (oskit_u32_t)tag->block);
    if (layout->incompat & JBD_INCOMPAT_CSUM_V3) {
        store_32(bytes + 4, tag->flags);
        store_32(bytes + 12, tag->checksum);
    } else {
        store_16(bytes + 4, tag->checksum);
        store_16(bytes + 6, tag->flags);
    }
    if (layout->incompat & JBD_INCOMPAT_64BIT)
        store_32(bytes + 8, (oskit_u32_t)(tag->block >> 32));
}

oskit_u32_t jbd_tag_checksum(const struct jbd_layout *layout, oskit_u32_t sequence,
                             const void *data)
{
    oskit_u32_t sum, stored = jbd_32(sequence);

    if (!jbd_has_checksums(layout))
        return 0;
    sum = ext2_crc32c(layout->seed, &stored, sizeof stored);
    sum = ext2_crc32c(sum, data, layout->block_size);
    return layout->incompat & JBD_INCOMPAT_CSUM_V3 ? sum : sum & 0xffff;
}

bool jbd_tag_good(const struct jbd_layout *layout, const struct jbd_tag *tag, oskit_u32_t sequence,
                  const void *data)
{
    return !jbd_has_checksums(layout) || tag->checksum == jbd_tag_checksum(layout, sequence, data);
}

/* The checksum of BLOCK with zeros where it stands itself. */
static oskit_u32_t block_checksum(const struct jbd_layout *layout, oskit_u8_t *block,
                                  oskit_u32_t at)
{
    oskit_u8_t kept[4];

    memcpy(kept, block + at, sizeof kept);
    memset(block + at, 0, sizeof kept);
    oskit_u32_t sum = ext2_crc32c(layout->seed, block, layout->block_size);
    memcpy(block + at, kept, sizeof kept);
    return sum;
}

void jbd_block_seal(const struct jbd_layout *layout, void *block, oskit_u32_t at)
{
    if (jbd_has_checksums(layout))
        store_32((oskit_u8_t *)block + at, block_checksum(layout, block, at));
}

bool jbd_block_good(const struct jbd_layout *layout, void *block, oskit_u32_t at)
{
    return !jbd_has_checksums(layout) ||
           load_32((oskit_u8_t *)block + at) == block_checksum(layout, block, at);
}

oskit_u32_t jbd_super_checksum(struct jbd_super *super)
{
    oskit_u32_t kept = super->checksum;

    super->checksum = 0;
    oskit_u32_t sum = ext2_crc32c(0xffffffffu, super, sizeof *super);
    super->checksum = kept;
    return sum;
}
