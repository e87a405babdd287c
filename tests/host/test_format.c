/* The kernel's printf, against the C library's. */
#include "harness.h"
#include <limits.h>
#include <stdio.h>

#include "kernel/lib/format.c"

#define SAME(...)                                                        \
    do {                                                                 \
        char ours[256], theirs[256];                                     \
        int our_length = format_text(ours, sizeof ours, __VA_ARGS__);    \
        int their_length = snprintf(theirs, sizeof theirs, __VA_ARGS__); \
        assert_string_equal(ours, theirs);                               \
        assert_int_equal(our_length, their_length);                      \
    } while (0)

static void test_numbers(void **state)
{
    (void)state;
    SAME("%d %i %u", 0, -1, 42u);
    SAME("%d %d", INT_MIN, INT_MAX);
    SAME("%ld %ld %lu", LONG_MIN, LONG_MAX, ULONG_MAX);
    SAME("%lld %llu", LLONG_MIN, ULLONG_MAX);
    SAME("%x %X %o", 0xbeefu, 0xbeefu, 0755u);
    SAME("%lx %zx %zu", ULONG_MAX, (size_t)4096, (size_t)4096);
    SAME("%#x %#X %#x", 255u, 255u, 0u);
    SAME("%+d %+d % d % d", 5, -5, 5, -5);
}

static void test_narrow_numbers(void **state)
{
    int wide = 0x12345;
    (void)state;
    SAME("%hhd %hhu %hhx", (signed char)-1, (unsigned char)255, (unsigned char)0xab);
    SAME("%hd %hu", (short)-2, (unsigned short)65535);
    char ours[32];
    format_text(ours, sizeof ours, "%hhx %hx", (unsigned char)wide, (unsigned short)wide);
    assert_string_equal(ours, "45 2345");
}

static void test_width_and_precision(void **state)
{
    (void)state;
    SAME("[%5d][%-5d][%05d]", 42, 42, 42);
    SAME("[%5d][%-5d][%05d]", -42, -42, -42);
    SAME("[%*d][%-*d][%*d]", 6, 7, 6, 7, -6, 7);
    SAME("[%.3d][%8.3d][%-8.3d]", 7, 7, 7);
    SAME("[%08lx][%#10x][%#010x]", 0xabcul, 0xabcu, 0xabcu);
    SAME("[%2d][%1s]", 12345, "long");
    SAME("[%.0d]", 0);
}

static void test_text(void **state)
{
    (void)state;
    SAME("[%s][%10s][%-10s]", "abc", "abc", "abc");
    SAME("[%.2s][%.*s][%10.2s]", "abc", 1, "abc", "abc");
    SAME("[%c][%3c][%-3c]", 'x', 'y', 'z');
    SAME("100%%");
    /* No NUL behind it: the precision is the only bound. */
    char unterminated[3] = {'a', 'b', 'c'};
    SAME("%.3s", unterminated);
}

static void test_pointers(void **state)
{
    (void)state;
    SAME("%p", (void *)0xdeadbeefcafe);
    char ours[32];
    format_text(ours, sizeof ours, "%p %s", NULL, (const char *)NULL);
    assert_string_equal(ours, "0x0 (null)");
}

/* Formats with a fault in them must not run past their end. */
static void test_odd_formats(void **state)
{
    static const char *const odd[][2] = {{"%", "%"},   {"a%", "a%"}, {"%5", "%5"},  {"%-", "%-"},
                                         {"%l", "%l"}, {"%q", "%q"}, {"%5.", "%5."}};
    char ours[32];
    (void)state;
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        const char *volatile format = odd[i][0];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-security"
        format_text(ours, sizeof ours, format);
#pragma GCC diagnostic pop
        assert_string_equal(ours, odd[i][1]);
    }
}

static void test_truncation(void **state)
{
    (void)state;
    for (size_t size = 0; size <= 12; size++) {
        char *ours = malloc(size ? size : 1);
        char theirs[16];
        theirs[0] = ours[0] = '#';
        assert_int_equal(format_text(ours, size, "%s-%05d", "abcd", 123),
                         snprintf(theirs, size, "%s-%05d", "abcd", 123));
        if (size)
            assert_string_equal(ours, theirs);
        else
            assert_int_equal(ours[0], '#');
        free(ours);
    }
}

static void test_huge_width(void **state)
{
    char ours[8];
    (void)state;
    assert_int_equal(format_text(ours, sizeof ours, "%*d", 5000, 1), 5000);
    assert_string_equal(ours, "       ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_numbers),
        HARNESS_TEST(test_narrow_numbers),
        HARNESS_TEST(test_width_and_precision),
        HARNESS_TEST(test_text),
        HARNESS_TEST(test_pointers),
        HARNESS_TEST(test_odd_formats),
        HARNESS_TEST(test_truncation),
        HARNESS_TEST(test_huge_width),
    };
    return cmocka_run_group_tests_name("format", tests, NULL, NULL);
}
