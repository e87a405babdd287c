/* Old source among our objects: what oskit_source.c defines is used by ours, and what it calls is
 * ours. */
#include "harness.h"

#include <oskit/io/netio_fanout.h>
#include <sluice/block.h>
#include "oskit_source.h"

static void test_client_copies_between_our_disks(void **state)
{
    oskit_blkio_t *from, *to;
    oskit_off_t copied = -1;
    oskit_size_t actual;
    char text[512] = "first block", back[512];

    (void)state;
    assert_int_equal(ramdisk_create(16384, 512, &from), 0);
    assert_int_equal(ramdisk_create(16384, 512, &to), 0);
    assert_int_equal(oskit_blkio_write(from, text, 8192, sizeof text, &actual), 0);
    assert_int_equal(copy_blocks(from, to, &copied), 0);
    assert_int_equal(copied, 16384);
    assert_int_equal(oskit_blkio_read(to, back, 8192, sizeof back, &actual), 0);
    assert_memory_equal(text, back, sizeof text);
    oskit_blkio_release(from);
    oskit_blkio_release(to);
}

static void test_old_buffer_under_our_adapters(void **state)
{
    oskit_bufio_t *old = old_bufio_create();
    oskit_absio_t *absio;
    oskit_blkio_t *blocks;
    char block[32] = {0};
    oskit_size_t actual;

    (void)state;
    assert_int_equal(oskit_bufio_query(old, &oskit_absio_iid, (void **)&absio), 0);
    assert_int_equal(absio_blkio(absio, 32, &blocks), 0);
    assert_int_equal(oskit_blkio_write(blocks, block, 32, 32, &actual), 0);
    assert_int_equal(sum_bytes(old, 64), 32);
    oskit_blkio_release(blocks);
    oskit_absio_release(absio);
    assert_int_equal(oskit_bufio_release(old), 0);
}

static void test_manuals_netio_behind_our_fanout(void **state)
{
    oskit_netio_fanout_t *fanout = oskit_netio_fanout_create();
    oskit_bufio_t *packet = oskit_bufio_create(100);
    void *bytes;

    (void)state;
    assert_int_equal(oskit_bufio_map(packet, &bytes, 0, 100), 0);
    memset(bytes, 2, 100);
    assert_int_equal(oskit_netio_fanout_add_listener(fanout, seed_netio_create()), 0);
    assert_int_equal(oskit_netio_fanout_push(fanout, packet, 60), 0);
    assert_int_equal(last_packet_sum(), 120);
    oskit_netio_fanout_release(fanout);
    oskit_bufio_release(packet);
}

static void test_setattr_in_both_spellings(void **state)
{
    (void)state;
    assert_int_equal(set_raw(old_tty_create()), 0);
    assert_int_equal(last_action(), 0); /* OSKIT_TCSANOW: the manual's */
}

static void test_client_without_asyncio(void **state)
{
    (void)state;
    assert_int_equal(wait_for_input(old_tty_create()), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_client_copies_between_our_disks),
        HARNESS_TEST(test_old_buffer_under_our_adapters),
        HARNESS_TEST(test_manuals_netio_behind_our_fanout),
        HARNESS_TEST(test_setattr_in_both_spellings),
        HARNESS_TEST(test_client_without_asyncio),
    };
    return cmocka_run_group_tests_name("oskit source", tests, NULL, NULL);
}
