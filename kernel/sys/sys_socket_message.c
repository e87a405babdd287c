/* Sending and receiving: sendto, recvfrom, the calls with a struct msghdr, and with many. */
#include "kernel/abi/time.h"
#include "kernel/abi/timens.h"
#include "kernel/cpu/clock.h"
#include "kernel/sys/socket.h"
#include "kernel/sys/socket_zerocopy.h"

#define MESSAGES_MAX 1024 /* of one call; also of a message's pieces */

/* Flags of a call: O_NONBLOCK is one. */
static uint32_t message_flags(const struct openfile *file, long flags)
{
    return (uint32_t)flags | (socket_nonblock(file) ? SOCKET_MSG_DONTWAIT : 0);
}

static void transfer_begin(struct socket_transfer *t, struct openfile *file, struct sluice_uio *uio,
                           struct socket_address *name, long flags)
{
    *t = (struct socket_transfer){
        .file = file, .message = {.uio = uio, .name = name, .flags = message_flags(file, flags)}};
}

static long transfer_send(struct socket_transfer *t)
{
    return __builtin_expect(t->message.flags & SOCKET_MSG_ZEROCOPY, 0) ? socket_send_pinned(t)
                                                                       : socket_send(t);
}

/* ---- sendto, recvfrom ---- */

/* What the socket has to say counts more than that its target is MISSING (a negative errno):
 * without a target it refuses, unless something else is wrong before. */
static long send_missing(long result, long missing)
{
    return missing && result == -ABI_ECONNREFUSED ? missing : result;
}

static long send_to(struct openfile *file, struct sluice_uio *uio, long flags, long user,
                    long length)
{
    struct socket_transfer t;
    struct socket_target target;
    long result = socket_target_get(&target, user, length);
    if (!result) {
        long missing = socket_target_send(&target, file);
        transfer_begin(&t, file, uio, &target.address, flags);
        result = send_missing(transfer_send(&t), missing);
    }
    socket_target_end(&target);
    return result;
}

/* To the peer, most often: as cheap as write. */
static long send_plain(struct openfile *file, struct sluice_uio *uio, long flags)
{
    struct socket_transfer t;
    if (__builtin_expect(!(flags & ~(long)(SOCKET_MSG_NOSIGNAL | SOCKET_MSG_DONTWAIT)), 1)) {
        size_t moved = 0;
        uint32_t vecio = flags & SOCKET_MSG_DONTWAIT ? VECIO_NONBLOCK : openfile_vecio(file);
        oskit_error_t error = file->streamvec->ops->writev(file->streamvec, uio, vecio, &moved);
        if (__builtin_expect(!error && !uio->left, 1))
            return (long)moved;
        if (error && error != OSKIT_EWOULDBLOCK)
            return socket_send_failed(file, moved, errno_from_oskit(error), (uint32_t)flags);
        transfer_begin(&t, file, uio, NULL, flags);
        t.moved = moved;
        return socket_send(&t);
    }
    transfer_begin(&t, file, uio, NULL, flags);
    return transfer_send(&t);
}

long sys_sendto(long number, long buffer, long size, long flags, long user, long length)
{
    struct fd fd;
    struct sluice_uio uio;
    struct sluice_iovec segment;
    long result = uio_from_user(&uio, &segment, buffer, size);
    if (!result)
        result = socket_get(number, &fd);
    if (result)
        return result;
    result = user ? send_to(fd.file, &uio, flags, user, length) : send_plain(fd.file, &uio, flags);
    fd_put(fd);
    return result;
}

static long receive_from(struct openfile *file, struct sluice_uio *uio, long flags, long user,
                         long user_length)
{
    struct socket_transfer t;
    struct socket_address name;
    transfer_begin(&t, file, uio, user ? &name : NULL, flags);
    long result = socket_receive(&t);
    socket_rights_free(t.message.rights);
    if (result >= 0 && t.message.out_flags & SOCKET_MSG_TRUNC && flags & SOCKET_MSG_TRUNC)
        result = (long)t.message.whole;
    long error = result >= 0 && user ? socket_address_put(&name, user, user_length) : 0;
    return error ? error : result;
}

static bool receive_is_plain(long size, long flags, long user)
{
    return !user && !(flags & ~(long)SOCKET_MSG_DONTWAIT) && size;
}

