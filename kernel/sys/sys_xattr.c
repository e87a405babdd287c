/* Extended attributes, where the file system has them. */
#include <sluice/filesystemx.h>
#include <sluice/notify.h>
#include <sluice/object.h>
#include <sluice/string.h>
#include "kernel/mem/heap.h"
#include "kernel/sys/sys.h"

#define XATTR_NAME_MAX  255u
#define XATTR_VALUE_MAX 65536u /* Linux's bound for values and for lists */

/* NAME NULL: all names. SIZE 0 asks for the length alone. */
static long xattr_read(oskit_file_t *file, const char *name, long user, size_t size)
{
    size_t room = size < XATTR_VALUE_MAX ? size : XATTR_VALUE_MAX;
    oskit_size_t length = 0;
    sluice_xattr_t *xattr = sluice_query_face(file, &sluice_xattr_iid);
    if (!xattr)
        return -ABI_EOPNOTSUPP;
    char *bytes = heap_alloc(room ? room : 1, 0);
    long error = -ABI_ENOMEM;
    if (bytes)
        error = errno_from_oskit(name ? xattr->ops->get(xattr, name, bytes, room, &length)
                                      : xattr->ops->list(xattr, bytes, room, &length));
    xattr->ops->release(xattr);
    if (!error && size)
        error = put_user(user, bytes, length);
    heap_free(bytes);
    return error ? error : (long)length;
}

static long name_get(char *name, long user)
{
    long length = string_from_user(name, (const char *)user, XATTR_NAME_MAX + 1);
    if (length == 0)
        return -ABI_ERANGE;
    return length == -ABI_ENAMETOOLONG ? -ABI_ERANGE : length < 0 ? length : 0;
}

/* ---- Reading ---- */

static long xattr_path(long path, uint32_t how, long user_name, long user, long size)
{
    char name[XATTR_NAME_MAX + 1];
    struct location location;
    long error = user_name ? name_get(name, user_name) : 0;
    if (!error)
        error = path_lookup(ABI_AT_FDCWD, path, how, false, &location);
    if (error)
        return error;
    error = xattr_read(location_file(&location), user_name ? name : NULL, user, (size_t)size);
    location_release(&location);
    return error;
}

static long xattr_fd(long number, long user_name, long user, long size)
{
    char name[XATTR_NAME_MAX + 1];
    long error = user_name ? name_get(name, user_name) : 0;
    if (error)
        return error;
    struct fd fd = fd_get((int)number);
    if (!fd.file)
        return -ABI_EBADF;
    error = fd.file->location.name ? xattr_read(location_file(&fd.file->location),
                                                user_name ? name : NULL, user, (size_t)size)
                                   : -ABI_EOPNOTSUPP;
    fd_put(fd);
    return error;
}

long sys_getxattr(long path, long name, long value, long size)
{
    return name ? xattr_path(path, 0, name, value, size) : -ABI_EFAULT;
}

long sys_lgetxattr(long path, long name, long value, long size)
{
    return name ? xattr_path(path, NAMESPACE_NOFOLLOW, name, value, size) : -ABI_EFAULT;
}

long sys_fgetxattr(long fd, long name, long value, long size)
{
    return name ? xattr_fd(fd, name, value, size) : -ABI_EFAULT;
}

/* Without attributes the list is empty. */
static long listed(long length)
{
    return length == -ABI_EOPNOTSUPP ? 0 : length;
}

long sys_listxattr(long path, long list, long size)
{
    return listed(xattr_path(path, 0, 0, list, size));
}

long sys_llistxattr(long path, long list, long size)
{
    return listed(xattr_path(path, NAMESPACE_NOFOLLOW, 0, list, size));
}

long sys_flistxattr(long fd, long list, long size)
{
    return listed(xattr_fd(fd, 0, list, size));
}

/* ---- Setting ---- */

struct xattr_request {
    char name[XATTR_NAME_MAX + 1];
    void *value; /* NULL: the attribute goes */
    size_t size;
    oskit_u32_t flags;
};

static long xattr_request_get(struct xattr_request *request, long name, long value, long size,
                              long flags)
{
    request->value = NULL;
    request->size = (size_t)size;
    request->flags = (oskit_u32_t)flags;
    if (flags & ~(long)(XATTRSET_CREATE | XATTRSET_REPLACE))
        return -ABI_EINVAL;
    long error = name_get(request->name, name);
    if (error)
        return error;
    if (request->size > XATTR_VALUE_MAX)
        return -ABI_E2BIG;
    request->value = heap_alloc(request->size ? request->size : 1, 0);
    if (!request->value)
        return -ABI_ENOMEM;
    return request->size && get_user(request->value, value, request->size) ? -ABI_EFAULT : 0;
}

static long xattr_change(const struct location *location, const struct xattr_request *request)
{
    if (location_mount_flags(location) & MOUNT_RDONLY)
        return -ABI_EROFS;
    sluice_xattrset_t *set = sluice_query_face(location_file(location), &sluice_xattrset_iid);
    if (!set)
        return -ABI_EOPNOTSUPP;
    oskit_error_t error = request->value ? set->ops->set(set, request->name, request->value,
                                                         request->size, request->flags)
                                         : set->ops->remove(set, request->name);
    set->ops->release(set);
    if (!error)
        notify_location(location, NOTIFY_ATTRIB);
    return errno_from_oskit(error);
}

static long xattr_change_path(long path, uint32_t how, const struct xattr_request *request)
{
    struct location location;
    long error = path_lookup(ABI_AT_FDCWD, path, how, false, &location);
    if (error)
        return error;
    error = xattr_change(&location, request);
    location_release(&location);
    return error;
}

static long xattr_change_fd(long number, const struct xattr_request *request)
{
    struct fd fd = fd_get((int)number);
    if (!fd.file)
        return -ABI_EBADF;
    long error =
        fd.file->location.name ? xattr_change(&fd.file->location, request) : -ABI_EOPNOTSUPP;
    fd_put(fd);
    return error;
}

static long xattr_set_path(long path, uint32_t how, long name, long value, long size, long flags)
{
    struct xattr_request request;
    long error = xattr_request_get(&request, name, value, size, flags);
    if (!error)
        error = xattr_change_path(path, how, &request);
    heap_free(request.value);
    return error;
}

long sys_setxattr(long path, long name, long value, long size, long flags)
{
    return xattr_set_path(path, 0, name, value, size, flags);
}

long sys_lsetxattr(long path, long name, long value, long size, long flags)
{
    return xattr_set_path(path, NAMESPACE_NOFOLLOW, name, value, size, flags);
}

long sys_fsetxattr(long fd, long name, long value, long size, long flags)
{
    struct xattr_request request;
    long error = xattr_request_get(&request, name, value, size, flags);
    if (!error)
        error = xattr_change_fd(fd, &request);
    heap_free(request.value);
    return error;
}

long sys_removexattr(long path, long name)
{
    struct xattr_request request = {.value = NULL};
    long error = name_get(request.name, name);
    return error ? error : xattr_change_path(path, 0, &request);
}

long sys_lremovexattr(long path, long name)
{
    struct xattr_request request = {.value = NULL};
    long error = name_get(request.name, name);
    return error ? error : xattr_change_path(path, NAMESPACE_NOFOLLOW, &request);
}

long sys_fremovexattr(long fd, long name)
{
    struct xattr_request request = {.value = NULL};
    long error = name_get(request.name, name);
    return error ? error : xattr_change_fd(fd, &request);
}
