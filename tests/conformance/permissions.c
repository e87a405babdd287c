/* Who may do what: owner, group, others and root, against every mode of files and directories. */
#include "show.h"

#include <grp.h>

static const struct {
    const char *name;
    uid_t uid;
    gid_t gid;
    gid_t extra;
} people[] = {{"root", 0, 0, 0},
              {"owner", 1000, 1000, 0},
              {"group", 1001, 2000, 0},
              {"extra group", 1001, 1001, 2000},
              {"other", 1002, 1002, 0}};

static void answers(void)
{
    struct stat st;
    int fd;

    printf("%c", access("d/f", R_OK) == 0 ? 'r' : '-');
    printf("%c", access("d/f", W_OK) == 0 ? 'w' : '-');
    printf("%c", access("d/f", X_OK) == 0 ? 'x' : '-');
    printf("%c", (fd = open("d/f", O_RDONLY)) >= 0 ? 'R' : errno == EACCES ? '-' : '?');
    close(fd);
    printf("%c", (fd = open("d/f", O_WRONLY)) >= 0 ? 'W' : errno == EACCES ? '-' : '?');
    close(fd);
    printf("%c", stat("d/f", &st) == 0 ? 'S' : errno == EACCES ? '-' : '?');
    printf("%c", (fd = open("d", O_RDONLY)) >= 0 ? 'L' : errno == EACCES ? '-' : '?');
    close(fd);
    printf("%c", (fd = open("d/new", O_WRONLY | O_CREAT, 0600)) >= 0 ? 'C'
                 : errno == EACCES                                   ? '-'
                                                                     : '?');
    close(fd);
    printf("%c", chmod("d/f", 0777) == 0 ? 'M'
                 : errno == EPERM        ? 'p'
                 : errno == EACCES       ? '-'
                                         : '?');
    printf("%c", utimensat(AT_FDCWD, "d/f", NULL, 0) == 0 ? 'T'
                 : errno == EPERM                         ? 'p'
                 : errno == EACCES                        ? '-'
                                                          : '?');
    printf("%c", rename("d/f", "d/g") == 0 ? 'N'
                 : errno == EPERM          ? 'p'
                 : errno == EACCES         ? '-'
                                           : '?');
    printf("%c", unlink("d/g") == 0 ? 'U'
                 : errno == EPERM   ? 'p'
                 : errno == EACCES  ? '-'
                 : errno == ENOENT  ? '.'
                                    : '?');
    printf("%c", unlink("d/h") == 0 ? 'U'
                 : errno == EPERM   ? 'p'
                 : errno == EACCES  ? '-'
                 : errno == ENOENT  ? '.'
                                    : '?');
}

int main(void)
{
    static const mode_t file_modes[] = {0,    0400, 0200, 0100, 0040, 0020, 0004,
                                        0002, 0001, 0777, 0640, 0604, 0070, 0007};
    static const mode_t dir_modes[] = {0,    0700, 0500, 0300,  0070, 0050, 0030,
                                       0007, 0005, 0003, 01777, 0777, 01070};

    fresh_place();
    if (geteuid()) {
        printf("needs root\n");
        return 0;
    }
    umask(0);
    for (size_t d = 0; d < COUNT(dir_modes); d++)
        for (size_t f = 0; f < COUNT(file_modes); f++) {
            printf("directory %04o, file %04o:", (unsigned)dir_modes[d], (unsigned)file_modes[f]);
            for (size_t p = 0; p < COUNT(people); p++) {
                chmod("d", 0700);
                remove_tree("d");
                mkdir("d", 0700);
                put_file("d/f", "x", file_modes[f]);
                put_file("d/h", "x", 0600);
                chown("d/f", 1000, 2000);
                chown("d/h", 1003, 1003);
                chown("d", 1000, 2000);
                chmod("d", dir_modes[d]);
                printf(" ");
                fflush(stdout);
                pid_t pid = fork();
                if (pid == 0) {
                    setgroups(people[p].extra ? 1 : 0, &people[p].extra);
                    setresgid(people[p].gid, people[p].gid, people[p].gid);
                    setresuid(people[p].uid, people[p].uid, people[p].uid);
                    answers();
                    fflush(stdout);
                    _exit(0);
                }
                waitpid(pid, NULL, 0);
            }
            printf("\n");
        }
    leave_place();
    return 0;
}
