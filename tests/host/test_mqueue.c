/* Message queues: order, bounds, readiness, who waits, threads. */
#include "harness.h"

#include <sluice/mqueue.h>

static struct mqueue_message *message_make(uint32_t priority, uint32_t number)
{
    struct mqueue_message *message = mqueue_message_create(sizeof number);

    assert_non_null(message);
    message->priority = priority;
    memcpy(message->bytes, &number, sizeof number);
    return message;
}

static oskit_error_t give(struct mqueue *queue, uint32_t priority, uint32_t number)
{
    struct mqueue_message *message = message_make(priority, number);
    bool unexpected;
    oskit_error_t err = mqueue_send(queue, message, &unexpected);

    if (OSKIT_FAILED(err))
        mqueue_message_free(message);
    return err;
}

/* The number of the next message. */
static uint32_t take(struct mqueue *queue)
{
    struct mqueue_message *message;
    uint32_t number;

    assert_int_equal(mqueue_receive(queue, NULL, &message), 0);
    assert_int_equal(message->size, sizeof number);
    memcpy(&number, message->bytes, sizeof number);
    mqueue_message_free(message);
    return number;
}

static void test_order(void **state)
{
    struct mqueue queue;

    (void)state;
    assert_int_equal(mqueue_init(&queue, 1000, 4), 0);
    for (uint32_t i = 0; i < 1000; i++)
        assert_int_equal(give(&queue, i * 7 % 5 == 4 ? MQUEUE_PRIORITIES - 1 : i * 7 % 5, i), 0);
    assert_int_equal(mqueue_count(&queue), 1000);
    for (uint32_t rank = 5; rank-- > 0;)
        for (uint32_t i = 0; i < 1000; i++)
            if (i * 7 % 5 == rank)
                assert_int_equal(take(&queue), i);
    assert_int_equal(mqueue_count(&queue), 0);
    mqueue_fini(&queue);
}

static bool count_event(struct readiness_waiter *waiter, uint32_t events)
{
    waiter->flags += events << 8;
    return true;
}

static void test_bounds(void **state)
{
    struct readiness_waiter waiter = {.mask = READY_READ | READY_WRITE, .notify = count_event};
    struct mqueue_message *none;
    struct mqueue queue;

    (void)state;
    assert_int_equal(mqueue_init(&queue, 2, 4), 0);
    assert_int_equal(readiness_add(&queue.readiness, &waiter), READY_WRITE);
    assert_int_equal(mqueue_receive(&queue, NULL, &none), OSKIT_EWOULDBLOCK);
    assert_null(none);
    assert_int_equal(give(&queue, 0, 1), 0);
    assert_int_equal(readiness_level(&queue.readiness), READY_READ | READY_WRITE);
    assert_int_equal(give(&queue, 0, 2), 0);
    assert_int_equal(readiness_level(&queue.readiness), READY_READ);
    assert_int_equal(give(&queue, 9, 3), OSKIT_EWOULDBLOCK);
    assert_int_equal(waiter.flags >> 8, 2 * READY_READ);
    assert_int_equal(take(&queue), 1);
    assert_int_equal(waiter.flags >> 8, 2 * READY_READ + READY_WRITE);
    assert_int_equal(readiness_level(&queue.readiness), READY_READ | READY_WRITE);
    readiness_remove(&queue.readiness, &waiter);
    mqueue_fini(&queue); /* with a message in it */
}

static bool surprise(struct mqueue *queue)
{
    bool unexpected;

    assert_int_equal(mqueue_send(queue, message_make(0, 0), &unexpected), 0);
    return unexpected;
}

