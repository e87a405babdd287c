/*
 * The host's tmpfs as the oracle: on long random runs of operations the namespace over ramfs must
 * give the answers, and end in the tree, that Linux gives.
 *
 * Both work in a directory that lies deep, so that links with ".." stay under a root of their own
 * however they are chained. Skipped where /dev/shm is no tmpfs.
 */
#define _GNU_SOURCE
#include "harness.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/falloc.h>
#undef RENAME_NOREPLACE /* the same numbers, spelt otherwise */
#undef RENAME_EXCHANGE
#include <oskit/io/absio.h>
#include <oskit/io/posixio.h>
#include <sluice/filex.h>
#include <sluice/namespace.h>
#include <sluice/ramfs.h>

#define TMPFS_MAGIC 0x01021994
#define DEPTH       45 /* more than the links a walk may follow */
#define NAMES       4  /* names in each directory */

struct world {
    struct namespace *ns;
    struct location root, base;
    struct walk walk;
    int base_fd;
    char top[32]; /* the host's directory */
    unsigned seed;
};

static unsigned choose(struct world *w, unsigned below)
{
    w->seed = w->seed * 1103515245u + 12345u;
    return (w->seed >> 12) % below;
}

static const struct {
    oskit_error_t oskit;
    int host;
} errors[] = {
    {OSKIT_SUCCESS, 0},       {OSKIT_ENOENT, ENOENT},       {OSKIT_EEXIST, EEXIST},
    {OSKIT_ENOTDIR, ENOTDIR}, {OSKIT_EISDIR, EISDIR},       {OSKIT_ENOTEMPTY, ENOTEMPTY},
    {OSKIT_ELOOP, ELOOP},     {OSKIT_E_INVALIDARG, EINVAL}, {OSKIT_EBUSY, EBUSY},
    {OSKIT_EPERM, EPERM},     {OSKIT_EACCES, EACCES},       {OSKIT_EXDEV, EXDEV},
    {OSKIT_ENXIO, ENXIO},     {OSKIT_EFBIG, EFBIG},         {OSKIT_ENAMETOOLONG, ENAMETOOLONG},
};

static int to_host(oskit_error_t err)
{
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++)
        if (errors[i].oskit == err)
            return errors[i].host;
    return 100000; /* none that is expected */
}

/* ---- The two worlds ---- */

static bool world_available(void)
{
    struct statfs fs;

    return statfs("/dev/shm", &fs) == 0 && fs.f_type == TMPFS_MAGIC;
}

static void world_descend(struct world *w)
{
    char path[2 * DEPTH + 2] = "";

    int fd = open(w->top, O_DIRECTORY | O_PATH);
    for (int i = 0; i < DEPTH; i++) {
        assert_int_equal(mkdirat(fd, "d", 0755), 0);
        int next = openat(fd, "d", O_DIRECTORY | O_PATH);
        close(fd);
        fd = next;
        strcat(path, "/d");
        assert_int_equal(namespace_mkdir(&w->walk, path, 0755), OSKIT_SUCCESS);
    }
    w->base_fd = fd;
    assert_int_equal(namespace_lookup(&w->walk, path, 0, &w->base), OSKIT_SUCCESS);
    w->walk.base = &w->base;
}

/* Root may do anything, so half the runs are somebody else's, where that can be had. */
static void become(uid_t id)
{
    if (getuid() != 0)
        id = geteuid();
    if (id != geteuid()) {
        assert_int_equal(seteuid(0), 0);
        assert_int_equal(setegid(id), 0);
        assert_int_equal(seteuid(id), 0);
    }
    env_test_set_identity(id, getegid(), 0, id == 0);
}

static void world_open(struct world *w, unsigned seed, uid_t id)
{
    oskit_filesystem_t *fs;

    become(id);
    umask(0);
    w->seed = seed;
    assert_int_equal(ramfs_create(RAMFS_UNLIMITED, 0, &fs), OSKIT_SUCCESS);
    oskit_dir_t *dir;
    oskit_stat_t stat = {.mode = 0777};
    assert_int_equal(oskit_filesystem_getroot(fs, &dir), OSKIT_SUCCESS);
    env_test_set_identity(0, 0, 0, true);
    assert_int_equal(oskit_dir_setstat(dir, OSKIT_STAT_MODE, &stat), OSKIT_SUCCESS);
    become(id);
    oskit_dir_release(dir);
    assert_int_equal(namespace_create(fs, "ramfs", "none", &w->ns), OSKIT_SUCCESS);
    oskit_filesystem_release(fs);
    namespace_root(w->ns, &w->root);
    w->walk = (struct walk){w->ns, &w->root, &w->root};
    strcpy(w->top, "/dev/shm/sluice-XXXXXX");
    assert_non_null(mkdtemp(w->top));
    world_descend(w);
}

