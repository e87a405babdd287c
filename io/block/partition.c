/*
 * Partition tables. Everything read from the device is a claim: each number is checked against the
 * device's size before it is used, and chains of logical partitions end after as many steps as can
 * make sense. No locks.
 *
 * Layouts: the MBR and its extended partitions as IBM's DOS had them; GPT by UEFI 2.10, chapter 5.
 */
#include <sluice/partition.h>

#include <stdbool.h>
#include <sluice/block.h>
#include <sluice/env.h>
#include <sluice/string.h>

#define SECTOR          512u
#define MBR_TABLE       446u
#define MBR_ENTRIES     4u
#define MBR_SIGNATURE   510u
#define LOGICAL_FIRST   5u
#define LOGICAL_MAX     256u /* steps along the chain: past what any tool makes */
#define TYPE_GPT        0xeeu
#define GPT_HEADER_SIZE 92u
#define GPT_ENTRY_MIN   128u
#define GPT_TABLE_MAX   (1u << 20) /* bytes of entries: 64 times what is usual */

struct scan {
    sluice_blockqueue_t *queue;
    struct block_limits limits;
    oskit_u64_t unit; /* bytes of an LBA: the block size */
    void (*found)(void *arg, const struct partition *partition);
    void *arg;
    char *sector; /* a page, for tables */
};

