/* synthfs: texts, settings, directories that change, magic links; and its printf against the
 * host's. */
#include <stdio.h>
#include "harness.h"
#include <oskit/io/absio.h>
#include <oskit/io/posixio.h>
#include <sluice/filex.h>
#include <sluice/namespace.h>
#include <sluice/ramfs.h>
#include <sluice/synthfs.h>
#include <sluice/vecio.h>

/* ---- A /proc of three processes ---- */

static oskit_u64_t alive[4];
static unsigned alive_count;
static int made;
static char stored[32];
static struct location target;

static oskit_error_t show_version(oskit_u64_t key, struct synth_text *text)
{
    assert_int_equal(key, 0);
    made++;
    synth_printf(text, "version %d\n", made);
    return OSKIT_SUCCESS;
}

static oskit_error_t show_large(oskit_u64_t key, struct synth_text *text)
{
    (void)key;
    for (int i = 0; i < 3000; i++)
        synth_printf(text, "line %04d\n", i);
    return OSKIT_SUCCESS;
}

static oskit_error_t store_setting(oskit_u64_t key, const char *text, size_t size)
{
    (void)key;
    if (size >= sizeof stored)
        return OSKIT_E_INVALIDARG;
    memcpy(stored, text, size + 1);
    return OSKIT_SUCCESS;
}

static bool is_alive(oskit_u64_t key)
{
    for (unsigned i = 0; i < alive_count; i++)
        if (alive[i] == key)
            return true;
    return false;
}

static oskit_error_t show_status(oskit_u64_t key, struct synth_text *text)
{
    if (!is_alive(key))
        return OSKIT_ESRCH;
    synth_printf(text, "pid %llu\n", key);
    return OSKIT_SUCCESS;
}

static oskit_error_t show_link(oskit_u64_t key, struct synth_text *text)
{
    (void)key;
    synth_printf(text, "anything:[1]");
    return OSKIT_SUCCESS;
}

static oskit_error_t follow_link(oskit_u64_t key, struct location *out)
{
    if (!is_alive(key))
        return OSKIT_ENOENT;
    location_copy(out, &target);
    return OSKIT_SUCCESS;
}

static oskit_error_t show_self(oskit_u64_t key, struct synth_text *text)
{
    (void)key;
    synth_append(text, "10", 2);
    return OSKIT_SUCCESS;
}

static void each_process(oskit_u64_t key,
                         void (*emit)(void *arg, const char *name, oskit_u64_t key), void *arg)
{
    char name[24];

    (void)key;
    for (unsigned i = 0; i < alive_count; i++) {
        snprintf(name, sizeof name, "%llu", alive[i]);
        emit(arg, name, alive[i]);
    }
}

static oskit_error_t find_process(oskit_u64_t key, const char *name, oskit_u64_t *out)
{
    (void)key;
    *out = strtoull(name, NULL, 10);
    return is_alive(*out) ? OSKIT_SUCCESS : OSKIT_ENOENT;
}

static void owner_process(oskit_u64_t key, oskit_uid_t *uid, oskit_gid_t *gid)
{
    *uid = (oskit_uid_t)key * 100;
    *gid = 1;
}

static const struct synth_node process_nodes[] = {
    {.name = "status", .mode = OSKIT_S_IFREG | 0444, .show = show_status, .owner = owner_process},
    {.name = "secret", .mode = OSKIT_S_IFREG | 0400, .show = show_status, .owner = owner_process},
    {.name = "cwd", .mode = OSKIT_S_IFLNK | 0777, .show = show_link, .follow = follow_link},
    {.name = NULL},
};
static const struct synth_node process = {
    .mode = OSKIT_S_IFDIR | 0555, .children = process_nodes, .owner = owner_process};
static const struct synth_node top_nodes[] = {
    {.name = "version", .mode = OSKIT_S_IFREG | 0444, .show = show_version},
    {.name = "large", .mode = OSKIT_S_IFREG | 0444, .show = show_large, .sized = true},
    {.name = "setting", .mode = OSKIT_S_IFREG | 0644, .show = show_version, .store = store_setting},
    {.name = "self", .mode = OSKIT_S_IFLNK | 0777, .show = show_self},
    {.name = NULL},
};
static const struct synth_node top = {.mode = OSKIT_S_IFDIR | 0555,
                                      .children = top_nodes,
                                      .each = each_process,
                                      .find = find_process,
                                      .template = &process};

