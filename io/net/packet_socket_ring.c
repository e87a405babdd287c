/*
 * The ring of a packet socket, in the program's sight: blocks of whole pages, one after the other,
 * each cut into frames. A frame begins with a word that says whose it is. We fill those that are
 * ours and make them the program's; it reads them and gives them back, without a call.
 *
 *     header (version 1 or 2), padded to 32     sockaddr_ll, 20     ...     the frame's bytes
 *
 * The program may write what it likes at any time: nothing but that word is read, and what it says
 * decides nothing but whether the place is filled.
 */
#include "io/net/packet_socket.h"

#include <limits.h>
#include <sluice/string.h>

#define ALIGN(n) (((n) + 15u) & ~15u)

#define STATUS_COPY   2u /* the frame was longer than its place */
#define STATUS_LOSING 4u

#define RESERVE_MAX (UINT16_MAX - 128u) /* offsets in headers have 16 bits */

struct ring_address { /* Linux's struct sockaddr_ll */
    oskit_u16_t family, protocol;
    oskit_s32_t interface;
    oskit_u16_t hardware;
    oskit_u8_t kind, address_length, address[8];
};

struct header_v1 {
    oskit_u64_t status;
    oskit_u32_t length, kept;
    oskit_u16_t link, network;
    oskit_u32_t seconds, microseconds;
};
struct header_v2 {
    oskit_u32_t status, length, kept;
    oskit_u16_t link, network;
    oskit_u32_t seconds, nanoseconds;
    oskit_u16_t vlan_tag, vlan_protocol;
    oskit_u8_t pad[4];
};
_Static_assert(sizeof(struct header_v1) == RING_HEADER, "struct tpacket_hdr");
_Static_assert(sizeof(struct header_v2) == RING_HEADER, "struct tpacket2_hdr");

#define HEAD_LENGTH (RING_HEADER + (oskit_u32_t)sizeof(struct ring_address))

/* ---- Making ---- */

static size_t ring_size(size_t page_count)
{
    return sizeof(struct packet_ring) + page_count * sizeof(oskit_u8_t *);
}

static bool request_sound(const struct packet_ring_request *request, oskit_u32_t reserve)
{
    if (request->block_size == 0 || request->block_size > INT_MAX ||
        request->block_size % ENV_PAGE_SIZE != 0)
        return false;
    if (reserve > INT_MAX - HEAD_LENGTH || request->frame_size < HEAD_LENGTH + reserve ||
        request->frame_size % 16 != 0)
        return false;
    oskit_u32_t per_block = request->block_size / request->frame_size;
    return per_block != 0 && request->block_count <= UINT_MAX / request->block_size &&
           (oskit_u64_t)per_block * request->block_count == request->frame_count;
}

static bool ring_fill(struct packet_ring *ring)
{
    for (size_t i = 0; i < ring->page_count; i++) {
        ring->pages[i] = env_page_alloc(0, ENV_ZERO);
        if (ring->pages[i] == NULL)
            return false;
    }
    return true;
}

/* At most a quarter of the machine's memory: nobody can take it back. */
oskit_error_t packet_ring_create(const struct packet_ring_request *request, oskit_u32_t version,
                                 oskit_u32_t reserve, struct packet_ring **out)
{
    *out = NULL;
    if (!request_sound(request, reserve))
        return OSKIT_E_INVALIDARG;
    size_t pages = (size_t)(request->block_size / ENV_PAGE_SIZE) * request->block_count;
    if (pages > env_page_total() / 4)
        return OSKIT_ENOMEM;
    struct packet_ring *ring = env_alloc(ring_size(pages), ENV_ZERO);
    if (ring == NULL)
        return OSKIT_ENOMEM;
    ring->version = version;
    ring->reserve = reserve;
    ring->block_size = request->block_size;
    ring->frame_size = request->frame_size;
    ring->frame_count = request->frame_count;
    ring->page_count = pages;
    if (!ring_fill(ring)) {
        packet_ring_destroy(ring);
        return OSKIT_ENOMEM;
    }
    *out = ring;
    return OSKIT_SUCCESS;
}

void packet_ring_destroy(struct packet_ring *ring)
{
    if (ring == NULL)
        return;
    for (size_t i = 0; i < ring->page_count; i++)
        if (ring->pages[i] != NULL)
            env_page_unref(ring->pages[i]);
    env_free(ring, ring_size(ring->page_count));
}

bool packet_ring_mapped(const struct packet_ring *ring)
{
    for (size_t i = 0; i < ring->page_count; i++)
        if (env_page_shared(ring->pages[i]))
            return true;
    return false;
}

void *packet_ring_page(const struct packet_ring *ring, oskit_u64_t index)
{
    if (index >= ring->page_count)
        return NULL;
    env_page_ref(ring->pages[index]);
    return ring->pages[index];
}

/* ---- Places ---- */

static size_t frame_place(const struct packet_ring *ring, oskit_u32_t frame)
{
    oskit_u32_t per_block = ring->block_size / ring->frame_size;

    return (size_t)(frame / per_block) * ring->block_size +
           (size_t)(frame % per_block) * ring->frame_size;
}

static oskit_u8_t *ring_at(const struct packet_ring *ring, size_t place)
{
    return ring->pages[place / ENV_PAGE_SIZE] + place % ENV_PAGE_SIZE;
}

