/* inotify: events of files and directories, watches, the queue. */
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#define KTAP_HAS_AGAIN
#include "ktap.h"

/* ---- Events as text ---- */

static const struct {
    uint32_t bit;
    const char *name;
} bits[] = {
    {IN_ACCESS, "ACCESS"},           {IN_MODIFY, "MODIFY"},
    {IN_ATTRIB, "ATTRIB"},           {IN_CLOSE_WRITE, "CLOSE_WRITE"},
    {IN_CLOSE_NOWRITE, "CLOSE"},     {IN_OPEN, "OPEN"},
    {IN_MOVED_FROM, "FROM"},         {IN_MOVED_TO, "TO"},
    {IN_CREATE, "CREATE"},           {IN_DELETE, "DELETE"},
    {IN_DELETE_SELF, "DELETE_SELF"}, {IN_MOVE_SELF, "MOVE_SELF"},
    {IN_UNMOUNT, "UNMOUNT"},         {IN_Q_OVERFLOW, "OVERFLOW"},
    {IN_IGNORED, "IGNORED"},
};

#define TEXT_SIZE 8192
static char text[TEXT_SIZE];
static uint32_t cookies[64]; /* cookies seen, in order: they are shown by their place */

static void append(const char *format, ...)
{
    va_list args;
    size_t used = strlen(text);

    va_start(args, format);
    vsnprintf(text + used, sizeof(text) - used, format, args);
    va_end(args);
}

static void append_cookie(uint32_t cookie)
{
    int i = 0;

    if (!cookie)
        return;
    while (cookies[i] && cookies[i] != cookie)
        i++;
    cookies[i] = cookie;
    append("#%d", i + 1);
}

/* "1:CREATE/ name", with '/' for directories, the cookie behind, events parted by commas. */
static void append_event(const struct inotify_event *event)
{
    append("%s%d:", *text ? ", " : "", event->wd);
    for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++)
        if (event->mask & bits[i].bit)
            append("%s", bits[i].name);
    if (event->mask & IN_ISDIR)
        append("/");
    append_cookie(event->cookie);
    if (event->len)
        append(" %s", event->name);
}

/* All events that are there. */
static const char *events(int fd)
{
    char buffer[4096] __attribute__((aligned(8)));
    ssize_t got;

    text[0] = '\0';
    memset(cookies, 0, sizeof(cookies));
    while ((got = read(fd, buffer, sizeof(buffer))) > 0)
        for (char *at = buffer; at < buffer + got;) {
            struct inotify_event *event = (struct inotify_event *)at;
            append_event(event);
            at += sizeof(*event) + event->len;
        }
    bool drained = got == -1 && errno == EAGAIN;
    CHECK(drained);
    return text;
}

static int notifier(void)
{
    int fd = inotify_init1(IN_NONBLOCK);
    CHECK(fd >= 0);
    return fd;
}

static int watched(const char *path, uint32_t mask)
{
    int fd = notifier();
    CHECK_EQUAL(inotify_add_watch(fd, path, mask), 1);
    return fd;
}

static int made(const char *path)
{
    int fd = open(path, O_CREAT | O_RDWR, 0644);
    CHECK(fd >= 0);
    return fd;
}

/* ---- Files ---- */

