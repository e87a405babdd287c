/* Random operations on two file systems: see ext2_pair.h. */
#include "ext2_pair.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <oskit/io/absio.h>
#include <sluice/object.h>
#include <sluice/ramfs.h>
#include "env.h"

static uint64_t draw(struct ext2_pair *pair, uint64_t bound)
{
    pair->random ^= pair->random << 13;
    pair->random ^= pair->random >> 7;
    pair->random ^= pair->random << 17;
    return (pair->random >> 11) % bound;
}

/* ---- Names ---- */

struct place {
    oskit_dir_t *dirs[2]; /* held */
    char name[64];
};

static void random_name(struct ext2_pair *pair, char *name)
{
    unsigned which = (unsigned)draw(pair, 10);

    if (which == 9)
        snprintf(name, 64, "a-rather-long-name-that-takes-room-%u", (unsigned)draw(pair, 40));
    else
        snprintf(name, 64, "%c", 'a' + (int)which);
}

static oskit_dir_t *child_dir(oskit_dir_t *dir, const char *name)
{
    oskit_file_t *file;

    if (oskit_dir_lookup(dir, name, &file))
        return NULL;
    oskit_dir_t *found = sluice_query_face(file, &oskit_dir_iid);
    oskit_file_release(file);
    return found;
}

/* A directory up to three levels down, the same in both, and a name in it. */
static struct place random_place(struct ext2_pair *pair)
{
    struct place place = {{pair->roots[0], pair->roots[1]}, ""};
    unsigned depth = (unsigned)draw(pair, 4);

    oskit_dir_addref(place.dirs[0]);
    oskit_dir_addref(place.dirs[1]);
    while (depth-- > 0) {
        char name[64];

        random_name(pair, name);
        oskit_dir_t *a = child_dir(place.dirs[0], name), *b = child_dir(place.dirs[1], name);
        if (!a != !b)
            env_test_fault("step %u: directory %s is in one only", pair->steps, name);
        if (!a)
            break;
        oskit_dir_release(place.dirs[0]);
        oskit_dir_release(place.dirs[1]);
        place.dirs[0] = a;
        place.dirs[1] = b;
    }
    random_name(pair, place.name);
    return place;
}

static void place_release(struct place *place)
{
    oskit_dir_release(place->dirs[0]);
    oskit_dir_release(place->dirs[1]);
}

static void same(struct ext2_pair *pair, const char *what, const struct place *place,
                 oskit_error_t a, oskit_error_t b)
{
    if (a != b)
        env_test_fault("step %u: %s %s: %#x, but %#x", pair->steps, what, place->name, a, b);
}

static sluice_filex_t *filex_of(void *object)
{
    return sluice_query_face(object, &sluice_filex_iid);
}

/* ---- Operations ---- */

static void do_create(struct ext2_pair *pair, struct place *place)
{
    static const oskit_u32_t types[] = {OSKIT_S_IFREG, OSKIT_S_IFREG, OSKIT_S_IFREG,
                                        OSKIT_S_IFDIR, OSKIT_S_IFDIR, OSKIT_S_IFLNK,
                                        OSKIT_S_IFIFO, OSKIT_S_IFCHR, OSKIT_S_IFSOCK};
    char target[1000];
    struct filex_creation how = {
        .mode = types[draw(pair, SLUICE_COUNT(types))] | (oskit_u32_t)draw(pair, 07777),
        .target = target,
    };
    oskit_error_t err[2];
    size_t length = draw(pair, 2) ? 1 + draw(pair, 70) : 1 + draw(pair, 998);

    if (OSKIT_S_ISCHR(how.mode))
        how.rdev = draw(pair, 2) ? 0x501 : 0x10203;
    memset(target, 'x', length);
    target[length] = '\0';
    for (int i = 0; i < 2; i++) {
        sluice_filex_t *filex = filex_of(place->dirs[i]);

        err[i] = sluice_filex_create(filex, place->name, &how, NULL);
        sluice_filex_release(filex);
    }
    same(pair, "create", place, err[0], err[1]);
}

