/* Partition tables: MBR, logical chains, GPT and its copy, and tables that lie. */
#include "harness.h"

#include <sluice/block.h>
#include <sluice/partition.h>

enum { DISK = 1 << 20, UNIT = 512, UNITS = DISK / UNIT, FOUND_MAX = 300 };

struct found {
    struct partition p[FOUND_MAX];
    unsigned count;
};

static void note(void *arg, const struct partition *partition)
{
    struct found *f = arg;

    assert_true(f->count < FOUND_MAX);
    assert_true(partition->length > 0 && partition->start + partition->length <= DISK);
    f->p[f->count++] = *partition;
}

static unsigned char image[DISK];

/* What the table in IMAGE has. */
static struct found scanned(void)
{
    struct found f = {.count = 0};
    sluice_blockqueue_t *queue;
    oskit_size_t actual;
    oskit_blkio_t *disk;

    ramdisk_create(DISK, UNIT, &disk);
    assert_int_equal(oskit_blkio_write(disk, image, 0, DISK, &actual), 0);
    queue = sluice_query_face(disk, &sluice_blockqueue_iid);
    oskit_blkio_release(disk);
    assert_int_equal(partition_scan(queue, note, &f), 0);
    sluice_blockqueue_release(queue);
    return f;
}

static void put32(size_t at, uint32_t value)
{
    memcpy(image + at, &value, sizeof value);
}

static void put64(size_t at, uint64_t value)
{
    memcpy(image + at, &value, sizeof value);
}

static void mbr_sign(size_t lba)
{
    image[lba * UNIT + 510] = 0x55;
    image[lba * UNIT + 511] = 0xaa;
}

static void mbr_put(size_t lba, unsigned i, unsigned char type, uint32_t start, uint32_t count)
{
    size_t at = lba * UNIT + 446 + i * 16;

    image[at + 4] = type;
    put32(at + 8, start);
    put32(at + 12, count);
    mbr_sign(lba);
}

static void test_no_table(void **state)
{
    (void)state;
    memset(image, 0, sizeof image);
    assert_int_equal(scanned().count, 0);
    mbr_put(0, 0, 0x83, 1, 10);
    image[446] = 0x12; /* code where a flag should be: a boot sector */
    assert_int_equal(scanned().count, 0);
}

static void test_mbr(void **state)
{
    (void)state;
    memset(image, 0, sizeof image);
    mbr_put(0, 0, 0x83, 64, 100);
    mbr_put(0, 2, 0x83, 200, 0xffffffff); /* past the end: cut */
    mbr_put(0, 3, 0x83, UNITS, 5);        /* outside: none */
    struct found f = scanned();
    assert_int_equal(f.count, 2);
    assert_int_equal(f.p[0].number, 1);
    assert_int_equal(f.p[0].start, 64 * UNIT);
    assert_int_equal(f.p[0].length, 100 * UNIT);
    assert_int_equal(f.p[1].number, 3);
    assert_int_equal(f.p[1].length, (UNITS - 200) * UNIT);
}

static void test_logical(void **state)
{
    (void)state;
    memset(image, 0, sizeof image);
    mbr_put(0, 0, 0x83, 1, 10);
    mbr_put(0, 1, 0x05, 100, 500);
    mbr_put(100, 0, 0x83, 1, 20);
    mbr_put(100, 1, 0x05, 50, 50); /* from the extended partition's start */
    mbr_put(150, 0, 0x82, 2, 30);
    struct found f = scanned();
    assert_int_equal(f.count, 4); /* the extended one is listed too */
    assert_int_equal(f.p[1].length, 2 * UNIT);
    assert_int_equal(f.p[2].number, 5);
    assert_int_equal(f.p[2].start, 101 * UNIT);
    assert_int_equal(f.p[3].number, 6);
    assert_int_equal(f.p[3].start, 152 * UNIT);
    assert_int_equal(f.p[3].length, 30 * UNIT);
}

