/*
 * What the socket calls share: a descriptor's socket, waiting with the socket's own time limits,
 * addresses, messages with their control data, and descriptors that travel in them.
 *
 * An open file caches the socket's interface (openfile.h); its family and type are known to
 * whoever made it. Sockets never wait (sluice/socket.h); the calls here do, by the wait loop.
 */
#ifndef KERNEL_SYS_SOCKET_H
#define KERNEL_SYS_SOCKET_H

#include <sluice/socket.h>
#include "kernel/abi/socket.h"
#include "kernel/sys/sys.h"

/* Tells io/ what it wants to know of a host: callers, and the files of rights. Once, at boot. */
void socket_host_start(void);

/* ---- Descriptors (sys_socket.c) ---- */

/* NUMBER's socket for the length of a call; fd_put ends it. -ABI_EBADF, -ABI_ENOTSOCK, and then
 * there is nothing to end. */
static inline long socket_get(long number, struct fd *fd)
{
    *fd = fd_get_inline((int)number);
    if (__builtin_expect(fd->file && fd->file->socket, 1))
        return 0;
    long error = fd->file ? -ABI_ENOTSOCK : -ABI_EBADF;
    fd_put(*fd);
    return error;
}

static inline bool socket_nonblock(const struct openfile *file)
{
    return atomic_load_explicit(&file->flags, memory_order_relaxed) & ABI_O_NONBLOCK;
}

/* ---- Waiting (socket_wait.c) ---- */

/*
 * Goes on with TRY after it answered OSKIT_EWOULDBLOCK, until it answers something else: its
 * answer as 0 or a negative errno. MASK has the bits that it waits for and says which time limit
 * counts: READY_WRITE SO_SNDTIMEO, else SO_RCVTIMEO. When it is over: -ABI_EAGAIN, *EXPIRED. A
 * signal: -ERESTARTSYS, but -EINTR where a limit is set, as the call can't know how much of it is
 * left.
 */
long socket_wait(struct openfile *file, struct readiness *readiness, uint32_t mask,
                 oskit_error_t (*try)(void *arg), void *arg, bool *expired);

/* ---- Addresses (socket_address.c) ---- */

/* A program's address and, of a UNIX path, where it leads. */
struct socket_target {
    struct socket_address address;
    struct location location; /* empty: none */
};
/* Copies it in: -ABI_EINVAL for impossible lengths, -ABI_EFAULT. Resolves nothing. */
long socket_target_get(struct socket_target *target, long user, long length);
/* Finds the socket that a UNIX path leads to, for connecting FILE. Others need none. */
long socket_target_find(struct socket_target *target, const struct openfile *file);
/* The same for sending. */
long socket_target_send(struct socket_target *target, const struct openfile *file);
/* Binds FILE's socket, making the node of a UNIX path; on failure it is gone again. */
long socket_target_bind(struct socket_target *target, struct openfile *file);
static inline void socket_target_end(struct socket_target *target)
{
    if (__builtin_expect(target->location.name != NULL, 0))
        location_release(&target->location);
}
/* ADDRESS to the program: as much as *USER_LENGTH says it has room for, and there the whole length.
 */
long socket_address_put(const struct socket_address *address, long user, long user_length);

/* ---- Transfers (socket_transfer.c) ---- */

struct socket_transfer {
    struct openfile *file;
    struct socket_message message;
    size_t moved; /* in all */
    bool whole;   /* go on until all has moved: what a stream sends, MSG_WAITALL */
};
/* A whole call's work: bytes moved or a negative errno. The message's flags are the call's. */
long socket_send(struct socket_transfer *t);
long socket_receive(struct socket_transfer *t);
/* What comes of MOVED bytes and ERROR of a send that isn't to be continued: the count, or the errno
 * with SIGPIPE where that is due. FLAGS: SOCKET_MSG_NOSIGNAL. */
long socket_send_failed(const struct openfile *file, size_t moved, long error, uint32_t flags);

/* read, write and their kin, after a first try that moved MOVED bytes or without one. */
long socket_read(struct openfile *file, struct sluice_uio *uio, bool nonblock);
long socket_write(struct openfile *file, struct sluice_uio *uio, bool nonblock, size_t moved);

/* The last reference to FILE goes: waits as SO_LINGER has it. */
void socket_file_closing(struct openfile *file);

/* ---- Control data (socket_control.c) ---- */

#define CONTROL_BRIEF 256u   /* bytes that need no memory of their own */
#define CONTROL_MAX   20480u /* of a message that is sent, as Linux has it */

/* Control data that a program sends. */
struct control_in {
    struct socket_control control;
    uint8_t brief[CONTROL_BRIEF];
};
/* Copies LENGTH bytes in and gives MESSAGE what they say: rights and credentials of sockets that
 * pass them, the rest as it stands. control_in_end also after a failure; it releases rights that
 * nobody took over. */
long control_in_begin(struct control_in *in, const struct openfile *file, long user, size_t length,
                      struct socket_message *message);
void control_in_end(struct control_in *in, struct socket_message *message);

/* Appends MESSAGE's credentials and rights as descriptors to what the socket put into its control,
 * and copies all to USER with its ROOM; consumes the rights. *LENGTH is what it took. FLAGS:
 * SOCKET_MSG_CMSG_CLOEXEC; MSG_CTRUNC comes into message->out_flags. 0 or -ABI_EFAULT. */
long control_out(struct socket_message *message, long user, size_t room, uint32_t flags,
                 size_t *length);

/* ---- Rights (socket_rights.c) ---- */

/* Adds the COUNT descriptors at NUMBERS to *RIGHTS: -ABI_EBADF, -ABI_EINVAL (too many),
 * -ABI_ENOMEM. */
long rights_add(struct socket_rights **rights, const int32_t *numbers, size_t count);
/* Opens descriptors for the first of RIGHTS, at most ROOM, and stores them at USER. The number of
 * those that the program has now. */
size_t rights_open(const struct socket_rights *rights, long user, size_t room, bool cloexec);

#endif