TEST(contents, "what is done to a file through descriptors")
{
    char c;
    close(made("f"));
    int fd = watched("f", IN_ALL_EVENTS);
    int file = open("f", O_RDWR);
    CHECK_STRING(events(fd), "1:OPEN");
    CHECK_EQUAL(write(file, "abc", 3), 3);
    CHECK_STRING(events(fd), "1:MODIFY");
    CHECK_EQUAL(pread(file, &c, 1, 0), 1);
    CHECK_STRING(events(fd), "1:ACCESS");
    CHECK_EQUAL(pread(file, &c, 1, 100), 0);
    CHECK_EQUAL(read(file, &c, 0), 0);
    CHECK_STRING(events(fd), "");
    struct iovec vector[2] = {{"x", 1}, {"y", 1}};
    CHECK_EQUAL(writev(file, vector, 2), 2);
    CHECK_STRING(events(fd), "1:MODIFY");
    CHECK_EQUAL(ftruncate(file, 1), 0);
    CHECK_STRING(events(fd), "1:MODIFY");
    int twin = dup(file);
    close(file);
    CHECK_STRING(events(fd), "");
    close(twin);
    CHECK_STRING(events(fd), "1:CLOSE_WRITE");
    close(open("f", O_RDONLY));
    CHECK_STRING(events(fd), "1:OPEN, 1:CLOSE");
    close(open("f", O_WRONLY | O_TRUNC));
    CHECK_STRING(events(fd), "1:OPEN, 1:MODIFY, 1:CLOSE_WRITE");
    CHECK_EQUAL(truncate("f", 10), 0);
    CHECK_STRING(events(fd), "1:MODIFY");
}

TEST(attributes, "which attributes are which events")
{
    close(made("f"));
    int fd = watched("f", IN_ALL_EVENTS);
    CHECK_EQUAL(chmod("f", 0600), 0);
    CHECK_STRING(events(fd), "1:ATTRIB");
    CHECK_EQUAL(chown("f", getuid(), getgid()), 0);
    CHECK_STRING(events(fd), "1:ATTRIB");
    struct timespec both[2] = {{1, 0}, {2, 0}};
    CHECK_EQUAL(utimensat(AT_FDCWD, "f", both, 0), 0);
    CHECK_STRING(events(fd), "1:ATTRIB");
    struct timespec first[2] = {{1, 0}, {0, UTIME_OMIT}};
    CHECK_EQUAL(utimensat(AT_FDCWD, "f", first, 0), 0);
    CHECK_STRING(events(fd), "1:ACCESS");
    struct timespec second[2] = {{0, UTIME_OMIT}, {0, UTIME_NOW}};
    CHECK_EQUAL(utimensat(AT_FDCWD, "f", second, 0), 0);
    CHECK_STRING(events(fd), "1:MODIFY");
    int file = open("f", O_RDWR);
    CHECK_EQUAL(fchmod(file, 0644), 0);
    CHECK_STRING(events(fd), "1:OPEN, 1:ATTRIB");
    CHECK_EQUAL(link("f", "g"), 0);
    CHECK_STRING(events(fd), "1:ATTRIB");
    CHECK_EQUAL(unlink("g"), 0);
    CHECK_STRING(events(fd), "1:ATTRIB");
}

TEST(links, "a watch is on the file, whatever it is called")
{
    close(made("f"));
    CHECK_EQUAL(link("f", "g"), 0);
    int fd = watched("f", IN_OPEN | IN_DELETE_SELF | IN_MOVE_SELF);
    close(open("g", O_RDONLY));
    CHECK_STRING(events(fd), "1:OPEN");
    CHECK_EQUAL(inotify_add_watch(fd, "g", IN_OPEN | IN_DELETE_SELF), 1);
    CHECK_EQUAL(unlink("f"), 0);
    CHECK_STRING(events(fd), "");
    CHECK_EQUAL(unlink("g"), 0);
    CHECK_STRING(events(fd), "1:DELETE_SELF, 1:IGNORED");
}

TEST(deleted, "a deleted file goes with its last user, and so do its watches")
{
    int file = made("f");
    int fd = watched("f", IN_ALL_EVENTS);
    CHECK_EQUAL(unlink("f"), 0);
    CHECK_STRING(events(fd), "1:ATTRIB");
    CHECK_EQUAL(write(file, "x", 1), 1);
    close(file);
    CHECK_STRING(events(fd), "1:MODIFY, 1:CLOSE_WRITE, 1:DELETE_SELF, 1:IGNORED");
    CHECK_ERROR(inotify_rm_watch(fd, 1), EINVAL);
    close(made("f"));
    CHECK_EQUAL(inotify_add_watch(fd, "f", IN_ALL_EVENTS), 2);
    close(made("over"));
    CHECK_EQUAL(rename("over", "f"), 0);
    CHECK_STRING(events(fd), "2:ATTRIB, 2:DELETE_SELF, 2:IGNORED");
}

