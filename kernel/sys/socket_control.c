/*
 * Control data of messages. A program sends and receives it as a row of struct cmsghdr with data
 * behind each; every length in it is the program's and is checked here.
 *
 * Rights and credentials are this file's: sockets know them as such (struct socket_message). The
 * rest passes between the program and the socket as it stands.
 */
#include <sluice/string.h>
#include "kernel/mem/heap.h"
#include "kernel/sys/socket.h"
#include "kernel/task/capability.h"

#define HEADER           sizeof(struct abi_cmsghdr)
#define control_align(n) (((n) + 7ul) & ~7ul)

/* ---- In ---- */

static long credentials_check(const struct socket_credentials *claimed)
{
    const struct cred *cred = cred_current();
    uint32_t uid = claimed->uid, gid = claimed->gid;
    if (uid == UINT32_MAX || gid == UINT32_MAX)
        return -ABI_EINVAL;
    bool mine = uid == cred->uid || uid == cred->euid || uid == cred->suid;
    bool group_mine = gid == cred->gid || gid == cred->egid || gid == cred->sgid;
    if ((claimed->pid != current_process()->pid && !process_capable(CAPABILITY_SYS_ADMIN)) ||
        (!mine && !process_capable(CAPABILITY_SETUID)) ||
        (!group_mine && !process_capable(CAPABILITY_SETGID)))
        return -ABI_EPERM;
    struct process *process = process_find(claimed->pid);
    if (!process)
        return -ABI_ESRCH;
    process_unref(process);
    return 0;
}

static long credentials_take(const uint8_t *data, size_t length, struct socket_message *message)
{
    if (length != sizeof(struct abi_ucred))
        return -ABI_EINVAL;
    memcpy(&message->credentials, data, sizeof message->credentials);
    message->has_credentials = true;
    return credentials_check(&message->credentials);
}

/* One of SOL_SOCKET's, on a socket that passes them. */
static long control_take(const struct openfile *file, const struct abi_cmsghdr *header,
                         const uint8_t *data, struct socket_message *message)
{
    size_t length = header->cmsg_len - HEADER, count = length / sizeof(int32_t);
    int32_t numbers[SOCKET_RIGHTS_MAX];
    switch (header->cmsg_type) {
    case ABI_SCM_RIGHTS:
        if (file->socket_family != ABI_AF_UNIX || count > SOCKET_RIGHTS_MAX)
            return -ABI_EINVAL;
        memcpy(numbers, data, count * sizeof *numbers);
        return count ? rights_add(&message->rights, numbers, count) : 0;
    case ABI_SCM_CREDENTIALS:
        return credentials_take(data, length, message);
    default:
        return -ABI_EINVAL;
    }
}

static long control_take_all(const struct socket_control *control, const struct openfile *file,
                             struct socket_message *message)
{
    struct abi_cmsghdr header;
    long error = 0;
    for (size_t at = 0; !error && control->length - at >= HEADER;) {
        size_t left = control->length - at;
        memcpy(&header, control->bytes + at, HEADER);
        if (header.cmsg_len < HEADER || header.cmsg_len > left)
            return -ABI_EINVAL;
        if (header.cmsg_level == ABI_SOL_SOCKET)
            error = control_take(file, &header, control->bytes + at + HEADER, message);
        at += control_align(header.cmsg_len) < left ? control_align(header.cmsg_len) : left;
    }
    return error;
}

long control_in_begin(struct control_in *in, const struct openfile *file, long user, size_t length,
                      struct socket_message *message)
{
    in->control = (struct socket_control){.bytes = in->brief};
    if (length > CONTROL_MAX)
        return -ABI_ENOBUFS;
    if (length > sizeof in->brief && !(in->control.bytes = heap_alloc(length, 0)))
        return -ABI_ENOBUFS;
    if (get_user(in->control.bytes, user, length))
        return -ABI_EFAULT;
    in->control.length = in->control.room = (oskit_u32_t)length;
    if (file->socket_family == ABI_AF_UNIX || file->socket_family == ABI_AF_NETLINK)
        return control_take_all(&in->control, file, message);
    message->control = &in->control;
    return 0;
}

void control_in_end(struct control_in *in, struct socket_message *message)
{
    if (in->control.bytes != in->brief)
        heap_free(in->control.bytes);
    socket_rights_free(message->rights);
    message->rights = NULL;
}

/* ---- Out ---- */

static long control_out_rights(struct socket_message *message, long user, size_t room, bool cloexec,
                               size_t *length)
{
    size_t left = room - *length;
    size_t fits = left > HEADER ? (left - HEADER) / sizeof(int32_t) : 0;
    size_t count = message->rights->count;
    size_t opened = rights_open(message->rights, user + (long)(*length + HEADER), fits, cloexec);
    if (opened < count)
        message->out_flags |= SOCKET_MSG_CTRUNC;
    if (!opened)
        return 0;
    struct abi_cmsghdr header = {HEADER + opened * sizeof(int32_t), ABI_SOL_SOCKET, ABI_SCM_RIGHTS};
    if (put_user(user + (long)*length, &header, sizeof header))
        return -ABI_EFAULT;
    size_t size = control_align(header.cmsg_len);
    *length += size < left ? size : left;
    return 0;
}

/* Of what an error queue says the number is still the OSKit's; it comes first. */
static void control_errors(struct socket_control *control)
{
    struct abi_cmsghdr header;
    for (size_t at = 0; control->length - at >= HEADER + sizeof(int32_t);) {
        memcpy(&header, control->bytes + at, HEADER);
        size_t left = control->length - at, size = control_align(header.cmsg_len);
        if ((header.cmsg_level == ABI_SOL_IP && header.cmsg_type == ABI_IP_RECVERR) ||
            (header.cmsg_level == ABI_SOL_IPV6 && header.cmsg_type == ABI_IPV6_RECVERR)) {
            oskit_error_t error;
            memcpy(&error, control->bytes + at + HEADER, sizeof error);
            int32_t number = (int32_t)-errno_from_oskit(error);
            memcpy(control->bytes + at + HEADER, &number, sizeof number);
        }
        at += size < left ? size : left;
    }
}

long control_out(struct socket_message *message, long user, size_t room, uint32_t flags,
                 size_t *length)
{
    struct socket_control *control = message->control;
    long error = 0;
    *length = 0;
    if (message->has_credentials && control)
        socket_control_put(control, ABI_SOL_SOCKET, ABI_SCM_CREDENTIALS, &message->credentials,
                           sizeof message->credentials);
    if ((message->has_credentials && !control) || (control && control->truncated))
        message->out_flags |= SOCKET_MSG_CTRUNC;
    if (control && (message->out_flags & SOCKET_MSG_ERRQUEUE))
        control_errors(control);
    if (control && control->length) {
        *length = control->length;
        error = put_user(user, control->bytes, control->length);
    }
    if (message->rights && !error)
        error = control_out_rights(message, user, control ? room : 0,
                                   flags & SOCKET_MSG_CMSG_CLOEXEC, length);
    socket_rights_free(message->rights);
    message->rights = NULL;
    return error;
}
