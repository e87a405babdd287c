#include "choices.h"
#include "fake_virtio.h"
#include "harness.h"
#include "virtqueue_walk.h"

static void test_walks_with_an_honest_device(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 64; seed++) {
        struct choices choices = choices_from_seed(seed);
        virtqueue_walk(&choices, 20000, true);
    }
}

static void test_walks_with_a_lying_device(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 64; seed++) {
        struct choices choices = choices_from_seed(seed);
        virtqueue_walk(&choices, 20000, false);
    }
}

/* ---- One by one ---- */

struct pair {
    struct fake_virtio fake;
    struct virtqueue *queue;
    uint8_t bytes[512];
};

static void pair_open(struct pair *pair, uint64_t features, unsigned max)
{
    struct virtqueue_options options = {
        .driver_bytes = 16, .descriptors = 3, .descriptors_max = max};
    fake_virtio_init(&pair->fake, VIRTIO_ID_RNG, features);
    assert_int_equal(virtio_begin(&pair->fake.device), 0);
    assert_int_equal(virtio_negotiate(&pair->fake.device, 0), 0);
    assert_int_equal(virtqueue_create(&pair->fake.device, &options, &pair->queue), 0);
    assert_int_equal(virtio_start(&pair->fake.device), 0);
}

static void pair_close(struct pair *pair)
{
    uint32_t slot;
    virtio_stop(&pair->fake.device);
    while ((slot = virtqueue_collect(pair->queue)) != VIRTQUEUE_NONE)
        virtqueue_slot_free(pair->queue, slot);
    virtqueue_destroy(pair->queue);
    fake_virtio_free(&pair->fake);
}

static uint32_t pair_push(struct pair *pair, unsigned count)
{
    uint32_t slot = virtqueue_slot_take(pair->queue, count, pair);
    if (slot == VIRTQUEUE_NONE)
        return slot;
    for (unsigned i = 0; i < count; i++)
        virtqueue_in(pair->queue, slot, (uintptr_t)&pair->bytes[i], 1);
    virtqueue_push(pair->queue, slot);
    return slot;
}

static const uint64_t rings[] = {
    0,
    VIRTIO_F_INDIRECT,
    VIRTIO_F_RING_PACKED,
    VIRTIO_F_RING_PACKED | VIRTIO_F_INDIRECT,
    VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT,
    VIRTIO_F_EVENT_IDX | VIRTIO_F_RING_PACKED | VIRTIO_F_INDIRECT,
};
#define FOR_EACH_RING(i) for (unsigned i = 0; i < SLUICE_COUNT(rings); i++)

/* Each lie breaks the queue, and after a reset it works. */
static void try_lie(uint64_t features, uint32_t id_offset, uint32_t written, const char *words)
{
    struct pair pair;
    struct fake_request request;
    uint32_t slot;
    pair_open(&pair, features, 3);
    uint32_t first = pair_push(&pair, 2);
    virtqueue_kick(pair.queue);
    assert_true(fake_virtio_take(&pair.fake, 0, &request));
    fake_virtio_used(&pair.fake, 0, first + id_offset, written, request.entries);
    assert_int_equal(virtqueue_next(pair.queue, &written), VIRTQUEUE_NONE);
    assert_true(virtqueue_broken(pair.queue));
    assert_non_null(strstr(pair.queue->lie, words));
    assert_non_null(strstr(env_test_log(), words));
    assert_int_equal(virtqueue_slot_take(pair.queue, 1, NULL), VIRTQUEUE_NONE);
    assert_int_equal(virtio_reset(&pair.fake.device), 0);
    assert_int_equal(virtqueue_collect(pair.queue), first);
    virtqueue_slot_free(pair.queue, first);
    assert_int_equal(virtqueue_collect(pair.queue), VIRTQUEUE_NONE);
    virtqueue_clear(pair.queue);
    assert_int_equal(virtio_restart(&pair.fake.device), 0);
    slot = pair_push(&pair, 2);
    virtqueue_kick(pair.queue);
    assert_true(fake_virtio_take(&pair.fake, 0, &request));
    fake_virtio_give(&pair.fake, &request, 2);
    assert_int_equal(virtqueue_next(pair.queue, &written), slot);
    assert_int_equal(written, 2);
    virtqueue_slot_free(pair.queue, slot);
    pair_close(&pair);
}

