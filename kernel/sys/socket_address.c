/*
 * Addresses of sockets, to and from programs. Those of UNIX sockets may be paths: they are walked
 * here, in the caller's name space and with the caller's rights; the sockets see the file that
 * came of it.
 */
#include <sluice/string.h>
#include "kernel/abi/fcntl.h"
#include "kernel/sys/socket.h"

#define FAMILY_SIZE   sizeof(uint16_t)
#define UNIX_SIZE_MAX sizeof(struct abi_sockaddr_un)

long socket_target_get(struct socket_target *target, long user, long length)
{
    target->location.name = NULL;
    target->address.file = NULL;
    /* Addresses are looked at in words: nothing of what lay here before is to be seen. */
    memset(target->address.u.bytes, 0, 32);
    if ((unsigned long)length > SOCKET_ADDRESS_MAX)
        return -ABI_EINVAL;
    target->address.length = (oskit_u32_t)length;
    return length && get_user(target->address.u.bytes, user, (size_t)length) ? -ABI_EFAULT : 0;
}

/* A path may fill the whole of sun_path: behind it there is room for its end. */
static void unix_path_end(struct socket_address *address)
{
    address->u.bytes[address->length] = 0;
}

/* A UNIX socket's address that is a path. */
static bool target_is_path(const struct socket_target *target, const struct openfile *file)
{
    const struct socket_address *address = &target->address;
    return file->socket_family == ABI_AF_UNIX && address->length > FAMILY_SIZE &&
           address->length <= UNIX_SIZE_MAX && address->u.family == ABI_AF_UNIX &&
           address->u.un.path[0];
}

static long unix_find(struct socket_target *target)
{
    struct walk_context context;
    const char *path = target->address.u.un.path;
    unix_path_end(&target->address);
    long error = walk_begin(&context, ABI_AT_FDCWD, path);
    if (error)
        return error;
    error = errno_from_oskit(namespace_lookup(&context.walk, path, 0, &target->location));
    walk_end(&context);
    if (error)
        return error;
    oskit_file_t *file = location_file(&target->location);
    error = errno_from_oskit(oskit_file_access(file, OSKIT_W_OK));
    if (!error && location_type(&target->location) != OSKIT_S_IFSOCK)
        error = -ABI_ECONNREFUSED;
    if (error)
        location_release(&target->location);
    else
        target->address.file = file;
    return error;
}

long socket_target_find(struct socket_target *target, const struct openfile *file)
{
    return target_is_path(target, file) ? unix_find(target) : 0;
}

/* Streams and records go to whom their socket is connected to, whatever the address says. */
long socket_target_send(struct socket_target *target, const struct openfile *file)
{
    bool connected = file->socket_family == ABI_AF_UNIX && file->socket_type != ABI_SOCK_DGRAM;
    return connected ? 0 : socket_target_find(target, file);
}

/* ---- bind ---- */

static long unix_bind_made(struct socket_target *target, struct openfile *file,
                           const struct walk *walk)
{
    const char *path = target->address.u.un.path;
    long error =
        errno_from_oskit(namespace_lookup(walk, path, NAMESPACE_NOFOLLOW, &target->location));
    if (!error) {
        target->address.file = location_file(&target->location);
        error = errno_from_oskit(file->socket->ops->bind(file->socket, &target->address));
    }
    if (error)
        namespace_unlink(walk, path);
    return error;
}

static long unix_bind(struct socket_target *target, struct openfile *file)
{
    struct walk_context context;
    const char *path = target->address.u.un.path;
    unix_path_end(&target->address);
    long error = walk_begin(&context, ABI_AT_FDCWD, path);
    if (error)
        return error;
    oskit_mode_t mode = OSKIT_S_IFSOCK | (0777 & ~current_process()->fs->umask);
    error = errno_from_oskit(namespace_mknod(&context.walk, path, mode, 0));
    if (!error)
        error = unix_bind_made(target, file, &context.walk);
    else if (error == -ABI_EEXIST)
        error = -ABI_EADDRINUSE;
    walk_end(&context);
    return error;
}

long socket_target_bind(struct socket_target *target, struct openfile *file)
{
    if (target_is_path(target, file))
        return unix_bind(target, file);
    return errno_from_oskit(file->socket->ops->bind(file->socket, &target->address));
}

/* ---- To the program ---- */

long socket_address_put(const struct socket_address *address, long user, long user_length)
{
    int32_t room, length = (int32_t)address->length;
    if (get_user(&room, user_length, sizeof room))
        return -ABI_EFAULT;
    if (room > length)
        room = length;
    if (room < 0)
        return -ABI_EINVAL;
    if (room && put_user(user, address->u.bytes, (size_t)room))
        return -ABI_EFAULT;
    return put_user(user_length, &length, sizeof length);
}
