/* The kinds of raw and ping sockets. See raw.h. */
#include "raw.h"

#include <sluice/env.h>
#include <sluice/string.h>
#include "inet_error.h"
#include "inet_output.h"
#include "io/net/socket_option.h"

#define SIOCOUTQ     0x5411u
#define ICMP_FILTER  1
#define ICMP6_FILTER 1

#define FLAGS_KNOWN                                                                         \
    (SOCKET_MSG_PEEK | SOCKET_MSG_TRUNC | SOCKET_MSG_DONTWAIT | SOCKET_MSG_WAITALL |        \
     SOCKET_MSG_ERRQUEUE | SOCKET_MSG_NOSIGNAL | SOCKET_MSG_DONTROUTE | SOCKET_MSG_CTRUNC | \
     SOCKET_MSG_CMSG_CLOEXEC | SOCKET_MSG_CONFIRM | SOCKET_MSG_EOR)

static oskit_error_t bind_locked(struct raw_socket *r, const ip_addr_t *address, oskit_u16_t number)
{
    oskit_error_t err = inet_bind_check(&r->inet, address);

    if (OSKIT_FAILED(err))
        return err;
    if (r->ping) {
        if (r->inet.local_port != 0)
            return OSKIT_E_INVALIDARG;
        if (!raw_identifier_take(r, number))
            return OSKIT_EADDRINUSE;
    }
    r->inet.bound = r->inet.local = *address;
    return OSKIT_SUCCESS;
}

static oskit_error_t raw_bind_socket(struct socket *s, const struct socket_address *name)
{
    struct raw_socket *r = raw_of(s);
    oskit_u16_t number;
    ip_addr_t address;
    oskit_error_t err = inet_name_read(&r->inet, name, true, &address, &number);

    if (OSKIT_FAILED(err))
        return err;
    inet_lock();
    err = bind_locked(r, &address, number);
    inet_unlock();
    return err;
}

static oskit_error_t connect_locked(struct raw_socket *r, const ip_addr_t *address,
                                    oskit_u16_t port)
{
    struct inet_output output = {.ttl = -1, .tos = -1, .destination = *address};

    IP_SET_TYPE(&output.source, IPADDR_TYPE_ANY);
    if (ip_addr_isany(&output.destination))
        ip_addr_set_loopback(IP_IS_V6_VAL(output.destination), &output.destination);
    oskit_error_t err = inet_output_route(&r->inet, &output);
    if (OSKIT_FAILED(err))
        return err;
    if (r->ping && r->inet.local_port == 0 && !raw_identifier_take(r, 0))
        return OSKIT_EAGAIN;
    r->inet.local = output.source;
    r->inet.remote = output.destination;
    r->inet.remote_port = port;
    r->connected = true;
    return OSKIT_SUCCESS;
}

static oskit_error_t raw_connect_socket(struct socket *s, const struct socket_address *name)
{
    struct raw_socket *r = raw_of(s);
    oskit_u16_t number;
    ip_addr_t address;
    oskit_error_t err;

    if (name->length < sizeof name->u.family)
        return OSKIT_E_INVALIDARG;
    if (name->u.family == 0) {
        inet_lock();
        r->connected = false;
        r->inet.remote_port = 0;
        inet_any(&r->inet, &r->inet.remote);
        r->inet.local = r->inet.bound;
        inet_unlock();
        return OSKIT_SUCCESS;
    }
    err = inet_name_read(&r->inet, name, false, &address, &number);
    if (OSKIT_FAILED(err))
        return err;
    inet_lock();
    err = connect_locked(r, &address, number);
    inet_unlock();
    return err;
}

static oskit_error_t raw_shutdown_socket(struct socket *s, oskit_u32_t how)
{
    struct raw_socket *r = raw_of(s);
    uint32_t level = 0;

    inet_lock();
    r->shut |= how + 1;
    if (r->shut & 1)
        level |= READY_READ | READY_RDHUP;
    if (r->shut == 3)
        level |= READY_HUP;
    readiness_change(&s->readiness, level, 0);
    inet_tell(&r->inet.pending, level | READY_WRITE);
    bool connected = r->connected;
    inet_unlock();
    return connected ? OSKIT_SUCCESS : OSKIT_ENOTCONN;
}

static oskit_error_t raw_getsockname(struct socket *s, struct socket_address *out)
{
    struct raw_socket *r = raw_of(s);

    inet_lock();
    inet_name_write(&r->inet, &r->inet.local,
                    r->ping ? r->inet.local_port : (oskit_u16_t)s->protocol, out);
    inet_unlock();
    return OSKIT_SUCCESS;
}

