/* The namespace: walks, links, mounts, changes, paths; coherence of names; failures; threads. */
#include <stdio.h>
#include "harness.h"
#include <sluice/filex.h>
#include <sluice/namespace.h>
#include <sluice/pipe.h>
#include <sluice/ramfs.h>

struct fixture {
    oskit_filesystem_t *fs;
    struct namespace *ns;
    struct location root;
    struct walk walk;
};

static oskit_error_t fixture_open(struct fixture *f)
{
    oskit_error_t err = ramfs_create(1000, 0, &f->fs);

    if (OSKIT_FAILED(err))
        return err;
    err = namespace_create(f->fs, "ramfs", "none", &f->ns);
    oskit_filesystem_release(f->fs);
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

static oskit_error_t look(struct fixture *f, const char *path, oskit_u32_t flags)
{
    struct location loc;
    oskit_error_t err = namespace_lookup(&f->walk, path, flags, &loc);

    if (OSKIT_SUCCEEDED(err))
        location_release(&loc);
    return err;
}

static oskit_error_t create(struct fixture *f, const char *path, bool excl, bool *created)
{
    struct location loc;
    bool made;
    oskit_error_t err =
        namespace_create_file(&f->walk, path, 0644, excl, 0, &loc, created ? created : &made);

    if (OSKIT_SUCCEEDED(err))
        location_release(&loc);
    return err;
}

static void lines(struct fixture *f, const char *const *paths)
{
    for (; *paths; paths++) {
        oskit_error_t err = (*paths)[strlen(*paths) - 1] == '/'
                                ? namespace_mkdir(&f->walk, *paths, 0755)
                                : create(f, *paths, true, NULL);
        assert_int_equal(err, OSKIT_SUCCESS);
    }
}

#define FILES(f, ...) lines(f, (const char *const[]){__VA_ARGS__, NULL})

static oskit_u64_t inode(struct fixture *f, const char *path)
{
    struct filex_stat stat;
    struct location loc;

    assert_int_equal(namespace_lookup(&f->walk, path, NAMESPACE_NOFOLLOW, &loc), OSKIT_SUCCESS);
    sluice_filex_t *filex = location_filex(&loc);
    assert_int_equal(filex->ops->stat(filex, &stat), OSKIT_SUCCESS);
    location_release(&loc);
    return stat.ino;
}

static void assert_path(struct fixture *f, const struct location *loc, const char *path)
{
    char buffer[256];
    size_t length;

    assert_int_equal(namespace_path(&f->root, loc, buffer, sizeof buffer, &length), OSKIT_SUCCESS);
    assert_string_equal(buffer, path);
    assert_int_equal(length, strlen(path) + 1);
    assert_int_equal(namespace_path(&f->root, loc, buffer, strlen(path), &length), OSKIT_ERANGE);
}

/* ---- Walking ---- */

static void test_walk(void **state)
{
    (void)state;
    struct fixture f;
    char long_path[5000];

    assert_int_equal(fixture_open(&f), OSKIT_SUCCESS);
    FILES(&f, "/a/", "/a/b/", "/a/b/file");
    for (int round = 0; round < 2; round++) { /* the second time by names alone */
        assert_int_equal(look(&f, "/", 0), OSKIT_SUCCESS);
        assert_int_equal(look(&f, "", 0), OSKIT_ENOENT);
        assert_int_equal(look(&f, "a/b/file", 0), OSKIT_SUCCESS);
        assert_int_equal(look(&f, "//a///b//./../b/file", 0), OSKIT_SUCCESS);
        assert_int_equal(look(&f, "/../../a", 0), OSKIT_SUCCESS);
        assert_int_equal(look(&f, "/a/b/file/", 0), OSKIT_ENOTDIR);
        assert_int_equal(look(&f, "/a/b/file/x", 0), OSKIT_ENOTDIR);
        assert_int_equal(look(&f, "/a/b/file/..", 0), OSKIT_ENOTDIR);
        assert_int_equal(look(&f, "/a/b/", 0), OSKIT_SUCCESS);
        assert_int_equal(look(&f, "/a/none", 0), OSKIT_ENOENT);
        assert_int_equal(look(&f, "/a/none/x", 0), OSKIT_ENOENT);
        assert_int_equal(look(&f, "/a/b/file", NAMESPACE_DIRECTORY), OSKIT_ENOTDIR);
    }
    assert_int_equal(inode(&f, "/a/b/.."), inode(&f, "/a"));
    memset(long_path, 'n', sizeof long_path);
    long_path[256] = '\0';
    assert_int_equal(look(&f, long_path, 0), OSKIT_ENAMETOOLONG);
    long_path[255] = '\0';
    assert_int_equal(look(&f, long_path, 0), OSKIT_ENOENT);
    for (size_t i = 0; i < sizeof long_path; i++)
        long_path[i] = i % 2 ? '/' : '.';
    long_path[4096] = '\0';
    assert_int_equal(look(&f, long_path, 0), OSKIT_ENAMETOOLONG);
    long_path[4095] = '\0';
    assert_int_equal(look(&f, long_path, 0), OSKIT_SUCCESS);
    fixture_close(&f);
}

static void test_symlinks(void **state)
{
    (void)state;
    struct fixture f;
    bool created;

    assert_int_equal(fixture_open(&f), OSKIT_SUCCESS);
    FILES(&f, "/a/", "/a/b/", "/a/b/file", "/file");
    assert_int_equal(namespace_symlink(&f.walk, "/abs", "/a/b"), OSKIT_SUCCESS);
    assert_int_equal(namespace_symlink(&f.walk, "/a/rel", "../a/./b/file"), OSKIT_SUCCESS);
    assert_int_equal(namespace_symlink(&f.walk, "/loop", "loop"), OSKIT_SUCCESS);
    assert_int_equal(namespace_symlink(&f.walk, "/dangling", "a/new"), OSKIT_SUCCESS);
    assert_int_equal(namespace_symlink(&f.walk, "/dangling", "x"), OSKIT_EEXIST);
    assert_int_equal(namespace_symlink(&f.walk, "/empty", ""), OSKIT_ENOENT);
    assert_int_equal(inode(&f, "/abs/file"), inode(&f, "/a/b/file"));
    assert_int_equal(look(&f, "/a/rel", 0), OSKIT_SUCCESS);
    assert_int_equal(look(&f, "/a/rel/", 0), OSKIT_ENOTDIR);
    assert_int_equal(look(&f, "/loop", 0), OSKIT_ELOOP);
    assert_int_equal(look(&f, "/loop/x", 0), OSKIT_ELOOP);
    assert_int_equal(look(&f, "/loop", NAMESPACE_NOFOLLOW), OSKIT_SUCCESS);
    assert_int_equal(look(&f, "/abs/", NAMESPACE_NOFOLLOW | NAMESPACE_DIRECTORY), OSKIT_SUCCESS);
    assert_int_equal(look(&f, "/abs", NAMESPACE_NOFOLLOW | NAMESPACE_DIRECTORY), OSKIT_ENOTDIR);
    assert_int_equal(look(&f, "/dangling", 0), OSKIT_ENOENT);
    assert_int_equal(create(&f, "/dangling", true, NULL), OSKIT_EEXIST);
    assert_int_equal(create(&f, "/dangling", false, &created), OSKIT_SUCCESS);
    assert_true(created);
    assert_int_equal(look(&f, "/a/new", 0), OSKIT_SUCCESS);
    assert_int_equal(create(&f, "/dangling", false, &created), OSKIT_SUCCESS);
    assert_false(created);
    assert_int_equal(namespace_mkdir(&f.walk, "/abs", 0755), OSKIT_EEXIST);
    assert_int_equal(namespace_rmdir(&f.walk, "/abs"), OSKIT_ENOTDIR);
    assert_int_equal(namespace_unlink(&f.walk, "/abs/file"), OSKIT_SUCCESS);
    assert_int_equal(look(&f, "/a/b/file", 0), OSKIT_ENOENT);
    fixture_close(&f);
}

/* A chain of 40 links passes, one of 41 doesn't. */
static void test_link_limit(void **state)
{
    (void)state;
    struct fixture f;
    char from[16], to[16];

    assert_int_equal(fixture_open(&f), OSKIT_SUCCESS);
    FILES(&f, "/l0");
    for (int i = 1; i <= 41; i++) {
        snprintf(from, sizeof from, "/l%d", i);
        snprintf(to, sizeof to, "l%d", i - 1);
        assert_int_equal(namespace_symlink(&f.walk, from, to), OSKIT_SUCCESS);
    }
    assert_int_equal(look(&f, "/l40", 0), OSKIT_SUCCESS);
    assert_int_equal(look(&f, "/l41", 0), OSKIT_ELOOP);
    fixture_close(&f);
}

static void test_chroot(void **state)
{
    (void)state;
    struct fixture f;
    struct location jail, inner, loc;
    char buffer[64];
    size_t length;

    assert_int_equal(fixture_open(&f), OSKIT_SUCCESS);
    FILES(&f, "/jail/", "/jail/in/", "/jail/in/x", "/out");
    assert_int_equal(namespace_symlink(&f.walk, "/jail/esc", "/../../out"), OSKIT_SUCCESS);
    assert_int_equal(namespace_symlink(&f.walk, "/jail/abs", "/in/x"), OSKIT_SUCCESS);
    assert_int_equal(namespace_lookup(&f.walk, "/jail", 0, &jail), OSKIT_SUCCESS);
    assert_int_equal(namespace_lookup(&f.walk, "/jail/in", 0, &inner), OSKIT_SUCCESS);
    struct walk walk = {f.ns, &jail, &inner};
    assert_int_equal(namespace_lookup(&walk, "../../../out", 0, &loc), OSKIT_ENOENT);
    assert_int_equal(namespace_lookup(&walk, "/esc", 0, &loc), OSKIT_ENOENT);
    assert_int_equal(namespace_lookup(&walk, "/abs", 0, &loc), OSKIT_SUCCESS);
    assert_int_equal(namespace_path(&jail, &loc, buffer, sizeof buffer, &length), OSKIT_SUCCESS);
    assert_string_equal(buffer, "/in/x");
    location_release(&loc);
    assert_int_equal(namespace_path(&jail, &f.root, buffer, sizeof buffer, &length), OSKIT_SUCCESS);
    assert_string_equal(buffer, "(unreachable)/");
    location_release(&inner);
    location_release(&jail);
    fixture_close(&f);
}

static void test_permission(void **state)
{
    (void)state;
    struct fixture f;

    assert_int_equal(fixture_open(&f), OSKIT_SUCCESS);
    assert_int_equal(namespace_mkdir(&f.walk, "/private", 0700), OSKIT_SUCCESS);
    FILES(&f, "/private/x");
    assert_int_equal(look(&f, "/private/x", 0), OSKIT_SUCCESS);
    env_test_set_identity(1000, 1000, 022, false);
    assert_int_equal(look(&f, "/private", 0), OSKIT_SUCCESS);
    assert_int_equal(look(&f, "/private/x", 0), OSKIT_EACCES);
    assert_int_equal(look(&f, "/private/none", 0), OSKIT_EACCES);
    assert_int_equal(look(&f, "/private/.", 0), OSKIT_EACCES);
    assert_int_equal(create(&f, "/new", false, NULL), OSKIT_EACCES);
    assert_int_equal(namespace_unlink(&f.walk, "/private/x"), OSKIT_EACCES);
    assert_int_equal(namespace_rmdir(&f.walk, "/private"), OSKIT_EACCES);
    env_test_set_identity(0, 0, 022, true);
    fixture_close(&f);
}

/* ---- Changes ---- */

static void test_slashes_and_dots(void **state)
{
    (void)state;
    struct fixture f;
    bool created;

    assert_int_equal(fixture_open(&f), OSKIT_SUCCESS);
    FILES(&f, "/d/", "/f");
    assert_int_equal(namespace_mkdir(&f.walk, "/new/", 0755), OSKIT_SUCCESS);
    assert_int_equal(namespace_rmdir(&f.walk, "/new/"), OSKIT_SUCCESS);
    assert_int_equal(create(&f, "/new/", false, NULL), OSKIT_EISDIR);
    assert_int_equal(create(&f, "/f/", false, NULL), OSKIT_EISDIR);
    assert_int_equal(create(&f, "/d/", false, &created), OSKIT_EISDIR);
    assert_int_equal(create(&f, "/d/", true, &created), OSKIT_EISDIR);
    assert_int_equal(create(&f, "/d/..", false, &created), OSKIT_SUCCESS);
    assert_int_equal(create(&f, "/d/.", true, NULL), OSKIT_EEXIST);
    assert_int_equal(create(&f, "/", true, NULL), OSKIT_EEXIST);
    assert_int_equal(namespace_symlink(&f.walk, "/new/", "x"), OSKIT_ENOENT);
    assert_int_equal(namespace_mknod(&f.walk, "/new/", OSKIT_S_IFIFO | 0600, 0), OSKIT_ENOENT);
    assert_int_equal(namespace_mkdir(&f.walk, "/", 0755), OSKIT_EEXIST);
    assert_int_equal(namespace_mkdir(&f.walk, "/d/.", 0755), OSKIT_EEXIST);
    assert_int_equal(namespace_unlink(&f.walk, "/d/."), OSKIT_EISDIR);
    assert_int_equal(namespace_unlink(&f.walk, "/d"), OSKIT_EISDIR);
    assert_int_equal(namespace_unlink(&f.walk, "/f/"), OSKIT_ENOTDIR);
    assert_int_equal(namespace_rmdir(&f.walk, "/"), OSKIT_EBUSY);
    assert_int_equal(namespace_rmdir(&f.walk, "/d/."), OSKIT_E_INVALIDARG);
    assert_int_equal(namespace_rmdir(&f.walk, "/d/.."), OSKIT_ENOTEMPTY);
    assert_int_equal(namespace_rmdir(&f.walk, "/f"), OSKIT_ENOTDIR);
    assert_int_equal(namespace_rename(&f.walk, "/d/.", &f.walk, "/e", 0), OSKIT_EBUSY);
    assert_int_equal(namespace_rename(&f.walk, "/f/", &f.walk, "/e", 0), OSKIT_ENOTDIR);
    assert_int_equal(namespace_rename(&f.walk, "/f", &f.walk, "/e/", 0), OSKIT_ENOTDIR);
    assert_int_equal(namespace_rename(&f.walk, "/d/", &f.walk, "/e/", 0), OSKIT_SUCCESS);
    assert_int_equal(look(&f, "/e", 0), OSKIT_SUCCESS);
    fixture_close(&f);
}

/* What is remembered to be absent must not hide what is then made, nor what was there what is not.
 */
static void test_coherence(void **state)
{
    (void)state;
    struct fixture f;

    assert_int_equal(fixture_open(&f), OSKIT_SUCCESS);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(look(&f, "/x", 0), OSKIT_ENOENT);
        assert_int_equal(look(&f, "/x", 0), OSKIT_ENOENT);
        assert_int_equal(create(&f, "/x", true, NULL), OSKIT_SUCCESS);
        assert_int_equal(look(&f, "/x", 0), OSKIT_SUCCESS);
        assert_int_equal(namespace_unlink(&f.walk, "/x"), OSKIT_SUCCESS);
    }
    assert_int_equal(namespace_mkdir(&f.walk, "/x", 0755), OSKIT_SUCCESS);
    assert_int_equal(look(&f, "/x/y", 0), OSKIT_ENOENT);
    FILES(&f, "/x/y");
    assert_int_equal(namespace_rename(&f.walk, "/x", &f.walk, "/z", 0), OSKIT_SUCCESS);
    assert_int_equal(look(&f, "/x/y", 0), OSKIT_ENOENT);
    assert_int_equal(look(&f, "/z/y", 0), OSKIT_SUCCESS);
    assert_int_equal(namespace_mkdir(&f.walk, "/x", 0755), OSKIT_SUCCESS);
    assert_int_equal(look(&f, "/x/y", 0), OSKIT_ENOENT);
    fixture_close(&f);
}

