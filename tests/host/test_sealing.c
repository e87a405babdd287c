/* Seals of RAM files: what each forbids, and mappings in the way. */
#include "harness.h"
#include <oskit/io/absio.h>
#include <sluice/filex.h>
#include <sluice/namespace.h>
#include <sluice/ramfs.h>
#include <sluice/sealing.h>

struct fixture {
    oskit_filesystem_t *fs;
    oskit_file_t *file;
    oskit_absio_t *absio;
    sluice_filex_t *filex;
    sluice_sealing_t *sealing;
};

static void fixture_open(struct fixture *f, oskit_u32_t mode)
{
    oskit_dir_t *root;

    assert_int_equal(ramfs_create(100, 0, &f->fs), 0);
    assert_int_equal(oskit_filesystem_getroot(f->fs, &root), 0);
    sluice_filex_t *directory = sluice_query_face(root, &sluice_filex_iid);
    assert_int_equal(directory->ops->tmpfile(directory, mode, &f->file), 0);
    directory->ops->release(directory);
    oskit_dir_release(root);
    f->absio = sluice_query_face(f->file, &oskit_absio_iid);
    f->filex = sluice_query_face(f->file, &sluice_filex_iid);
    f->sealing = sluice_query_face(f->file, &sluice_sealing_iid);
    assert_non_null(f->sealing);
    assert_int_equal(oskit_absio_setsize(f->absio, 100), 0);
}

static void fixture_close(struct fixture *f)
{
    f->sealing->ops->release(f->sealing);
    f->filex->ops->release(f->filex);
    oskit_absio_release(f->absio);
    oskit_file_release(f->file);
    oskit_filesystem_release(f->fs);
}

static oskit_error_t seal(struct fixture *f, oskit_u32_t seals)
{
    return f->sealing->ops->add(f->sealing, seals);
}

static oskit_error_t put(struct fixture *f, oskit_off_t offset, size_t size)
{
    static const char bytes[8192];
    oskit_size_t actual;

    return oskit_absio_write(f->absio, bytes, offset, size, &actual);
}

static void test_sizes(void **state)
{
    struct fixture f;

    (void)state;
    fixture_open(&f, 0644);
    assert_int_equal(f.sealing->ops->get(f.sealing), SEAL_SEAL);
    assert_int_equal(seal(&f, SEAL_GROW), OSKIT_EPERM);
    f.sealing->ops->begin(f.sealing, 0);
    assert_int_equal(seal(&f, 0x40), OSKIT_E_INVALIDARG);
    assert_int_equal(seal(&f, SEAL_GROW), 0);
    assert_int_equal(oskit_absio_setsize(f.absio, 101), OSKIT_EPERM);
    assert_int_equal(put(&f, 99, 2), OSKIT_EPERM);
    assert_int_equal(put(&f, 99, 1), 0);
    assert_int_equal(f.filex->ops->allocate(f.filex, ALLOCATE_KEEP_SIZE, 0, 101), OSKIT_EPERM);
    assert_int_equal(oskit_absio_setsize(f.absio, 50), 0);
    assert_int_equal(seal(&f, SEAL_SHRINK), 0);
    assert_int_equal(oskit_absio_setsize(f.absio, 49), OSKIT_EPERM);
    assert_int_equal(oskit_absio_setsize(f.absio, 50), 0);
    assert_int_equal(f.sealing->ops->get(f.sealing), SEAL_GROW | SEAL_SHRINK);
    fixture_close(&f);
}

static void test_writes(void **state)
{
    struct fixture f;

    (void)state;
    fixture_open(&f, 0644);
    f.sealing->ops->begin(f.sealing, 0);
    assert_int_equal(f.sealing->ops->map(f.sealing, false), 0);
    assert_int_equal(f.sealing->ops->map(f.sealing, true), 0);
    assert_int_equal(seal(&f, SEAL_WRITE), OSKIT_EBUSY);
    assert_int_equal(seal(&f, SEAL_FUTURE_WRITE), 0);
    assert_int_equal(f.sealing->ops->map(f.sealing, false), OSKIT_EPERM);
    f.sealing->ops->unmap(f.sealing);
    assert_int_equal(f.sealing->ops->map(f.sealing, true), 0); /* a fork of one that is there */
    f.sealing->ops->unmap(f.sealing);
    assert_int_equal(seal(&f, SEAL_WRITE), OSKIT_EBUSY);
    f.sealing->ops->unmap(f.sealing);
    assert_int_equal(put(&f, 0, 1), OSKIT_EPERM);
    assert_int_equal(put(&f, 0, 0), 0);
    assert_int_equal(seal(&f, SEAL_WRITE), 0);
    assert_int_equal(
        f.filex->ops->allocate(f.filex, ALLOCATE_PUNCH_HOLE | ALLOCATE_KEEP_SIZE, 0, 9),
        OSKIT_EPERM);
    fixture_close(&f);
}

static void test_modes(void **state)
{
    struct filex_attributes attributes = {.mode = 0700};
    struct fixture f;

    (void)state;
    fixture_open(&f, 0644);
    f.sealing->ops->begin(f.sealing, SEAL_EXEC);
    assert_int_equal(f.filex->ops->setattr(f.filex, FILEX_MODE, &attributes), OSKIT_EPERM);
    attributes.mode = 0600;
    assert_int_equal(f.filex->ops->setattr(f.filex, FILEX_MODE, &attributes), 0);
    f.sealing->ops->begin(f.sealing, 0);
    attributes.mode = 0755;
    assert_int_equal(f.filex->ops->setattr(f.filex, FILEX_MODE, &attributes), 0);
    assert_int_equal(seal(&f, SEAL_EXEC), 0);
    assert_int_equal(f.sealing->ops->get(f.sealing), SEAL_ALL & ~SEAL_SEAL);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_sizes),
        HARNESS_TEST(test_writes),
        HARNESS_TEST(test_modes),
    };

    return cmocka_run_group_tests_name("sealing", tests, NULL, NULL);
}