/* As on Linux, who gave connect no port, which means nothing here, has no peer's name. */
static oskit_error_t raw_getpeername(struct socket *s, struct socket_address *out)
{
    struct raw_socket *r = raw_of(s);

    inet_lock();
    bool connected = r->connected && r->inet.remote_port != 0;
    if (connected)
        inet_name_write(&r->inet, &r->inet.remote, r->inet.remote_port, out);
    inet_unlock();
    return connected ? OSKIT_SUCCESS : OSKIT_ENOTCONN;
}

static bool raw_is_shut(struct raw_socket *r)
{
    inet_lock();
    bool shut = r->shut & 1;
    inet_unlock();
    return shut;
}

static oskit_error_t raw_receive(struct socket *s, struct socket_message *message,
                                 oskit_size_t *out)
{
    struct raw_socket *r = raw_of(s);
    struct inet_datagram got;

    *out = 0;
    if (message->flags & ~FLAGS_KNOWN)
        return OSKIT_EOPNOTSUPP;
    if (message->flags & SOCKET_MSG_ERRQUEUE)
        return inet_error_receive(&r->inet, message, out);
    oskit_error_t err = inet_datagram_receive(&r->inet, &r->queue, message, &got, out);
    if (err == OSKIT_EWOULDBLOCK && raw_is_shut(r) && !(message->flags & SOCKET_MSG_DONTWAIT))
        return OSKIT_SUCCESS;
    if (OSKIT_SUCCEEDED(err) && message->name != NULL)
        inet_name_write(&r->inet, &got.source, 0, message->name);
    return err;
}

/* A ping socket takes its identifier with the first echo that it sends. */
static oskit_error_t raw_send_any(struct socket *s, struct socket_message *message,
                                  oskit_size_t *out)
{
    struct raw_socket *r = raw_of(s);

    if (r->ping) {
        inet_lock();
        bool taken = r->inet.local_port != 0 || raw_identifier_take(r, 0);
        inet_unlock();
        if (!taken) {
            *out = 0;
            return OSKIT_EAGAIN;
        }
    }
    return raw_transmit(s, message, out);
}

static oskit_size_t raw_readable(struct socket *s)
{
    struct raw_socket *r = raw_of(s);

    inet_lock();
    oskit_size_t size = r->queue.count != 0 ? r->queue.ring[r->queue.first].p->tot_len : 0;
    inet_unlock();
    return size;
}

static oskit_error_t raw_ioctl(struct socket *s, oskit_u32_t command, oskit_u64_t argument,
                               oskit_s32_t *out_result)
{
    struct raw_socket *r = raw_of(s);

    *out_result = 0;
    if (command != SIOCOUTQ)
        return OSKIT_ENOTTY;
    inet_lock();
    oskit_s32_t number = (oskit_s32_t)r->account->bytes;
    inet_unlock();
    return env_copy_to_user((void *)(uintptr_t)argument, &number, sizeof number) == 0
               ? OSKIT_SUCCESS
               : OSKIT_EFAULT;
}

/* ---- Options ---- */

static bool is_filter4(const struct raw_socket *r, oskit_s32_t level, oskit_s32_t name)
{
    return level == INET_SOL_RAW && name == ICMP_FILTER && !r->ping && !inet_is6(&r->inet) &&
           r->inet.base.protocol == RAW_ICMP;
}

static bool is_filter6(const struct raw_socket *r, oskit_s32_t level, oskit_s32_t name)
{
    return level == INET_SOL_ICMPV6 && name == ICMP6_FILTER && !r->ping && inet_is6(&r->inet) &&
           r->inet.base.protocol == RAW_ICMPV6;
}

static bool is_checksum(const struct raw_socket *r, oskit_s32_t level, oskit_s32_t name)
{
    return (level == INET_SOL_IPV6 || level == INET_SOL_RAW) && name == INET_IPV6_CHECKSUM &&
           !r->ping && inet_is6(&r->inet);
}

static oskit_error_t checksum_set(struct raw_socket *r, oskit_s32_t level, const void *value,
                                  oskit_u32_t length)
{
    oskit_s32_t number;
    oskit_error_t err = option_int(value, length, &number);

    if (OSKIT_FAILED(err))
        return err;
    if ((r->inet.base.protocol == RAW_ICMPV6 && level == INET_SOL_IPV6) ||
        (number > 0 && number % 2 != 0))
        return OSKIT_E_INVALIDARG;
    r->checksum = number < 0 ? -1 : number;
    return OSKIT_SUCCESS;
}

