/* Sockets: making, naming and connecting them. Transfers are in sys_socket_message.c, options in
 * sys_socket_option.c. */
#include "kernel/abi/fcntl.h"
#include "kernel/sys/socket.h"

#define CREATION_FLAGS (ABI_SOCK_NONBLOCK | ABI_SOCK_CLOEXEC)

_Static_assert(ABI_SOCK_NONBLOCK == ABI_O_NONBLOCK && ABI_SOCK_CLOEXEC == ABI_O_CLOEXEC,
               "a socket's flags are its file's");

/* ---- Descriptors ---- */

/* An open file over SOCKET, whose reference is taken over also on failure. */
static struct openfile *socket_open(sluice_socket_t *socket, long family, long type, long flags)
{
    struct openfile *file = openfile_create((oskit_iunknown_t *)socket, NULL,
                                            ABI_O_RDWR | ((uint32_t)flags & ABI_O_NONBLOCK));
    if (file) {
        file->socket_family = (uint8_t)family;
        file->socket_type = (uint8_t)type;
    }
    return file;
}

static bool creation_flags_known(long type)
{
    return !((uint32_t)type & ~(uint32_t)(ABI_SOCK_TYPE_MASK | CREATION_FLAGS));
}

long sys_socket(long family, long type, long protocol)
{
    sluice_socket_t *socket;
    long flags = type & CREATION_FLAGS;
    if (!creation_flags_known(type))
        return -ABI_EINVAL;
    type &= ABI_SOCK_TYPE_MASK;
    oskit_error_t error =
        socket_create((oskit_s32_t)family, (oskit_s32_t)type, (oskit_s32_t)protocol, &socket);
    return error ? errno_from_oskit(error)
                 : descriptor_install(socket_open(socket, family, type, flags),
                                      flags & ABI_SOCK_CLOEXEC);
}

long sys_socketpair(long family, long type, long protocol, long user)
{
    sluice_socket_t *one, *other;
    long flags = type & CREATION_FLAGS;
    if (!creation_flags_known(type))
        return -ABI_EINVAL;
    type &= ABI_SOCK_TYPE_MASK;
    oskit_error_t error = socket_create_pair((oskit_s32_t)family, (oskit_s32_t)type,
                                             (oskit_s32_t)protocol, &one, &other);
    if (error)
        return errno_from_oskit(error);
    struct openfile *first = socket_open(one, family, type, flags);
    return descriptor_pair_install(first, socket_open(other, family, type, flags),
                                   flags & ABI_SOCK_CLOEXEC, user);
}

/* ---- bind, listen, shutdown ---- */

long sys_bind(long number, long user, long length)
{
    struct fd fd;
    struct socket_target target;
    long error = socket_get(number, &fd);
    if (error)
        return error;
    error = socket_target_get(&target, user, length);
    if (!error)
        error = socket_target_bind(&target, fd.file);
    socket_target_end(&target);
    fd_put(fd);
    return error;
}

long sys_listen(long number, long backlog)
{
    struct fd fd;
    long error = socket_get(number, &fd);
    if (error)
        return error;
    error = errno_from_oskit(fd.file->socket->ops->listen(fd.file->socket, (oskit_s32_t)backlog));
    fd_put(fd);
    return error;
}

long sys_shutdown(long number, long how)
{
    struct fd fd;
    long error = socket_get(number, &fd);
    if (error)
        return error;
    error = errno_from_oskit(fd.file->socket->ops->shutdown(fd.file->socket, (oskit_u32_t)how));
    fd_put(fd);
    return error;
}

/* ---- accept ---- */

struct acceptance {
    sluice_socket_t *listener, *out;
    struct socket_address peer;
};

static oskit_error_t accept_try(void *arg)
{
    struct acceptance *a = arg;
    return a->listener->ops->accept(a->listener, &a->peer, &a->out);
}

static long accept_wait(struct openfile *file, struct acceptance *a)
{
    bool expired;
    oskit_error_t error = accept_try(a);
    if (error != OSKIT_EWOULDBLOCK || socket_nonblock(file))
        return errno_from_oskit(error);
    return socket_wait(file, file->readiness, READY_READ | READY_RDHUP, accept_try, a, &expired);
}

/* The connection is lost when its address can't be told. */
static long accept_install(const struct openfile *listener, struct acceptance *a, long user,
                           long user_length, long flags)
{
    struct openfile *file =
        socket_open(a->out, listener->socket_family, listener->socket_type, flags);
    long error = file && user ? socket_address_put(&a->peer, user, user_length) : 0;
    if (!error)
        return descriptor_install(file, flags & ABI_SOCK_CLOEXEC);
    openfile_unref(file);
    return error;
}

