/* ramfs: files, directories, links, permissions, times, space; and injected allocation failures. */
#include <stdio.h>
#include "harness.h"
#include <oskit/fs/openfile.h>
#include <oskit/io/absio.h>
#include <sluice/device.h>
#include <sluice/filex.h>
#include <sluice/namespace.h>
#include <sluice/ramfs.h>
#include <sluice/vecio.h>

struct fixture {
    oskit_filesystem_t *fs;
    oskit_dir_t *root;
};

static oskit_error_t fixture_open(struct fixture *f, oskit_u64_t pages)
{
    oskit_error_t err = ramfs_create(pages, 0, &f->fs);

    return OSKIT_FAILED(err) ? err : oskit_filesystem_getroot(f->fs, &f->root);
}

static void fixture_close(struct fixture *f)
{
    oskit_dir_release(f->root);
    oskit_filesystem_release(f->fs);
}

static oskit_file_t *make_file(oskit_dir_t *dir, const char *name, oskit_mode_t mode)
{
    oskit_file_t *file = NULL;

    assert_int_equal(oskit_dir_create(dir, name, 1, mode, &file), OSKIT_SUCCESS);
    return file;
}

static void touch(oskit_dir_t *dir, const char *name)
{
    oskit_file_t *file = make_file(dir, name, 0644);

    oskit_file_release(file);
}

static oskit_dir_t *make_dir(oskit_dir_t *dir, const char *name, oskit_mode_t mode)
{
    oskit_file_t *file;
    oskit_dir_t *out;

    assert_int_equal(oskit_dir_mkdir(dir, name, mode), OSKIT_SUCCESS);
    assert_int_equal(oskit_dir_lookup(dir, name, &file), OSKIT_SUCCESS);
    out = sluice_query_face(file, &oskit_dir_iid);
    assert_non_null(out);
    oskit_file_release(file);
    return out;
}

static struct filex_stat stat_of(void *face)
{
    sluice_filex_t *filex = sluice_query_face(face, &sluice_filex_iid);
    struct filex_stat stat;

    assert_non_null(filex);
    assert_int_equal(filex->ops->stat(filex, &stat), OSKIT_SUCCESS);
    filex->ops->release(filex);
    return stat;
}

static oskit_error_t set_attributes(void *face, oskit_u32_t mask, struct filex_attributes a)
{
    sluice_filex_t *filex = sluice_query_face(face, &sluice_filex_iid);
    oskit_error_t err = filex->ops->setattr(filex, mask, &a);

    filex->ops->release(filex);
    return err;
}

static oskit_error_t put(oskit_file_t *file, oskit_off_t offset, const void *bytes, size_t size,
                         size_t *moved)
{
    oskit_absio_t *absio = sluice_query_face(file, &oskit_absio_iid);
    oskit_error_t err = oskit_absio_write(absio, bytes, offset, size, moved);

    oskit_absio_release(absio);
    return err;
}

static size_t get(oskit_file_t *file, oskit_off_t offset, void *bytes, size_t size)
{
    oskit_absio_t *absio = sluice_query_face(file, &oskit_absio_iid);
    size_t moved = 0;

    assert_int_equal(oskit_absio_read(absio, bytes, offset, size, &moved), OSKIT_SUCCESS);
    oskit_absio_release(absio);
    return moved;
}

static oskit_error_t resize(oskit_file_t *file, oskit_off_t size)
{
    oskit_absio_t *absio = sluice_query_face(file, &oskit_absio_iid);
    oskit_error_t err = oskit_absio_setsize(absio, size);

    oskit_absio_release(absio);
    return err;
}

/* ---- Contents ---- */

static void test_write_read(void **state)
{
    (void)state;
    struct fixture f;
    char text[10000], back[10010];
    size_t moved;

    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)(i * 7 + i / 251);
    assert_int_equal(fixture_open(&f, 100), OSKIT_SUCCESS);
    oskit_file_t *file = make_file(f.root, "a", 0644);
    assert_int_equal(put(file, 3, text, sizeof text, &moved), OSKIT_SUCCESS);
    assert_int_equal(moved, sizeof text);
    assert_int_equal(get(file, 0, back, sizeof back), sizeof text + 3);
    assert_memory_equal(back, "\0\0\0", 3);
    assert_memory_equal(back + 3, text, sizeof text);
    assert_int_equal(get(file, 4090, back, 20), 20);
    assert_memory_equal(back, text + 4087, 20);
    assert_int_equal(get(file, sizeof text + 3, back, 20), 0);
    assert_int_equal(get(file, INT64_MAX, back, 20), 0);
    assert_int_equal(stat_of(file).size, sizeof text + 3);
    assert_int_equal(stat_of(file).blocks, 3 * 8);
    oskit_file_release(file);
    fixture_close(&f);
}

static void test_sparse(void **state)
{
    (void)state;
    struct fixture f;
    oskit_off_t far = ((oskit_off_t)1 << 40) + 5;
    char back[4];
    size_t moved;

    assert_int_equal(fixture_open(&f, 100), OSKIT_SUCCESS);
    oskit_file_t *file = make_file(f.root, "a", 0644);
    assert_int_equal(put(file, far, "xy", 2, &moved), OSKIT_SUCCESS);
    assert_int_equal(stat_of(file).size, far + 2);
    assert_int_equal(stat_of(file).blocks, 8);
    assert_int_equal(get(file, far - 2, back, 4), 4);
    assert_memory_equal(back, "\0\0xy", 4);
    assert_int_equal(get(file, 12345, back, 4), 4);
    assert_memory_equal(back, "\0\0\0\0", 4);
    assert_int_equal(put(file, INT64_MAX - 1, "xy", 2, &moved), OSKIT_SUCCESS);
    assert_int_equal(moved, 1);
    assert_int_equal(put(file, INT64_MAX, "xy", 2, &moved), OSKIT_EFBIG);
    assert_int_equal(put(file, -1, "xy", 2, &moved), OSKIT_E_INVALIDARG);
    oskit_file_release(file);
    fixture_close(&f);
}

