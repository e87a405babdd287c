/* Packet sockets: what a tap shows, and how it comes to the program. See packet_socket.h. */
#include "io/net/packet_socket.h"

#include <sluice/string.h>
#include "io/net/socket_filter.h"

/* ---- What a frame is ---- */

static oskit_u16_t word_at(const oskit_u8_t *bytes)
{
    return (oskit_u16_t)(bytes[0] << 8 | bytes[1]);
}

/* As Linux's eth_type_trans has it. */
static oskit_u16_t frame_protocol(const struct packet_frame *frame)
{
    oskit_u16_t type = word_at(frame->header + 12);
    oskit_u8_t next[2] = {0};

    if (type >= PROTOCOL_LEAST)
        return type;
    if (frame->length >= ETHERNET_HEADER + 2)
        packet_chain_read(frame->packet, ETHERNET_HEADER, next, 2);
    return word_at(next) == 0xffff ? PROTOCOL_802_3 : PROTOCOL_802_2;
}

static oskit_u8_t frame_kind(const struct packet_frame *frame, enum interface_direction direction)
{
    const struct interface *interface = frame->interface;

    if (direction == INTERFACE_SENT)
        return PACKET_OUTGOING;
    if (frame->header[0] & 1)
        return memcmp(frame->header, interface->broadcast, 6) == 0 ? PACKET_BROADCAST
                                                                   : PACKET_MULTICAST;
    return memcmp(frame->header, interface->address, 6) == 0 ? PACKET_HOST : PACKET_OTHERHOST;
}

#define STATUS_USER          1u
#define STATUS_SUM_NOT_READY 8u
#define STATUS_SUM_VALID     0x80u

static oskit_u32_t frame_status(const struct packet *packet, enum interface_direction direction)
{
    if (packet->offload.flags & PACKET_SUM_WANTED)
        return STATUS_USER | STATUS_SUM_NOT_READY;
    if (direction == INTERFACE_RECEIVED && packet->offload.flags & PACKET_SUM_GOOD)
        return STATUS_USER | STATUS_SUM_VALID;
    return STATUS_USER;
}

/* false: no frame at all. */
static bool frame_look(struct packet_frame *frame, const struct interface *interface,
                       const struct packet *packet, enum interface_direction direction)
{
    frame->interface = interface;
    frame->packet = packet;
    frame->length = packet_chain_length(packet);
    if (packet_chain_read(packet, 0, frame->header, ETHERNET_HEADER) < ETHERNET_HEADER)
        return false;
    frame->info = (struct packet_info){
        .stamp = env_time_real(),
        .whole = frame->length,
        .interface = interface->index,
        .status = frame_status(packet, direction),
        .hardware = interface->hardware,
        .kind = frame_kind(frame, direction),
        .address_length = 6,
        .protocol = frame_protocol(frame),
    };
    memcpy(frame->info.address, frame->header + 6, 6);
    return true;
}

/* ---- The tap ---- */

/* How much of the frame, from START on, the socket's filter wants. */
static oskit_u32_t frame_filter(struct packet_socket *ps, const struct packet_frame *frame,
                                oskit_u32_t start)
{
    if (!socket_filtered(&ps->socket))
        return frame->length - start;
    const struct sg_segment *first = &frame->packet->segments[0];
    struct bpf_view view = {
        .bytes = first->base,
        .piece = first->length,
        .packet = frame->packet,
        .length = frame->length,
        .start = start,
        .network = ETHERNET_HEADER,
        .protocol = frame->info.protocol,
        .kind = frame->info.kind,
        .interface = frame->info.interface,
        .hardware = frame->info.hardware,
    };

    oskit_u32_t keep;

    socket_filter_run(&ps->socket, &view, &keep);
    return keep;
}

/* Linux counts what it drops among the packets, too. Called with the lock held. */
static void packet_count(struct packet_socket *ps, bool kept)
{
    ps->packets++;
    ps->drops += !kept;
    ps->drops_ever += !kept;
}

static bool frame_queue(struct packet_socket *ps, const struct packet_frame *frame,
                        oskit_u32_t start, oskit_u32_t keep)
{
    struct message *message = message_alloc(keep, ENV_NOSLEEP);

    if (message == NULL)
        return false;
    memcpy(message->info, &frame->info, sizeof frame->info);
    packet_chain_read(frame->packet, start, message->bytes, keep);
    bool queued =
        message_queue_push(&ps->queue, message, SOCKET_OPTION(&ps->socket, receive_buffer));
    if (!queued)
        message_put(message);
    return queued;
}

/* true: into the ring, if there is one (PUT says whether it had room). A frame is copied under the
 * lock, so that the ring's places are filled in order and the ring can't go meanwhile. */
static bool frame_ring(struct packet_socket *ps, struct packet_frame *frame, oskit_u32_t start,
                       oskit_u32_t keep, bool *put)
{
    env_spin_lock(&ps->lock);
    struct packet_ring *ring = ps->ring;
    frame->info.drops = ps->drops_ever;
    if (ring != NULL) {
        *put = packet_ring_put(ring, frame, start, keep, ps->socket.type, ps->drops != 0);
        packet_count(ps, *put);
    }
    env_spin_unlock(&ps->lock);
    return ring != NULL;
}

