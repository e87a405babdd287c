/*
 * What all sockets share, over a kind that does nothing by itself: faces, options, errors, control
 * data; and the seed's view, as a client written against the OSKit uses it.
 */
#include "socket_case.h"
#include "io/net/socket_base.h"

#include <oskit/fs/file.h>
#include <oskit/io/bufiovec.h>
#include <oskit/net/socket.h>

/* ---- A kind that remembers ---- */

struct plain {
    struct socket socket;
    int changed; /* the last option it was told of */
    oskit_error_t refusal;
    uint32_t flags;
};

static struct plain *plain_of(sluice_socket_t *s)
{
    return container_of(socket_of(s), struct plain, socket);
}

static oskit_error_t plain_name(struct socket *s, struct socket_address *out)
{
    (void)s;
    *out = (struct socket_address){.length = 16};
    out->u.in.family = SOCKET_INET;
    out->u.in.port = 0x1234;
    return OSKIT_SUCCESS;
}

static oskit_error_t plain_take_name(struct socket *s, const struct socket_address *name)
{
    (void)s;
    return name->u.family == SOCKET_INET6 && name->length == 28 ? OSKIT_SUCCESS
                                                                : OSKIT_EADDRNOTAVAIL;
}

static oskit_error_t plain_shutdown(struct socket *s, oskit_u32_t how)
{
    (void)s;
    (void)how;
    return OSKIT_ENOTCONN;
}

static oskit_error_t plain_changed(struct socket *s, oskit_s32_t name)
{
    struct plain *plain = container_of(s, struct plain, socket);

    plain->changed = name;
    return plain->refusal;
}

static oskit_error_t plain_setsockopt(struct socket *s, oskit_s32_t level, oskit_s32_t name,
                                      const void *value, oskit_u32_t length)
{
    (void)s;
    (void)value;
    (void)length;
    return level == 0 && name == 2 ? OSKIT_SUCCESS : OSKIT_ENOPROTOOPT;
}

static oskit_error_t plain_send(struct socket *s, struct socket_message *message, oskit_size_t *out)
{
    struct plain *plain = container_of(s, struct plain, socket);

    plain->flags = message->flags;
    *out = message->uio->left;
    uio_skip(message->uio, *out);
    return OSKIT_SUCCESS;
}

static oskit_error_t plain_receive(struct socket *s, struct socket_message *message,
                                   oskit_size_t *out)
{
    struct plain *plain = container_of(s, struct plain, socket);

    plain->flags = message->flags;
    message->out_flags = SOCKET_MSG_TRUNC;
    if (message->name != NULL)
        plain_name(s, message->name);
    return uio_write_to(message->uio, "abc", 3, out);
}

static oskit_size_t plain_readable(struct socket *s)
{
    (void)s;
    return 3;
}

static void plain_destroy(struct socket *s)
{
    socket_fini(s);
    env_free(container_of(s, struct plain, socket), sizeof(struct plain));
}

static const struct socket_kind plain_kind = {
    .name = "plain",
    .family = SOCKET_INET,
    .type = SOCKET_DGRAM,
    .bind = plain_take_name,
    .connect = plain_take_name,
    .shutdown = plain_shutdown,
    .getsockname = plain_name,
    .getpeername = plain_name,
    .setsockopt = plain_setsockopt,
    .changed = plain_changed,
    .send = plain_send,
    .receive = plain_receive,
    .readable = plain_readable,
    .destroy = plain_destroy,
};

static sluice_socket_t *plain_open(void)
{
    struct plain *plain = env_alloc(sizeof *plain, ENV_ZERO);

    socket_init(&plain->socket, &plain_kind, SOCKET_DGRAM, 17, READY_WRITE);
    return socket_face(&plain->socket);
}

/* ---- Faces ---- */

static void test_faces(void **state)
{
    static const oskit_guid_t *const iids[] = {
        &oskit_iunknown_iid,  &sluice_socket_iid,  &sluice_streamvec_iid,
        &sluice_pollable_iid, &oskit_asyncio_iid,  &oskit_stream_iid,
        &oskit_posixio_iid,   &sluice_control_iid, &oskit_socket_iid,
    };
    sluice_socket_t *s = plain_open();

    (void)state;
    for (size_t i = 0; i < SLUICE_COUNT(iids); i++) {
        oskit_iunknown_t *face = sluice_query_face(s, iids[i]);
        assert_non_null(face);
        oskit_iunknown_release(face);
    }
    assert_null(sluice_query_face(s, &oskit_file_iid));
    sluice_socket_release(s);
}

