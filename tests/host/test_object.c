/* The object core: query by table, counts, live objects, and what it says to misuse. */
#include "harness.h"

#include <pthread.h>
#include <oskit/com/stream.h>
#include <oskit/io/absio.h>
#include <oskit/io/asyncio.h>
#include <sluice/object.h>

struct thing {
    struct sluice_object object;
    SLUICE_FACE(oskit_stream_t) stream;
    SLUICE_FACE(oskit_absio_t) absio;
    int *destroyed;
};

static void thing_destroy(struct sluice_object *object)
{
    struct thing *thing = (struct thing *)object;
    (*thing->destroyed)++;
    sluice_object_fini(object);
    env_free(thing, sizeof *thing);
}

static const struct oskit_stream_ops stream_ops = {SLUICE_IUNKNOWN_SLOTS};
static const struct oskit_absio_ops absio_ops = {SLUICE_IUNKNOWN_SLOTS};
static const struct sluice_interface thing_interfaces[] = {
    {&oskit_stream_iid, offsetof(struct thing, stream), &stream_ops},
    {&oskit_absio_iid, offsetof(struct thing, absio), &absio_ops},
};
static const struct sluice_class thing_class = {"thing", thing_interfaces,
                                                SLUICE_COUNT(thing_interfaces), thing_destroy};

static struct thing *thing_create(int *destroyed)
{
    struct thing *thing = env_alloc(sizeof *thing, ENV_ZERO);
    sluice_object_init(&thing->object, &thing_class);
    thing->destroyed = destroyed;
    *destroyed = 0;
    return thing;
}

static void test_query_finds_each_face_with_a_reference(void **state)
{
    int destroyed;
    struct thing *thing = thing_create(&destroyed);
    oskit_absio_t *absio;

    (void)state;
    assert_int_equal(oskit_stream_query(&thing->stream.i, &oskit_absio_iid, (void **)&absio), 0);
    assert_ptr_equal(absio, &thing->absio.i);
    assert_ptr_equal(absio->ops, &absio_ops);
    assert_int_equal(oskit_absio_release(absio), 1);
    assert_int_equal(destroyed, 0);
    assert_int_equal(oskit_stream_release(&thing->stream.i), 0);
    assert_int_equal(destroyed, 1);
}

static void test_query_compares_contents_too(void **state)
{
    int destroyed;
    struct thing *thing = thing_create(&destroyed);
    struct oskit_guid copy = OSKIT_ABSIO_IID;
    void *absio;

    (void)state;
    assert_int_equal(oskit_stream_query(&thing->stream.i, &copy, &absio), 0);
    assert_ptr_equal(absio, &thing->absio.i);
    oskit_iunknown_release(absio);
    oskit_stream_release(&thing->stream.i);
}

static void test_identity_is_one_pointer(void **state)
{
    int destroyed;
    struct thing *thing = thing_create(&destroyed);
    void *by_stream, *by_absio;

    (void)state;
    assert_int_equal(oskit_stream_query(&thing->stream.i, &oskit_iunknown_iid, &by_stream), 0);
    assert_int_equal(oskit_absio_query(&thing->absio.i, &oskit_iunknown_iid, &by_absio), 0);
    assert_ptr_equal(by_stream, by_absio);
    assert_int_equal(oskit_iunknown_release(by_stream), 2);
    assert_int_equal(oskit_iunknown_release(by_absio), 1);
    oskit_stream_release(&thing->stream.i);
}

static void test_absent_interface_clears_the_answer(void **state)
{
    int destroyed;
    struct thing *thing = thing_create(&destroyed);
    void *out = thing;

    (void)state;
    assert_int_equal(oskit_stream_query(&thing->stream.i, &oskit_asyncio_iid, &out),
                     OSKIT_E_NOINTERFACE);
    assert_null(out);
    assert_null(sluice_query_face(&thing->stream.i, &oskit_asyncio_iid));
    assert_null(sluice_query_face(NULL, &oskit_asyncio_iid));
    assert_ptr_equal(sluice_query_face(&thing->absio.i, &oskit_stream_iid), &thing->stream.i);
    assert_int_equal(oskit_stream_release(&thing->stream.i), 1);
    assert_int_equal(oskit_stream_release(&thing->stream.i), 0);
}

