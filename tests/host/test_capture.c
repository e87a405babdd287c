/* Captures: a stream of pcapng, block by block. */
#include "net_case.h"

#include <oskit/com/stream.h>
#include "io/net/capture.h"

static uint8_t bytes[1u << 20];

static uint32_t word(uint32_t at)
{
    uint32_t value;

    memcpy(&value, bytes + at, sizeof value);
    return value;
}

static uint32_t drain(oskit_iunknown_t *capture)
{
    oskit_stream_t *stream = (oskit_stream_t *)capture;
    oskit_u32_t actual, total = 0;

    while (oskit_stream_read(stream, bytes + total, sizeof bytes - total, &actual) == 0)
        total += actual;
    return total;
}

/* The block at AT, whose length stands at both ends; where the next one is. */
static uint32_t block(uint32_t at, uint32_t type)
{
    assert_int_equal(word(at), type);
    uint32_t length = word(at + 4);
    assert_int_equal(length % 4, 0);
    assert_int_equal(word(at + length - 4), length);
    return at + length;
}

static void arrive(uint32_t length)
{
    static const uint8_t frame[1514] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb5, 'h', 'i'};

    fake_card_arrive(net_card, frame, length, 7, 0);
}

static void test_frames(void **state)
{
    oskit_iunknown_t *capture;

    (void)state;
    net_begin();
    assert_int_equal(capture_create(CAPTURE_DEFAULT_SIZE, &capture), 0);
    assert_int_equal(captures, 1);
    arrive(61);
    arrive(60);
    uint32_t total = drain(capture), at = block(0, 0x0a0d0d0a);
    assert_int_equal(word(8), 0x1a2b3c4d);
    uint32_t interface = at;
    at = block(at, 1);
    assert_int_equal(word(interface + 8), 1); /* Ethernet */
    assert_memory_equal(bytes + interface + 16, "\2\0\4\0eth0", 8);
    uint32_t frame = at;
    at = block(at, 6);
    assert_int_equal(word(frame + 8), 0);
    assert_int_equal(word(frame + 20), 61);
    assert_int_equal(word(frame + 24), 61);
    assert_memory_equal(bytes + frame + 28 + 12, "\x88\xb5hi", 4);
    frame = at;
    at = block(at, 6);
    assert_int_equal(word(frame + 20), 60);
    assert_int_equal(at, total);
    assert_int_equal(drain(capture), 0);
    oskit_iunknown_release(capture);
    assert_int_equal(captures, 0);
    net_end();
}

static void test_unix(void **state)
{
    struct capture_unix sent = {.sender = 5,
                                .receiver = 6,
                                .type = SOCKET_DGRAM,
                                .rights = 2,
                                .pid = 7,
                                .uid = 8,
                                .length = 5,
                                .data = "hello"};
    oskit_iunknown_t *capture;

    (void)state;
    net_begin();
    assert_int_equal(capture_create(CAPTURE_DEFAULT_SIZE, &capture), 0);
    capture_unix(&sent);
    uint32_t total = drain(capture), at = block(0, 0x0a0d0d0a), interface = at;
    at = block(at, 1);
    assert_int_equal(word(interface + 8), 147);
    assert_memory_equal(bytes + interface + 20, "unix", 4);
    uint32_t frame = at;
    at = block(at, 6);
    assert_int_equal(at, total);
    assert_int_equal(word(frame + 20), CAPTURE_UNIX_HEADER + 5);
    assert_memory_equal(bytes + frame + 28,
                        "\1\2\0\2\0\0\0\5\0\0\0\0\0\0\0\5\0\0\0\0\0\0\0\6\0\0\0\7\0\0\0\x8hello",
                        37);
    oskit_iunknown_release(capture);
    net_end();
}

/* A reader that doesn't come: what is lost is counted in the next block. */
static void test_full(void **state)
{
    oskit_iunknown_t *capture;
    uint32_t lost = 0, kept = 0;

    (void)state;
    net_begin();
    assert_int_equal(capture_create(4096, &capture), 0);
    for (int i = 0; i < 10; i++)
        arrive(1000);
    uint32_t total = drain(capture), at = block(0, 0x0a0d0d0a);
    for (at = block(at, 1); at < total; kept++)
        at = block(at, 6);
    assert_int_equal(kept, 3);
    arrive(60);
    total = drain(capture);
    assert_int_equal(block(0, 6), total);
    lost = word(28 + 60 + 12);
    assert_int_equal(lost, 7);
    oskit_iunknown_release(capture);
    net_end();
}

static void test_failing(void **state)
{
    oskit_iunknown_t *capture;

    (void)state;
    net_begin();
    ENV_TEST_EACH_FAILURE
    {
        /* A ring that can't be so large is smaller. */
        oskit_error_t err = capture_create(8192, &capture);
        assert_true(err == 0 || env_test_failed());
        if (err != 0)
            continue;
        arrive(60);
        assert_true(drain(capture) > 0);
        oskit_iunknown_release(capture);
    }
    net_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_frames),
        HARNESS_TEST(test_unix),
        HARNESS_TEST(test_full),
        HARNESS_TEST(test_failing),
    };
    return cmocka_run_group_tests_name("capture", tests, NULL, NULL);
}
