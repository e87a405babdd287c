/*
 * A packet on its way through the system: a frame of a network, in memory that a device reaches,
 * with what the two sides of a network card tell each other about checksums and segmentation.
 *
 * The frame is the bytes of `segments`, then those of `more`'s, and so on. Cards that join receive
 * buffers chain packets by `more`, so that each buffer goes back on its own; who sends usually uses
 * several segments. Only the first packet of a chain carries `offload`.
 *
 * Ownership. A packet belongs to whoever holds it; handing it on hands on all of its chain. The
 * last holder calls packet_done, once for each packet of a chain, in any order, in any context. The
 * memory of the segments is not to be written by who receives, except when it is the only holder.
 */
#ifndef SLUICE_PACKET_H
#define SLUICE_PACKET_H

#include <stdbool.h>
#include <stdint.h>
#include <oskit/error.h>
#include <oskit/io/bufio.h>
#include <oskit/types.h>
#include <sluice/blockqueue.h>
#include <sluice/list.h>

/* Bits of offload.flags. */
#define PACKET_SUM_WANTED \
    1u                     /* to send: the checksum at sum_start + sum_offset is to be filled in */
#define PACKET_SUM_GOOD 2u /* received: all checksums are right, or never were on a wire */
/* Kinds of segmentation. */
enum packet_gso { PACKET_GSO_NONE, PACKET_GSO_TCP4, PACKET_GSO_TCP6 };

/* As virtio 5.1.6 has them; offsets are from the frame's first byte. */
struct packet_offload {
    oskit_u8_t flags;
    oskit_u8_t gso;            /* enum packet_gso: the frame is cut into pieces by who sends it */
    oskit_u16_t gso_size;      /* bytes of payload in each piece */
    oskit_u16_t header_length; /* link, network and transport header; with gso */
    oskit_u16_t sum_start;     /* first byte that the checksum covers */
    oskit_u16_t sum_offset;    /* of the checksum from there; the pseudo header's sum is in it */
};

struct packet {
    struct list link; /* the holder's */
    struct packet *more;
    const struct sg_segment *segments; /* as in <sluice/blockqueue.h> */
    oskit_u32_t segment_count;         /* > 0 */
    oskit_u32_t length;                /* bytes of these segments, without those of `more` */
    struct packet_offload offload;
    /* Takes the packet back, with its segments. [any] */
    void (*done)(struct packet *packet);
    void *arg;           /* of who made it, for done */
    uintptr_t holder[8]; /* the present holder's own */
};

static inline void packet_done(struct packet *packet)
{
    packet->done(packet);
}

/* Of the whole chain: packet_done for each; the frame's bytes; segments in it. [any] */
void packet_chain_done(struct packet *packet);
oskit_u32_t packet_chain_length(const struct packet *packet);
oskit_u32_t packet_chain_segments(const struct packet *packet);
/* Copies LENGTH bytes from OFFSET of the frame; how many there were. Counted in
 * packet_copied_bytes. [any] */
oskit_u32_t packet_chain_read(const struct packet *packet, oskit_u32_t offset, void *to,
                              oskit_u32_t length);

/*
 * A packet as the seed has it: a bufio (map when it is one segment, else read; wire likewise;
 * sgbuf always) that owns PACKET's chain and gives it back with its last release. NULL: no memory,
 * the caller still has the packet. [any]
 */
oskit_bufio_t *packet_bufio_create(struct packet *packet);
/*
 * The other way: a packet over the first SIZE bytes of BUF, of which it takes a reference. The
 * segments are BUF's own where it can be wired; else its bytes are copied. NULL: no memory. [any]
 */
struct packet *packet_from_bufio(oskit_bufio_t *buf, oskit_size_t size);

/*
 * Packets with memory of their own: one segment of up to SIZE bytes behind HEADROOM bytes for
 * headers that come in front later. They come from a wired pool (<sluice/pool.h>). done gives the
 * packet back to its pool.
 */
struct packet_pool;
/* COUNT packets at most, RESERVE made now. OSKIT_E_OUTOFMEMORY. [thread] */
oskit_error_t packet_pool_create(oskit_u32_t headroom, oskit_u32_t size, oskit_u32_t reserve,
                                 oskit_u32_t count, struct packet_pool **out);
/* The pool ends when its last packet has come back. [any] */
void packet_pool_release(struct packet_pool *pool);
/* An empty packet: segments[0].base is behind the headroom, its length 0 like the packet's. NULL:
 * all are taken. [any] */
struct packet *packet_take(struct packet_pool *pool);
/* A packet of packet_take: sets its length; makes it begin SIZE bytes earlier. false: no room. */
bool packet_resize(struct packet *packet, oskit_u32_t length);
bool packet_prepend(struct packet *packet, oskit_u32_t size);
/* Makes memory for packets taken since the last fill, as far as the limit allows. [thread] */
void packet_pool_fill(struct packet_pool *pool);

/* Copies of payload bytes since the start, for tests that assert how often a path copies: counted
 * wherever io/net or a driver copies the contents of a packet. */
extern _Atomic oskit_u64_t packet_copied_bytes;

#endif
