/* The kernel's command line. */
#include "harness.h"
#include <stdio.h>

#include "kernel/command.c"

struct boot_info boot_info;
static char logged[4096];

void log_write(enum log_level level, const char *format, ...)
{
    size_t used = strlen(logged);
    va_list args;
    (void)level;
    va_start(args, format);
    vsnprintf(logged + used, sizeof logged - used, format, args);
    va_end(args);
}

static void use(const char *line)
{
    snprintf(boot_info.command, sizeof boot_info.command, "%s", line);
    split = false;
    word_count = 0;
    memset(words, 0, sizeof words);
    logged[0] = '\0';
}

static void test_words(void **state)
{
    (void)state;
    use("  a=1  bare b=two=three =x ");
    assert_string_equal(command_option("a"), "1");
    assert_string_equal(command_option("bare"), "");
    assert_string_equal(command_option("b"), "two=three");
    assert_null(command_option("c"));
    assert_null(command_option("ba"));
    use("");
    assert_null(command_option("a"));
}

static void test_quotes(void **state)
{
    (void)state;
    use("a=\"x y\" b=q\"u o\"te c=\"open end");
    assert_string_equal(command_option("a"), "x y");
    assert_string_equal(command_option("b"), "qu ote");
    assert_string_equal(command_option("c"), "open end");
}

static void test_last_one_wins(void **state)
{
    (void)state;
    use("a=1 a=2");
    assert_string_equal(command_option("a"), "2");
    command_report_unknown();
    assert_string_equal(logged, "");
}

static void test_numbers(void **state)
{
    (void)state;
    use("a=10 b=0x1F c=18446744073709551615 d=18446744073709551616 e=1x f= g=0x h=-1");
    assert_int_equal(command_number("a", 7), 10);
    assert_int_equal(command_number("b", 7), 31);
    assert_true(command_number("c", 7) == UINT64_MAX);
    assert_string_equal(logged, "");
    static const char *const bad[] = {"d", "e", "f", "g", "h"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        logged[0] = '\0';
        assert_int_equal(command_number(bad[i], 7), 7);
        assert_non_null(strstr(logged, "not a number"));
    }
    assert_int_equal(command_number("absent", 9), 9);
}

static void test_unknown_words_are_named(void **state)
{
    (void)state;
    use("known=1 strange=2");
    command_option("known");
    command_report_unknown();
    assert_non_null(strstr(logged, "strange"));
    assert_null(strstr(logged, "known="));
}

static void test_too_many_words(void **state)
{
    char line[1024] = "";
    (void)state;
    for (int i = 0; i < WORDS_MAX + 3; i++)
        snprintf(line + strlen(line), sizeof line - strlen(line), "w%d ", i);
    use(line);
    assert_non_null(command_option("w63"));
    assert_null(command_option("w64"));
    assert_non_null(strstr(logged, "w64"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_words),
        HARNESS_TEST(test_quotes),
        HARNESS_TEST(test_last_one_wins),
        HARNESS_TEST(test_numbers),
        HARNESS_TEST(test_unknown_words_are_named),
        HARNESS_TEST(test_too_many_words),
    };
    return cmocka_run_group_tests_name("command", tests, NULL, NULL);
}
