/* Unpacking cpio archives: good ones, damaged ones, hostile ones, and memory running out. */
#include <stdio.h>
#include "harness.h"
#include <oskit/io/absio.h>
#include <sluice/cpio.h>
#include <sluice/filex.h>
#include <sluice/namespace.h>
#include <sluice/ramfs.h>

struct archive {
    char bytes[65536];
    size_t size;
};

struct entry {
    unsigned ino, mode, uid, gid, nlink, mtime;
    const char *name, *data;
    unsigned rdev_major, rdev_minor;
    bool checked;
};

static void add_bytes(struct archive *a, const void *bytes, size_t size)
{
    assert_true(a->size + size + 4 <= sizeof a->bytes);
    if (size > 0)
        memcpy(a->bytes + a->size, bytes, size);
    a->size += size;
}

static void pad(struct archive *a, size_t start)
{
    while ((a->size - start) % 4)
        a->bytes[a->size++] = '\0';
}

static void add(struct archive *a, struct entry e)
{
    size_t size = e.data ? strlen(e.data) : 0, start = a->size;
    unsigned sum = 0;
    char header[111];

    for (size_t i = 0; i < size; i++)
        sum += (unsigned char)e.data[i];
    snprintf(header, sizeof header, "%s%08x%08x%08X%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
             e.checked ? "070702" : "070701", e.ino, e.mode, e.uid, e.gid, e.nlink ? e.nlink : 1,
             e.mtime, (unsigned)size, 8u, 1u, e.rdev_major, e.rdev_minor,
             (unsigned)strlen(e.name) + 1, e.checked ? sum : 0);
    add_bytes(a, header, 110);
    add_bytes(a, e.name, strlen(e.name) + 1);
    pad(a, start);
    add_bytes(a, e.data, size);
    pad(a, start);
}

static void add_trailer(struct archive *a)
{
    add(a, (struct entry){.name = "TRAILER!!!"});
}

struct tree {
    oskit_filesystem_t *fs;
    oskit_dir_t *root;
    struct namespace *ns;
    struct location at;
    struct walk walk;
};

static void tree_open(struct tree *t)
{
    assert_int_equal(ramfs_create(1000, 0, &t->fs), OSKIT_SUCCESS);
    assert_int_equal(oskit_filesystem_getroot(t->fs, &t->root), OSKIT_SUCCESS);
    assert_int_equal(namespace_create(t->fs, "ramfs", "none", &t->ns), OSKIT_SUCCESS);
    namespace_root(t->ns, &t->at);
    t->walk = (struct walk){t->ns, &t->at, &t->at};
}

static void tree_close(struct tree *t)
{
    location_release(&t->at);
    namespace_destroy(t->ns);
    oskit_dir_release(t->root);
    oskit_filesystem_release(t->fs);
}

static struct filex_stat stat_of(struct tree *t, const char *path)
{
    struct filex_stat stat;
    struct location loc;

    assert_int_equal(namespace_lookup(&t->walk, path, NAMESPACE_NOFOLLOW, &loc), OSKIT_SUCCESS);
    sluice_filex_t *filex = location_filex(&loc);
    assert_int_equal(filex->ops->stat(filex, &stat), OSKIT_SUCCESS);
    location_release(&loc);
    return stat;
}

static void assert_absent(struct tree *t, const char *path)
{
    struct location loc;

    assert_int_equal(namespace_lookup(&t->walk, path, NAMESPACE_NOFOLLOW, &loc), OSKIT_ENOENT);
}

static void assert_contents(struct tree *t, const char *path, const char *text)
{
    struct location loc;
    char back[256];
    size_t moved;

    assert_int_equal(namespace_lookup(&t->walk, path, 0, &loc), OSKIT_SUCCESS);
    oskit_absio_t *absio = sluice_query_face(location_file(&loc), &oskit_absio_iid);
    assert_non_null(absio);
    assert_int_equal(oskit_absio_read(absio, back, 0, sizeof back, &moved), OSKIT_SUCCESS);
    assert_int_equal(moved, strlen(text));
    assert_memory_equal(back, text, moved);
    oskit_absio_release(absio);
    location_release(&loc);
}

static oskit_error_t unpack(struct tree *t, const struct archive *a, struct cpio_fault *fault)
{
    /* From a block of just that size, so that the sanitizer sees each byte read behind it. */
    char *copy = malloc(a->size ? a->size : 1);

    memcpy(copy, a->bytes, a->size);
    oskit_error_t err = cpio_unpack(copy, a->size, t->root, fault);
    free(copy);
    return err;
}

