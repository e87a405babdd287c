/*
 * Packet sockets (AF_PACKET): frames as they pass an interface. Between the files of
 * io/net/packet_socket*.c.
 *
 * A socket with a protocol is a tap (interface.h). What the tap sees goes through the socket's
 * filter and is copied, into the queue or into the ring that the program has mapped.
 *
 * Lock order: socket.mutex -> socket.lock, queue.lock (spinlocks, leaves).
 *   mutex   binding, memberships, making and ending the ring
 *   lock    ring and its head, counts, what the options say
 * index and protocol are constant while the tap is there.
 */
#ifndef IO_NET_PACKET_SOCKET_H
#define IO_NET_PACKET_SOCKET_H

#include "io/net/interface.h"
#include "io/net/message_queue.h"
#include "io/net/socket_base.h"

/* Linux's numbers. */
#define SOL_PACKET 263

#define PACKET_ADD_MEMBERSHIP  1
#define PACKET_DROP_MEMBERSHIP 2
#define PACKET_RX_RING         5
#define PACKET_STATISTICS      6
#define PACKET_AUXDATA         8
#define PACKET_ORIGDEV         9
#define PACKET_VERSION         10
#define PACKET_HDRLEN          11
#define PACKET_RESERVE         12
#define PACKET_QDISC_BYPASS    20
#define PACKET_IGNORE_OUTGOING 23

enum packet_kind {
    PACKET_HOST,
    PACKET_BROADCAST,
    PACKET_MULTICAST,
    PACKET_OTHERHOST,
    PACKET_OUTGOING
};

#define ETHERNET_HEADER 14u
#define PROTOCOL_802_3  1u /* a length and then FFFF: Novell's */
#define PROTOCOL_ALL    3u
#define PROTOCOL_802_2  4u     /* a length and then LLC */
#define PROTOCOL_LEAST  0x600u /* smaller ones are lengths */

/* Of a frame in the queue: struct message's info. */
struct packet_info {
    oskit_s64_t stamp; /* env_time_real */
    oskit_u32_t whole; /* bytes of the frame, before the filter cut it */
    oskit_u32_t interface;
    oskit_u32_t drops;    /* of the socket, before it */
    oskit_u32_t status;   /* TP_STATUS_ */
    oskit_u16_t protocol; /* host order */
    oskit_u16_t hardware;
    oskit_u16_t network; /* the network header's offset in the message */
    oskit_u8_t kind;     /* enum packet_kind */
    oskit_u8_t address_length;
    oskit_u8_t address[8]; /* the sender's */
};
_Static_assert(sizeof(struct packet_info) <= MESSAGE_INFO, "packet_info is in a message");

/* A frame that a tap shows, as sockets see it. */
struct packet_frame {
    const struct interface *interface;
    const struct packet *packet;
    struct packet_info info;
    oskit_u32_t length; /* with the link header */
    oskit_u8_t header[ETHERNET_HEADER];
};

struct packet_socket;

/* A ring of frames in pages that the program maps: version 1 or 2 of Linux's TPACKET. */
struct packet_ring {
    oskit_u32_t version; /* 1 or 2 */
    oskit_u32_t reserve;
    oskit_u32_t block_size, frame_size, frame_count;
    oskit_u32_t head; /* the frame to fill next */
    size_t page_count;
    oskit_u8_t *pages[];
};
struct packet_ring_request {
    oskit_u32_t block_size, block_count, frame_size, frame_count;
};
#define RING_HEADER 32u /* of either version */
/* OSKIT_E_INVALIDARG, OSKIT_ENOMEM. [thread] */
oskit_error_t packet_ring_create(const struct packet_ring_request *request, oskit_u32_t version,
                                 oskit_u32_t reserve, struct packet_ring **out);
void packet_ring_destroy(struct packet_ring *ring);
/* Whether the program has pages of it. */
bool packet_ring_mapped(const struct packet_ring *ring);
/* Puts the first KEEP of the frame's bytes from START on into the next place; false: the program
 * hasn't given it back. LOSING: some were dropped lately. Called with the socket's lock held. [any]
 */
bool packet_ring_put(struct packet_ring *ring, const struct packet_frame *frame, oskit_u32_t start,
                     oskit_u32_t keep, oskit_s32_t type, bool losing);
/* The frame put last still waits for the program. Called with the socket's lock held. [any] */
bool packet_ring_ready(const struct packet_ring *ring);
/* With a reference for the caller; NULL: beyond it. */
void *packet_ring_page(const struct packet_ring *ring, oskit_u64_t index);

struct packet_member {
    struct list link;
    oskit_u32_t interface, count;
    oskit_u16_t type, address_length;
    oskit_u8_t address[8];
};

struct packet_socket {
    struct socket socket;
    SLUICE_FACE(sluice_pager_t) pager;
    /* What programs poll: READ of a ring is in the program's memory. The base's own level has the
     * queue's READ, and ERR. */
    struct readiness_asked asked;
    struct env_mutex mutex;
    struct interface_tap tap;
    bool tapped;
    oskit_u32_t index;    /* 0: all interfaces */
    oskit_u16_t protocol; /* host order; 0: none, nothing is received */
    struct list members;
    struct env_spinlock lock;
    struct packet_ring *ring;
    oskit_u32_t version, reserve; /* for the ring that comes */
    oskit_u32_t packets, drops;   /* since PACKET_STATISTICS */
    oskit_u32_t drops_ever;
    oskit_s64_t last_stamp; /* of the frame received last; 0: none */
    bool auxdata, origdev, ignore_outgoing, qdisc_bypass;
    struct message_queue queue;
};

static inline struct packet_socket *packet_socket_of(struct socket *s)
{
    return container_of(s, struct packet_socket, socket);
}

/* packet_socket_receive.c */
void packet_socket_see(struct interface_tap *tap, const struct interface *interface,
                       const struct packet *packet, enum interface_direction direction);
oskit_error_t packet_socket_receive(struct socket *s, struct socket_message *message,
                                    oskit_size_t *out);
/* packet_socket_send.c */
oskit_error_t packet_socket_send(struct socket *s, struct socket_message *message,
                                 oskit_size_t *out);
/* PACKET was sent by PS. */
bool packet_socket_sent(const struct packet_socket *ps, const struct packet *packet);
/* packet_socket_option.c */
oskit_error_t packet_socket_set(struct socket *s, oskit_s32_t level, oskit_s32_t name,
                                const void *value, oskit_u32_t length);
oskit_error_t packet_socket_get(struct socket *s, oskit_s32_t level, oskit_s32_t name, void *value,
                                oskit_u32_t *length);
/* packet_socket_member.c */
oskit_error_t packet_member_change(struct packet_socket *ps, bool add, const void *value,
                                   oskit_u32_t length);
void packet_members_drop(struct packet_socket *ps);

#endif
