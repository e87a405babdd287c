/* Netlink sockets: ports, groups, transfers. See netlink.h. */
#include "io/net/netlink.h"

#include <sluice/netlink.h>
#include <sluice/string.h>
#include "io/net/family.h"
#include "io/net/socket_filter.h"
#include "io/net/socket_private.h"

#define NETLINK_ROUTE 0
#define ADDRESS_SIZE  ((oskit_u32_t)sizeof(((struct socket_address *)0)->u.netlink))

static struct env_spinlock netlink_lock;
static struct list netlink_sockets = LIST_INIT(netlink_sockets);
/* Members of each group; changed under the lock, read without. */
static _Atomic oskit_u32_t netlink_members[GROUP_MAX];

/* ---- Ports and groups; all with netlink_lock held ---- */

static struct netlink_socket *port_find(oskit_u32_t port)
{
    list_for_each (at, &netlink_sockets) {
        struct netlink_socket *ns = container_of(at, struct netlink_socket, link);
        if (ns->port == port)
            return ns;
    }
    return NULL;
}

/* The first socket of a program has its pid, others a number beyond all pids, as on Linux. */
static oskit_u32_t port_choose(oskit_u32_t pid)
{
    oskit_u32_t port = pid;

    while (port == 0 || port_find(port) != NULL) {
        env_random(&port, sizeof port);
        port |= 0x80000000u;
    }
    return port;
}

/* PORT 0: any. */
static oskit_error_t port_take(struct netlink_socket *ns, oskit_u32_t port, oskit_u32_t pid)
{
    if (ns->port != 0)
        return port == 0 || port == ns->port ? OSKIT_SUCCESS : OSKIT_E_INVALIDARG;
    if (port != 0 && port_find(port) != NULL)
        return OSKIT_EADDRINUSE;
    ns->port = port != 0 ? port : port_choose(pid);
    return OSKIT_SUCCESS;
}

static void groups_set(struct netlink_socket *ns, oskit_u64_t groups)
{
    oskit_u64_t changed = groups ^ ns->groups;

    for (oskit_u32_t i = 0; i < GROUP_MAX; i++)
        if (changed >> i & 1)
            atomic_fetch_add(&netlink_members[i], groups >> i & 1 ? 1u : (oskit_u32_t)-1);
    ns->groups = groups;
}

bool netlink_listened(oskit_u32_t group)
{
    return atomic_load(&netlink_members[group - 1]) != 0;
}

/* ---- Names ---- */

static oskit_u32_t caller_pid(void)
{
    return (oskit_u32_t)socket_caller().credentials.pid;
}

static oskit_error_t netlink_port(struct netlink_socket *ns, oskit_u32_t port)
{
    oskit_u32_t pid = caller_pid();

    env_spin_lock(&netlink_lock);
    oskit_error_t err = port_take(ns, port, pid);
    env_spin_unlock(&netlink_lock);
    return err;
}

static oskit_error_t name_check(const struct socket_address *name)
{
    return name->length < ADDRESS_SIZE || name->u.family != SOCKET_NETLINK ? OSKIT_E_INVALIDARG
                                                                           : OSKIT_SUCCESS;
}

static oskit_error_t netlink_bind(struct socket *s, const struct socket_address *name)
{
    struct netlink_socket *ns = netlink_socket_of(s);

    oskit_error_t err = name_check(name);
    if (OSKIT_SUCCEEDED(err))
        err = netlink_port(ns, name->u.netlink.port);
    if (OSKIT_FAILED(err))
        return err;
    env_spin_lock(&netlink_lock);
    groups_set(ns, (ns->groups & ~(oskit_u64_t)UINT32_MAX) | name->u.netlink.groups);
    env_spin_unlock(&netlink_lock);
    return OSKIT_SUCCESS;
}

