/* File names that match a pattern, one component of the path after the other. */
#include <dirent.h>
#include <fnmatch.h>
#include <glob.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <limits.h>
#include <sys/stat.h>

#include "internal.h"

struct search {
    glob_t *result;
    int flags;
    int (*complain)(const char *, int);
};

static int add(glob_t *result, const char *path)
{
    char **larger =
        realloc(result->gl_pathv, (result->gl_offs + result->gl_pathc + 2) * sizeof(char *));
    char *copy = strdup(path);

    if (larger)
        result->gl_pathv = larger;
    if (!larger || !copy) {
        free(copy);
        return GLOB_NOSPACE;
    }
    larger[result->gl_offs + result->gl_pathc++] = copy;
    larger[result->gl_offs + result->gl_pathc] = NULL;
    return 0;
}

static bool is_pattern(const char *text, size_t length)
{
    for (size_t n = 0; n < length; n++)
        if (strchr("*?[", text[n]))
            return true;
    return false;
}

static void copy_plain(char *to, const char *from, size_t length, int flags)
{
    for (size_t n = 0; n < length; n++) {
        if (from[n] == '\\' && !(flags & GLOB_NOESCAPE) && n + 1 < length)
            n++;
        *to++ = from[n];
    }
    *to = '\0';
}

static int descend(struct search *search, char *path, const char *pattern);

/* path holds what is matched so far and has room; component has been put behind it. */
static int step(struct search *search, char *path, const char *rest)
{
    struct stat st;
    size_t length = strlen(path);

    if (*rest) {
        size_t slashes = strspn(rest, "/");
        if (length + slashes >= PATH_MAX)
            return 0;
        memcpy(path + length, rest, slashes);
        path[length + slashes] = '\0';
        int error = descend(search, path, rest + slashes);
        path[length] = '\0';
        return error;
    }
    if (lstat(path, &st) < 0)
        return 0;
    if (search->flags & GLOB_MARK && stat(path, &st) == 0 && S_ISDIR(st.st_mode) &&
        length + 1 < PATH_MAX && length && path[length - 1] != '/')
        strcpy(path + length, "/");
    return add(search->result, path);
}

static int match_directory(struct search *search, char *path, const char *component,
                           const char *rest)
{
    size_t length = strlen(path);
    struct dirent *entry;
    int error = 0;
    DIR *dir = opendir(length ? path : ".");

    if (!dir) {
        if (errno == ENOENT || errno == ENOTDIR)
            return 0;
        if ((search->complain && search->complain(path, errno)) || search->flags & GLOB_ERR)
            return GLOB_ABORTED;
        return 0;
    }
    while (!error && (entry = readdir(dir))) {
        int flags = FNM_PERIOD | (search->flags & GLOB_NOESCAPE ? FNM_NOESCAPE : 0);
        if (fnmatch(component, entry->d_name, flags) || length + strlen(entry->d_name) >= PATH_MAX)
            continue;
        strcpy(path + length, entry->d_name);
        error = step(search, path, rest);
        path[length] = '\0';
    }
    closedir(dir);
    return error;
}

static int descend(struct search *search, char *path, const char *pattern)
{
    size_t length = strcspn(pattern, "/"), at = strlen(path);
    char component[PATH_MAX + 1];

    if (at + length >= PATH_MAX)
        return 0;
    if (!is_pattern(pattern, length)) {
        copy_plain(path + at, pattern, length, search->flags);
        int error = step(search, path, pattern + length);
        path[at] = '\0';
        return error;
    }
    memcpy(component, pattern, length);
    component[length] = '\0';
    return match_directory(search, path, component, pattern + length);
}

static int compare(const void *a, const void *b)
{
    return strcoll(*(char *const *)a, *(char *const *)b);
}

int glob(const char *restrict pattern, int flags, int (*complain)(const char *, int),
         glob_t *restrict result)
{
    struct search search = {result, flags, complain};
    char path[PATH_MAX + 1] = "";

    if (!(flags & GLOB_DOOFFS))
        result->gl_offs = 0;
    if (!(flags & GLOB_APPEND)) {
        result->gl_pathc = 0;
        result->gl_pathv = NULL;
        if (result->gl_offs) {
            result->gl_pathv = calloc(result->gl_offs + 1, sizeof(char *));
            if (!result->gl_pathv)
                return GLOB_NOSPACE;
        }
    }
    size_t before = result->gl_pathc;
    size_t slashes = strspn(pattern, "/");
    if (slashes > PATH_MAX)
        return GLOB_NOMATCH;
    memcpy(path, pattern, slashes);
    path[slashes] = '\0';
    int error = descend(&search, path, pattern + slashes);
    if (error)
        return error;
    if (result->gl_pathc == before)
        return flags & GLOB_NOCHECK ? add(result, pattern) : GLOB_NOMATCH;
    if (!(flags & GLOB_NOSORT))
        qsort(result->gl_pathv + result->gl_offs + before, result->gl_pathc - before,
              sizeof(char *), compare);
    return 0;
}

void globfree(glob_t *result)
{
    for (size_t n = 0; n < result->gl_pathc; n++)
        free(result->gl_pathv[result->gl_offs + n]);
    free(result->gl_pathv);
    result->gl_pathv = NULL;
    result->gl_pathc = 0;
}
