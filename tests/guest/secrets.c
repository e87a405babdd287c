/* What a process keeps from others: its memory's layout, its identity's secrets; and that nobody
 * slips out of a group. */
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#define KTAP_HAS_AGAIN
#include "ktap.h"

#define SOMEBODY          1000
#define ADDR_NO_RANDOMIZE 0x0040000
#define SHARE_FS          0x200 /* CLONE_FS */

static void become(uid_t uid)
{
    CHECK(setresgid(uid, uid, uid) == 0 && setresuid(uid, uid, uid) == 0);
}

static int tried(pid_t pid, const char *name)
{
    char path[64];
    sprintf(path, "/proc/%d/%s", (int)pid, name);
    return open(path, O_RDONLY);
}

/* ---- What the program does when it is executed again ---- */

static char data;

static int ktap_again(int argc, char **argv)
{
    if (argc > 0 && !strcmp(argv[0], "euid"))
        return geteuid() == 0 ? 10 : 20;
    if (argc > 0 && !strcmp(argv[0], "dumpable"))
        return prctl(PR_GET_DUMPABLE) ? 10 : 20;
    if (argc > 1 && !strcmp(argv[0], "places")) {
        void *places[3] = {mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), &argc,
                           sbrk(0)};
        return write(atoi(argv[1]), places, sizeof(places)) == sizeof(places) ? 0 : 1;
    }
    return data;
}