static void do_unlink(struct ext2_pair *pair, struct place *place)
{
    same(pair, "unlink", place, oskit_dir_unlink(place->dirs[0], place->name),
         oskit_dir_unlink(place->dirs[1], place->name));
}

static void do_rmdir(struct ext2_pair *pair, struct place *place)
{
    same(pair, "rmdir", place, oskit_dir_rmdir(place->dirs[0], place->name),
         oskit_dir_rmdir(place->dirs[1], place->name));
}

static void do_rename(struct ext2_pair *pair, struct place *place)
{
    struct place to = random_place(pair);
    oskit_u32_t flags = draw(pair, 2) ? 0 : (oskit_u32_t)draw(pair, 4);
    oskit_error_t err[2];

    for (int i = 0; i < 2; i++) {
        sluice_filex_t *filex = filex_of(place->dirs[i]);

        err[i] = filex->ops->rename(filex, place->name, to.dirs[i], to.name, flags);
        sluice_filex_release(filex);
    }
    same(pair, "rename", place, err[0], err[1]);
    place_release(&to);
}

static void do_link(struct ext2_pair *pair, struct place *place)
{
    struct place to = random_place(pair);
    oskit_file_t *file;
    oskit_error_t err[2];

    for (int i = 0; i < 2; i++) {
        err[i] = oskit_dir_lookup(place->dirs[i], place->name, &file);
        if (err[i])
            continue;
        err[i] = oskit_dir_link(to.dirs[i], to.name, file);
        oskit_file_release(file);
    }
    same(pair, "link", place, err[0], err[1]);
    place_release(&to);
}

/* FN on the regular file at PLACE in each. */
static void on_file(struct ext2_pair *pair, struct place *place, const char *what,
                    oskit_error_t (*fn)(oskit_file_t *file, oskit_absio_t *io, void *arg),
                    void *args[2])
{
    oskit_error_t err[2];

    for (int i = 0; i < 2; i++) {
        oskit_file_t *file;
        struct filex_stat stat;
        oskit_iunknown_t *open = NULL;

        err[i] = oskit_dir_lookup(place->dirs[i], place->name, &file);
        if (err[i])
            continue;
        sluice_filex_t *filex = filex_of(file);
        sluice_filex_stat(filex, &stat);
        if (OSKIT_S_ISREG(stat.mode))
            err[i] = sluice_filex_open(filex, OSKIT_O_RDWR, &open);
        if (open) {
            oskit_absio_t *io = sluice_query_face(open, &oskit_absio_iid);
            err[i] = fn(file, io, args[i]);
            oskit_absio_release(io);
            oskit_iunknown_release(open);
        }
        sluice_filex_release(filex);
        oskit_file_release(file);
    }
    same(pair, what, place, err[0], err[1]);
}

struct transfer {
    char *bytes;
    size_t size, moved;
    oskit_off_t offset;
};

static oskit_error_t file_write(oskit_file_t *file, oskit_absio_t *io, void *arg)
{
    struct transfer *t = arg;

    (void)file;
    return oskit_absio_write(io, t->bytes, t->offset, t->size, &t->moved);
}

static oskit_error_t file_read(oskit_file_t *file, oskit_absio_t *io, void *arg)
{
    struct transfer *t = arg;

    (void)file;
    return oskit_absio_read(io, t->bytes, t->offset, t->size, &t->moved);
}

static oskit_error_t file_resize(oskit_file_t *file, oskit_absio_t *io, void *arg)
{
    struct transfer *t = arg;

    (void)file;
    return oskit_absio_setsize(io, t->offset);
}

static oskit_error_t file_sync(oskit_file_t *file, oskit_absio_t *io, void *arg)
{
    (void)io;
    (void)arg;
    return oskit_file_sync(file, 1);
}

