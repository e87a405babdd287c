/* Packets: pools with headroom, chains, and the way to bufios and back. */
#include "harness.h"

#include <oskit/io/absio.h>
#include <oskit/io/bufio.h>
#include <sluice/packet.h>
#include <sluice/sgbuf.h>

#define HEADROOM 64u
#define SIZE     1500u

static struct packet_pool *pool_make(oskit_u32_t reserve, oskit_u32_t count)
{
    struct packet_pool *pool;
    assert_int_equal(packet_pool_create(HEADROOM, SIZE, reserve, count, &pool), 0);
    return pool;
}

/* ---- Pools ---- */

static void test_a_packet_has_headroom_and_room(void **state)
{
    (void)state;
    struct packet_pool *pool = pool_make(1, 4);
    struct packet *packet = packet_take(pool);
    assert_int_equal(packet->segment_count, 1);
    assert_int_equal(packet->length, 0);
    assert_null(packet->more);
    unsigned char *base = packet->segments[0].base;
    assert_true(packet_resize(packet, 100));
    memset(base, 1, 100);
    assert_true(packet_prepend(packet, 14));
    assert_ptr_equal(packet->segments[0].base, base - 14);
    assert_int_equal(packet->segments[0].length, 114);
    assert_int_equal(packet->length, 114);
    assert_false(packet_prepend(packet, HEADROOM - 13));
    assert_true(packet_prepend(packet, HEADROOM - 14));
    memset(packet->segments[0].base, 2, HEADROOM);
    assert_false(packet_prepend(packet, 1));
    assert_true(packet_resize(packet, HEADROOM + SIZE));
    memset(packet->segments[0].base, 3, HEADROOM + SIZE);
    assert_false(packet_resize(packet, HEADROOM + SIZE + 1));
    assert_int_equal(packet->length, HEADROOM + SIZE);
    assert_false(packet_resize(packet, UINT32_MAX));
    assert_false(packet_prepend(packet, UINT32_MAX));
    packet_done(packet);
    packet_pool_release(pool);
}

static void test_a_pool_has_a_limit(void **state)
{
    (void)state;
    enum { COUNT = 5 };
    struct packet *packets[COUNT];
    struct packet_pool *pool = pool_make(2, COUNT);
    for (unsigned i = 0; i < COUNT; i++) {
        packets[i] = packet_take(pool);
        assert_non_null(packets[i]);
        memset(packets[i]->holder, 0x77, sizeof packets[i]->holder);
    }
    assert_null(packet_take(pool));
    packet_pool_fill(pool);
    assert_null(packet_take(pool));
    packet_done(packets[2]);
    packets[2] = packet_take(pool);
    assert_non_null(packets[2]);
    assert_int_equal(packets[2]->length, 0);
    for (unsigned i = 0; i < COUNT; i++)
        packet_done(packets[i]);
    packet_pool_release(pool);
}

static void test_packets_outlive_their_pool(void **state)
{
    (void)state;
    struct packet_pool *pool = pool_make(0, 10);
    struct packet *a = packet_take(pool), *b = packet_take(pool);
    packet_pool_release(pool);
    packet_done(a);
    assert_true(packet_resize(b, SIZE));
    memset(b->segments[0].base, 0, SIZE);
    packet_done(b);
    assert_int_equal(packet_pool_create(HEADROOM, 0, 0, 1, &pool), OSKIT_E_INVALIDARG);
    assert_int_equal(packet_pool_create(UINT32_MAX, UINT32_MAX, 0, 1, &pool), OSKIT_E_INVALIDARG);
    assert_int_equal(packet_pool_create(0, 1u << 21, 0, 1, &pool), OSKIT_E_INVALIDARG);
}

static void test_pools_without_memory(void **state)
{
    (void)state;
    ENV_TEST_EACH_FAILURE
    {
        struct packet_pool *pool;
        oskit_error_t error = packet_pool_create(HEADROOM, SIZE, 3, 9, &pool);
        assert_int_equal(error, env_test_failed() ? OSKIT_E_OUTOFMEMORY : 0);
        if (error)
            continue;
        packet_pool_fill(pool);
        packet_pool_release(pool);
    }
}