static void world_close(struct world *w)
{
    char command[128];

    close(w->base_fd);
    snprintf(command, sizeof command, "chmod -R u+rwx %s; rm -rf %s", w->top, w->top);
    assert_int_equal(system(command), 0);
    location_release(&w->base);
    location_release(&w->root);
    namespace_destroy(w->ns);
}

/* A path of up to three components, sometimes with dots and slashes that should not matter, or
 * should. */
static void random_path(struct world *w, char *path)
{
    static const char *const odd[] = {"/", "/.", "/..", "//", "/./", "/../"};
    unsigned length = 1 + choose(w, 3);

    path[0] = '\0';
    for (unsigned i = 0; i < length; i++)
        sprintf(path + strlen(path), "%sn%u", i ? "/" : "", choose(w, NAMES));
    if (choose(w, 12) == 0)
        strcat(path, odd[choose(w, 6)]);
    if (choose(w, 200) == 0)
        strcpy(path, choose(w, 2) ? "." : "..");
}

/* ---- Operations: each gives the host's errno in both worlds ---- */

static int host(long result)
{
    return result < 0 ? errno : 0;
}

struct outcome {
    int ours, hosts;
};

static struct outcome op_mkdir(struct world *w, const char *path)
{
    mode_t mode = choose(w, 4) ? 0755 : 0700 | choose(w, 01000);

    return (struct outcome){to_host(namespace_mkdir(&w->walk, path, (oskit_mode_t)mode)),
                            host(mkdirat(w->base_fd, path, mode))};
}

static struct outcome op_rmdir(struct world *w, const char *path)
{
    return (struct outcome){to_host(namespace_rmdir(&w->walk, path)),
                            host(unlinkat(w->base_fd, path, AT_REMOVEDIR))};
}

static struct outcome op_unlink(struct world *w, const char *path)
{
    return (struct outcome){to_host(namespace_unlink(&w->walk, path)),
                            host(unlinkat(w->base_fd, path, 0))};
}

static struct outcome op_symlink(struct world *w, const char *path)
{
    char target[64];

    random_path(w, target);
    if (choose(w, 3) == 0) {
        char up[70];

        snprintf(up, sizeof up, "../%s", target);
        strcpy(target, up);
    }
    return (struct outcome){to_host(namespace_symlink(&w->walk, path, target)),
                            host(symlinkat(target, w->base_fd, path))};
}

static struct outcome op_link(struct world *w, const char *path)
{
    char old[64];
    struct location loc;

    random_path(w, old);
    bool follow = choose(w, 2);
    oskit_error_t err = namespace_lookup(&w->walk, old, follow ? 0 : NAMESPACE_NOFOLLOW, &loc);
    if (OSKIT_SUCCEEDED(err)) {
        err = namespace_link(&loc, &w->walk, path);
        location_release(&loc);
    }
    return (struct outcome){to_host(err), host(linkat(w->base_fd, old, w->base_fd, path,
                                                      follow ? AT_SYMLINK_FOLLOW : 0))};
}

static struct outcome op_rename(struct world *w, const char *path)
{
    char to[64];
    unsigned flags = choose(w, 3) ? 0 : choose(w, 4);

    random_path(w, to);
    return (struct outcome){to_host(namespace_rename(&w->walk, path, &w->walk, to, flags)),
                            host(syscall(SYS_renameat2, w->base_fd, path, w->base_fd, to, flags))};
}

static struct outcome op_mknod(struct world *w, const char *path)
{
    static const mode_t modes[] = {S_IFIFO | 0640, S_IFSOCK | 0600, S_IFREG | 0644};
    mode_t mode = modes[choose(w, 3)];

    return (struct outcome){to_host(namespace_mknod(&w->walk, path, (oskit_mode_t)mode, 0)),
                            host(mknodat(w->base_fd, path, mode, 0))};
}

static struct outcome op_chmod(struct world *w, const char *path)
{
    mode_t mode = (choose(w, 4) ? 0700 : 0) | choose(w, 01000);
    struct filex_attributes a = {.mode = mode};
    struct location loc;
    oskit_error_t err = namespace_lookup(&w->walk, path, 0, &loc);

    if (OSKIT_SUCCEEDED(err)) {
        sluice_filex_t *filex = location_filex(&loc);

        err = filex->ops->setattr(filex, FILEX_MODE, &a);
        location_release(&loc);
    }
    return (struct outcome){to_host(err), host(fchmodat(w->base_fd, path, mode, 0))};
}

/* ---- Contents ---- */