static void test_truncate(void **state)
{
    (void)state;
    struct fixture f;
    char text[9000], back[9000];
    size_t moved;

    memset(text, 'x', sizeof text);
    assert_int_equal(fixture_open(&f, 100), OSKIT_SUCCESS);
    oskit_file_t *file = make_file(f.root, "a", 0644);
    assert_int_equal(put(file, 0, text, sizeof text, &moved), OSKIT_SUCCESS);
    assert_int_equal(resize(file, 100), OSKIT_SUCCESS);
    assert_int_equal(stat_of(file).blocks, 8);
    assert_int_equal(resize(file, 9000), OSKIT_SUCCESS);
    assert_int_equal(get(file, 0, back, 9000), 9000);
    for (int i = 0; i < 9000; i++)
        assert_int_equal(back[i], i < 100 ? 'x' : 0);
    assert_int_equal(resize(file, 0), OSKIT_SUCCESS);
    assert_int_equal(stat_of(file).blocks, 0);
    assert_int_equal(resize(file, -1), OSKIT_E_INVALIDARG);
    oskit_file_release(file);
    fixture_close(&f);
}

/* A page that is mapped outlives truncation; what a mapping wrote behind the end doesn't show when
 * the file grows. */
static void test_pages(void **state)
{
    (void)state;
    struct fixture f;
    void *page, *again;
    char back[8];
    size_t moved;

    assert_int_equal(fixture_open(&f, 2), OSKIT_SUCCESS);
    oskit_file_t *file = make_file(f.root, "a", 0644);
    sluice_pager_t *pager = sluice_query_face(file, &sluice_pager_iid);
    assert_int_equal(pager->ops->getpage(pager, 0, 0, &page), OSKIT_E_INVALIDARG);
    assert_int_equal(put(file, 0, "hello", 5, &moved), OSKIT_SUCCESS);
    assert_int_equal(pager->ops->getpage(pager, 0, PAGER_WRITE, &page), OSKIT_SUCCESS);
    assert_memory_equal(page, "hello", 6);
    memcpy(page, "HELLO, world", 12);
    assert_int_equal(get(file, 0, back, 8), 5);
    assert_memory_equal(back, "HELLO", 5);
    assert_int_equal(resize(file, 8), OSKIT_SUCCESS);
    assert_int_equal(get(file, 0, back, 8), 8);
    assert_memory_equal(back, "HELLO\0\0\0", 8);
    assert_int_equal(resize(file, 0), OSKIT_SUCCESS);
    assert_memory_equal(page, "HELLO", 5);
    assert_int_equal(env_test_page_count(page), 1);
    env_page_unref(page);
    /* A hole is answered by a page that stays, while there is room. */
    assert_int_equal(resize(file, 3 * 4096), OSKIT_SUCCESS);
    assert_int_equal(pager->ops->getpage(pager, 1, 0, &page), OSKIT_SUCCESS);
    assert_int_equal(pager->ops->getpage(pager, 1, 0, &again), OSKIT_SUCCESS);
    assert_ptr_equal(page, again);
    env_page_unref(again);
    assert_int_equal(put(file, 4096, "seen", 4, &moved), OSKIT_SUCCESS);
    assert_memory_equal(page, "seen", 4);
    env_page_unref(page);
    assert_int_equal(pager->ops->getpage(pager, 0, PAGER_WRITE, &page), OSKIT_SUCCESS);
    env_page_unref(page);
    assert_int_equal(pager->ops->getpage(pager, 2, PAGER_WRITE, &page), OSKIT_ENOSPC);
    assert_int_equal(pager->ops->getpage(pager, 2, 0, &page), OSKIT_SUCCESS);
    env_page_unref(page);
    assert_int_equal(pager->ops->getpage(pager, 3, 0, &page), OSKIT_E_INVALIDARG);
    assert_int_equal(pager->ops->getpage(pager, UINT64_MAX, 0, &page), OSKIT_E_INVALIDARG);
    pager->ops->release(pager);
    oskit_file_release(file);
    fixture_close(&f);
}

static void test_full(void **state)
{
    (void)state;
    struct fixture f;
    oskit_statfs_t fs;
    char text[3 * 4096];
    size_t moved;

    memset(text, 'x', sizeof text);
    assert_int_equal(fixture_open(&f, 2), OSKIT_SUCCESS);
    oskit_file_t *file = make_file(f.root, "a", 0644);
    assert_int_equal(put(file, 0, text, sizeof text, &moved), OSKIT_SUCCESS);
    assert_int_equal(moved, 2 * 4096);
    assert_int_equal(put(file, 2 * 4096, text, 1, &moved), OSKIT_ENOSPC);
    assert_int_equal(stat_of(file).size, 2 * 4096);
    assert_int_equal(oskit_filesystem_statfs(f.fs, &fs), OSKIT_SUCCESS);
    assert_int_equal(fs.blocks, 2);
    assert_int_equal(fs.bfree, 0);
    oskit_file_release(file);
    assert_int_equal(oskit_dir_unlink(f.root, "a"), OSKIT_SUCCESS);
    assert_int_equal(oskit_filesystem_statfs(f.fs, &fs), OSKIT_SUCCESS);
    assert_int_equal(fs.bfree, 2);
    fixture_close(&f);
}

