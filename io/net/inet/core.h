/*
 * The stack's one lock. Everything of lwIP is called with it held, in any context: it is a
 * spinlock, so frames are taken in where the card's interrupt hands them over, and a program's call
 * works on the connection at once, without another thread in between. Nothing may sleep under it,
 * nor touch a program's memory: data are copied before or after.
 *
 * Telling. lwIP's callbacks run under the lock and change sockets' readiness; waiters are told when
 * the lock is given back: a callback calls inet_tell, and inet_unlock does it.
 *
 * Lock order: a kind's own mutex (none may be a spinlock) -> the core lock -> socket.lock,
 * interface.lock -> pools, env_alloc with ENV_NOSLEEP.
 */
#ifndef IO_NET_INET_CORE_H
#define IO_NET_INET_CORE_H

#include "io/net/socket_base.h"

/* Embedded in a socket of the stack. */
struct inet_pending {
    struct list link;
    uint32_t events;
    struct socket *socket;
};

void inet_lock(void); /* [any] */
/* Gives the lock back, sends what the call has queued for the cards, and tells waiters. [any, no
 * other lock held] */
void inet_unlock(void);
/* With the lock held: SOCKET's waiters are to be told of EVENTS. Takes a reference till then. */
void inet_tell(struct inet_pending *pending, uint32_t events);

/* lwIP's timers run from one timer of ours, at the time that the next of them wants; call after
 * what may start one (inet_unlock does). */
void inet_timers_restart(void);

#endif
