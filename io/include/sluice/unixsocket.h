/*
 * UNIX sockets (SOCKET_UNIX) as their host sees them. They are made by <sluice/socket.h> and need
 * no start. A socket bound to a path is found by the file that the path leads to: the host makes a
 * file of type S_IFSOCK before it binds (and removes it when bind fails), and looks the path up
 * before it connects or sends; both go in as socket_address.file. Without a file (a host without
 * file systems) the text of the path is the name. The last release may sleep. [thread]
 */
#ifndef SLUICE_UNIXSOCKET_H
#define SLUICE_UNIXSOCKET_H

#include <stdbool.h>
#include <oskit/types.h>
#include <sluice/socket.h>

/* Datagrams that wait at a socket for which others than its own peer send: Linux's
 * net.unix.max_dgram_qlen, and one more fits. */
#define UNIX_DGRAM_BACKLOG 10u
/* Descriptors of one user under way in messages; who has CAPABILITY_SYS_RESOURCE or SYS_ADMIN may
 * have more. */
#define UNIX_RIGHTS_LIMIT 1024u

/* A socket as /proc/net/unix shows it. */
struct unix_socket_entry {
    oskit_s32_t type;
    oskit_u8_t state; /* Linux's SS_ values: 1 unconnected, 2 connecting (not accepted yet), 3
                         connected */
    bool listening;
    oskit_u32_t references;
    oskit_u64_t ino;
    struct socket_address name; /* length 0: none */
};
/* Calls SHOW for each socket until it returns false. SHOW must not call sockets. */
void unix_socket_each(bool (*show)(void *arg, const struct unix_socket_entry *socket), void *arg);

/* Descriptors under way in messages, of all users. [any] */
oskit_u32_t unix_rights_live(void);

#endif