/* Mostly small offsets; sometimes where indirect blocks begin. */
static oskit_off_t random_offset(struct ext2_pair *pair)
{
    static const oskit_off_t edges[] = {12288,    49152,   274432,  2146304,
                                        67383296, 4243456, 1 << 20, 16 << 20};
    oskit_off_t base = draw(pair, 4) ? 0 : edges[draw(pair, SLUICE_COUNT(edges))];

    return base + (oskit_off_t)draw(pair, draw(pair, 2) ? 5000 : 60000);
}

static void do_write(struct ext2_pair *pair, struct place *place)
{
    size_t size = 1 + draw(pair, draw(pair, 3) ? 6000 : 80000);
    char *bytes = malloc(size);
    struct transfer t[2] = {{bytes, size, 0, random_offset(pair)}};

    for (size_t i = 0; i < size; i++)
        bytes[i] = (char)(i * 7 + pair->random);
    t[1] = t[0];
    on_file(pair, place, "write", file_write, (void *[]){&t[0], &t[1]});
    if (t[0].moved != t[1].moved)
        env_test_fault("step %u: wrote %zu, but %zu", pair->steps, t[0].moved, t[1].moved);
    free(bytes);
}

static void do_read(struct ext2_pair *pair, struct place *place)
{
    size_t size = 1 + draw(pair, 100000);
    struct transfer t[2] = {{malloc(size), size, 0, random_offset(pair)}};

    t[1] = t[0];
    t[1].bytes = malloc(size);
    on_file(pair, place, "read", file_read, (void *[]){&t[0], &t[1]});
    if (t[0].moved != t[1].moved)
        env_test_fault("step %u: read %zu, but %zu", pair->steps, t[0].moved, t[1].moved);
    if (memcmp(t[0].bytes, t[1].bytes, t[0].moved))
        env_test_fault("step %u: %s reads differently", pair->steps, place->name);
    free(t[0].bytes);
    free(t[1].bytes);
}

static void do_resize(struct ext2_pair *pair, struct place *place)
{
    struct transfer t = {.offset = draw(pair, 4) ? random_offset(pair) : 0};

    on_file(pair, place, "truncate", file_resize, (void *[]){&t, &t});
}

static void do_sync(struct ext2_pair *pair, struct place *place)
{
    on_file(pair, place, "fsync", file_sync, (void *[]){NULL, NULL});
}

static void do_setattr(struct ext2_pair *pair, struct place *place)
{
    struct filex_attributes a = {.mode = (oskit_u32_t)draw(pair, 07777),
                                 .uid = (oskit_u32_t)draw(pair, 100000),
                                 .gid = (oskit_u32_t)draw(pair, 100000),
                                 .mtime = (oskit_s64_t)draw(pair, 1u << 31) * 1000000000};
    oskit_u32_t mask = FILEX_MTIME | (oskit_u32_t)draw(pair, 8);
    oskit_error_t err[2];

    for (int i = 0; i < 2; i++) {
        oskit_file_t *file;

        err[i] = oskit_dir_lookup(place->dirs[i], place->name, &file);
        if (err[i])
            continue;
        sluice_filex_t *filex = filex_of(file);
        err[i] = sluice_filex_setattr(filex, mask, &a);
        sluice_filex_release(filex);
        oskit_file_release(file);
    }
    same(pair, "setattr", place, err[0], err[1]);
}

/* Keeps a file, or one without a name, open for a while; and lets an older one go. */
static void do_hold(struct ext2_pair *pair, struct place *place)
{
    unsigned slot = (unsigned)draw(pair, PAIR_OPEN);
    bool nameless = draw(pair, 3) == 0;
    oskit_error_t err[2];

    for (int i = 0; i < 2; i++) {
        sluice_filex_t *filex = filex_of(place->dirs[i]);

        if (pair->held[slot][i])
            oskit_file_release(pair->held[slot][i]);
        pair->held[slot][i] = NULL;
        err[i] = nameless ? filex->ops->tmpfile(filex, 0600, &pair->held[slot][i])
                          : oskit_dir_lookup(place->dirs[i], place->name, &pair->held[slot][i]);
        sluice_filex_release(filex);
    }
    same(pair, nameless ? "tmpfile" : "lookup", place, err[0], err[1]);
}

