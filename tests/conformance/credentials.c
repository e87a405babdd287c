/* User and group identities: what each of the set*id calls does from each state. */
#include "show.h"

static const uid_t ids[] = {0, 1000, 1001};
static const uid_t wishes[] = {0, 1000, 1001, 2000, (uid_t)-1};

static void print_users(const char *what, long result)
{
    uid_t r = 9, e = 9, s = 9;

    printf(" %s", result < 0 ? strerror(errno) : "works");
    getresuid(&r, &e, &s);
    printf(" %u/%u/%u\n", (unsigned)r, (unsigned)e, (unsigned)s);
    (void)what;
}

static void print_groups(long result)
{
    gid_t r = 9, e = 9, s = 9;

    printf(" %s", result < 0 ? strerror(errno) : "works");
    getresgid(&r, &e, &s);
    printf(" %u/%u/%u\n", (unsigned)r, (unsigned)e, (unsigned)s);
}

/* Each try in a process of its own, for most can't be taken back. */
#define TRY(block)             \
    do {                       \
        fflush(stdout);        \
        pid_t pid = fork();    \
        if (pid == 0) {        \
            block;             \
            fflush(stdout);    \
            _exit(0);          \
        }                      \
        waitpid(pid, NULL, 0); \
    } while (0)

static void users_from(uid_t r, uid_t e, uid_t s)
{
    for (size_t a = 0; a < COUNT(wishes); a++) {
        TRY(setresuid(r, e, s); printf("from %u/%u/%u setuid(%d):", r, e, s, (int)wishes[a]);
            print_users("", setuid(wishes[a])));
        TRY(setresuid(r, e, s); printf("from %u/%u/%u seteuid(%d):", r, e, s, (int)wishes[a]);
            print_users("", seteuid(wishes[a])));
        for (size_t b = 0; b < COUNT(wishes); b++) {
            TRY(setresuid(r, e, s);
                printf("from %u/%u/%u setreuid(%d, %d):", r, e, s, (int)wishes[a], (int)wishes[b]);
                print_users("", setreuid(wishes[a], wishes[b])));
            TRY(setresuid(r, e, s); printf("from %u/%u/%u setresuid(%d, %d, -1):", r, e, s,
                                           (int)wishes[a], (int)wishes[b]);
                print_users("", setresuid(wishes[a], wishes[b], -1)));
        }
    }
}

static void groups_as(uid_t uid)
{
    for (size_t a = 0; a < COUNT(wishes); a++) {
        TRY(setresgid(1000, 1001, 1000); setresuid(uid, uid, uid);
            printf("user %u setgid(%d):", uid, (int)wishes[a]); print_groups(setgid(wishes[a])));
        for (size_t b = 0; b < COUNT(wishes); b++) {
            TRY(setresgid(1000, 1001, 1000); setresuid(uid, uid, uid);
                printf("user %u setregid(%d, %d):", uid, (int)wishes[a], (int)wishes[b]);
                print_groups(setregid(wishes[a], wishes[b])));
            TRY(setresgid(1000, 1001, 1000); setresuid(uid, uid, uid);
                printf("user %u setresgid(-1, %d, %d):", uid, (int)wishes[a], (int)wishes[b]);
                print_groups(setresgid(-1, wishes[a], wishes[b])));
        }
    }
}

/* Who may send whom a signal: real or effective against real or saved. */
static void signals_between(void)
{
    for (size_t a = 0; a < COUNT(ids); a++)
        for (size_t b = 0; b < COUNT(ids); b++)
            for (size_t c = 0; c < COUNT(ids); c++)
                for (size_t d = 0; d < COUNT(ids); d++) {
                    int ends[2];
                    char ready;
                    if (pipe(ends) < 0)
                        exit(2);
                    fflush(stdout);
                    pid_t target = fork();
                    if (target == 0) {
                        setresuid(ids[a], 1002, ids[b]);
                        write(ends[1], "r", 1);
                        for (;;)
                            pause();
                    }
                    read(ends[0], &ready, 1);
                    TRY(setresuid(ids[c], ids[d], 1002);
                        printf("from %u/%u to %u/-/%u: %s\n", ids[c], ids[d], ids[a], ids[b],
                               kill(target, 0) < 0 ? strerror(errno) : "may"));
                    kill(target, SIGKILL);
                    waitpid(target, NULL, 0);
                    close(ends[0]);
                    close(ends[1]);
                }
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (size_t r = 0; r < COUNT(ids); r++)
        for (size_t e = 0; e < COUNT(ids); e++)
            for (size_t s = 0; s < COUNT(ids); s++)
                users_from(ids[r], ids[e], ids[s]);
    groups_as(0);
    groups_as(1000);
    signals_between();
    return 0;
}