static void test_link(void **state)
{
    (void)state;
    struct fixture f;
    struct location loc;

    assert_int_equal(fixture_open(&f), OSKIT_SUCCESS);
    FILES(&f, "/d/", "/a");
    assert_int_equal(namespace_lookup(&f.walk, "/a", 0, &loc), OSKIT_SUCCESS);
    assert_int_equal(look(&f, "/d/b", 0), OSKIT_ENOENT);
    assert_int_equal(namespace_link(&loc, &f.walk, "/d/b"), OSKIT_SUCCESS);
    assert_int_equal(namespace_link(&loc, &f.walk, "/d/b"), OSKIT_EEXIST);
    assert_int_equal(namespace_link(&loc, &f.walk, "/d/c/"), OSKIT_ENOENT);
    assert_int_equal(inode(&f, "/a"), inode(&f, "/d/b"));
    assert_int_equal(namespace_rename(&f.walk, "/a", &f.walk, "/d/b", 0), OSKIT_SUCCESS);
    assert_int_equal(look(&f, "/a", 0), OSKIT_SUCCESS); /* same file: nothing happens */
    location_release(&loc);
    assert_int_equal(namespace_lookup(&f.walk, "/d", 0, &loc), OSKIT_SUCCESS);
    assert_int_equal(namespace_link(&loc, &f.walk, "/e"), OSKIT_EPERM);
    location_release(&loc);
    fixture_close(&f);
}

