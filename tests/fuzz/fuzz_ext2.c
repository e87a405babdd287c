/*
 * A damaged disk: small file systems of mke2fs with some bytes changed, mounted, read through, and
 * written to. The input chooses the file system and says what is changed: superblock, descriptors
 * and inodes more often than the rest. Nothing may crash, hang or stay behind; what the answers are
 * is open.
 */
#include "fuzz.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
#include <oskit/io/absio.h>
#include <sluice/block.h>
#include <sluice/ext2.h>
#include <sluice/filesystemx.h>
#include "ext2_image.h"

#define BASE_MAX   (2048u * 1024)
#define DEPTH_MAX  6u
#define VISITS_MAX 200u

struct base {
    const char *options;
    unsigned kilobytes;
    char *bytes;
    size_t size;
};

static struct base bases[] = {
    {"-t ext2 -b 1024 -N 64", 256, NULL, 0},
    {"-t ext2 -b 4096 -N 64", 512, NULL, 0},
    {"-t ext3 -b 1024 -N 64 -J size=1", 1800, NULL, 0},
    {"-t ext4 -b 1024 -N 64 -O ^has_journal,^metadata_csum,^resize_inode", 256, NULL, 0},
    {"-t ext4 -b 1024 -N 64 -O ^has_journal,metadata_csum", 256, NULL, 0},
};
#define BASES SLUICE_COUNT(bases)

/* ---- The file systems ---- */

static const char make_tree[] =
    "mkdir -p /tmp/sluice-fuzz-tree/a/b /tmp/sluice-fuzz-tree/many && cd /tmp/sluice-fuzz-tree && "
    "echo hello >a/hello && ln -sf hello a/link && ln -sf %0100d a/slow && ln -f a/hello a/b/hard "
    "&& "
    "for i in 1 2 3 4 5 6 7 8 9 10; do : >many/some-longer-name-$i; done && "
    "head -c 20000 /dev/zero | tr '\\0' x >a/b/twenty && truncate -s 300000 a/sparse && "
    "printf end >>a/sparse && printf mid | dd of=a/sparse bs=1 seek=90000 conv=notrunc 2>/dev/null";

static void base_read(struct base *base, const char *path)
{
    int fd = open(path, O_RDONLY);

    base->bytes = malloc(BASE_MAX);
    base->size = (size_t)read(fd, base->bytes, BASE_MAX);
    close(fd);
}

static void make_bases(void)
{
    char path[64];

    if (system(make_tree) != 0)
        abort();
    for (size_t i = 0; i < BASES; i++) {
        snprintf(path, sizeof path, "/tmp/sluice-fuzz-%d-%zu", (int)getpid(), i);
        if (ext2_shell("E2FSPROGS_FAKE_TIME=1767225600 /sbin/mke2fs -q -F %s "
                       "-U 12345678-1234-1234-1234-123456789abc -d /tmp/sluice-fuzz-tree %s %uk "
                       ">/dev/null 2>&1",
                       bases[i].options, path, bases[i].kilobytes) != 0)
            abort();
        base_read(&bases[i], path);
        unlink(path);
    }
}

/* ---- Changes ---- */

static size_t change_place(struct choices *choices, size_t size)
{
    uint32_t where = choices_next(choices, 65536);

    switch (choices_next(choices, 4)) {
    case 0:
        return 1024 + where % 1024; /* the superblock */
    case 1:
        return (where % 65536) % size; /* descriptors, bitmaps, the first inodes */
    default:
        return ((size_t)where * 32 + choices_next(choices, 32)) % size;
    }
}

static oskit_blkio_t *damaged_disk(struct choices *choices, const struct base *base)
{
    char *bytes = malloc(base->size);
    uint32_t changes = 1 + choices_next(choices, 24);
    oskit_blkio_t *disk;
    oskit_size_t moved;

    memcpy(bytes, base->bytes, base->size);
    while (changes-- > 0) {
        size_t place = change_place(choices, base->size);

        bytes[place] = (char)choices_next(choices, 256);
    }
    assert_int_equal(ramdisk_create((oskit_off_t)base->size, 512, &disk), 0);
    assert_int_equal(oskit_blkio_write(disk, bytes, 0, base->size, &moved), 0);
    free(bytes);
    return disk;
}

/* ---- Reading everything ---- */

struct visit {
    char names[32][256];
    unsigned count;
};

static bool visit_emit(void *arg, const struct filex_entry *entry)
{
    struct visit *visit = arg;

    snprintf(visit->names[visit->count++], 256, "%s", entry->name);
    return visit->count < SLUICE_COUNT(visit->names);
}

static void read_some(sluice_filex_t *filex, uint64_t size)
{
    const oskit_off_t places[] = {0, 4000, 90000, (oskit_off_t)(size / 2),
                                  (oskit_off_t)size - 5000};
    static char bytes[20000];
    oskit_iunknown_t *opened;
    oskit_size_t moved;

    if (sluice_filex_open(filex, OSKIT_O_RDONLY, &opened))
        return;
    oskit_absio_t *io = sluice_query_face(opened, &oskit_absio_iid);
    for (size_t i = 0; io && i < SLUICE_COUNT(places); i++)
        oskit_absio_read(io, bytes, places[i], sizeof bytes, &moved);
    if (io)
        oskit_absio_release(io);
    oskit_iunknown_release(opened);
}