static void test_transfers(void **state)
{
    sluice_socket_t *s = plain_open();
    oskit_stream_t *stream = sluice_query_face(s, &oskit_stream_iid);
    oskit_asyncio_t *asyncio = sluice_query_face(s, &oskit_asyncio_iid);
    sluice_control_t *control = sluice_query_face(s, &sluice_control_iid);
    oskit_u32_t actual;
    oskit_s32_t result, bytes = 0;
    char buffer[8];

    (void)state;
    assert_int_equal(oskit_stream_write(stream, "12345", 5, &actual), 0);
    assert_int_equal(actual, 5);
    assert_int_equal(oskit_stream_read(stream, buffer, 8, &actual), 0);
    assert_int_equal(actual, 3);
    assert_int_equal(oskit_stream_seek(stream, 0, OSKIT_SEEK_SET, NULL), OSKIT_ESPIPE);
    assert_int_equal(oskit_asyncio_poll(asyncio), OSKIT_ASYNCIO_WRITABLE);
    assert_int_equal(oskit_asyncio_readable(asyncio), 3);
    oskit_u64_t user = (oskit_u64_t)(uintptr_t)&bytes;
    assert_int_equal(control->ops->ioctl(control, 0x541b, user, &result), 0);
    assert_int_equal(bytes, 3);
    assert_int_equal(control->ops->ioctl(control, 0x8912, user, &result), OSKIT_ENOTTY);
    sluice_socket_t *accepted;
    assert_int_equal(s->ops->listen(s, 1), OSKIT_EOPNOTSUPP);
    assert_int_equal(s->ops->accept(s, NULL, &accepted), OSKIT_EOPNOTSUPP);
    assert_int_equal(s->ops->send_segments(s, NULL, NULL, 0, NULL, &(oskit_size_t){0}),
                     OSKIT_E_NOTIMPL);
    oskit_stream_release(stream);
    oskit_asyncio_release(asyncio);
    oskit_iunknown_release((oskit_iunknown_t *)control);
    sluice_socket_release(s);
}

static void test_attributes(void **state)
{
    sluice_socket_t *one = plain_open(), *two = plain_open();
    oskit_posixio_t *attributes = sluice_query_face(one, &oskit_posixio_iid);
    oskit_posixio_t *others = sluice_query_face(two, &oskit_posixio_iid);
    oskit_stat_t stat, other;

    (void)state;
    assert_int_equal(oskit_posixio_stat(attributes, &stat), 0);
    assert_int_equal(oskit_posixio_stat(others, &other), 0);
    assert_true(OSKIT_S_ISSOCK(stat.mode));
    assert_int_not_equal(stat.ino, other.ino);
    stat.mode = 0600;
    stat.uid = 5;
    assert_int_equal(oskit_posixio_setstat(attributes, OSKIT_STAT_MODE | OSKIT_STAT_UID, &stat), 0);
    assert_int_equal(oskit_posixio_stat(attributes, &stat), 0);
    assert_int_equal(stat.mode, OSKIT_S_IFSOCK | 0600);
    assert_int_equal(stat.uid, 5);
    assert_int_equal(oskit_posixio_setstat(attributes, OSKIT_STAT_SIZE, &stat), OSKIT_E_INVALIDARG);
    oskit_posixio_release(attributes);
    oskit_posixio_release(others);
    sluice_socket_release(one);
    sluice_socket_release(two);
}

/* ---- Options ---- */

