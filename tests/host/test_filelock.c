/* File locks against a model: who holds what on each of a few bytes. */
#include "harness.h"
#include <stdlib.h>
#include <sluice/filelock.h>

#define BYTES  24
#define OWNERS 3

static char file_one, owners[OWNERS];
static int model[OWNERS][BYTES]; /* enum filelock_type */

static struct filelock request(int owner, enum filelock_type type, int start, int end)
{
    return (struct filelock){.file = &file_one,
                             .owner = &owners[owner],
                             .class = FILELOCK_RECORD,
                             .type = type,
                             .start = start,
                             .end = end == BYTES - 1 ? FILELOCK_END : end,
                             .pid = owner};
}

static bool model_refuses(int owner, enum filelock_type type, int start, int end)
{
    for (int other = 0; other < OWNERS; other++)
        for (int at = start; at <= end && other != owner && type != FILELOCK_NONE; at++)
            if (model[other][at] == FILELOCK_EXCLUSIVE ||
                (type == FILELOCK_EXCLUSIVE && model[other][at] == FILELOCK_SHARED))
                return true;
    return false;
}

static void compare_all(void)
{
    for (int at = 0; at < BYTES; at++)
        for (int owner = 0; owner < OWNERS; owner++) {
            struct filelock wanted = request(owner, FILELOCK_EXCLUSIVE, at, at);
            assert_int_equal(filelock_test(&wanted),
                             model_refuses(owner, FILELOCK_EXCLUSIVE, at, at));
        }
}

static void clear_model(void)
{
    for (int owner = 0; owner < OWNERS; owner++) {
        filelock_release(&file_one, &owners[owner]);
        for (int at = 0; at < BYTES; at++)
            model[owner][at] = FILELOCK_NONE;
    }
}

static void run_model(unsigned seed)
{
    srandom(seed);
    clear_model();
    for (int step = 0; step < 300; step++) {
        int owner = (int)(random() % OWNERS), start = (int)(random() % BYTES);
        int end = start + (int)(random() % (BYTES - start));
        enum filelock_type type = (enum filelock_type)(random() % 3);
        struct filelock lock = request(owner, type, start, end);
        bool refused = model_refuses(owner, type, start, end);
        assert_int_equal(filelock_set(&lock), refused ? OSKIT_EWOULDBLOCK : 0);
        for (int at = start; at <= end && !refused; at++)
            model[owner][at] = (int)type;
        compare_all();
    }
    clear_model();
}

static void test_like_the_model(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 20; seed++)
        run_model(seed);
}

static void test_without_memory(void **state)
{
    (void)state;
    for (int n = 1; n <= 3; n++) {
        struct filelock lock = request(0, FILELOCK_EXCLUSIVE, 2, 8);
        env_test_fail_after(n);
        assert_int_equal(filelock_set(&lock), OSKIT_ENOLCK);
        env_test_fail_after(0);
        assert_false(filelock_test(
            &(struct filelock){.file = &file_one, .owner = &owners[1], .end = FILELOCK_END}));
    }
}

static void test_deadlock(void **state)
{
    (void)state;
    struct filelock first = request(0, FILELOCK_EXCLUSIVE, 0, 0),
                    second = request(1, FILELOCK_EXCLUSIVE, 1, 1);
    struct filelock_wait wait, other;
    assert_int_equal(filelock_set(&first), 0);
    assert_int_equal(filelock_set(&second), 0);
    struct filelock cross = request(0, FILELOCK_EXCLUSIVE, 1, 1),
                    back = request(1, FILELOCK_EXCLUSIVE, 0, 0);
    assert_int_equal(filelock_wait_begin(&wait, &cross), 0);
    assert_int_equal(filelock_wait_begin(&other, &back), OSKIT_EDEADLK);
    filelock_wait_end(&other);
    filelock_wait_end(&wait);
    assert_int_equal(filelock_wait_begin(&other, &back), 0);
    filelock_wait_end(&other);
    clear_model();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_like_the_model),
        HARNESS_TEST(test_without_memory),
        HARNESS_TEST(test_deadlock),
    };
    return cmocka_run_group_tests_name("filelock", tests, NULL, NULL);
}