static void test_rename(void **state)
{
    (void)state;
    struct fixture f;
    struct location file, dir, victim;

    assert_int_equal(fixture_open(&f), OSKIT_SUCCESS);
    FILES(&f, "/a/", "/a/sub/", "/a/sub/file", "/b/", "/b/other");
    assert_int_equal(namespace_lookup(&f.walk, "/a/sub/file", 0, &file), OSKIT_SUCCESS);
    assert_int_equal(namespace_lookup(&f.walk, "/a/sub", 0, &dir), OSKIT_SUCCESS);
    assert_path(&f, &file, "/a/sub/file");
    assert_int_equal(namespace_rename(&f.walk, "/a/sub", &f.walk, "/b/moved", 0), OSKIT_SUCCESS);
    assert_path(&f, &file, "/b/moved/file");
    assert_path(&f, &dir, "/b/moved");
    struct walk here = {f.ns, &f.root, &dir};
    assert_int_equal(namespace_lookup(&here, "../other", 0, &victim), OSKIT_SUCCESS);
    assert_int_equal(namespace_rename(&here, "file", &f.walk, "/b/other", 0), OSKIT_SUCCESS);
    assert_path(&f, &file, "/b/other");
    assert_path(&f, &victim, "/b/other (deleted)");
    assert_true(location_deleted(&victim));
    assert_false(location_deleted(&file));
    location_release(&victim);
    assert_int_equal(namespace_rename(&f.walk, "/b", &f.walk, "/b/moved/x", 0), OSKIT_E_INVALIDARG);
    assert_int_equal(namespace_rename(&f.walk, "/b/moved", &f.walk, "/b", 0), OSKIT_ENOTEMPTY);
    assert_int_equal(namespace_rename(&f.walk, "/b/other", &f.walk, "/a", RENAME_NOREPLACE),
                     OSKIT_EEXIST);
    assert_int_equal(namespace_rename(&f.walk, "/b/other", &f.walk, "/a", 0), OSKIT_EISDIR);
    assert_int_equal(namespace_rename(&f.walk, "/b/other", &f.walk, "/a", RENAME_EXCHANGE),
                     OSKIT_SUCCESS);
    assert_path(&f, &file, "/a");
    assert_int_equal(look(&f, "/b/other/.", 0), OSKIT_SUCCESS);
    assert_int_equal(namespace_rmdir(&f.walk, "/b/moved"), OSKIT_SUCCESS);
    assert_path(&f, &dir, "/b/moved (deleted)");
    assert_int_equal(namespace_mkdir(&here, "late", 0755), OSKIT_ENOENT);
    assert_int_equal(create(&f, "/b/moved/late", false, NULL), OSKIT_ENOENT);
    location_release(&dir);
    location_release(&file);
    fixture_close(&f);
}