long sys_recvfrom(long number, long buffer, long size, long flags, long user, long user_length)
{
    struct fd fd;
    struct sluice_uio uio;
    struct sluice_iovec segment;
    size_t moved = 0;
    long result = uio_from_user(&uio, &segment, buffer, size);
    if (!result)
        result = socket_get(number, &fd);
    if (result)
        return result;
    oskit_error_t error = OSKIT_EWOULDBLOCK;
    if (__builtin_expect(receive_is_plain(size, flags, user), 1)) {
        uint32_t vecio = flags & SOCKET_MSG_DONTWAIT ? VECIO_NONBLOCK : openfile_vecio(fd.file);
        error = fd.file->streamvec->ops->readv(fd.file->streamvec, &uio, vecio, &moved);
        result = __builtin_expect(!error, 1)           ? (long)moved
                 : vecio || error != OSKIT_EWOULDBLOCK ? errno_from_oskit(error)
                                                       : 0;
        if (!error || result) {
            fd_put(fd);
            return result;
        }
    }
    result = receive_from(fd.file, &uio, flags, user, user_length);
    fd_put(fd);
    return result;
}

/* ---- Messages ---- */

/* A message of the program's, in kernel memory. */
struct message {
    struct abi_msghdr header;
    struct sluice_uio uio;
    struct user_iov iov;
};

/* message_end also after a failure. */
static long message_begin(struct message *m, long user)
{
    m->iov.segments = m->iov.fast;
    if (get_user(&m->header, user, sizeof m->header))
        return -ABI_EFAULT;
    if (!m->header.msg_name)
        m->header.msg_namelen = 0;
    if (m->header.msg_namelen < 0)
        return -ABI_EINVAL;
    if (m->header.msg_namelen > (int32_t)SOCKET_ADDRESS_MAX)
        m->header.msg_namelen = SOCKET_ADDRESS_MAX;
    if (m->header.msg_iovlen > MESSAGES_MAX)
        return -ABI_EMSGSIZE;
    return iov_from_user(&m->iov, &m->uio, (long)m->header.msg_iov, (long)m->header.msg_iovlen);
}

static void message_end(struct message *m)
{
    iov_release(&m->iov);
}

/* ---- sendmsg ---- */

static long message_send_control(struct socket_transfer *t, const struct abi_msghdr *header)
{
    struct control_in in;
    if (!header->msg_controllen)
        return transfer_send(t);
    if (header->msg_controllen > INT32_MAX)
        return -ABI_ENOBUFS;
    long result = control_in_begin(&in, t->file, (long)header->msg_control, header->msg_controllen,
                                   &t->message);
    if (!result)
        result = transfer_send(t);
    control_in_end(&in, &t->message);
    return result;
}

static long message_send(struct openfile *file, struct message *m, long flags)
{
    struct socket_transfer t;
    struct socket_target target = {.location = {0}};
    bool named = m->header.msg_namelen > 0;
    long result =
        named ? socket_target_get(&target, (long)m->header.msg_name, m->header.msg_namelen) : 0;
    if (!result) {
        long missing = named ? socket_target_send(&target, file) : 0;
        transfer_begin(&t, file, &m->uio, named ? &target.address : NULL, flags);
        result = send_missing(message_send_control(&t, &m->header), missing);
    }
    if (named)
        socket_target_end(&target);
    return result;
}

/* LEFT, when not NULL: bytes of it that weren't sent. */
static long send_message(struct openfile *file, long user, long flags, size_t *left)
{
    struct message m;
    long result = message_begin(&m, user);
    if (!result)
        result = message_send(file, &m, flags);
    if (left)
        *left = m.uio.left;
    message_end(&m);
    return result;
}

long sys_sendmsg(long number, long user, long flags)
{
    struct fd fd;
    long result = socket_get(number, &fd);
    if (result)
        return result;
    result = send_message(fd.file, user, flags, NULL);
    fd_put(fd);
    return result;
}

/* ---- recvmsg ---- */

#define MSGHDR(user, field) ((user) + (long)offsetof(struct abi_msghdr, field))

/* What the program is told besides the bytes. */
static long message_answer(struct socket_transfer *t, const struct abi_msghdr *header, long user,
                           long flags)
{
    size_t length;
    long error =
        control_out(&t->message, (long)header->msg_control,
                    header->msg_control ? header->msg_controllen : 0, (uint32_t)flags, &length);
    if (!error && t->message.name)
        error =
            socket_address_put(t->message.name, (long)header->msg_name, MSGHDR(user, msg_namelen));
    uint32_t out = t->message.out_flags | ((uint32_t)flags & SOCKET_MSG_CMSG_CLOEXEC);
    if (!error)
        error = put_user(MSGHDR(user, msg_flags), &out, sizeof out);
    return error ? error : put_user(MSGHDR(user, msg_controllen), &length, sizeof length);
}