TEST(copies, "sendfile and fallocate are reads and writes")
{
    int in = made("in"), out = made("out");
    CHECK_EQUAL(write(in, "0123456789", 10), 10);
    int fd = watched("in", IN_ACCESS | IN_MODIFY);
    CHECK_EQUAL(inotify_add_watch(fd, "out", IN_ACCESS | IN_MODIFY), 2);
    off_t at = 0;
    CHECK_EQUAL(sendfile(out, in, &at, 10), 10);
    const char *seen = events(fd);
    CHECK(strstr(seen, "1:ACCESS") && strstr(seen, "2:MODIFY"));
    CHECK_EQUAL(syscall(SYS_fallocate, out, 0, 0L, 100L), 0);
    CHECK_STRING(events(fd), "2:MODIFY");
}

/* ---- Directories ---- */

TEST(directory, "what comes and goes in a directory, by name")
{
    CHECK_EQUAL(mkdir("d", 0755), 0);
    int fd = watched("d", IN_ALL_EVENTS);
    int file = made("d/file");
    CHECK_STRING(events(fd), "1:CREATE file, 1:OPEN file");
    CHECK_EQUAL(write(file, "x", 1), 1);
    close(file);
    CHECK_STRING(events(fd), "1:MODIFY file, 1:CLOSE_WRITE file");
    CHECK_EQUAL(mkdir("d/sub", 0755), 0);
    CHECK_STRING(events(fd), "1:CREATE/ sub");
    CHECK_EQUAL(symlink("file", "d/link"), 0);
    CHECK_EQUAL(mkfifo("d/fifo", 0600), 0);
    CHECK_EQUAL(link("d/file", "d/second"), 0);
    CHECK_STRING(events(fd), "1:CREATE link, 1:CREATE fifo, 1:CREATE second");
    CHECK_EQUAL(chmod("d/sub", 0700), 0);
    CHECK_STRING(events(fd), "1:ATTRIB/ sub");
    CHECK_EQUAL(unlink("d/second"), 0);
    CHECK_EQUAL(unlink("d/link"), 0);
    CHECK_EQUAL(rmdir("d/sub"), 0);
    CHECK_STRING(events(fd), "1:DELETE second, 1:DELETE link, 1:DELETE/ sub");
    CHECK_ERROR(open("d/file", O_CREAT | O_EXCL | O_RDWR, 0600), EEXIST);
    CHECK_ERROR(mkdir("d/file", 0600), EEXIST);
    CHECK_ERROR(unlink("d/none"), ENOENT);
    CHECK_STRING(events(fd), "");
    CHECK_EQUAL(chmod("d", 0700), 0);
    CHECK_STRING(events(fd), "1:ATTRIB/");
}

TEST(listing, "reading a directory")
{
    CHECK_EQUAL(mkdir("d", 0755), 0);
    int fd = watched("d", IN_ALL_EVENTS);
    char buffer[1024];
    int dir = open("d", O_RDONLY | O_DIRECTORY);
    CHECK(syscall(SYS_getdents64, dir, buffer, sizeof(buffer)) > 0);
    close(dir);
    CHECK_STRING(events(fd), "1:OPEN/, 1:ACCESS/, 1:CLOSE/");
    CHECK_EQUAL(inotify_add_watch(fd, ".", IN_OPEN | IN_CLOSE), 2);
    close(open("d", O_RDONLY | O_DIRECTORY));
    CHECK_STRING(events(fd), "2:OPEN/ d, 1:OPEN/, 2:CLOSE/ d, 1:CLOSE/");
    CHECK_EQUAL(open("d/../d", O_PATH) >= 0, 1);
    const char *seen = events(fd);
    CHECK(!*seen || strstr(seen, "OPEN"));
}

