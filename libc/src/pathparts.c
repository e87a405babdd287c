/* The last name of a path, and what leads to it. Both may cut the caller's text. */
#include <libgen.h>
#include <string.h>

/* How much of the path is left without slashes at its end; a path of slashes keeps one. */
static size_t trim(const char *path, size_t length)
{
    while (length > 1 && path[length - 1] == '/')
        length--;
    return length;
}

static size_t without_name(const char *path, size_t length)
{
    while (length > 0 && path[length - 1] != '/')
        length--;
    return length;
}

char *basename(char *path)
{
    size_t length = path ? trim(path, strlen(path)) : 0;

    if (!length)
        return ".";
    if (length == 1 && *path == '/')
        return "/";
    path[length] = '\0';
    return path + without_name(path, length);
}

char *dirname(char *path)
{
    size_t length = path ? trim(path, strlen(path)) : 0;

    if (length == 1 && *path == '/')
        return "/";
    length = trim(path, length ? without_name(path, length) : 0);
    if (!length)
        return ".";
    path[length] = '\0';
    return path;
}
