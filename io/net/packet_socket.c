/* Packet sockets: birth, names, death. See packet_socket.h. */
#include "io/net/packet_socket.h"

#include <sluice/string.h>
#include "io/net/family.h"
#include "io/net/socket_private.h"

static oskit_u16_t swap16(oskit_u16_t word)
{
    return (oskit_u16_t)(word << 8 | word >> 8);
}

/* ---- Binding ---- */

/* Called with the mutex held. */
static void packet_socket_tap(struct packet_socket *ps, oskit_u32_t index, oskit_u16_t protocol)
{
    if (ps->tapped)
        interface_tap_remove(&ps->tap);
    ps->index = ps->tap.index = index;
    ps->protocol = protocol;
    ps->tapped = protocol != 0;
    if (ps->tapped)
        interface_tap_add(&ps->tap);
}

static void packet_socket_fail(struct packet_socket *ps, oskit_error_t error)
{
    socket_error_set(&ps->socket, error);
    readiness_tell(&ps->asked.readiness, READY_ERR);
}

static void packet_socket_down(struct interface_tap *tap)
{
    packet_socket_fail(container_of(tap, struct packet_socket, tap), OSKIT_ENETDOWN);
}

/* An interface that is down may be bound to; the error says that nothing comes. */
static oskit_error_t packet_socket_bind(struct socket *s, const struct socket_address *name)
{
    struct packet_socket *ps = packet_socket_of(s);
    struct interface *interface = NULL;

    if (name->length < sizeof name->u.packet || name->u.family != SOCKET_PACKET)
        return OSKIT_E_INVALIDARG;
    if (name->u.packet.interface != 0) {
        interface = interface_by_index((oskit_u32_t)name->u.packet.interface);
        if (interface == NULL)
            return OSKIT_ENODEV;
    }
    env_mutex_lock(&ps->mutex);
    oskit_u16_t protocol = swap16(name->u.packet.protocol);
    packet_socket_tap(ps, (oskit_u32_t)name->u.packet.interface,
                      protocol != 0 ? protocol : ps->protocol);
    bool receives = ps->protocol != 0;
    env_mutex_unlock(&ps->mutex);
    if (interface == NULL)
        return OSKIT_SUCCESS;
    if (receives && !(atomic_load(&interface->flags) & INTERFACE_UP))
        packet_socket_fail(ps, OSKIT_ENETDOWN);
    interface_put(interface);
    return OSKIT_SUCCESS;
}

static oskit_error_t packet_socket_name(struct socket *s, struct socket_address *out)
{
    struct packet_socket *ps = packet_socket_of(s);

    env_mutex_lock(&ps->mutex);
    oskit_u32_t index = ps->index;
    oskit_u16_t protocol = ps->protocol;
    env_mutex_unlock(&ps->mutex);
    memset(&out->u.packet, 0, sizeof out->u.packet);
    out->u.packet.family = SOCKET_PACKET;
    out->u.packet.protocol = swap16(protocol);
    out->u.packet.interface = (oskit_s32_t)index;
    struct interface *interface = index != 0 ? interface_by_index(index) : NULL;
    if (interface != NULL) {
        out->u.packet.hardware = interface->hardware;
        out->u.packet.address_length = interface->address_length;
        memcpy(out->u.packet.address, interface->address, interface->address_length);
        interface_put(interface);
    }
    out->length = offsetof(struct socket_address, u.packet.address) -
                  offsetof(struct socket_address, u.packet) + out->u.packet.address_length;
    return OSKIT_SUCCESS;
}

static oskit_error_t packet_socket_no_name(struct socket *s, struct socket_address *out)
{
    (void)s, (void)out;
    return OSKIT_EOPNOTSUPP;
}

static oskit_error_t packet_socket_no_connect(struct socket *s, const struct socket_address *name)
{
    (void)s, (void)name;
    return OSKIT_EOPNOTSUPP;
}

static oskit_error_t packet_socket_no_shutdown(struct socket *s, oskit_u32_t how)
{
    (void)s, (void)how;
    return OSKIT_EOPNOTSUPP;
}

/* ---- Requests ---- */

#define SIOCOUTQ     0x5411u
#define SIOCGSTAMP   0x8906u
#define SIOCGSTAMPNS 0x8907u

#define NANOSECONDS 1000000000

struct stamp {
    oskit_s64_t seconds, rest;
};

static oskit_error_t stamp_copy(struct packet_socket *ps, oskit_s64_t unit, oskit_u64_t argument)
{
    env_spin_lock(&ps->lock);
    oskit_s64_t last = ps->last_stamp;
    env_spin_unlock(&ps->lock);
    struct stamp stamp = {last / NANOSECONDS, last % NANOSECONDS / unit};
    if (last == 0)
        return OSKIT_ENOENT;
    return env_copy_to_user((void *)(uintptr_t)argument, &stamp, sizeof stamp) == 0 ? OSKIT_SUCCESS
                                                                                    : OSKIT_EFAULT;
}

static oskit_error_t packet_socket_ioctl(struct socket *s, oskit_u32_t command,
                                         oskit_u64_t argument, oskit_s32_t *out_result)
{
    static const oskit_s32_t none = 0; /* what is sent is the card's at once */

    (void)out_result;
    switch (command) {
    case SIOCGSTAMP:
        return stamp_copy(packet_socket_of(s), 1000, argument);
    case SIOCGSTAMPNS:
        return stamp_copy(packet_socket_of(s), 1, argument);
    case SIOCOUTQ:
        return env_copy_to_user((void *)(uintptr_t)argument, &none, sizeof none) == 0
                   ? OSKIT_SUCCESS
                   : OSKIT_EFAULT;
    default:
        return OSKIT_ENOTTY;
    }
}