static void test_switches(void **state)
{
    static const int names[] = {
        SOCKET_SO_DEBUG,     SOCKET_SO_REUSEADDR, SOCKET_SO_DONTROUTE, SOCKET_SO_BROADCAST,
        SOCKET_SO_KEEPALIVE, SOCKET_SO_OOBINLINE, SOCKET_SO_NO_CHECK,  SOCKET_SO_REUSEPORT,
        SOCKET_SO_RXQ_OVFL,  SOCKET_SO_ZEROCOPY,
    };
    sluice_socket_t *s = plain_open();
    char byte = 1;

    (void)state;
    for (size_t i = 0; i < SLUICE_COUNT(names); i++) {
        assert_int_equal(option_of(s, names[i]), 0);
        assert_int_equal(option_to(s, names[i], 1), 0);
        assert_int_equal(plain_of(s)->changed, names[i]);
        assert_int_equal(option_of(s, names[i]), 1);
        assert_int_equal(s->ops->setsockopt(s, 1, names[i], &byte, 1), OSKIT_E_INVALIDARG);
    }
    assert_int_equal(option_to(s, SOCKET_SO_ZEROCOPY, 2), OSKIT_E_INVALIDARG);
    assert_int_equal(option_to(s, SOCKET_SO_REUSEADDR, 77), 0);
    assert_int_equal(option_of(s, SOCKET_SO_REUSEADDR), 1);
    plain_of(s)->refusal = OSKIT_EOPNOTSUPP;
    assert_int_equal(option_to(s, SOCKET_SO_KEEPALIVE, 0), OSKIT_EOPNOTSUPP);
    assert_int_equal(option_of(s, SOCKET_SO_KEEPALIVE), 1); /* taken back */
    sluice_socket_release(s);
}

static void test_numbers(void **state)
{
    sluice_socket_t *s = plain_open();

    (void)state;
    assert_int_equal(option_of(s, SOCKET_SO_TYPE), SOCKET_DGRAM);
    assert_int_equal(option_of(s, SOCKET_SO_DOMAIN), SOCKET_INET);
    assert_int_equal(option_of(s, SOCKET_SO_PROTOCOL), 17);
    assert_int_equal(option_of(s, SOCKET_SO_ACCEPTCONN), 0);
    assert_int_equal(option_of(s, SOCKET_SO_SNDLOWAT), 1);
    assert_int_equal(option_of(s, SOCKET_SO_RCVLOWAT), 1);
    assert_int_equal(option_to(s, SOCKET_SO_RCVLOWAT, 0), 0);
    assert_int_equal(option_of(s, SOCKET_SO_RCVLOWAT), 1);
    assert_int_equal(option_to(s, SOCKET_SO_RCVLOWAT, -1), 0);
    assert_int_equal(option_of(s, SOCKET_SO_RCVLOWAT), INT32_MAX);
    assert_int_equal(option_to(s, SOCKET_SO_PRIORITY, 6), 0);
    assert_int_equal(option_of(s, SOCKET_SO_PRIORITY), 6);
    assert_int_equal(option_to(s, SOCKET_SO_MARK, 5), 0);
    assert_int_equal(option_of(s, SOCKET_SO_MARK), 5);
    static const int fixed[] = {
        SOCKET_SO_TYPE,       SOCKET_SO_ERROR,    SOCKET_SO_DOMAIN,  SOCKET_SO_PROTOCOL,
        SOCKET_SO_ACCEPTCONN, SOCKET_SO_SNDLOWAT, SOCKET_SO_PASSSEC, 9999};
    for (size_t i = 0; i < SLUICE_COUNT(fixed); i++)
        assert_int_equal(option_to(s, fixed[i], 1), OSKIT_ENOPROTOOPT);
    assert_int_equal(option_to(s, SOCKET_SO_PASSCRED, 1), OSKIT_EOPNOTSUPP);
    assert_int_equal(option_of(s, SOCKET_SO_PEERSEC), OSKIT_ENOPROTOOPT);
    /* A short room cuts the value. */
    uint16_t low = 0;
    oskit_u32_t length = 2;
    assert_int_equal(s->ops->getsockopt(s, 1, SOCKET_SO_MARK, &low, &length), 0);
    assert_int_equal(low, 5);
    uint64_t cookie;
    length = 8;
    assert_int_equal(s->ops->getsockopt(s, 1, SOCKET_SO_COOKIE, &cookie, &length), 0);
    length = 4;
    assert_int_equal(s->ops->getsockopt(s, 1, SOCKET_SO_COOKIE, &cookie, &length),
                     OSKIT_E_INVALIDARG);
    /* Another level is the kind's. */
    assert_int_equal(s->ops->setsockopt(s, 0, 2, &low, 2), 0);
    assert_int_equal(s->ops->setsockopt(s, 0, 3, &low, 2), OSKIT_ENOPROTOOPT);
    sluice_socket_release(s);
}

