/* execveat: by directory, by descriptor, and what it refuses. The program runs itself. */
#include "show.h"

#include <sys/syscall.h>

static char *const arguments[] = {"again", "one", "two", NULL};
static char *const environment[] = {"WORD=value", NULL};

static long execveat(int fd, const char *path, int flags)
{
    return syscall(SYS_execveat, fd, path, arguments, environment, flags);
}

/* In a child: the new image says so and ends with 7. */
#define TRY(call)                    \
    do {                             \
        fflush(stdout);              \
        pid_t child = fork();        \
        if (child == 0) {            \
            SHOW(call);              \
            fflush(stdout);          \
            _exit(0);                \
        }                            \
        int status = 0;              \
        waitpid(child, &status, 0);  \
        print_status(#call, status); \
    } while (0)

static void copy_self(const char *name)
{
    char block[4096];
    int from = open("/proc/self/exe", O_RDONLY);
    int to = open(name, O_WRONLY | O_CREAT, 0755);
    ssize_t n;

    while ((n = read(from, block, sizeof(block))) > 0)
        if (write(to, block, (size_t)n) != n)
            perror(name);
    close(from);
    close(to);
}

static void by_directory(void)
{
    int folder = open("folder", O_RDONLY | O_DIRECTORY), path = open("folder", O_PATH);
    char whole[PATH_MAX];

    snprintf(whole, sizeof(whole), "%s/folder/self", show_place);
    TRY(execveat(folder, "self", 0));
    TRY(execveat(path, "self", 0));
    TRY(execveat(AT_FDCWD, "folder/self", 0));
    TRY(execveat(-1, whole, 0));
    TRY(execveat(folder, "link", 0));
    TRY(execveat(folder, "link", AT_SYMLINK_NOFOLLOW));
    TRY(execveat(folder, "self", AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH));
    TRY(execveat(folder, "nowhere", 0));
    TRY(execveat(folder, "plain", 0));
    TRY(execveat(folder, "garbage", 0));
    TRY(execveat(folder, "script", 0));
    TRY(execveat(folder, ".", 0));
    TRY(execveat(folder, "self/x", 0));
    TRY(execveat(-1, "self", 0));
    close(folder);
    close(path);
}

static void by_descriptor(void)
{
    int self = open("folder/self", O_RDONLY), path = open("folder/self", O_PATH);
    int gone = open("folder/self", O_RDONLY | O_CLOEXEC), plain = open("folder/plain", O_RDONLY);
    int script = open("folder/script", O_RDONLY | O_CLOEXEC), folder = open("folder", O_RDONLY);
    int garbage = open("folder/garbage", O_RDONLY);
    int link = open("folder/link", O_PATH | O_NOFOLLOW);

    TRY(execveat(self, "", AT_EMPTY_PATH));
    TRY(execveat(path, "", AT_EMPTY_PATH));
    TRY(execveat(gone, "", AT_EMPTY_PATH));
    TRY(execveat(self, "self", 0));
    TRY(execveat(-1, "", AT_EMPTY_PATH));
    TRY(execveat(-1, "", 0));
    TRY(execveat(self, "", 0));
    TRY(execveat(AT_FDCWD, "", 0));
    TRY(execveat(AT_FDCWD, "", AT_EMPTY_PATH));
    TRY(execveat(plain, "", AT_EMPTY_PATH));
    TRY(execveat(garbage, "", AT_EMPTY_PATH));
    TRY(execveat(folder, "", AT_EMPTY_PATH));
    TRY(execveat(link, "", AT_EMPTY_PATH));
    TRY(execveat(script, "", AT_EMPTY_PATH));
    TRY(execveat(self, "", AT_EMPTY_PATH | 0x40000000));
    TRY(execveat(self, (const char *)1, AT_EMPTY_PATH));
    SHOW(unlink("folder/self"));
    TRY(execveat(self, "", AT_EMPTY_PATH));
}

int main(int argc, char **argv, char **environ_at)
{
    if (argc == 3 && !strcmp(argv[0], "again")) {
        printf("again with %s %s, %s\n", argv[1], argv[2], environ_at[0]);
        return 7;
    }
    fresh_place();
    SHOW(mkdir("folder", 0755));
    copy_self("folder/self");
    SHOW(symlink("self", "folder/link"));
    put_file("folder/plain", "text", 0644);
    put_file("folder/garbage", "\x01\x02\x03", 0755);
    put_file("folder/script", "#!/nowhere/at/all\n", 0755);
    by_directory();
    by_descriptor();
    leave_place();
    return 0;
}
