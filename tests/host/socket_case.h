/* Short words for tests of sockets: transfers of kernel memory, levels, names. */
#ifndef TESTS_HOST_SOCKET_CASE_H
#define TESTS_HOST_SOCKET_CASE_H

#include "harness.h"

#include <sluice/readiness.h>
#include <sluice/socket.h>
#include <sluice/unixsocket.h>
#include <sluice/vecio.h>

static inline uint32_t level_of(sluice_socket_t *s)
{
    sluice_pollable_t *pollable = sluice_query_face(s, &sluice_pollable_iid);
    uint32_t level = readiness_level(pollable->ops->readiness(pollable));

    oskit_iunknown_release((oskit_iunknown_t *)pollable);
    return level;
}

static inline struct readiness *readiness_of(sluice_socket_t *s)
{
    sluice_pollable_t *pollable = sluice_query_face(s, &sluice_pollable_iid);
    struct readiness *readiness = pollable->ops->readiness(pollable);

    oskit_iunknown_release((oskit_iunknown_t *)pollable);
    return readiness;
}

/* Bytes moved, or an error. */
static inline long send_full(sluice_socket_t *s, const void *bytes, size_t length,
                             struct socket_message *message)
{
    struct sluice_iovec segment;
    struct sluice_uio uio;
    oskit_size_t moved;

    uio_init_kernel(&uio, &segment, (void *)bytes, length);
    message->uio = &uio;
    oskit_error_t err = s->ops->send(s, message, &moved);
    assert_int_equal(uio.left, length - moved);
    return OSKIT_FAILED(err) ? err : (long)moved;
}

static inline long send_to(sluice_socket_t *s, const void *bytes, size_t length,
                           struct socket_address *name)
{
    struct socket_message message = {.name = name, .flags = SOCKET_MSG_DONTWAIT};

    return send_full(s, bytes, length, &message);
}

static inline long send_bytes(sluice_socket_t *s, const void *bytes, size_t length)
{
    return send_to(s, bytes, length, NULL);
}

static inline long receive_full(sluice_socket_t *s, void *bytes, size_t length,
                                struct socket_message *message)
{
    struct sluice_iovec segment;
    struct sluice_uio uio;
    oskit_size_t moved;

    uio_init_kernel(&uio, &segment, bytes, length);
    message->uio = &uio;
    oskit_error_t err = s->ops->receive(s, message, &moved);
    assert_int_equal(uio.left, length - moved);
    return OSKIT_FAILED(err) ? err : (long)moved;
}

static inline long receive_bytes(sluice_socket_t *s, void *bytes, size_t length)
{
    struct socket_message message = {.flags = SOCKET_MSG_DONTWAIT};
    long got = receive_full(s, bytes, length, &message);

    assert_null(message.rights);
    return got;
}

static inline struct socket_address unix_path(const char *text)
{
    struct socket_address name = {.length = (oskit_u32_t)(2 + strlen(text) + 1)};

    name.u.un.family = SOCKET_UNIX;
    memcpy(name.u.un.path, text, strlen(text) + 1);
    return name;
}

/* An abstract name. */
static inline struct socket_address unix_abstract(const char *text)
{
    struct socket_address name = {.length = (oskit_u32_t)(2 + 1 + strlen(text))};

    name.u.un.family = SOCKET_UNIX;
    memcpy(name.u.un.path + 1, text, strlen(text));
    return name;
}

static inline sluice_socket_t *open_unix(int type)
{
    sluice_socket_t *s;

    assert_int_equal(socket_create(SOCKET_UNIX, type, 0, &s), 0);
    return s;
}

static inline void open_unix_pair(int type, sluice_socket_t *pair[2])
{
    assert_int_equal(socket_create_pair(SOCKET_UNIX, type, 0, &pair[0], &pair[1]), 0);
}

static inline void close_pair(sluice_socket_t *pair[2])
{
    sluice_socket_release(pair[0]);
    sluice_socket_release(pair[1]);
}

static inline sluice_socket_t *open_listener(int type, struct socket_address *name, int backlog)
{
    sluice_socket_t *s = open_unix(type);

    assert_int_equal(s->ops->bind(s, name), 0);
    assert_int_equal(s->ops->listen(s, backlog), 0);
    return s;
}

static inline int option_of(sluice_socket_t *s, int name)
{
    int value = -1;
    oskit_u32_t length = sizeof value;
    oskit_error_t err = s->ops->getsockopt(s, 1, name, &value, &length);

    return OSKIT_FAILED(err) ? err : value;
}

static inline oskit_error_t option_to(sluice_socket_t *s, int name, int value)
{
    return s->ops->setsockopt(s, 1, name, &value, sizeof value);
}

#endif
