/* null, zero, full, random: contents, faults, registration. */
#include "harness.h"

#include <oskit/com/stream.h>
#include <oskit/io/asyncio.h>
#include <oskit/io/posixio.h>
#include <sluice/device.h>
#include <sluice/memdev.h>
#include <sluice/readiness.h>
#include <sluice/vecio.h>

static oskit_iunknown_t *open_device(unsigned minor)
{
    oskit_iunknown_t *unknown;

    assert_int_equal(device_open(false, DEVICE_NUMBER(1, minor), 3, &unknown), 0);
    return unknown;
}

/* A count or an error, through streamvec or absvec. */
static long move(oskit_iunknown_t *dev, void *bytes, size_t size, bool write, bool absolute)
{
    sluice_streamvec_t *streamvec = sluice_query_face(dev, &sluice_streamvec_iid);
    sluice_absvec_t *absvec = sluice_query_face(dev, &sluice_absvec_iid);
    struct sluice_iovec iov[2] = {{bytes, size / 3}, {(char *)bytes + size / 3, size - size / 3}};
    struct sluice_uio uio;
    size_t actual;
    oskit_error_t err;

    uio_init(&uio, iov, 2, true);
    if (absolute)
        err = write ? absvec->ops->pwritev(absvec, &uio, 7, 0, &actual, NULL)
                    : absvec->ops->preadv(absvec, &uio, 7, 0, &actual);
    else
        err = write ? streamvec->ops->writev(streamvec, &uio, 0, &actual)
                    : streamvec->ops->readv(streamvec, &uio, 0, &actual);
    oskit_iunknown_release(streamvec);
    oskit_iunknown_release(absvec);
    if (err != 0)
        return err;
    assert_int_equal(uio.left, size - actual);
    return (long)actual;
}

struct behaviour {
    unsigned minor;
    long read, write;         /* of 1000 bytes */
    long bad_read, bad_write; /* with the 600th byte bad */
    bool zeros, mappable, pollable;
};

static const struct behaviour behaviours[] = {
    {3, 0, 1000, 0, 1000, false, false, false},
    {5, 1000, 1000, 600, 1000, true, true, false},
    {7, 1000, OSKIT_ENOSPC, 600, OSKIT_ENOSPC, true, false, false},
    {8, 1000, 1000, 600, 600, false, false, true},
    {9, 1000, 1000, 600, 600, false, false, true},
};

static bool all_zero(const unsigned char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != 0)
            return false;
    }
    return true;
}

static void check_moves(const struct behaviour *b, oskit_iunknown_t *dev, bool absolute)
{
    unsigned char bytes[1000];

    memset(bytes, 0xee, sizeof bytes);
    assert_int_equal(move(dev, bytes, 1000, false, absolute), b->read);
    if (b->read == 1000)
        assert_int_equal(all_zero(bytes, 1000), b->zeros);
    else
        assert_int_equal(bytes[0], 0xee);
    assert_int_equal(move(dev, bytes, 1000, true, absolute), b->write);
    env_test_bad_user(bytes + 600, 1);
    assert_int_equal(move(dev, bytes, 1000, false, absolute), b->bad_read);
    assert_int_equal(move(dev, bytes, 1000, true, absolute), b->bad_write);
    env_test_bad_user(bytes, 1000);
    assert_int_equal(move(dev, bytes, 1000, false, absolute),
                     b->bad_read == 600 ? OSKIT_EFAULT : b->bad_read);
    env_test_bad_user(NULL, 0);
}

static void test_behaviour(void **state)
{
    (void)state;
    assert_int_equal(memdev_register(), 0);
    for (size_t i = 0; i < SLUICE_COUNT(behaviours); i++) {
        const struct behaviour *b = &behaviours[i];
        oskit_iunknown_t *dev = open_device(b->minor);
        oskit_u64_t position = 5;
        check_moves(b, dev, false);
        check_moves(b, dev, true);
        assert_int_equal(oskit_stream_seek((oskit_stream_t *)dev, 9, OSKIT_SEEK_SET, &position), 0);
        assert_int_equal(position, 0);
        sluice_pager_t *pager = sluice_query_face(dev, &sluice_pager_iid);
        assert_int_equal(pager != NULL, b->mappable);
        if (pager != NULL)
            oskit_iunknown_release(pager);
        sluice_pollable_t *pollable = sluice_query_face(dev, &sluice_pollable_iid);
        assert_int_equal(pollable != NULL, b->pollable);
        if (pollable != NULL)
            oskit_iunknown_release(pollable);
        assert_int_equal(oskit_iunknown_release(dev), 0);
    }
    memdev_unregister();
}