static void test_long_names(void **state)
{
    (void)state;
    struct fixture f;
    char from[260], to[260];
    struct location loc;

    memset(from, 'a', 255);
    memset(to, 'b', 255);
    from[255] = to[255] = '\0';
    assert_int_equal(fixture_open(&f), OSKIT_SUCCESS);
    FILES(&f, from);
    assert_int_equal(namespace_lookup(&f.walk, from, 0, &loc), OSKIT_SUCCESS);
    assert_int_equal(namespace_rename(&f.walk, from, &f.walk, to, 0), OSKIT_SUCCESS);
    assert_int_equal(namespace_rename(&f.walk, to, &f.walk, "c", 0), OSKIT_SUCCESS);
    assert_path(&f, &loc, "/c");
    assert_int_equal(namespace_rename(&f.walk, "c", &f.walk, from, 0), OSKIT_SUCCESS);
    location_release(&loc);
    fixture_close(&f);
}

static void test_tmpfile(void **state)
{
    (void)state;
    struct fixture f;
    struct location loc;

    assert_int_equal(fixture_open(&f), OSKIT_SUCCESS);
    FILES(&f, "/d/");
    assert_int_equal(namespace_tmpfile(&f.walk, "/d", 0600, false, 0, &loc), OSKIT_SUCCESS);
    assert_true(location_deleted(&loc));
    assert_int_equal(namespace_link(&loc, &f.walk, "/d/named"), OSKIT_SUCCESS);
    assert_int_equal(look(&f, "/d/named", 0), OSKIT_SUCCESS);
    location_release(&loc);
    assert_int_equal(namespace_tmpfile(&f.walk, "/d", 0600, true, 0, &loc), OSKIT_SUCCESS);
    assert_int_equal(namespace_link(&loc, &f.walk, "/d/named"), OSKIT_EEXIST);
    assert_int_equal(namespace_link(&loc, &f.walk, "/d/never"), OSKIT_ENOENT);
    location_release(&loc);
    fixture_close(&f);
}

