/* The kernel's memory functions against the C library's, every short length at every alignment. */
#include "harness.h"

#define memcpy  kernel_memcpy
#define memmove kernel_memmove
#define memset  kernel_memset
#define memcmp  kernel_memcmp
#define memchr  kernel_memchr
#define strlen  kernel_strlen
#define strcmp  kernel_strcmp
#define strncmp kernel_strncmp
#define strchr  kernel_strchr
#include "kernel/lib/string.h"
#undef SLUICE_STRING_H
#include "kernel/lib/string.c"
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef memchr
#undef strlen
#undef strcmp
#undef strncmp
#undef strchr

#include "kernel/lib/divide.c"

#define LENGTH_MAX 200u
#define SPACE      (LENGTH_MAX + 64u)

static unsigned char ours[2 * SPACE], theirs[2 * SPACE];

static void fill(void)
{
    for (size_t i = 0; i < sizeof ours; i++)
        ours[i] = theirs[i] = (unsigned char)(i * 37 + (i >> 8));
}

static void copies(bool fast)
{
    string_init(fast);
    for (size_t length = 0; length <= LENGTH_MAX; length++) {
        for (size_t shift = 0; shift < 8; shift++) {
            fill();
            assert_ptr_equal(kernel_memcpy(ours + SPACE + shift, ours + 3, length),
                             ours + SPACE + shift);
            memcpy(theirs + SPACE + shift, theirs + 3, length);
            assert_memory_equal(ours, theirs, sizeof ours);
        }
    }
    unsigned char *large = malloc(20000);
    unsigned char *copy = malloc(20000);
    for (size_t i = 0; i < 20000; i++)
        large[i] = (unsigned char)(i * 7);
    kernel_memcpy(copy, large, 20000);
    assert_memory_equal(copy, large, 20000);
    free(large);
    free(copy);
}

static void test_memcpy(void **state)
{
    (void)state;
    copies(false);
    copies(true);
    string_init(false);
}

static void test_memmove_overlapping(void **state)
{
    (void)state;
    for (size_t length = 0; length <= LENGTH_MAX; length++) {
        for (size_t distance = 0; distance <= 80; distance++) {
            fill();
            kernel_memmove(ours + 10 + distance, ours + 10, length);
            memmove(theirs + 10 + distance, theirs + 10, length);
            assert_memory_equal(ours, theirs, sizeof ours);
            kernel_memmove(ours + 10, ours + 10 + distance, length);
            memmove(theirs + 10, theirs + 10 + distance, length);
            assert_memory_equal(ours, theirs, sizeof ours);
        }
    }
}

static void test_memset(void **state)
{
    (void)state;
    for (size_t length = 0; length <= LENGTH_MAX; length++) {
        for (size_t shift = 0; shift < 8; shift++) {
            fill();
            kernel_memset(ours + 8 + shift, (int)(0x1a5 + length), length);
            memset(theirs + 8 + shift, (int)(0x1a5 + length), length);
            assert_memory_equal(ours, theirs, sizeof ours);
        }
    }
}

static int sign(int value)
{
    return (value > 0) - (value < 0);
}

static void test_memcmp(void **state)
{
    (void)state;
    for (size_t length = 0; length < 40; length++) {
        for (size_t at = 0; at < length; at++) {
            fill();
            ours[at] ^= 0x80;
            assert_int_equal(sign(kernel_memcmp(ours, theirs, length)),
                             sign(memcmp(ours, theirs, length)));
        }
        fill();
        assert_int_equal(kernel_memcmp(ours, theirs, length), 0);
    }
}

static void test_strings(void **state)
{
    static const char *const words[] = {"", "a", "ab", "abc", "abd", "\xff", "a\xff"};
    (void)state;
    for (size_t i = 0; i < 7; i++) {
        assert_int_equal(kernel_strlen(words[i]), strlen(words[i]));
        assert_ptr_equal(kernel_strchr(words[i], 'b'), strchr(words[i], 'b'));
        assert_ptr_equal(kernel_strchr(words[i], 0), strchr(words[i], 0));
        assert_ptr_equal(kernel_memchr(words[i], 'b', strlen(words[i])),
                         memchr(words[i], 'b', strlen(words[i])));
        for (size_t j = 0; j < 7; j++) {
            assert_int_equal(sign(kernel_strcmp(words[i], words[j])),
                             sign(strcmp(words[i], words[j])));
            for (size_t n = 0; n < 4; n++)
                assert_int_equal(sign(kernel_strncmp(words[i], words[j], n)),
                                 sign(strncmp(words[i], words[j], n)));
        }
    }
}

static void test_division(void **state)
{
    static const uint64_t words[] = {0, 1, 3, 1000000000, UINT32_MAX, 1ull << 63, UINT64_MAX};
    (void)state;
    for (size_t i = 0; i < 7 * 7 * 7 * 7; i++) {
        uint128 a = (uint128)words[i % 7] << 64 | words[i / 7 % 7];
        uint128 b = (uint128)words[i / 49 % 7] << 64 | words[i / 343];
        uint128 remainder;
        if (!b)
            continue;
        assert_true(divide(a, b, &remainder) * b + remainder == a);
        assert_true(remainder < b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_memcpy),  HARNESS_TEST(test_memmove_overlapping),
        HARNESS_TEST(test_memset),  HARNESS_TEST(test_memcmp),
        HARNESS_TEST(test_strings), HARNESS_TEST(test_division),
    };
    return cmocka_run_group_tests_name("string", tests, NULL, NULL);
}
