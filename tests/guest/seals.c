/* Seals of files made by memfd_create. */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include "ktap.h"

#define PAGE       4096
#define KEEP_SIZE  1
#define PUNCH_HOLE 2
#define RW         (PROT_READ | PROT_WRITE)

static int made(unsigned flags, off_t size)
{
    int fd = (int)syscall(SYS_memfd_create, "sealed", flags);
    CHECK(fd >= 0);
    CHECK_EQUAL(ftruncate(fd, size), 0);
    return fd;
}

static int sealed(off_t size, int seals)
{
    int fd = made(MFD_ALLOW_SEALING, size);
    CHECK_EQUAL(fcntl(fd, F_ADD_SEALS, seals), 0);
    CHECK_EQUAL(fcntl(fd, F_GET_SEALS), seals);
    return fd;
}

static int reopened(int fd, int flags)
{
    char path[64];
    sprintf(path, "/proc/self/fd/%d", fd);
    return open(path, flags);
}

TEST(adding, "seals add up, until the one that ends it")
{
    int fd = made(MFD_ALLOW_SEALING, 0);
    CHECK_EQUAL(fcntl(fd, F_GET_SEALS), 0);
    CHECK_EQUAL(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW), 0);
    CHECK_EQUAL(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
    CHECK_EQUAL(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW), 0);
    CHECK_EQUAL(fcntl(fd, F_GET_SEALS), F_SEAL_GROW | F_SEAL_SHRINK);
    CHECK_ERROR(fcntl(fd, F_ADD_SEALS, 0x1000), EINVAL);
    CHECK_EQUAL(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL), 0);
    CHECK_ERROR(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EPERM);
    CHECK_EQUAL(fcntl(fd, F_GET_SEALS), F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL);
}

TEST(refused, "seals are for files that allow them, and descriptors that can write")
{
    int plain = made(0, 0), open_for_all = made(MFD_ALLOW_SEALING, 0), ends[2];
    CHECK_EQUAL(fcntl(plain, F_GET_SEALS), F_SEAL_SEAL);
    CHECK_ERROR(fcntl(plain, F_ADD_SEALS, F_SEAL_GROW), EPERM);
    int reader = reopened(open_for_all, O_RDONLY);
    CHECK(reader >= 0);
    CHECK_ERROR(fcntl(reader, F_ADD_SEALS, F_SEAL_GROW), EPERM);
    CHECK_EQUAL(fcntl(reader, F_GET_SEALS), 0);
    CHECK_EQUAL(pipe(ends), 0);
    CHECK_ERROR(fcntl(ends[1], F_ADD_SEALS, F_SEAL_GROW), EINVAL);
    CHECK_ERROR(fcntl(ends[0], F_ADD_SEALS, F_SEAL_GROW), EPERM);
    CHECK_ERROR(fcntl(ends[0], F_GET_SEALS), EINVAL);
}

TEST(shrinking, "F_SEAL_SHRINK")
{
    int fd = sealed(PAGE, F_SEAL_SHRINK);
    CHECK_ERROR(ftruncate(fd, PAGE - 1), EPERM);
    CHECK_EQUAL(ftruncate(fd, PAGE), 0);
    CHECK_EQUAL(ftruncate(fd, 2 * PAGE), 0);
    CHECK_ERROR(reopened(fd, O_RDWR | O_TRUNC), EPERM);
    CHECK_EQUAL(pwrite(fd, "x", 1, 3 * PAGE), 1);
    CHECK_EQUAL(syscall(SYS_fallocate, fd, PUNCH_HOLE | KEEP_SIZE, 0L, (long)PAGE), 0);
}

TEST(growing, "F_SEAL_GROW: by truncation, writing and allocation")
{
    static char bytes[3 * PAGE];
    int fd = sealed(PAGE, F_SEAL_GROW);
    CHECK_ERROR(ftruncate(fd, PAGE + 1), EPERM);
    CHECK_EQUAL(pwrite(fd, "x", 1, PAGE - 1), 1);
    CHECK_ERROR(pwrite(fd, "x", 1, PAGE), EPERM);
    CHECK_EQUAL(pwrite(fd, bytes, sizeof(bytes), 0), PAGE);
    CHECK_ERROR(syscall(SYS_fallocate, fd, 0, 0L, PAGE + 1L), EPERM);
    CHECK_ERROR(syscall(SYS_fallocate, fd, KEEP_SIZE, 0L, PAGE + 1L), EPERM);
    CHECK_EQUAL(syscall(SYS_fallocate, fd, 0, 0L, (long)PAGE), 0);
    CHECK_EQUAL(ftruncate(fd, 100), 0);
    CHECK_ERROR(pwrite(fd, bytes, 200, 0), EPERM);
    CHECK_EQUAL(pwrite(fd, bytes, 100, 0), 100);
    CHECK_EQUAL(lseek(fd, 0, SEEK_END), 100);
}