static void our_transfer(struct world *w, oskit_file_t *file, int fd)
{
    oskit_absio_t *io = sluice_query_face(file, &oskit_absio_iid);
    static char text[20000], back[2][20000];
    off_t at = choose(w, 60000);
    size_t size = 1 + choose(w, sizeof text - 1), moved;

    assert_non_null(io);
    switch (choose(w, 4)) {
    case 0:
        memset(text, 'a' + (int)choose(w, 26), size);
        assert_int_equal(oskit_absio_write(io, text, at, size, &moved), OSKIT_SUCCESS);
        assert_int_equal(pwrite(fd, text, size, at), moved);
        break;
    case 1:
        assert_int_equal(oskit_absio_setsize(io, at), OSKIT_SUCCESS);
        assert_int_equal(ftruncate(fd, at), 0);
        break;
    case 2:
        assert_int_equal(oskit_absio_read(io, back[0], at, size, &moved), OSKIT_SUCCESS);
        assert_int_equal(pread(fd, back[1], size, at), moved);
        assert_memory_equal(back[0], back[1], moved);
        break;
    case 3: {
        sluice_filex_t *filex = sluice_query_face(file, &sluice_filex_iid);
        oskit_u32_t punch = ALLOCATE_PUNCH_HOLE | ALLOCATE_KEEP_SIZE;

        assert_int_equal(filex->ops->allocate(filex, punch, at, (oskit_off_t)size), OSKIT_SUCCESS);
        assert_int_equal(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, (off_t)size),
                         0);
        for (int hole = 0; hole < 2; hole++) {
            oskit_off_t ours = -1;
            off_t hosts = lseek(fd, at, hole ? SEEK_HOLE : SEEK_DATA);
            int error = host(hosts);

            assert_int_equal(to_host(filex->ops->seek(filex, at, hole, &ours)), error);
            if (!error)
                assert_int_equal(ours, hosts);
        }
        filex->ops->release(filex);
    }
    }
    oskit_absio_release(io);
}

static struct outcome op_open(struct world *w, const char *path)
{
    bool excl = choose(w, 4) == 0, create = excl || choose(w, 3), nofollow = choose(w, 4) == 0;
    oskit_u32_t flags = nofollow ? NAMESPACE_NOFOLLOW : 0;
    struct location loc;
    struct outcome out;
    bool created = false;
    oskit_error_t err =
        create ? namespace_create_file(&w->walk, path, 0644, excl, flags, &loc, &created)
               : namespace_lookup(&w->walk, path, flags, &loc);
    int fd = openat(w->base_fd, path,
                    O_RDWR | O_NONBLOCK | (create ? O_CREAT : 0) | (excl ? O_EXCL : 0) |
                        (nofollow ? O_NOFOLLOW : 0),
                    0644);
    out.hosts = host(fd);
    if (OSKIT_SUCCEEDED(err)) { /* what the system call adds */
        struct filex_stat stat;
        sluice_filex_t *filex = location_filex(&loc);

        filex->ops->stat(filex, &stat);
        if (S_ISLNK(stat.mode))
            err = OSKIT_ELOOP;
        else if (S_ISDIR(stat.mode))
            err = OSKIT_EISDIR;
        else if (!created)
            err = oskit_file_access(location_file(&loc), OSKIT_R_OK | OSKIT_W_OK);
        if (OSKIT_SUCCEEDED(err) && S_ISSOCK(stat.mode))
            err = OSKIT_ENXIO;
        if (OSKIT_SUCCEEDED(err) && fd >= 0 && S_ISREG(stat.mode))
            our_transfer(w, location_file(&loc), fd);
        location_release(&loc);
    }
    if (fd >= 0)
        close(fd);
    out.ours = to_host(err);
    return out;
}

/* ---- Comparing ---- */

static void assert_same_stat(const struct filex_stat *ours, const struct stat *hosts)
{
    assert_int_equal(ours->mode, hosts->st_mode);
    assert_int_equal(ours->nlink, hosts->st_nlink);
    if (!S_ISDIR(hosts->st_mode))
        assert_int_equal(ours->size, hosts->st_size);
    if (S_ISREG(hosts->st_mode))
        assert_int_equal(ours->blocks, hosts->st_blocks);
}

static struct outcome op_stat(struct world *w, const char *path)
{
    bool follow = choose(w, 2);
    struct location loc;
    struct stat hosts;
    struct outcome out;
    oskit_error_t err = namespace_lookup(&w->walk, path, follow ? 0 : NAMESPACE_NOFOLLOW, &loc);

    out.ours = to_host(err);
    out.hosts = host(fstatat(w->base_fd, path, &hosts, follow ? 0 : AT_SYMLINK_NOFOLLOW));
    if (OSKIT_SUCCEEDED(err)) {
        struct filex_stat ours;
        sluice_filex_t *filex = location_filex(&loc);

        filex->ops->stat(filex, &ours);
        if (!out.hosts)
            assert_same_stat(&ours, &hosts);
        location_release(&loc);
    }
    return out;
}