/* Anything but the kernel as the other end is for who may configure the network. */
static oskit_error_t netlink_connect(struct socket *s, const struct socket_address *name)
{
    struct netlink_socket *ns = netlink_socket_of(s);
    oskit_u32_t port = 0, groups = 0;

    if (name->length < sizeof name->u.family)
        return OSKIT_E_INVALIDARG;
    if (name->u.family != 0) {
        oskit_error_t err = name_check(name);
        if (OSKIT_FAILED(err))
            return err;
        port = name->u.netlink.port;
        groups = name->u.netlink.groups;
        if ((port != 0 || groups != 0) && !socket_caller_may(CAPABILITY_NET_ADMIN))
            return OSKIT_EPERM;
        err = netlink_port(ns, 0);
        if (OSKIT_FAILED(err))
            return err;
    }
    env_spin_lock(&netlink_lock);
    ns->peer_port = port;
    ns->peer_groups = groups;
    env_spin_unlock(&netlink_lock);
    return OSKIT_SUCCESS;
}

static void name_put(struct socket_address *out, oskit_u32_t port, oskit_u32_t groups)
{
    memset(&out->u.netlink, 0, sizeof out->u.netlink);
    out->length = ADDRESS_SIZE;
    out->u.netlink.family = SOCKET_NETLINK;
    out->u.netlink.port = port;
    out->u.netlink.groups = groups;
}

static oskit_error_t netlink_getsockname(struct socket *s, struct socket_address *out)
{
    struct netlink_socket *ns = netlink_socket_of(s);

    env_spin_lock(&netlink_lock);
    name_put(out, ns->port, (oskit_u32_t)ns->groups);
    env_spin_unlock(&netlink_lock);
    return OSKIT_SUCCESS;
}

static oskit_error_t netlink_getpeername(struct socket *s, struct socket_address *out)
{
    struct netlink_socket *ns = netlink_socket_of(s);

    env_spin_lock(&netlink_lock);
    name_put(out, ns->peer_port, ns->peer_groups);
    env_spin_unlock(&netlink_lock);
    return OSKIT_SUCCESS;
}

static oskit_error_t netlink_no_shutdown(struct socket *s, oskit_u32_t how)
{
    (void)s, (void)how;
    return OSKIT_EOPNOTSUPP;
}

/* ---- Options of SOL_NETLINK ---- */

#define SOL_NETLINK 270

#define OPTION_ADD_MEMBERSHIP   1
#define OPTION_DROP_MEMBERSHIP  2
#define OPTION_PKTINFO          3
#define OPTION_BROADCAST_ERROR  4
#define OPTION_NO_ENOBUFS       5
#define OPTION_LISTEN_ALL_NSID  8
#define OPTION_LIST_MEMBERSHIPS 9
#define OPTION_CAP_ACK          10
#define OPTION_EXT_ACK          11
#define OPTION_STRICT_CHK       12

static bool *switch_find(struct netlink_socket *ns, oskit_s32_t name)
{
    switch (name) {
    case OPTION_PKTINFO:
        return &ns->packet_info;
    case OPTION_BROADCAST_ERROR: /* who broadcasts is told of ENOBUFS: nobody's memory runs out */
        return &ns->broadcast_error;
    case OPTION_NO_ENOBUFS:
        return &ns->no_enobufs;
    case OPTION_LISTEN_ALL_NSID: /* there is one namespace */
        return &ns->listen_all;
    case OPTION_CAP_ACK:
        return &ns->cap_ack;
    case OPTION_EXT_ACK: /* errors may have words with them; ours have none */
        return &ns->ext_ack;
    case OPTION_STRICT_CHK:
        return &ns->strict;
    default:
        return NULL;
    }
}

static oskit_error_t membership_set(struct netlink_socket *ns, oskit_s32_t group, bool add)
{
    if (group < 1 || (oskit_u32_t)group > GROUP_MAX)
        return OSKIT_E_INVALIDARG;
    oskit_error_t err = netlink_port(ns, 0);
    if (OSKIT_FAILED(err))
        return err;
    oskit_u64_t bit = (oskit_u64_t)1 << (group - 1);
    env_spin_lock(&netlink_lock);
    groups_set(ns, add ? ns->groups | bit : ns->groups & ~bit);
    env_spin_unlock(&netlink_lock);
    return OSKIT_SUCCESS;
}