static void test_plain(void **state)
{
    (void)state;
    struct archive a = {.size = 0};
    struct cpio_fault fault;
    struct tree t;

    add(&a, (struct entry){.name = ".", .mode = 040755, .uid = 3, .mtime = 77});
    add(&a, (struct entry){.name = "bin", .mode = 040750, .mtime = 1000});
    add(&a, (struct entry){.name = "bin/tool",
                           .mode = 0104755,
                           .uid = 5,
                           .gid = 6,
                           .mtime = 2000000000,
                           .data = "abc"});
    add(&a, (struct entry){.name = "./etc/deep/file", .mode = 0100644, .data = "12345678"});
    add(&a, (struct entry){.name = "/sh", .mode = 0120777, .data = "bin/tool"});
    add(&a, (struct entry){.name = "empty", .mode = 0100600});
    add(&a, (struct entry){.name = "null", .mode = 020666, .rdev_major = 1, .rdev_minor = 3});
    add(&a, (struct entry){.name = "pipe", .mode = 010600});
    add(&a, (struct entry){.name = "sum", .mode = 0100644, .data = "checked", .checked = true});
    add_trailer(&a);
    tree_open(&t);
    assert_int_equal(unpack(&t, &a, &fault), OSKIT_SUCCESS);
    assert_contents(&t, "/sh", "abc");
    assert_contents(&t, "/etc/deep/file", "12345678");
    assert_contents(&t, "/empty", "");
    assert_contents(&t, "/sum", "checked");
    struct filex_stat tool = stat_of(&t, "/bin/tool");
    assert_int_equal(tool.mode, 0104755);
    assert_int_equal(tool.uid, 5);
    assert_int_equal(tool.gid, 6);
    assert_int_equal(tool.mtime, 2000000000ll * 1000000000);
    assert_int_equal(stat_of(&t, "/bin").mode, 040750);
    assert_int_equal(stat_of(&t, "/bin").mtime, 1000ll * 1000000000);
    assert_int_equal(stat_of(&t, "/").uid, 3);
    assert_int_equal(stat_of(&t, "/").mtime, 77ll * 1000000000);
    assert_int_equal(stat_of(&t, "/null").rdev, DEVICE_NUMBER(1, 3));
    assert_int_equal(stat_of(&t, "/pipe").mode, 010600);
    tree_close(&t);
}

/* Later archives add to and replace what earlier ones made; zeros lie between. */
static void test_concatenated(void **state)
{
    (void)state;
    struct archive a = {.size = 0};
    struct tree t;

    add(&a, (struct entry){.name = "d", .mode = 040700});
    add(&a, (struct entry){.name = "d/x", .mode = 0100644, .data = "old", .ino = 1, .nlink = 2});
    add(&a, (struct entry){.name = "f", .mode = 0120777, .data = "d"});
    add_trailer(&a);
    memset(a.bytes + a.size, 0, 513);
    a.size += 513; /* not a multiple of four */
    add(&a, (struct entry){.name = "d", .mode = 040755});
    add(&a, (struct entry){.name = "d/y", .mode = 0100644, .data = "new", .ino = 1, .nlink = 2});
    add(&a, (struct entry){.name = "d/x", .mode = 0100600, .data = "newer"});
    add(&a, (struct entry){.name = "f", .mode = 0100600, .data = "file"});
    add_trailer(&a);
    memset(a.bytes + a.size, 0, 100);
    a.size += 100;
    tree_open(&t);
    assert_int_equal(unpack(&t, &a, NULL), OSKIT_SUCCESS);
    assert_contents(&t, "/d/x", "newer");
    assert_contents(&t, "/d/y", "new"); /* inode 1 of another archive */
    assert_contents(&t, "/f", "file");
    assert_int_equal(stat_of(&t, "/d").mode, 040755);
    tree_close(&t);
}