static void test_anonymous(void **state)
{
    (void)state;
    struct fixture f;
    struct location loc, none;
    oskit_iunknown_t *reader, *writer, *again;
    struct filex_stat stat;

    assert_int_equal(fixture_open(&f), OSKIT_SUCCESS);
    assert_int_equal(pipe_create(&reader, &writer), OSKIT_SUCCESS);
    assert_int_equal(namespace_anonymous(f.ns, reader, "pipe:[5]", OSKIT_S_IFIFO | 0600, &loc),
                     OSKIT_SUCCESS);
    assert_path(&f, &loc, "pipe:[5]");
    sluice_filex_t *filex = location_filex(&loc);
    assert_int_equal(filex->ops->stat(filex, &stat), OSKIT_SUCCESS);
    assert_true(OSKIT_S_ISFIFO(stat.mode));
    assert_int_equal(file_open_object(location_file(&loc), OSKIT_O_RDONLY, &again), OSKIT_SUCCESS);
    assert_ptr_equal(again, reader);
    oskit_iunknown_release(again);
    struct walk here = {f.ns, &f.root, &loc};
    assert_int_equal(namespace_lookup(&here, "x", 0, &none), OSKIT_ENOTDIR);
    assert_int_equal(namespace_lookup(&here, "..", 0, &none), OSKIT_ENOTDIR);
    assert_int_equal(namespace_link(&loc, &f.walk, "/pipe"), OSKIT_EXDEV);
    location_release(&loc);
    oskit_iunknown_release(reader);
    oskit_iunknown_release(writer);
    fixture_close(&f);
}

/* ---- Mounts ---- */

static bool count_mount(void *arg, const struct mount_info *info)
{
    char *text = arg;

    sprintf(text + strlen(text), "%s %s %s;", info->source, info->path, info->type);
    return true;
}

static oskit_error_t mount_ramfs(struct fixture *f, const char *path, oskit_u32_t flags)
{
    oskit_filesystem_t *fs;
    struct location at;

    assert_int_equal(namespace_lookup(&f->walk, path, 0, &at), OSKIT_SUCCESS);
    assert_int_equal(ramfs_create(10, 0, &fs), OSKIT_SUCCESS);
    oskit_error_t err = namespace_mount(f->ns, &at, fs, "ramfs", "src", flags);
    oskit_filesystem_release(fs);
    location_release(&at);
    return err;
}

