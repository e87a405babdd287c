/* Users and groups: /etc/passwd and /etc/group. */
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"

#define MEMBERS_MAX 64

/* Splits a line at its colons. True when there were count fields. */
static int split(char *line, char **fields, int count)
{
    int n = 0;

    line[strcspn(line, "\n")] = '\0';
    while (n < count && line) {
        fields[n++] = line;
        line = strchr(line, ':');
        if (line)
            *line++ = '\0';
    }
    return n == count;
}

/* One line of a file into the caller's buffer; NULL at its end, or errno ERANGE when the line is
 * longer. */
static char *next_line(FILE *file, char *buffer, size_t size)
{
    if (!fgets(buffer, (int)size, file))
        return NULL;
    if (strchr(buffer, '\n') || feof(file))
        return buffer;
    errno = ERANGE;
    return NULL;
}

static int parse_user(char *line, struct passwd *user)
{
    char *field[7];

    if (!split(line, field, 7))
        return 0;
    user->pw_name = field[0];
    user->pw_passwd = field[1];
    user->pw_uid = strtoul(field[2], NULL, 10);
    user->pw_gid = strtoul(field[3], NULL, 10);
    user->pw_comment = "";
    user->pw_gecos = field[4];
    user->pw_dir = field[5];
    user->pw_shell = field[6];
    return 1;
}

/* The reentrant getters answer 0 with *result NULL when there is no such entry, otherwise an error
 * number. */
static int find_user(const char *name, uid_t uid, struct passwd *user, char *buffer, size_t size,
                     struct passwd **result)
{
    FILE *file = fopen("/etc/passwd", "re");
    int saved = errno;
    char *line;

    *result = NULL;
    if (!file)
        return errno == ENOENT ? 0 : errno;
    errno = 0;
    while (!*result && (line = next_line(file, buffer, size)))
        if (parse_user(line, user) && (name ? !strcmp(name, user->pw_name) : uid == user->pw_uid))
            *result = user;
    int error = !*result && errno == ERANGE ? ERANGE : 0;
    fclose(file);
    errno = saved;
    return error;
}

int getpwnam_r(const char *name, struct passwd *user, char *buffer, size_t size,
               struct passwd **result)
{
    return find_user(name, 0, user, buffer, size, result);
}

int getpwuid_r(uid_t uid, struct passwd *user, char *buffer, size_t size, struct passwd **result)
{
    return find_user(NULL, uid, user, buffer, size, result);
}

static char user_line[1024], group_line[1024];
static struct passwd the_user;
static struct group the_group;
static char *members[MEMBERS_MAX];
static FILE *users, *groups;

struct passwd *getpwnam(const char *name)
{
    struct passwd *result;
    int error = getpwnam_r(name, &the_user, user_line, sizeof(user_line), &result);

    if (error)
        errno = error;
    return result;
}

struct passwd *getpwuid(uid_t uid)
{
    struct passwd *result;
    int error = getpwuid_r(uid, &the_user, user_line, sizeof(user_line), &result);

    if (error)
        errno = error;
    return result;
}

void endpwent(void)
{
    if (users)
        fclose(users);
    users = NULL;
}

void setpwent(void)
{
    endpwent();
}

struct passwd *getpwent(void)
{
    char *line;

    if (!users)
        users = fopen("/etc/passwd", "re");
    while (users && (line = next_line(users, user_line, sizeof(user_line))))
        if (parse_user(line, &the_user))
            return &the_user;
    return NULL;
}

static int parse_group(char *line, struct group *group)
{
    char *field[4], *rest = NULL, *member;
    int count = 0;

    if (!split(line, field, 4))
        return 0;
    group->gr_name = field[0];
    group->gr_passwd = field[1];
    group->gr_gid = strtoul(field[2], NULL, 10);
    group->gr_mem = members;
    member = strtok_r(field[3], ",", &rest);
    for (; member && count < MEMBERS_MAX - 1; member = strtok_r(NULL, ",", &rest))
        members[count++] = member;
    members[count] = NULL;
    return 1;
}

void endgrent(void)
{
    if (groups)
        fclose(groups);
    groups = NULL;
}

void setgrent(void)
{
    endgrent();
}

struct group *getgrent(void)
{
    char *line;

    if (!groups)
        groups = fopen("/etc/group", "re");
    while (groups && (line = next_line(groups, group_line, sizeof(group_line))))
        if (parse_group(line, &the_group))
            return &the_group;
    return NULL;
}

static struct group *find_group(const char *name, gid_t gid)
{
    struct group *group;

    setgrent();
    do
        group = getgrent();
    while (group && (name ? strcmp(name, group->gr_name) != 0 : gid != group->gr_gid));
    endgrent();
    return group;
}

struct group *getgrnam(const char *name)
{
    return find_group(name, 0);
}

struct group *getgrgid(gid_t gid)
{
    return find_group(NULL, gid);
}

int initgroups(const char *name, gid_t gid)
{
    gid_t list[MEMBERS_MAX] = {gid};
    struct group *group;
    int count = 1;

    setgrent();
    while (count < MEMBERS_MAX && (group = getgrent()))
        for (char **member = group->gr_mem; *member; member++)
            if (!strcmp(*member, name) && group->gr_gid != gid) {
                list[count++] = group->gr_gid;
                break;
            }
    endgrent();
    return setgroups(count, list);
}

char *getlogin(void)
{
    struct passwd *user = getpwuid(getuid());

    return user ? user->pw_name : NULL;
}

int getlogin_r(char *name, size_t size)
{
    char *login = getlogin();

    if (!login)
        return ENOENT;
    if (strlen(login) >= size)
        return ERANGE;
    strcpy(name, login);
    return 0;
}
