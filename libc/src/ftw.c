/* ftw and nftw. A directory is read to its end before what is in it is visited, so however deep the
   tree, one descriptor is open at a time: the caller's limit of them is kept always. (FTW_CHDIR
   keeps one for each level, to come back.) */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef int (*plain_visitor)(const char *, const struct stat *, int);
typedef int (*visitor)(const char *, const struct stat *, int, struct FTW *);

struct walk {
    plain_visitor plain; /* ftw's, or NULL */
    visitor visit;
    int flags;
    dev_t device;
    char path[PATH_MAX];
};

/* The directories that lead to a file, so that a link among them is found. */
struct above {
    const struct above *above;
    dev_t device;
    ino_t file;
};

struct names {
    char **list;
    size_t count;
};

static int walk_file(struct walk *walk, const struct above *above, struct FTW place);

static int call(struct walk *walk, const struct stat *st, int type, struct FTW place)
{
    if (!walk->plain)
        return walk->visit(walk->path, st, type, &place);
    /* ftw knows fewer kinds. */
    if (type == FTW_SLN)
        type = FTW_NS;
    return walk->plain(walk->path, st, type);
}

static void free_names(struct names *names)
{
    for (size_t n = 0; n < names->count; n++)
        free(names->list[n]);
    free(names->list);
}

static bool add_name(struct names *names, const char *name)
{
    char **list = names->list;

    if (!strcmp(name, ".") || !strcmp(name, ".."))
        return true;
    if (names->count % 64 == 0)
        list = realloc(list, (names->count + 64) * sizeof(*list));
    if (!list)
        return false;
    names->list = list;
    list[names->count] = strdup(name);
    return list[names->count] && ++names->count;
}

/* Empties what was read when it fails. */
static int read_names(DIR *dir, struct names *names)
{
    struct dirent *entry;

    errno = 0;
    while ((entry = readdir(dir)) && add_name(names, entry->d_name))
        errno = 0;
    if (!errno && !entry)
        return 0;
    free_names(names);
    return -1;
}

static int walk_names(struct walk *walk, const struct names *names, const struct above *above,
                      int level)
{
    size_t length = strlen(walk->path), slash = length && walk->path[length - 1] != '/';
    int result = 0;

    for (size_t n = 0; n < names->count && !result; n++) {
        size_t size = strlen(names->list[n]);
        if (length + slash + size >= sizeof(walk->path)) {
            errno = ENAMETOOLONG;
            result = -1;
            break;
        }
        if (slash)
            walk->path[length] = '/';
        memcpy(walk->path + length + slash, names->list[n], size + 1);
        result = walk_file(walk, above, (struct FTW){(int)(length + slash), level});
        walk->path[length] = '\0';
    }
    return result;
}

/* With FTW_CHDIR the names are visited in the directory. */
static int walk_inside(struct walk *walk, DIR *dir, const struct above *above, int level)
{
    struct names names = {0};
    int back = -1, result = -1;

    bool moved = walk->flags & FTW_CHDIR;
    if (moved)
        back = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if ((moved && (back < 0 || fchdir(dirfd(dir)) < 0)) || read_names(dir, &names) < 0) {
        closedir(dir);
    } else {
        closedir(dir);
        result = walk_names(walk, &names, above, level);
        free_names(&names);
    }
    if (back >= 0 && fchdir(back) < 0)
        result = -1;
    if (back >= 0)
        close(back);
    return result;
}

static int walk_directory(struct walk *walk, const char *name, const struct stat *st,
                          const struct above *above, struct FTW place)
{
    struct above here = {above, st->st_dev, st->st_ino};
    int result = 0;

    for (; above; above = above->above)
        if (above->device == st->st_dev && above->file == st->st_ino)
            return 0;
    DIR *dir = opendir(name);
    if (!dir)
        return errno == EACCES ? call(walk, st, FTW_DNR, place) : -1;
    if (!(walk->flags & FTW_DEPTH))
        result = call(walk, st, FTW_D, place);
    if (result)
        closedir(dir);
    else
        result = walk_inside(walk, dir, &here, place.level + 1);
    if (!result && walk->flags & FTW_DEPTH)
        result = call(walk, st, FTW_DP, place);
    return result;
}

static int walk_file(struct walk *walk, const struct above *above, struct FTW place)
{
    const char *name = walk->flags & FTW_CHDIR ? walk->path + place.base : walk->path;
    bool physical = walk->flags & FTW_PHYS;
    struct stat st = {0};

    if ((physical ? lstat : stat)(name, &st) < 0) {
        if (place.level == 0 && errno != EACCES && !(errno == ENOENT && lstat(name, &st) == 0))
            return -1;
        bool dangling = !physical && lstat(name, &st) == 0 && S_ISLNK(st.st_mode);
        return call(walk, &st, dangling ? FTW_SLN : FTW_NS, place);
    }
    if (place.level == 0)
        walk->device = st.st_dev;
    else if (walk->flags & FTW_MOUNT && st.st_dev != walk->device)
        return 0;
    if (S_ISDIR(st.st_mode))
        return walk_directory(walk, name, &st, above, place);
    return call(walk, &st, S_ISLNK(st.st_mode) ? FTW_SL : FTW_F, place);
}

/* Where the last name begins, behind which slashes may follow. */
static int base_of(const char *path)
{
    size_t end = strlen(path);

    while (end > 1 && path[end - 1] == '/')
        end--;
    while (end > 0 && path[end - 1] != '/')
        end--;
    return (int)end;
}

/* To where the given path lies, as FTW_CHDIR promises for it too. */
static int enter_parent(const char *path, int base)
{
    char parent[PATH_MAX];

    if (!base)
        return 0;
    memcpy(parent, path, (size_t)base);
    parent[base] = '\0';
    return chdir(parent);
}

static int start(const char *path, plain_visitor plain, visitor visit, int flags)
{
    size_t length = strlen(path);
    int back = -1, result = -1;

    if (length >= PATH_MAX) {
        errno = ENAMETOOLONG;
        return -1;
    }
    struct walk *walk = calloc(1, sizeof(*walk));
    if (!walk)
        return -1;
    *walk = (struct walk){.plain = plain, .visit = visit, .flags = flags};
    memcpy(walk->path, path, length + 1);
    int base = base_of(path);
    if (flags & FTW_CHDIR)
        back = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (!(flags & FTW_CHDIR) || (back >= 0 && enter_parent(path, base) == 0))
        result = walk_file(walk, NULL, (struct FTW){base, 0});
    if (back >= 0 && fchdir(back) < 0)
        result = -1;
    if (back >= 0)
        close(back);
    free(walk);
    return result;
}

int ftw(const char *path, plain_visitor visit, int descriptors)
{
    (void)descriptors;
    return start(path, visit, NULL, 0);
}

int nftw(const char *path, visitor visit, int descriptors, int flags)
{
    (void)descriptors;
    return start(path, NULL, visit, flags);
}