static oskit_u32_t get32(const char *at)
{
    oskit_u32_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static oskit_u64_t get64(const char *at)
{
    oskit_u64_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

/* Reads SIZE bytes (whole blocks) at LBA into pages at TO. Past the device: OSKIT_E_INVALIDARG. */
static oskit_error_t scan_read(struct scan *s, oskit_u64_t lba, void *to, oskit_u32_t size)
{
    struct sg_segment segment = {to, size};
    struct block_request request = {.op = BLOCK_READ, .length = size, .segments = &segment};

    if (lba > s->limits.size / s->unit || size > s->limits.size - lba * s->unit)
        return OSKIT_E_INVALIDARG;
    request.offset = lba * s->unit;
    request.segment_count = 1;
    return block_transfer(s->queue, &request);
}

static oskit_error_t scan_sector(struct scan *s, oskit_u64_t lba)
{
    return scan_read(s, lba, s->sector, (oskit_u32_t)s->unit);
}

/* COUNT units from LBA, cut to the device; nothing when none of it is there. */
static void scan_found(struct scan *s, unsigned number, oskit_u64_t lba, oskit_u64_t count)
{
    oskit_u64_t units = s->limits.size / s->unit;
    struct partition partition;

    if (count == 0 || lba == 0 || lba >= units)
        return;
    if (count > units - lba)
        count = units - lba;
    partition = (struct partition){number, lba * s->unit, count * s->unit};
    s->found(s->arg, &partition);
}

/* ---- MBR ---- */

struct mbr_entry {
    oskit_u8_t flags, type;
    oskit_u32_t start, count;
};

static struct mbr_entry mbr_entry(const char *sector, unsigned i)
{
    const char *at = sector + MBR_TABLE + i * 16;

    return (struct mbr_entry){(oskit_u8_t)at[0], (oskit_u8_t)at[4], get32(at + 8), get32(at + 12)};
}

static bool mbr_signed(const char *sector)
{
    return (oskit_u8_t)sector[MBR_SIGNATURE] == 0x55 &&
           (oskit_u8_t)sector[MBR_SIGNATURE + 1] == 0xaa;
}

/* Boot sectors of file systems carry the signature too, but code where the flags would be. */
static bool mbr_valid(const char *sector)
{
    bool valid = mbr_signed(sector);

    for (unsigned i = 0; i < MBR_ENTRIES; i++)
        valid &= (mbr_entry(sector, i).flags & 0x7f) == 0;
    return valid;
}

static bool type_extended(oskit_u8_t type)
{
    return type == 0x05 || type == 0x0f || type == 0x85;
}

/*
 * Logical partitions: each link's sector has the partition itself, whose start counts from the
 * link, and the next link, whose start counts from the extended partition.
 */
static oskit_error_t scan_logical(struct scan *s, oskit_u32_t base, unsigned *number)
{
    oskit_u64_t link = base;

    for (unsigned steps = 0; steps < LOGICAL_MAX; steps++) {
        oskit_error_t error = scan_sector(s, link);
        if (OSKIT_FAILED(error))
            return error == OSKIT_E_INVALIDARG ? OSKIT_SUCCESS : error;
        if (!mbr_signed(s->sector))
            return OSKIT_SUCCESS;
        struct mbr_entry own = mbr_entry(s->sector, 0), next = mbr_entry(s->sector, 1);
        if (own.type != 0 && own.count != 0)
            scan_found(s, (*number)++, link + own.start, own.count);
        if (!type_extended(next.type) || next.count == 0 || next.start == 0)
            return OSKIT_SUCCESS;
        link = (oskit_u64_t)base + next.start;
    }
    return OSKIT_SUCCESS;
}

/* Of an extended partition only the first two sectors can be reached, for a boot loader, as on
 * Linux: the rest is its logical partitions'. */
static oskit_error_t scan_mbr(struct scan *s)
{
    struct mbr_entry entries[MBR_ENTRIES];
    unsigned logical = LOGICAL_FIRST;
    oskit_error_t error = OSKIT_SUCCESS;

    for (unsigned i = 0; i < MBR_ENTRIES; i++)
        entries[i] = mbr_entry(s->sector, i); /* logical ones reuse the sector */
    for (unsigned i = 0; i < MBR_ENTRIES; i++)
        if (type_extended(entries[i].type))
            scan_found(s, i + 1, entries[i].start, entries[i].count < 2 ? entries[i].count : 2);
        else if (entries[i].type != 0)
            scan_found(s, i + 1, entries[i].start, entries[i].count);
    for (unsigned i = 0; i < MBR_ENTRIES && !OSKIT_FAILED(error); i++)
        if (type_extended(entries[i].type))
            error = scan_logical(s, entries[i].start, &logical);
    return error;
}

/* ---- GPT ---- */

/* CRC-32 of IEEE 802.3, bit by bit: a table is read once a disk. */
static oskit_u32_t crc32(const char *bytes, oskit_size_t size)
{
    oskit_u32_t crc = ~0u;

    for (oskit_size_t i = 0; i < size; i++) {
        crc ^= (oskit_u8_t)bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    }
    return ~crc;
}

struct gpt {
    oskit_u64_t first, last; /* usable LBAs */
    oskit_u64_t table;       /* LBA of the entries */
    oskit_u32_t count, size, crc;
};

/* Reads the header at LBA. OSKIT_E_INVALIDARG: there is none that is whole. */
static oskit_error_t gpt_header(struct scan *s, oskit_u64_t lba, struct gpt *out)
{
    oskit_error_t error = scan_sector(s, lba);

    if (OSKIT_FAILED(error))
        return error;
    oskit_u32_t size = get32(s->sector + 12), crc = get32(s->sector + 16);
    if (memcmp(s->sector, "EFI PART", 8) != 0 || size < GPT_HEADER_SIZE || size > s->unit)
        return OSKIT_E_INVALIDARG;
    memset(s->sector + 16, 0, 4); /* the checksum is of the header with its own place zero */
    if (crc32(s->sector, size) != crc || get64(s->sector + 24) != lba)
        return OSKIT_E_INVALIDARG;
    *out = (struct gpt){get64(s->sector + 40), get64(s->sector + 48), get64(s->sector + 72),
                        get32(s->sector + 80), get32(s->sector + 84), get32(s->sector + 88)};
    if (out->size < GPT_ENTRY_MIN || (out->size & (out->size - 1)) != 0 || out->count == 0 ||
        out->count > GPT_TABLE_MAX / out->size)
        return OSKIT_E_INVALIDARG;
    return OSKIT_SUCCESS;
}

static void gpt_found(struct scan *s, const struct gpt *gpt, const char *table)
{
    static const char unused[16];

    for (oskit_u32_t i = 0; i < gpt->count; i++) {
        const char *entry = table + (oskit_size_t)i * gpt->size;
        oskit_u64_t first = get64(entry + 32), last = get64(entry + 40);
        if (memcmp(entry, unused, sizeof unused) != 0 && first <= last && first >= gpt->first &&
            last <= gpt->last)
            scan_found(s, i + 1, first, last - first + 1);
    }
}

static unsigned order_for(oskit_size_t size)
{
    unsigned order = 0;

    while (((oskit_size_t)ENV_PAGE_SIZE << order) < size)
        order++;
    return order;
}

static oskit_error_t gpt_at(struct scan *s, oskit_u64_t lba)
{
    struct gpt gpt;
    oskit_error_t error = gpt_header(s, lba, &gpt);

    if (OSKIT_FAILED(error))
        return error;
    oskit_u32_t bytes = gpt.count * gpt.size;
    oskit_u32_t whole = (bytes + (oskit_u32_t)s->unit - 1) & ~((oskit_u32_t)s->unit - 1);
    char *table = env_page_alloc(order_for(whole), 0);
    if (table == NULL)
        return OSKIT_E_OUTOFMEMORY;
    error = scan_read(s, gpt.table, table, whole);
    if (!OSKIT_FAILED(error) && crc32(table, bytes) != gpt.crc)
        error = OSKIT_E_INVALIDARG;
    if (!OSKIT_FAILED(error))
        gpt_found(s, &gpt, table);
    env_page_unref(table);
    return error;
}

/* The header is in block 1, its copy in the last. */
static oskit_error_t scan_gpt(struct scan *s)
{
    oskit_error_t error = gpt_at(s, 1);

    if (OSKIT_FAILED(error) && s->limits.size >= 2 * s->unit) {
        error = gpt_at(s, s->limits.size / s->unit - 1);
        if (!OSKIT_FAILED(error))
            env_log(ENV_LOG_WARNING, "GPT: first table damaged, its copy is used");
    }
    return error == OSKIT_E_INVALIDARG ? OSKIT_SUCCESS : error;
}

/* ---- Which of them ---- */

static bool mbr_protects_gpt(const char *sector)
{
    bool gpt = false;

    for (unsigned i = 0; i < MBR_ENTRIES; i++)
        gpt |= mbr_entry(sector, i).type == TYPE_GPT;
    return gpt;
}

static oskit_error_t scan_table(struct scan *s)
{
    oskit_error_t error = scan_sector(s, 0);

    if (OSKIT_FAILED(error))
        return error;
    if (!mbr_valid(s->sector))
        return OSKIT_SUCCESS;
    return mbr_protects_gpt(s->sector) ? scan_gpt(s) : scan_mbr(s);
}

oskit_error_t partition_scan(sluice_blockqueue_t *queue,
                             void (*found)(void *arg, const struct partition *partition), void *arg)
{
    struct scan s = {.queue = queue, .found = found, .arg = arg};

    sluice_blockqueue_get_limits(queue, &s.limits);
    s.unit = s.limits.block_size;
    if (s.unit < SECTOR || s.limits.size < s.unit)
        return OSKIT_SUCCESS;
    s.sector = env_page_alloc(0, 0);
    if (s.sector == NULL)
        return OSKIT_E_OUTOFMEMORY;
    oskit_error_t error = scan_table(&s);
    env_page_unref(s.sector);
    return error;
}
