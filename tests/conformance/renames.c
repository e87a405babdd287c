/* rename, exchange and link between every two kinds of file, and what is there afterwards. */
#include "show.h"

static const char *const kinds[] = {"missing",     "file", "link to file", "empty dir", "full dir",
                                    "link to dir", "fifo", "same file",    "inside"};

static void make(const char *kind, const char *name)
{
    char inner[64];

    if (!strcmp(kind, "file")) {
        put_file(name, name, 0644);
    } else if (!strcmp(kind, "link to file")) {
        put_file("target", "t", 0644);
        symlink("target", name);
    } else if (!strcmp(kind, "link to dir")) {
        mkdir("target dir", 0755);
        symlink("target dir", name);
    } else if (strstr(kind, "dir")) {
        mkdir(name, 0755);
        snprintf(inner, sizeof(inner), "%s/inner", name);
        if (!strcmp(kind, "full dir"))
            put_file(inner, "i", 0644);
    } else if (!strcmp(kind, "fifo")) {
        mkfifo(name, 0644);
    } else if (!strcmp(kind, "same file")) {
        link("a", name);
    }
}

static const char *kind_of(const char *name)
{
    struct stat st;

    if (lstat(name, &st) < 0)
        return "nothing";
    switch (st.st_mode & S_IFMT) {
    case S_IFREG:
        return st.st_size == 1 ? name[0] == 'a' && st.st_nlink == 1 ? "file" : "file "
                               : "other file";
    case S_IFDIR:
        return st.st_nlink == 2 ? "dir" : "dir with dirs";
    case S_IFLNK:
        return "link";
    default:
        return "fifo";
    }
}

/* Which file is where: its content is the name that it was made with. */
static char content(const char *name)
{
    char c = '-';
    int fd = open(name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW);

    if (fd >= 0 && read(fd, &c, 1) != 1)
        c = '-';
    close(fd);
    return c;
}

static long move(const char *from, const char *to, unsigned flags)
{
    return flags ? renameat2(AT_FDCWD, from, AT_FDCWD, to, flags) : rename(from, to);
}

int main(void)
{
    static const struct {
        const char *name;
        unsigned flags;
    } ways[] = {{"rename", 0}, {"no replacing", 1}, {"exchange", 2}};

    fresh_place();
    for (size_t w = 0; w < COUNT(ways); w++)
        for (size_t a = 0; a < COUNT(kinds) - 2; a++)
            for (size_t b = 0; b < COUNT(kinds); b++) {
                bool inside = !strcmp(kinds[b], "inside");
                const char *to = inside ? "a/b" : "b";
                remove_tree(".");
                make(kinds[a], "a");
                make(kinds[b], "b");
                errno = 0;
                long result = move("a", to, ways[w].flags);
                printf("%s %s to %s: %s; a is %s (%c), %s is %s (%c)\n", ways[w].name, kinds[a],
                       kinds[b], result < 0 ? strerror(errno) : "works", kind_of("a"), content("a"),
                       to, kind_of(to), content(to));
            }
    remove_tree(".");
    mkdir("p", 0755);
    mkdir("p/q", 0755);
    mkdir("p/q/r", 0755);
    SHOW(rename("p", "p/q/r/s"));
    SHOW(rename("p", "p/q"));
    SHOW(rename("p/q/r", "p"));
    SHOW(rename("p/q/r", "r"));
    SHOW(rename("p/q", "r/q"));
    SHOW(access("r/q", F_OK));
    SHOW(rename("r/../p", "r/../t"));
    SHOW(rename("t/.", "u"));
    SHOW(rename("t", "u/"));
    SHOW(rename("u/", "v/"));
    put_file("w", "w", 0600);
    SHOW(rename("w", "x/"));
    SHOW(rename("w/", "x"));
    SHOW(renameat2(AT_FDCWD, "w", AT_FDCWD, "x", 99));
    leave_place();
    return 0;
}
