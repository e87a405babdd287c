/* Root, working directory and umask of a process; and walks that begin there. */
#include "kernel/abi/errno.h"
#include "kernel/abi/fcntl.h"
#include "kernel/mem/heap.h"
#include "kernel/sys/fdtab.h"
#include "kernel/task/fs_context.h"

struct namespace *root_namespace;

struct fs_context *fs_context_create(void)
{
    struct fs_context *fs = heap_alloc(sizeof *fs, HEAP_ZERO);
    if (!fs)
        return NULL;
    atomic_init(&fs->references, 1);
    fs->umask = 022;
    namespace_root(root_namespace, &fs->root);
    location_copy(&fs->cwd, &fs->root);
    return fs;
}

/* References are taken under the lock, so that a chdir by another thread can't drop the location in
 * between. */
struct fs_context *fs_context_copy(struct fs_context *from)
{
    struct fs_context *fs = heap_alloc(sizeof *fs, HEAP_ZERO);
    if (!fs)
        return NULL;
    atomic_init(&fs->references, 1);
    spin_lock(&from->lock);
    fs->umask = from->umask;
    location_copy(&fs->root, &from->root);
    location_copy(&fs->cwd, &from->cwd);
    spin_unlock(&from->lock);
    return fs;
}

void fs_context_ref(struct fs_context *fs)
{
    atomic_fetch_add(&fs->references, 1);
}

void fs_context_unref(struct fs_context *fs)
{
    if (!fs || atomic_fetch_sub(&fs->references, 1) != 1)
        return;
    location_release(&fs->root);
    location_release(&fs->cwd);
    heap_free(fs);
}

void fs_context_set(struct location *where, const struct location *to)
{
    struct fs_context *fs = current_process()->fs;
    struct location fresh, old;
    location_copy(&fresh, to);
    spin_lock(&fs->lock);
    old = *where;
    *where = fresh;
    spin_unlock(&fs->lock);
    location_release(&old);
}

static int walk_base(struct walk_context *context, int dirfd)
{
    struct fd fd = fd_get_path(dirfd);
    if (!fd.file)
        return -ABI_EBADF;
    bool directory = fd.file->location.name && location_dir(&fd.file->location);
    if (directory)
        location_copy(&context->base, &fd.file->location);
    fd_put(fd);
    return directory ? 0 : -ABI_ENOTDIR;
}

int walk_begin(struct walk_context *context, int dirfd, const char *path)
{
    struct fs_context *fs = current_process()->fs;
    bool relative = path[0] != '/';
    *context = (struct walk_context){0};
    if (relative && dirfd != ABI_AT_FDCWD) {
        int error = walk_base(context, dirfd);
        if (error)
            return error;
    }
    spin_lock(&fs->lock);
    location_copy(&context->root, &fs->root);
    if (!context->base.name)
        location_copy(&context->base, relative ? &fs->cwd : &fs->root);
    spin_unlock(&fs->lock);
    context->walk = (struct walk){root_namespace, &context->root, &context->base};
    return 0;
}

void walk_end(struct walk_context *context)
{
    location_release(&context->root);
    location_release(&context->base);
}
