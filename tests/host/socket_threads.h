/* For tests in which several threads use sockets: calls that wait as a kernel's loop does, and a
 * few slots from which any thread takes a socket while another one replaces it. */
#ifndef TESTS_HOST_SOCKET_THREADS_H
#define TESTS_HOST_SOCKET_THREADS_H

#include "socket_case.h"

#define PATIENCE 60000000000u /* a wait that takes longer has missed its event */

/* ---- Calls that wait ---- */

struct call {
    sluice_socket_t *s;
    char *bytes;
    size_t length;
    struct socket_address *name;
    sluice_socket_t *accepted;
};

struct sleeper {
    struct readiness_waiter waiter;
    struct env_sleep sleep;
};

static inline bool sleeper_notify(struct readiness_waiter *waiter, uint32_t events)
{
    (void)events;
    env_wakeup(&container_of(waiter, struct sleeper, waiter)->sleep);
    return true;
}

/* Until TRY answers anything but that it would have to wait. */
static inline long wait_for(struct call *call, uint32_t mask, long (*try)(struct call *call))
{
    struct readiness *readiness = readiness_of(call->s);
    long result = try(call);

    while (result == OSKIT_EWOULDBLOCK || result == OSKIT_EINPROGRESS || result == OSKIT_EALREADY) {
        struct sleeper sleeper = {.waiter = {.mask = mask, .notify = sleeper_notify}};
        list_init(&sleeper.waiter.link);
        env_sleep_init(&sleeper.sleep);
        readiness_add(readiness, &sleeper.waiter);
        result = try(call);
        if (result == OSKIT_EWOULDBLOCK || result == OSKIT_EALREADY)
            assert_true(env_sleep(&sleeper.sleep, env_time_monotonic() + PATIENCE));
        readiness_remove(readiness, &sleeper.waiter);
    }
    return result;
}

static inline long connect_try(struct call *call)
{
    return call->s->ops->connect(call->s, call->name);
}

static inline long accept_try(struct call *call)
{
    return call->s->ops->accept(call->s, NULL, &call->accepted);
}

static inline long send_try(struct call *call)
{
    struct socket_message message = {.flags = SOCKET_MSG_NOSIGNAL, .name = call->name};

    return send_full(call->s, call->bytes, call->length, &message);
}

static inline long receive_try(struct call *call)
{
    struct socket_message message = {.flags = 0};

    return receive_full(call->s, call->bytes, call->length, &message);
}

static inline long send_waiting(sluice_socket_t *s, char *bytes, size_t length,
                                struct socket_address *name)
{
    struct call call = {.s = s, .bytes = bytes, .length = length, .name = name};

    return wait_for(&call, READY_WRITE, send_try);
}

static inline long receive_waiting(sluice_socket_t *s, char *bytes, size_t length)
{
    struct call call = {.s = s, .bytes = bytes, .length = length};

    return wait_for(&call, READY_READ, receive_try);
}

/* ---- Slots ---- */

#define SLOTS 8

static struct env_spinlock slots_lock;
static sluice_socket_t *slots[SLOTS];

static inline sluice_socket_t *slot_get(unsigned slot)
{
    env_spin_lock(&slots_lock);
    sluice_socket_t *s = slots[slot];
    if (s != NULL)
        sluice_socket_addref(s);
    env_spin_unlock(&slots_lock);
    return s;
}

static inline void slot_put(unsigned slot, sluice_socket_t *s)
{
    env_spin_lock(&slots_lock);
    sluice_socket_t *old = slots[slot];
    slots[slot] = s;
    env_spin_unlock(&slots_lock);
    if (old != NULL)
        sluice_socket_release(old);
}

#endif