static void test_timestamps(void **state)
{
    sluice_socket_t *s = plain_open();

    (void)state;
    assert_int_equal(option_to(s, SOCKET_SO_TIMESTAMP, 1), 0);
    assert_int_equal(option_of(s, SOCKET_SO_TIMESTAMP), 1);
    assert_int_equal(option_to(s, SOCKET_SO_TIMESTAMPNS_NEW, 1), 0);
    assert_int_equal(plain_of(s)->changed, SOCKET_SO_TIMESTAMP);
    assert_int_equal(option_of(s, SOCKET_SO_TIMESTAMP), 0);
    assert_int_equal(option_of(s, SOCKET_SO_TIMESTAMPNS_NEW), 1);
    sluice_socket_release(s);
}

static void test_buffers(void **state)
{
    sluice_socket_t *s = plain_open();

    (void)state;
    for (int name = SOCKET_SO_SNDBUF; name <= SOCKET_SO_RCVBUF; name++) {
        assert_int_equal(option_of(s, name), 212992);
        assert_int_equal(option_to(s, name, 10000), 0);
        assert_int_equal(option_of(s, name), 20000);
        assert_int_equal(option_to(s, name, 0), 0);
        assert_int_equal(option_of(s, name), name == SOCKET_SO_SNDBUF ? 4608 : 2304);
        assert_int_equal(option_to(s, name, -1), 0);
        assert_int_equal(option_of(s, name), 2 * SOCKET_BUFFER_MAX);
    }
    assert_int_equal(option_to(s, SOCKET_SO_RCVBUFFORCE, 100000000), 0);
    assert_int_equal(option_of(s, SOCKET_SO_RCVBUF), 200000000);
    assert_int_equal(option_to(s, SOCKET_SO_SNDBUFFORCE, -5), 0);
    assert_int_equal(plain_of(s)->changed, SOCKET_SO_SNDBUF);
    assert_int_equal(option_of(s, SOCKET_SO_SNDBUF), 4608);
    sluice_socket_release(s);
}

static void test_times(void **state)
{
    static const int names[] = {SOCKET_SO_RCVTIMEO, SOCKET_SO_SNDTIMEO, SOCKET_SO_RCVTIMEO_NEW,
                                SOCKET_SO_SNDTIMEO_NEW};
    sluice_socket_t *s = plain_open();
    oskit_u64_t limits[2];
    int64_t time[2];
    oskit_u32_t length;

    (void)state;
    for (size_t i = 0; i < SLUICE_COUNT(names); i++) {
        time[0] = 3;
        time[1] = 250000;
        assert_int_equal(s->ops->setsockopt(s, 1, names[i], time, 16), 0);
        s->ops->get_timeouts(s, &limits[0], &limits[1]);
        assert_int_equal(limits[i & 1], 3250000000u);
        time[0] = time[1] = 0;
        length = 16;
        assert_int_equal(s->ops->getsockopt(s, 1, names[i], time, &length), 0);
        assert_int_equal(time[0], 3);
        assert_int_equal(time[1], 250000);
        assert_int_equal(s->ops->setsockopt(s, 1, names[i], time, 8), OSKIT_E_INVALIDARG);
        time[1] = 1000000;
        assert_int_equal(s->ops->setsockopt(s, 1, names[i], time, 16), OSKIT_EDOM);
        time[0] = -1;
        time[1] = 0;
        assert_int_equal(s->ops->setsockopt(s, 1, names[i], time, 16), 0);
        s->ops->get_timeouts(s, &limits[0], &limits[1]);
        assert_int_equal(limits[i & 1], 1); /* over at once */
        time[0] = INT64_MAX;
        assert_int_equal(s->ops->setsockopt(s, 1, names[i], time, 16), 0);
        s->ops->get_timeouts(s, &limits[0], &limits[1]);
        assert_int_equal(limits[i & 1], 0);
    }
    sluice_socket_release(s);
}

static void test_linger(void **state)
{
    sluice_socket_t *s = plain_open();
    int linger[2] = {1, 30};
    oskit_u32_t length = 8;

    (void)state;
    assert_int_equal(s->ops->setsockopt(s, 1, SOCKET_SO_LINGER, linger, 8), 0);
    assert_int_equal(s->ops->setsockopt(s, 1, SOCKET_SO_LINGER, linger, 4), OSKIT_E_INVALIDARG);
    linger[0] = 0;
    linger[1] = 99;
    assert_int_equal(s->ops->setsockopt(s, 1, SOCKET_SO_LINGER, linger, 8), 0);
    assert_int_equal(s->ops->getsockopt(s, 1, SOCKET_SO_LINGER, linger, &length), 0);
    assert_int_equal(linger[0], 0);
    assert_int_equal(linger[1], 30);
    sluice_socket_release(s);
}

