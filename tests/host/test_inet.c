/* The internet stack beneath its sockets: checksums, secrets, memory. */
#include "harness.h"

#include "io/net/inet/checksum.h"
#include "io/net/inet/core_private.h"
#include "io/net/inet/memory.h"
#include "io/net/inet/secret.h"
#include "lwip/mem.h"
#include "lwip/pbuf.h"

/* The definition itself, sixteen bits at a time. */
static uint16_t plain_sum(const uint8_t *bytes, size_t size)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < size; i++)
        sum += i % 2 ? (uint32_t)bytes[i] << 8 : bytes[i];
    while (sum >> 16)
        sum = (sum >> 16) + (sum & 0xffff);
    return (uint16_t)sum;
}

static void test_checksum(void **state)
{
    static uint8_t bytes[70000];
    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 2654435761u >> 13);
    for (size_t size = 0; size < 200; size++) {
        for (size_t at = 0; at < 9; at++)
            assert_int_equal(inet_sum(bytes + at, (int)size), plain_sum(bytes + at, size));
    }
    assert_int_equal(inet_sum(bytes, sizeof bytes), plain_sum(bytes, sizeof bytes));
    memset(bytes, 0xff, sizeof bytes);
    for (size_t size = 0; size < 3000; size += 7)
        assert_int_equal(inet_sum(bytes, (int)size), plain_sum(bytes, size));
    assert_int_equal(inet_sum_add(0xffff, 1), 1);
}

static void test_secret(void **state)
{
    (void)state;
    inet_secret_init();
    uint64_t first = inet_secret_hash("0123456789", 10);
    assert_true(first == inet_secret_hash("0123456789", 10));
    assert_true(first != inet_secret_hash("0123456788", 10));
    assert_true(first != inet_secret_hash("012345678", 9));
    inet_secret_init();
    assert_true(first != inet_secret_hash("0123456789", 10));
}

static void test_memory(void **state)
{
    static const size_t sizes[] = {1, 100, 200, 400, 900, 2000, 5000, 70000};
    void *blocks[SLUICE_COUNT(sizes)];
    (void)state;
    mem_init();
    uint32_t live = inet_memory_live();
    size_t bytes = inet_memory_bytes();
    ENV_TEST_EACH_FAILURE
    {
        for (size_t i = 0; i < SLUICE_COUNT(sizes); i++) {
            blocks[i] = mem_malloc(sizes[i]);
            if (blocks[i]) {
                assert_int_equal((uintptr_t)blocks[i] % 16, 0);
                memset(blocks[i], 0x5a, sizes[i]);
            }
        }
        for (size_t i = 0; i < SLUICE_COUNT(sizes); i++)
            mem_free(blocks[i]);
        assert_int_equal(inet_memory_live(), live);
        inet_memory_trim();
        assert_int_equal(inet_memory_bytes(), bytes);
    }
    assert_null(mem_malloc(SIZE_MAX));
    assert_null(mem_malloc(inet_memory_limit() + 1));
    assert_null(mem_calloc(SIZE_MAX / 2, 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_checksum),
        HARNESS_TEST(test_secret),
        HARNESS_TEST(test_memory),
    };
    return cmocka_run_group_tests_name("inet", tests, NULL, NULL);
}
