/*
 * A journal that a stranger wrote: a superblock and blocks of a log, some of them records as they
 * should be, some not at all, replayed and then written to. Nothing may crash, hang or stay behind;
 * nothing may be written outside of the file system that the journal was told of.
 */
#include "fuzz.h"

#include <sluice/block.h>
#include "io/fs/ext2/checksum.h"
#include "io/fs/ext2/journal.h"
#include "io/fs/ext2/journal_format.h"
#include "io/fs/ext2/journal_tag.h"

#define BLOCK       1024u
#define DISK_BLOCKS 256u
#define FIRST       4u /* of the file system */
#define END         240u
#define LOG_AT      100u
#define LOG_BLOCKS  96u

static oskit_error_t map(void *arg, oskit_u32_t logical, oskit_u64_t *out)
{
    (void)arg;
    *out = LOG_AT + logical;
    return OSKIT_SUCCESS;
}

static void put(oskit_blkio_t *disk, oskit_u32_t block, const void *bytes)
{
    oskit_size_t moved;

    assert_int_equal(oskit_blkio_write(disk, bytes, (oskit_off_t)block * BLOCK, BLOCK, &moved), 0);
}

static void spoil(struct choices *choices, uint8_t *bytes)
{
    for (unsigned n = choices_next(choices, 4); n != 0; n--)
        bytes[choices_next(choices, BLOCK)] = (uint8_t)choices_next(choices, 256);
}

static struct jbd_layout put_super(struct choices *choices, oskit_blkio_t *disk)
{
    static const uint32_t features[] = {0, 1, 2, 3, 0x10, 0x13, 8, 0xb, 4, 0x20, 0x18};
    uint8_t bytes[BLOCK] = {0};
    struct jbd_super *super = (struct jbd_super *)bytes;
    struct jbd_layout layout = {BLOCK, features[choices_next(choices, SLUICE_COUNT(features))], 0};

    super->header =
        (struct jbd_header){jbd_32(JBD_MAGIC), jbd_32(choices_next(choices, 8) ? 4 : 3), 0};
    super->block_size = jbd_32(BLOCK);
    super->blocks = jbd_32(LOG_BLOCKS - choices_next(choices, 3));
    super->first = jbd_32(1 + choices_next(choices, 3));
    super->start = jbd_32(choices_next(choices, LOG_BLOCKS));
    super->sequence = jbd_32(choices_next(choices, 4) != 0 ? 7 : UINT32_MAX);
    super->feature_incompat = jbd_32(layout.incompat);
    super->checksum_type = JBD_CHECKSUM_CRC32C;
    layout.seed = ext2_crc32c(0xffffffffu, super->uuid, sizeof super->uuid);
    if (choices_next(choices, 4) == 0)
        spoil(choices, bytes);
    super->checksum = jbd_32(jbd_super_checksum(super));
    put(disk, LOG_AT, bytes);
    return layout;
}

static void fill_descriptor(struct choices *choices, const struct jbd_layout *layout,
                            uint8_t *bytes)
{
    uint32_t at = sizeof(struct jbd_header), tags = choices_next(choices, 12);

    for (uint32_t i = 0; i < tags; i++) {
        struct jbd_tag tag = {choices_next(choices, DISK_BLOCKS + 8), choices_next(choices, 16), 0};
        tag.flags |= i == 0 ? 0 : JBD_TAG_SAME_UUID;
        jbd_tag_write(layout, bytes + at, &tag);
        at += jbd_tag_size(layout) + (tag.flags & JBD_TAG_SAME_UUID ? 0 : 16);
    }
}

static void put_log_block(struct choices *choices, const struct jbd_layout *layout,
                          oskit_blkio_t *disk, uint32_t at, uint32_t *sequence)
{
    static const uint32_t types[] = {JBD_DESCRIPTOR, JBD_COMMIT,   JBD_REVOKE,
                                     JBD_DESCRIPTOR, JBD_SUPER_V2, 0};
    uint8_t bytes[BLOCK] = {0};
    uint32_t type = types[choices_next(choices, SLUICE_COUNT(types))];
    struct jbd_revoke *revoke = (struct jbd_revoke *)bytes;

    if (type != 0)
        revoke->header = (struct jbd_header){jbd_32(JBD_MAGIC), jbd_32(type), jbd_32(*sequence)};
    if (type == JBD_DESCRIPTOR)
        fill_descriptor(choices, layout, bytes);
    if (type == JBD_REVOKE) {
        revoke->used = jbd_32(choices_next(choices, BLOCK + 64));
        bytes[sizeof *revoke + 3] = (uint8_t)choices_next(choices, 256);
    }
    if (type == JBD_COMMIT)
        ++*sequence;
    spoil(choices, bytes);
    jbd_block_seal(layout, bytes,
                   type == JBD_COMMIT ? offsetof(struct jbd_commit, checksum)
                                      : jbd_tail_at(layout));
    put(disk, LOG_AT + at % LOG_BLOCKS, bytes);
}

/* What replay left is a journal that works. */
static void use(struct buffer_cache *cache, struct journal *journal)
{
    struct journal_handle handle;
    struct buffer *buffer;

    assert_int_equal(journal_begin(journal, 2, &handle), 0);
    assert_int_equal(buffer_get(cache, 50, &buffer), 0);
    assert_int_equal(journal_access(&handle, buffer), 0);
    memset(buffer->data, 1, BLOCK);
    journal_dirty(&handle, buffer);
    buffer_put(buffer);
    journal_tid_t tid = journal_tid(&handle);
    journal_end(&handle);
    assert_int_equal(journal_commit_wait(journal, tid), 0);
}

static void untouched(oskit_blkio_t *disk, oskit_u32_t from, oskit_u32_t to)
{
    static const uint8_t zeros[BLOCK];
    uint8_t bytes[BLOCK];
    oskit_size_t moved;

    for (; from < to; from++) {
        oskit_blkio_read(disk, bytes, (oskit_off_t)from * BLOCK, BLOCK, &moved);
        assert_memory_equal(bytes, zeros, BLOCK);
    }
}

static void replay(oskit_blkio_t *disk)
{
    sluice_blockqueue_t *queue = sluice_query_face(disk, &sluice_blockqueue_iid);
    struct buffer_cache *cache;
    struct journal *journal;
    struct journal_replay result;

    assert_int_equal(buffer_cache_create(queue, BLOCK, DISK_BLOCKS, &cache), 0);
    const struct journal_config config = {.cache = cache,
                                          .map = map,
                                          .blocks = LOG_BLOCKS,
                                          .first_block = FIRST,
                                          .end_block = END,
                                          .name = "fuzz"};
    if (journal_open(&config, &result, &journal) == 0) {
        use(cache, journal);
        assert_int_equal(journal_close(journal), 0);
    }
    buffer_cache_destroy(cache);
    sluice_blockqueue_release(queue);
    untouched(disk, 0, FIRST);
    untouched(disk, END, DISK_BLOCKS);
}

void fuzz_one(const uint8_t *bytes, size_t size)
{
    struct choices choices = choices_from_bytes(bytes, size);
    oskit_blkio_t *disk;
    uint32_t sequence = 7;

    assert_int_equal(ramdisk_create(DISK_BLOCKS * BLOCK, 512, &disk), 0);
    struct jbd_layout layout = put_super(&choices, disk);
    for (uint32_t at = 1 + choices_next(&choices, LOG_BLOCKS), n = choices_next(&choices, 24);
         n != 0; n--)
        put_log_block(&choices, &layout, disk, at++, &sequence);
    replay(disk);
    oskit_blkio_release(disk);
}