static oskit_size_t packet_socket_readable(struct socket *s)
{
    return message_queue_next_length(&packet_socket_of(s)->queue);
}

/* ---- Readiness and the ring's pages ---- */

static uint32_t packet_socket_ask(struct readiness_asked *asked)
{
    struct packet_socket *ps = container_of(asked, struct packet_socket, asked);
    uint32_t level = readiness_level(&ps->socket.readiness);

    env_spin_lock(&ps->lock);
    if (ps->ring != NULL && packet_ring_ready(ps->ring))
        level |= READY_READ;
    env_spin_unlock(&ps->lock);
    return level;
}

static struct readiness *packet_socket_readiness(sluice_pollable_t *self)
{
    return &packet_socket_of(socket_of(self))->asked.readiness;
}

static struct sluice_pollable_ops packet_socket_pollable_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .readiness = packet_socket_readiness,
};

static oskit_error_t packet_socket_getpage(sluice_pager_t *self, oskit_u64_t index,
                                           oskit_u32_t flags, void **out_page)
{
    struct packet_socket *ps = packet_socket_of(socket_of(self));

    (void)flags;
    env_spin_lock(&ps->lock);
    *out_page = ps->ring != NULL ? packet_ring_page(ps->ring, index) : NULL;
    env_spin_unlock(&ps->lock);
    return *out_page != NULL ? OSKIT_SUCCESS : OSKIT_E_INVALIDARG;
}

static struct sluice_pager_ops packet_socket_pager_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .getpage = packet_socket_getpage,
    .mappings = mappings_none,
};

/* ---- The class: a socket's, with another pollable and a pager ---- */

#define FACES_MAX 16u

static struct sluice_interface packet_socket_interfaces[FACES_MAX];
static struct sluice_class packet_socket_class;

static void packet_socket_class_make(void)
{
    size_t count = socket_class.interface_count;

    memcpy(packet_socket_interfaces, socket_class.interfaces,
           count * sizeof packet_socket_interfaces[0]);
    for (size_t i = 0; i < count; i++)
        if (packet_socket_interfaces[i].iid == &sluice_pollable_iid)
            packet_socket_interfaces[i].ops = &packet_socket_pollable_ops;
    packet_socket_interfaces[count] = (struct sluice_interface){
        &sluice_pager_iid, offsetof(struct packet_socket, pager), &packet_socket_pager_ops};
    packet_socket_class = (struct sluice_class){"packet socket", packet_socket_interfaces,
                                                count + 1, socket_class.destroy};
}

/* Programs see the class's faces instead of the base's. */
static void packet_socket_class_wear(struct packet_socket *ps)
{
    ps->socket.object.class = &packet_socket_class;
    ps->socket.pollable.i.ops = &packet_socket_pollable_ops;
    ps->pager.i.ops = &packet_socket_pager_ops;
    ps->pager.object = &ps->socket.object;
    readiness_init(&ps->asked.readiness, READY_ASK);
    ps->asked.ask = packet_socket_ask;
    listener_set_init(&ps->socket.listeners, &ps->asked.readiness);
}

/* [thread]: nobody but programs holds a packet socket. */
static void packet_socket_destroy(struct socket *s)
{
    struct packet_socket *ps = packet_socket_of(s);

    if (ps->tapped)
        interface_tap_remove(&ps->tap);
    packet_members_drop(ps);
    message_queue_fini(&ps->queue);
    packet_ring_destroy(ps->ring);
    socket_fini(s);
    env_free(ps, sizeof *ps);
}

static const struct socket_kind packet_socket_kind = {
    .name = "packet",
    .family = SOCKET_PACKET,
    .filters = true,
    .bind = packet_socket_bind,
    .connect = packet_socket_no_connect,
    .shutdown = packet_socket_no_shutdown,
    .getsockname = packet_socket_name,
    .getpeername = packet_socket_no_name,
    .setsockopt = packet_socket_set,
    .getsockopt = packet_socket_get,
    .send = packet_socket_send,
    .receive = packet_socket_receive,
    .readable = packet_socket_readable,
    .ioctl = packet_socket_ioctl,
    .destroy = packet_socket_destroy,
};

/* PROTOCOL is in network order, as a program gives it. */
static oskit_error_t packet_socket_create(oskit_s32_t type, oskit_s32_t protocol,
                                          sluice_socket_t **out)
{
    if (!socket_caller_may(CAPABILITY_NET_RAW))
        return OSKIT_EPERM;
    if (type != SOCKET_RAW && type != SOCKET_DGRAM)
        return OSKIT_ESOCKTNOSUPPORT;
    struct packet_socket *ps = env_alloc(sizeof *ps, ENV_ZERO);
    if (ps == NULL)
        return OSKIT_ENOMEM;
    socket_init(&ps->socket, &packet_socket_kind, type, protocol, READY_WRITE);
    packet_socket_class_wear(ps);
    message_queue_init(&ps->queue, &ps->socket.readiness);
    list_init(&ps->members);
    ps->tap.see = packet_socket_see;
    ps->tap.down = packet_socket_down;
    ps->version = 1;
    packet_socket_tap(ps, 0, swap16((oskit_u16_t)protocol));
    *out = socket_face(&ps->socket);
    return OSKIT_SUCCESS;
}

oskit_error_t packet_sockets_register(void)
{
    static struct socket_family family = {.family = SOCKET_PACKET, .create = packet_socket_create};

    if (packet_socket_class.name != NULL)
        return OSKIT_SUCCESS;
    packet_socket_class_make();
    socket_family_register(&family);
    return OSKIT_SUCCESS;
}
