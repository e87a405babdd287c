/* The line discipline, by the table that test_ldisc_linux holds against Linux, and what only ours
 * does. */
#include "harness.h"
#include "fake_port.h"
#include "terminal_case.h"

static void test_table(void **state)
{
    (void)state;
    unsigned failed = 0;

    for (size_t i = 0; i < terminal_case_count; i++)
        failed += !terminal_case_run(&terminal_ours, &terminal_cases[i]);
    assert_int_equal(failed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_table),
    };

    return cmocka_run_group_tests_name("ldisc", tests, NULL, NULL);
}