struct listing {
    char names[64][16];
    unsigned count;
};

static bool list_ours(void *arg, const struct filex_entry *entry)
{
    struct listing *l = arg;

    strcpy(l->names[l->count++], entry->name);
    return true;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void compare_tree(struct world *w, const char *path);

static void compare_file(struct world *w, const char *path)
{
    struct location loc;
    struct filex_stat ours;
    struct stat hosts;

    assert_int_equal(namespace_lookup(&w->walk, path, NAMESPACE_NOFOLLOW, &loc), OSKIT_SUCCESS);
    sluice_filex_t *filex = location_filex(&loc);
    filex->ops->stat(filex, &ours);
    assert_int_equal(fstatat(w->base_fd, path, &hosts, AT_SYMLINK_NOFOLLOW), 0);
    assert_same_stat(&ours, &hosts);
    if (S_ISREG(hosts.st_mode)) {
        static char text[2][100000];
        size_t moved;
        oskit_absio_t *io = sluice_query_face(location_file(&loc), &oskit_absio_iid);
        int fd = openat(w->base_fd, path, O_RDONLY);

        assert_int_equal(oskit_absio_read(io, text[0], 0, sizeof text[0], &moved), OSKIT_SUCCESS);
        assert_int_equal(read(fd, text[1], sizeof text[1]), moved);
        assert_memory_equal(text[0], text[1], moved);
        close(fd);
        oskit_absio_release(io);
    }
    location_release(&loc);
    if (S_ISDIR(hosts.st_mode))
        compare_tree(w, path);
}

static void compare_tree(struct world *w, const char *path)
{
    struct listing ours = {.count = 0}, hosts = {.count = 0};
    struct location loc;
    oskit_u64_t cookie = 0;
    struct dirent *entry;
    char child[256];

    assert_int_equal(namespace_lookup(&w->walk, path, 0, &loc), OSKIT_SUCCESS);
    sluice_filex_t *filex = location_filex(&loc);
    assert_int_equal(filex->ops->readdir(filex, &cookie, list_ours, &ours), OSKIT_SUCCESS);
    location_release(&loc);
    DIR *dir = fdopendir(openat(w->base_fd, path, O_RDONLY | O_DIRECTORY));
    assert_non_null(dir);
    while ((entry = readdir(dir)))
        strcpy(hosts.names[hosts.count++], entry->d_name);
    closedir(dir);
    assert_int_equal(ours.count, hosts.count);
    qsort(ours.names, ours.count, sizeof ours.names[0], by_name);
    qsort(hosts.names, hosts.count, sizeof hosts.names[0], by_name);
    for (unsigned i = 0; i < ours.count; i++) {
        assert_string_equal(ours.names[i], hosts.names[i]);
        if (ours.names[i][0] == '.')
            continue;
        snprintf(child, sizeof child, "%s/%s", path, ours.names[i]);
        compare_file(w, child);
    }
}

/* ---- The run ---- */

static const struct {
    const char *name;
    struct outcome (*run)(struct world *w, const char *path);
    unsigned weight;
} operations[] = {
    {"mkdir", op_mkdir, 6}, {"rmdir", op_rmdir, 2},   {"unlink", op_unlink, 3},
    {"link", op_link, 3},   {"rename", op_rename, 6}, {"symlink", op_symlink, 3},
    {"open", op_open, 10},  {"mknod", op_mknod, 1},   {"chmod", op_chmod, 2},
    {"stat", op_stat, 6},
};

static void step(struct world *w, unsigned number)
{
    unsigned total = 0, which = 0;
    char path[64];

    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++)
        total += operations[i].weight;
    unsigned pick = choose(w, total);
    while (pick >= operations[which].weight)
        pick -= operations[which++].weight;
    random_path(w, path);
    struct outcome out = operations[which].run(w, path);
    if (out.ours != out.hosts)
        fail_msg("step %u: %s of \"%s\": ours %d (%s), the host's %d (%s)", number,
                 operations[which].name, path, out.ours, strerror(out.ours), out.hosts,
                 strerror(out.hosts));
}

static void test_like_linux(void **state)
{
    (void)state;
    if (!world_available())
        skip();
    for (unsigned seed = 1; seed <= 8; seed++) {
        struct world w;

        world_open(&w, seed * 7919, seed % 2 ? 0 : 65534);
        for (unsigned i = 0; i < 4000; i++) {
            step(&w, i);
            if (i % 500 == 499 && geteuid() == 0)
                compare_tree(&w, ".");
        }
        become(0);
        if (geteuid() == 0) /* somebody else may have locked himself out */
            compare_tree(&w, ".");
        world_close(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {HARNESS_TEST(test_like_linux)};

    return cmocka_run_group_tests_name("namespace against Linux", tests, NULL, NULL);
}
