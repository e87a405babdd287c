/* utime, utimes, futimesat and utimensat: what they set, and who may. */
#include "show.h"

#include <sys/syscall.h>
#include <sys/time.h>

enum { USER = 1000 };

/* Times of these tests are small; what the clock says is not. */
static void show_part(const struct timespec *time)
{
    if (time->tv_sec > 1000000000 && time->tv_sec < 8000000000)
        printf(" now");
    else
        printf(" %ld.%09ld", (long)time->tv_sec, time->tv_nsec);
}

static void show_times(const char *name)
{
    struct stat st;

    if (lstat(name, &st) < 0)
        return;
    printf("%s:", name);
    show_part(&st.st_atim);
    show_part(&st.st_mtim);
    putchar('\n');
}

static void utimes_of(const char *name)
{
    static const struct timeval good[2] = {{100, 5}, {200, 999999}}, early[2] = {{-5, 3}, {0, 0}};
    static const struct timeval bad[][2] = {
        {{1, 1000000}, {1, 0}}, {{1, 0}, {1, 1000000}}, {{1, -1}, {1, 0}}};
    static const long seconds[2] = {300, 400};

    printf("== %s\n", name);
    SHOW(syscall(SYS_utimes, name, good));
    show_times("file");
    for (size_t n = 0; n < COUNT(bad); n++)
        SHOW(syscall(SYS_utimes, name, bad[n]));
    SHOW(syscall(SYS_utimes, name, early));
    show_times("file");
    SHOW(syscall(SYS_utimes, name, NULL));
    show_times("file");
    SHOW(syscall(SYS_utimes, name, 1));
    SHOW(syscall(SYS_utime, name, seconds));
    show_times("file");
    SHOW(syscall(SYS_utime, name, NULL));
    show_times("file");
    SHOW(syscall(SYS_utime, name, 1));
    SHOW(syscall(SYS_futimesat, AT_FDCWD, name, good));
    show_times("file");
    SHOW(syscall(SYS_futimesat, AT_FDCWD, name, bad[1]));
    show_times("link");
}

static void by_descriptor(void)
{
    static const struct timeval good[2] = {{500, 6}, {600, 7}};
    static const struct timespec exact[2] = {{700, 8}, {800, 999999999}};
    int file = open("file", O_RDONLY), folder = open("folder", O_RDONLY);
    int path = open("file", O_PATH);

    puts("== by descriptor");
    SHOW(syscall(SYS_futimesat, file, NULL, good));
    show_times("file");
    SHOW(syscall(SYS_futimesat, folder, "inside", good));
    show_times("folder/inside");
    SHOW(syscall(SYS_futimesat, file, "inside", good));
    SHOW(syscall(SYS_futimesat, -1, NULL, good));
    SHOW(syscall(SYS_futimesat, path, NULL, good));
    SHOW(syscall(SYS_utimensat, file, NULL, exact, 0));
    show_times("file");
    SHOW(syscall(SYS_utimensat, folder, "inside", exact, 0));
    show_times("folder/inside");
    SHOW(syscall(SYS_utimensat, AT_FDCWD, "link", exact, AT_SYMLINK_NOFOLLOW));
    show_times("link");
    SHOW(syscall(SYS_utimensat, AT_FDCWD, "file", exact, 1));
    SHOW(syscall(SYS_utimensat, AT_FDCWD, "", exact, 0));
    close(file);
    close(folder);
    close(path);
}

