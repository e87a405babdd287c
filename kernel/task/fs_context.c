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
    atomic_init(&fs->users, 1);
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
    atomic_init(&fs->users, 1);
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

void fs_context_share(struct fs_context *fs)
{
    atomic_fetch_add(&fs->users, 1);
    fs_context_ref(fs);
}

void fs_context_leave(struct fs_context *fs)
{
    if (fs)
        atomic_fetch_sub(&fs->users, 1);
    fs_context_unref(fs);
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

/* Only the calling thread can change FS, its process's. */
static bool fs_context_is_own(const struct fs_context *fs, const struct process *process)
{
    return process->thread_count == 1 &&
           atomic_load_explicit(&fs->references, memory_order_relaxed) == 1;
}

int walk_begin(struct walk_context *context, int dirfd, const char *path)
{
    const struct process *process = current_process();
    struct fs_context *fs = process->fs;
    bool relative = path[0] != '/';
    const struct location *start = relative ? &fs->cwd : &fs->root;
    context->root.name = context->base.name = NULL;
    if (relative && dirfd != ABI_AT_FDCWD) {
        int error = path[0] ? walk_base(context, dirfd) : -ABI_ENOENT;
        if (error)
            return error;
        start = &context->base;
    }
    context->walk = (struct walk){root_namespace, &fs->root, start};
    if (__builtin_expect(fs_context_is_own(fs, process), 1))
        return 0;
    spin_lock(&fs->lock);
    location_copy(&context->root, &fs->root);
    if (!context->base.name)
        location_copy(&context->base, start);
    spin_unlock(&fs->lock);
    context->walk.root = &context->root;
    context->walk.base = &context->base;
    return 0;
}

void walk_end(struct walk_context *context)
{
    if (context->root.name)
        location_release(&context->root);
    if (context->base.name)
        location_release(&context->base);
}