static void test_filling_makes_up_for_what_is_taken(void **state)
{
    (void)state;
    struct packet *taken[40];
    unsigned count = 0;
    struct packet_pool *pool = pool_make(8, 400);
    size_t before = env_test_memory().pages;
    for (; count < 40; count++)
        assert_non_null(taken[count] = packet_take(pool));
    packet_pool_fill(pool);
    size_t pages = env_test_memory().pages;
    assert_true(pages > before);
    /* Eight are there now without asking for memory. */
    for (unsigned i = 0; i < 8; i++) {
        struct packet *packet = packet_take(pool);
        packet->more = taken[0];
        taken[0] = packet;
    }
    assert_int_equal(env_test_memory().pages, pages);
    packet_chain_done(taken[0]);
    for (unsigned i = 1; i < count; i++)
        packet_done(taken[i]);
    packet_pool_release(pool);
}

/* ---- Chains ---- */

static void count_done(struct packet *packet)
{
    ++*(int *)packet->arg;
}

struct pieces {
    struct packet packets[2];
    struct sg_segment segments[4];
    int done;
};

/* "abcdefghij" in five, "klmno" in two: segments of 3, 2, 1, 4 in the first, 5 in the second. */
static struct packet *pieces_make(struct pieces *p)
{
    static char a[] = "abcde", b[] = "f", c[] = "ghij", d[] = "klmno";
    static struct sg_segment last;
    *p = (struct pieces){0};
    p->segments[0] = (struct sg_segment){a, 3};
    p->segments[1] = (struct sg_segment){a + 3, 2};
    p->segments[2] = (struct sg_segment){b, 1};
    p->segments[3] = (struct sg_segment){c, 4};
    last = (struct sg_segment){d, 5};
    p->packets[0] = (struct packet){.more = &p->packets[1],
                                    .segments = p->segments,
                                    .segment_count = 4,
                                    .length = 10,
                                    .done = count_done,
                                    .arg = &p->done};
    p->packets[1] = (struct packet){
        .segments = &last, .segment_count = 1, .length = 5, .done = count_done, .arg = &p->done};
    return p->packets;
}

static void test_chains(void **state)
{
    (void)state;
    struct pieces pieces;
    struct packet *packet = pieces_make(&pieces);
    assert_int_equal(packet_chain_length(packet), 15);
    assert_int_equal(packet_chain_segments(packet), 5);
    for (unsigned offset = 0; offset <= 17; offset++)
        for (unsigned length = 0; length <= 18; length++) {
            char to[20] = {0};
            unsigned have = offset >= 15 ? 0 : 15 - offset < length ? 15 - offset : length;
            oskit_u64_t before = packet_copied_bytes;
            assert_int_equal(packet_chain_read(packet, offset, to, length), have);
            assert_memory_equal(to, &"abcdefghijklmno    "[offset], have);
            assert_int_equal(to[have], 0);
            assert_int_equal(packet_copied_bytes - before, have);
        }
    packet_chain_done(packet);
    assert_int_equal(pieces.done, 2);
    packet_chain_done(NULL);
}

/* ---- As bufios ---- */