/* A write from bad memory: what moved before counts, and no page is left behind. */
static void test_fault(void **state)
{
    (void)state;
    struct fixture f;
    char *text = malloc(8192);
    struct sluice_iovec iov = {text, 8192};
    struct sluice_uio uio;
    size_t moved;

    memset(text, 'x', 8192);
    assert_int_equal(fixture_open(&f, 100), OSKIT_SUCCESS);
    oskit_file_t *file = make_file(f.root, "a", 0644);
    sluice_absvec_t *vec = sluice_query_face(file, &sluice_absvec_iid);
    env_test_bad_user(text + 5000, 10);
    uio_init(&uio, &iov, 1, true);
    assert_int_equal(vec->ops->pwritev(vec, &uio, 0, 0, &moved, NULL), OSKIT_SUCCESS);
    assert_true(moved >= 4096 && moved <= 5000);
    assert_int_equal(stat_of(file).size, moved);
    env_test_bad_user(text, 8192);
    uio_init(&uio, &iov, 1, true);
    assert_int_equal(vec->ops->pwritev(vec, &uio, 8192, 0, &moved, NULL), OSKIT_EFAULT);
    assert_int_equal(moved, 0);
    uio_init(&uio, &iov, 1, true);
    assert_int_equal(vec->ops->preadv(vec, &uio, 0, 0, &moved), OSKIT_EFAULT);
    vec->ops->release(vec);
    oskit_file_release(file);
    fixture_close(&f);
    free(text);
}

static void test_append(void **state)
{
    (void)state;
    struct fixture f;
    struct sluice_iovec segment;
    struct sluice_uio uio;
    oskit_off_t end;
    char back[8];
    size_t moved;

    assert_int_equal(fixture_open(&f, 100), OSKIT_SUCCESS);
    oskit_file_t *file = make_file(f.root, "a", 0644);
    sluice_absvec_t *vec = sluice_query_face(file, &sluice_absvec_iid);
    for (int i = 1; i <= 3; i++) {
        uio_init_kernel(&uio, &segment, (void *)"ab", 2);
        assert_int_equal(vec->ops->pwritev(vec, &uio, 0, VECIO_APPEND, &moved, &end),
                         OSKIT_SUCCESS);
        assert_int_equal(end, 2 * i);
    }
    assert_int_equal(get(file, 0, back, 8), 6);
    assert_memory_equal(back, "ababab", 6);
    vec->ops->release(vec);
    oskit_file_release(file);
    fixture_close(&f);
}

static void test_allocate_seek(void **state)
{
    (void)state;
    struct fixture f;
    char text[3 * 4096], back[3 * 4096];
    oskit_off_t at;
    size_t moved;

    memset(text, 'x', sizeof text);
    assert_int_equal(fixture_open(&f, 100), OSKIT_SUCCESS);
    oskit_file_t *file = make_file(f.root, "a", 0644);
    sluice_filex_t *filex = sluice_query_face(file, &sluice_filex_iid);
    assert_int_equal(put(file, 0, text, sizeof text, &moved), OSKIT_SUCCESS);
    oskit_u32_t punch = ALLOCATE_PUNCH_HOLE | ALLOCATE_KEEP_SIZE;
    assert_int_equal(filex->ops->allocate(filex, punch, 100, 2 * 4096), OSKIT_SUCCESS);
    assert_int_equal(stat_of(file).blocks, 16);
    assert_int_equal(get(file, 0, back, sizeof back), sizeof back);
    for (int i = 0; i < (int)sizeof back; i++)
        assert_int_equal(back[i], i < 100 || i >= 100 + 2 * 4096 ? 'x' : 0);
    assert_int_equal(filex->ops->seek(filex, 0, true, &at), OSKIT_SUCCESS);
    assert_int_equal(at, 4096);
    assert_int_equal(filex->ops->seek(filex, 5000, false, &at), OSKIT_SUCCESS);
    assert_int_equal(at, 8192);
    assert_int_equal(filex->ops->seek(filex, 9000, true, &at), OSKIT_SUCCESS);
    assert_int_equal(at, sizeof text);
    assert_int_equal(filex->ops->seek(filex, sizeof text, true, &at), OSKIT_ENXIO);
    assert_int_equal(filex->ops->allocate(filex, 0, sizeof text, 1), OSKIT_SUCCESS);
    assert_int_equal(stat_of(file).size, sizeof text + 1);
    assert_int_equal(filex->ops->allocate(filex, ALLOCATE_KEEP_SIZE, 0, 5 * 4096), OSKIT_SUCCESS);
    assert_int_equal(stat_of(file).size, sizeof text + 1);
    assert_int_equal(stat_of(file).blocks, 5 * 8);
    assert_int_equal(filex->ops->allocate(filex, 0, 0, 200 * 4096), OSKIT_ENOSPC);
    filex->ops->release(filex);
    oskit_file_release(file);
    fixture_close(&f);
}

/* ---- Names ---- */