static oskit_error_t unmount(struct fixture *f, const char *path, bool lazy)
{
    struct location at;

    assert_int_equal(namespace_lookup(&f->walk, path, 0, &at), OSKIT_SUCCESS);
    oskit_error_t err = namespace_unmount(f->ns, &at, lazy);
    location_release(&at);
    return err;
}

static void test_mount(void **state)
{
    (void)state;
    struct fixture f;
    struct location loc;
    char text[256] = "";

    assert_int_equal(fixture_open(&f), OSKIT_SUCCESS);
    FILES(&f, "/m/", "/m/under", "/f", "/g/");
    assert_int_equal(mount_ramfs(&f, "/f", 0), OSKIT_ENOTDIR);
    assert_int_equal(mount_ramfs(&f, "/m", 0), OSKIT_SUCCESS);
    assert_int_equal(look(&f, "/m/under", 0), OSKIT_ENOENT);
    FILES(&f, "/m/in", "/m/d/");
    assert_int_equal(mount_ramfs(&f, "/m/d", 0), OSKIT_SUCCESS);
    FILES(&f, "/m/d/deep");
    assert_int_equal(inode(&f, "/m/d/../.."), inode(&f, "/"));
    namespace_each_mount(f.ns, NULL, count_mount, text);
    assert_string_equal(text, "none / ramfs;src /m ramfs;src /m/d ramfs;");
    assert_int_equal(namespace_lookup(&f.walk, "/m", 0, &loc), OSKIT_SUCCESS);
    text[0] = '\0';
    namespace_each_mount(f.ns, &loc, count_mount, text);
    assert_string_equal(text, "src / ramfs;src /d ramfs;");
    location_release(&loc);
    assert_int_equal(namespace_lookup(&f.walk, "/g", 0, &loc), OSKIT_SUCCESS);
    text[0] = '\0';
    namespace_each_mount(f.ns, &loc, count_mount, text);
    assert_string_equal(text, "");
    location_release(&loc);
    assert_int_equal(namespace_rename(&f.walk, "/m", &f.walk, "/n", 0), OSKIT_EBUSY);
    assert_int_equal(namespace_rmdir(&f.walk, "/m"), OSKIT_EBUSY);
    assert_int_equal(namespace_rename(&f.walk, "/f", &f.walk, "/m/f", 0), OSKIT_EXDEV);
    assert_int_equal(namespace_lookup(&f.walk, "/f", 0, &loc), OSKIT_SUCCESS);
    assert_int_equal(namespace_link(&loc, &f.walk, "/m/f"), OSKIT_EXDEV);
    location_release(&loc);
    assert_int_equal(unmount(&f, "/g", false), OSKIT_E_INVALIDARG);
    assert_int_equal(unmount(&f, "/", false), OSKIT_EBUSY);
    assert_int_equal(unmount(&f, "/m", false), OSKIT_EBUSY); /* something mounted in it */
    assert_int_equal(namespace_lookup(&f.walk, "/m/d/deep", 0, &loc), OSKIT_SUCCESS);
    assert_path(&f, &loc, "/m/d/deep");
    assert_int_equal(unmount(&f, "/m/d", false), OSKIT_EBUSY); /* somebody in it */
    location_release(&loc);
    assert_int_equal(unmount(&f, "/m/d", false), OSKIT_SUCCESS);
    assert_int_equal(look(&f, "/m/d/deep", 0), OSKIT_ENOENT);
    assert_int_equal(unmount(&f, "/m", false), OSKIT_SUCCESS);
    assert_int_equal(look(&f, "/m/under", 0), OSKIT_SUCCESS);
    assert_int_equal(namespace_rmdir(&f.walk, "/g"), OSKIT_SUCCESS);
    fixture_close(&f);
}

static void test_stacked_mount(void **state)
{
    (void)state;
    struct fixture f;

    assert_int_equal(fixture_open(&f), OSKIT_SUCCESS);
    FILES(&f, "/m/");
    assert_int_equal(mount_ramfs(&f, "/m", 0), OSKIT_SUCCESS);
    FILES(&f, "/m/first");
    assert_int_equal(mount_ramfs(&f, "/m", 0), OSKIT_SUCCESS);
    assert_int_equal(look(&f, "/m/first", 0), OSKIT_ENOENT);
    assert_int_equal(inode(&f, "/m/.."), inode(&f, "/"));
    assert_int_equal(unmount(&f, "/m", false), OSKIT_SUCCESS);
    assert_int_equal(look(&f, "/m/first", 0), OSKIT_SUCCESS);
    fixture_close(&f);
}

