/* The device file system: devices come and go under a namespace that remembers names. */
#include <stdio.h>
#include "harness.h"
#include <oskit/io/posixio.h>
#include <sluice/device.h>
#include <sluice/filex.h>
#include <sluice/namespace.h>
#include <sluice/pipe.h>

static oskit_error_t open_pipe(void *arg, oskit_u32_t oflags, oskit_iunknown_t **out)
{
    oskit_iunknown_t *writer;

    (void)arg;
    (void)oflags;
    oskit_error_t err = pipe_create(out, &writer);
    if (OSKIT_SUCCEEDED(err))
        oskit_iunknown_release(writer);
    return err;
}

static const struct device zero = {
    "zzz", DEVICE_NUMBER(210, 1), OSKIT_S_IFCHR | 0666, 0, 0, open_pipe, NULL};
static const struct device pts = {
    "pts/0", DEVICE_NUMBER(211, 0), OSKIT_S_IFCHR | 0620, 7, 5, open_pipe, NULL};
static const struct device pts_again = {
    "pts/0", DEVICE_NUMBER(211, 5), OSKIT_S_IFCHR | 0600, 8, 5, open_pipe, NULL};

struct fixture {
    struct namespace *ns;
    struct location root;
    struct walk walk;
};

static oskit_error_t fixture_open(struct fixture *f)
{
    oskit_filesystem_t *fs;
    oskit_error_t err = devfs_create(&fs);

    if (OSKIT_FAILED(err))
        return err;
    err = namespace_create(fs, "devfs", "none", &f->ns);
    oskit_filesystem_release(fs);
    if (OSKIT_FAILED(err))
        return err;
    namespace_root(f->ns, &f->root);
    f->walk = (struct walk){f->ns, &f->root, &f->root};
    return OSKIT_SUCCESS;
}

static void fixture_close(struct fixture *f)
{
    location_release(&f->root);
    namespace_destroy(f->ns);
}

static oskit_error_t stat_of(struct fixture *f, const char *path, struct filex_stat *stat)
{
    struct location loc;
    oskit_error_t err = namespace_lookup(&f->walk, path, NAMESPACE_NOFOLLOW, &loc);

    if (OSKIT_SUCCEEDED(err)) {
        sluice_filex_t *filex = location_filex(&loc);

        err = filex->ops->stat(filex, stat);
        location_release(&loc);
    }
    return err;
}

static void test_show(void **state)
{
    (void)state;
    struct fixture f;
    struct filex_stat stat;
    struct location loc;
    oskit_iunknown_t *object;

    assert_int_equal(device_register(&zero), OSKIT_SUCCESS);
    assert_int_equal(fixture_open(&f), OSKIT_SUCCESS);
    assert_int_equal(stat_of(&f, "/zzz", &stat), OSKIT_SUCCESS);
    assert_int_equal(stat.mode, OSKIT_S_IFCHR | 0666);
    assert_int_equal(stat.rdev, zero.number);
    assert_int_equal(stat_of(&f, "/fd", &stat), OSKIT_SUCCESS);
    assert_true(OSKIT_S_ISLNK(stat.mode));
    assert_int_equal(stat_of(&f, "/stderr", &stat), OSKIT_SUCCESS);
    assert_int_equal(namespace_lookup(&f.walk, "/zzz", 0, &loc), OSKIT_SUCCESS);
    assert_int_equal(file_open_object(location_file(&loc), OSKIT_O_RDONLY, &object), OSKIT_SUCCESS);
    oskit_iunknown_release(object);
    device_unregister(&zero);
    assert_int_equal(file_open_object(location_file(&loc), OSKIT_O_RDONLY, &object), OSKIT_ENXIO);
    location_release(&loc);
    assert_int_equal(stat_of(&f, "/zzz", &stat), OSKIT_ENOENT);
    fixture_close(&f);
}

/* The same name for another device, asked for before, between and after. */
static void test_come_and_go(void **state)
{
    (void)state;
    struct fixture f;
    struct filex_stat stat;

    assert_int_equal(fixture_open(&f), OSKIT_SUCCESS);
    assert_int_equal(stat_of(&f, "/pts/0", &stat), OSKIT_ENOENT);
    env_test_set_identity(1000, 1000, 022, false); /* whoever opens a multiplexer */
    assert_int_equal(device_register(&pts), OSKIT_SUCCESS);
    assert_int_equal(stat_of(&f, "/pts/0", &stat), OSKIT_SUCCESS);
    assert_int_equal(stat.uid, 7);
    assert_int_equal(stat.gid, 5);
    assert_int_equal(stat.mode, OSKIT_S_IFCHR | 0620);
    assert_int_equal(stat_of(&f, "/pts", &stat), OSKIT_SUCCESS);
    assert_int_equal(stat.uid, 0);
    assert_int_equal(device_register(&pts_again), OSKIT_EEXIST);
    device_unregister(&pts);
    assert_int_equal(device_register(&pts_again), OSKIT_SUCCESS);
    assert_int_equal(stat_of(&f, "/pts/0", &stat), OSKIT_SUCCESS);
    assert_int_equal(stat.rdev, pts_again.number);
    device_unregister(&pts_again);
    assert_int_equal(stat_of(&f, "/pts/0", &stat), OSKIT_ENOENT);
    env_test_set_identity(0, 0, 022, true);
    fixture_close(&f);
}

/* What programs make is theirs. */
static void test_own_names(void **state)
{
    (void)state;
    struct fixture f;
    struct filex_stat stat;
    struct location loc;
    bool created;

    assert_int_equal(fixture_open(&f), OSKIT_SUCCESS);
    assert_int_equal(namespace_mkdir(&f.walk, "/shm", 01777), OSKIT_SUCCESS);
    assert_int_equal(namespace_create_file(&f.walk, "/zzz", 0600, true, 0, &loc, &created),
                     OSKIT_SUCCESS);
    location_release(&loc);
    assert_int_equal(device_register(&zero), OSKIT_EEXIST); /* something else is there */
    assert_int_equal(namespace_unlink(&f.walk, "/zzz"), OSKIT_SUCCESS);
    assert_int_equal(device_register(&zero), OSKIT_SUCCESS);
    assert_int_equal(namespace_unlink(&f.walk, "/zzz"), OSKIT_SUCCESS);
    assert_int_equal(namespace_symlink(&f.walk, "/zzz", "null"), OSKIT_SUCCESS);
    device_unregister(&zero);
    assert_int_equal(stat_of(&f, "/zzz", &stat), OSKIT_SUCCESS);
    assert_true(OSKIT_S_ISLNK(stat.mode));
    fixture_close(&f);
}

static void test_failures(void **state)
{
    (void)state;

    ENV_TEST_EACH_FAILURE
    {
        struct fixture f;
        oskit_error_t err = fixture_open(&f);

        if (OSKIT_SUCCEEDED(err)) {
            err = device_register(&pts);
            if (OSKIT_SUCCEEDED(err))
                device_unregister(&pts);
            fixture_close(&f);
        }
        if (!env_test_failed())
            assert_int_equal(err, OSKIT_SUCCESS);
        else if (OSKIT_FAILED(err))
            assert_int_equal(err, OSKIT_ENOMEM);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_show),
        HARNESS_TEST(test_come_and_go),
        HARNESS_TEST(test_own_names),
        HARNESS_TEST(test_failures),
    };
    return cmocka_run_group_tests_name("devfs", tests, NULL, NULL);
}