static void test_links(void **state)
{
    (void)state;
    struct fixture f;
    oskit_file_t *again;
    char back[2];
    size_t moved;

    assert_int_equal(fixture_open(&f, 100), OSKIT_SUCCESS);
    oskit_file_t *file = make_file(f.root, "a", 0644);
    assert_int_equal(oskit_dir_link(f.root, "b", file), OSKIT_SUCCESS);
    assert_int_equal(stat_of(file).nlink, 2);
    assert_int_equal(oskit_dir_link(f.root, "b", file), OSKIT_EEXIST);
    assert_int_equal(oskit_dir_lookup(f.root, "b", &again), OSKIT_SUCCESS);
    assert_ptr_equal(again, file);
    oskit_file_release(again);
    assert_int_equal(oskit_dir_unlink(f.root, "a"), OSKIT_SUCCESS);
    assert_int_equal(oskit_dir_unlink(f.root, "b"), OSKIT_SUCCESS);
    assert_int_equal(oskit_dir_unlink(f.root, "b"), OSKIT_ENOENT);
    assert_int_equal(stat_of(file).nlink, 0);
    assert_int_equal(put(file, 0, "x", 1, &moved), OSKIT_SUCCESS); /* held, so still good */
    assert_int_equal(get(file, 0, back, 2), 1);
    assert_int_equal(oskit_dir_link(f.root, "c", file), OSKIT_ENOENT);
    oskit_file_release(file);
    assert_int_equal(oskit_dir_link(f.root, "c", (oskit_file_t *)f.root), OSKIT_EPERM);
    fixture_close(&f);
}

static void test_directories(void **state)
{
    (void)state;
    struct fixture f;
    oskit_file_t *up;
    char long_name[300];

    memset(long_name, 'n', sizeof long_name);
    assert_int_equal(fixture_open(&f, 100), OSKIT_SUCCESS);
    oskit_dir_t *d = make_dir(f.root, "d", 0755);
    oskit_dir_t *e = make_dir(d, "e", 0755);
    assert_int_equal(stat_of(f.root).nlink, 3);
    assert_int_equal(stat_of(d).nlink, 3);
    assert_int_equal(oskit_dir_rmdir(f.root, "d"), OSKIT_ENOTEMPTY);
    assert_int_equal(oskit_dir_unlink(f.root, "d"), OSKIT_EISDIR);
    assert_int_equal(oskit_dir_mkdir(f.root, "d", 0755), OSKIT_EEXIST);
    assert_int_equal(oskit_dir_mkdir(f.root, "", 0755), OSKIT_E_INVALIDARG);
    assert_int_equal(oskit_dir_mkdir(f.root, "x/y", 0755), OSKIT_E_INVALIDARG);
    long_name[256] = '\0';
    assert_int_equal(oskit_dir_mkdir(f.root, long_name, 0755), OSKIT_ENAMETOOLONG);
    long_name[255] = '\0';
    assert_int_equal(oskit_dir_mkdir(f.root, long_name, 0755), OSKIT_SUCCESS);
    assert_int_equal(oskit_dir_lookup(e, "..", &up), OSKIT_SUCCESS);
    assert_ptr_equal(up, d);
    oskit_file_release(up);
    assert_int_equal(oskit_dir_lookup(f.root, "..", &up), OSKIT_SUCCESS);
    assert_ptr_equal(up, f.root);
    oskit_file_release(up);
    assert_int_equal(oskit_dir_rmdir(d, "e"), OSKIT_SUCCESS);
    assert_int_equal(stat_of(e).nlink, 0);
    assert_int_equal(oskit_dir_mkdir(e, "late", 0755), OSKIT_ENOENT);
    assert_int_equal(oskit_dir_lookup(e, "..", &up), OSKIT_ENOENT);
    oskit_dir_release(e);
    oskit_dir_release(d);
    assert_int_equal(oskit_dir_rmdir(f.root, "d"), OSKIT_SUCCESS);
    assert_int_equal(stat_of(f.root).nlink, 3);
    fixture_close(&f);
}

/* A tree deeper than any stack would bear goes without recursion. */
static void test_deep(void **state)
{
    (void)state;
    struct fixture f;

    assert_int_equal(fixture_open(&f, 100), OSKIT_SUCCESS);
    oskit_dir_t *dir = f.root;
    oskit_dir_addref(dir);
    for (int i = 0; i < 20000; i++) {
        oskit_dir_t *next = make_dir(dir, "d", 0755);

        oskit_dir_release(dir);
        dir = next;
    }
    oskit_dir_release(dir);
    fixture_close(&f);
}

struct seen {
    char names[64][32];
    oskit_u64_t cookies[64];
    int count, limit;
};

static bool see(void *arg, const struct filex_entry *entry)
{
    struct seen *seen = arg;

    if (seen->count == seen->limit)
        return false;
    strcpy(seen->names[seen->count], entry->name);
    seen->cookies[seen->count++] = entry->cookie;
    return true;
}

/* A reader that stops half-way sees what is left, once, whatever else goes and comes. */
static void test_readdir(void **state)
{
    (void)state;
    struct fixture f;
    struct seen seen = {.limit = 12};
    oskit_u64_t cookie = 0;
    char name[16];

    assert_int_equal(fixture_open(&f, 100), OSKIT_SUCCESS);
    for (int i = 0; i < 30; i++) {
        snprintf(name, sizeof name, "f%02d", i);
        touch(f.root, name);
    }
    sluice_filex_t *filex = sluice_query_face(f.root, &sluice_filex_iid);
    assert_int_equal(filex->ops->readdir(filex, &cookie, see, &seen), OSKIT_SUCCESS);
    assert_string_equal(seen.names[0], ".");
    assert_string_equal(seen.names[1], "..");
    assert_string_equal(seen.names[11], "f09");
    assert_int_equal(cookie, seen.cookies[11]);
    for (int i = 5; i < 15; i++) { /* the place where it stopped among them */
        snprintf(name, sizeof name, "f%02d", i);
        assert_int_equal(oskit_dir_unlink(f.root, name), OSKIT_SUCCESS);
    }
    touch(f.root, "new");
    seen.count = 0;
    seen.limit = 64;
    assert_int_equal(filex->ops->readdir(filex, &cookie, see, &seen), OSKIT_SUCCESS);
    assert_int_equal(seen.count, 16);
    assert_string_equal(seen.names[0], "f15");
    assert_string_equal(seen.names[15], "new");
    filex->ops->release(filex);
    fixture_close(&f);
}