static void test_a_packet_is_a_bufio(void **state)
{
    (void)state;
    struct pieces pieces;
    oskit_bufio_t *buf = packet_bufio_create(pieces_make(&pieces));
    oskit_off_t size;
    oskit_size_t actual;
    oskit_addr_t address;
    char to[20] = {0};
    void *at;
    assert_int_equal(oskit_bufio_getsize(buf, &size), 0);
    assert_int_equal(size, 15);
    assert_int_equal(oskit_bufio_read(buf, to, 3, 20, &actual), 0);
    assert_int_equal(actual, 12);
    assert_string_equal(to, "defghijklmno");
    assert_int_equal(oskit_bufio_read(buf, to, 15, 1, &actual), 0);
    assert_int_equal(actual, 0);
    assert_int_equal(oskit_bufio_read(buf, to, -1, 1, &actual), OSKIT_E_INVALIDARG);
    assert_int_equal(oskit_bufio_write(buf, "x", 0, 1, &actual), OSKIT_E_NOTIMPL);
    assert_int_equal(oskit_bufio_setsize(buf, 3), OSKIT_E_NOTIMPL);
    assert_int_equal(oskit_bufio_map(buf, &at, 7, 3), 0);
    assert_memory_equal(at, "hij", 3);
    assert_int_equal(oskit_bufio_unmap(buf, (char *)at + 1, 7, 3), OSKIT_E_INVALIDARG);
    assert_int_equal(oskit_bufio_unmap(buf, at, 7, 3), 0);
    assert_int_equal(oskit_bufio_map(buf, &at, 0, 15), OSKIT_E_NOTIMPL);
    assert_null(at);
    assert_int_equal(oskit_bufio_map(buf, &at, 10, 6), OSKIT_E_INVALIDARG);
    assert_int_equal(oskit_bufio_map(buf, &at, 15, 0), 0);
    assert_int_equal(oskit_bufio_wire(buf, &address, 10, 5), 0);
    assert_int_equal(oskit_bufio_wire(buf, &address, 9, 2), OSKIT_E_NOTIMPL);
    assert_int_equal(oskit_bufio_wire(buf, &address, 9, 0), OSKIT_E_INVALIDARG);
    assert_int_equal(oskit_bufio_wire(buf, &address, 11, 2), 0);
    /* Wired, it lives on. */
    oskit_bufio_addref(buf);
    oskit_bufio_release(buf);
    assert_int_equal(oskit_bufio_release(buf), 2);
    assert_int_equal(oskit_bufio_unwire(buf, address, 12, 2), OSKIT_E_INVALIDARG);
    assert_int_equal(oskit_bufio_unwire(buf, address, 11, 2), 0);
    assert_int_equal(oskit_bufio_unwire(buf, address - 1, 10, 5), 0);
    assert_int_equal(pieces.done, 2);
}

static void test_a_packet_in_segments(void **state)
{
    (void)state;
    struct pieces pieces;
    struct sg_segment segments[8];
    oskit_u32_t count;
    oskit_size_t bytes;
    oskit_bufio_t *buf = packet_bufio_create(pieces_make(&pieces));
    sluice_sgbuf_t *sgbuf = sluice_query_face(buf, &sluice_sgbuf_iid);
    assert_non_null(sgbuf);
    assert_int_equal(sluice_sgbuf_wire(sgbuf, 0, 15, SGBUF_READ, segments, 8, &count, &bytes), 0);
    assert_int_equal(count, 5);
    assert_int_equal(bytes, 15);
    assert_int_equal(sluice_sgbuf_unwire(sgbuf, 0, 15), 0);
    assert_int_equal(sluice_sgbuf_wire(sgbuf, 4, 9, SGBUF_READ, segments, 3, &count, &bytes), 0);
    assert_int_equal(count, 3);
    assert_int_equal(bytes, 6);
    assert_memory_equal(segments[0].base, "e", 1);
    assert_int_equal(segments[2].length, 4);
    assert_int_equal(sluice_sgbuf_unwire(sgbuf, 4, 6), 0);
    assert_int_equal(sluice_sgbuf_unwire(sgbuf, 4, 6), OSKIT_E_INVALIDARG);
    assert_int_equal(sluice_sgbuf_wire(sgbuf, 4, 12, SGBUF_READ, segments, 3, &count, &bytes),
                     OSKIT_E_INVALIDARG);
    assert_int_equal(sluice_sgbuf_wire(sgbuf, 4, 1, SGBUF_READ, segments, 0, &count, &bytes),
                     OSKIT_E_INVALIDARG);
    sluice_sgbuf_release(sgbuf);
    oskit_absio_t *absio = sluice_query_face(buf, &oskit_absio_iid);
    assert_non_null(absio);
    oskit_absio_release(absio);
    oskit_bufio_t *copy;
    assert_int_equal(oskit_bufio_copy(buf, 4, 8, &copy), 0);
    oskit_bufio_release(buf);
    assert_int_equal(pieces.done, 2);
    char to[8];
    assert_int_equal(oskit_bufio_read(copy, to, 0, 8, &bytes), 0);
    assert_memory_equal(to, "efghijkl", 8);
    oskit_bufio_release(copy);
}

static void test_a_bufio_without_memory(void **state)
{
    (void)state;
    struct pieces pieces;
    struct packet *packet = pieces_make(&pieces);
    env_test_fail_after(1);
    assert_null(packet_bufio_create(packet));
    assert_int_equal(pieces.done, 0);
}

/* ---- Bufios as packets ---- */