static void do_link_held(struct ext2_pair *pair, struct place *place)
{
    unsigned slot = (unsigned)draw(pair, PAIR_OPEN);

    if (pair->held[slot][0])
        same(pair, "link held", place,
             oskit_dir_link(place->dirs[0], place->name, pair->held[slot][0]),
             oskit_dir_link(place->dirs[1], place->name, pair->held[slot][1]));
}

static void do_nothing(struct ext2_pair *pair, struct place *place)
{
    oskit_filesystem_t *fs;

    (void)pair;
    if (oskit_dir_getfs(place->dirs[1], &fs) == 0) {
        oskit_filesystem_sync(fs, 1);
        oskit_filesystem_release(fs);
    }
}

void ext2_pair_step(struct ext2_pair *pair)
{
    static void (*const operations[])(struct ext2_pair *, struct place *) = {
        do_create, do_create,  do_create, do_create, do_write,  do_write,     do_write,   do_write,
        do_read,   do_read,    do_resize, do_unlink, do_unlink, do_rmdir,     do_rename,  do_rename,
        do_link,   do_setattr, do_hold,   do_hold,   do_sync,   do_link_held, do_nothing,
    };
    struct place place = random_place(pair);

    pair->steps++;
    operations[draw(pair, SLUICE_COUNT(operations))](pair, &place);
    place_release(&place);
}

/* ---- Life ---- */

void ext2_pair_init(struct ext2_pair *pair, uint64_t seed)
{
    *pair = (struct ext2_pair){.random = seed * 0x9e3779b97f4a7c15u + 1};
    if (ramfs_create(RAMFS_UNLIMITED, 0, &pair->model) ||
        oskit_filesystem_getroot(pair->model, &pair->roots[0]))
        env_test_fault("no model");
}

void ext2_pair_fini(struct ext2_pair *pair)
{
    oskit_dir_release(pair->roots[0]);
    oskit_filesystem_release(pair->model);
}

void ext2_pair_adopt(struct ext2_pair *pair, oskit_dir_t *root)
{
    oskit_dir_t *found = child_dir(root, "lost+found");

    if (found) {
        oskit_dir_mkdir(pair->roots[0], "lost+found", 0700);
        oskit_dir_release(found);
    }
}

void ext2_pair_enter(struct ext2_pair *pair, oskit_dir_t *root)
{
    pair->roots[1] = root;
}

void ext2_pair_leave(struct ext2_pair *pair)
{
    for (unsigned slot = 0; slot < PAIR_OPEN; slot++)
        for (int i = 0; i < 2; i++) {
            if (pair->held[slot][i])
                oskit_file_release(pair->held[slot][i]);
            pair->held[slot][i] = NULL;
        }
    pair->roots[1] = NULL;
}

/* ---- Comparing ---- */

struct names {
    char name[4096][64];
    unsigned count;
};

static bool gather(void *arg, const struct filex_entry *entry)
{
    struct names *names = arg;

    snprintf(names->name[names->count++], 64, "%s", entry->name);
    return names->count < 4096;
}