static void test_live_count(void **state)
{
    int one, two;
    oskit_u32_t before = sluice_object_count();
    struct thing *a = thing_create(&one), *b = thing_create(&two);

    (void)state;
    assert_int_equal(sluice_object_count(), before + 2);
    sluice_object_release(&a->object);
    assert_int_equal(sluice_object_count(), before + 1);
    sluice_object_release(&b->object);
    assert_int_equal(sluice_object_count(), before);
}

static void test_constructor_that_gives_up(void **state)
{
    int destroyed;
    struct thing *thing = thing_create(&destroyed);

    (void)state;
    sluice_object_fini(&thing->object);
    env_free(thing, sizeof *thing);
    assert_int_equal(destroyed, 0);
}

static void addref_it(void *object)
{
    sluice_object_addref(object);
}

static void release_it(void *object)
{
    sluice_object_release(object);
}

static void fini_it(void *object)
{
    sluice_object_fini(object);
}

static void test_dead_objects_are_noticed(void **state)
{
    struct thing thing;
    struct sluice_object *dead = &thing.object;

    (void)state;
    sluice_object_init(dead, &thing_class);
    sluice_object_fini(dead);
    assert_true(env_test_panics(addref_it, dead));
    assert_true(env_test_panics(release_it, dead));
    assert_false(sluice_object_addref_unless_dead(dead));
    atomic_store(&dead->references, 0);
    assert_true(env_test_panics(addref_it, dead));
    atomic_store(&dead->references, 0);
    assert_true(env_test_panics(release_it, dead));
    atomic_store(&dead->references, 0);
    assert_false(sluice_object_addref_unless_dead(dead));
}

static void test_end_while_referenced_is_noticed(void **state)
{
    struct thing thing;
    struct sluice_object *held = &thing.object;

    (void)state;
    sluice_object_init(held, &thing_class);
    sluice_object_addref(held);
    assert_true(env_test_panics(fini_it, held));
    assert_non_null(strstr(env_test_panic_text(), "thing"));
    atomic_store(&held->references, 1);
    sluice_object_fini(held);
}

static void test_addref_unless_dead(void **state)
{
    int destroyed;
    struct thing *thing = thing_create(&destroyed);

    (void)state;
    assert_true(sluice_object_addref_unless_dead(&thing->object));
    assert_int_equal(sluice_object_release(&thing->object), 1);
    assert_int_equal(sluice_object_release(&thing->object), 0);
    assert_int_equal(destroyed, 1);
}

#define THREADS 4
#define ROUNDS  20000

static void *count_up_and_down(void *arg)
{
    for (int i = 0; i < ROUNDS; i++) {
        void *absio = sluice_query_face(arg, &oskit_absio_iid);
        oskit_iunknown_release(absio);
    }
    oskit_iunknown_release(arg);
    return NULL;
}

static void test_counts_are_atomic(void **state)
{
    int destroyed;
    struct thing *thing = thing_create(&destroyed);
    pthread_t threads[THREADS];

    (void)state;
    for (int i = 0; i < THREADS; i++) {
        oskit_stream_addref(&thing->stream.i);
        assert_int_equal(pthread_create(&threads[i], NULL, count_up_and_down, &thing->stream.i), 0);
    }
    oskit_stream_release(&thing->stream.i);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(destroyed, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_query_finds_each_face_with_a_reference),
        HARNESS_TEST(test_query_compares_contents_too),
        HARNESS_TEST(test_identity_is_one_pointer),
        HARNESS_TEST(test_absent_interface_clears_the_answer),
        HARNESS_TEST(test_live_count),
        HARNESS_TEST(test_constructor_that_gives_up),
        HARNESS_TEST(test_dead_objects_are_noticed),
        HARNESS_TEST(test_end_while_referenced_is_noticed),
        HARNESS_TEST(test_addref_unless_dead),
        HARNESS_TEST(test_counts_are_atomic),
    };
    return cmocka_run_group_tests_name("object", tests, NULL, NULL);
}