static void test_lazy_unmount(void **state)
{
    (void)state;
    struct fixture f;
    struct location loc, up;
    char buffer[64];
    size_t length;

    assert_int_equal(fixture_open(&f), OSKIT_SUCCESS);
    FILES(&f, "/m/");
    assert_int_equal(mount_ramfs(&f, "/m", 0), OSKIT_SUCCESS);
    FILES(&f, "/m/d/", "/m/d/x");
    assert_int_equal(mount_ramfs(&f, "/m/d", 0), OSKIT_SUCCESS);
    FILES(&f, "/m/d/y");
    assert_int_equal(namespace_lookup(&f.walk, "/m/d", 0, &loc), OSKIT_SUCCESS);
    assert_int_equal(unmount(&f, "/m", true), OSKIT_SUCCESS);
    assert_int_equal(look(&f, "/m/d", 0), OSKIT_ENOENT);
    struct walk here = {f.ns, &f.root, &loc};
    assert_int_equal(namespace_lookup(&here, "y", 0, &up), OSKIT_SUCCESS);
    location_release(&up);
    assert_int_equal(namespace_lookup(&here, "../..", 0, &up), OSKIT_SUCCESS);
    assert_true(location_same(&up, &loc));
    location_release(&up);
    assert_int_equal(namespace_path(&f.root, &loc, buffer, sizeof buffer, &length), OSKIT_SUCCESS);
    assert_string_equal(buffer, "(unreachable)/");
    location_release(&loc);
    fixture_close(&f);
}

static void test_read_only(void **state)
{
    (void)state;
    struct fixture f;
    struct location at;

    assert_int_equal(fixture_open(&f), OSKIT_SUCCESS);
    FILES(&f, "/m/");
    assert_int_equal(mount_ramfs(&f, "/m", 0), OSKIT_SUCCESS);
    FILES(&f, "/m/x");
    assert_int_equal(namespace_lookup(&f.walk, "/m", 0, &at), OSKIT_SUCCESS);
    assert_int_equal(namespace_remount(&at, MOUNT_RDONLY | MOUNT_NODEV), OSKIT_SUCCESS);
    assert_int_equal(location_mount_flags(&at), MOUNT_RDONLY | MOUNT_NODEV);
    assert_int_equal(create(&f, "/m/y", false, NULL), OSKIT_EROFS);
    assert_int_equal(create(&f, "/m/x", false, NULL), OSKIT_SUCCESS);
    assert_int_equal(namespace_mkdir(&f.walk, "/m/d", 0755), OSKIT_EROFS);
    assert_int_equal(namespace_mkdir(&f.walk, "/m/x", 0755), OSKIT_EEXIST);
    assert_int_equal(namespace_unlink(&f.walk, "/m/x"), OSKIT_EROFS);
    assert_int_equal(namespace_rename(&f.walk, "/m/x", &f.walk, "/m/z", 0), OSKIT_EROFS);
    assert_int_equal(namespace_remount(&at, 0), OSKIT_SUCCESS);
    assert_int_equal(namespace_unlink(&f.walk, "/m/x"), OSKIT_SUCCESS);
    location_release(&at);
    fixture_close(&f);
}

/* ---- Bounds, failures, threads ---- */

/* Names are forgotten when there are many; what is in use is kept. */
static void test_trimming(void **state)
{
    (void)state;
    struct fixture f;
    struct location loc;
    char path[32];

    assert_int_equal(fixture_open(&f), OSKIT_SUCCESS);
    FILES(&f, "/keep/", "/keep/me");
    assert_int_equal(namespace_lookup(&f.walk, "/keep/me", 0, &loc), OSKIT_SUCCESS);
    size_t before = env_test_memory().blocks;
    for (int i = 0; i < 20000; i++) {
        snprintf(path, sizeof path, "/none%d", i);
        assert_int_equal(look(&f, path, 0), OSKIT_ENOENT);
    }
    assert_true(env_test_memory().blocks - before < 5000);
    assert_path(&f, &loc, "/keep/me");
    location_release(&loc);
    fixture_close(&f);
}

static oskit_error_t use_everything(struct fixture *f)
{
    struct location loc;
    oskit_error_t err = namespace_mkdir(&f->walk, "/a", 0755);

    if (OSKIT_SUCCEEDED(err))
        err = create(f, "/a/file", true, NULL);
    if (OSKIT_SUCCEEDED(err))
        err = namespace_symlink(&f->walk, "/l", "a/file");
    if (OSKIT_SUCCEEDED(err))
        err = namespace_lookup(&f->walk, "/l", 0, &loc);
    if (OSKIT_FAILED(err))
        return err;
    err = namespace_link(&loc, &f->walk, "/a/a-second-name-that-needs-memory-of-its-own");
    if (OSKIT_SUCCEEDED(err))
        err = namespace_rename(&f->walk, "/a/file", &f->walk, "/file", 0);
    if (OSKIT_SUCCEEDED(err))
        err = namespace_rename(&f->walk, "/file", &f->walk, "/a", RENAME_EXCHANGE);
    if (OSKIT_SUCCEEDED(err))
        err = namespace_mount(f->ns, &f->root, f->fs, "again", "same", 0);
    if (OSKIT_SUCCEEDED(err))
        err = look(f, "/a", 0);
    location_release(&loc);
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
        else if (OSKIT_FAILED(err))
            assert_int_equal(err, OSKIT_ENOMEM);
    }
}