static void read_attributes(oskit_file_t *file)
{
    sluice_xattr_t *xattr = sluice_query_face(file, &sluice_xattr_iid);
    char bytes[300];
    oskit_size_t length;

    if (!xattr)
        return;
    xattr->ops->list(xattr, bytes, sizeof bytes, &length);
    xattr->ops->get(xattr, "user.x", bytes, sizeof bytes, &length);
    xattr->ops->release(xattr);
    sluice_xattrset_t *set = sluice_query_face(file, &sluice_xattrset_iid);
    set->ops->set(set, "user.x", bytes, length < sizeof bytes ? length : sizeof bytes, 0);
    set->ops->remove(set, "user.y");
    set->ops->release(set);
}

static void visit_dir(oskit_dir_t *dir, unsigned depth, unsigned *left);

static void visit_file(oskit_file_t *file, unsigned depth, unsigned *left)
{
    sluice_filex_t *filex = sluice_query_face(file, &sluice_filex_iid);
    char text[5000];
    struct filex_stat stat;
    oskit_u32_t length;

    sluice_filex_stat(filex, &stat);
    read_attributes(file);
    if (OSKIT_S_ISREG(stat.mode))
        read_some(filex, stat.size);
    else if (OSKIT_S_ISLNK(stat.mode))
        oskit_file_readlink(file, text, sizeof text, &length);
    else if (OSKIT_S_ISDIR(stat.mode) && depth < DEPTH_MAX)
        visit_dir((oskit_dir_t *)file, depth + 1, left);
    sluice_filex_release(filex);
}

static void visit_dir(oskit_dir_t *dir, unsigned depth, unsigned *left)
{
    sluice_filex_t *filex = sluice_query_face(dir, &sluice_filex_iid);
    struct visit *visit = calloc(1, sizeof *visit);
    oskit_u64_t cookie = 0;
    oskit_file_t *file;

    sluice_filex_readdir(filex, &cookie, visit_emit, visit);
    for (unsigned i = 0; i<visit->count && * left> 0; i++) {
        if (!strcmp(visit->names[i], ".") || !strcmp(visit->names[i], ".."))
            continue;
        (*left)--;
        if (oskit_dir_lookup(dir, visit->names[i], &file))
            continue;
        visit_file(file, depth, left);
        oskit_file_release(file);
    }
    free(visit);
    sluice_filex_release(filex);
}

/* ---- Changing things ---- */

static void write_some(struct choices *choices, oskit_file_t *file)
{
    sluice_filex_t *filex = sluice_query_face(file, &sluice_filex_iid);
    static char bytes[9000];
    oskit_iunknown_t *opened;
    oskit_size_t moved;

    if (filex && sluice_filex_open(filex, OSKIT_O_RDWR, &opened) == 0) {
        oskit_absio_t *io = sluice_query_face(opened, &oskit_absio_iid);

        if (io) {
            oskit_absio_write(io, bytes, choices_next(choices, 200000), sizeof bytes, &moved);
            oskit_absio_setsize(io, choices_next(choices, 100000));
            oskit_absio_release(io);
        }
        oskit_iunknown_release(opened);
    }
    if (filex)
        sluice_filex_release(filex);
}

static void change_tree(struct choices *choices, oskit_dir_t *root)
{
    static const char *const paths[] = {"a", "a/b", "many", "lost+found", ""};
    static const char *const names[] = {
        "hello", "link", "slow", "b", "hard", "twenty", "new", "some-longer-name-3", "sparse"};
    oskit_file_t *file, *other;

    for (unsigned i = 0; i < 8; i++) {
        const char *name = names[choices_next(choices, SLUICE_COUNT(names))];

        if (ext2_walk_to(root, paths[choices_next(choices, SLUICE_COUNT(paths))], &file))
            continue;
        oskit_dir_t *dir = sluice_query_face(file, &oskit_dir_iid);
        oskit_file_release(file);
        if (!dir)
            continue;
        switch (choices_next(choices, 6)) {
        case 0:
            oskit_dir_mkdir(dir, name, 0755);
            break;
        case 1:
            oskit_dir_unlink(dir, name);
            break;
        case 2:
            oskit_dir_rmdir(dir, name);
            break;
        case 3:
            oskit_dir_rename(dir, name, root, "moved");
            break;
        default:
            other = NULL;
            if (oskit_dir_create(dir, name, 0, 0644, &other) == 0) {
                write_some(choices, other);
                oskit_file_release(other);
            }
        }
        oskit_dir_release(dir);
    }
}

void fuzz_one(const uint8_t *bytes, size_t size)
{
    struct choices choices = choices_from_bytes(bytes, size);
    unsigned left = VISITS_MAX;
    oskit_filesystem_t *fs;
    oskit_dir_t *root;

    if (!bases[0].bytes)
        make_bases();
    oskit_blkio_t *disk = damaged_disk(&choices, &bases[choices_next(&choices, BASES)]);
    sluice_blockqueue_t *queue = sluice_query_face(disk, &sluice_blockqueue_iid);
    struct ext2_options options = {.flags = choices_next(&choices, 4) ? 0 : EXT2_MOUNT_RDONLY,
                                   .name = "fuzz"};
    if (ext2_mount(queue, &options, &fs) == 0) {
        assert_int_equal(oskit_filesystem_getroot(fs, &root), 0);
        visit_dir(root, 0, &left);
        change_tree(&choices, root);
        visit_dir(root, 0, &left);
        oskit_filesystem_sync(fs, 1);
        oskit_dir_release(root);
        oskit_filesystem_release(fs);
    }
    sluice_blockqueue_release(queue);
    oskit_blkio_release(disk);
}
