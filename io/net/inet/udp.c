/* The kinds of UDP sockets: binding, connecting, names, options. */
#include "udp.h"

#include <sluice/env.h>
#include <sluice/uio.h>
#include "inet_error.h"
#include "inet_output.h"
#include "io/net/socket_option.h"

#define SIOCOUTQ                0x5411u
#define OPTION_CORK             1
#define OPTION_SEND_COVERAGE    10
#define OPTION_RECEIVE_COVERAGE 11

#define FLAGS_KNOWN                                                                         \
    (SOCKET_MSG_PEEK | SOCKET_MSG_TRUNC | SOCKET_MSG_DONTWAIT | SOCKET_MSG_WAITALL |        \
     SOCKET_MSG_ERRQUEUE | SOCKET_MSG_NOSIGNAL | SOCKET_MSG_DONTROUTE | SOCKET_MSG_CTRUNC | \
     SOCKET_MSG_CMSG_CLOEXEC | SOCKET_MSG_CONFIRM | SOCKET_MSG_EOR | SOCKET_MSG_OOB)

static struct list sockets = LIST_INIT(sockets); /* core lock */

/* ---- bind and connect ---- */

static oskit_error_t bind_locked(struct udp_socket *u, const ip_addr_t *address, oskit_u16_t number)
{
    oskit_error_t err = inet_bind_check(&u->inet, address);
    if (OSKIT_SUCCEEDED(err) && u->port != NULL)
        err = OSKIT_E_INVALIDARG;
    if (OSKIT_SUCCEEDED(err))
        err = inet_port_take(udp_port_table(u), &u->inet, address, number, &u->port);
    if (OSKIT_FAILED(err))
        return err;
    u->port_chosen = true;
    u->inet.bound = u->inet.local = *address;
    u->inet.local_port = u->port->number;
    udp_hash_add(u);
    return OSKIT_SUCCESS;
}

static oskit_error_t udp_bind_socket(struct socket *s, const struct socket_address *name)
{
    struct udp_socket *u = udp_of(s);
    oskit_u16_t number;
    ip_addr_t address;
    oskit_error_t err = inet_name_read(&u->inet, name, true, &address, &number);

    if (err == OSKIT_ENETUNREACH)
        return OSKIT_E_INVALIDARG;
    if (OSKIT_FAILED(err))
        return err;
    if (!inet_port_permitted(number))
        return OSKIT_EACCES;
    inet_lock();
    err = bind_locked(u, &address, number);
    inet_unlock();
    return err;
}

static oskit_error_t connect_locked(struct udp_socket *u, ip_addr_t *address, oskit_u16_t number)
{
    struct inet_output output = {.ttl = -1, .tos = -1};

    if (ip_addr_isany(address))
        ip_addr_set_loopback(IP_IS_V6_VAL(*address), address);
    output.destination = *address;
    output.port = number;
    IP_SET_TYPE(&output.source, IPADDR_TYPE_ANY);
    oskit_error_t err = inet_output_route(&u->inet, &output);
    if (OSKIT_SUCCEEDED(err))
        err = udp_autobind(u);
    if (OSKIT_FAILED(err))
        return err;
    u->inet.local = output.source;
    u->inet.remote = output.destination;
    u->inet.remote_port = number;
    u->connected = true;
    return OSKIT_SUCCESS;
}

static void disconnect_locked(struct udp_socket *u)
{
    u->connected = false;
    inet_any(&u->inet, &u->inet.remote);
    u->inet.remote_port = 0;
    u->inet.local = u->inet.bound;
    if (u->port != NULL && !u->port_chosen) {
        udp_hash_remove(u);
        inet_port_put(u->port);
        u->port = NULL;
        u->inet.local_port = 0;
    }
}

static oskit_error_t udp_connect_socket(struct socket *s, const struct socket_address *name)
{
    struct udp_socket *u = udp_of(s);
    oskit_u16_t number;
    ip_addr_t address;

    if (name->length < sizeof name->u.family)
        return OSKIT_E_INVALIDARG;
    if (name->u.family == 0) {
        inet_lock();
        disconnect_locked(u);
        inet_unlock();
        return OSKIT_SUCCESS;
    }
    oskit_error_t err = inet_name_read(&u->inet, name, false, &address, &number);
    if (OSKIT_FAILED(err))
        return err;
    inet_lock();
    err = connect_locked(u, &address, number);
    inet_unlock();
    return err;
}

static oskit_error_t udp_shutdown_socket(struct socket *s, oskit_u32_t how)
{
    struct udp_socket *u = udp_of(s);
    uint32_t level = 0;

    inet_lock();
    __atomic_store_n(&u->shut, u->shut | (how + 1), __ATOMIC_RELAXED); /* udp_receive looks */
    if (u->shut & 1)
        level |= READY_READ | READY_RDHUP;
    if (u->shut == 3)
        level |= READY_HUP;
    readiness_change(&s->readiness, level, 0);
    inet_tell(&u->inet.pending, level | READY_WRITE);
    bool connected = u->connected;
    inet_unlock();
    return connected ? OSKIT_SUCCESS : OSKIT_ENOTCONN;
}