static void test_hard_links(void **state)
{
    (void)state;
    struct archive a = {.size = 0};
    struct tree t;

    add(&a, (struct entry){.name = "a", .mode = 0100600, .ino = 9, .nlink = 3});
    add(&a, (struct entry){.name = "sub/b", .mode = 0100600, .ino = 9, .nlink = 3});
    add(&a, (struct entry){.name = "c", .mode = 0100755, .ino = 9, .nlink = 3, .data = "body"});
    add(&a, (struct entry){.name = "other", .mode = 0100755, .ino = 10, .nlink = 2, .data = "x"});
    add_trailer(&a);
    tree_open(&t);
    assert_int_equal(unpack(&t, &a, NULL), OSKIT_SUCCESS);
    assert_contents(&t, "/a", "body");
    assert_contents(&t, "/sub/b", "body");
    assert_int_equal(stat_of(&t, "/a").nlink, 3);
    assert_int_equal(stat_of(&t, "/a").mode, 0100755);
    assert_int_equal(stat_of(&t, "/a").ino, stat_of(&t, "/c").ino);
    assert_contents(&t, "/other", "x");
    tree_close(&t);
}

/* Distributions have /lib -> usr/lib; what goes into lib then goes there. No link leads outside. */
static void test_links_on_the_way(void **state)
{
    (void)state;
    struct archive a = {.size = 0};
    struct cpio_fault fault;
    struct tree t;

    add(&a, (struct entry){.name = "lib", .mode = 0120777, .data = "usr/lib"});
    add(&a, (struct entry){.name = "lib/x", .mode = 0100600, .data = "x"});
    add(&a, (struct entry){.name = "up", .mode = 0120777, .data = "../../../usr"});
    add(&a, (struct entry){.name = "up/y", .mode = 0100600, .data = "y"});
    add(&a, (struct entry){.name = "usr/abs", .mode = 0120777, .data = "/lib"});
    add(&a, (struct entry){.name = "usr/abs/z", .mode = 0100600, .data = "z"});
    add_trailer(&a);
    tree_open(&t);
    assert_int_equal(unpack(&t, &a, &fault), OSKIT_SUCCESS);
    assert_contents(&t, "/usr/lib/x", "x");
    assert_contents(&t, "/usr/y", "y");
    assert_contents(&t, "/usr/lib/z", "z");
    a.size = 0;
    add(&a, (struct entry){.name = "loop", .mode = 0120777, .data = "loop"});
    add(&a, (struct entry){.name = "loop/x", .mode = 0100600});
    assert_int_equal(unpack(&t, &a, &fault), OSKIT_ELOOP);
    assert_string_equal(fault.name, "loop/x");
    tree_close(&t);
}

static void refuse(struct entry e, const char *reason)
{
    struct archive a = {.size = 0};
    struct cpio_fault fault;
    struct tree t;

    add(&a, (struct entry){.name = "before", .mode = 0100600});
    size_t offset = a.size;
    add(&a, e);
    add_trailer(&a);
    tree_open(&t);
    assert_true(OSKIT_FAILED(unpack(&t, &a, &fault)));
    assert_int_equal(fault.offset, offset);
    assert_string_equal(fault.reason, reason);
    assert_int_equal(strncmp(fault.name, e.name, sizeof fault.name - 1), 0);
    assert_contents(&t, "/before", "");
    tree_close(&t);
}

static void test_hostile(void **state)
{
    (void)state;
    char long_name[3000];

    refuse((struct entry){.name = "../x", .mode = 0100600}, "a name that leads outside");
    refuse((struct entry){.name = "a/../../x", .mode = 0100600}, "a name that leads outside");
    refuse((struct entry){.name = "a/..", .mode = 0100600}, "a name that leads outside");
    refuse((struct entry){.name = "/", .mode = 0100600}, "the root is a directory");
    refuse((struct entry){.name = "././.", .mode = 0120777}, "the root is a directory");
    refuse((struct entry){.name = "x", .mode = 0}, "a type of file that is unknown");
    refuse((struct entry){.name = "x", .mode = 0x100000 | 0100600},
           "a type of file that is unknown");
    refuse((struct entry){.name = "l", .mode = 0120777}, "the entry can't be made");
    refuse((struct entry){.name = "before/x", .mode = 0100600}, "the directory can't be reached");
    memset(long_name, 'n', sizeof long_name);
    long_name[256] = '\0';
    refuse((struct entry){.name = long_name, .mode = 0100600}, "a component that is too long");
    long_name[256] = '/';
    long_name[258] = '\0';
    refuse((struct entry){.name = long_name, .mode = 0100600}, "the directory can't be reached");
}

