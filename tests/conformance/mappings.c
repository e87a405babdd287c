/* mmap, mprotect, munmap and mremap with many combinations of arguments: which work, which fail
 * how. */
#include "show.h"

#include <sys/mman.h>

enum { PAGE = 4096 };

int main(void)
{
    static const struct {
        const char *name;
        int flags;
    } kinds[] = {{"none", 0},
                 {"shared", MAP_SHARED},
                 {"private", MAP_PRIVATE},
                 {"shared validate", MAP_SHARED_VALIDATE},
                 {"anonymous", MAP_ANONYMOUS},
                 {"shared anonymous", MAP_SHARED | MAP_ANONYMOUS},
                 {"private anonymous", MAP_PRIVATE | MAP_ANONYMOUS},
                 {"fixed", MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED}};
    static const struct {
        const char *name;
        int flags;
    } files[] = {{"no file", -1}, {"read", O_RDONLY}, {"write", O_WRONLY}, {"both", O_RDWR}};
    static const size_t lengths[] = {0, 1, PAGE, 3 * PAGE + 1, 1ul << 47, ~0ul};
    static const long offsets[] = {0, 1, PAGE, -PAGE, 1l << 62};

    fresh_place();
    put_file("f", "content", 0600);
    for (size_t k = 0; k < COUNT(kinds); k++)
        for (size_t f = 0; f < COUNT(files); f++)
            for (int prot = 0; prot < 8; prot += prot == 3 ? 4 : 1)
                for (size_t l = 0; l < COUNT(lengths); l++)
                    for (size_t o = 0; o < COUNT(offsets); o++) {
                        if (prot > 3 && (l != 2 || o))
                            continue;
                        int fd = files[f].flags < 0 ? -1 : open("f", files[f].flags);
                        void *where = kinds[k].flags & MAP_FIXED ? (void *)0x700000000000 : NULL;
                        errno = 0;
                        void *area = mmap(where, lengths[l], prot, kinds[k].flags, fd, offsets[o]);
                        printf("%s, %s, prot %d, length 0x%lx, offset 0x%lx: %s\n", kinds[k].name,
                               files[f].name, prot, lengths[l], offsets[o],
                               area == MAP_FAILED ? strerror(errno) : "works");
                        if (area != MAP_FAILED)
                            munmap(area, lengths[l]);
                        if (fd >= 0)
                            close(fd);
                    }

    char *area = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    SHOW(munmap(area + 1, PAGE));
    SHOW(munmap(area, 0));
    SHOW(munmap(area, ~0ul));
    SHOW(munmap((void *)(1ul << 47), PAGE));
    SHOW(munmap(area + 7 * PAGE, 1));
    SHOW(mprotect(area, 8 * PAGE, PROT_READ));
    SHOW(mprotect(area, 7 * PAGE, PROT_READ));
    SHOW(mprotect(area + 1, PAGE, PROT_READ));
    SHOW(mprotect(area, 0, PROT_READ));
    SHOW(mprotect(area, 0, 0x100));
    SHOW(mprotect(area, PAGE, 0x100));
    SHOW(mprotect(area, ~0ul, PROT_READ));
    SHOW(madvise(area, PAGE, MADV_NORMAL));
    SHOW(madvise(area, PAGE, MADV_WILLNEED));
    SHOW(madvise(area, 8 * PAGE, MADV_DONTNEED));
    SHOW(madvise(area, PAGE, 999));
    SHOW(msync(area, PAGE, MS_SYNC));
    SHOW(msync(area, PAGE, MS_SYNC | MS_ASYNC));
    SHOW(msync(area, 8 * PAGE, MS_ASYNC));
    SHOW(msync(area + 1, PAGE, MS_SYNC));
    SHOW_OK(mremap(area, PAGE, 0, 0));
    SHOW_OK(mremap(area + 1, PAGE, PAGE, 0));
    SHOW_OK(mremap(area, PAGE, 2 * PAGE, 0));
    SHOW_OK(mremap(area, PAGE, 2 * PAGE, 99));
    SHOW_OK(mremap(area, PAGE, 2 * PAGE, MREMAP_FIXED, area + 4 * PAGE));
    SHOW_OK(mremap(area + 7 * PAGE, PAGE, 2 * PAGE, MREMAP_MAYMOVE));
    SHOW_OK(mremap(area, ~0ul, PAGE, MREMAP_MAYMOVE));
    leave_place();
    return 0;
}