TEST(both, "the directory hears of it before the file does")
{
    close(made("f"));
    int fd = watched(".", IN_ALL_EVENTS);
    CHECK_EQUAL(inotify_add_watch(fd, "f", IN_ALL_EVENTS), 2);
    close(open("f", O_RDONLY));
    CHECK_STRING(events(fd), "1:OPEN f, 2:OPEN, 1:CLOSE f, 2:CLOSE");
    CHECK_EQUAL(chmod("f", 0600), 0);
    CHECK_STRING(events(fd), "1:ATTRIB f, 2:ATTRIB");
    CHECK_EQUAL(rename("f", "g"), 0);
    CHECK_STRING(events(fd), "1:FROM#1 f, 1:TO#1 g, 2:MOVE_SELF");
    CHECK_EQUAL(unlink("g"), 0);
    CHECK_STRING(events(fd), "2:ATTRIB, 2:DELETE_SELF, 2:IGNORED, 1:DELETE g");
    CHECK_EQUAL(mkdir("d", 0700), 0);
    CHECK_EQUAL(inotify_add_watch(fd, "d", IN_ALL_EVENTS), 3);
    CHECK_EQUAL(rmdir("d"), 0);
    CHECK_STRING(events(fd), "1:CREATE/ d, 3:DELETE_SELF, 3:IGNORED, 1:DELETE/ d");
}

TEST(moves, "a move is two events with one cookie")
{
    CHECK_EQUAL(mkdir("a", 0755), 0);
    CHECK_EQUAL(mkdir("b", 0755), 0);
    close(made("a/one"));
    close(made("a/two"));
    int fd = watched("a", IN_ALL_EVENTS);
    CHECK_EQUAL(inotify_add_watch(fd, "b", IN_ALL_EVENTS), 2);
    CHECK_EQUAL(rename("a/one", "b/1"), 0);
    CHECK_EQUAL(rename("a/two", "b/2"), 0);
    CHECK_STRING(events(fd), "1:FROM#1 one, 2:TO#1 1, 1:FROM#2 two, 2:TO#2 2");
    CHECK_EQUAL(rename("b/1", "b/2"), 0);
    CHECK_STRING(events(fd), "2:FROM#1 1, 2:TO#1 2");
    close(made("b/3"));
    events(fd);
    CHECK_EQUAL(syscall(SYS_renameat2, AT_FDCWD, "b/2", AT_FDCWD, "b/3", 2), 0);
    CHECK_STRING(events(fd), "2:FROM#1 2, 2:TO#1 3, 2:FROM#2 3, 2:TO#2 2");
    CHECK_EQUAL(mkdir("c", 0755), 0);
    CHECK_EQUAL(rename("c", "a/c"), 0);
    CHECK_STRING(events(fd), "1:TO/#1 c");
    CHECK_EQUAL(rename("a", "z"), 0);
    CHECK_STRING(events(fd), "1:MOVE_SELF");
    CHECK_ERROR(rename("z/none", "z/n"), ENOENT);
    CHECK_EQUAL(rename("z/c", "z/c"), 0);
    CHECK_STRING(events(fd), "");
    close(made("z/new"));
    CHECK_STRING(events(fd), "1:CREATE new, 1:OPEN new, 1:CLOSE_WRITE new");
}

TEST(renamed, "a renamed file is told of by its new name")
{
    int file = made("old");
    int fd = watched(".", IN_MODIFY | IN_CLOSE);
    CHECK_EQUAL(write(file, "x", 1), 1);
    CHECK_EQUAL(rename("old", "a-name-longer-than-thirty-one-characters"), 0);
    CHECK_EQUAL(write(file, "x", 1), 1);
    close(file);
    CHECK_STRING(events(fd), "1:MODIFY old, 1:MODIFY a-name-longer-than-thirty-one-characters, "
                             "1:CLOSE_WRITE a-name-longer-than-thirty-one-characters");
}

