/* The open file over absio, and the seed's way through a file system: root, create, open, adapter,
 * read back. */
#include "harness.h"

#include <oskit/fs/dir.h>
#include <oskit/fs/file.h>
#include <oskit/fs/filesystem.h>
#include <oskit/fs/soa.h>
#include <sluice/ramfs.h>

/* A fresh file, with the file system gone but for it. */
static oskit_file_t *fresh_file(void)
{
    oskit_filesystem_t *fs;
    oskit_file_t *file;
    oskit_dir_t *root;

    assert_int_equal(ramfs_create(64, 0, &fs), 0);
    assert_int_equal(oskit_filesystem_getroot(fs, &root), 0);
    assert_int_equal(oskit_dir_create(root, "notes", 1, 0644, &file), 0);
    oskit_dir_release(root);
    oskit_filesystem_release(fs);
    return file;
}

/* As a client of the seed's opens: what the file has per open, or else the adapter. */
static oskit_openfile_t *open_file(oskit_file_t *file, oskit_oflags_t flags)
{
    oskit_openfile_t *opened;

    assert_int_equal(oskit_file_open(file, flags, &opened), 0);
    if (opened == NULL)
        assert_int_equal(oskit_soa_openfile_from_file(file, flags, &opened), 0);
    return opened;
}

static void assert_reads(oskit_openfile_t *opened, const char *text)
{
    char back[64];
    oskit_u32_t actual;

    assert_int_equal(oskit_openfile_read(opened, back, sizeof back, &actual), 0);
    assert_int_equal(actual, strlen(text));
    assert_memory_equal(back, text, actual);
}

static void test_write_seek_read(void **state)
{
    oskit_file_t *file = fresh_file(), *same;
    oskit_openfile_t *opened = open_file(file, OSKIT_O_RDWR);
    oskit_u32_t actual;
    oskit_u64_t position = 0;

    (void)state;
    assert_int_equal(oskit_openfile_write(opened, "hello, world", 12, &actual), 0);
    assert_int_equal(actual, 12);
    assert_reads(opened, "");
    assert_int_equal(oskit_openfile_seek(opened, -5, OSKIT_SEEK_END, &position), 0);
    assert_int_equal(position, 7);
    assert_reads(opened, "world");
    assert_int_equal(oskit_openfile_seek(opened, -12, OSKIT_SEEK_CUR, NULL), 0);
    assert_reads(opened, "hello, world");
    assert_int_equal(oskit_openfile_setsize(opened, 5), 0);
    assert_int_equal(oskit_openfile_seek(opened, 0, OSKIT_SEEK_SET, &position), 0);
    assert_reads(opened, "hello");
    assert_int_equal(oskit_openfile_getfile(opened, &same), 0);
    assert_ptr_equal(same, file);
    oskit_file_release(same);
    oskit_file_release(file);
    assert_int_equal(oskit_openfile_release(opened), 0);
}

static void test_bad_seeks_leave_the_pointer(void **state)
{
    oskit_file_t *file = fresh_file();
    oskit_openfile_t *opened = open_file(file, OSKIT_O_RDWR);
    oskit_u64_t position = 0;
    oskit_u32_t actual;

    (void)state;
    oskit_openfile_write(opened, "abc", 3, &actual);
    assert_int_equal(oskit_openfile_seek(opened, -1, OSKIT_SEEK_SET, &position),
                     OSKIT_E_INVALIDARG);
    assert_int_equal(oskit_openfile_seek(opened, -4, OSKIT_SEEK_CUR, &position),
                     OSKIT_E_INVALIDARG);
    assert_int_equal(oskit_openfile_seek(opened, INT64_MAX, OSKIT_SEEK_END, &position),
                     OSKIT_E_INVALIDARG);
    assert_int_equal(oskit_openfile_seek(opened, 0, (oskit_seek_t)7, &position),
                     OSKIT_E_INVALIDARG);
    assert_int_equal(oskit_openfile_seek(opened, 0, OSKIT_SEEK_CUR, &position), 0);
    assert_int_equal(position, 3);
    oskit_openfile_release(opened);
    oskit_file_release(file);
}

