/*
 * What all calls that send and receive come to: the first try, and what is done when it wasn't all.
 *
 * A stream that sends goes on until all is sent, unless it may not wait; so does one that receives
 * with MSG_WAITALL. Datagrams go whole or not at all. An error that comes after bytes have moved is
 * left with the socket, for the next call, as Linux has it: before a further try the socket's level
 * is looked at.
 */
#include "kernel/cpu/clock.h"
#include "kernel/sys/socket.h"

static bool socket_is_stream(const struct openfile *file)
{
    return file->socket_type == ABI_SOCK_STREAM;
}

static bool transfer_waits(const struct socket_transfer *t)
{
    return !(t->message.flags & (SOCKET_MSG_DONTWAIT | SOCKET_MSG_ERRQUEUE));
}

static bool transfer_has_error(const struct socket_transfer *t)
{
    return readiness_level(t->file->readiness) & READY_ERR;
}

/* ---- Sending ---- */

long socket_send_failed(const struct openfile *file, size_t moved, long error, uint32_t flags)
{
    if (moved)
        return (long)moved;
    if (error == -ABI_EPIPE && socket_is_stream(file) && !(flags & SOCKET_MSG_NOSIGNAL)) {
        struct abi_siginfo info;
        signal_info_user(&info, ABI_SIGPIPE);
        signal_send_thread(current_thread(), &info);
    }
    return error;
}

static oskit_error_t send_try(void *arg)
{
    struct socket_transfer *t = arg;
    sluice_socket_t *socket = t->file->socket;
    for (;;) {
        size_t moved = 0;
        oskit_error_t error = socket->ops->send(socket, &t->message, &moved);
        t->moved += moved;
        if (error || !t->whole || !t->message.uio->left || !moved)
            return error;
        if (transfer_has_error(t))
            return OSKIT_SUCCESS;
    }
}

/* Where there will be news of room: a UNIX datagram's is the receiver's. */
static long send_wait(struct socket_transfer *t)
{
    struct openfile *file = t->file;
    oskit_iunknown_t *owner = NULL;
    bool expired;
    struct readiness *readiness =
        file->socket_family == ABI_AF_UNIX
            ? file->socket->ops->connect_readiness(file->socket, t->message.name, &owner)
            : NULL;
    long error = socket_wait(file, readiness ? readiness : file->readiness, READY_WRITE, send_try,
                             t, &expired);
    if (owner)
        oskit_iunknown_release(owner);
    return error;
}

long socket_send(struct socket_transfer *t)
{
    t->whole = socket_is_stream(t->file);
    oskit_error_t first = send_try(t);
    if (__builtin_expect(!first, 1))
        return (long)t->moved;
    long error =
        first == OSKIT_EWOULDBLOCK && transfer_waits(t) ? send_wait(t) : errno_from_oskit(first);
    return error ? socket_send_failed(t->file, t->moved, error, t->message.flags) : (long)t->moved;
}

/* ---- Receiving ---- */

/* MSG_WAITALL with MSG_PEEK: the same bytes once more, until there are enough. */
static oskit_error_t peek_all_try(void *arg)
{
    struct socket_transfer *t = arg;
    struct socket_message message = t->message;
    struct sluice_uio uio = *t->message.uio;
    size_t moved = 0;
    message.uio = &uio;
    uint32_t level = readiness_level(t->file->readiness);
    oskit_error_t error = t->file->socket->ops->receive(t->file->socket, &message, &moved);
    if (error)
        return error;
    if (uio.left && !(level & (READY_RDHUP | READY_HUP | READY_ERR)) && transfer_waits(t)) {
        t->moved = moved; /* what there is when the wait ends otherwise */
        socket_rights_free(message.rights);
        return OSKIT_EWOULDBLOCK;
    }
    t->moved = moved;
    message.uio = t->message.uio;
    t->message = message;
    return OSKIT_SUCCESS;
}

