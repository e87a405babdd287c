/* setfsuid and setfsgid: the identity in front of the file system alone. */
#include "show.h"

#include <sys/syscall.h>

enum { USER = 1000, OTHER = 2000 };

/* The calls tell only what was before: there and back again. */
static long probe(long call)
{
    long before = syscall(call, 0);

    syscall(call, before);
    return before;
}

static void show_ids(void)
{
    printf("file system's user %ld, group %ld; effective %d %d\n", probe(SYS_setfsuid),
           probe(SYS_setfsgid), (int)geteuid(), (int)getegid());
}

static void show_owner(const char *name)
{
    struct stat st;

    if (stat(name, &st) == 0)
        printf("%s belongs to %d, %d\n", name, (int)st.st_uid, (int)st.st_gid);
    unlink(name);
}

static void files(void)
{
    SHOW_OK(syscall(SYS_creat, "made", 0600));
    show_owner("made");
    SHOW_OK(open("root", O_RDONLY));
    SHOW_OK(open("user", O_RDONLY));
    SHOW_OK(open("user group", O_RDONLY));
    SHOW_OK(open("none", O_RDONLY));
    SHOW(chmod("user", 0600));
    SHOW(chmod("root", 0600));
    SHOW(chown("user", OTHER, -1));
    SHOW(chown("user", USER, -1));
    SHOW(access("user", R_OK));
    SHOW(syscall(SYS_faccessat, AT_FDCWD, "user", R_OK));
    SHOW(syscall(SYS_faccessat2, AT_FDCWD, "user", R_OK, AT_EACCESS));
}

/* -1 is no id: it asks for the present one. */
static void only_asked(void)
{
    puts("== asked");
    SHOW(syscall(SYS_setfsuid, -1));
    SHOW(syscall(SYS_setfsgid, -1));
    show_ids();
}

static void from_root(void)
{
    puts("== root as the user");
    SHOW(syscall(SYS_setfsgid, USER));
    SHOW(syscall(SYS_setfsuid, USER));
    show_ids();
    only_asked();
    files();
    SHOW(syscall(SYS_setfsuid, OTHER));
    SHOW(syscall(SYS_setfsgid, OTHER));
    show_ids();
    files();
    SHOW(syscall(SYS_setfsuid, 0));
    SHOW(syscall(SYS_setfsgid, 0));
    show_ids();
    files();
}

/* A change of the effective id takes the other along. */
static void followed(void)
{
    puts("== followed");
    SHOW(syscall(SYS_setfsuid, OTHER));
    SHOW(setresuid(-1, USER, -1));
    show_ids();
    SHOW(syscall(SYS_setfsuid, OTHER));
    SHOW(syscall(SYS_setfsuid, 0));
    show_ids();
    SHOW(setresuid(-1, 0, -1));
    show_ids();
    SHOW(syscall(SYS_setfsgid, OTHER));
    SHOW(setresgid(-1, USER, -1));
    show_ids();
    SHOW(setresgid(-1, 0, -1));
    show_ids();
}

static void from_user(void)
{
    int status;

    puts("== a user");
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        if (setgroups(0, NULL) < 0 || setresgid(USER, USER, USER) < 0 ||
            setresuid(USER, USER, OTHER) < 0)
            _exit(1);
        show_ids();
        SHOW(syscall(SYS_setfsuid, 0));
        SHOW(syscall(SYS_setfsgid, 0));
        show_ids();
        SHOW(syscall(SYS_setfsuid, OTHER));
        SHOW(syscall(SYS_setfsgid, OTHER));
        show_ids();
        SHOW(syscall(SYS_setfsuid, USER));
        show_ids();
        only_asked();
        fflush(stdout);
        _exit(0);
    }
    waitpid(child, &status, 0);
    print_status("the user", status);
}

static void put_owned(const char *name, uid_t user, gid_t group, mode_t mode)
{
    put_file(name, "content", mode);
    if (chown(name, user, group) < 0)
        perror(name);
}

int main(void)
{
    fresh_place();
    chmod(".", 0777);
    put_owned("root", 0, 0, 0600);
    put_owned("user", USER, USER, 0600);
    put_owned("user group", 0, USER, 0640);
    put_owned("none", 0, 0, 0);
    SHOW(setgroups(0, NULL));
    from_root();
    only_asked();
    followed();
    from_user();
    leave_place();
    return 0;
}
