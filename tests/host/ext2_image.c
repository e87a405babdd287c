/* Images for host tests: see ext2_image.h. */
#include "ext2_image.h"
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <oskit/io/absio.h>
#include <sluice/block.h>
#include <sluice/object.h>
#include "env.h"

int ext2_shell(const char *format, ...)
{
    char command[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(command, sizeof command, format, args);
    va_end(args);
    fflush(stdout);
    int status = system(command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

bool ext2_image_tools(void)
{
    return access("/sbin/mke2fs", X_OK) == 0 && access("/sbin/e2fsck", X_OK) == 0 &&
           access("/sbin/debugfs", X_OK) == 0;
}

static void must(bool right, const char *what)
{
    if (!right)
        env_test_fault("ext2 image: %s", what);
}

/* ---- The file and the RAM disk ---- */

#define PIECE 65536u

void ext2_image_load(struct ext2_image *image)
{
    static const char zeros[PIECE];
    char piece[PIECE];
    int fd = open(image->path, O_RDONLY);
    oskit_size_t moved;
    oskit_off_t offset = 0;
    ssize_t got;

    while ((got = read(fd, piece, PIECE)) > 0) {
        if (memcmp(piece, zeros, (size_t)got) != 0)
            must(oskit_blkio_write(image->disk, piece, offset, (size_t)got, &moved) == 0, "load");
        offset += got;
    }
    close(fd);
}

void ext2_image_save(struct ext2_image *image)
{
    char piece[PIECE];
    int fd = open(image->path, O_WRONLY);
    oskit_size_t moved = 1;
    oskit_off_t offset = 0, size;

    oskit_blkio_getsize(image->disk, &size);
    while (offset < size) {
        size_t part = size - offset < PIECE ? (size_t)(size - offset) : PIECE;

        must(oskit_blkio_read(image->disk, piece, offset, part, &moved) == 0, "read back");
        must(pwrite(fd, piece, part, offset) == (ssize_t)part, "save");
        offset += (oskit_off_t)part;
    }
    close(fd);
}

void ext2_image_attach(struct ext2_image *image)
{
    struct stat stat;

    must(lstat(image->path, &stat) == 0, "no file");
    must(ramdisk_create(stat.st_size, 512, &image->disk) == 0, "no RAM disk");
    image->queue = sluice_query_face(image->disk, &sluice_blockqueue_iid);
    must(image->queue != NULL, "no queue");
    ext2_image_load(image);
}

void ext2_image_make(struct ext2_image *image, const char *options, unsigned kilobytes,
                     const char *source)
{
    *image = (struct ext2_image){.folder = "/tmp/sluice-ext2-XXXXXX"};
    must(mkdtemp(image->folder) != NULL, "no folder");
    snprintf(image->path, sizeof image->path, "%s/image", image->folder);
    must(ext2_shell("/sbin/mke2fs -q -F %s %s %s %s %uk >/dev/null 2>&1", options,
                    source ? "-d" : "", source ? source : "", image->path, kilobytes) == 0,
         "mke2fs");
    ext2_image_attach(image);
}

void ext2_image_detach(struct ext2_image *image)
{
    sluice_blockqueue_release(image->queue);
    oskit_blkio_release(image->disk);
}

void ext2_image_free(struct ext2_image *image)
{
    ext2_image_detach(image);
    ext2_shell("rm -rf %s", image->folder);
}

/* ---- Mounting ---- */

oskit_error_t ext2_image_mount(struct ext2_image *image, unsigned flags)
{
    struct ext2_options options = {.flags = flags, .name = "image"};
    oskit_error_t err = ext2_mount(image->queue, &options, &image->fs);

    if (err == 0)
        must(oskit_filesystem_getroot(image->fs, &image->root) == 0, "no root");
    return err;
}

void ext2_image_unmount(struct ext2_image *image)
{
    oskit_dir_release(image->root);
    oskit_filesystem_release(image->fs);
    image->fs = NULL;
    image->root = NULL;
}

bool ext2_image_clean(struct ext2_image *image)
{
    ext2_image_save(image);
    int status = ext2_shell("/sbin/e2fsck -fn %s >%s/fsck 2>&1", image->path, image->folder);
    if (status != 0)
        ext2_shell("cat %s/fsck", image->folder);
    return status == 0;
}

/* ---- Trees ---- */

oskit_error_t ext2_walk_to(oskit_dir_t *dir, const char *path, oskit_file_t **out)
{
    char name[256];
    oskit_error_t err = 0;
    oskit_file_t *at = (oskit_file_t *)dir, *next;

    oskit_file_addref(at);
    while (*path && err == 0) {
        size_t length = strcspn(path, "/");

        snprintf(name, sizeof name, "%.*s", (int)length, path);
        path += length + (path[length] == '/');
        oskit_dir_t *here = sluice_query_face(at, &oskit_dir_iid);
        next = NULL;
        err = here ? oskit_dir_lookup(here, name, &next) : OSKIT_ENOTDIR;
        if (here)
            oskit_dir_release(here);
        oskit_file_release(at);
        at = next;
    }
    *out = at;
    return err;
}

static void dump_file(sluice_filex_t *filex, const char *path)
{
    oskit_iunknown_t *open_file;
    char piece[10000];
    oskit_off_t offset = 0;
    oskit_size_t moved = 1;
    int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0600);

    must(sluice_filex_open(filex, OSKIT_O_RDONLY, &open_file) == 0, "open");
    oskit_absio_t *io = sluice_query_face(open_file, &oskit_absio_iid);
    while (moved > 0) {
        oskit_error_t err = oskit_absio_read(io, piece, offset, sizeof piece, &moved);

        must(err == 0, "read");
        must(write(fd, piece, moved) == (ssize_t)moved, "dump");
        offset += (oskit_off_t)moved;
    }
    close(fd);
    oskit_absio_release(io);
    oskit_iunknown_release(open_file);
}

struct dump {
    oskit_dir_t *dir;
    char names[1024][256];
    unsigned count;
};

static bool dump_emit(void *arg, const struct filex_entry *entry)
{
    struct dump *dump = arg;

    if (!strcmp(entry->name, ".") || !strcmp(entry->name, ".."))
        return true;
    if (dump->count == 1024)
        return false;
    snprintf(dump->names[dump->count++], 256, "%s", entry->name);
    return true;
}

static void dump_one(oskit_dir_t *dir, const char *name, const char *to)
{
    char path[512], text[4096];
    struct filex_stat stat;
    oskit_file_t *file;
    oskit_u32_t length;

    snprintf(path, sizeof path, "%s/%s", to, name);
    must(oskit_dir_lookup(dir, name, &file) == 0, name);
    sluice_filex_t *filex = sluice_query_face(file, &sluice_filex_iid);
    must(sluice_filex_stat(filex, &stat) == 0, "stat");
    if (OSKIT_S_ISREG(stat.mode)) {
        dump_file(filex, path);
    } else if (OSKIT_S_ISDIR(stat.mode)) {
        mkdir(path, 0700);
        ext2_dump((oskit_dir_t *)file, path);
    } else if (OSKIT_S_ISLNK(stat.mode)) {
        must(oskit_file_readlink(file, text, sizeof text - 1, &length) == 0, "readlink");
        text[length] = '\0';
        must(symlink(text, path) == 0, "symlink");
    }
    sluice_filex_release(filex);
    oskit_file_release(file);
}

void ext2_dump(oskit_dir_t *dir, const char *path)
{
    sluice_filex_t *filex = sluice_query_face(dir, &sluice_filex_iid);
    struct dump *dump = calloc(1, sizeof *dump);
    oskit_u64_t cookie = 0;

    do { /* a bufferful at a time: nothing changes meanwhile */
        dump->count = 0;
        must(sluice_filex_readdir(filex, &cookie, dump_emit, dump) == 0, "readdir");
        for (unsigned i = 0; i < dump->count; i++)
            dump_one(dir, dump->names[i], path);
    } while (dump->count > 0);
    free(dump);
    sluice_filex_release(filex);
}

oskit_absio_t *ext2_open_io(oskit_file_t *file)
{
    sluice_filex_t *filex = sluice_query_face(file, &sluice_filex_iid);
    oskit_iunknown_t *opened;
    oskit_absio_t *io = NULL;

    if (sluice_filex_open(filex, OSKIT_O_RDWR, &opened) == 0) {
        io = sluice_query_face(opened, &oskit_absio_iid);
        oskit_iunknown_release(opened);
    }
    sluice_filex_release(filex);
    return io;
}

oskit_error_t ext2_fill_file(oskit_dir_t *dir, const char *name, size_t count, size_t *written)
{
    oskit_file_t *file;
    oskit_error_t err = oskit_dir_create(dir, name, 1, 0644, &file);

    *written = 0;
    if (err)
        return err;
    oskit_absio_t *io = ext2_open_io(file);
    while (err == 0 && *written < count) {
        char piece[3000];
        oskit_size_t moved = 0;
        size_t part = count - *written < sizeof piece ? count - *written : sizeof piece;

        for (size_t i = 0; i < part; i++)
            piece[i] = (char)(name[0] + (*written + i) % 251);
        err = oskit_absio_write(io, piece, (oskit_off_t)*written, part, &moved);
        *written += moved;
    }
    oskit_absio_release(io);
    oskit_file_release(file);
    return err;
}