static void test_seed_stream(void **state)
{
    (void)state;
    char bytes[10] = "abcdefghi";
    oskit_u32_t actual;

    assert_int_equal(memdev_register(), 0);
    oskit_stream_t *zero = (oskit_stream_t *)open_device(5);
    assert_int_equal(oskit_stream_read(zero, bytes, 5, &actual), 0);
    assert_int_equal(actual, 5);
    assert_memory_equal(bytes, "\0\0\0\0\0fghi", 9);
    assert_int_equal(oskit_stream_write(zero, bytes, 9, &actual), 0);
    assert_int_equal(actual, 9);
    oskit_stream_release(zero);
    memdev_unregister();
}

static void test_pager(void **state)
{
    (void)state;
    void *one, *other;

    assert_int_equal(memdev_register(), 0);
    oskit_iunknown_t *zero = open_device(5);
    sluice_pager_t *pager = sluice_query_face(zero, &sluice_pager_iid);
    assert_int_equal(pager->ops->getpage(pager, 0, PAGER_WRITE, &one), 0);
    assert_int_equal(pager->ops->getpage(pager, 1u << 30, 0, &other), 0);
    assert_ptr_not_equal(one, other);
    assert_true(all_zero(one, ENV_PAGE_SIZE));
    env_page_unref(one);
    env_page_unref(other);
    env_test_fail_after(1);
    assert_int_equal(pager->ops->getpage(pager, 0, 0, &one), OSKIT_ENOMEM);
    assert_null(one);
    oskit_iunknown_release(pager);
    oskit_iunknown_release(zero);
    memdev_unregister();
}

static void test_random(void **state)
{
    (void)state;
    unsigned char one[500], other[500];
    oskit_s32_t bits = 0, result;

    assert_int_equal(memdev_register(), 0);
    oskit_iunknown_t *dev = open_device(8);
    oskit_asyncio_t *asyncio = sluice_query_face(dev, &oskit_asyncio_iid);
    sluice_control_t *control = sluice_query_face(dev, &sluice_control_iid);
    assert_int_equal(move(dev, one, 500, false, false), 500);
    assert_int_equal(move(dev, other, 500, false, false), 500);
    assert_memory_not_equal(one, other, 500);
    assert_memory_not_equal(one, one + 250, 250);
    assert_int_equal(oskit_asyncio_poll(asyncio), OSKIT_ASYNCIO_READABLE | OSKIT_ASYNCIO_WRITABLE);
    assert_int_equal(control->ops->ioctl(control, 0x80045200u, (uintptr_t)&bits, &result), 0);
    assert_int_equal(bits, 256);
    assert_int_equal(control->ops->ioctl(control, 0x80045200u, 0, &result), OSKIT_EFAULT);
    assert_int_equal(control->ops->ioctl(control, 0x5401, 0, &result), OSKIT_ENOTTY);
    oskit_iunknown_release(asyncio);
    oskit_iunknown_release(control);
    oskit_iunknown_release(dev);
    memdev_unregister();
}

static bool count_device(void *arg, const struct device *device)
{
    assert_int_equal(device->mode, OSKIT_S_IFCHR | 0666);
    ++*(unsigned *)arg;
    return true;
}

static void test_registration(void **state)
{
    (void)state;
    oskit_iunknown_t *dev;
    unsigned count;

    ENV_TEST_EACH_FAILURE
    {
        oskit_error_t err = memdev_register();
        assert_int_equal(err, env_test_failed() ? OSKIT_ENOMEM : 0);
        count = 0;
        device_each(count_device, &count);
        assert_int_equal(count, err == 0 ? 5 : 0);
        if (err == 0)
            memdev_unregister();
    }
    assert_int_equal(memdev_register(), 0);
    assert_int_equal(memdev_register(), OSKIT_EEXIST);
    env_test_fail_after(1);
    assert_int_equal(device_open(false, DEVICE_NUMBER(1, 3), 1, &dev), OSKIT_ENOMEM);
    memdev_unregister();
    assert_int_equal(device_open(false, DEVICE_NUMBER(1, 3), 1, &dev), OSKIT_ENXIO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_behaviour), HARNESS_TEST(test_seed_stream),  HARNESS_TEST(test_pager),
        HARNESS_TEST(test_random),    HARNESS_TEST(test_registration),
    };
    return cmocka_run_group_tests_name("zero", tests, NULL, NULL);
}