static void test_each_open_has_its_own_pointer(void **state)
{
    oskit_file_t *file = fresh_file();
    oskit_openfile_t *one = open_file(file, OSKIT_O_RDWR), *two = open_file(file, OSKIT_O_RDONLY);
    oskit_u32_t actual;

    (void)state;
    oskit_openfile_write(one, "shared", 6, &actual);
    assert_reads(two, "shared");
    assert_reads(two, "");
    oskit_openfile_release(one);
    oskit_openfile_release(two);
    oskit_file_release(file);
}

static void test_append_goes_to_the_end(void **state)
{
    oskit_file_t *file = fresh_file();
    oskit_openfile_t *log = open_file(file, OSKIT_O_WRONLY | OSKIT_O_APPEND);
    oskit_openfile_t *other = open_file(file, OSKIT_O_RDWR);
    oskit_u32_t actual;

    (void)state;
    oskit_openfile_write(log, "one ", 4, &actual);
    oskit_openfile_seek(other, 0, OSKIT_SEEK_END, NULL);
    oskit_openfile_write(other, "two ", 4, &actual);
    oskit_openfile_seek(log, 0, OSKIT_SEEK_SET, NULL);
    oskit_openfile_write(log, "three", 5, &actual);
    oskit_openfile_seek(other, 0, OSKIT_SEEK_SET, NULL);
    assert_reads(other, "one two three");
    oskit_openfile_release(log);
    oskit_openfile_release(other);
    oskit_file_release(file);
}

static void test_the_mode_of_the_open_holds(void **state)
{
    oskit_file_t *file = fresh_file();
    oskit_openfile_t *reader = open_file(file, OSKIT_O_RDONLY);
    oskit_openfile_t *writer = open_file(file, OSKIT_O_WRONLY);
    oskit_u32_t actual = 9;
    char byte = 0;

    (void)state;
    assert_int_equal(oskit_openfile_write(reader, "x", 1, &actual), OSKIT_EBADF);
    assert_int_equal(actual, 0);
    assert_int_equal(oskit_openfile_setsize(reader, 0), OSKIT_EBADF);
    assert_int_equal(oskit_openfile_read(writer, &byte, 1, &actual), OSKIT_EBADF);
    assert_int_equal(oskit_openfile_setsize(writer, UINT64_MAX), OSKIT_EFBIG);
    assert_int_equal(oskit_openfile_commit(writer, 0), OSKIT_E_NOTIMPL);
    oskit_openfile_release(reader);
    oskit_openfile_release(writer);
    oskit_file_release(file);
}

static void test_what_has_no_contents(void **state)
{
    oskit_filesystem_t *fs;
    oskit_dir_t *root;
    oskit_openfile_t *opened;

    (void)state;
    assert_int_equal(ramfs_create(64, 0, &fs), 0);
    assert_int_equal(oskit_filesystem_getroot(fs, &root), 0);
    assert_int_equal(oskit_soa_openfile_from_file((oskit_file_t *)root, OSKIT_O_RDONLY, &opened),
                     OSKIT_E_NOINTERFACE);
    assert_null(opened);
    oskit_dir_release(root);
    oskit_filesystem_release(fs);
}

static void test_no_memory(void **state)
{
    oskit_file_t *file = fresh_file();

    (void)state;
    ENV_TEST_EACH_FAILURE
    {
        oskit_openfile_t *opened;
        oskit_error_t error = oskit_soa_openfile_from_file(file, OSKIT_O_RDONLY, &opened);
        assert_int_equal(error, env_test_failed() ? OSKIT_E_OUTOFMEMORY : 0);
        if (opened != NULL)
            oskit_openfile_release(opened);
    }
    oskit_file_release(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_write_seek_read),
        HARNESS_TEST(test_bad_seeks_leave_the_pointer),
        HARNESS_TEST(test_each_open_has_its_own_pointer),
        HARNESS_TEST(test_append_goes_to_the_end),
        HARNESS_TEST(test_the_mode_of_the_open_holds),
        HARNESS_TEST(test_what_has_no_contents),
        HARNESS_TEST(test_no_memory),
    };
    return cmocka_run_group_tests_name("openfile", tests, NULL, NULL);
}
