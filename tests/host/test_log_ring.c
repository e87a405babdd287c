/* The kernel log's ring: whole lines only, whatever is pushed out or cut off. */
#include "harness.h"
#include <stdio.h>

#include "kernel/log_ring.c"

#define SIZE 64u

static struct log_ring ring;

static int setup(void **state)
{
    ring = (struct log_ring){.text = malloc(SIZE), .size = SIZE};
    return harness_setup(state);
}

static int teardown(void **state)
{
    free(ring.text);
    return harness_teardown(state);
}

static void write_line(const char *prefix, const char *text)
{
    log_ring_write(&ring, prefix, strlen(prefix), text, strlen(text));
}

static void assert_holds(const char *wanted)
{
    char text[SIZE + 1];
    uint64_t position = 0;
    size_t size = log_ring_read(&ring, &position, text, SIZE);
    text[size] = '\0';
    assert_string_equal(text, wanted);
    assert_int_equal(position, ring.end);
}

static void test_lines_in_order(void **state)
{
    (void)state;
    assert_holds("");
    write_line("<6>", "one");
    write_line("<3>", "");
    write_line("", "three");
    assert_holds("<6>one\n<3>\nthree\n");
}

static void test_oldest_lines_are_pushed_out(void **state)
{
    char text[40], wanted[80];
    (void)state;
    for (int i = 0; i < 100; i++) {
        snprintf(text, sizeof text, "line %d of twenty-five chr", i);
        write_line("", text);
        assert_true(ring.end - ring.start <= SIZE);
    }
    snprintf(wanted, sizeof wanted, "line 98 of twenty-five chr\nline 99 of twenty-five chr\n");
    assert_holds(wanted);
}

static void test_exactly_full(void **state)
{
    char text[SIZE];
    (void)state;
    memset(text, 'x', SIZE - 1);
    text[SIZE - 1] = '\0';
    write_line("", "before");
    write_line("", text);
    assert_int_equal(ring.end - ring.start, SIZE);
    write_line("", "after");
    assert_holds("after\n");
}

static void test_too_long_is_cut(void **state)
{
    char text[3 * SIZE];
    (void)state;
    memset(text, 'y', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    write_line("<6>", text);
    assert_int_equal(ring.end - ring.start, SIZE);
    write_line(text, "z");
    assert_int_equal(ring.end - ring.start, SIZE);
}

static void test_reader_gets_whole_lines(void **state)
{
    char text[SIZE];
    uint64_t position = 0;
    (void)state;
    write_line("", "first");
    write_line("", "second");
    assert_int_equal(log_ring_read(&ring, &position, text, 5), 0);
    assert_int_equal(position, 0);
    assert_int_equal(log_ring_read(&ring, &position, text, 12), 6);
    assert_int_equal(position, 6);
    assert_int_equal(log_ring_read(&ring, &position, text, 7), 7);
    assert_memory_equal(text, "second\n", 7);
    assert_int_equal(log_ring_read(&ring, &position, text, SIZE), 0);
}

static void test_overtaken_reader_goes_on_with_the_oldest(void **state)
{
    char text[SIZE];
    uint64_t position = 0;
    (void)state;
    for (int i = 0; i < 50; i++)
        write_line("", "0123456789");
    assert_int_equal(log_ring_read(&ring, &position, text, 11), 11);
    assert_memory_equal(text, "0123456789\n", 11);
    assert_int_equal(position, ring.start + 11);
}

#define RING_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RING_TEST(test_lines_in_order),
        RING_TEST(test_oldest_lines_are_pushed_out),
        RING_TEST(test_exactly_full),
        RING_TEST(test_too_long_is_cut),
        RING_TEST(test_reader_gets_whole_lines),
        RING_TEST(test_overtaken_reader_goes_on_with_the_oldest),
    };
    return cmocka_run_group_tests_name("log_ring", tests, NULL, NULL);
}
