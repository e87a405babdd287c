/* Packet sockets: options of SOL_PACKET. See packet_socket.h. */
#include "io/net/packet_socket.h"

#include <sluice/string.h>

/* ---- The ring ---- */

static void ring_swap(struct packet_socket *ps, struct packet_ring *ring)
{
    env_spin_lock(&ps->lock);
    struct packet_ring *old = ps->ring;
    ps->ring = ring;
    env_spin_unlock(&ps->lock);
    packet_ring_destroy(old);
}

/* Called with the mutex held. */
static oskit_error_t ring_change(struct packet_socket *ps,
                                 const struct packet_ring_request *request)
{
    struct packet_ring *ring = NULL;
    oskit_error_t err = OSKIT_SUCCESS;

    if (ps->ring != NULL && (request->block_count != 0 || packet_ring_mapped(ps->ring)))
        return OSKIT_EBUSY;
    if (request->block_count != 0)
        err = packet_ring_create(request, ps->version, ps->reserve, &ring);
    else if (request->frame_count != 0)
        err = OSKIT_E_INVALIDARG;
    if (OSKIT_FAILED(err))
        return err;
    ring_swap(ps, ring);
    /* What came before the ring is dropped, as Linux does. */
    message_queue_fini(&ps->queue);
    return OSKIT_SUCCESS;
}

static oskit_error_t ring_set(struct packet_socket *ps, const void *value, oskit_u32_t length)
{
    struct packet_ring_request request;

    if (length < sizeof request)
        return OSKIT_E_INVALIDARG;
    memcpy(&request, value, sizeof request);
    env_mutex_lock(&ps->mutex);
    oskit_error_t err = ring_change(ps, &request);
    env_mutex_unlock(&ps->mutex);
    return err;
}

#define TPACKET_V1 0
#define TPACKET_V2 1

/* Version 3 is refused with the error that has libpcap try version 2. */
static oskit_error_t version_set(struct packet_socket *ps, oskit_s32_t version)
{
    if (version != TPACKET_V1 && version != TPACKET_V2)
        return OSKIT_E_INVALIDARG;
    env_mutex_lock(&ps->mutex);
    bool busy = ps->ring != NULL;
    if (!busy)
        ps->version = version == TPACKET_V1 ? 1 : 2;
    env_mutex_unlock(&ps->mutex);
    return busy ? OSKIT_EBUSY : OSKIT_SUCCESS;
}

static oskit_error_t reserve_set(struct packet_socket *ps, oskit_s32_t reserve)
{
    if (reserve < 0)
        return OSKIT_E_INVALIDARG;
    env_mutex_lock(&ps->mutex);
    bool busy = ps->ring != NULL;
    if (!busy)
        ps->reserve = (oskit_u32_t)reserve;
    env_mutex_unlock(&ps->mutex);
    return busy ? OSKIT_EBUSY : OSKIT_SUCCESS;
}

/* ---- Setting ---- */

static bool *switch_find(struct packet_socket *ps, oskit_s32_t name)
{
    switch (name) {
    case PACKET_AUXDATA:
        return &ps->auxdata;
    case PACKET_ORIGDEV: /* there are no interfaces over others */
        return &ps->origdev;
    case PACKET_IGNORE_OUTGOING:
        return &ps->ignore_outgoing;
    case PACKET_QDISC_BYPASS: /* nothing stands between a socket and the card */
        return &ps->qdisc_bypass;
    default:
        return NULL;
    }
}

static oskit_error_t number_set(struct packet_socket *ps, oskit_s32_t name, oskit_s32_t number)
{
    bool *on = switch_find(ps, name);

    if (on != NULL) {
        if (name == PACKET_IGNORE_OUTGOING && (number < 0 || number > 1))
            return OSKIT_E_INVALIDARG;
        *on = number != 0;
        return OSKIT_SUCCESS;
    }
    return name == PACKET_VERSION ? version_set(ps, number) : reserve_set(ps, number);
}

oskit_error_t packet_socket_set(struct socket *s, oskit_s32_t level, oskit_s32_t name,
                                const void *value, oskit_u32_t length)
{
    struct packet_socket *ps = packet_socket_of(s);
    oskit_s32_t number;

    if (level != SOL_PACKET)
        return OSKIT_ENOPROTOOPT;
    switch (name) {
    case PACKET_ADD_MEMBERSHIP:
    case PACKET_DROP_MEMBERSHIP:
        return packet_member_change(ps, name == PACKET_ADD_MEMBERSHIP, value, length);
    case PACKET_RX_RING:
        return ring_set(ps, value, length);
    case PACKET_VERSION:
    case PACKET_RESERVE:
    case PACKET_AUXDATA:
    case PACKET_ORIGDEV:
    case PACKET_IGNORE_OUTGOING:
    case PACKET_QDISC_BYPASS:
        break;
    default:
        return OSKIT_ENOPROTOOPT;
    }
    if (length < sizeof number)
        return OSKIT_E_INVALIDARG;
    oskit_error_t err = option_int(value, length, &number);
    return OSKIT_SUCCEEDED(err) ? number_set(ps, name, number) : err;
}

/* ---- Getting ---- */

/* Counts begin anew with each look. */
static oskit_error_t statistics_get(struct packet_socket *ps, void *value, oskit_u32_t *length)
{
    env_spin_lock(&ps->lock);
    oskit_u32_t counts[2] = {ps->packets, ps->drops};
    ps->packets = ps->drops = 0;
    env_spin_unlock(&ps->lock);
    return option_put(value, length, counts, sizeof counts);
}

/* The version is in VALUE. */
static oskit_error_t header_length_get(void *value, oskit_u32_t *length)
{
    oskit_s32_t version;

    if (*length < sizeof version)
        return OSKIT_E_INVALIDARG;
    memcpy(&version, value, sizeof version);
    if (version != TPACKET_V1 && version != TPACKET_V2)
        return OSKIT_E_INVALIDARG;
    return option_put_int(value, length, RING_HEADER);
}

static oskit_error_t packet_get(struct packet_socket *ps, oskit_s32_t name, void *value,
                                oskit_u32_t *length)
{
    const bool *on = switch_find(ps, name);

    if (on != NULL)
        return option_put_int(value, length, *on);
    switch (name) {
    case PACKET_STATISTICS:
        return statistics_get(ps, value, length);
    case PACKET_VERSION:
        return option_put_int(value, length, ps->version == 1 ? TPACKET_V1 : TPACKET_V2);
    case PACKET_HDRLEN:
        return header_length_get(value, length);
    case PACKET_RESERVE:
        return option_put_int(value, length, (oskit_s32_t)ps->reserve);
    default:
        return OSKIT_ENOPROTOOPT;
    }
}

oskit_error_t packet_socket_get(struct socket *s, oskit_s32_t level, oskit_s32_t name, void *value,
                                oskit_u32_t *length)
{
    struct packet_socket *ps = packet_socket_of(s);

    return level == SOL_PACKET ? packet_get(ps, name, value, length) : OSKIT_ENOPROTOOPT;
}
