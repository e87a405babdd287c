/*
 * Captures: what interfaces and UNIX sockets carry, as a stream in pcapng format.
 *
 * Each open of /dev/capture is a capture of its own, from then until it is closed. It begins with
 * the section header; an interface is described before its first frame. Frames that find no room
 * are dropped and counted in the next block's dropcount. Reading takes whole and parts of blocks as
 * a pipe would, and never ends.
 *
 * The traffic of UNIX sockets is an interface named "unix" of link type LINKTYPE_USER0 (147). A
 * packet of it is one send, behind a header of 32 bytes, numbers in network order:
 *
 *      0  version, 1                   8  inode number of the sender's socket
 *      1  type, SOCKET_STREAM ...     16  inode number of the receiver's
 *      2  rights sent with it (16)    24  pid of the sender (32)
 *      4  bytes sent (32)             28  uid of the sender (32)
 */
#ifndef IO_NET_CAPTURE_H
#define IO_NET_CAPTURE_H

#include <stdbool.h>
#include <oskit/com.h>
#include <oskit/error.h>
#include <oskit/types.h>
#include <sluice/uio.h>

#define CAPTURE_UNIX_HEADER 32u
#define CAPTURE_SNAP        262144u /* bytes of a frame that are kept */

/* One send through a UNIX socket. */
struct capture_unix {
    oskit_u64_t sender, receiver; /* inode numbers */
    oskit_s32_t type;
    oskit_u32_t rights;
    oskit_s32_t pid;
    oskit_u32_t uid;
    oskit_u32_t length; /* bytes sent; DATA has as many */
    const void *data;   /* in kernel memory */
};

/* How many captures run: 0, and UNIX sockets need not call. */
extern _Atomic oskit_u32_t captures;
/* Takes note of a send. [thread, no spinlock held] */
void capture_unix(const struct capture_unix *sent);

/* Sends through S, a UNIX socket, and takes note. [thread] */
struct socket;
struct socket_message;
oskit_error_t unix_capture_send(struct socket *s, struct socket_message *message,
                                oskit_size_t *out);

#define CAPTURE_DEFAULT_SIZE (4u << 20) /* bytes of a stream that wait for their reader */

/* A capture, as opening the device gives it: streamvec, stream, pollable, asyncio. SIZE bytes may
 * wait. OSKIT_ENOMEM. [thread] */
oskit_error_t capture_create(oskit_u32_t size, oskit_iunknown_t **out);

#endif