static int status_of(pid_t pid)
{
    int status;
    CHECK_EQUAL(waitpid(pid, &status, 0), pid);
    CHECK(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void run_again(const char *program, const char *what, const char *argument)
{
    char *arguments[] = {"again", "--again", (char *)what, (char *)argument, NULL};
    execve(program, arguments, NULL);
    _exit(1);
}

/* ---- Memory ---- */

TEST(at_open, "files about a process's memory aren't opened by strangers")
{
    if (getuid())
        SKIP("needs root");
    pid_t parent = getpid();
    pid_t pid = CHILD(become(SOMEBODY); CHECK_ERROR(tried(parent, "maps"), EACCES);
                      CHECK_ERROR(tried(parent, "auxv"), EACCES);
                      CHECK_ERROR(tried(parent, "environ"), EACCES);
                      CHECK(tried(parent, "stat") >= 0 && tried(getpid(), "maps") >= 0));
    CHECK_CHILD(pid);
    CHECK(tried(parent, "maps") >= 0);
}

TEST(dumpable, "who has changed identity isn't looked into, until it executes a program")
{
    if (getuid())
        SKIP("needs root");
    int ready[2], go[2];
    char c;
    CHECK_EQUAL(prctl(PR_GET_DUMPABLE), 1);
    CHECK(pipe(ready) == 0 && pipe(go) == 0);
    pid_t changed = CHILD(become(SOMEBODY); CHECK_EQUAL(prctl(PR_GET_DUMPABLE), 0);
                          CHECK(write(ready[1], "x", 1) == 1); CHECK(read(go[0], &c, 1) == 1));
    CHECK(read(ready[0], &c, 1) == 1);
    pid_t other = CHILD(become(SOMEBODY); CHECK_ERROR(tried(changed, "maps"), EACCES);
                        CHECK_ERROR(tried(changed, "environ"), EACCES));
    CHECK_CHILD(other);
    CHECK(write(go[1], "x", 1) == 1);
    CHECK_CHILD(changed);
    pid_t pid = CHILD(become(SOMEBODY); run_again(ktap_self, "dumpable", NULL));
    CHECK_EQUAL(status_of(pid), 10);
    pid = CHILD(become(0); CHECK_EQUAL(prctl(PR_GET_DUMPABLE), 1)); /* nothing changed */
    CHECK_CHILD(pid);
}

static void copy_self(const char *name, mode_t mode)
{
    static char buffer[65536];
    ssize_t got;
    int in = open(ktap_self, O_RDONLY), out = open(name, O_CREAT | O_WRONLY, 0700);
    CHECK(in >= 0 && out >= 0);
    while ((got = read(in, buffer, sizeof(buffer))) > 0)
        CHECK(write(out, buffer, (size_t)got) == got);
    close(in);
    close(out);
    CHECK(chmod(name, mode) == 0);
}

TEST(unreadable, "a program that its user may not read isn't looked into")
{
    if (getuid())
        SKIP("needs root");
    CHECK(chmod(".", 0755) == 0);
    copy_self("program", 0711);
    pid_t pid = CHILD(become(SOMEBODY); run_again("./program", "dumpable", NULL));
    CHECK_EQUAL(status_of(pid), 20);
}

TEST(shared_place, "a set-id program that shares its directories with another gains nothing")
{
    if (getuid())
        SKIP("needs root");
    CHECK(chmod(".", 0755) == 0);
    copy_self("program", 04755);
    pid_t pid = CHILD(become(SOMEBODY); run_again("./program", "euid", NULL));
    int alone = status_of(pid);
    if (alone == 20)
        SKIP("no set-id programs here");
    CHECK_EQUAL(alone, 10);
    pid = CHILD({
        become(SOMEBODY);
        pid_t inner = (pid_t)syscall(SYS_clone, SHARE_FS | SIGCHLD, 0L, 0L, 0L, 0L);
        CHECK(inner >= 0);
        if (!inner)
            run_again("./program", "euid", NULL);
        CHECK_EQUAL(status_of(inner), 20);
        inner = fork();
        if (!inner)
            run_again("./program", "euid", NULL);
        CHECK_EQUAL(status_of(inner), 10);
    });
    CHECK_CHILD(pid);
}

/* ---- Places ---- */

struct places {
    void *map, *stack, *heap;
};

static struct places places(unsigned long persona)
{
    int ends[2];
    char text[16];
    struct places places;
    CHECK(pipe(ends) == 0);
    sprintf(text, "%d", ends[1]);
    pid_t pid =
        CHILD(CHECK(syscall(SYS_personality, persona) >= 0); run_again(ktap_self, "places", text));
    CHECK_CHILD(pid);
    CHECK_EQUAL(read(ends[0], &places, sizeof(places)), sizeof(places));
    close(ends[0]);
    close(ends[1]);
    return places;
}

TEST(scattered, "mappings, stack and break lie elsewhere each time, unless that isn't wanted")
{
    bool maps = false, stacks = false;
    struct places first = places(0);
    for (int i = 0; i < 5; i++) {
        struct places next = places(0);
        maps |= next.map != first.map;
        stacks |= next.stack != first.stack;
    }
    CHECK(maps && stacks);
    first = places(ADDR_NO_RANDOMIZE);
    for (int i = 0; i < 3; i++) {
        struct places next = places(ADDR_NO_RANDOMIZE);
        CHECK(!memcmp(&next, &first, sizeof(next)));
    }
}

TEST(personality, "personality is told, set and inherited")
{
    long old = syscall(SYS_personality, 0xfffffffful);
    CHECK_EQUAL(syscall(SYS_personality, ADDR_NO_RANDOMIZE), old);
    CHECK_EQUAL(syscall(SYS_personality, 0xfffffffful), ADDR_NO_RANDOMIZE);
    pid_t pid = CHILD(CHECK_EQUAL(syscall(SYS_personality, 0xfffffffful), ADDR_NO_RANDOMIZE));
    CHECK_CHILD(pid);
    CHECK_EQUAL(syscall(SYS_personality, old), ADDR_NO_RANDOMIZE);
}

/* ---- Groups ---- */

TEST(whole_group, "a signal to a group reaches also those who are being born")
{
    for (int round = 0; round < 10; round++) {
        pid_t leader = CHILD({
            setpgid(0, 0);
            for (int i = 0; i < 2; i++)
                if (!fork())
                    for (int n = 0; n < 60; n++) /* each generation forks the next, and goes */
                        if (fork())
                            _exit(0);
            pause();
        });
        setpgid(leader, leader);
        ktap_sleep(round % 4);
        CHECK_EQUAL(kill(-leader, SIGKILL), 0);
        CHECK_EQUAL(waitpid(leader, NULL, 0), leader);
        /* Who is dead but not yet collected by init counts as a member. */
        for (int i = 0; kill(-leader, 0) == 0; i++) {
            CHECK(i < 500);
            ktap_sleep(10);
        }
        CHECK_EQUAL(errno, ESRCH);
    }
}

/* ---- msync ---- */

TEST(syncing, "msync passes over what isn't mapped, and says so")
{
    char *map = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int fd = open("f", O_CREAT | O_RDWR, 0600);
    CHECK(map != MAP_FAILED && fd >= 0 && ftruncate(fd, 4096) == 0);
    CHECK_EQUAL(msync(map, 3 * 4096, MS_SYNC), 0);
    CHECK_EQUAL(munmap(map + 4096, 4096), 0);
    CHECK_ERROR(msync(map, 3 * 4096, MS_SYNC), ENOMEM);
    CHECK_ERROR(msync(map, 3 * 4096, MS_ASYNC), ENOMEM);
    CHECK_ERROR(msync(map + 4096, 1, MS_SYNC), ENOMEM);
    CHECK_EQUAL(msync(map + 4096, 0, MS_SYNC), 0);
    CHECK_EQUAL(msync(map, 1, MS_SYNC), 0);
    CHECK_ERROR(msync(map + 1, 1, MS_SYNC), EINVAL);
    CHECK_ERROR(msync(map, 1, MS_SYNC | MS_ASYNC), EINVAL);
    CHECK_ERROR(msync(map, 1, 8), EINVAL);
    CHECK_EQUAL(msync(map, 1, 0), 0);
    CHECK_EQUAL(msync(map, (size_t)-1, MS_SYNC), 0); /* rounded up to nothing */
    CHECK_ERROR(msync(map, (size_t)-4096, MS_SYNC), ENOMEM);
    char *file = mmap(map + 4096, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0);
    CHECK(file == map + 4096);
    file[0] = 'x';
    CHECK_EQUAL(msync(map, 3 * 4096, MS_SYNC), 0);
    CHECK_EQUAL(msync(map, 3 * 4096, MS_SYNC | MS_INVALIDATE), 0);
    char c;
    CHECK(pread(fd, &c, 1, 0) == 1 && c == 'x');
}