static void caller_nobody(struct socket_caller *out)
{
    *out = (struct socket_caller){.credentials = {9, 1000, 1000}};
}

static void test_privileges(void **state)
{
    sluice_socket_t *s = plain_open();

    (void)state;
    socket_caller_get = caller_nobody;
    assert_int_equal(option_to(s, SOCKET_SO_DEBUG, 1), OSKIT_EACCES);
    assert_int_equal(option_to(s, SOCKET_SO_DEBUG, 0), 0);
    assert_int_equal(option_to(s, SOCKET_SO_MARK, 1), OSKIT_EPERM);
    assert_int_equal(option_to(s, SOCKET_SO_PRIORITY, 7), OSKIT_EPERM);
    assert_int_equal(option_to(s, SOCKET_SO_PRIORITY, 3), 0);
    assert_int_equal(option_to(s, SOCKET_SO_RCVBUFFORCE, 1000), OSKIT_EPERM);
    socket_caller_get = NULL;
    sluice_socket_release(s);
}

static void test_peer(void **state)
{
    struct socket_credentials credentials;
    sluice_socket_t *s = plain_open();
    oskit_u32_t length = sizeof credentials;
    char name[32];

    (void)state;
    assert_int_equal(s->ops->getsockopt(s, 1, SOCKET_SO_PEERCRED, &credentials, &length), 0);
    assert_int_equal(credentials.pid, 0);
    assert_int_equal(credentials.uid, UINT32_MAX);
    length = 16;
    assert_int_equal(s->ops->getsockopt(s, 1, SOCKET_SO_PEERNAME, name, &length), 0);
    length = 17;
    assert_int_equal(s->ops->getsockopt(s, 1, SOCKET_SO_PEERNAME, name, &length),
                     OSKIT_E_INVALIDARG);
    sluice_socket_release(s);
}

/* ---- Errors ---- */

static void test_errors(void **state)
{
    sluice_socket_t *face = plain_open();
    struct socket *s = socket_of(face);

    (void)state;
    assert_int_equal(socket_error_take(s), 0);
    socket_error_set(s, OSKIT_ETIMEDOUT);
    socket_error_set(s, OSKIT_ECONNRESET);
    assert_int_equal(level_of(face), READY_WRITE | READY_ERR);
    assert_int_equal(option_of(face, SOCKET_SO_ERROR), OSKIT_ECONNRESET);
    assert_int_equal(level_of(face), READY_WRITE);
    assert_int_equal(option_of(face, SOCKET_SO_ERROR), 0);
    socket_errors_queued(s, true);
    socket_error_set(s, OSKIT_ETIMEDOUT);
    assert_int_equal(socket_error_take(s), OSKIT_ETIMEDOUT);
    assert_int_equal(level_of(face), READY_WRITE | READY_ERR);
    socket_errors_queued(s, false);
    assert_int_equal(level_of(face), READY_WRITE);
    sluice_socket_release(face);
}

/* ---- Control data ---- */

static void test_control(void **state)
{
    oskit_u8_t bytes[64];
    struct socket_control control = {.bytes = bytes, .room = sizeof bytes};
    int fds[4] = {1, 2, 3, 4};
    uint64_t word;

    (void)state;
    memset(bytes, 0xff, sizeof bytes);
    socket_control_put(&control, 1, 2, fds, 12);
    assert_int_equal(control.length, 32);
    assert_false(control.truncated);
    memcpy(&word, bytes, 8);
    assert_int_equal(word, 28);
    memcpy(&word, bytes + 24, 8);
    assert_int_equal(word, 3); /* the padding is clear */
    socket_control_put(&control, 1, 1, fds, 16);
    assert_int_equal(control.length, 64);
    assert_false(control.truncated);
    socket_control_put(&control, 1, 1, fds, 4);
    assert_true(control.truncated);
    assert_int_equal(control.length, 64);
    control = (struct socket_control){.bytes = bytes, .room = 22};
    socket_control_put(&control, 1, 1, fds, 16);
    assert_true(control.truncated);
    assert_int_equal(control.length, 22);
    memcpy(&word, bytes, 8);
    assert_int_equal(word, 22);
}

