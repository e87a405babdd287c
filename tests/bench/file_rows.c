/* Rows of files in memory, and of their names. */
#define _GNU_SOURCE
#include "bench.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FILE_PATH   "/tmp/bench.file"
#define OTHER_PATH  "/tmp/bench.other"
#define FILE_BYTES  (1 << 20)
#define SMALL_BYTES 4096

static int file_fd;
static unsigned turn; /* reads and writes go through the whole file */

static bool file_prepare(void)
{
    file_fd = open(FILE_PATH, O_RDWR | O_CREAT, 0600);
    if (file_fd < 0)
        return false;
    for (long at = 0; at < FILE_BYTES; at += (long)sizeof(buffer))
        if (pwrite(file_fd, buffer, sizeof(buffer), at) != (ssize_t)sizeof(buffer))
            return false;
    turn = 0;
    return true;
}

static void file_finish(void)
{
    close(file_fd);
    unlink(FILE_PATH);
}

static void transfer(long number, long bytes)
{
    call(bytes, number, file_fd, buffer, bytes, (long)turn * bytes % FILE_BYTES);
    turn++;
}

static void pread_4k_once(void)
{
    transfer(SYS_pread64, SMALL_BYTES);
}

static void pwrite_4k_once(void)
{
    transfer(SYS_pwrite64, SMALL_BYTES);
}

static void pread_64k_once(void)
{
    transfer(SYS_pread64, sizeof(buffer));
}

static void pwrite_64k_once(void)
{
    transfer(SYS_pwrite64, sizeof(buffer));
}

static void stat_once(void)
{
    struct stat status;

    call(0, SYS_stat, FILE_PATH, &status);
}

static void open_once(void)
{
    call(0, SYS_close, call(ANY, SYS_open, FILE_PATH, O_RDONLY));
}

static void create_once(void)
{
    long fd = call(ANY, SYS_open, OTHER_PATH, O_RDWR | O_CREAT | O_EXCL, 0600);

    call(SMALL_BYTES, SYS_write, fd, buffer, SMALL_BYTES);
    call(0, SYS_close, fd);
    call(0, SYS_unlink, OTHER_PATH);
}

const struct row file_rows[] = {
    {"stat", "stat", 1000, 0, file_prepare, stat_once, file_finish},
    {"open_close", "open and close", 500, 0, file_prepare, open_once, file_finish},
    {"pread_4k", "pread 4 KiB of a RAM file", 1000, 0, file_prepare, pread_4k_once, file_finish},
    {"pwrite_4k", "pwrite 4 KiB to a RAM file", 1000, 0, file_prepare, pwrite_4k_once, file_finish},
    {"pread_64k", "pread 64 KiB of a RAM file", 100, 0, file_prepare, pread_64k_once, file_finish},
    {"pwrite_64k", "pwrite 64 KiB to a RAM file", 100, 0, file_prepare, pwrite_64k_once,
     file_finish},
    {"create", "create, write 4 KiB, close, unlink", 200, .once = create_once},
    {0},
};