static void special(void)
{
    static const struct timespec sets[][2] = {
        {{1, UTIME_OMIT}, {2, UTIME_OMIT}}, {{1, UTIME_NOW}, {2, UTIME_OMIT}},
        {{1, UTIME_OMIT}, {2, UTIME_NOW}},  {{1, UTIME_NOW}, {2, UTIME_NOW}},
        {{1, UTIME_OMIT}, {2, 2}},          {{1, 1}, {2, UTIME_OMIT}},
        {{1, 1000000000}, {2, 2}},          {{1, 1}, {2, -1}},
        {{1, UTIME_OMIT}, {2, 1000000000}}, {{1, UTIME_NOW + 1}, {2, 2}}};
    static const struct timespec start[2] = {{10, 1}, {20, 2}};

    for (size_t n = 0; n < COUNT(sets); n++) {
        printf("== set %zu\n", n);
        SHOW(utimensat(AT_FDCWD, "file", start, 0));
        SHOW(utimensat(AT_FDCWD, "file", sets[n], 0));
        show_times("file");
    }
    SHOW(utimensat(AT_FDCWD, "file", (const struct timespec[2]){{1, UTIME_NOW}, {1, UTIME_OMIT}},
                   AT_SYMLINK_NOFOLLOW));
}

/* Which of several faults is told. */
static void orders(void)
{
    static const struct timespec none[2] = {{0, UTIME_OMIT}, {0, UTIME_OMIT}};
    static const struct timespec bad[2] = {{0, -1}, {0, 0}}, good[2] = {{1, 1}, {2, 2}};
    static const struct timeval odd[2] = {{1, -1}, {1, 0}}, even[2] = {{1, 1}, {1, 0}};
    int file = open("file", O_RDONLY), path = open("file", O_PATH);

    puts("== orders");
    SHOW(syscall(SYS_utimensat, -1, "nowhere", none, 1));
    SHOW(syscall(SYS_utimensat, -1, NULL, none, 0));
    SHOW(syscall(SYS_utimensat, AT_FDCWD, NULL, none, 0));
    SHOW(syscall(SYS_utimensat, -1, NULL, 1, 1));
    SHOW(syscall(SYS_utimensat, AT_FDCWD, "nowhere", bad, 0));
    SHOW(syscall(SYS_utimensat, AT_FDCWD, "nowhere", bad, 1));
    SHOW(syscall(SYS_utimensat, AT_FDCWD, "file", bad, 0));
    SHOW(syscall(SYS_utimensat, AT_FDCWD, NULL, good, 0));
    SHOW(syscall(SYS_utimensat, AT_FDCWD, NULL, NULL, 0));
    SHOW(syscall(SYS_utimensat, AT_FDCWD, NULL, good, 1));
    SHOW(syscall(SYS_utimensat, -1, NULL, bad, 0));
    SHOW(syscall(SYS_utimensat, -1, NULL, NULL, 0));
    SHOW(syscall(SYS_utimensat, -1, NULL, good, AT_SYMLINK_NOFOLLOW));
    SHOW(syscall(SYS_utimensat, file, NULL, good, AT_SYMLINK_NOFOLLOW));
    SHOW(syscall(SYS_utimensat, file, NULL, good, AT_EMPTY_PATH));
    SHOW(syscall(SYS_utimensat, file, NULL, bad, 0));
    SHOW(syscall(SYS_utimensat, path, NULL, good, 0));
    SHOW(syscall(SYS_utimensat, file, "", good, 0));
    SHOW(syscall(SYS_utimensat, -1, "", good, AT_EMPTY_PATH));
    SHOW(syscall(SYS_utimensat, file, NULL, NULL, 0));
    SHOW(syscall(SYS_futimesat, AT_FDCWD, NULL, NULL));
    SHOW(syscall(SYS_futimesat, AT_FDCWD, NULL, even));
    SHOW(syscall(SYS_futimesat, AT_FDCWD, NULL, odd));
    SHOW(syscall(SYS_futimesat, -1, NULL, odd));
    SHOW(syscall(SYS_futimesat, -1, NULL, 1));
    SHOW(syscall(SYS_futimesat, -1, NULL, NULL));
    SHOW(syscall(SYS_futimesat, -1, "nowhere", even));
    SHOW(syscall(SYS_futimesat, file, NULL, NULL));
    SHOW(syscall(SYS_futimesat, file, "", even));
    SHOW(syscall(SYS_utimes, NULL, odd));
    SHOW(syscall(SYS_utimes, NULL, even));
    SHOW(syscall(SYS_utimes, "nowhere", odd));
    SHOW(syscall(SYS_utime, NULL, 1));
    SHOW(syscall(SYS_utime, NULL, NULL));
    close(file);
    close(path);
}

