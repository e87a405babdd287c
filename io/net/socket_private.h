/* Between the files of the sockets' base: socket.c, socket_option.c, socket_family.c,
 * socket_seed.c. */
#ifndef IO_NET_SOCKET_PRIVATE_H
#define IO_NET_SOCKET_PRIVATE_H

#include "socket_base.h"

extern const struct sluice_class socket_class;
extern struct socket_family unix_family;
extern struct oskit_socket_ops socket_seed_ops;

/* The calling program becomes the socket's owner. [thread] */
void socket_own(struct socket *s);
/* What the host says of the caller; without a host, root. [thread] */
struct socket_caller socket_caller(void);
/* The caller by its real ids, as messages name it. [thread] */
struct socket_credentials socket_sender(void);

oskit_error_t socket_readv(struct socket *s, struct sluice_uio *uio, oskit_u32_t flags,
                           oskit_size_t *out);
oskit_error_t socket_writev(struct socket *s, struct sluice_uio *uio, oskit_u32_t flags,
                            oskit_size_t *out);
oskit_error_t socket_option_set(struct socket *s, oskit_s32_t level, oskit_s32_t name,
                                const void *value, oskit_u32_t length);
oskit_error_t socket_option_get(struct socket *s, oskit_s32_t level, oskit_s32_t name, void *value,
                                oskit_u32_t *length);
oskit_error_t socket_stat(struct socket *s, oskit_stat_t *out);
oskit_error_t socket_setstat(struct socket *s, oskit_u32_t mask, const oskit_stat_t *stats);

#endif