static void test_rights(void **state)
{
    (void)state;
    assert_null(socket_rights_alloc(SOCKET_RIGHTS_MAX + 1));
    socket_rights_free(socket_rights_alloc(SOCKET_RIGHTS_MAX));
    socket_rights_free(NULL);
}

/* ---- The seed's view ---- */

static void test_seed_pair(void **state)
{
    oskit_socket_factory_t *factory = socket_factory();
    oskit_socket_t *one, *other;
    char buffer[16];
    oskit_size_t moved;
    oskit_stat_t stat;

    (void)state;
    assert_int_equal(oskit_socket_factory_create_pair(factory, OSKIT_AF_LOCAL, OSKIT_SOCK_STREAM, 0,
                                                      &one, &other),
                     0);
    assert_int_equal(oskit_socket_sendto(one, "over", 4, OSKIT_MSG_EOF, NULL, 0, &moved), 0);
    assert_int_equal(moved, 4);
    assert_int_equal(oskit_socket_recvfrom(other, buffer, 16, OSKIT_MSG_PEEK, NULL, NULL, &moved),
                     0);
    assert_int_equal(moved, 4);
    struct oskit_iovec pieces[2] = {{buffer, 1}, {buffer + 8, 8}};
    struct oskit_msghdr header = {.msg_iov = pieces, .msg_iovlen = 2};
    assert_int_equal(oskit_socket_recvmsg(other, &header, 0, &moved), 0);
    assert_int_equal(moved, 4);
    assert_memory_equal(buffer, "o", 1);
    assert_memory_equal(buffer + 8, "ver", 3);
    assert_int_equal(oskit_socket_recvfrom(other, buffer, 16, 0, NULL, NULL, &moved), 0);
    assert_int_equal(moved, 0);
    assert_int_equal(oskit_socket_sendmsg(other, &header, 0, &moved), 0);
    assert_int_equal(moved, 9);
    assert_int_equal(oskit_socket_sendto(one, "x", 1, 0, NULL, 0, &moved), OSKIT_EPIPE);
    assert_int_equal(oskit_socket_sendto(one, "x", 1, 0x8000, NULL, 0, &moved), OSKIT_EOPNOTSUPP);
    assert_int_equal(oskit_socket_stat(one, &stat), 0);
    assert_true(OSKIT_S_ISSOCK(stat.mode));
    oskit_socket_release(one);
    oskit_socket_release(other);
    assert_int_equal(oskit_socket_factory_create(factory, OSKIT_AF_LOCAL, OSKIT_SOCK_RDM, 0, &one),
                     OSKIT_EPROTOTYPE);
    assert_int_equal(oskit_socket_factory_create(factory, 99, OSKIT_SOCK_STREAM, 0, &one),
                     OSKIT_EAFNOSUPPORT);
    oskit_socket_factory_release(factory);
}

struct local_name {
    oskit_u8_t length, family;
    char path[20];
};

static void test_seed_connection(void **state)
{
    oskit_socket_factory_t *factory = socket_factory();
    struct local_name name = {.length = 12, .family = OSKIT_AF_LOCAL, .path = "/seed/one"}, got;
    struct oskit_sockaddr *address = (struct oskit_sockaddr *)&name;
    oskit_socket_t *listener, *client, *server;
    oskit_size_t room = sizeof got;

    (void)state;
    assert_int_equal(
        oskit_socket_factory_create(factory, OSKIT_AF_LOCAL, OSKIT_SOCK_STREAM, 0, &listener), 0);
    assert_int_equal(
        oskit_socket_factory_create(factory, OSKIT_AF_LOCAL, OSKIT_SOCK_STREAM, 0, &client), 0);
    assert_int_equal(oskit_socket_bind(listener, address, 12), 0);
    assert_int_equal(oskit_socket_listen(listener, 2), 0);
    assert_int_equal(oskit_socket_accept(listener, NULL, NULL, &server), OSKIT_EWOULDBLOCK);
    assert_int_equal(oskit_socket_connect(client, address, 12), 0);
    assert_int_equal(oskit_socket_accept(listener, (struct oskit_sockaddr *)&got, &room, &server),
                     0);
    assert_int_equal(room, 2); /* the client has no name */
    room = sizeof got;
    assert_int_equal(oskit_socket_getpeername(client, (struct oskit_sockaddr *)&got, &room), 0);
    assert_int_equal(room, 12);
    assert_int_equal(got.length, 12);
    assert_int_equal(got.family, OSKIT_AF_LOCAL);
    assert_string_equal(got.path, "/seed/one");
    room = 4;
    assert_int_equal(oskit_socket_getsockname(server, (struct oskit_sockaddr *)&got, &room), 0);
    assert_int_equal(room, 4);
    assert_int_equal(oskit_socket_shutdown(client, 2), 0);
    oskit_socket_release(listener);
    oskit_socket_release(client);
    oskit_socket_release(server);
    oskit_socket_factory_release(factory);
}

