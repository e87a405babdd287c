/* For tests of sockets beside the internet's: the stack with a fake card, and a socket's calls. */
#ifndef TESTS_HOST_NET_CASE_H
#define TESTS_HOST_NET_CASE_H

#include <sluice/inet.h>
#include <sluice/socket.h>
#include <sluice/uio.h>
#include "fake_card.h"
#include "harness.h"
#include "io/net/socket_base.h"

static struct fake_card *net_card;

/* lo is interface 1; the card, eth0, interface 2, has 10.0.2.15/24 by way of 10.0.2.2. */
static inline void net_begin(void)
{
    net_card = fake_card_create(0);
    env_test_clock_manual(true);
    assert_int_equal(netqueue_add(&net_card->queue.i), 0);
    assert_int_equal(inet_start("10.0.2.15/24,10.0.2.2"), 0);
    fake_card_clear(net_card);
}

static inline void net_end(void)
{
    inet_stop();
    netqueue_remove(&net_card->queue.i);
    sluice_netqueue_release(&net_card->queue.i);
    assert_int_equal(inet_buffers_live(), 0);
    env_test_clock_manual(false);
}

static inline sluice_socket_t *net_open(int family, int type, int protocol)
{
    sluice_socket_t *socket;

    assert_int_equal(socket_create(family, type, protocol, &socket), 0);
    return socket;
}

static inline struct readiness *net_readiness(sluice_socket_t *socket)
{
    sluice_pollable_t *pollable = sluice_query_face(socket, &sluice_pollable_iid);
    struct readiness *readiness = pollable->ops->readiness(pollable);

    oskit_iunknown_release((oskit_iunknown_t *)pollable);
    return readiness;
}

static inline uint32_t net_level(sluice_socket_t *socket)
{
    return readiness_level(net_readiness(socket));
}

static inline oskit_error_t net_send(sluice_socket_t *socket, const void *bytes, size_t size,
                                     struct socket_address *to)
{
    struct sluice_iovec segment;
    struct sluice_uio uio;
    struct socket_message message = {.uio = &uio, .name = to};
    oskit_size_t sent;

    uio_init_kernel(&uio, &segment, (void *)bytes, size);
    oskit_error_t err = socket->ops->send(socket, &message, &sent);
    assert_int_equal(sent, err == 0 ? size : 0);
    return err;
}

/* How many bytes came, or the error; FLAGS, FROM and CONTROL as the message's. */
static inline long net_receive(sluice_socket_t *socket, void *bytes, size_t size,
                               struct socket_message *message)
{
    struct sluice_iovec segment;
    struct sluice_uio uio;
    oskit_size_t actual = 0;

    uio_init_kernel(&uio, &segment, bytes, size);
    message->uio = &uio;
    oskit_error_t err = socket->ops->receive(socket, message, &actual);
    return err == 0 ? (long)actual : err;
}

static inline oskit_error_t net_set(sluice_socket_t *socket, int level, int name, const void *value,
                                    size_t size)
{
    return socket->ops->setsockopt(socket, level, name, value, (oskit_u32_t)size);
}

static inline oskit_error_t net_set_int(sluice_socket_t *socket, int level, int name, int value)
{
    return net_set(socket, level, name, &value, sizeof value);
}

static inline oskit_error_t net_get(sluice_socket_t *socket, int level, int name, void *value,
                                    size_t size)
{
    oskit_u32_t length = (oskit_u32_t)size;
    oskit_error_t err = socket->ops->getsockopt(socket, level, name, value, &length);

    if (err == 0)
        assert_int_equal(length, size);
    return err;
}

/* A program that isn't root. */
static inline void net_nobody(struct socket_caller *out)
{
    *out = (struct socket_caller){.credentials = {77, 1000, 1000}};
}

static inline void net_root(struct socket_caller *out)
{
    *out = (struct socket_caller){.credentials = {78, 0, 0}, .capabilities = CAPABILITY_ALL};
}

#endif