static void content_check(struct packet *packet, unsigned size)
{
    unsigned char bytes[9000];
    assert_int_equal(packet->length, size);
    assert_null(packet->more);
    assert_int_equal(packet_chain_read(packet, 0, bytes, size + 1), size);
    for (unsigned i = 0; i < size; i++)
        assert_int_equal(bytes[i], (unsigned char)(i * 3));
}

static void content_put(oskit_bufio_t *buf, unsigned size)
{
    oskit_size_t actual;
    for (unsigned i = 0; i < size; i++) {
        unsigned char byte = (unsigned char)(i * 3);
        assert_int_equal(oskit_bufio_write(buf, &byte, i, 1, &actual), 0);
    }
}

static void test_a_bufio_in_pages(void **state)
{
    (void)state;
    enum { TOTAL = 6000, FIRST = 700 };
    oskit_bufio_t *buf;
    void *pages[2];
    for (unsigned i = 0; i < 2; i++)
        pages[i] = env_page_alloc(0, 0);
    assert_int_equal(pagebuf_create(pages, FIRST, TOTAL, &buf), 0);
    content_put(buf, TOTAL);
    oskit_u64_t before = packet_copied_bytes;
    struct packet *packet = packet_from_bufio(buf, TOTAL - 100);
    assert_non_null(packet);
    assert_int_equal(packet_copied_bytes, before);
    assert_ptr_equal(packet->segments[0].base, (char *)pages[0] + FIRST);
    oskit_bufio_release(buf); /* the packet has it */
    content_check(packet, TOTAL - 100);
    packet_done(packet);
}

static void test_a_bufio_that_is_wired(void **state)
{
    (void)state;
    enum { TOTAL = 6000 };
    oskit_bufio_t *buf = oskit_bufio_create(TOTAL);
    content_put(buf, TOTAL);
    oskit_u64_t before = packet_copied_bytes;
    struct packet *packet = packet_from_bufio(buf, TOTAL);
    assert_int_equal(packet_copied_bytes, before);
    assert_int_equal(packet->segment_count, 1);
    oskit_bufio_release(buf);
    content_check(packet, TOTAL);
    packet_done(packet);
}

static void test_a_bufio_that_must_be_copied(void **state)
{
    (void)state;
    unsigned char bytes[300];
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(i * 3);
    oskit_bufio_t *buf = oskit_create_extern_bufio(bytes, sizeof bytes, NULL, NULL);
    oskit_u64_t before = packet_copied_bytes;
    struct packet *packet = packet_from_bufio(buf, 200);
    assert_int_equal(packet_copied_bytes - before, 200);
    assert_int_equal(oskit_bufio_release(buf), 0); /* no use for it any more */
    content_check(packet, 200);
    packet_done(packet);
    buf = oskit_create_extern_bufio(bytes, sizeof bytes, NULL, NULL);
    assert_null(packet_from_bufio(buf, 0));
    assert_null(packet_from_bufio(buf, 301)); /* it ends before */
    for (unsigned nth = 1; nth <= 2; nth++) {
        env_test_fail_after(nth);
        assert_null(packet_from_bufio(buf, 200));
    }
    oskit_bufio_release(buf);
}

static void test_there_and_back(void **state)
{
    (void)state;
    struct pieces pieces;
    oskit_bufio_t *buf = packet_bufio_create(pieces_make(&pieces));
    struct packet *packet = packet_from_bufio(buf, 15);
    oskit_bufio_release(buf);
    assert_int_equal(packet->segment_count, 5);
    assert_int_equal(pieces.done, 0);
    packet_done(packet);
    assert_int_equal(pieces.done, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_a_packet_has_headroom_and_room),
        HARNESS_TEST(test_a_pool_has_a_limit),
        HARNESS_TEST(test_packets_outlive_their_pool),
        HARNESS_TEST(test_pools_without_memory),
        HARNESS_TEST(test_filling_makes_up_for_what_is_taken),
        HARNESS_TEST(test_chains),
        HARNESS_TEST(test_a_packet_is_a_bufio),
        HARNESS_TEST(test_a_packet_in_segments),
        HARNESS_TEST(test_a_bufio_without_memory),
        HARNESS_TEST(test_a_bufio_in_pages),
        HARNESS_TEST(test_a_bufio_that_is_wired),
        HARNESS_TEST(test_a_bufio_that_must_be_copied),
        HARNESS_TEST(test_there_and_back),
    };
    return cmocka_run_group_tests_name("packet", tests, NULL, NULL);
}