static void test_dirents(void **state)
{
    (void)state;
    struct fixture f;
    oskit_dirents_t *entries;
    oskit_u32_t offset = 0;
    union {
        oskit_dirent_t dirent;
        char room[64];
    } u;
    int count;

    assert_int_equal(fixture_open(&f, 100), OSKIT_SUCCESS);
    touch(f.root, "file");
    assert_int_equal(oskit_dir_getdirentries(f.root, &offset, 2, &entries), OSKIT_SUCCESS);
    assert_int_equal(oskit_dirents_getcount(entries, &count), OSKIT_SUCCESS);
    assert_int_equal(count, 2);
    oskit_dirents_release(entries);
    assert_int_equal(oskit_dir_getdirentries(f.root, &offset, 2, &entries), OSKIT_SUCCESS);
    u.dirent.namelen = 4;
    assert_int_equal(oskit_dirents_getnext(entries, &u.dirent), OSKIT_ENAMETOOLONG);
    u.dirent.namelen = 5;
    assert_int_equal(oskit_dirents_getnext(entries, &u.dirent), OSKIT_SUCCESS);
    assert_string_equal(u.dirent.name, "file");
    assert_int_equal(u.dirent.namelen, 4);
    assert_int_equal(oskit_dirents_getnext(entries, &u.dirent), OSKIT_EWOULDBLOCK);
    oskit_dirents_release(entries);
    assert_int_equal(oskit_dir_getdirentries(f.root, &offset, 2, &entries), OSKIT_SUCCESS);
    assert_null(entries);
    fixture_close(&f);
}

static void test_special(void **state)
{
    (void)state;
    struct fixture f;
    oskit_file_t *file;
    oskit_iunknown_t *object;
    char back[16];
    oskit_u32_t length;

    assert_int_equal(fixture_open(&f, 100), OSKIT_SUCCESS);
    assert_int_equal(oskit_dir_symlink(f.root, "l", "over/there"), OSKIT_SUCCESS);
    assert_int_equal(oskit_dir_lookup(f.root, "l", &file), OSKIT_SUCCESS);
    assert_int_equal(oskit_file_readlink(file, back, sizeof back, &length), OSKIT_SUCCESS);
    assert_int_equal(length, 10);
    assert_memory_equal(back, "over/there", 10);
    assert_int_equal(stat_of(file).size, 10);
    oskit_file_release(file);
    assert_int_equal(oskit_dir_mknod(f.root, "p", OSKIT_S_IFIFO | 0600, 0), OSKIT_SUCCESS);
    assert_int_equal(oskit_dir_lookup(f.root, "p", &file), OSKIT_SUCCESS);
    assert_int_equal(file_open_object(file, OSKIT_O_WRONLY | OSKIT_O_NONBLOCK, &object),
                     OSKIT_ENXIO);
    assert_int_equal(file_open_object(file, OSKIT_O_RDWR, &object), OSKIT_SUCCESS);
    oskit_iunknown_release(object);
    oskit_file_release(file);
    assert_int_equal(oskit_dir_mknod(f.root, "s", OSKIT_S_IFSOCK | 0600, 0), OSKIT_SUCCESS);
    assert_int_equal(oskit_dir_lookup(f.root, "s", &file), OSKIT_SUCCESS);
    assert_int_equal(file_open_object(file, OSKIT_O_RDWR, &object), OSKIT_ENXIO);
    oskit_file_release(file);
    assert_int_equal(oskit_dir_mknod(f.root, "c", OSKIT_S_IFCHR | 0600, DEVICE_NUMBER(99, 1)),
                     OSKIT_SUCCESS);
    assert_int_equal(oskit_dir_lookup(f.root, "c", &file), OSKIT_SUCCESS);
    assert_int_equal(stat_of(file).rdev, DEVICE_NUMBER(99, 1));
    assert_int_equal(file_open_object(file, OSKIT_O_RDWR, &object), OSKIT_ENXIO);
    oskit_file_release(file);
    fixture_close(&f);
}

/* ---- Permissions and times ---- */