/* Cut off anywhere, an archive is refused and nothing is read behind its end. */
static void test_truncated(void **state)
{
    (void)state;
    struct archive a = {.size = 0};
    struct cpio_fault fault;

    add(&a, (struct entry){.name = "d", .mode = 040755});
    add(&a, (struct entry){.name = "d/file", .mode = 0100644, .data = "contents"});
    add_trailer(&a);
    size_t whole = a.size;
    for (size_t size = 0; size <= whole; size++) {
        struct tree t;

        a.size = size;
        tree_open(&t);
        oskit_error_t err = unpack(&t, &a, &fault);
        if (size == 0 || size >= whole - 3) /* the rest is padding of the trailer */
            assert_int_equal(err, OSKIT_SUCCESS);
        else
            assert_int_equal(err, OSKIT_E_INVALIDARG);
        tree_close(&t);
    }
}

static void test_nothing(void **state)
{
    (void)state;
    struct archive a = {.size = 1000};
    struct cpio_fault fault;
    struct tree t;

    memset(a.bytes, 0, 1000);
    tree_open(&t);
    assert_int_equal(unpack(&t, &a, &fault), OSKIT_SUCCESS);
    memcpy(a.bytes + 200, "\x1f\x8b", 2);
    assert_int_equal(unpack(&t, &a, &fault), OSKIT_E_INVALIDARG);
    assert_int_equal(fault.offset, 200);
    assert_string_equal(fault.reason, "not a cpio archive of the newc format");
    assert_absent(&t, "/x");
    tree_close(&t);
}

/* Any damage at all: no crash, no leak, nothing outside. */
static void test_damaged(void **state)
{
    (void)state;
    static struct archive good, a;
    unsigned seed = 1;

    good.size = 0;
    add(&good, (struct entry){.name = "d", .mode = 040755});
    add(&good, (struct entry){.name = "d/a", .mode = 0100644, .data = "1", .ino = 5, .nlink = 2});
    add(&good, (struct entry){.name = "d/b", .mode = 0100644, .ino = 5, .nlink = 2});
    add(&good, (struct entry){.name = "l", .mode = 0120777, .data = "d"});
    add(&good, (struct entry){.name = "l/c", .mode = 010644});
    add_trailer(&good);
    for (int round = 0; round < 3000; round++) {
        static const char choice[] = "0123456789abcdefF./\0xZ\xff";
        struct tree t;

        a = good;
        for (int i = 0; i < 1 + round % 4; i++) {
            seed = seed * 1103515245u + 12345u;
            size_t where = (seed >> 8) % a.size;
            seed = seed * 1103515245u + 12345u;
            a.bytes[where] = choice[(seed >> 8) % (sizeof choice - 1)];
        }
        tree_open(&t);
        unpack(&t, &a, NULL);
        tree_close(&t);
    }
}

static void test_failures(void **state)
{
    (void)state;
    static struct archive a;

    a.size = 0;
    add(&a, (struct entry){.name = ".", .mode = 040755});
    add(&a, (struct entry){.name = "d/e/f", .mode = 0100644, .data = "x", .ino = 1, .nlink = 2});
    add(&a, (struct entry){.name = "g", .mode = 0100644, .ino = 1, .nlink = 2});
    add(&a, (struct entry){.name = "l", .mode = 0120777, .data = "d"});
    add(&a, (struct entry){.name = "l/c", .mode = 010644});
    add_trailer(&a);
    ENV_TEST_EACH_FAILURE
    {
        oskit_filesystem_t *fs;
        oskit_dir_t *root;
        oskit_error_t err = ramfs_create(100, 0, &fs);

        if (OSKIT_FAILED(err))
            continue;
        assert_int_equal(oskit_filesystem_getroot(fs, &root), OSKIT_SUCCESS);
        err = cpio_unpack(a.bytes, a.size, root, NULL);
        if (!env_test_failed())
            assert_int_equal(err, OSKIT_SUCCESS);
        else if (OSKIT_FAILED(err))
            assert_int_equal(err, OSKIT_ENOMEM);
        oskit_dir_release(root);
        oskit_filesystem_release(fs);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_plain),      HARNESS_TEST(test_concatenated),
        HARNESS_TEST(test_hard_links), HARNESS_TEST(test_links_on_the_way),
        HARNESS_TEST(test_hostile),    HARNESS_TEST(test_truncated),
        HARNESS_TEST(test_nothing),    HARNESS_TEST(test_damaged),
        HARNESS_TEST(test_failures),
    };
    return cmocka_run_group_tests_name("cpio", tests, NULL, NULL);
}