/* ---- Names ---- */

static oskit_error_t udp_getsockname(struct socket *s, struct socket_address *out)
{
    struct inet_sock *sock = inet_of(s);

    inet_lock();
    inet_name_write(sock, &sock->local, sock->local_port, out);
    inet_unlock();
    return OSKIT_SUCCESS;
}

static oskit_error_t udp_getpeername(struct socket *s, struct socket_address *out)
{
    struct udp_socket *u = udp_of(s);

    inet_lock();
    bool connected = u->connected;
    if (connected)
        inet_name_write(&u->inet, &u->inet.remote, u->inet.remote_port, out);
    inet_unlock();
    return connected ? OSKIT_SUCCESS : OSKIT_ENOTCONN;
}

/* ---- Receiving ---- */

static oskit_error_t udp_receive(struct socket *s, struct socket_message *message,
                                 oskit_size_t *out)
{
    struct udp_socket *u = udp_of(s);
    struct inet_datagram got;

    *out = 0;
    if (message->flags & ~FLAGS_KNOWN)
        return OSKIT_EOPNOTSUPP;
    if (message->flags & SOCKET_MSG_ERRQUEUE)
        return inet_error_receive(&u->inet, message, out);
    oskit_error_t err = inet_datagram_receive(&u->inet, &u->queue, message, &got, out);
    /* The end is what ends a wait; who doesn't wait is told nothing of it, as on Linux. */
    if (err == OSKIT_EWOULDBLOCK && (__atomic_load_n(&u->shut, __ATOMIC_RELAXED) & 1) &&
        !(message->flags & SOCKET_MSG_DONTWAIT))
        return OSKIT_SUCCESS;
    if (OSKIT_SUCCEEDED(err) && message->name != NULL)
        inet_name_write(&u->inet, &got.source, got.source_port, message->name);
    return err;
}

static oskit_size_t udp_readable(struct socket *s)
{
    struct udp_socket *u = udp_of(s);

    inet_lock();
    oskit_size_t size = u->queue.count != 0 ? u->queue.ring[u->queue.first].p->tot_len : 0;
    inet_unlock();
    return size;
}

static oskit_error_t udp_ioctl(struct socket *s, oskit_u32_t command, oskit_u64_t argument,
                               oskit_s32_t *out_result)
{
    struct udp_socket *u = udp_of(s);

    *out_result = 0;
    if (command != SIOCOUTQ)
        return OSKIT_ENOTTY;
    inet_lock();
    oskit_s32_t number = (oskit_s32_t)u->account->bytes;
    inet_unlock();
    return env_copy_to_user((void *)(uintptr_t)argument, &number, sizeof number) == 0
               ? OSKIT_SUCCESS
               : OSKIT_EFAULT;
}

/* ---- Options ---- */

static oskit_error_t cork_set(struct udp_socket *u, bool on)
{
    struct inet_output output = {.ttl = -1, .tos = -1};
    oskit_error_t err = OSKIT_SUCCESS;

    IP_SET_TYPE(&output.source, IPADDR_TYPE_ANY);
    env_mutex_lock(&u->cork_mutex);
    u->cork = on;
    if (!on)
        err = udp_uncork(u, &output);
    env_mutex_unlock(&u->cork_mutex);
    return err;
}

/* Less than the header can't be covered. */
static oskit_error_t coverage_set(const struct udp_socket *u, struct udp_coverage *coverage,
                                  oskit_s32_t bytes)
{
    if (!udp_is_lite(u))
        return OSKIT_ENOPROTOOPT;
    if (bytes != 0 && bytes < (oskit_s32_t)UDP_HEADER)
        bytes = UDP_HEADER;
    if (bytes > (oskit_s32_t)UINT16_MAX)
        bytes = UINT16_MAX;
    inet_lock();
    *coverage = (struct udp_coverage){true, (oskit_u16_t)bytes};
    inet_unlock();
    return OSKIT_SUCCESS;
}

/* Either protocol takes the other's level, as on Linux. */
static bool is_own_level(oskit_s32_t level)
{
    return level == INET_SOL_UDP || level == INET_SOL_UDPLITE;
}

static oskit_error_t udp_setsockopt(struct socket *s, oskit_s32_t level, oskit_s32_t name,
                                    const void *value, oskit_u32_t length)
{
    struct udp_socket *u = udp_of(s);
    oskit_s32_t number;

    if (!is_own_level(level))
        return inet_option_set(&u->inet, level, name, value, length);
    oskit_error_t err = option_int(value, length, &number);
    if (OSKIT_FAILED(err))
        return err;
    switch (name) {
    case OPTION_CORK:
        return cork_set(u, number != 0);
    case OPTION_SEND_COVERAGE:
        return coverage_set(u, &u->send_coverage, number);
    case OPTION_RECEIVE_COVERAGE:
        return coverage_set(u, &u->receive_coverage, number);
    default:
        return OSKIT_ENOPROTOOPT;
    }
}