static void test_seed_numbers(void **state)
{
    sluice_socket_t *s = plain_open();
    oskit_socket_t *seed = sluice_query_face(s, &oskit_socket_iid);
    struct oskit_linger linger = {1, 5};
    oskit_u8_t name[28] = {28, OSKIT_AF_INET6};
    oskit_size_t size, moved;
    int value = 1;
    char buffer[8];

    (void)state;
    assert_int_equal(oskit_socket_bind(seed, (struct oskit_sockaddr *)name, 28), 0);
    size = sizeof name;
    assert_int_equal(oskit_socket_getsockname(seed, (struct oskit_sockaddr *)name, &size), 0);
    assert_int_equal(size, 16);
    assert_int_equal(name[0], 16);
    assert_int_equal(name[1], OSKIT_AF_INET);

    oskit_u32_t level = OSKIT_SOL_SOCKET;
    assert_int_equal(oskit_socket_setsockopt(seed, level, OSKIT_SO_KEEPALIVE, &value, 4), 0);
    assert_int_equal(option_of(s, SOCKET_SO_KEEPALIVE), 1);
    assert_int_equal(oskit_socket_setsockopt(seed, level, OSKIT_SO_LINGER, &linger, 8), 0);
    assert_true(socket_of(s)->options.linger);
    size = 4;
    assert_int_equal(oskit_socket_getsockopt(seed, level, OSKIT_SO_TYPE, &value, &size), 0);
    assert_int_equal(value, OSKIT_SOCK_DGRAM);
    assert_int_equal(oskit_socket_getsockopt(seed, level, OSKIT_SO_NETIO, &value, &size),
                     OSKIT_ENOPROTOOPT);
    assert_int_equal(oskit_socket_setsockopt(seed, 0, 4, &value, 4), 0); /* IP_TTL, Linux's 2 */
    assert_int_equal(oskit_socket_setsockopt(seed, 0, 99, &value, 4), OSKIT_ENOPROTOOPT);

    oskit_u32_t flags = OSKIT_MSG_DONTWAIT | OSKIT_MSG_WAITALL | OSKIT_MSG_PEEK;
    assert_int_equal(oskit_socket_recvfrom(seed, buffer, 8, flags, NULL, NULL, &moved), 0);
    assert_int_equal(plain_of(s)->flags,
                     SOCKET_MSG_DONTWAIT | SOCKET_MSG_WAITALL | SOCKET_MSG_PEEK);
    struct oskit_iovec piece = {buffer, 8};
    struct oskit_msghdr header = {.msg_iov = &piece, .msg_iovlen = 1};
    assert_int_equal(oskit_socket_recvmsg(seed, &header, 0, &moved), 0);
    assert_int_equal(header.msg_flags, OSKIT_MSG_TRUNC);
    header.msg_control = (oskit_addr_t)(uintptr_t)buffer;
    header.msg_controllen = 8;
    assert_int_equal(oskit_socket_sendmsg(seed, &header, 0, &moved), OSKIT_EOPNOTSUPP);
    oskit_socket_release(seed);
    sluice_socket_release(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_faces),        HARNESS_TEST(test_transfers),
        HARNESS_TEST(test_attributes),   HARNESS_TEST(test_switches),
        HARNESS_TEST(test_numbers),      HARNESS_TEST(test_timestamps),
        HARNESS_TEST(test_buffers),      HARNESS_TEST(test_times),
        HARNESS_TEST(test_linger),       HARNESS_TEST(test_privileges),
        HARNESS_TEST(test_peer),         HARNESS_TEST(test_errors),
        HARNESS_TEST(test_control),      HARNESS_TEST(test_rights),
        HARNESS_TEST(test_seed_pair),    HARNESS_TEST(test_seed_connection),
        HARNESS_TEST(test_seed_numbers),
    };
    return cmocka_run_group_tests_name("socket", tests, NULL, NULL);
}