struct fixture {
    struct namespace *ns;
    struct location root;
    struct walk walk;
};

static oskit_error_t fixture_open(struct fixture *f)
{
    oskit_filesystem_t *fs;
    oskit_error_t err = synthfs_create(&top, &fs);

    alive_count = 3;
    alive[0] = 30;
    alive[1] = 10;
    alive[2] = 20;
    made = 0;
    stored[0] = '\0';
    if (OSKIT_FAILED(err))
        return err;
    err = namespace_create(fs, "proc", "proc", &f->ns);
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

static oskit_error_t look(struct fixture *f, const char *path)
{
    struct location loc;
    oskit_error_t err = namespace_lookup(&f->walk, path, 0, &loc);

    if (OSKIT_SUCCEEDED(err))
        location_release(&loc);
    return err;
}

static oskit_error_t open_path(struct fixture *f, const char *path, oskit_absio_t **out)
{
    oskit_iunknown_t *object;
    struct location loc;
    oskit_error_t err = namespace_lookup(&f->walk, path, 0, &loc);

    *out = NULL;
    if (OSKIT_FAILED(err))
        return err;
    err = file_open_object(location_file(&loc), OSKIT_O_RDWR, &object);
    location_release(&loc);
    if (OSKIT_FAILED(err))
        return err;
    *out = sluice_query_face(object, &oskit_absio_iid);
    assert_non_null(*out);
    oskit_iunknown_release(object);
    return OSKIT_SUCCESS;
}

/* ---- Texts ---- */

static void test_text(void **state)
{
    (void)state;
    struct fixture f;
    oskit_absio_t *io;
    char back[64];
    size_t moved;

    assert_int_equal(fixture_open(&f), OSKIT_SUCCESS);
    assert_int_equal(open_path(&f, "/version", &io), OSKIT_SUCCESS);
    assert_int_equal(oskit_absio_read(io, back, 0, 4, &moved), OSKIT_SUCCESS);
    assert_int_equal(moved, 4);
    assert_int_equal(oskit_absio_read(io, back + 4, 4, 60, &moved), OSKIT_SUCCESS);
    assert_int_equal(moved, 6);
    assert_memory_equal(back, "version 1\n", 10);
    assert_int_equal(oskit_absio_read(io, back, 10, 60, &moved), OSKIT_SUCCESS);
    assert_int_equal(moved, 0);
    assert_int_equal(made, 1);
    assert_int_equal(oskit_absio_read(io, back, 0, 60, &moved), OSKIT_SUCCESS); /* rewound */
    assert_memory_equal(back, "version 2\n", 10);
    assert_int_equal(oskit_absio_write(io, "x", 0, 1, &moved), OSKIT_EACCES);
    oskit_absio_release(io);
    fixture_close(&f);
}

static void test_large(void **state)
{
    (void)state;
    struct fixture f;
    oskit_absio_t *io;
    char back[11];
    size_t moved;

    assert_int_equal(fixture_open(&f), OSKIT_SUCCESS);
    assert_int_equal(open_path(&f, "/large", &io), OSKIT_SUCCESS);
    for (int i = 0; i < 3000; i++) {
        char line[24];

        snprintf(line, sizeof line, "line %04d\n", i);
        assert_int_equal(oskit_absio_read(io, back, i * 10, 10, &moved), OSKIT_SUCCESS);
        assert_int_equal(moved, 10);
        assert_memory_equal(back, line, 10);
    }
    assert_int_equal(oskit_absio_read(io, back, 30000, 10, &moved), OSKIT_SUCCESS);
    assert_int_equal(moved, 0);
    assert_int_equal(oskit_absio_read(io, back, -1, 10, &moved), OSKIT_E_INVALIDARG);
    oskit_absio_release(io);
    fixture_close(&f);
}

static void test_setting(void **state)
{
    (void)state;
    struct fixture f;
    oskit_absio_t *io;
    char text[100];
    size_t moved;

    memset(text, 'x', sizeof text);
    assert_int_equal(fixture_open(&f), OSKIT_SUCCESS);
    assert_int_equal(open_path(&f, "/setting", &io), OSKIT_SUCCESS);
    assert_int_equal(oskit_absio_write(io, "17\n", 0, 3, &moved), OSKIT_SUCCESS);
    assert_int_equal(moved, 3);
    assert_string_equal(stored, "17\n");
    assert_int_equal(oskit_absio_write(io, text, 3, sizeof text, &moved), OSKIT_E_INVALIDARG);
    oskit_absio_release(io);
    fixture_close(&f);
}

/* ---- Directories that change ---- */

struct seen {
    char text[256];
    int left;
};

static bool see(void *arg, const struct filex_entry *entry)
{
    struct seen *seen = arg;

    if (seen->left-- == 0)
        return false;
    strcat(seen->text, entry->name);
    strcat(seen->text, OSKIT_S_ISDIR(entry->type) ? "/ " : " ");
    return true;
}

static void test_readdir(void **state)
{
    (void)state;
    struct fixture f;
    oskit_u64_t cookie = 0;

    assert_int_equal(fixture_open(&f), OSKIT_SUCCESS);
    sluice_filex_t *filex = location_filex(&f.root);
    struct seen first = {"", 7}, rest = {"", 99}, none = {"", 99};
    assert_int_equal(filex->ops->readdir(filex, &cookie, see, &first), OSKIT_SUCCESS);
    assert_string_equal(first.text, "./ ../ version large setting self 10/ ");
    alive[1] = 25; /* the one shown last is gone */
    assert_int_equal(filex->ops->readdir(filex, &cookie, see, &rest), OSKIT_SUCCESS);
    assert_string_equal(rest.text, "20/ 25/ 30/ ");
    assert_int_equal(filex->ops->readdir(filex, &cookie, see, &none), OSKIT_SUCCESS);
    assert_string_equal(none.text, "");
    fixture_close(&f);
}

static void test_processes(void **state)
{
    (void)state;
    struct fixture f;
    struct location cwd, loc;
    oskit_absio_t *io;
    char back[64], path[64];
    size_t moved, length;

    assert_int_equal(fixture_open(&f), OSKIT_SUCCESS);
    assert_int_equal(look(&f, "/40"), OSKIT_ENOENT);
    alive[3] = 40;
    alive_count = 4;
    assert_int_equal(look(&f, "/40/status"), OSKIT_SUCCESS);
    assert_int_equal(open_path(&f, "/self/status", &io), OSKIT_SUCCESS);
    assert_int_equal(oskit_absio_read(io, back, 0, 60, &moved), OSKIT_SUCCESS);
    assert_memory_equal(back, "pid 10\n", 7);
    assert_int_equal(namespace_lookup(&f.walk, "/40", 0, &cwd), OSKIT_SUCCESS);
    alive_count = 3;
    alive[1] = 40; /* 10 is gone, 40 lives on */
    assert_int_equal(oskit_absio_read(io, back, 0, 60, &moved), OSKIT_ESRCH);
    oskit_absio_release(io);
    assert_int_equal(look(&f, "/self/status"), OSKIT_ENOENT);
    struct walk here = {f.ns, &f.root, &cwd};
    assert_int_equal(namespace_lookup(&here, "../40/status", 0, &loc), OSKIT_SUCCESS);
    location_release(&loc);
    assert_int_equal(namespace_path(&f.root, &cwd, path, sizeof path, &length), OSKIT_SUCCESS);
    assert_string_equal(path, "/40");
    alive[1] = 41;
    assert_int_equal(look(&f, "/40"), OSKIT_ENOENT);
    assert_true(location_deleted(&cwd));
    location_release(&cwd);
    fixture_close(&f);
}

static void test_permission(void **state)
{
    (void)state;
    struct fixture f;
    struct location loc;
    struct filex_stat stat;

    assert_int_equal(fixture_open(&f), OSKIT_SUCCESS);
    assert_int_equal(namespace_lookup(&f.walk, "/10/secret", 0, &loc), OSKIT_SUCCESS);
    sluice_filex_t *filex = location_filex(&loc);
    assert_int_equal(filex->ops->stat(filex, &stat), OSKIT_SUCCESS);
    assert_int_equal(stat.uid, 1000);
    assert_int_equal(stat.size, 0);
    env_test_set_identity(1001, 1001, 022, false);
    oskit_file_t *file = location_file(&loc);
    assert_int_equal(oskit_file_access(file, OSKIT_R_OK), OSKIT_EACCES);
    env_test_set_identity(1000, 1000, 022, false);
    assert_int_equal(oskit_file_access(file, OSKIT_R_OK), OSKIT_SUCCESS);
    env_test_set_identity(0, 0, 022, true);
    assert_int_equal(namespace_mkdir(&f.walk, "/x", 0755), OSKIT_EPERM);
    assert_int_equal(namespace_unlink(&f.walk, "/version"), OSKIT_EPERM);
    assert_int_equal(namespace_rename(&f.walk, "/version", &f.walk, "/v", 0), OSKIT_EPERM);
    location_release(&loc);
    fixture_close(&f);
}

static oskit_u64_t size_of(struct fixture *f, const char *path)
{
    struct location loc;
    struct filex_stat stat;
    oskit_stat_t seen;

    assert_int_equal(namespace_lookup(&f->walk, path, 0, &loc), OSKIT_SUCCESS);
    sluice_filex_t *filex = location_filex(&loc);
    assert_int_equal(filex->ops->stat(filex, &stat), OSKIT_SUCCESS);
    assert_int_equal(oskit_file_stat(location_file(&loc), &seen), OSKIT_SUCCESS);
    assert_int_equal(seen.size, stat.size);
    location_release(&loc);
    return stat.size;
}

/* Nothing but where it is asked for, and then what a reader gets. */
static void test_size(void **state)
{
    (void)state;
    struct fixture f;

    assert_int_equal(fixture_open(&f), OSKIT_SUCCESS);
    assert_int_equal(size_of(&f, "/version"), 0);
    assert_int_equal(size_of(&f, "/large"), 30000);
    fixture_close(&f);
}

/* A link that leads to the place itself, whatever its text says; also through a mount. */
static void test_magic_link(void **state)
{
    (void)state;
    struct fixture f;
    struct location loc, at;
    oskit_filesystem_t *fs;
    char path[64];
    size_t length;
    bool created;

    assert_int_equal(fixture_open(&f), OSKIT_SUCCESS);
    assert_int_equal(namespace_lookup(&f.walk, "/20", 0, &at), OSKIT_SUCCESS);
    assert_int_equal(ramfs_create(10, 0, &fs), OSKIT_SUCCESS);
    assert_int_equal(namespace_mount(f.ns, &at, fs, "ramfs", "none", 0), OSKIT_SUCCESS);
    oskit_filesystem_release(fs);
    location_release(&at);
    assert_int_equal(namespace_create_file(&f.walk, "/20/file", 0600, true, 0, &loc, &created),
                     OSKIT_SUCCESS);
    location_release(&loc);
    assert_int_equal(namespace_lookup(&f.walk, "/20", 0, &target), OSKIT_SUCCESS);
    assert_int_equal(namespace_lookup(&f.walk, "/10/cwd", 0, &loc), OSKIT_SUCCESS);
    assert_true(location_same(&loc, &target));
    location_release(&loc);
    assert_int_equal(namespace_lookup(&f.walk, "/10/cwd/file", 0, &loc), OSKIT_SUCCESS);
    assert_int_equal(namespace_path(&f.root, &loc, path, sizeof path, &length), OSKIT_SUCCESS);
    assert_string_equal(path, "/20/file");
    location_release(&loc);
    assert_int_equal(namespace_lookup(&f.walk, "/10/cwd", NAMESPACE_NOFOLLOW, &loc), OSKIT_SUCCESS);
    oskit_u32_t count;
    oskit_file_t *file = location_file(&loc);
    assert_int_equal(oskit_file_readlink(file, path, sizeof path, &count), OSKIT_SUCCESS);
    assert_int_equal(count, 12);
    location_release(&loc);
    assert_int_equal(namespace_create_file(&f.walk, "/10/cwd", 0600, false, 0, &loc, &created),
                     OSKIT_SUCCESS);
    assert_false(created);
    location_release(&loc);
    location_release(&target);
    fixture_close(&f);
}

/* ---- printf ---- */

static char printed[256];
#define PRINTS(...)                                     \
    do {                                                \
        snprintf(printed, sizeof printed, __VA_ARGS__); \
        synth_printf(text, __VA_ARGS__);                \
        synth_append(text, "|", 1);                     \
        strcat(all, printed);                           \
        strcat(all, "|");                               \
    } while (0)

static char all[4096];

static oskit_error_t show_formats(oskit_u64_t key, struct synth_text *text)
{
    (void)key;
    all[0] = '\0';
    PRINTS("plain %% text");
    PRINTS("%d %i %u", -5, 7, 4000000000u);
    PRINTS("%ld %lu %lld %llu", -5000000000l, 1ul, -1ll, ~0ull);
    PRINTS("%zu %zx", (size_t)12345, (size_t)0xabc);
    PRINTS("[%8d] [%-8d] [%08d] [%+d]", -42, 42, -42, 42);
    PRINTS("[%*d] [%-*d]", 6, 1, 6, 2);
    PRINTS("%x %X %#x %o %08lx", 0xdeadu, 0xbeefu, 0x1fu, 0755u, 0xffff800000000000ul);
    PRINTS("[%s] [%8s] [%-8s] [%.3s] [%.*s]", "abc", "abc", "abc", "abcdef", 2, "xyz");
    PRINTS("%c%c[%3c]", 'a', 'b', 'c');
    PRINTS("%d %d", INT32_MIN, INT32_MAX);
    PRINTS("%lld", (long long)INT64_MIN);
    return OSKIT_SUCCESS;
}

static void test_printf(void **state)
{
    (void)state;
    static const struct synth_node nodes[] = {
        {.name = "formats", .mode = OSKIT_S_IFREG | 0444, .show = show_formats}, {.name = NULL}};
    static const struct synth_node root = {.mode = OSKIT_S_IFDIR | 0555, .children = nodes};
    oskit_filesystem_t *fs;
    oskit_dir_t *dir;
    oskit_file_t *file;
    oskit_iunknown_t *object;
    char back[4096];
    size_t moved;

    assert_int_equal(synthfs_create(&root, &fs), OSKIT_SUCCESS);
    assert_int_equal(oskit_filesystem_getroot(fs, &dir), OSKIT_SUCCESS);
    assert_int_equal(oskit_dir_lookup(dir, "formats", &file), OSKIT_SUCCESS);
    assert_int_equal(file_open_object(file, OSKIT_O_RDONLY, &object), OSKIT_SUCCESS);
    oskit_absio_t *io = sluice_query_face(object, &oskit_absio_iid);
    assert_int_equal(oskit_absio_read(io, back, 0, sizeof back - 1, &moved), OSKIT_SUCCESS);
    back[moved] = '\0';
    assert_string_equal(back, all);
    oskit_absio_release(io);
    oskit_iunknown_release(object);
    oskit_file_release(file);
    oskit_dir_release(dir);
    oskit_filesystem_release(fs);
}

/* ---- Failures ---- */

static oskit_error_t use_everything(struct fixture *f)
{
    struct seen seen = {"", 99};
    oskit_u64_t cookie = 0;
    oskit_absio_t *io;
    char back[16];
    size_t moved;

    sluice_filex_t *filex = location_filex(&f->root);
    oskit_error_t err = filex->ops->readdir(filex, &cookie, see, &seen);
    if (OSKIT_SUCCEEDED(err))
        err = open_path(f, "/self/../setting", &io);
    if (OSKIT_FAILED(err))
        return err;
    err = oskit_absio_read(io, back, 0, 4, &moved);
    if (OSKIT_SUCCEEDED(err))
        err = oskit_absio_write(io, "x", 0, 1, &moved);
    oskit_absio_release(io);
    return err;
}

static void test_failures(void **state)
{
    (void)state;

    ENV_TEST_EACH_FAILURE
    {
        struct fixture f;
        oskit_error_t err = fixture_open(&f);

        if (OSKIT_SUCCEEDED(err)) {
            err = use_everything(&f);
            fixture_close(&f);
        }
        if (!env_test_failed())
            assert_int_equal(err, OSKIT_SUCCESS);
        else
            assert_int_equal(err, OSKIT_ENOMEM);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_text),     HARNESS_TEST(test_large),      HARNESS_TEST(test_setting),
        HARNESS_TEST(test_readdir),  HARNESS_TEST(test_processes),  HARNESS_TEST(test_permission),
        HARNESS_TEST(test_size),     HARNESS_TEST(test_magic_link), HARNESS_TEST(test_printf),
        HARNESS_TEST(test_failures),
    };
    return cmocka_run_group_tests_name("synthfs", tests, NULL, NULL);
}