static oskit_error_t netlink_setsockopt(struct socket *s, oskit_s32_t level, oskit_s32_t name,
                                        const void *value, oskit_u32_t length)
{
    struct netlink_socket *ns = netlink_socket_of(s);
    bool *on = switch_find(ns, name);
    oskit_s32_t number;

    if (level != SOL_NETLINK)
        return OSKIT_ENOPROTOOPT;
    oskit_error_t err = option_int(value, length, &number);
    if (OSKIT_FAILED(err))
        return err;
    if (name == OPTION_ADD_MEMBERSHIP || name == OPTION_DROP_MEMBERSHIP)
        return membership_set(ns, number, name == OPTION_ADD_MEMBERSHIP);
    if (on == NULL)
        return OSKIT_ENOPROTOOPT;
    if (name == OPTION_LISTEN_ALL_NSID && !socket_caller_may(CAPABILITY_NET_ADMIN))
        return OSKIT_EPERM;
    *on = number != 0;
    return OSKIT_SUCCESS;
}

/* As many words of the set as there is room for; the length is what there are. */
static oskit_error_t memberships_get(struct netlink_socket *ns, void *value, oskit_u32_t *length)
{
    env_spin_lock(&netlink_lock);
    oskit_u64_t groups = ns->groups;
    env_spin_unlock(&netlink_lock);
    memcpy(value, &groups, *length < sizeof groups ? *length & ~3u : sizeof groups);
    *length = sizeof groups;
    return OSKIT_SUCCESS;
}

static oskit_error_t netlink_getsockopt(struct socket *s, oskit_s32_t level, oskit_s32_t name,
                                        void *value, oskit_u32_t *length)
{
    struct netlink_socket *ns = netlink_socket_of(s);
    const bool *on = switch_find(ns, name);

    if (level != SOL_NETLINK)
        return OSKIT_ENOPROTOOPT;
    if (name == OPTION_LIST_MEMBERSHIPS)
        return memberships_get(ns, value, length);
    if (on == NULL)
        return OSKIT_ENOPROTOOPT;
    if (*length < sizeof(oskit_s32_t))
        return OSKIT_E_INVALIDARG;
    return option_put_int(value, length, *on);
}

/* ---- Delivering ---- */

static oskit_error_t netlink_overrun(struct netlink_socket *ns)
{
    if (!ns->no_enobufs) {
        socket_error_set(&ns->socket, OSKIT_ENOBUFS);
        readiness_tell(&ns->socket.readiness, READY_ERR);
    }
    return OSKIT_ENOBUFS;
}

/* How much of a message a filter wants; false: nothing of it. */
static bool filter(struct netlink_socket *ns, const void *bytes, oskit_u32_t *size)
{
    struct bpf_view view = {
        .bytes = bytes, .piece = *size, .length = *size, .protocol = NETLINK_ROUTE};

    return socket_filter_run(&ns->socket, &view, size);
}

oskit_error_t netlink_deliver(struct netlink_socket *ns, const void *bytes, oskit_u32_t size,
                              const struct netlink_info *info, oskit_u64_t limit)
{
    if (socket_filtered(&ns->socket) && !filter(ns, bytes, &size))
        return OSKIT_SUCCESS;
    struct message *message = message_alloc(size, ENV_NOSLEEP);

    if (message == NULL)
        return netlink_overrun(ns);
    memcpy(message->info, info, sizeof *info);
    memcpy(message->bytes, bytes, size);
    if (!message_queue_push(&ns->queue, message, limit)) {
        message_put(message);
        return netlink_overrun(ns);
    }
    readiness_tell(&ns->socket.readiness, READY_READ);
    return OSKIT_SUCCESS;
}

oskit_error_t netlink_tell(sluice_socket_t *socket, const void *bytes, oskit_u32_t size)
{
    struct netlink_socket *ns = netlink_socket_of(socket_of(socket));
    const struct netlink_info info = {.port = 0};

    return netlink_deliver(ns, bytes, size, &info, SOCKET_OPTION(&ns->socket, receive_buffer));
}

/* The next member of GROUP after AFTER (given back), with a reference: so that waiters are told
 * with no lock held. While it is held, it stays on the list. */
static struct netlink_socket *member_next(struct netlink_socket *after, oskit_u32_t group)
{
    struct netlink_socket *found = NULL;