static void frame_keep(struct packet_socket *ps, struct packet_frame *frame, oskit_u32_t start,
                       oskit_u32_t keep)
{
    bool kept;

    if (!frame_ring(ps, frame, start, keep, &kept)) {
        kept = frame_queue(ps, frame, start, keep);
        env_spin_lock(&ps->lock);
        packet_count(ps, kept);
        env_spin_unlock(&ps->lock);
    }
    if (kept)
        readiness_tell(&ps->asked.readiness, READY_READ);
}

/* As on Linux only a socket of all protocols sees what is sent, and nobody his own. [any] */
void packet_socket_see(struct interface_tap *tap, const struct interface *interface,
                       const struct packet *packet, enum interface_direction direction)
{
    struct packet_socket *ps = container_of(tap, struct packet_socket, tap);
    struct packet_frame frame;

    if (direction == INTERFACE_SENT &&
        (ps->protocol != PROTOCOL_ALL || ps->ignore_outgoing || packet_socket_sent(ps, packet)))
        return;
    if (!frame_look(&frame, interface, packet, direction))
        return;
    if (ps->protocol != PROTOCOL_ALL && ps->protocol != frame.info.protocol)
        return;
    oskit_u32_t start = ps->socket.type == SOCKET_RAW ? 0 : ETHERNET_HEADER;
    frame.info.network = (oskit_u16_t)(ETHERNET_HEADER - start);
    frame.info.whole -= start;
    oskit_u32_t keep = frame_filter(ps, &frame, start);
    if (keep > 0)
        frame_keep(ps, &frame, start, keep);
}

/* ---- To the program ---- */

static void info_name(const struct packet_info *info, struct socket_address *out)
{
    memset(&out->u.packet, 0, sizeof out->u.packet);
    out->length = sizeof out->u.packet;
    out->u.packet.family = SOCKET_PACKET;
    out->u.packet.protocol = (oskit_u16_t)(info->protocol << 8 | info->protocol >> 8);
    out->u.packet.interface = (oskit_s32_t)info->interface;
    out->u.packet.hardware = info->hardware;
    out->u.packet.kind = info->kind;
    out->u.packet.address_length = info->address_length;
    memcpy(out->u.packet.address, info->address, info->address_length);
}

/* Linux's struct tpacket_auxdata. */
struct packet_auxiliary {
    oskit_u32_t status, length, kept;
    oskit_u16_t link, network;
    oskit_u16_t vlan_tag, vlan_protocol;
};

static void put_auxiliary(struct socket_control *control, const struct packet_info *info,
                          oskit_u32_t kept)
{
    struct packet_auxiliary auxiliary = {
        .status = info->status,
        .length = info->whole,
        .kept = kept,
        .network = info->network,
    };

    socket_control_put(control, SOL_PACKET, PACKET_AUXDATA, &auxiliary, sizeof auxiliary);
}

static void message_control(const struct packet_socket *ps, struct socket_control *control,
                            const struct message *from)
{
    const struct packet_info *info = (const struct packet_info *)from->info;
    const struct socket_options *options = &ps->socket.options;

    if (control == NULL)
        return;
    socket_stamp_put(&ps->socket, control, info->stamp);
    if (options->rxq_overflow && info->drops != 0)
        socket_control_put(control, SOCKET_SOL_SOCKET, SOCKET_SO_RXQ_OVFL, &info->drops,
                           sizeof info->drops);
    if (ps->auxdata)
        put_auxiliary(control, info, from->length);
}

#define FLAGS_KNOWN \
    (SOCKET_MSG_PEEK | SOCKET_MSG_DONTWAIT | SOCKET_MSG_TRUNC | SOCKET_MSG_CMSG_CLOEXEC)

static oskit_error_t message_out(struct packet_socket *ps, struct message *from,
                                 struct socket_message *message, oskit_size_t *out)
{
    const struct packet_info *info = (const struct packet_info *)from->info;
    oskit_error_t err = message_read(from, message, out);

    if (OSKIT_FAILED(err))
        return err;
    if (message->name != NULL)
        info_name(info, message->name);
    message_control(ps, message->control, from);
    env_spin_lock(&ps->lock);
    ps->last_stamp = info->stamp;
    env_spin_unlock(&ps->lock);
    return OSKIT_SUCCESS;
}

oskit_error_t packet_socket_receive(struct socket *s, struct socket_message *message,
                                    oskit_size_t *out)
{
    struct packet_socket *ps = packet_socket_of(s);

    if (message->flags & SOCKET_MSG_ERRQUEUE)
        return OSKIT_EWOULDBLOCK;
    if (message->flags & ~FLAGS_KNOWN)
        return OSKIT_E_INVALIDARG;
    oskit_error_t err = socket_error_take(s);
    if (OSKIT_FAILED(err))
        return err;
    struct message *from = message_queue_front(&ps->queue, !(message->flags & SOCKET_MSG_PEEK));
    if (from == NULL)
        return OSKIT_EWOULDBLOCK;
    err = message_out(ps, from, message, out);
    message_put(from);
    return err;
}