static void test_unexpected(void **state)
{
    bool one = false, other = false;
    struct mqueue_message *message;
    struct mqueue queue;

    (void)state;
    assert_int_equal(mqueue_init(&queue, 10, 4), 0);
    assert_true(surprise(&queue));
    assert_false(surprise(&queue));
    take(&queue);
    take(&queue);
    /* The first goes to who waits, though it hasn't taken it yet; the second to nobody. */
    assert_int_equal(mqueue_receive(&queue, &one, &message), OSKIT_EWOULDBLOCK);
    assert_true(one);
    assert_int_equal(mqueue_receive(&queue, &one, &message), OSKIT_EWOULDBLOCK);
    assert_false(surprise(&queue));
    assert_true(surprise(&queue));
    assert_int_equal(mqueue_receive(&queue, &one, &message), 0);
    assert_false(one);
    mqueue_message_free(message);
    take(&queue);
    assert_int_equal(mqueue_receive(&queue, &other, &message), OSKIT_EWOULDBLOCK);
    assert_false(mqueue_give_up(&queue, &other));
    assert_false(mqueue_give_up(&queue, &other));
    assert_true(surprise(&queue));
    mqueue_fini(&queue);
}

/* A message for somebody who gives up before taking it is one that nobody expects. */
static void test_given_up(void **state)
{
    bool one = false, other = false;
    struct mqueue_message *message;
    struct mqueue queue;

    (void)state;
    assert_int_equal(mqueue_init(&queue, 10, 4), 0);
    assert_int_equal(mqueue_receive(&queue, &one, &message), OSKIT_EWOULDBLOCK);
    assert_int_equal(mqueue_receive(&queue, &other, &message), OSKIT_EWOULDBLOCK);
    assert_false(surprise(&queue));
    assert_false(mqueue_give_up(&queue, &one)); /* the other takes it */
    assert_true(mqueue_give_up(&queue, &other));
    assert_false(mqueue_give_up(&queue, &other)); /* told once */
    assert_int_equal(mqueue_receive(&queue, &one, &message), 0);
    mqueue_message_free(message);
    assert_int_equal(mqueue_receive(&queue, &one, &message), OSKIT_EWOULDBLOCK);
    assert_false(surprise(&queue));
    assert_true(surprise(&queue));
    assert_false(mqueue_give_up(&queue, &one)); /* the second told already */
    mqueue_fini(&queue);
}

static void test_no_memory(void **state)
{
    (void)state;
    assert_null(mqueue_message_create(SIZE_MAX));
    ENV_TEST_EACH_FAILURE
    {
        struct mqueue queue;
        oskit_error_t err = mqueue_init(&queue, 3, 3);
        assert_int_equal(err, env_test_failed() ? OSKIT_ENOMEM : 0);
        if (OSKIT_SUCCEEDED(err))
            mqueue_fini(&queue);
    }
}

/* ---- Threads ---- */

#define ROUNDS 1000u

static struct mqueue shared;
static _Atomic uint32_t received, sum;

static void thread_give(void *arg)
{
    for (uint32_t i = 1; i <= ROUNDS; i++)
        while (give(&shared, (uint32_t)(uintptr_t)arg, i))
            ;
}

static void thread_take(void *arg)
{
    bool waiting = false;
    uint32_t number;

    (void)arg;
    while (atomic_load(&received) < 2 * ROUNDS) {
        struct mqueue_message *message;
        if (mqueue_receive(&shared, &waiting, &message))
            continue;
        memcpy(&number, message->bytes, sizeof number);
        mqueue_message_free(message);
        atomic_fetch_add(&sum, number);
        atomic_fetch_add(&received, 1);
    }
    mqueue_give_up(&shared, &waiting);
}

static void test_threads(void **state)
{
    (void)state;
    assert_int_equal(mqueue_init(&shared, 7, 4), 0);
    atomic_store(&received, 0);
    atomic_store(&sum, 0);
    for (uintptr_t i = 1; i <= 2; i++) {
        assert_int_equal(env_thread_start("give", thread_give, (void *)i), 0);
        assert_int_equal(env_thread_start("take", thread_take, NULL), 0);
    }
    env_test_join_threads();
    assert_int_equal(sum, ROUNDS * (ROUNDS + 1));
    assert_int_equal(shared.waiting, 0);
    mqueue_fini(&shared);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_order),    HARNESS_TEST(test_bounds),    HARNESS_TEST(test_unexpected),
        HARNESS_TEST(test_given_up), HARNESS_TEST(test_no_memory), HARNESS_TEST(test_threads),
    };

    return cmocka_run_group_tests_name("mqueue", tests, NULL, NULL);
}
