/* Offsets and sizes: lseek, pread, pwrite, truncate and sparse files at many places. */
#include "show.h"

#include <sys/uio.h>

static const long places[] = {
    0,        1,        100, 4095, 4096,     4097,     65536,       1 << 20, (1l << 31) - 1,
    1l << 31, 1l << 32, -1,  -100, LONG_MIN, LONG_MAX, LONG_MAX - 1};

static unsigned long sum(int fd)
{
    static unsigned char buffer[4096];
    unsigned long total = 5381;
    long at = 0;

    for (long n; at < 3 << 20 && (n = pread(fd, buffer, sizeof(buffer), at)) > 0; at += n)
        for (long i = 0; i < n; i++)
            total = total * 33 + buffer[i];
    return total;
}

int main(void)
{
    struct stat st;
    char text[64];

    fresh_place();
    put_file("f", "The quick brown fox jumps over the lazy dog.", 0600);
    int fd = open("f", O_RDWR);
    for (size_t n = 0; n < COUNT(places); n++) {
        printf("at %ld\n", places[n]);
        lseek(fd, 10, SEEK_SET);
        SHOW(lseek(fd, places[n], SEEK_SET));
        lseek(fd, 10, SEEK_SET);
        SHOW(lseek(fd, places[n], SEEK_CUR));
        SHOW(lseek(fd, places[n], SEEK_END));
        SHOW(lseek(fd, places[n], SEEK_DATA) >= 0);
        SHOW(lseek(fd, places[n], 77));
        SHOW(pread(fd, text, 5, places[n]));
        SHOW(pread(fd, text, 0, places[n]));
        SHOW(pwrite(fd, text, 0, places[n]));
        struct iovec vector = {text, 4};
        SHOW(preadv(fd, &vector, 1, places[n]));
    }
    for (size_t n = 0; n < 8; n++) {
        SHOW(pwrite(fd, "+", 1, places[n]));
        fstat(fd, &st);
        printf("size %ld, sum %lx\n", (long)st.st_size, sum(fd));
    }
    for (size_t n = 0; n < 8; n++) {
        SHOW(ftruncate(fd, places[n]));
        fstat(fd, &st);
        printf("size %ld, sum %lx\n", (long)st.st_size, sum(fd));
    }
    for (int n = 7; n >= 0; n--) {
        SHOW(ftruncate(fd, places[n] / 2 + 1));
        fstat(fd, &st);
        printf("size %ld, sum %lx\n", (long)st.st_size, sum(fd));
    }
    SHOW(ftruncate(fd, -1));
    lseek(fd, 1000, SEEK_SET);
    SHOW(write(fd, "end", 3));
    SHOW(read(fd, text, 10));
    SHOW(lseek(fd, 0, SEEK_CUR));
    int again = dup(fd), other = open("f", O_RDWR | O_APPEND);
    SHOW(lseek(again, -3, SEEK_CUR));
    SHOW(read(fd, text, 3));
    SHOW(write(other, "appended", 8));
    SHOW(lseek(other, 0, SEEK_CUR));
    SHOW(pwrite(other, "at ten", 6, 10)); /* Linux appends all the same */
    SHOW(lseek(fd, 0, SEEK_END));
    printf("sum %lx\n", sum(fd));
    leave_place();
    return 0;
}