static oskit_error_t udp_getsockopt(struct socket *s, oskit_s32_t level, oskit_s32_t name,
                                    void *value, oskit_u32_t *length)
{
    struct udp_socket *u = udp_of(s);

    if (!is_own_level(level))
        return inet_option_get(&u->inet, level, name, value, length);
    switch (name) {
    case OPTION_CORK:
        return option_put_int(value, length, u->cork);
    case OPTION_SEND_COVERAGE:
        return option_put_int(value, length, u->send_coverage.bytes);
    case OPTION_RECEIVE_COVERAGE:
        return option_put_int(value, length, u->receive_coverage.bytes);
    default:
        return OSKIT_ENOPROTOOPT;
    }
}

static oskit_error_t udp_changed(struct socket *s, oskit_s32_t name)
{
    struct udp_socket *u = udp_of(s);

    return inet_datagram_changed(&u->inet, &u->port, &u->stamping, name);
}

/* ---- Life ---- */

static void udp_destroy(struct socket *s)
{
    struct udp_socket *u = udp_of(s);

    inet_lock();
    list_remove(&u->inet.all);
    udp_hash_remove(u);
    inet_port_put(u->port);
    inet_queue_drop(&u->queue);
    inet_account_leave(u->account);
    inet_sock_leave(&u->inet);
    inet_error_drop(&u->inet);
    inet_unlock();
    if (u->stamping)
        atomic_fetch_sub(&inet_stamps, 1);
    if (u->corked != NULL)
        inet_buffer_discard(u->corked);
    socket_fini(s);
    env_free(u, sizeof *u);
}

#define UDP_KIND(title, number)                                                                  \
    {                                                                                            \
        .name = title, .family = number, .type = SOCKET_DGRAM, .filters = true,                  \
        .bind = udp_bind_socket, .connect = udp_connect_socket, .shutdown = udp_shutdown_socket, \
        .getsockname = udp_getsockname, .getpeername = udp_getpeername,                          \
        .setsockopt = udp_setsockopt, .getsockopt = udp_getsockopt, .changed = udp_changed,      \
        .send = udp_transmit, .receive = udp_receive, .readable = udp_readable,                  \
        .ioctl = udp_ioctl, .destroy = udp_destroy,                                              \
    }

static const struct socket_kind udp4_kind = UDP_KIND("UDP socket", SOCKET_INET);
static const struct socket_kind udp6_kind = UDP_KIND("UDP socket (IPv6)", SOCKET_INET6);

oskit_error_t udp_socket_create(oskit_s32_t family, oskit_s32_t protocol, sluice_socket_t **out)
{
    *out = NULL;
    if (protocol == INET_SOL_UDPLITE && OSKIT_FAILED(udp_lite_start()))
        return OSKIT_ENOBUFS;
    struct udp_socket *u = env_alloc(sizeof *u, ENV_ZERO);
    if (u == NULL)
        return OSKIT_ENOBUFS;
    u->account = inet_account_new(&u->inet);
    if (u->account == NULL) {
        env_free(u, sizeof *u);
        return OSKIT_ENOBUFS;
    }
    inet_sock_init(&u->inet, family == SOCKET_INET6 ? &udp6_kind : &udp4_kind, SOCKET_DGRAM,
                   protocol, READY_WRITE);
    list_init(&u->hashed);
    inet_lock();
    list_push_back(&sockets, &u->inet.all);
    inet_unlock();
    *out = socket_face(&u->inet.base);
    return OSKIT_SUCCESS;
}

bool udp_each(oskit_s32_t family, bool (*show)(void *arg, const struct inet_socket *socket),
              void *arg)
{
    list_for_each (at, &sockets) {
        const struct udp_socket *u = container_of(at, struct udp_socket, inet.all);
        if (u->inet.base.kind->family != family || u->port == NULL)
            continue;
        struct inet_socket socket = {
            .family = family,
            .type = SOCKET_DGRAM,
            .protocol = u->inet.base.protocol,
            .state = u->connected ? 1 : 7,
            .send_queue = u->account->bytes,
            .receive_queue = u->queue.bytes,
            .uid = u->inet.base.uid,
            .ino = u->inet.base.ino,
            .references =
                atomic_load_explicit(&u->inet.base.object.references, memory_order_relaxed),
            .drops = u->queue.dropped,
        };
        inet_name_plain(family, &u->inet.local, u->inet.local_port, &socket.local);
        inet_name_plain(family, &u->inet.remote, u->inet.remote_port, &socket.remote);
        if (!show(arg, &socket))
            return false;
    }
    return true;
}
