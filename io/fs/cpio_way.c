/*
 * The way to an entry of a cpio archive.
 *
 * It doesn't lead outside the root: ".." in a name is refused, and in the text of a link on the way
 * it stops at the root.
 */
#include <oskit/fs/file.h>
#include <oskit/io/posixio.h>
#include <sluice/env.h>
#include <sluice/object.h>
#include <sluice/string.h>
#include "cpio_private.h"
#include "namehash.h"

#define CPIO_LINK_DEPTH 8 /* links on the way to one entry */

oskit_error_t cpio_type(oskit_file_t *file, oskit_u32_t *out)
{
    oskit_stat_t stat;
    oskit_error_t err = oskit_file_stat(file, &stat);

    *out = OSKIT_SUCCEEDED(err) ? stat.mode & OSKIT_S_IFMT : 0;
    return err;
}

/* Looks NAME up in DIR, and makes it a directory when there is none. */
static oskit_error_t cpio_child(oskit_dir_t *dir, const char *name, oskit_file_t **out)
{
    oskit_error_t err = oskit_dir_lookup(dir, name, out);

    if (err != OSKIT_ENOENT)
        return err;
    err = oskit_dir_mkdir(dir, name, 0755);
    return OSKIT_FAILED(err) ? err : oskit_dir_lookup(dir, name, out);
}

/* Where the symbolic link FILE in DIR leads. */
static oskit_error_t cpio_follow(struct cpio_maker *maker, oskit_dir_t *dir, oskit_file_t *file,
                                 unsigned depth, oskit_dir_t **out)
{
    oskit_u32_t length = 0;
    char *text;

    if (depth == CPIO_LINK_DEPTH)
        return OSKIT_ELOOP;
    text = env_alloc(PATH_MAX_LENGTH, 0);
    if (!text)
        return OSKIT_ENOMEM;
    oskit_error_t err = oskit_file_readlink(file, text, PATH_MAX_LENGTH, &length);
    if (OSKIT_SUCCEEDED(err))
        err = cpio_walk(maker, length > 0 && text[0] == '/' ? maker->root : dir, text, length,
                        depth + 1, out);
    env_free(text, PATH_MAX_LENGTH);
    return err;
}

/* One step from DIR over the component NAME, through a link if it is one. *OUT with a reference. */
static oskit_error_t cpio_step(struct cpio_maker *maker, oskit_dir_t *dir, const char *name,
                               unsigned depth, oskit_dir_t **out)
{
    oskit_file_t *file;
    oskit_u32_t type;

    if (strcmp(name, ".") == 0 || (strcmp(name, "..") == 0 && dir == maker->root)) {
        oskit_dir_addref(dir);
        *out = dir;
        return OSKIT_SUCCESS;
    }
    oskit_error_t err = cpio_child(dir, name, &file);
    if (OSKIT_FAILED(err))
        return err;
    err = cpio_type(file, &type);
    if (OSKIT_SUCCEEDED(err) && type == OSKIT_S_IFLNK) {
        err = cpio_follow(maker, dir, file, depth, out);
    } else if (OSKIT_SUCCEEDED(err)) {
        *out = sluice_query_face(file, &oskit_dir_iid);
        err = *out ? OSKIT_SUCCESS : OSKIT_ENOTDIR;
    }
    oskit_file_release(file);
    return err;
}

/* The next component of [*path, *path + *length) into NAME (256 bytes); "" at the end. */
static oskit_error_t cpio_component(const char **path, size_t *length, char *name)
{
    size_t size = 0;

    while (*length > 0 && **path == '/') {
        (*path)++;
        (*length)--;
    }
    for (; *length > 0 && **path != '/'; (*path)++, (*length)--, size++) {
        if (size == NAME_MAX_LENGTH)
            return OSKIT_ENAMETOOLONG;
        name[size] = **path;
    }
    name[size] = '\0';
    return OSKIT_SUCCESS;
}

oskit_error_t cpio_walk(struct cpio_maker *maker, oskit_dir_t *from, const char *path,
                        size_t length, unsigned depth, oskit_dir_t **out)
{
    char name[NAME_MAX_LENGTH + 1];
    oskit_dir_t *dir = from, *next;
    oskit_error_t err;

    oskit_dir_addref(dir);
    for (;;) {
        err = cpio_component(&path, &length, name);
        if (OSKIT_FAILED(err) || name[0] == '\0')
            break;
        err = cpio_step(maker, dir, name, depth, &next);
        if (OSKIT_FAILED(err))
            break;
        oskit_dir_release(dir);
        dir = next;
    }
    if (OSKIT_FAILED(err))
        oskit_dir_release(dir);
    *out = OSKIT_FAILED(err) ? NULL : dir;
    return err;
}

bool cpio_name_climbs(const char *name)
{
    for (const char *p = name; p;) {
        while (*p == '/')
            p++;
        if (p[0] == '.' && p[1] == '.' && (p[2] == '\0' || p[2] == '/'))
            return true;
        p = strchr(p, '/');
    }
    return false;
}

const char *cpio_last(const char *name, size_t *length)
{
    size_t end = strlen(name);
    size_t start;

    for (;;) {
        while (end > 0 && name[end - 1] == '/')
            end--;
        for (start = end; start > 0 && name[start - 1] != '/';)
            start--;
        if (end - start != 1 || name[start] != '.')
            break;
        end = start;
    }
    *length = end - start;
    return name + start;
}
