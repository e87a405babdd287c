/* Netlink requests: taking a program's bytes apart, and its answers. See netlink.h. No locks. */
#include "io/net/netlink.h"

#include <sluice/string.h>

/* ---- Errors, as programs read them ---- */

/* The kernel's errno table is out of reach here, and these numbers are part of a message's format:
 * Linux's. */
static const struct {
    oskit_error_t error;
    oskit_s32_t number;
} numbers[] = {
    {OSKIT_SUCCESS, 0},
    {OSKIT_EPERM, 1},
    {OSKIT_ENOENT, 2},
    {OSKIT_ESRCH, 3},
    {OSKIT_EIO, 5},
    {OSKIT_ENXIO, 6},
    {OSKIT_ENOMEM, 12},
    {OSKIT_EBUSY, 16},
    {OSKIT_EEXIST, 17},
    {OSKIT_ENODEV, 19},
    {OSKIT_E_INVALIDARG, 22},
    {OSKIT_ENOSPC, 28},
    {OSKIT_ERANGE, 34},
    {OSKIT_EMSGSIZE, 90},
    {OSKIT_E_NOTIMPL, 95},
    {OSKIT_EOPNOTSUPP, 95},
    {OSKIT_EAFNOSUPPORT, 97},
    {OSKIT_EADDRINUSE, 98},
    {OSKIT_EADDRNOTAVAIL, 99},
    {OSKIT_ENETDOWN, 100},
    {OSKIT_ENETUNREACH, 101},
    {OSKIT_ENOBUFS, 105},
    {OSKIT_EHOSTUNREACH, 113},
};
#define NUMBER_OTHERWISE 5

static oskit_s32_t number_of(oskit_error_t error)
{
    for (size_t i = 0; i < SLUICE_COUNT(numbers); i++)
        if (numbers[i].error == error)
            return numbers[i].number;
    return NUMBER_OTHERWISE;
}

/* ---- Answers ---- */

/* Says how a request ended: with the request itself when it failed, else with its header. */
static void request_acknowledge(const struct netlink_request *request, oskit_error_t error)
{
    const struct netlink_header *header = request->header;
    bool whole = OSKIT_FAILED(error) && !request->from->cap_ack;
    oskit_u32_t size = whole ? header->length : (oskit_u32_t)sizeof *header;
    oskit_s32_t number = -number_of(error);
    struct netlink_header out = {
        .length = (oskit_u32_t)(sizeof out + sizeof number) + size,
        .type = NLMSG_ERROR,
        .flags = whole ? 0 : NLM_F_CAPPED,
        .sequence = header->sequence,
        .port = request->from->port,
    };
    oskit_u8_t *bytes = env_alloc(out.length, 0);
    struct netlink_info info = {0};

    if (bytes == NULL) {
        socket_error_set(&request->from->socket, OSKIT_ENOBUFS);
        readiness_tell(&request->from->socket.readiness, READY_ERR);
        return;
    }
    memcpy(bytes, &out, sizeof out);
    memcpy(bytes + sizeof out, &number, sizeof number);
    memcpy(bytes + sizeof out + sizeof number, header, size);
    netlink_deliver(request->from, bytes, out.length, &info,
                    SOCKET_OPTION(&request->from->socket, receive_buffer));
    env_free(bytes, out.length);
}

/* ---- Requests ---- */

#define TYPE_LAST 119u /* of rtnetlink */
#define TYPE_GET  2u   /* of four: new, delete, get, set */

typedef oskit_error_t request_do(const struct netlink_request *, struct netlink_builder *);

static request_do *request_find(oskit_u16_t type)
{
    switch (type) {
    case RTM_NEWLINK:
    case RTM_DELLINK:
    case RTM_GETLINK:
    case RTM_SETLINK:
        return netlink_link_request;
    case RTM_NEWADDR:
    case RTM_DELADDR:
    case RTM_GETADDR:
        return netlink_address_request;
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
    case RTM_GETROUTE:
        return netlink_route_request;
    case RTM_NEWNEIGH:
    case RTM_DELNEIGH:
    case RTM_GETNEIGH:
        return netlink_neighbour_request;
    default:
        return NULL;
    }
}

static void dump_end(struct netlink_builder *b)
{
    const oskit_s32_t good = 0;

    netlink_begin(b, NLMSG_DONE, &good, sizeof good);
    netlink_end(b);
}

/* A dump is made whole at once, and so must not be begun while another is still to be read. */
static oskit_error_t request_run(struct netlink_request *request, request_do *run)
{
    struct netlink_builder *b = netlink_builder_create(request->from, 0);

    if (b == NULL)
        return OSKIT_ENOMEM;
    b->sequence = request->header->sequence;
    b->port = request->from->port;
    b->flags = request->dump ? NLM_F_MULTI : 0;
    oskit_error_t err = run(request, b);
    if (OSKIT_SUCCEEDED(err) && request->dump)
        dump_end(b);
    if (OSKIT_FAILED(err))
        b->start = 0; /* what there is of an answer stays here */
    oskit_error_t sent = netlink_builder_finish(b);
    return OSKIT_FAILED(err) ? err : sent == OSKIT_ENOBUFS ? OSKIT_SUCCESS : sent;
}

static bool queue_full(struct netlink_socket *ns)
{
    env_spin_lock(&ns->queue.lock);
    bool full = ns->queue.charge >= SOCKET_OPTION(&ns->socket, receive_buffer);
    env_spin_unlock(&ns->queue.lock);
    return full;
}

/* true: it answers for itself, without an acknowledgement. */
static bool request_handle(struct netlink_request *request, oskit_error_t *err)
{
    oskit_u16_t type = request->header->type;
    bool get = (type & 3u) == TYPE_GET;
    request_do *run = request_find(type);

    *err = OSKIT_SUCCESS;
    if (type > TYPE_LAST) {
        *err = OSKIT_EOPNOTSUPP;
    } else if (request->length == 0) {
        return false; /* Linux wants a family, and else does nothing */
    } else if (!get && !request->admin) {
        *err = OSKIT_EPERM;
    } else if (run == NULL) {
        *err = OSKIT_EOPNOTSUPP;
    } else {
        request->dump = get && request->header->flags & NLM_F_DUMP;
        if (request->dump && queue_full(request->from))
            *err = OSKIT_EBUSY;
        else
            *err = request_run(request, run);
        netlink_notes_run();
    }
    return request->dump && OSKIT_SUCCEEDED(*err);
}

static void message_serve(struct netlink_socket *from, const struct netlink_header *header,
                          bool admin)
{
    struct netlink_request request = {
        .from = from,
        .header = header,
        .body = (const oskit_u8_t *)(header + 1),
        .length = header->length - (oskit_u32_t)sizeof *header,
        .admin = admin,
    };
    oskit_error_t err = OSKIT_SUCCESS;

    if (header->flags & NLM_F_REQUEST && header->type >= NLMSG_LEAST &&
        request_handle(&request, &err))
        return;
    if (header->flags & NLM_F_ACK || OSKIT_FAILED(err))
        request_acknowledge(&request, err);
}

void netlink_serve(struct netlink_socket *from, const void *bytes, oskit_u32_t size, bool admin)
{
    const oskit_u8_t *at = bytes;

    while (size >= sizeof(struct netlink_header)) {
        const struct netlink_header *header = (const struct netlink_header *)at;
        if (header->length < sizeof *header || header->length > size)
            return;
        message_serve(from, header, admin);
        oskit_u32_t step = NETLINK_ALIGN(header->length);
        if (step > size)
            return;
        at += step;
        size -= step;
    }
}