static void test_logical_loop(void **state)
{
    (void)state;
    memset(image, 0, sizeof image);
    mbr_put(0, 0, 0x0f, 100, 500);
    mbr_put(100, 0, 0x83, 1, 20);
    mbr_put(100, 1, 0x05, 50, 50);
    mbr_put(150, 0, 0x83, 1, 20);
    mbr_put(150, 1, 0x05, 50, 50); /* to itself */
    assert_true(scanned().count < FOUND_MAX);
    mbr_put(150, 1, 0x05, 0xfffffff0, 50);
    assert_int_equal(scanned().count, 3);
}

static uint32_t crc(const unsigned char *bytes, size_t size)
{
    uint32_t value = ~0u;

    for (size_t i = 0; i < size; i++)
        for (int bit = 0; bit < 8; bit++) {
            uint32_t in = bytes[i] >> bit & 1;
            value = value >> 1 ^ ((value ^ in) & 1 ? 0xedb88320u : 0);
        }
    return ~value;
}

static void gpt_header(uint64_t lba, uint64_t table)
{
    size_t at = lba * UNIT;

    memset(image + at, 0, UNIT);
    memcpy(image + at, "EFI PART", 8);
    put32(at + 8, 0x10000);
    put32(at + 12, 92);
    put64(at + 24, lba);
    put64(at + 40, 34);
    put64(at + 48, UNITS - 34);
    put64(at + 72, table);
    put32(at + 80, 128);
    put32(at + 84, 128);
    put32(at + 88, crc(image + table * UNIT, 128 * 128));
    put32(at + 16, crc(image + at, 92));
}

static void gpt_put(uint64_t table, unsigned i, uint64_t first, uint64_t last)
{
    size_t at = table * UNIT + i * 128;

    memset(image + at, 0xa5, 32);
    put64(at + 32, first);
    put64(at + 40, last);
}

static void gpt_make(void)
{
    memset(image, 0, sizeof image);
    mbr_put(0, 0, 0xee, 1, UNITS - 1);
    gpt_put(2, 0, 100, 199);
    gpt_put(2, 5, 300, 300);
    gpt_put(2, 6, 400, 399);        /* ends before it starts */
    gpt_put(2, 7, 500, UINT64_MAX); /* past all that is usable */
    gpt_put(2, 8, 10, 50);          /* over the table itself */
    memcpy(image + (UNITS - 33) * UNIT, image + 2 * UNIT, 128 * 128);
    gpt_header(1, 2);
    gpt_header(UNITS - 1, UNITS - 33);
}

static void check_gpt(void)
{
    struct found f = scanned();

    assert_int_equal(f.count, 2);
    assert_int_equal(f.p[0].number, 1);
    assert_int_equal(f.p[0].start, 100 * UNIT);
    assert_int_equal(f.p[0].length, 100 * UNIT);
    assert_int_equal(f.p[1].number, 6);
    assert_int_equal(f.p[1].length, UNIT);
}

static void test_gpt(void **state)
{
    (void)state;
    gpt_make();
    check_gpt();
    image[UNIT + 40] ^= 1; /* header damaged: the copy serves */
    check_gpt();
    gpt_make();
    image[2 * UNIT + 40] ^= 1; /* entries damaged */
    check_gpt();
    image[(UNITS - 1) * UNIT] ^= 1; /* and no copy */
    assert_int_equal(scanned().count, 0);
}

static void test_gpt_absurd(void **state)
{
    static const struct {
        size_t at;
        uint32_t value;
    } cases[] = {{80, 0}, {80, UINT32_MAX}, {84, 0},          {84, 127},       {84, UINT32_MAX},
                 {12, 0}, {12, UINT32_MAX}, {72, UINT32_MAX}, {76, UINT32_MAX}};

    (void)state;
    for (size_t i = 0; i < SLUICE_COUNT(cases); i++) {
        gpt_make();
        memset(image + (UNITS - 1) * UNIT, 0, UNIT);
        put32(UNIT + cases[i].at, cases[i].value);
        put32(UNIT + 16, 0);
        put32(UNIT + 16, crc(image + UNIT, 92));
        assert_int_equal(scanned().count, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_no_table),     HARNESS_TEST(test_mbr), HARNESS_TEST(test_logical),
        HARNESS_TEST(test_logical_loop), HARNESS_TEST(test_gpt), HARNESS_TEST(test_gpt_absurd),
    };
    return cmocka_run_group_tests_name("partition", tests, NULL, NULL);
}
