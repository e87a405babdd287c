/* Bringing arguments in from user memory: paths, buffers, iovecs, times. */
#include "kernel/abi/fcntl.h"
#include "kernel/abi/timens.h"
#include "kernel/cpu/clock.h"
#include "kernel/mem/heap.h"
#include "kernel/sys/sys.h"

#define IOV_MAX 1024

/* A long one is copied again: it may have changed. */
static long path_get_long(struct path *path, long user)
{
    path->text = heap_alloc(PATH_SIZE, 0);
    if (!path->text)
        return -ABI_ENOMEM;
    long length = string_from_user(path->text, (const char *)user, PATH_SIZE);
    return length < 0 ? length : 0;
}

long path_get(struct path *path, long user)
{
    path->text = path->brief;
    long length = string_from_user(path->brief, (const char *)user, PATH_BRIEF);
    if (__builtin_expect(length == -ABI_ENAMETOOLONG, 0))
        return path_get_long(path, user);
    return length < 0 ? length : 0;
}

void path_free(struct path *path)
{
    if (__builtin_expect(path->text != path->brief, 0))
        heap_free(path->text);
}

long path_walk_begin(struct path_walk *walk, long dirfd, long user_path)
{
    long error = path_get(&walk->path, user_path);
    if (!error)
        return walk_begin(&walk->context, (int)dirfd, walk->path.text);
    walk->context.root.name = walk->context.base.name = NULL;
    return error;
}

void path_walk_end(struct path_walk *walk)
{
    walk_end(&walk->context);
    path_free(&walk->path);
}

static long descriptor_location(long dirfd, struct location *out)
{
    if (dirfd == ABI_AT_FDCWD) {
        struct walk_context context;
        long error = walk_begin(&context, ABI_AT_FDCWD, ".");
        if (error)
            return error;
        location_copy(out, context.walk.base);
        walk_end(&context);
        return 0;
    }
    struct fd fd = fd_get_path((int)dirfd);
    if (!fd.file)
        return -ABI_EBADF;
    bool named = fd.file->location.name;
    if (named)
        location_copy(out, &fd.file->location);
    fd_put(fd);
    return named ? 0 : -ABI_ENOENT;
}

long path_is_empty(long dirfd, long user_path, long flags)
{
    char first;
    if (!(flags & ABI_AT_EMPTY_PATH) || (int)dirfd == ABI_AT_FDCWD)
        return 0;
    return get_user(&first, user_path, 1) ? -ABI_EFAULT : !first;
}

long path_lookup(long dirfd, long user_path, uint32_t how, bool empty, struct location *out)
{
    struct path_walk walk;
    long error = path_get(&walk.path, user_path);
    if (!error && empty && !*walk.path.text) {
        error = descriptor_location(dirfd, out);
    } else if (!error && !(error = walk_begin(&walk.context, (int)dirfd, walk.path.text))) {
        error = errno_from_oskit(namespace_lookup(&walk.context.walk, walk.path.text, how, out));
        walk_end(&walk.context);
    }
    path_free(&walk.path);
    return error;
}

long iov_from_user(struct user_iov *iov, struct sluice_uio *uio, long user, long count)
{
    iov->segments = iov->fast;
    if (count < 0 || count > IOV_MAX)
        return -ABI_EINVAL;
    if (count > IOV_FAST && !(iov->segments = heap_alloc((size_t)count * sizeof *iov->segments, 0)))
        return -ABI_ENOMEM;
    if (copy_from_user(iov->segments, (const void *)user, (size_t)count * sizeof *iov->segments))
        return -ABI_EFAULT;
    size_t total = 0;
    for (long i = 0; i < count; i++) {
        size_t *length = &iov->segments[i].length;
        if ((int64_t)*length < 0)
            return -ABI_EINVAL;
        /* What lies beyond the limit isn't moved this time: a short count. */
        if (*length > TRANSFER_MAX - total)
            *length = TRANSFER_MAX - total;
        total += *length;
    }
    uio_init(uio, iov->segments, (size_t)count, true);
    return 0;
}

void iov_release(struct user_iov *iov)
{
    if (iov->segments != iov->fast)
        heap_free(iov->segments);
}

long deadline_from_timespec(long user, uint64_t *out)
{
    struct abi_timespec spec;
    *out = ENV_FOREVER;
    if (!user)
        return 0;
    if (copy_from_user(&spec, (const void *)user, sizeof spec))
        return -ABI_EFAULT;
    if (!timespec_valid(&spec))
        return -ABI_EINVAL;
    uint64_t now = clock_monotonic(), ns;
    if (!__builtin_mul_overflow((uint64_t)spec.tv_sec, 1000000000ull, &ns) &&
        !__builtin_add_overflow(ns, (uint64_t)spec.tv_nsec, &ns) &&
        !__builtin_add_overflow(ns, now, &ns))
        *out = ns;
    return 0;
}