static long message_receive(struct openfile *file, struct message *m, long user, long flags,
                            uint32_t *out_flags)
{
    struct socket_transfer t;
    struct socket_address name;
    uint8_t bytes[CONTROL_BRIEF * 2];
    size_t room = m->header.msg_control ? m->header.msg_controllen : 0;
    struct socket_control control = {
        .bytes = bytes, .room = room < sizeof bytes ? (oskit_u32_t)room : sizeof bytes};
    transfer_begin(&t, file, &m->uio, m->header.msg_name ? &name : NULL, flags);
    t.message.control = &control;
    long result = socket_receive(&t);
    if (result < 0) {
        socket_rights_free(t.message.rights);
        return result;
    }
    if (flags & SOCKET_MSG_TRUNC && t.message.out_flags & SOCKET_MSG_TRUNC)
        result = (long)t.message.whole;
    long error = message_answer(&t, &m->header, user, flags);
    *out_flags = t.message.out_flags;
    return error ? error : result;
}

static long receive_message(struct openfile *file, long user, long flags, uint32_t *out_flags)
{
    struct message m;
    long result = message_begin(&m, user);
    if (!result)
        result = message_receive(file, &m, user, flags, out_flags);
    message_end(&m);
    return result;
}

long sys_recvmsg(long number, long user, long flags)
{
    struct fd fd;
    uint32_t out_flags;
    long result = socket_get(number, &fd);
    if (result)
        return result;
    result = receive_message(fd.file, user, flags, &out_flags);
    fd_put(fd);
    return result;
}

/* ---- Many ---- */

static long messages_put_length(long user, long length)
{
    uint32_t value = (uint32_t)length;
    return put_user(user + (long)offsetof(struct abi_mmsghdr, msg_len), &value, sizeof value);
}

static long send_messages(struct openfile *file, long user, uint32_t count, long flags)
{
    long result = 0;
    uint32_t done = 0;
    size_t left = 0;
    while (done < count && !left) {
        result = send_message(file, user, flags, &left);
        if (result >= 0)
            result = messages_put_length(user, result);
        if (result < 0)
            break;
        done++;
        user += (long)sizeof(struct abi_mmsghdr);
    }
    return done ? (long)done : result;
}

long sys_sendmmsg(long number, long user, long count, long flags)
{
    struct fd fd;
    long result = socket_get(number, &fd);
    if (result)
        return result;
    uint32_t most = (uint32_t)count;
    result = send_messages(fd.file, user, most < MESSAGES_MAX ? most : MESSAGES_MAX, flags);
    fd_put(fd);
    return result;
}

/* The deadline is looked at after each message and ends no wait, as on Linux. */
static long receive_messages(struct openfile *file, long user, uint32_t count, long flags,
                             uint64_t deadline)
{
    long result = 0;
    uint32_t done = 0, out_flags = 0;
    while (done < count) {
        result = receive_message(file, user, flags & ~(long)ABI_MSG_WAITFORONE, &out_flags);
        if (result >= 0)
            result = messages_put_length(user, result);
        if (result < 0)
            break;
        done++;
        user += (long)sizeof(struct abi_mmsghdr);
        if (flags & ABI_MSG_WAITFORONE)
            flags |= SOCKET_MSG_DONTWAIT;
        if (deadline != ENV_FOREVER && clock_monotonic() >= deadline)
            break;
        if (out_flags & SOCKET_MSG_OOB)
            break;
        /* An error is the next call's. */
        if (readiness_level(file->readiness) & READY_ERR)
            break;
    }
    return done ? (long)done : result;
}

/* The time that is left goes back to the program. */
static long timeout_put(long user, uint64_t deadline)
{
    uint64_t now = clock_monotonic();
    struct abi_timespec left = timespec_from_ns(deadline > now ? (int64_t)(deadline - now) : 0);
    return put_user(user, &left, sizeof left);
}

long sys_recvmmsg(long number, long user, long count, long flags, long user_timeout)
{
    struct fd fd;
    uint64_t deadline;
    long result = deadline_from_timespec(user_timeout, &deadline);
    if (!result)
        result = socket_get(number, &fd);
    if (result)
        return result;
    result = receive_messages(fd.file, user, (uint32_t)count, flags, deadline);
    fd_put(fd);
    if (result > 0 && deadline != ENV_FOREVER && timeout_put(user_timeout, deadline))
        return -ABI_EFAULT;
    return result;
}