TEST(programs, "executing a file opens and reads it")
{
    char *arguments[] = {ktap_self, "--again", NULL};
    int fd = watched(ktap_self, IN_OPEN | IN_ACCESS | IN_CLOSE_NOWRITE);
    pid_t pid = CHILD(execve(ktap_self, arguments, NULL); _exit(1));
    CHECK_CHILD(pid);
    const char *seen = events(fd);
    CHECK(!strncmp(seen, "1:OPEN", 6));
    CHECK(strstr(seen, "1:CLOSE"));
}

static int ktap_again(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return 0;
}

/* ---- Watches ---- */

TEST(masks, "a watch hears what it asked for; asking again replaces, adds or fails")
{
    CHECK_EQUAL(mkdir("d", 0755), 0);
    int fd = watched("d", IN_CREATE);
    close(made("d/a"));
    CHECK_STRING(events(fd), "1:CREATE a");
    CHECK_EQUAL(inotify_add_watch(fd, "d", IN_DELETE), 1);
    close(made("d/b"));
    CHECK_EQUAL(unlink("d/a"), 0);
    CHECK_STRING(events(fd), "1:DELETE a");
    CHECK_EQUAL(inotify_add_watch(fd, "d", IN_CREATE | IN_MASK_ADD), 1);
    close(made("d/c"));
    CHECK_EQUAL(unlink("d/b"), 0);
    CHECK_STRING(events(fd), "1:CREATE c, 1:DELETE b");
    CHECK_ERROR(inotify_add_watch(fd, "d", IN_OPEN | IN_MASK_CREATE), EEXIST);
    CHECK_EQUAL(inotify_add_watch(fd, ".", IN_OPEN | IN_MASK_CREATE), 2);
    CHECK_ERROR(inotify_add_watch(fd, "d", IN_OPEN | IN_MASK_CREATE | IN_MASK_ADD), EINVAL);
}

TEST(oneshot, "a one-shot watch ends with its first event")
{
    close(made("f"));
    int fd = watched("f", IN_OPEN | IN_ONESHOT);
    CHECK_EQUAL(chmod("f", 0600), 0);
    close(open("f", O_RDONLY));
    close(open("f", O_RDONLY));
    CHECK_STRING(events(fd), "1:OPEN, 1:IGNORED");
    CHECK_ERROR(inotify_rm_watch(fd, 1), EINVAL);
    CHECK_EQUAL(inotify_add_watch(fd, "f", IN_OPEN), 2);
}

TEST(removal, "a watch that is removed says so, and nothing more")
{
    close(made("f"));
    int fd = watched("f", IN_ALL_EVENTS);
    close(open("f", O_RDONLY));
    CHECK_EQUAL(inotify_rm_watch(fd, 1), 0);
    close(open("f", O_RDONLY));
    CHECK_STRING(events(fd), "1:OPEN, 1:CLOSE, 1:IGNORED");
    CHECK_ERROR(inotify_rm_watch(fd, 1), EINVAL);
    CHECK_ERROR(inotify_rm_watch(fd, -1), EINVAL);
    CHECK_ERROR(inotify_rm_watch(0, 1), EINVAL);
    CHECK_ERROR(inotify_rm_watch(-1, 1), EBADF);
    CHECK_EQUAL(inotify_add_watch(fd, "f", IN_OPEN), 2);
}