static void test_permissions(void **state)
{
    (void)state;
    static const oskit_u32_t groups[] = {50};
    struct fixture f;
    oskit_file_t *file;
    struct filex_attributes a = {0};

    assert_int_equal(fixture_open(&f, 100), OSKIT_SUCCESS);
    oskit_dir_t *open = make_dir(f.root, "open", 0777);
    oskit_dir_t *tmp = make_dir(f.root, "tmp", 01777);
    oskit_dir_t *group = make_dir(f.root, "group", 0755);
    a.mode = 02775;
    a.gid = 50;
    assert_int_equal(set_attributes(group, FILEX_MODE | FILEX_GID, a), OSKIT_SUCCESS);
    assert_int_equal(stat_of(group).mode, OSKIT_S_IFDIR | 02775);

    env_test_set_identity(1000, 1000, 022, false);
    env_test_set_groups(groups, 1);
    assert_int_equal(oskit_dir_mkdir(f.root, "no", 0755), OSKIT_EACCES);
    assert_int_equal(oskit_dir_mknod(open, "no", OSKIT_S_IFCHR, 1), OSKIT_EPERM);
    file = make_file(tmp, "mine", 0640);
    assert_int_equal(stat_of(file).uid, 1000);
    a.mode = 06777; /* not a member of the file's group? it is: 1000 is his own */
    assert_int_equal(set_attributes(file, FILEX_MODE, a), OSKIT_SUCCESS);
    a.uid = 0;
    assert_int_equal(set_attributes(file, FILEX_UID, a), OSKIT_EPERM);
    a.gid = 60;
    assert_int_equal(set_attributes(file, FILEX_GID, a), OSKIT_EPERM);
    a.gid = 50;
    assert_int_equal(set_attributes(file, FILEX_GID, a), OSKIT_SUCCESS);
    assert_int_equal(stat_of(file).mode, OSKIT_S_IFREG | 0777); /* set-id bits went with chgrp */
    a.mode = 0640;
    assert_int_equal(set_attributes(file, FILEX_MODE, a), OSKIT_SUCCESS);
    oskit_dir_t *sub = make_dir(group, "sub", 0755);
    assert_int_equal(stat_of(sub).gid, 50);
    assert_int_equal(stat_of(sub).mode, OSKIT_S_IFDIR | 02755);
    oskit_dir_release(sub);

    env_test_set_identity(1001, 1001, 022, false);
    env_test_set_groups(NULL, 0);
    assert_int_equal(oskit_file_access(file, OSKIT_F_OK), OSKIT_SUCCESS);
    assert_int_equal(oskit_file_access(file, OSKIT_R_OK), OSKIT_EACCES);
    assert_int_equal(oskit_dir_unlink(tmp, "mine"), OSKIT_EPERM); /* sticky */
    assert_int_equal(oskit_dir_rename(tmp, "mine", open, "his"), OSKIT_EPERM);
    assert_int_equal(set_attributes(file, FILEX_MODE, a), OSKIT_EPERM);
    assert_int_equal(set_attributes(file, FILEX_SIZE, a), OSKIT_EACCES);
    assert_int_equal(set_attributes(file, FILEX_SIZE | FILEX_OPEN, a), OSKIT_SUCCESS);
    assert_int_equal(set_attributes(file, FILEX_MTIME_NOW, a), OSKIT_EPERM);
    assert_int_equal(set_attributes(file, FILEX_ATIME_NOW | FILEX_MTIME_NOW, a), OSKIT_EACCES);

    env_test_set_identity(0, 0, 022, true);
    assert_int_equal(oskit_file_access(file, OSKIT_R_OK | OSKIT_W_OK), OSKIT_SUCCESS);
    assert_int_equal(oskit_file_access(file, OSKIT_X_OK), OSKIT_EACCES);
    assert_int_equal(oskit_dir_unlink(tmp, "mine"), OSKIT_SUCCESS);
    oskit_file_release(file);
    oskit_dir_release(group);
    oskit_dir_release(tmp);
    oskit_dir_release(open);
    fixture_close(&f);
}

static void test_times(void **state)
{
    (void)state;
    struct fixture f;
    struct filex_attributes a = {.atime = 5, .mtime = -7000000001};
    oskit_stat_t old;
    char back[1];
    size_t moved;

    assert_int_equal(fixture_open(&f, 100), OSKIT_SUCCESS);
    oskit_file_t *file = make_file(f.root, "a", 0644);
    struct filex_stat before = stat_of(file);
    assert_true(before.btime > 0 && before.mtime >= before.btime);
    assert_int_equal(set_attributes(file, FILEX_ATIME | FILEX_MTIME, a), OSKIT_SUCCESS);
    assert_int_equal(stat_of(file).atime, 5);
    assert_int_equal(stat_of(file).mtime, -7000000001);
    assert_int_equal(oskit_file_stat(file, &old), OSKIT_SUCCESS);
    assert_int_equal(old.mtime.tv_sec, -8);
    assert_int_equal(old.mtime.tv_nsec, 999999999);
    assert_int_equal(put(file, 0, "x", 1, &moved), OSKIT_SUCCESS);
    assert_true(stat_of(file).mtime >= before.mtime);
    assert_int_equal(get(file, 0, back, 1), 1);
    assert_true(stat_of(file).atime >= before.atime); /* was older than mtime */
    a.atime = INT64_MAX;
    assert_int_equal(set_attributes(file, FILEX_ATIME, a), OSKIT_SUCCESS);
    assert_int_equal(oskit_file_stat(file, &old), OSKIT_SUCCESS);
    assert_int_equal(old.atime.tv_sec, INT32_MAX);
    oskit_file_release(file);
    fixture_close(&f);
}

/* ---- Renaming ---- */