/* Ends at what must not be glued together: messages with rights. */
static oskit_error_t receive_try(void *arg)
{
    struct socket_transfer *t = arg;
    sluice_socket_t *socket = t->file->socket;
    for (;;) {
        size_t moved = 0;
        oskit_error_t error = socket->ops->receive(socket, &t->message, &moved);
        t->moved += moved;
        if (error || !t->whole || !moved || !t->message.uio->left || t->message.rights)
            return error;
        if (transfer_has_error(t))
            return OSKIT_SUCCESS;
    }
}

static uint32_t receive_mask(const struct socket_transfer *t)
{
    return READY_READ | READY_RDHUP | (t->message.flags & SOCKET_MSG_OOB ? READY_PRI : 0);
}

/* A wait that ended without what it waited for: what lies there, less than SO_RCVLOWAT, goes to the
 * program all the same. */
static void receive_rest(struct socket_transfer *t, long error)
{
    if (t->moved || !socket_is_stream(t->file) ||
        (error != -ABI_EAGAIN && error != -ABI_EINTR && error != -ERESTARTSYS))
        return;
    t->message.flags |= SOCKET_MSG_DONTWAIT;
    receive_try(t);
}

long socket_receive(struct socket_transfer *t)
{
    uint32_t flags = t->message.flags;
    bool expired;
    t->whole = flags & SOCKET_MSG_WAITALL && socket_is_stream(t->file) &&
               !(flags & (SOCKET_MSG_OOB | SOCKET_MSG_ERRQUEUE));
    if (flags & SOCKET_MSG_PEEK && t->file->socket_family == ABI_AF_UNIX)
        t->whole = false; /* what there is, as Linux has it */
    oskit_error_t (*try)(void *arg) =
        t->whole && flags & SOCKET_MSG_PEEK ? peek_all_try : receive_try;
    oskit_error_t first = try(t);
    if (__builtin_expect(!first, 1))
        return (long)t->moved;
    if (first != OSKIT_EWOULDBLOCK || !transfer_waits(t) || flags & SOCKET_MSG_OOB) {
        long error = errno_from_oskit(first);
        return error && !t->moved ? error : (long)t->moved;
    }
    long error = socket_wait(t->file, t->file->readiness, receive_mask(t), try, t, &expired);
    if (error)
        receive_rest(t, error);
    return error && !t->moved ? error : (long)t->moved;
}

/* ---- read and write ---- */

long socket_read(struct openfile *file, struct sluice_uio *uio, bool nonblock)
{
    struct socket_transfer t = {
        .file = file,
        .message = {.uio = uio, .flags = nonblock ? SOCKET_MSG_DONTWAIT : 0},
    };
    if (!uio->left)
        return 0; /* as System V had it: also of a datagram that is there */
    long result = socket_receive(&t);
    socket_rights_free(t.message.rights);
    return result;
}

long socket_write(struct openfile *file, struct sluice_uio *uio, bool nonblock, size_t moved)
{
    struct socket_transfer t = {
        .file = file,
        .moved = moved,
        .message = {.uio = uio,
                    .flags = (nonblock ? SOCKET_MSG_DONTWAIT : 0) |
                             (file->socket_type == ABI_SOCK_SEQPACKET ? SOCKET_MSG_EOR : 0)},
    };
    return socket_send(&t);
}

/* ---- Closing ---- */

struct closing {
    sluice_socket_t *socket;
    oskit_u64_t deadline;
};

static oskit_error_t close_try(void *arg)
{
    struct closing *closing = arg;
    return closing->socket->ops->close(closing->socket, &closing->deadline);
}

/* Signals cut it short, and whoever ends doesn't wait at all. */
void socket_file_closing(struct openfile *file)
{
    struct closing closing = {file->socket, ENV_FOREVER};
    bool ending = atomic_load(&current_thread()->work) & WORK_EXIT;
    if (close_try(&closing) == OSKIT_EWOULDBLOCK && !ending)
        wait_loop(file->readiness, READY_WRITE | READY_HUP, false, closing.deadline, close_try,
                  &closing);
}