static void test_lies_break_the_queue(void **state)
{
    (void)state;
    FOR_EACH_RING(i)
    {
        try_lie(rings[i], 16, 0, "doesn't exist");
        try_lie(rings[i], 0xfff, 0, "doesn't exist");
        try_lie(rings[i], 7, 0, "didn't have");
        try_lie(rings[i], 0, 3, "more than there was room");
        try_lie(rings[i], 0, UINT32_MAX, "more than there was room");
    }
    try_lie(VIRTIO_F_INDIRECT, UINT32_MAX - 1, 0, "doesn't exist");
}

static void test_a_slot_used_twice_is_a_lie(void **state)
{
    (void)state;
    FOR_EACH_RING(i)
    {
        struct pair pair;
        struct fake_request request;
        uint32_t written;
        pair_open(&pair, rings[i], 3);
        uint32_t first = pair_push(&pair, 1);
        pair_push(&pair, 1);
        virtqueue_kick(pair.queue);
        assert_true(fake_virtio_take(&pair.fake, 0, &request));
        fake_virtio_give(&pair.fake, &request, 0);
        fake_virtio_give(&pair.fake, &request, 0);
        assert_int_equal(virtqueue_next(pair.queue, &written), first);
        assert_int_equal(virtqueue_next(pair.queue, &written), VIRTQUEUE_NONE);
        assert_true(virtqueue_broken(pair.queue));
        virtqueue_slot_free(pair.queue, first);
        pair_close(&pair);
    }
}

static void test_a_used_index_that_jumps_is_a_lie(void **state)
{
    static const int jumps[] = {2, 17, 0x7fff, -1};
    (void)state;
    for (unsigned i = 0; i < SLUICE_COUNT(jumps); i++) {
        struct pair pair;
        uint32_t written;
        pair_open(&pair, VIRTIO_F_INDIRECT, 3);
        pair_push(&pair, 1);
        virtqueue_kick(pair.queue);
        fake_virtio_used_jump(&pair.fake, 0, jumps[i]);
        assert_int_equal(virtqueue_next(pair.queue, &written), VIRTQUEUE_NONE);
        assert_true(virtqueue_broken(pair.queue));
        pair_close(&pair);
    }
}

static void test_a_batch_is_one_notification(void **state)
{
    (void)state;
    FOR_EACH_RING(i)
    {
        struct pair pair;
        struct fake_request request;
        uint32_t slot, written;
        unsigned back = 0;
        pair_open(&pair, rings[i], 2);
        for (unsigned n = 0; n < 8; n++)
            assert_int_not_equal(pair_push(&pair, 2), VIRTQUEUE_NONE);
        assert_int_equal(pair.fake.queues[0].notifications, 0);
        assert_true(virtqueue_kick(pair.queue));
        assert_false(virtqueue_kick(pair.queue));
        assert_int_equal(pair.fake.queues[0].notifications, 1);
        while (fake_virtio_take(&pair.fake, 0, &request))
            fake_virtio_give(&pair.fake, &request, 1);
        if (pair.queue->event_idx)
            assert_int_equal(pair.fake.queues[0].interrupts, 1);
        for (; (slot = virtqueue_next(pair.queue, &written)) != VIRTQUEUE_NONE; back++)
            virtqueue_slot_free(pair.queue, slot);
        assert_int_equal(back, 8);
        pair_close(&pair);
    }
}

/* With AFTER the interrupt comes with that many. */
static void test_interrupt_after_several(void **state)
{
    (void)state;
    for (unsigned packed = 0; packed < 2; packed++) {
        struct pair pair;
        struct fake_request request;
        pair_open(&pair,
                  VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT | (packed ? VIRTIO_F_RING_PACKED : 0), 2);
        for (unsigned n = 0; n < 8; n++)
            pair_push(&pair, 2);
        virtqueue_kick(pair.queue);
        assert_false(virtqueue_interrupt_on(pair.queue, 5));
        for (unsigned n = 1; n <= 8; n++) {
            assert_true(fake_virtio_take(&pair.fake, 0, &request));
            fake_virtio_give(&pair.fake, &request, 0);
            assert_int_equal(pair.fake.queues[0].interrupts, n >= 5);
        }
        assert_true(virtqueue_interrupt_on(pair.queue, 8));
        assert_false(virtqueue_interrupt_on(pair.queue, 9));
        pair_close(&pair);
    }
}

