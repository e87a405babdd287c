/* Room for files: every mode of fallocate on each kind of descriptor, and copy_file_range. */
#include "show.h"

enum { PAGE = 4096 };

/* By their names: the call on FD for the first page. */
static void modes(int fd)
{
    SHOW(fallocate(fd, 0, 0, PAGE));
    SHOW(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, PAGE));
    SHOW(fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, PAGE));
    SHOW(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PAGE));
    SHOW(fallocate(fd, FALLOC_FL_ZERO_RANGE, 0, PAGE));
    SHOW(fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, 0, PAGE));
    SHOW(fallocate(fd, FALLOC_FL_INSERT_RANGE, 0, PAGE));
    SHOW(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_INSERT_RANGE, 0, PAGE));
    SHOW(fallocate(fd, 1 << 30, 0, PAGE));
    SHOW(fallocate(fd, 0, 0, 0));
    SHOW(fallocate(fd, 0, -1, 1));
    SHOW(fallocate(fd, 0, 1, -1));
}

static void kinds(void)
{
    static const struct {
        const char *name;
        int flags;
    } opens[] = {{"file", O_RDWR},      {"file", O_RDONLY},    {"file", O_WRONLY | O_APPEND},
                 {"file", O_PATH},      {"folder", O_RDONLY},  {"fifo", O_RDWR},
                 {"/dev/null", O_RDWR}, {"/dev/zero", O_RDWR}, {"nowhere", O_RDWR}};

    for (size_t n = 0; n < COUNT(opens); n++) {
        int fd = open(opens[n].name, opens[n].flags);
        printf("== %s, flags %#o\n", opens[n].name, opens[n].flags);
        modes(fd);
        if (fd >= 0)
            close(fd);
    }
}

static void show_size(int fd)
{
    struct stat st;

    if (fstat(fd, &st) == 0)
        printf("size %ld, blocks %ld\n", (long)st.st_size, (long)st.st_blocks);
}

static off_t last(off_t before)
{
    return LONG_MAX - before;
}

/* What grows, what keeps its size, what takes up blocks. */
static void sizes(void)
{
    int fd = open("sizes", O_RDWR | O_CREAT, 0600);

    puts("== sizes");
    SHOW(fallocate(fd, 0, 0, 10));
    show_size(fd);
    SHOW(fallocate(fd, 0, 3 * PAGE, 1));
    show_size(fd);
    SHOW(fallocate(fd, 0, 0, 5));
    show_size(fd);
    SHOW(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 6 * PAGE));
    show_size(fd);
    SHOW(fallocate(fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, 0, 2 * PAGE));
    show_size(fd);
    SHOW(fallocate(fd, 0, last(0), 1));
    SHOW(fallocate(fd, 0, 1, last(0)));
    SHOW(fallocate(fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, PAGE, last(PAGE)));
    show_size(fd);
    close(fd);
}

static void holes(void)
{
    static const struct {
        off_t offset, length;
    } ranges[] = {{0, 1},           {PAGE - 1, 2},    {PAGE, PAGE}, {PAGE + 5, 2 * PAGE},
                  {4 * PAGE, PAGE}, {5 * PAGE, PAGE}, {100, 10},    {0, 9 * PAGE}};
    char page[PAGE];
    int fd = open("holes", O_RDWR | O_CREAT, 0600);

    for (size_t n = 0; n < COUNT(ranges); n++) {
        printf("== hole at %ld of %ld\n", (long)ranges[n].offset, (long)ranges[n].length);
        memset(page, 'x', sizeof(page));
        SHOW(ftruncate(fd, 0));
        for (int p = 0; p < 5; p++)
            pwrite(fd, page, sizeof(page), (off_t)p * PAGE);
        SHOW(fallocate(fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, ranges[n].offset,
                       ranges[n].length));
        for (int p = 0; p < 5; p++) {
            int zeros = 0;
            pread(fd, page, sizeof(page), (off_t)p * PAGE);
            for (size_t at = 0; at < sizeof(page); at++)
                zeros += !page[at];
            printf("%d zeros, ", zeros);
        }
        show_size(fd);
        SHOW(lseek(fd, 0, SEEK_DATA));
        SHOW(lseek(fd, 0, SEEK_HOLE));
        SHOW(lseek(fd, PAGE, SEEK_DATA));
    }
    close(fd);
}

static long copy(int from, off_t in, int to, off_t out, size_t length)
{
    long result = SHOW(copy_file_range(from, &in, to, &out, length, 0));

    printf("places %ld %ld\n", (long)in, (long)out);
    return result;
}

static void copies(void)
{
    int from = open("sizes", O_RDWR | O_CREAT | O_TRUNC, 0600);
    int to = open("copy", O_RDWR | O_CREAT | O_TRUNC, 0600);

    puts("== copies");
    SHOW(write(from, "0123456789", 10));
    SHOW(lseek(from, 4, SEEK_SET));
    SHOW(copy_file_range(from, NULL, to, NULL, 100, 0));
    SHOW(lseek(from, 0, SEEK_CUR));
    SHOW(lseek(to, 0, SEEK_CUR));
    copy(from, 0, to, 100, 5);
    copy(from, 9, to, 2, 5);
    copy(from, 10, to, 2, 5);
    copy(from, -1, to, 2, 5);
    copy(from, 0, to, -1, 5);
    copy(to, 0, from, 3 * PAGE, 1 << 20);
    copy(from, 0, from, 2, 5);
    copy(from, 0, from, 5, 5);
    show_size(from);
    show_size(to);
    SHOW(copy_file_range(from, NULL, to, NULL, 1, 1));
    SHOW(copy_file_range(-1, NULL, to, NULL, 1, 0));
    close(from);
    close(to);
}

int main(void)
{
    fresh_place();
    put_file("file", "some content", 0600);
    SHOW(mkfifo("fifo", 0600));
    SHOW(mkdir("folder", 0700));
    kinds();
    sizes();
    holes();
    copies();
    leave_place();
    return 0;
}
