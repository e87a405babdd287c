/* Rows of disks: the first one raw, the second with a file system on it. */
#define _GNU_SOURCE
#include "bench.h"
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define RAW_PATH    "/dev/vda"
#define VOLUME_PATH "/dev/vdb"
#define MOUNT_POINT "/volume"
#define FILE_PATH   MOUNT_POINT "/bench.file"
#define SMALL_PATH  MOUNT_POINT "/bench.small"
#define READ_PATH   MOUNT_POINT "/bench.read"
#define BLOCK       4096L
#define BIG         (1L << 20)
#define PIECE       (64L << 10)
#define RAW_BYTES   (64L << 20) /* of the raw disk, at least */
#define FILE_BYTES  (64L << 20)
#define FSYNC_BYTES (1L << 20)
#define CACHED      (1L << 20)

static int disk_fd;
static char *memory; /* BIG bytes, aligned to a page and touched */
static unsigned turn;

static bool memory_prepare(void)
{
    if (!memory)
        memory = mmap(NULL, BIG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE,
                      -1, 0);
    turn = 0;
    return memory != MAP_FAILED;
}

static bool raw_open(int flags)
{
    disk_fd = open(RAW_PATH, O_RDWR | flags);
    return disk_fd >= 0 && memory_prepare();
}

static bool direct_prepare(void)
{
    return raw_open(O_DIRECT);
}

/* What is read is in the cache before the clock runs. */
static bool cached_prepare(void)
{
    if (!raw_open(0))
        return false;
    for (long at = 0; at < CACHED; at += BLOCK)
        if (pread(disk_fd, memory, (size_t)BLOCK, at) != BLOCK)
            return false;
    return true;
}

static void disk_finish(void)
{
    close(disk_fd);
}

/* Each read somewhere else, so that nothing is read ahead of it. */
static void read_somewhere(long bytes, long within)
{
    long place = (long)(turn++ * 2654435761u % (unsigned)(within / bytes)) * bytes;

    call(bytes, SYS_pread64, disk_fd, memory, bytes, place);
}

static void direct_4k_once(void)
{
    read_somewhere(BLOCK, RAW_BYTES);
}

static void direct_64k_once(void)
{
    read_somewhere(PIECE, RAW_BYTES);
}

static void direct_1m_once(void)
{
    read_somewhere(BIG, RAW_BYTES);
}

static void direct_write_once(void)
{
    long place = (long)(turn++ * 2654435761u % (unsigned)(RAW_BYTES / BLOCK)) * BLOCK;

    call(BLOCK, SYS_pwrite64, disk_fd, memory, BLOCK, place);
}

static void cached_once(void)
{
    read_somewhere(BLOCK, CACHED);
}

static void fsync_once(void)
{
    call(0, SYS_fsync, disk_fd);
}

/* ---- The file system ---- */

static bool volume_mounted(void)
{
    static bool mounted;

    mkdir(MOUNT_POINT, 0755);
    if (!mounted)
        mounted = mount(VOLUME_PATH, MOUNT_POINT, "ext3", 0, NULL) == 0;
    return mounted;
}

static bool path_open(const char *path)
{
    if (!volume_mounted() || !memory_prepare())
        return false;
    disk_fd = open(path, O_RDWR | O_CREAT, 0600);
    return disk_fd >= 0;
}

static bool file_open(void)
{
    return path_open(FILE_PATH);
}

static void write_up_to(long bytes)
{
    for (long at = 0; at < bytes; at += PIECE)
        call(PIECE, SYS_pwrite64, disk_fd, memory, PIECE, at);
}

static bool fsync_prepare(void)
{
    if (!file_open())
        return false;
    write_up_to(FSYNC_BYTES);
    return fsync(disk_fd) == 0;
}

/* The file that is read stays: to write it takes as long as to read it some times. */
static bool read_prepare(void)
{
    struct stat status;

    if (!path_open(READ_PATH) || fstat(disk_fd, &status) < 0)
        return false;
    if (status.st_size == FILE_BYTES)
        return true;
    write_up_to(FILE_BYTES);
    return fsync(disk_fd) == 0;
}

static void small_write_once(void)
{
    call(BLOCK, SYS_pwrite64, disk_fd, memory, BLOCK, (long)turn++ * BLOCK % FSYNC_BYTES);
    call(0, SYS_fsync, disk_fd);
}

static void sequential_read_once(void)
{
    call(0, SYS_fadvise64, disk_fd, 0, 0, POSIX_FADV_DONTNEED);
    for (long at = 0; at < FILE_BYTES; at += PIECE)
        call(PIECE, SYS_pread64, disk_fd, memory, PIECE, at);
}

static void sequential_write_once(void)
{
    write_up_to(FILE_BYTES);
    call(0, SYS_fsync, disk_fd);
}

static void file_remove(void)
{
    close(disk_fd);
    unlink(FILE_PATH);
}

static void small_file_once(void)
{
    long fd = call(ANY, SYS_open, SMALL_PATH, O_RDWR | O_CREAT | O_EXCL, 0600);

    call(BLOCK, SYS_write, fd, memory, BLOCK);
    call(0, SYS_close, fd);
    call(0, SYS_unlink, SMALL_PATH);
}

static bool small_prepare(void)
{
    return volume_mounted() && memory_prepare();
}

const struct row disk_rows[] = {
    {"disk_read_4k", "O_DIRECT read of 4 KiB", 200, 0, direct_prepare, direct_4k_once, disk_finish},
    {"disk_read_64k", "O_DIRECT read of 64 KiB", 100, 0, direct_prepare, direct_64k_once,
     disk_finish},
    {"disk_read_1m", "O_DIRECT read of 1 MiB", 20, 0, direct_prepare, direct_1m_once, disk_finish},
    {"disk_write_4k", "O_DIRECT write of 4 KiB", 200, 0, direct_prepare, direct_write_once,
     disk_finish},
    {"disk_cached_4k", "read 4 KiB of the disk, cached", 500, 0, cached_prepare, cached_once,
     disk_finish},
    {"disk_fsync", "fsync with nothing to write", 100, 0, cached_prepare, fsync_once, disk_finish},
    {"volume_write_fsync", "ext3: write 4 KiB and fsync", 30, 0, fsync_prepare, small_write_once,
     file_remove},
    {"volume_read_64m", "ext3: read 64 MiB in order", 1, 0, read_prepare, sequential_read_once,
     disk_finish},
    {"volume_write_64m", "ext3: write 64 MiB in order and fsync", 1, 0, file_open,
     sequential_write_once, file_remove},
    {"volume_create", "ext3: create, write 4 KiB, close, unlink", 100, 0, small_prepare,
     small_file_once, NULL},
    {0},
};