/* Requests larger than a slot's own table: a stock that never runs dry for good. */
static void test_large_requests_without_memory(void **state)
{
    (void)state;
    struct pair pair;
    struct fake_request request;
    uint32_t written;
    pair_open(&pair, VIRTIO_F_INDIRECT, 16);
    uint32_t first = pair_push(&pair, 16);
    assert_int_not_equal(first, VIRTQUEUE_NONE);
    env_test_fail_after(1);
    assert_int_equal(virtqueue_slot_take(pair.queue, 16, NULL), VIRTQUEUE_NONE);
    assert_int_not_equal(pair_push(&pair, 16), VIRTQUEUE_NONE);
    virtqueue_kick(pair.queue);
    assert_true(fake_virtio_take(&pair.fake, 0, &request));
    assert_int_equal(request.count, 16);
    fake_virtio_give(&pair.fake, &request, 16);
    assert_int_equal(virtqueue_next(pair.queue, &written), first);
    virtqueue_slot_free(pair.queue, first);
    env_test_fail_after(1);
    assert_int_not_equal(pair_push(&pair, 16), VIRTQUEUE_NONE);
    assert_false(env_test_failed());
    env_test_fail_after(0);
    pair_close(&pair);
}

static void test_create_fails_cleanly(void **state)
{
    (void)state;
    struct fake_virtio fake;
    struct virtqueue_options options = {.descriptors = 2, .descriptors_max = 16};
    struct virtqueue *queue;
    fake_virtio_init(&fake, VIRTIO_ID_RNG, VIRTIO_F_INDIRECT);
    assert_int_equal(virtio_begin(&fake.device), 0);
    assert_int_equal(virtio_negotiate(&fake.device, 0), 0);
    ENV_TEST_EACH_FAILURE
    {
        oskit_error_t error = virtqueue_create(&fake.device, &options, &queue);
        assert_int_equal(error, env_test_failed() ? OSKIT_ENOMEM : 0);
        virtqueue_destroy(queue);
        assert_true(list_empty(&fake.device.queues));
    }
    options.index = 1;
    assert_int_equal(virtqueue_create(&fake.device, &options, &queue), OSKIT_ENODEV);
    options.index = 0;
    fake.size_fixed = true;
    fake.queue_size = 24;
    assert_int_equal(virtqueue_create(&fake.device, &options, &queue), OSKIT_EIO);
    fake.size_fixed = false;
    assert_int_equal(virtqueue_create(&fake.device, &options, &queue), 0);
    assert_int_equal(queue->size, 16);
    virtqueue_destroy(queue);
    fake.queue_size = 1u << 20;
    assert_int_equal(virtqueue_create(&fake.device, &options, &queue), OSKIT_EIO);
    fake_virtio_free(&fake);
}

static void test_a_device_that_does_not_follow(void **state)
{
    (void)state;
    struct fake_virtio fake;
    fake_virtio_init(&fake, VIRTIO_ID_RNG, 0);
    fake.status = VIRTIO_DRIVER_OK;
    fake.stuck = true;
    assert_int_equal(virtio_begin(&fake.device), OSKIT_EIO);
    assert_int_equal(fake.cut_offs, 1);
    fake.stuck = false;
    fake.gone = true;
    assert_int_equal(virtio_begin(&fake.device), OSKIT_EIO);
    fake.gone = false;
    fake.picky = true;
    assert_int_equal(virtio_begin(&fake.device), 0);
    assert_int_equal(virtio_negotiate(&fake.device, 0), OSKIT_EIO);
    fake.picky = false;
    fake.features = 0; /* an old one has no say, and no packed ring */
    assert_int_equal(virtio_begin(&fake.device), 0);
    assert_int_equal(virtio_negotiate(&fake.device, 0), 0);
    assert_true(virtio_is_legacy(&fake.device));
    fake_virtio_free(&fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_walks_with_an_honest_device),
        HARNESS_TEST(test_walks_with_a_lying_device),
        HARNESS_TEST(test_lies_break_the_queue),
        HARNESS_TEST(test_a_slot_used_twice_is_a_lie),
        HARNESS_TEST(test_a_used_index_that_jumps_is_a_lie),
        HARNESS_TEST(test_a_batch_is_one_notification),
        HARNESS_TEST(test_interrupt_after_several),
        HARNESS_TEST(test_large_requests_without_memory),
        HARNESS_TEST(test_create_fails_cleanly),
        HARNESS_TEST(test_a_device_that_does_not_follow),
    };
    return cmocka_run_group_tests_name("virtqueue", tests, NULL, NULL);
}