    env_spin_lock(&netlink_lock);
    struct list *at = after != NULL ? after->link.next : netlink_sockets.next;
    for (; at != &netlink_sockets && found == NULL; at = at->next) {
        struct netlink_socket *ns = container_of(at, struct netlink_socket, link);
        if (ns->groups >> (group - 1) & 1 && sluice_object_addref_unless_dead(&ns->socket.object))
            found = ns;
    }
    env_spin_unlock(&netlink_lock);
    if (after != NULL)
        socket_release(&after->socket);
    return found;
}

void netlink_broadcast(oskit_u32_t group, const void *bytes, oskit_u32_t size, oskit_u32_t from,
                       const struct netlink_socket *not_to)
{
    struct netlink_info info = {.port = from, .group = group};
    struct netlink_socket *ns = NULL;

    while ((ns = member_next(ns, group)) != NULL)
        if (ns != not_to)
            netlink_deliver(ns, bytes, size, &info, SOCKET_OPTION(&ns->socket, receive_buffer));
}

static oskit_error_t netlink_unicast(oskit_u32_t port, const void *bytes, oskit_u32_t size,
                                     oskit_u32_t from)
{
    struct netlink_info info = {.port = from};

    env_spin_lock(&netlink_lock);
    struct netlink_socket *to = port_find(port);
    if (to != NULL && !sluice_object_addref_unless_dead(&to->socket.object))
        to = NULL;
    env_spin_unlock(&netlink_lock);
    if (to == NULL)
        return OSKIT_ECONNREFUSED;
    oskit_error_t err =
        netlink_deliver(to, bytes, size, &info, SOCKET_OPTION(&to->socket, receive_buffer));
    socket_release(&to->socket);
    return err;
}

/* ---- Transfers ---- */

struct destination {
    oskit_u32_t port, groups;
};

static oskit_error_t destination_read(struct netlink_socket *ns, const struct socket_address *name,
                                      struct destination *out)
{
    if (name == NULL) {
        env_spin_lock(&netlink_lock);
        *out = (struct destination){ns->peer_port, ns->peer_groups};
        env_spin_unlock(&netlink_lock);
        return OSKIT_SUCCESS;
    }
    oskit_error_t err = name_check(name);
    if (OSKIT_FAILED(err))
        return err;
    *out = (struct destination){name->u.netlink.port, name->u.netlink.groups};
    return (out->port != 0 || out->groups != 0) && !socket_caller_may(CAPABILITY_NET_ADMIN)
               ? OSKIT_EPERM
               : OSKIT_SUCCESS;
}

static oskit_error_t netlink_send_to(struct netlink_socket *ns, const struct destination *to,
                                     const void *bytes, oskit_u32_t size)
{
    if (to->groups != 0)
        for (oskit_u32_t group = 1; group <= 32; group++)
            if (to->groups >> (group - 1) & 1)
                netlink_broadcast(group, bytes, size, ns->port, ns);
    if (to->port != 0)
        return netlink_unicast(to->port, bytes, size, ns->port);
    netlink_serve(ns, bytes, size, socket_caller_may(CAPABILITY_NET_ADMIN));
    return OSKIT_SUCCESS;
}

#define SEND_SPARE 32u /* of the send buffer's size, as Linux has it */

static oskit_error_t netlink_send(struct socket *s, struct socket_message *message,
                                  oskit_size_t *out)
{
    struct netlink_socket *ns = netlink_socket_of(s);
    struct destination to;
    size_t size = message->uio->left, moved;

    if (message->flags & SOCKET_MSG_OOB)
        return OSKIT_EOPNOTSUPP;
    oskit_error_t err = destination_read(ns, message->name, &to);
    if (OSKIT_SUCCEEDED(err))
        err = netlink_port(ns, 0);
    if (OSKIT_FAILED(err))
        return err;
    if (size == 0)
        return OSKIT_ENODATA;
    if (size > SOCKET_OPTION(s, send_buffer) - SEND_SPARE)
        return OSKIT_EMSGSIZE;
    void *bytes = env_alloc(size, 0);
    if (bytes == NULL)
        return OSKIT_ENOBUFS;
    err = uio_read_from(message->uio, bytes, size, &moved);
    if (OSKIT_SUCCEEDED(err))
        err = netlink_send_to(ns, &to, bytes, (oskit_u32_t)size);
    env_free(bytes, size);
    *out = OSKIT_SUCCEEDED(err) ? size : 0;
    return err;
}