static oskit_error_t raw_setsockopt(struct socket *s, oskit_s32_t level, oskit_s32_t name,
                                    const void *value, oskit_u32_t length)
{
    struct raw_socket *r = raw_of(s);
    oskit_u32_t room = 0;
    void *filter = NULL;

    if (is_checksum(r, level, name))
        return checksum_set(r, level, value, length);
    if (is_filter4(r, level, name)) {
        filter = &r->filter4;
        room = sizeof r->filter4;
    } else if (is_filter6(r, level, name)) {
        filter = r->filter6;
        room = sizeof r->filter6;
    } else {
        return inet_option_set(&r->inet, level, name, value, length);
    }
    inet_lock();
    memcpy(filter, value, length < room ? length : room);
    inet_unlock();
    return OSKIT_SUCCESS;
}

static oskit_error_t raw_getsockopt(struct socket *s, oskit_s32_t level, oskit_s32_t name,
                                    void *value, oskit_u32_t *length)
{
    struct raw_socket *r = raw_of(s);

    if (is_checksum(r, level, name))
        return option_put_int(value, length, r->checksum);
    if (is_filter4(r, level, name))
        return option_put(value, length, &r->filter4, sizeof r->filter4);
    if (is_filter6(r, level, name))
        return option_put(value, length, r->filter6, sizeof r->filter6);
    return inet_option_get(&r->inet, level, name, value, length);
}

static oskit_error_t raw_changed(struct socket *s, oskit_s32_t name)
{
    struct raw_socket *r = raw_of(s);

    return inet_datagram_changed(&r->inet, NULL, &r->stamping, name);
}

/* ---- Life ---- */

static void raw_destroy(struct socket *s)
{
    struct raw_socket *r = raw_of(s);

    inet_lock();
    raw_unlisten(r);
    inet_queue_drop(&r->queue);
    inet_account_leave(r->account);
    inet_sock_leave(&r->inet);
    inet_error_drop(&r->inet);
    inet_unlock();
    if (r->stamping)
        atomic_fetch_sub(&inet_stamps, 1);
    socket_fini(s);
    env_free(r, sizeof *r);
}

#define RAW_KIND(title, number, kind)                                                            \
    {                                                                                            \
        .name = title, .family = number, .type = kind, .filters = true, .bind = raw_bind_socket, \
        .connect = raw_connect_socket, .shutdown = raw_shutdown_socket,                          \
        .getsockname = raw_getsockname, .getpeername = raw_getpeername,                          \
        .setsockopt = raw_setsockopt, .getsockopt = raw_getsockopt, .changed = raw_changed,      \
        .send = raw_send_any, .receive = raw_receive, .readable = raw_readable,                  \
        .ioctl = raw_ioctl, .destroy = raw_destroy,                                              \
    }

static const struct socket_kind raw4_kind = RAW_KIND("raw socket", SOCKET_INET, SOCKET_RAW);
static const struct socket_kind raw6_kind = RAW_KIND("raw socket (IPv6)", SOCKET_INET6, SOCKET_RAW);
static const struct socket_kind ping4_kind = RAW_KIND("ping socket", SOCKET_INET, SOCKET_DGRAM);
static const struct socket_kind ping6_kind =
    RAW_KIND("ping socket (IPv6)", SOCKET_INET6, SOCKET_DGRAM);

static oskit_error_t create(const struct socket_kind *kind, oskit_s32_t protocol,
                            sluice_socket_t **out)
{
    struct raw_socket *r = env_alloc(sizeof *r, ENV_ZERO);

    *out = NULL;
    if (r == NULL)
        return OSKIT_ENOBUFS;
    r->account = inet_account_new(&r->inet);
    if (r->account == NULL) {
        env_free(r, sizeof *r);
        return OSKIT_ENOBUFS;
    }
    inet_sock_init(&r->inet, kind, kind->type, protocol, READY_WRITE);
    r->ping = kind->type == SOCKET_DGRAM;
    r->checksum = protocol == RAW_ICMPV6 && kind->family == SOCKET_INET6 ? RAW_ICMPV6_SUM : -1;
    r->inet.ip.header_included = protocol == RAW_RAW;
    inet_lock();
    oskit_error_t err = raw_listen(r);
    if (OSKIT_FAILED(err))
        inet_account_leave(r->account);
    inet_unlock();
    if (OSKIT_FAILED(err)) {
        socket_fini(&r->inet.base);
        env_free(r, sizeof *r);
        return err;
    }
    *out = socket_face(&r->inet.base);
    return OSKIT_SUCCESS;
}

oskit_error_t raw_socket_create(oskit_s32_t family, oskit_s32_t protocol, sluice_socket_t **out)
{
    return create(family == SOCKET_INET6 ? &raw6_kind : &raw4_kind, protocol, out);
}

oskit_error_t ping_socket_create(oskit_s32_t family, oskit_s32_t protocol, sluice_socket_t **out)
{
    return create(family == SOCKET_INET6 ? &ping6_kind : &ping4_kind, protocol, out);
}