static int order(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void compare_names(oskit_dir_t *a, oskit_dir_t *b, struct names *first)
{
    struct names *second = calloc(1, sizeof *second);
    oskit_dir_t *dirs[2] = {a, b};
    struct names *lists[2] = {first, second};

    for (int i = 0; i < 2; i++) {
        sluice_filex_t *filex = filex_of(dirs[i]);
        oskit_u64_t cookie = 0;

        if (sluice_filex_readdir(filex, &cookie, gather, lists[i]))
            env_test_fault("readdir");
        qsort(lists[i]->name, lists[i]->count, 64, order);
        sluice_filex_release(filex);
    }
    if (first->count != second->count || memcmp(first->name, second->name, first->count * 64u))
        env_test_fault("different names: %u and %u", first->count, second->count);
    free(second);
}

static void compare_bytes(oskit_file_t *a, oskit_file_t *b, const char *name)
{
    oskit_iunknown_t *open[2];
    oskit_absio_t *io[2];
    static char bytes[2][65536];
    oskit_size_t moved[2] = {1, 1};
    oskit_file_t *files[2] = {a, b};

    for (int i = 0; i < 2; i++) {
        sluice_filex_t *filex = filex_of(files[i]);

        sluice_filex_open(filex, OSKIT_O_RDONLY, &open[i]);
        io[i] = sluice_query_face(open[i], &oskit_absio_iid);
        sluice_filex_release(filex);
    }
    for (oskit_off_t at = 0; moved[0] > 0; at += (oskit_off_t)moved[0]) {
        for (int i = 0; i < 2; i++)
            if (oskit_absio_read(io[i], bytes[i], at, sizeof bytes[i], &moved[i]))
                env_test_fault("%s: read error", name);
        if (moved[0] != moved[1])
            env_test_fault("%s: different sizes at %lld", name, (long long)at);
        for (size_t k = 0; k < moved[0]; k++)
            if (bytes[0][k] != bytes[1][k])
                env_test_fault("%s: differs at %lld", name, (long long)at + (long long)k);
    }
    for (int i = 0; i < 2; i++) {
        oskit_absio_release(io[i]);
        oskit_iunknown_release(open[i]);
    }
}

static void compare_dirs(oskit_dir_t *a, oskit_dir_t *b);

static void compare_links(oskit_file_t *a, oskit_file_t *b, const char *name)
{
    char text[2][4096];
    oskit_u32_t length[2] = {0, 0};

    oskit_file_readlink(a, text[0], 4096, &length[0]);
    oskit_file_readlink(b, text[1], 4096, &length[1]);
    if (length[0] != length[1] || memcmp(text[0], text[1], length[0]))
        env_test_fault("link %s differs", name);
}

static void compare_one(oskit_dir_t *a, oskit_dir_t *b, const char *name)
{
    oskit_dir_t *dirs[2] = {a, b};
    oskit_file_t *files[2];
    struct filex_stat stat[2];

    for (int i = 0; i < 2; i++) {
        if (oskit_dir_lookup(dirs[i], name, &files[i]))
            env_test_fault("lookup %s", name);
        sluice_filex_t *filex = filex_of(files[i]);
        sluice_filex_stat(filex, &stat[i]);
        sluice_filex_release(filex);
    }
    bool own = strcmp(name, "lost+found") != 0;
    if (stat[0].mode != stat[1].mode || stat[0].nlink != stat[1].nlink ||
        (own && (stat[0].uid != stat[1].uid || stat[0].gid != stat[1].gid)) ||
        stat[0].rdev != stat[1].rdev)
        env_test_fault("%s: mode %o %o, links %u %u, rdev %x %x", name, stat[0].mode, stat[1].mode,
                       stat[0].nlink, stat[1].nlink, stat[0].rdev, stat[1].rdev);
    if (OSKIT_S_ISREG(stat[0].mode))
        compare_bytes(files[0], files[1], name);
    if (OSKIT_S_ISLNK(stat[0].mode))
        compare_links(files[0], files[1], name);
    if (OSKIT_S_ISDIR(stat[0].mode))
        compare_dirs((oskit_dir_t *)files[0], (oskit_dir_t *)files[1]);
    oskit_file_release(files[0]);
    oskit_file_release(files[1]);
}

static void compare_dirs(oskit_dir_t *a, oskit_dir_t *b)
{
    struct names *names = calloc(1, sizeof *names);

    compare_names(a, b, names);
    for (unsigned i = 0; i < names->count; i++)
        if (strcmp(names->name[i], ".") && strcmp(names->name[i], ".."))
            compare_one(a, b, names->name[i]);
    free(names);
}

void ext2_pair_compare(struct ext2_pair *pair)
{
    compare_dirs(pair->roots[0], pair->roots[1]);
}