TEST(kinds, "what may be watched: directories only, links themselves, readable files")
{
    CHECK_EQUAL(mkdir("d", 0755), 0);
    close(made("f"));
    CHECK_EQUAL(symlink("d", "l"), 0);
    int fd = notifier();
    CHECK_ERROR(inotify_add_watch(fd, "f", IN_OPEN | IN_ONLYDIR), ENOTDIR);
    CHECK_EQUAL(inotify_add_watch(fd, "d", IN_OPEN | IN_ONLYDIR), 1);
    CHECK_EQUAL(inotify_add_watch(fd, "l", IN_OPEN), 1);
    CHECK_EQUAL(inotify_add_watch(fd, "l", IN_ALL_EVENTS | IN_DONT_FOLLOW), 2);
    CHECK_ERROR(inotify_add_watch(fd, "l", IN_OPEN | IN_DONT_FOLLOW | IN_ONLYDIR), ENOTDIR);
    CHECK_ERROR(inotify_add_watch(fd, "none", IN_OPEN), ENOENT);
    CHECK_ERROR(inotify_add_watch(fd, "", IN_OPEN), ENOENT);
    CHECK_ERROR(inotify_add_watch(fd, "f", 0), EINVAL);
    CHECK_ERROR(inotify_add_watch(fd, "f", 0x00100000), EINVAL);
    CHECK_ERROR(inotify_add_watch(fd, (char *)1, IN_OPEN), EFAULT);
    CHECK_ERROR(inotify_add_watch(0, "f", IN_OPEN), EINVAL);
    CHECK_ERROR(inotify_add_watch(-1, "f", IN_OPEN), EBADF);
    CHECK_EQUAL(inotify_add_watch(fd, "f", IN_ONLYDIR), -1);
    CHECK_EQUAL(unlink("l"), 0);
    CHECK_STRING(events(fd), "2:ATTRIB, 2:DELETE_SELF, 2:IGNORED");
    CHECK_ERROR(inotify_init1(1), EINVAL);
}

TEST(permission, "to watch takes the right to read")
{
    if (getuid())
        SKIP("not root");
    close(made("f"));
    CHECK_EQUAL(chmod("f", 0200), 0);
    CHECK_EQUAL(chmod(".", 0755), 0);
    pid_t pid = CHILD(CHECK_EQUAL(setresuid(1000, 1000, 1000), 0);
                      CHECK_ERROR(inotify_add_watch(notifier(), "f", IN_OPEN), EACCES));
    CHECK_CHILD(pid);
}

TEST(unlinked, "IN_EXCL_UNLINK: nothing of children that have lost their name")
{
    int a = made("a"), b = made("b");
    int fd = watched(".", IN_MODIFY | IN_CLOSE);
    int exclusive = watched(".", IN_MODIFY | IN_CLOSE | IN_EXCL_UNLINK);
    CHECK_EQUAL(unlink("a"), 0);
    CHECK_EQUAL(write(a, "x", 1), 1);
    CHECK_EQUAL(write(b, "x", 1), 1);
    close(a);
    CHECK_STRING(events(fd), "1:MODIFY a, 1:MODIFY b, 1:CLOSE_WRITE a");
    CHECK_STRING(events(exclusive), "1:MODIFY b");
}

TEST(many, "each notifier has its own watches and queue")
{
    close(made("f"));
    int first = watched("f", IN_OPEN), second = watched("f", IN_CLOSE);
    close(open("f", O_RDONLY));
    CHECK_STRING(events(first), "1:OPEN");
    CHECK_STRING(events(second), "1:CLOSE");
    close(second);
    int more[6];
    for (int i = 0; i < 6; i++)
        more[i] = watched("f", IN_OPEN);
    close(open("f", O_RDONLY));
    for (int i = 0; i < 6; i++) {
        struct pollfd ask = {.fd = more[i], .events = POLLIN};
        CHECK_EQUAL(poll(&ask, 1, 0), 1);
        CHECK_STRING(events(more[i]), "1:OPEN");
    }
    CHECK_STRING(events(first), "1:OPEN");
}

TEST(mounts, "an unmount ends the watches in it")
{
    CHECK_EQUAL(mkdir("m", 0755), 0);
    if (mount("none", "m", "tmpfs", 0, NULL) < 0)
        SKIP("no mounting here");
    close(made("m/f"));
    int fd = watched("m/f", IN_OPEN);
    CHECK_EQUAL(inotify_add_watch(fd, "m", IN_OPEN), 2);
    CHECK_EQUAL(inotify_add_watch(fd, ".", IN_OPEN), 3);
    CHECK_EQUAL(umount("m"), 0);
    const char *seen = events(fd);
    CHECK(strstr(seen, "1:UNMOUNT, 1:IGNORED") && strstr(seen, "2:UNMOUNT/, 2:IGNORED"));
    CHECK(!strstr(seen, "3:"));
}