static size_t page_rest(size_t place)
{
    return ENV_PAGE_SIZE - place % ENV_PAGE_SIZE;
}

static void ring_write(const struct packet_ring *ring, size_t place, const void *from, size_t size)
{
    const oskit_u8_t *at = from;

    for (size_t run; size > 0; place += run, at += run, size -= run) {
        run = size < page_rest(place) ? size : page_rest(place);
        memcpy(ring_at(ring, place), at, run);
    }
}

static void ring_write_frame(const struct packet_ring *ring, size_t place,
                             const struct packet_frame *frame, oskit_u32_t offset, size_t size)
{
    for (size_t run; size > 0; place += run, offset += (oskit_u32_t)run, size -= run) {
        run = size < page_rest(place) ? size : page_rest(place);
        packet_chain_read(frame->packet, offset, ring_at(ring, place), (oskit_u32_t)run);
    }
}

/* Places are multiples of 16, so the word never crosses a page. Both versions' fit in 32 bits. */
static oskit_u32_t status_read(const struct packet_ring *ring, oskit_u32_t frame)
{
    return __atomic_load_n((oskit_u32_t *)ring_at(ring, frame_place(ring, frame)),
                           __ATOMIC_ACQUIRE);
}

static void status_write(const struct packet_ring *ring, oskit_u32_t frame, oskit_u32_t status)
{
    /* What was written to the place is seen before the word that gives it to the program. */
    __atomic_store_n((oskit_u32_t *)ring_at(ring, frame_place(ring, frame)), status,
                     __ATOMIC_RELEASE);
}

bool packet_ring_ready(const struct packet_ring *ring)
{
    oskit_u32_t last = ring->head != 0 ? ring->head - 1 : ring->frame_count - 1;

    return status_read(ring, last) != 0;
}

/* ---- Filling ---- */

#define NANOSECONDS 1000000000

struct ring_spot {
    oskit_u32_t length, kept;
    oskit_u16_t link, network;
};

/* All but the status, which comes last. */
static void write_header(const struct packet_ring *ring, size_t place,
                         const struct packet_info *info, const struct ring_spot *spot)
{
    oskit_u32_t seconds = (oskit_u32_t)(info->stamp / NANOSECONDS);
    oskit_u32_t nanoseconds = (oskit_u32_t)(info->stamp % NANOSECONDS);
    struct header_v1 v1 = {0,       spot->length,      spot->kept, spot->link, spot->network,
                           seconds, nanoseconds / 1000};
    struct header_v2 v2 = {0,       spot->length, spot->kept, spot->link, spot->network,
                           seconds, nanoseconds,  0,          0,          {0}};

    if (ring->version == 1)
        ring_write(ring, place + sizeof v1.status, &v1.length, sizeof v1 - sizeof v1.status);
    else
        ring_write(ring, place + sizeof v2.status, &v2.length, sizeof v2 - sizeof v2.status);
}

static void write_address(const struct packet_ring *ring, size_t place,
                          const struct packet_info *info)
{
    struct ring_address address = {
        .family = SOCKET_PACKET,
        .protocol = (oskit_u16_t)(info->protocol << 8 | info->protocol >> 8),
        .interface = (oskit_s32_t)info->interface,
        .hardware = info->hardware,
        .kind = info->kind,
        .address_length = info->address_length,
    };

    memcpy(address.address, info->address, sizeof address.address);
    ring_write(ring, place + RING_HEADER, &address, sizeof address);
}

/* Where the bytes go, as Linux has it: the network header is aligned. */
static struct ring_spot ring_spot(const struct packet_ring *ring, oskit_u32_t keep,
                                  oskit_s32_t type, oskit_u32_t whole)
{
    oskit_u32_t network, link;

    if (type == SOCKET_RAW) {
        network = ALIGN(HEAD_LENGTH + 16) + ring->reserve;
        link = network - ETHERNET_HEADER;
    } else {
        link = network = ALIGN(HEAD_LENGTH) + 16 + ring->reserve;
    }
    if (link > ring->frame_size)
        keep = 0;
    else if (keep > ring->frame_size - link)
        keep = ring->frame_size - link;
    return (struct ring_spot){whole, keep, (oskit_u16_t)link, (oskit_u16_t)network};
}

bool packet_ring_put(struct packet_ring *ring, const struct packet_frame *frame, oskit_u32_t start,
                     oskit_u32_t keep, oskit_s32_t type, bool losing)
{
    struct ring_spot spot = ring_spot(ring, keep, type, frame->info.whole);
    oskit_u32_t head = ring->head, status = frame->info.status;

    if (status_read(ring, head) != 0 || ring->reserve > RESERVE_MAX)
        return false;
    size_t place = frame_place(ring, head);
    ring_write_frame(ring, place + spot.link, frame, start, spot.kept);
    write_header(ring, place, &frame->info, &spot);
    write_address(ring, place, &frame->info);
    status |= (spot.kept < keep ? STATUS_COPY : 0) | (losing ? STATUS_LOSING : 0);
    status_write(ring, head, status);
    ring->head = head + 1 < ring->frame_count ? head + 1 : 0;
    return true;
}
