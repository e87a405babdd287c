/*
 * The program that a socket's program attaches to it (SO_ATTACH_FILTER): what comes and isn't
 * wanted is as never come. A kind that takes filters says so (socket_kind.filters), and asks
 * socket_filter_run about everything that comes before it queues it.
 *
 * socket.lock guards which program it is; it runs without the lock, and a program that was replaced
 * while it ran lives till it is done.
 */
#ifndef IO_NET_SOCKET_FILTER_H
#define IO_NET_SOCKET_FILTER_H

#include <stdatomic.h>
#include "bpf.h"
#include "socket_base.h"

/* Programs attached to all sockets together: who can't look at the socket for nothing looks here
 * first. */
extern _Atomic oskit_u32_t socket_filters;

static inline bool socket_filters_any(void)
{
    return __builtin_expect(atomic_load_explicit(&socket_filters, memory_order_relaxed) != 0, 0);
}
/* A load: whether S has one. [any] */
static inline bool socket_filtered(const struct socket *s)
{
    return __builtin_expect(__atomic_load_n(&s->filter, __ATOMIC_RELAXED) != NULL, 0);
}

/* Whether S wants what VIEW shows, and how many bytes of it from its start on: all of them when it
 * has no filter. *KEEP is set in any case. [any] */
bool socket_filter_run(struct socket *s, const struct bpf_view *view, oskit_u32_t *keep);
/* CHILD, which nobody else knows yet, gets PARENT's, and its lock. [any] */
void socket_filter_inherit(struct socket *child, struct socket *parent);
/* For socket_fini. */
void socket_filter_fini(struct socket *s);

/* The options. Attached programs are read in whole instructions: *LENGTH of 0 asks for theirs.
 * OSKIT_ENOPROTOOPT for other names, and for kinds that take no filter. [thread] */
oskit_error_t socket_filter_set(struct socket *s, oskit_s32_t name, const void *value,
                                oskit_u32_t length);
oskit_error_t socket_filter_get(struct socket *s, oskit_s32_t name, void *value,
                                oskit_u32_t *length);

#endif