/* ---- The queue ---- */

TEST(coalescing, "an event like the last unread one is not said twice")
{
    int file = made("f");
    int fd = watched("f", IN_MODIFY | IN_ACCESS);
    char c;
    for (int i = 0; i < 10; i++)
        CHECK_EQUAL(write(file, "x", 1), 1);
    CHECK_EQUAL(pread(file, &c, 1, 0), 1);
    CHECK_EQUAL(write(file, "x", 1), 1);
    CHECK_EQUAL(write(file, "x", 1), 1);
    CHECK_STRING(events(fd), "1:MODIFY, 1:ACCESS, 1:MODIFY");
    CHECK_EQUAL(write(file, "x", 1), 1);
    CHECK_STRING(events(fd), "1:MODIFY");
}

TEST(reading, "a read gives whole events, as many as fit")
{
    char buffer[100];
    int fd = watched(".", IN_CREATE), left;
    CHECK_ERROR(read(fd, buffer, sizeof(buffer)), EAGAIN);
    CHECK_EQUAL(ioctl(fd, FIONREAD, &left), 0);
    CHECK_EQUAL(left, 0);
    close(made("a"));
    close(made("fifteen-letters"));
    close(made("sixteen--letters"));
    CHECK_EQUAL(ioctl(fd, FIONREAD, &left), 0);
    CHECK_EQUAL(left, 32 + 32 + 48);
    CHECK_ERROR(read(fd, buffer, 31), EINVAL);
    CHECK_ERROR(read(fd, buffer, 0), EINVAL);
    CHECK_EQUAL(read(fd, buffer, 100), 64);
    struct inotify_event *event = (struct inotify_event *)(buffer + 32);
    CHECK_EQUAL(event->len, 16);
    CHECK_STRING(event->name, "fifteen-letters");
    CHECK_EQUAL(read(fd, buffer, 48), 48);
    CHECK_EQUAL(((struct inotify_event *)buffer)->len, 32);
    CHECK_ERROR(write(fd, "x", 1), EBADF);
    CHECK_ERROR(ioctl(fd, 0x5401, buffer), ENOTTY);
}

TEST(readiness, "poll and epoll see events; a reader waits for them")
{
    close(made("f"));
    int fd = watched("f", IN_OPEN);
    struct pollfd ask = {.fd = fd, .events = POLLIN | POLLOUT};
    CHECK_EQUAL(poll(&ask, 1, 0), 0);
    int set = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN | EPOLLET};
    CHECK_EQUAL(epoll_ctl(set, EPOLL_CTL_ADD, fd, &event), 0);
    CHECK_EQUAL(epoll_wait(set, &event, 1, 0), 0);
    close(open("f", O_RDONLY));
    CHECK_EQUAL(poll(&ask, 1, 0), 1);
    CHECK_EQUAL(ask.revents, POLLIN);
    CHECK_EQUAL(epoll_wait(set, &event, 1, 0), 1);
    CHECK_EQUAL(epoll_wait(set, &event, 1, 0), 0);
    close(open("f", O_RDWR));
    CHECK_STRING(events(fd), "1:OPEN");
    CHECK_EQUAL(poll(&ask, 1, 0), 0);
    CHECK_EQUAL(fcntl(fd, F_SETFL, 0), 0);
    pid_t pid = CHILD(ktap_sleep(50); close(open("f", O_RDONLY)));
    char buffer[64];
    CHECK_EQUAL(read(fd, buffer, sizeof(buffer)), 16);
    CHECK_CHILD(pid);
}