/* Whether there is a descriptor left is known before anybody waits. */
static long socket_accept(struct openfile *listener, long user, long user_length, long flags)
{
    struct acceptance a = {.listener = listener->socket};
    a.peer.length = 0;
    if (!fdtab_has_room(current_process()->fds))
        return -ABI_EMFILE;
    long error = accept_wait(listener, &a);
    return error ? error : accept_install(listener, &a, user, user_length, flags);
}

long sys_accept4(long number, long user, long user_length, long flags)
{
    struct fd fd;
    if ((uint32_t)flags & ~(uint32_t)CREATION_FLAGS)
        return -ABI_EINVAL;
    long result = socket_get(number, &fd);
    if (result)
        return result;
    result = socket_accept(fd.file, user, user_length, flags);
    fd_put(fd);
    return result;
}

long sys_accept(long number, long user, long user_length)
{
    return sys_accept4(number, user, user_length, 0);
}

/* ---- connect ---- */

struct connection {
    struct openfile *file;
    const struct socket_address *name;
};

static oskit_error_t connect_try(void *arg)
{
    const struct connection *c = arg;
    return c->file->socket->ops->connect(c->file->socket, c->name);
}

/* Of a connection that was begun: how it ended, which the next connect would say, too. */
static oskit_error_t connected_try(void *arg)
{
    const struct connection *c = arg;
    if (!(readiness_level(c->file->readiness) & (READY_WRITE | READY_HUP | READY_ERR)))
        return OSKIT_EWOULDBLOCK;
    oskit_error_t error = connect_try(arg);
    return error == OSKIT_EISCONN                                  ? OSKIT_SUCCESS
           : error == OSKIT_EALREADY || error == OSKIT_EINPROGRESS ? OSKIT_EWOULDBLOCK
                                                                   : error;
}

/* FIRST is what the first try said. When the time is over the connection goes on being made. */
static long connect_wait_end(struct connection *c, oskit_error_t first)
{
    bool expired;
    long error = socket_wait(c->file, c->file->readiness, READY_WRITE, connected_try, c, &expired);
    return expired ? errno_from_oskit(first) : error;
}

/* Until the listener's queue has room. */
static long connect_wait_room(struct connection *c)
{
    bool expired;
    oskit_iunknown_t *owner = NULL;
    sluice_socket_t *socket = c->file->socket;
    struct readiness *readiness = socket->ops->connect_readiness(socket, c->name, &owner);
    long error = socket_wait(c->file, readiness ? readiness : c->file->readiness, READY_WRITE,
                             connect_try, c, &expired);
    if (owner)
        oskit_iunknown_release(owner);
    return error;
}

static long socket_connect(struct openfile *file, const struct socket_address *name)
{
    struct connection c = {file, name};
    oskit_error_t error = connect_try(&c);
    if (!error || socket_nonblock(file))
        return errno_from_oskit(error);
    switch (error) {
    case OSKIT_EINPROGRESS:
    case OSKIT_EALREADY:
        return connect_wait_end(&c, error);
    case OSKIT_EWOULDBLOCK:
        return connect_wait_room(&c);
    default:
        return errno_from_oskit(error);
    }
}

long sys_connect(long number, long user, long length)
{
    struct fd fd;
    struct socket_target target;
    long error = socket_get(number, &fd);
    if (error)
        return error;
    error = socket_target_get(&target, user, length);
    if (!error)
        error = socket_target_find(&target, fd.file);
    if (!error)
        error = socket_connect(fd.file, &target.address);
    socket_target_end(&target);
    fd_put(fd);
    return error;
}

/* ---- Names ---- */

static long socket_name(long number, long user, long user_length, bool peer)
{
    struct fd fd;
    struct socket_address address;
    long error = socket_get(number, &fd);
    if (error)
        return error;
    sluice_socket_t *socket = fd.file->socket;
    error = errno_from_oskit(peer ? socket->ops->getpeername(socket, &address)
                                  : socket->ops->getsockname(socket, &address));
    if (!error)
        error = socket_address_put(&address, user, user_length);
    fd_put(fd);
    return error;
}

long sys_getsockname(long number, long user, long user_length)
{
    return socket_name(number, user, user_length, false);
}

long sys_getpeername(long number, long user, long user_length)
{
    return socket_name(number, user, user_length, true);
}
