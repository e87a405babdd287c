/*
 * Packet sockets: frames of a program's own making. A frame is copied once, from the program's
 * memory into a block that goes to the card. What waits for the card is bounded by the interface's
 * queue (ENOBUFS), so nothing is counted here.
 */
#include "io/net/packet_socket.h"

#include <sluice/string.h>

#define VLAN_TAG 4u

struct sent {
    struct packet packet; /* first */
    struct sg_segment segment;
    size_t size; /* of all this */
    oskit_u8_t bytes[];
};

static void sent_done(struct packet *packet)
{
    struct sent *sent = (struct sent *)packet;

    env_free(sent, sent->size);
}

/* The socket may be gone, and another one in its place; then that one misses a frame. */
bool packet_socket_sent(const struct packet_socket *ps, const struct packet *packet)
{
    return packet->done == sent_done && packet->arg == ps;
}

static struct sent *sent_alloc(struct packet_socket *ps, oskit_u32_t length)
{
    size_t size = sizeof(struct sent) + length;
    struct sent *sent = env_alloc(size, 0);

    if (sent == NULL)
        return NULL;
    sent->size = size;
    sent->segment = (struct sg_segment){sent->bytes, length};
    sent->packet = (struct packet){
        .segments = &sent->segment,
        .segment_count = 1,
        .length = length,
        .done = sent_done,
        .arg = ps,
    };
    list_init(&sent->packet.link);
    return sent;
}

/* Where a message goes. */
struct target {
    struct interface *interface;
    oskit_u16_t protocol;      /* network order */
    const oskit_u8_t *address; /* NULL: none was given */
};

#define NAME_LEAST 12u /* up to the hardware address */

static oskit_error_t target_read(struct packet_socket *ps, const struct socket_address *name,
                                 struct target *out)
{
    oskit_u32_t index;

    if (name == NULL) {
        env_mutex_lock(&ps->mutex);
        index = ps->index;
        out->protocol = (oskit_u16_t)(ps->protocol << 8 | ps->protocol >> 8);
        env_mutex_unlock(&ps->mutex);
        out->address = NULL;
    } else {
        if (name->length < sizeof name->u.packet || name->u.family != SOCKET_PACKET ||
            name->u.packet.address_length > name->length - NAME_LEAST)
            return OSKIT_E_INVALIDARG;
        index = (oskit_u32_t)name->u.packet.interface;
        out->protocol = name->u.packet.protocol;
        out->address = name->u.packet.address;
    }
    out->interface = index != 0 ? interface_by_index(index) : NULL;
    if (out->interface == NULL)
        return OSKIT_ENXIO;
    return OSKIT_SUCCESS;
}

/* The link header of a datagram. */
static oskit_error_t header_make(oskit_u8_t *header, const struct target *target)
{
    const struct interface *interface = target->interface;

    if (target->address == NULL && !(interface->flags & (INTERFACE_LOOPBACK | INTERFACE_NOARP)))
        return OSKIT_E_INVALIDARG;
    memset(header, 0, ETHERNET_HEADER);
    if (target->address != NULL)
        memcpy(header, target->address, 6);
    memcpy(header + 6, interface->address, 6);
    memcpy(header + 12, &target->protocol, 2);
    return OSKIT_SUCCESS;
}

/* What the program gave, behind the header that it or we make. */
static oskit_error_t sent_fill(struct packet_socket *ps, struct sent *sent,
                               const struct target *target, struct sluice_uio *uio)
{
    oskit_u32_t header = ps->socket.type == SOCKET_RAW ? 0 : ETHERNET_HEADER;
    oskit_error_t err = header != 0 ? header_make(sent->bytes, target) : OSKIT_SUCCESS;
    size_t moved;

    return OSKIT_SUCCEEDED(err) ? uio_read_from(uio, sent->bytes + header, uio->left, &moved) : err;
}

static oskit_error_t length_check(const struct target *target, size_t frame)
{
    if (frame > (size_t)target->interface->mtu + ETHERNET_HEADER + VLAN_TAG)
        return OSKIT_EMSGSIZE;
    return frame < ETHERNET_HEADER ? OSKIT_E_INVALIDARG : OSKIT_SUCCESS;
}

static oskit_error_t target_send(struct packet_socket *ps, const struct target *target,
                                 struct sluice_uio *uio)
{
    size_t frame = uio->left + (ps->socket.type == SOCKET_RAW ? 0 : ETHERNET_HEADER);
    struct list packets = LIST_INIT(packets);

    if (!(target->interface->flags & INTERFACE_UP))
        return OSKIT_ENETDOWN;
    oskit_error_t err = length_check(target, frame);
    if (OSKIT_FAILED(err))
        return err;
    struct sent *sent = sent_alloc(ps, (oskit_u32_t)frame);
    if (sent == NULL)
        return OSKIT_ENOBUFS;
    err = sent_fill(ps, sent, target, uio);
    if (OSKIT_FAILED(err)) {
        sent_done(&sent->packet);
        return err;
    }
    list_push_back(&packets, &sent->packet.link);
    return interface_send(target->interface, &packets);
}

/* Flags mean nothing here, and as on Linux none is refused. */
oskit_error_t packet_socket_send(struct socket *s, struct socket_message *message,
                                 oskit_size_t *out)
{
    struct packet_socket *ps = packet_socket_of(s);
    struct target target = {0};
    size_t length = message->uio->left;

    oskit_error_t err = target_read(ps, message->name, &target);
    if (OSKIT_FAILED(err))
        return err;
    err = target_send(ps, &target, message->uio);
    interface_put(target.interface);
    *out = OSKIT_SUCCEEDED(err) ? length : 0;
    return err;
}
