/* Flags that contradict each other, or ask for what there is none of. */
#include "show.h"

#include <sys/mman.h>
#include <sys/syscall.h>

#define EMPTY_PATH   0x1000
#define FORCE_SYNC   0x2000
#define DONT_SYNC    0x4000
#define BASIC_STATS  0x7ff
#define HUGE_MAPPING 0x40000

static void large_pages(void)
{
    static const int kinds[] = {MAP_PRIVATE, MAP_SHARED, 0};
    int file = open("file", O_RDWR);

    for (size_t i = 0; i < COUNT(kinds); i++) {
        errno = 0;
        void *at = mmap(NULL, 1 << 21, PROT_READ, kinds[i] | MAP_ANONYMOUS | HUGE_MAPPING, -1, 0);
        printf("mmap %zu of memory: %s\n", i, at == MAP_FAILED ? strerror(errno) : "done");
        errno = 0;
        at = mmap(NULL, 1 << 21, PROT_READ, kinds[i] | HUGE_MAPPING, file, 0);
        printf("mmap %zu of a file: %s\n", i, at == MAP_FAILED ? strerror(errno) : "done");
    }
    close(file);
}

static void attributes(void)
{
    static const int flags[] = {0, FORCE_SYNC, DONT_SYNC, FORCE_SYNC | DONT_SYNC};
    char out[256];

    for (size_t i = 0; i < COUNT(flags); i++) {
        errno = 0;
        long result = syscall(SYS_statx, AT_FDCWD, "file", flags[i], BASIC_STATS, out);
        printf("statx %#x: %ld %s\n", flags[i], result, result < 0 ? strerror(errno) : "");
        errno = 0;
        result = syscall(SYS_statx, 0, "", flags[i] | EMPTY_PATH, BASIC_STATS, out);
        printf("statx %#x of what is open: %ld %s\n", flags[i], result,
               result < 0 ? strerror(errno) : "");
    }
}

int main(void)
{
    fresh_place();
    put_file("file", "content", 0644);
    large_pages();
    attributes();
    leave_place();
    return 0;
}