TEST(order, "a child's events come in its order, across many files")
{
    int fd = notifier();
    char name[16], wanted[64];
    CHECK_EQUAL(inotify_add_watch(fd, ".", IN_CREATE | IN_DELETE), 1);
    CHECK_EQUAL(fcntl(fd, F_SETFL, 0), 0);
    pid_t pid = CHILD(for (int i = 0; i < 500; i++) {
        sprintf(name, "%d", i);
        close(made(name));
        unlink(name);
    });
    for (int i = 0; i < 1000; i++) {
        char buffer[32] __attribute__((aligned(8)));
        CHECK_EQUAL(read(fd, buffer, sizeof(buffer)), 32);
        text[0] = '\0';
        append_event((struct inotify_event *)buffer);
        sprintf(wanted, "1:%s %d", i % 2 ? "DELETE" : "CREATE", i / 2);
        CHECK_STRING(text, wanted);
    }
    CHECK_CHILD(pid);
}

static long setting(const char *name)
{
    char path[64];
    long value = -1;
    sprintf(path, "/proc/sys/fs/inotify/%s", name);
    FILE *file = fopen(path, "r");
    CHECK(file != NULL);
    CHECK_EQUAL(fscanf(file, "%ld", &value), 1);
    fclose(file);
    return value;
}

TEST(overflow, "what the queue can't hold is lost, and it says so once")
{
    long limit = setting("max_queued_events");
    CHECK(limit > 0);
    int a = made("a"), b = made("b");
    int fd = watched("a", IN_MODIFY);
    CHECK_EQUAL(inotify_add_watch(fd, "b", IN_MODIFY), 2);
    for (long i = 0; i < limit / 2 + 10; i++) {
        CHECK_EQUAL(pwrite(a, "x", 1, 0), 1);
        CHECK_EQUAL(pwrite(b, "x", 1, 0), 1);
    }
    static char buffer[65536] __attribute__((aligned(8)));
    long count = 0;
    ssize_t got;
    struct inotify_event last = {0};
    while ((got = read(fd, buffer, sizeof(buffer))) > 0) {
        count += got / (ssize_t)sizeof(last);
        memcpy(&last, buffer + got - sizeof(last), sizeof(last));
    }
    CHECK_EQUAL(count, limit + 1);
    CHECK_EQUAL(last.wd, -1);
    CHECK_EQUAL(last.mask, IN_Q_OVERFLOW);
    CHECK_EQUAL(pwrite(a, "x", 1, 0), 1);
    CHECK_STRING(events(fd), "1:MODIFY");
}

TEST(limits, "a user has a bound on notifiers")
{
    long limit = setting("max_user_instances"), count = 0;
    CHECK(limit > 0 && setting("max_user_watches") > 0);
    struct rlimit files = {limit + 100, limit + 100};
    if (setrlimit(RLIMIT_NOFILE, &files) < 0)
        SKIP("not so many descriptors");
    while (inotify_init() >= 0)
        count++;
    CHECK_EQUAL(errno, EMFILE);
    CHECK(count > 0 && count <= limit);
}

TEST(shown, "/proc shows a notifier's watches")
{
    char path[64], line[200], link[64] = "";
    int fd = watched(".", IN_OPEN), seen = 0;
    struct stat st;
    unsigned number, mask;
    unsigned long inode;
    CHECK_EQUAL(stat(".", &st), 0);
    sprintf(path, "/proc/self/fd/%d", fd);
    CHECK(readlink(path, link, sizeof(link) - 1) > 0);
    CHECK_STRING(link, "anon_inode:inotify");
    sprintf(path, "/proc/self/fdinfo/%d", fd);
    FILE *file = fopen(path, "r");
    CHECK(file != NULL);
    while (fgets(line, sizeof(line), file))
        if (sscanf(line, "inotify wd:%x ino:%lx sdev:%*x mask:%x", &number, &inode, &mask) == 3)
            seen += number == 1 && inode == st.st_ino && (mask & IN_OPEN);
    fclose(file);
    CHECK_EQUAL(seen, 1);
}
