/* File locks: beside a model (filelock_walk.h), without memory, in a deadlock. */
#include "filelock_walk.h"
#include "harness.h"
#include <sluice/filelock.h>

static char file_one, owners[2];

static struct filelock request(int owner, enum filelock_type type, int start, int end)
{
    return (struct filelock){.file = &file_one,
                             .owner = &owners[owner],
                             .class = FILELOCK_RECORD,
                             .type = type,
                             .start = start,
                             .end = end,
                             .pid = owner};
}

static void test_like_the_model(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 20; seed++) {
        struct choices choices = choices_from_seed(seed);
        filelock_walk(&choices, 300);
    }
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
    filelock_release(&file_one, &owners[0]);
    filelock_release(&file_one, &owners[1]);
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