static oskit_error_t message_out(struct netlink_socket *ns, struct message *from,
                                 struct socket_message *message, oskit_size_t *out)
{
    const struct netlink_info *info = (const struct netlink_info *)from->info;
    oskit_error_t err = message_read(from, message, out);

    if (OSKIT_FAILED(err))
        return err;
    if (message->name != NULL)
        name_put(message->name, info->port,
                 info->group != 0 && info->group <= 32 ? 1u << (info->group - 1) : 0);
    if (ns->packet_info && message->control != NULL)
        socket_control_put(message->control, SOL_NETLINK, OPTION_PKTINFO, &info->group,
                           sizeof info->group);
    if (SOCKET_OPTION(&ns->socket, pass_cred)) {
        message->credentials = (struct socket_credentials){.pid = (oskit_s32_t)info->port};
        message->has_credentials = true;
    }
    return OSKIT_SUCCESS;
}

static oskit_error_t netlink_receive(struct socket *s, struct socket_message *message,
                                     oskit_size_t *out)
{
    struct netlink_socket *ns = netlink_socket_of(s);

    if (message->flags & SOCKET_MSG_OOB)
        return OSKIT_EOPNOTSUPP;
    oskit_error_t err = socket_error_take(s);
    if (OSKIT_FAILED(err))
        return err;
    struct message *from = message_queue_front(&ns->queue, !(message->flags & SOCKET_MSG_PEEK));
    if (from == NULL)
        return OSKIT_EWOULDBLOCK;
    err = message_out(ns, from, message, out);
    message_put(from);
    return err;
}

static oskit_size_t netlink_readable(struct socket *s)
{
    return message_queue_next_length(&netlink_socket_of(s)->queue);
}

/* ---- Birth and death ---- */

/* [any]: who broadcasts may hold the last reference. */
static void netlink_destroy(struct socket *s)
{
    struct netlink_socket *ns = netlink_socket_of(s);

    env_spin_lock(&netlink_lock);
    groups_set(ns, 0);
    list_remove(&ns->link);
    env_spin_unlock(&netlink_lock);
    message_queue_fini(&ns->queue);
    socket_fini(s);
    env_free(ns, sizeof *ns);
}

static const struct socket_kind netlink_kind = {
    .name = "netlink",
    .family = SOCKET_NETLINK,
    .filters = true,
    .bind = netlink_bind,
    .connect = netlink_connect,
    .shutdown = netlink_no_shutdown,
    .getsockname = netlink_getsockname,
    .getpeername = netlink_getpeername,
    .setsockopt = netlink_setsockopt,
    .getsockopt = netlink_getsockopt,
    .send = netlink_send,
    .receive = netlink_receive,
    .readable = netlink_readable,
    .destroy = netlink_destroy,
};

static oskit_error_t netlink_create(oskit_s32_t type, oskit_s32_t protocol, sluice_socket_t **out)
{
    if (type != SOCKET_RAW && type != SOCKET_DGRAM)
        return OSKIT_ESOCKTNOSUPPORT;
    if (protocol != NETLINK_ROUTE)
        return OSKIT_EPROTONOSUPPORT;
    struct netlink_socket *ns = env_alloc(sizeof *ns, ENV_ZERO);
    if (ns == NULL)
        return OSKIT_ENOMEM;
    socket_init(&ns->socket, &netlink_kind, type, protocol, READY_WRITE);
    message_queue_init(&ns->queue, &ns->socket.readiness);
    env_spin_lock(&netlink_lock);
    list_push_back(&netlink_sockets, &ns->link);
    env_spin_unlock(&netlink_lock);
    *out = socket_face(&ns->socket);
    return OSKIT_SUCCESS;
}

oskit_error_t netlink_sockets_register(void)
{
    static struct socket_family family = {.family = SOCKET_NETLINK, .create = netlink_create};
    static bool registered;

    if (!registered)
        socket_family_register(&family);
    registered = true;
    return OSKIT_SUCCESS;
}