/*
 * Whoever locks two directories holds the rename mutex, so their order can't matter; the thread
 * sanitizer sees only that it changes when a directory becomes its ancestor's ancestor.
 */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
    return "deadlock:rename_lock\ndeadlock:ramfs_lock_pair\ndeadlock:ramfs_replace\n"
           "deadlock:ramfs_rmdir_locked\n";
}

static _Atomic int running;

static void shuffle(void *arg)
{
    struct fixture *f = arg;
    unsigned seed = (unsigned)running * 7919u;
    static const char *const dirs[] = {"/p", "/q", "/p/r", "/q/s"};
    char from[32], to[32];

    for (int i = 0; i < 3000; i++) {
        seed = seed * 1103515245u + 12345u;
        unsigned a = seed >> 16;
        snprintf(from, sizeof from, "%s/n%u", dirs[a % 4], a / 4 % 5);
        snprintf(to, sizeof to, "%s/n%u", dirs[a / 32 % 4], a / 128 % 5);
        switch (a / 1024 % 7) {
        case 0:
            create(f, from, false, NULL);
            break;
        case 1:
            namespace_unlink(&f->walk, from);
            break;
        case 2:
            namespace_mkdir(&f->walk, from, 0755);
            break;
        case 3:
            namespace_rmdir(&f->walk, from);
            break;
        case 4:
            namespace_rename(&f->walk, from, &f->walk, to, 0);
            break;
        case 5:
            namespace_rename(&f->walk, from, &f->walk, to, RENAME_EXCHANGE);
            break;
        case 6:
            look(f, from, 0);
        }
    }
    running--;
}

static void test_threads(void **state)
{
    (void)state;
    struct fixture f;

    assert_int_equal(fixture_open(&f), OSKIT_SUCCESS);
    FILES(&f, "/p/", "/q/", "/p/r/", "/q/s/");
    for (int i = 0; i < 4; i++) {
        running++;
        assert_int_equal(env_thread_start("shuffle", shuffle, &f), OSKIT_SUCCESS);
    }
    env_test_join_threads();
    assert_int_equal(running, 0);
    fixture_close(&f);
}

static _Atomic bool stop;

/* Walks in and out of a place where something is mounted and taken away all the time. */
static void wander(void *arg)
{
    struct fixture *f = arg;
    struct location loc, up;
    char path[64];
    size_t length;

    while (!stop) {
        if (OSKIT_SUCCEEDED(namespace_lookup(&f->walk, "/m/d", 0, &loc))) {
            struct walk here = {f->ns, &f->root, &loc};

            if (OSKIT_SUCCEEDED(namespace_lookup(&here, "../../m/d/./..", 0, &up)))
                location_release(&up);
            namespace_path(&f->root, &loc, path, sizeof path, &length);
            location_release(&loc);
        }
        look(f, "/m/none", 0);
    }
}

static void test_mount_threads(void **state)
{
    (void)state;
    struct fixture f;

    assert_int_equal(fixture_open(&f), OSKIT_SUCCESS);
    FILES(&f, "/m/", "/m/d/");
    stop = false;
    for (int i = 0; i < 3; i++)
        assert_int_equal(env_thread_start("wander", wander, &f), OSKIT_SUCCESS);
    for (int i = 0; i < 300; i++) {
        assert_int_equal(mount_ramfs(&f, "/m", 0), OSKIT_SUCCESS);
        assert_int_equal(namespace_mkdir(&f.walk, "/m/d", 0755), OSKIT_SUCCESS);
        if (i % 3 == 0 || unmount(&f, "/m", false) == OSKIT_EBUSY)
            assert_int_equal(unmount(&f, "/m", true), OSKIT_SUCCESS);
    }
    stop = true;
    env_test_join_threads();
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_walk),         HARNESS_TEST(test_symlinks),
        HARNESS_TEST(test_link_limit),   HARNESS_TEST(test_chroot),
        HARNESS_TEST(test_permission),   HARNESS_TEST(test_slashes_and_dots),
        HARNESS_TEST(test_coherence),    HARNESS_TEST(test_link),
        HARNESS_TEST(test_rename),       HARNESS_TEST(test_long_names),
        HARNESS_TEST(test_tmpfile),      HARNESS_TEST(test_anonymous),
        HARNESS_TEST(test_mount),        HARNESS_TEST(test_stacked_mount),
        HARNESS_TEST(test_lazy_unmount), HARNESS_TEST(test_read_only),
        HARNESS_TEST(test_trimming),     HARNESS_TEST(test_failures),
        HARNESS_TEST(test_threads),      HARNESS_TEST(test_mount_threads),
    };
    return cmocka_run_group_tests_name("namespace", tests, NULL, NULL);
}