static void test_rename(void **state)
{
    (void)state;
    struct fixture f;
    oskit_file_t *file;

    assert_int_equal(fixture_open(&f, 100), OSKIT_SUCCESS);
    oskit_dir_t *a = make_dir(f.root, "a", 0755);
    oskit_dir_t *b = make_dir(a, "b", 0755);
    oskit_dir_t *c = make_dir(b, "c", 0755);
    touch(f.root, "file");
    touch(c, "file");
    assert_int_equal(oskit_dir_rename(f.root, "a", c, "x"), OSKIT_E_INVALIDARG);
    assert_int_equal(oskit_dir_rename(f.root, "a", a, "x"), OSKIT_E_INVALIDARG);
    assert_int_equal(oskit_dir_rename(b, "c", f.root, "a"), OSKIT_ENOTEMPTY);
    assert_int_equal(oskit_dir_rename(f.root, "file", f.root, "a"), OSKIT_EISDIR);
    assert_int_equal(oskit_dir_rename(f.root, "a", f.root, "file"), OSKIT_ENOTDIR);
    assert_int_equal(oskit_dir_rename(f.root, "none", f.root, "file"), OSKIT_ENOENT);
    assert_int_equal(oskit_dir_rename(f.root, "file", c, "file"), OSKIT_SUCCESS);
    assert_int_equal(oskit_dir_lookup(f.root, "file", &file), OSKIT_ENOENT);
    assert_int_equal(oskit_dir_rename(b, "c", f.root, "moved"), OSKIT_SUCCESS);
    assert_int_equal(stat_of(b).nlink, 2);
    assert_int_equal(stat_of(f.root).nlink, 4);
    assert_int_equal(oskit_dir_lookup(c, "..", &file), OSKIT_SUCCESS);
    assert_ptr_equal(file, f.root);
    oskit_file_release(file);
    assert_int_equal(oskit_dir_rename(f.root, "moved", a, "b"), OSKIT_SUCCESS); /* over empty b */
    assert_int_equal(stat_of(b).nlink, 0);
    assert_int_equal(stat_of(f.root).nlink, 3);
    assert_int_equal(stat_of(a).nlink, 3);
    oskit_dir_release(c);
    oskit_dir_release(b);
    oskit_dir_release(a);
    fixture_close(&f);
}

static void test_rename_flags(void **state)
{
    (void)state;
    struct fixture f;
    oskit_file_t *file;

    assert_int_equal(fixture_open(&f, 100), OSKIT_SUCCESS);
    oskit_dir_t *a = make_dir(f.root, "a", 0755);
    oskit_dir_t *b = make_dir(a, "b", 0755);
    oskit_file_t *x = make_file(f.root, "x", 0644);
    sluice_filex_t *root = sluice_query_face(f.root, &sluice_filex_iid);
    assert_int_equal(root->ops->rename(root, "x", a, "b", RENAME_NOREPLACE), OSKIT_EEXIST);
    assert_int_equal(root->ops->rename(root, "x", a, "n", RENAME_EXCHANGE), OSKIT_ENOENT);
    assert_int_equal(root->ops->rename(root, "a", a, "b", RENAME_EXCHANGE), OSKIT_E_INVALIDARG);
    assert_int_equal(root->ops->rename(root, "x", a, "b", 3), OSKIT_E_INVALIDARG);
    assert_int_equal(root->ops->rename(root, "x", a, "b", RENAME_EXCHANGE), OSKIT_SUCCESS);
    assert_int_equal(stat_of(f.root).nlink, 4);
    assert_int_equal(stat_of(a).nlink, 2);
    assert_int_equal(oskit_dir_lookup(a, "b", &file), OSKIT_SUCCESS);
    assert_ptr_equal(file, x);
    oskit_file_release(file);
    assert_int_equal(oskit_dir_lookup(b, "..", &file), OSKIT_SUCCESS);
    assert_ptr_equal(file, f.root);
    oskit_file_release(file);
    root->ops->release(root);
    oskit_file_release(x);
    oskit_dir_release(b);
    oskit_dir_release(a);
    fixture_close(&f);
}

static void test_tmpfile(void **state)
{
    (void)state;
    struct fixture f;
    oskit_file_t *file;

    assert_int_equal(fixture_open(&f, 100), OSKIT_SUCCESS);
    sluice_filex_t *root = sluice_query_face(f.root, &sluice_filex_iid);
    assert_int_equal(root->ops->tmpfile(root, 0600, &file), OSKIT_SUCCESS);
    assert_int_equal(stat_of(file).nlink, 0);
    assert_int_equal(oskit_dir_link(f.root, "named", file), OSKIT_SUCCESS);
    assert_int_equal(stat_of(file).nlink, 1);
    oskit_file_release(file);
    root->ops->release(root);
    fixture_close(&f);
}

/* A file that is held lives on after its file system. */
static void test_outlive(void **state)
{
    (void)state;
    struct fixture f;
    oskit_filesystem_t *fs;
    char back[4];
    size_t moved;

    assert_int_equal(fixture_open(&f, 100), OSKIT_SUCCESS);
    oskit_dir_t *d = make_dir(f.root, "d", 0755);
    oskit_file_t *file = make_file(d, "a", 0644);
    assert_int_equal(put(file, 0, "abcd", 4, &moved), OSKIT_SUCCESS);
    fixture_close(&f);
    assert_int_equal(get(file, 0, back, 4), 4);
    assert_memory_equal(back, "abcd", 4);
    assert_int_equal(oskit_file_getfs(file, &fs), OSKIT_ESTALE);
    assert_int_equal(oskit_dir_mkdir(d, "late", 0755), OSKIT_ENOENT);
    oskit_file_release(file);
    oskit_dir_release(d);
}

/* ---- Threads ---- */

/*
 * Everything that touches one file's pages at once: writers, readers, cutters, page faults, hole
 * punchers. Each byte is 0 or 'x' whatever happens. Not for the thread sanitizer: that contents
 * race is the business of those who write them.
 */
