/* Error queues of datagram sockets. Bounded: who doesn't look loses the newest. */
#include "inet_error.h"

#include <sluice/env.h>
#include <sluice/string.h>
#include <sluice/uio.h>

#define QUEUE_MAX    32u
#define ORIGIN_ICMP  2
#define ORIGIN_ICMP6 3

struct error {
    struct list link;
    oskit_error_t code;
    bool v6;
    oskit_u8_t type, icmp_code;
    oskit_u32_t info;
    ip_addr_t offender, destination;
    oskit_u16_t destination_port;
    oskit_u32_t length;
    oskit_u8_t data[]; /* of the packet that is complained of */
};

/* Linux's sock_extended_err and what follows; the error's number is the OSKit's, which the
 * system-call layer turns into a program's. */
struct control {
    oskit_s32_t error;
    oskit_u8_t origin, type, code, pad;
    oskit_u32_t info, data;
    oskit_u8_t offender[28];
};
#define CONTROL_FIXED 16u

void inet_error_put(struct inet_sock *sock, const struct inet_report *report)
{
    struct error *error;

    if (sock->error_count >= QUEUE_MAX)
        return;
    error = env_alloc(sizeof *error + report->length, ENV_NOSLEEP);
    if (error == NULL)
        return;
    error->code = report->error;
    error->v6 = report->v6;
    error->type = report->type;
    error->icmp_code = report->code;
    error->info = report->info;
    error->offender = report->offender;
    error->destination = report->destination;
    error->destination_port = report->destination_port;
    error->length = report->length;
    memcpy(error->data, report->data, error->length);
    list_push_back(&sock->errors, &error->link);
    sock->error_count++;
    socket_errors_queued(&sock->base, true);
}

static void error_free(struct error *error)
{
    env_free(error, sizeof *error + error->length);
}

static struct error *take(struct inet_sock *sock)
{
    struct list *at = list_pop_front(&sock->errors);

    if (at == NULL)
        return NULL;
    sock->error_count--;
    socket_errors_queued(&sock->base, sock->error_count > 0);
    return container_of(at, struct error, link);
}

void inet_error_drop(struct inet_sock *sock)
{
    struct error *error;

    while ((error = take(sock)) != NULL)
        error_free(error);
}

static void tell(const struct error *error, struct socket_message *message)
{
    struct control control = {
        .error = (oskit_s32_t)error->code,
        .origin = error->v6 ? ORIGIN_ICMP6 : ORIGIN_ICMP,
        .type = error->type,
        .code = error->icmp_code,
        .info = error->info,
    };
    struct socket_address offender;

    if (message->control == NULL) {
        message->out_flags |= SOCKET_MSG_CTRUNC;
        return;
    }
    inet_name_plain(error->v6 ? SOCKET_INET6 : SOCKET_INET, &error->offender, 0, &offender);
    memcpy(control.offender, offender.u.bytes, offender.length);
    socket_control_put(message->control, error->v6 ? INET_SOL_IPV6 : INET_SOL_IP,
                       error->v6 ? INET_IPV6_RECVERR : INET_IP_RECVERR, &control,
                       CONTROL_FIXED + offender.length);
}

oskit_error_t inet_error_receive(struct inet_sock *sock, struct socket_message *message,
                                 oskit_size_t *out)
{
    size_t size, moved;

    *out = 0;
    inet_lock();
    struct error *error = take(sock);
    inet_unlock();
    if (error == NULL)
        return OSKIT_EWOULDBLOCK;
    size = error->length;
    message->whole = size;
    message->out_flags |= SOCKET_MSG_ERRQUEUE;
    if (size > message->uio->left) {
        size = message->uio->left;
        message->out_flags |= SOCKET_MSG_TRUNC;
    }
    oskit_error_t err = uio_write_to(message->uio, error->data, size, &moved);
    if (OSKIT_SUCCEEDED(err)) {
        *out = moved;
        tell(error, message);
        if (message->name != NULL)
            inet_name_write(sock, &error->destination, error->destination_port, message->name);
    }
    error_free(error);
    return err;
}
