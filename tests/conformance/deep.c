/* A working directory whose path grows past what one call can take: getcwd, /proc's links, and what
   works by relative names there. */
#include "show.h"

#include <sys/syscall.h>

enum { NAME = 199, DEPTH = 24 };

static char name[NAME + 1];
static char text[4 * PATH_MAX];

static long ask(size_t size)
{
    return syscall(SYS_getcwd, text, size);
}

static void show_depth(int depth, long root)
{
    char link[PATH_MAX];

    printf("depth %d\n", depth);
    errno = 0;
    long length = ask(sizeof(text));
    show("getcwd", length < 0 ? length : length - root);
    SHOW(ask(20));
    if (length > 0) {
        SHOW_OK(ask((size_t)length));
        SHOW_OK(ask((size_t)length - 1));
    }
    errno = 0;
    length = readlink("/proc/self/cwd", link, sizeof(link));
    show("readlink", length < 0 ? length : length - root);
    SHOW_OK(open("f", O_RDWR | O_CREAT, 0600));
    close(3);
    SHOW(rename("f", "g"));
    SHOW(access("/proc/self/cwd/g", F_OK));
    SHOW(unlink("g"));
}

int main(void)
{
    int depth = 0;

    fresh_place();
    memset(name, 'd', NAME);
    long root = ask(sizeof(text));
    while (depth < DEPTH && mkdir(name, 0700) == 0 && chdir(name) == 0)
        if (++depth % 4 == 0 || depth > 18)
            show_depth(depth, root);
    while (depth-- > 0) {
        if (chdir("..") < 0 || rmdir(name) < 0)
            perror("up");
    }
    SHOW(ask(sizeof(text)) - root);
    leave_place();
    return 0;
}