TEST(writing, "F_SEAL_WRITE")
{
    char c;
    int fd = made(MFD_ALLOW_SEALING, PAGE);
    CHECK_EQUAL(pwrite(fd, "x", 1, 0), 1);
    CHECK_EQUAL(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
    CHECK_ERROR(pwrite(fd, "x", 1, 0), EPERM);
    CHECK_EQUAL(pwrite(fd, "x", 0, 0), 0);
    CHECK(pread(fd, &c, 1, 0) == 1 && c == 'x');
    CHECK_ERROR(syscall(SYS_fallocate, fd, PUNCH_HOLE | KEEP_SIZE, 0L, (long)PAGE), EPERM);
    CHECK_EQUAL(ftruncate(fd, 2 * PAGE), 0);
    CHECK(mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0) == MAP_FAILED && errno == EPERM);
    char *map = mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 0);
    CHECK(map != MAP_FAILED);
    map[0] = 'y';
    CHECK(pread(fd, &c, 1, 0) == 1 && c == 'x');
    int reader = reopened(fd, O_RDONLY);
    CHECK(reader >= 0);
    map = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, reader, 0);
    CHECK(map != MAP_FAILED && *map == 'x');
    CHECK_ERROR(mprotect(map, PAGE, RW), EACCES);
}

TEST(mapped, "F_SEAL_WRITE waits for nobody: with a mapping that may write it is EBUSY")
{
    int fd = made(MFD_ALLOW_SEALING, 4 * PAGE);
    char *map = mmap(NULL, 4 * PAGE, RW, MAP_SHARED, fd, 0);
    CHECK(map != MAP_FAILED);
    CHECK_ERROR(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EBUSY);
    CHECK_EQUAL(fcntl(fd, F_GET_SEALS), 0);
    CHECK_EQUAL(mprotect(map + PAGE, PAGE, PROT_READ), 0); /* three pieces now */
    CHECK_EQUAL(munmap(map, PAGE), 0);
    CHECK_ERROR(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EBUSY);
    CHECK_EQUAL(munmap(map + 2 * PAGE, 2 * PAGE), 0);
    CHECK_ERROR(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EBUSY); /* what is left could be written */
    CHECK_EQUAL(mprotect(map + PAGE, PAGE, RW), 0);
    map = mremap(map + PAGE, PAGE, 2 * PAGE, MREMAP_MAYMOVE);
    CHECK(map != MAP_FAILED);
    int ready[2], go[2];
    char c;
    CHECK(pipe(ready) == 0 && pipe(go) == 0);
    pid_t pid = CHILD(CHECK(write(ready[1], "x", 1) == 1); CHECK(read(go[0], &c, 1) == 1));
    CHECK(read(ready[0], &c, 1) == 1);
    CHECK_EQUAL(munmap(map, 2 * PAGE), 0);
    CHECK_ERROR(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EBUSY); /* the child's */
    CHECK(write(go[1], "x", 1) == 1);
    CHECK_CHILD(pid);
    map = mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 0);
    CHECK(map != MAP_FAILED);
    CHECK_EQUAL(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
}

TEST(future, "F_SEAL_FUTURE_WRITE leaves the mappings that are there")
{
    char c;
    int fd = made(MFD_ALLOW_SEALING, PAGE);
    char *map = mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0);
    CHECK(map != MAP_FAILED);
    CHECK_EQUAL(fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE), 0);
    map[0] = 'm';
    CHECK(pread(fd, &c, 1, 0) == 1 && c == 'm');
    CHECK_ERROR(pwrite(fd, "x", 1, 0), EPERM);
    CHECK(mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0) == MAP_FAILED && errno == EPERM);
    char *view = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
    CHECK(view != MAP_FAILED && view[0] == 'm');
    CHECK_ERROR(mprotect(view, PAGE, RW), EACCES);
    pid_t pid = CHILD(map[0] = 'c');
    CHECK_CHILD(pid);
    CHECK_EQUAL(view[0], 'c');
    CHECK_ERROR(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EBUSY);
    CHECK_EQUAL(munmap(map, PAGE), 0);
    CHECK_EQUAL(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
}

TEST(executable, "MFD_NOEXEC_SEAL and F_SEAL_EXEC: who may execute it stays")
{
    struct stat st;
    int fd = (int)syscall(SYS_memfd_create, "data", MFD_NOEXEC_SEAL);
    if (fd < 0 && errno == EINVAL)
        SKIP("not in this kernel");
    CHECK(fd >= 0);
    CHECK_EQUAL(fcntl(fd, F_GET_SEALS), F_SEAL_EXEC);
    CHECK(fstat(fd, &st) == 0);
    CHECK_EQUAL(st.st_mode & 0777, 0666);
    CHECK_ERROR(fchmod(fd, 0777), EPERM);
    CHECK_EQUAL(fchmod(fd, 0600), 0);
    CHECK_ERROR(syscall(SYS_memfd_create, "both", MFD_NOEXEC_SEAL | MFD_EXEC), EINVAL);
    fd = (int)syscall(SYS_memfd_create, "program", MFD_EXEC | MFD_ALLOW_SEALING);
    CHECK(fd >= 0 && fstat(fd, &st) == 0);
    CHECK_EQUAL(st.st_mode & 0777, 0777);
    CHECK_EQUAL(fcntl(fd, F_ADD_SEALS, F_SEAL_EXEC), 0);
    CHECK_EQUAL(fcntl(fd, F_GET_SEALS),
                F_SEAL_EXEC | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE);
    CHECK_ERROR(fchmod(fd, 0666), EPERM);
    CHECK_EQUAL(fchmod(fd, 0711), 0);
    CHECK_ERROR(ftruncate(fd, 1), EPERM);
}