#ifndef __SANITIZE_THREAD__

static oskit_file_t *contested;

static void contend(void *arg)
{
    sluice_pager_t *pager = sluice_query_face(contested, &sluice_pager_iid);
    sluice_filex_t *filex = sluice_query_face(contested, &sluice_filex_iid);
    unsigned seed = (unsigned)(uintptr_t)arg;
    oskit_u32_t punch = ALLOCATE_PUNCH_HOLE | ALLOCATE_KEEP_SIZE;
    char text[9000];
    void *page;
    size_t moved;

    for (int i = 0; i < 3000; i++) {
        seed = seed * 1103515245u + 12345u;
        oskit_off_t at = (seed >> 8) % 40000;
        switch ((seed >> 24) % 6) {
        case 0:
            memset(text, 'x', sizeof text);
            put(contested, at, text, sizeof text, &moved);
            break;
        case 1:
        case 2:
            moved = get(contested, at, text, sizeof text);
            for (size_t j = 0; j < moved; j++)
                assert_true(text[j] == 0 || text[j] == 'x');
            break;
        case 3:
            resize(contested, at);
            break;
        case 4:
            if (OSKIT_SUCCEEDED(
                    pager->ops->getpage(pager, (oskit_u64_t)at / 4096, PAGER_WRITE, &page))) {
                memset((char *)page + at % 4096, 'x', 1);
                env_page_unref(page);
            }
            break;
        case 5:
            filex->ops->allocate(filex, punch, at, 5000);
        }
    }
    filex->ops->release(filex);
    pager->ops->release(pager);
}

static void test_contention(void **state)
{
    (void)state;
    struct fixture f;
    oskit_statfs_t fs;

    assert_int_equal(fixture_open(&f, 100), OSKIT_SUCCESS);
    contested = make_file(f.root, "a", 0644);
    for (uintptr_t i = 1; i <= 4; i++)
        assert_int_equal(env_thread_start("contend", contend, (void *)(i * 7919)), OSKIT_SUCCESS);
    env_test_join_threads();
    assert_int_equal(resize(contested, 0), OSKIT_SUCCESS);
    assert_int_equal(stat_of(contested).blocks, 0);
    assert_int_equal(oskit_filesystem_statfs(f.fs, &fs), OSKIT_SUCCESS);
    assert_int_equal(fs.bfree, 100); /* the count is right after all that */
    oskit_file_release(contested);
    fixture_close(&f);
}

#endif

/* ---- Failures ---- */

static oskit_error_t use_everything(struct fixture *f)
{
    oskit_file_t *file = NULL;
    oskit_error_t err;
    size_t moved;

    err = oskit_dir_create(f->root, "file", 1, 0644, &file);
    if (OSKIT_SUCCEEDED(err))
        err = put(file, 5000, "x", 1, &moved);
    if (OSKIT_SUCCEEDED(err))
        err = put(file, (oskit_off_t)1 << 36, "x", 1, &moved);
    if (OSKIT_SUCCEEDED(err))
        err = oskit_dir_link(f->root, "link", file);
    if (file)
        oskit_file_release(file);
    if (OSKIT_SUCCEEDED(err))
        err = oskit_dir_mkdir(f->root, "dir", 0755);
    if (OSKIT_SUCCEEDED(err))
        err = oskit_dir_symlink(f->root, "symlink", "to");
    if (OSKIT_SUCCEEDED(err))
        err = oskit_dir_mknod(f->root, "fifo", OSKIT_S_IFIFO | 0600, 0);
    if (OSKIT_SUCCEEDED(err))
        err = oskit_dir_rename(f->root, "link", f->root, "renamed");
    if (OSKIT_SUCCEEDED(err))
        err = oskit_dir_rename(f->root, "renamed", f->root, "fifo");
    if (OSKIT_SUCCEEDED(err))
        err = oskit_dir_unlink(f->root, "fifo");
    return err;
}

static void test_failures(void **state)
{
    (void)state;

    ENV_TEST_EACH_FAILURE
    {
        struct fixture f;
        oskit_error_t err = fixture_open(&f, 100);

        if (OSKIT_SUCCEEDED(err)) {
            err = use_everything(&f);
            fixture_close(&f);
        }
        /* A directory whose table can't grow goes on with the one it has. */
        if (!env_test_failed())
            assert_int_equal(err, OSKIT_SUCCESS);
        else if (OSKIT_FAILED(err))
            assert_int_equal(err, OSKIT_ENOMEM);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_write_read),  HARNESS_TEST(test_sparse),
        HARNESS_TEST(test_truncate),    HARNESS_TEST(test_pages),
        HARNESS_TEST(test_full),        HARNESS_TEST(test_fault),
        HARNESS_TEST(test_append),      HARNESS_TEST(test_allocate_seek),
        HARNESS_TEST(test_links),       HARNESS_TEST(test_directories),
        HARNESS_TEST(test_deep),        HARNESS_TEST(test_readdir),
        HARNESS_TEST(test_dirents),     HARNESS_TEST(test_special),
        HARNESS_TEST(test_permissions), HARNESS_TEST(test_times),
        HARNESS_TEST(test_rename),      HARNESS_TEST(test_rename_flags),
        HARNESS_TEST(test_tmpfile),     HARNESS_TEST(test_outlive),
        HARNESS_TEST(test_failures),
#ifndef __SANITIZE_THREAD__
        HARNESS_TEST(test_contention),
#endif
    };
    return cmocka_run_group_tests_name("ramfs", tests, NULL, NULL);
}