/* The owner may set any time; who may write only the clock's. */
static void as_user(uid_t owner, mode_t mode)
{
    static const struct timespec now[2] = {{0, UTIME_NOW}, {0, UTIME_NOW}};
    static const struct timespec none[2] = {{0, UTIME_OMIT}, {0, UTIME_OMIT}};
    static const struct timespec one[2] = {{0, UTIME_NOW}, {0, UTIME_OMIT}};
    static const struct timespec other[2] = {{0, UTIME_OMIT}, {0, UTIME_NOW}};
    static const struct timespec both[2] = {{0, UTIME_NOW}, {9, 9}};
    static const struct timespec set[2] = {{9, 9}, {9, 9}};
    static const struct timeval old[2] = {{100, 5}, {200, 9}};
    int status;

    printf("== owner %d, mode %o\n", (int)owner, (unsigned)mode);
    if (chown("file", owner, 0) < 0 || chmod("file", mode) < 0)
        perror("file");
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        if (setgid(USER) < 0 || setuid(USER) < 0)
            _exit(1);
        SHOW(utimensat(AT_FDCWD, "file", now, 0));
        SHOW(utimensat(AT_FDCWD, "file", NULL, 0));
        SHOW(utimensat(AT_FDCWD, "file", none, 0));
        SHOW(utimensat(AT_FDCWD, "file", one, 0));
        SHOW(utimensat(AT_FDCWD, "file", other, 0));
        SHOW(utimensat(AT_FDCWD, "file", both, 0));
        SHOW(utimensat(AT_FDCWD, "file", set, 0));
        SHOW(syscall(SYS_utimes, "file", NULL));
        SHOW(syscall(SYS_utimes, "file", old));
        SHOW(syscall(SYS_utime, "file", NULL));
        SHOW(syscall(SYS_futimesat, AT_FDCWD, "file", old));
        fflush(stdout);
        _exit(0);
    }
    waitpid(child, &status, 0);
    print_status("the user", status);
}

/* What has been made this moment was changed, modified and born at one time. */
static void show_birth(const char *name)
{
    struct statx st;

    if (statx(AT_FDCWD, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS | STATX_BTIME, &st) < 0) {
        perror(name);
        return;
    }
    printf("%s: born when changed %d, when modified %d\n", name,
           !memcmp(&st.stx_btime, &st.stx_ctime, sizeof(st.stx_btime)),
           !memcmp(&st.stx_btime, &st.stx_mtime, sizeof(st.stx_btime)));
}

static void births(void)
{
    SHOW(close(creat("born", 0644)));
    show_birth("born");
    SHOW(mkdir("born_folder", 0755));
    show_birth("born_folder");
    SHOW(symlink("born", "born_link"));
    show_birth("born_link");
    SHOW(mkfifo("born_fifo", 0644));
    show_birth("born_fifo");
}

int main(void)
{
    static const char *const names[] = {"file", "link", "nowhere", "", "file/x", "dangling"};

    fresh_place();
    put_file("file", "content", 0644);
    SHOW(mkdir("folder", 0755));
    put_file("folder/inside", "content", 0644);
    SHOW(symlink("file", "link"));
    SHOW(symlink("nowhere", "dangling"));
    for (size_t n = 0; n < COUNT(names); n++)
        utimes_of(names[n]);
    by_descriptor();
    special();
    orders();
    as_user(USER, 0);
    as_user(0, 0666);
    as_user(0, 0644);
    births();
    leave_place();
    return 0;
}
