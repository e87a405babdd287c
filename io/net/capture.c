/*
 * Captures: see capture.h. Frames come by a tap of each capture, sends of UNIX sockets by the list
 * of captures; both are written as blocks of pcapng into the capture's ring, which a program
 * drains.
 *
 * Lock order: captures_lock (the list) -> capture.lock (who writes the ring, what is described,
 * READ of the level). Spinlocks. read_mutex keeps readers apart, and is held while bytes go out to
 * a program.
 */
#include "io/net/capture.h"

#include <oskit/com/stream.h>
#include <oskit/io/asyncio.h>
#include <sluice/device.h>
#include <sluice/env.h>
#include <sluice/object.h>
#include <sluice/readiness.h>
#include <sluice/refuse.h>
#include <sluice/ring.h>
#include <sluice/string.h>
#include <sluice/vecio.h>
#include "io/net/family.h"
#include "io/net/interface.h"

struct capture {
    struct sluice_object object;
    SLUICE_FACE(oskit_stream_t) stream;
    SLUICE_FACE(sluice_streamvec_t) streamvec;
    SLUICE_FACE(sluice_pollable_t) pollable;
    SLUICE_FACE(oskit_asyncio_t) asyncio;
    struct readiness readiness;
    struct listener_set listeners;
    struct interface_tap tap;
    struct list link; /* in capture_list */
    struct env_mutex read_mutex;
    struct env_spinlock lock;
    struct ring ring;
    struct list described; /* struct description */
    oskit_u32_t descriptions;
    oskit_u64_t dropped; /* since the last block that was written */
};

/* An interface that the stream has described, by its place there. */
struct description {
    struct list link;
    oskit_u32_t index, place;
};
#define INDEX_UNIX UINT32_MAX

static struct env_spinlock captures_lock;
static struct list capture_list = LIST_INIT(capture_list);
_Atomic oskit_u32_t captures;

static struct capture *capture_of(const void *self)
{
    return container_of(SLUICE_OBJECT(self), struct capture, object);
}

/* ---- Blocks ---- */

#define BLOCK_SECTION    0x0a0d0d0au
#define BLOCK_INTERFACE  1u
#define BLOCK_PACKET     6u
#define BYTE_ORDER_MAGIC 0x1a2b3c4du

#define OPTION_END            0
#define OPTION_NAME           2 /* of an interface */
#define OPTION_RESOLUTION     9
#define OPTION_FLAGS          2 /* of a packet */
#define OPTION_DROPS          4
#define RESOLUTION_NANOSECOND 9

#define LINKTYPE_ETHERNET 1
#define LINKTYPE_USER0    147

#define FLAGS_INBOUND  1u
#define FLAGS_OUTBOUND 2u

struct section_block {
    oskit_u32_t type, length, magic;
    oskit_u16_t major, minor;
    oskit_s64_t size; /* -1: not known */
    oskit_u32_t length_again;
} __attribute__((packed));

struct interface_block { /* then its name, padded to 4, and: */
    oskit_u32_t type, length;
    oskit_u16_t link, reserved;
    oskit_u32_t snap;
    oskit_u16_t name_option, name_length;
};
struct interface_block_end {
    oskit_u16_t option, length;
    oskit_u8_t resolution, pad[3];
    oskit_u32_t end, length_again;
};
_Static_assert(sizeof(struct interface_block) == 20 && sizeof(struct interface_block_end) == 16,
               "no holes");

struct packet_block {
    oskit_u32_t type, length, interface, time_high, time_low, kept, whole;
};
struct packet_block_end {
    struct {
        oskit_u16_t option, length;
        oskit_u32_t value;
    } flags;
    struct {
        oskit_u16_t option, length;
        oskit_u32_t low, high;
    } drops;
    oskit_u32_t end, length_again;
};
_Static_assert(sizeof(struct packet_block_end) == 28, "no holes");

/* What a block is made from. */
struct captured {
    oskit_u32_t place; /* of its interface */
    oskit_u32_t whole;
    oskit_u32_t flags;
    const struct packet *packet; /* or */
    const oskit_u8_t *head;      /* CAPTURE_UNIX_HEADER bytes, and then */
    const oskit_u8_t *bytes;
};

/* All below runs with the capture's lock held, after a look for room: ring_write takes it all. */

static void put_section(struct capture *capture)
{
    struct section_block block = {
        .type = BLOCK_SECTION,
        .length = sizeof block,
        .magic = BYTE_ORDER_MAGIC,
        .major = 1,
        .size = -1,
        .length_again = sizeof block,
    };

    ring_write(&capture->ring, &block, sizeof block);
}

static oskit_u32_t pad_of(oskit_u32_t length)
{
    return -length & 3u;
}

static oskit_u32_t interface_length(const char *name)
{
    oskit_u32_t length = (oskit_u32_t)strlen(name);

    return (oskit_u32_t)(sizeof(struct interface_block) + sizeof(struct interface_block_end)) +
           length + pad_of(length);
}

static void put_interface(struct capture *capture, const char *name, oskit_u16_t link)
{
    static const char zeros[4];
    struct interface_block block = {
        .type = BLOCK_INTERFACE,
        .length = interface_length(name),
        .link = link,
        .snap = CAPTURE_SNAP,
        .name_option = OPTION_NAME,
        .name_length = (oskit_u16_t)strlen(name),
    };
    struct interface_block_end end = {OPTION_RESOLUTION, 1,           RESOLUTION_NANOSECOND, {0},
                                      OPTION_END,        block.length};

    ring_write(&capture->ring, &block, sizeof block);
    ring_write(&capture->ring, name, block.name_length);
    ring_write(&capture->ring, zeros, pad_of(block.name_length));
    ring_write(&capture->ring, &end, sizeof end);
}

static void put_packet_bytes(struct capture *capture, const struct packet *packet, oskit_u32_t left)
{
    for (; packet != NULL; packet = packet->more)
        for (oskit_u32_t i = 0; i < packet->segment_count && left > 0; i++) {
            const struct sg_segment *segment = &packet->segments[i];
            oskit_u32_t run = segment->length < left ? segment->length : left;
            ring_write(&capture->ring, segment->base, run);
            left -= run;
        }
}

static void put_bytes(struct capture *capture, const struct captured *from, oskit_u32_t kept)
{
    static const oskit_u8_t zeros[4];

    if (from->packet != NULL) {
        put_packet_bytes(capture, from->packet, kept);
    } else {
        ring_write(&capture->ring, from->head, CAPTURE_UNIX_HEADER);
        ring_write(&capture->ring, from->bytes, kept - CAPTURE_UNIX_HEADER);
    }
    ring_write(&capture->ring, zeros, pad_of(kept));
}

static oskit_u32_t block_length(oskit_u32_t kept)
{
    return (oskit_u32_t)(sizeof(struct packet_block) + sizeof(struct packet_block_end)) + kept +
           pad_of(kept);
}

static void put_packet(struct capture *capture, const struct captured *from)
{
    oskit_u32_t kept = from->whole < CAPTURE_SNAP ? from->whole : CAPTURE_SNAP;
    oskit_u64_t now = (oskit_u64_t)env_time_real();
    struct packet_block block = {
        .type = BLOCK_PACKET,
        .length = block_length(kept),
        .interface = from->place,
        .time_high = (oskit_u32_t)(now >> 32),
        .time_low = (oskit_u32_t)now,
        .kept = kept,
        .whole = from->whole,
    };
    struct packet_block_end end = {
        .flags = {OPTION_FLAGS, sizeof end.flags.value, from->flags},
        .drops = {OPTION_DROPS, 8, (oskit_u32_t)capture->dropped,
                  (oskit_u32_t)(capture->dropped >> 32)},
        .end = OPTION_END,
        .length_again = block.length,
    };

    ring_write(&capture->ring, &block, sizeof block);
    put_bytes(capture, from, kept);
    ring_write(&capture->ring, &end, sizeof end);
    capture->dropped = 0;
}

/* ---- Taking note ---- */

static struct description *description_find(struct capture *capture, oskit_u32_t index)
{
    list_for_each (at, &capture->described) {
        struct description *description = container_of(at, struct description, link);
        if (description->index == index)
            return description;
    }
    return NULL;
}

/* Describes the interface if it is new. false: no room, no memory. */
static bool capture_describe(struct capture *capture, oskit_u32_t index, const char *name,
                             oskit_u16_t link, oskit_u32_t *place)
{
    struct description *description = description_find(capture, index);

    if (description == NULL) {
        if (ring_space(&capture->ring) < interface_length(name))
            return false;
        description = env_alloc(sizeof *description, ENV_NOSLEEP);
        if (description == NULL)
            return false;
        description->index = index;
        description->place = capture->descriptions++;
        list_push_back(&capture->described, &description->link);
        put_interface(capture, name, link);
    }
    *place = description->place;
    return true;
}

static void capture_note(struct capture *capture, oskit_u32_t index, const char *name,
                         oskit_u16_t link, struct captured *from)
{
    oskit_u32_t kept = from->whole < CAPTURE_SNAP ? from->whole : CAPTURE_SNAP;

    env_spin_lock(&capture->lock);
    if (capture_describe(capture, index, name, link, &from->place) &&
        ring_space(&capture->ring) >= block_length(kept))
        put_packet(capture, from);
    else
        capture->dropped++;
    bool any = ring_used(&capture->ring) != 0;
    readiness_change(&capture->readiness, any ? READY_READ : 0, 0);
    env_spin_unlock(&capture->lock);
    if (any)
        readiness_tell(&capture->readiness, READY_READ);
}

/* The loopback shows each frame twice, once for either end: one is enough. [any] */
static void capture_see(struct interface_tap *tap, const struct interface *interface,
                        const struct packet *packet, enum interface_direction direction)
{
    struct capture *capture = container_of(tap, struct capture, tap);
    struct captured from = {
        .packet = packet,
        .whole = packet_chain_length(packet),
        .flags = direction == INTERFACE_SENT ? FLAGS_OUTBOUND : FLAGS_INBOUND,
    };

    if (direction == INTERFACE_SENT && atomic_load(&interface->flags) & INTERFACE_LOOPBACK)
        return;
    capture_note(capture, interface->index, interface->name, LINKTYPE_ETHERNET, &from);
}

static void put_big(oskit_u8_t *at, oskit_u64_t value, oskit_u32_t size)
{
    while (size > 0) {
        at[--size] = (oskit_u8_t)value;
        value >>= 8;
    }
}

static void unix_header(oskit_u8_t head[CAPTURE_UNIX_HEADER], const struct capture_unix *sent)
{
    head[0] = 1;
    head[1] = (oskit_u8_t)sent->type;
    put_big(head + 2, sent->rights, 2);
    put_big(head + 4, sent->length, 4);
    put_big(head + 8, sent->sender, 8);
    put_big(head + 16, sent->receiver, 8);
    put_big(head + 24, (oskit_u32_t)sent->pid, 4);
    put_big(head + 28, sent->uid, 4);
}

/* The next capture after AFTER (given back), with a reference, so that waiters are told with no
 * lock held. */
static struct capture *capture_next(struct capture *after)
{
    struct capture *found = NULL;

    env_spin_lock(&captures_lock);
    struct list *at = after != NULL ? after->link.next : capture_list.next;
    for (; at != &capture_list && found == NULL; at = at->next) {
        struct capture *capture = container_of(at, struct capture, link);
        if (sluice_object_addref_unless_dead(&capture->object))
            found = capture;
    }
    env_spin_unlock(&captures_lock);
    if (after != NULL)
        sluice_object_release(&after->object);
    return found;
}

void capture_unix(const struct capture_unix *sent)
{
    oskit_u8_t head[CAPTURE_UNIX_HEADER];
    struct captured from = {
        .head = head,
        .bytes = sent->data,
        .whole = CAPTURE_UNIX_HEADER + sent->length,
        .flags = FLAGS_OUTBOUND,
    };

    unix_header(head, sent);
    for (struct capture *at = NULL; (at = capture_next(at)) != NULL;)
        capture_note(at, INDEX_UNIX, "unix", LINKTYPE_USER0, &from);
}

/* ---- Reading ---- */

static oskit_error_t capture_take(struct capture *capture, struct sluice_uio *uio, size_t *moved)
{
    env_mutex_lock(&capture->read_mutex);
    oskit_error_t err = ring_read_to(&capture->ring, uio, uio->left, moved);
    env_spin_lock(&capture->lock);
    if (ring_used(&capture->ring) == 0)
        readiness_change(&capture->readiness, 0, READY_READ);
    env_spin_unlock(&capture->lock);
    env_mutex_unlock(&capture->read_mutex);
    return err;
}

static oskit_error_t capture_move_out(struct capture *capture, struct sluice_uio *uio,
                                      size_t *moved)
{
    size_t wanted = uio->left;

    *moved = 0;
    oskit_error_t err = capture_take(capture, uio, moved);
    if (*moved > 0)
        return OSKIT_SUCCESS;
    return OSKIT_FAILED(err) ? err : wanted != 0 ? OSKIT_EWOULDBLOCK : OSKIT_SUCCESS;
}

static oskit_error_t capture_readv(sluice_streamvec_t *self, struct sluice_uio *uio,
                                   oskit_u32_t flags, oskit_size_t *out_actual)
{
    (void)flags;
    return capture_move_out(capture_of(self), uio, out_actual);
}

static oskit_error_t capture_writev(sluice_streamvec_t *self, struct sluice_uio *uio,
                                    oskit_u32_t flags, oskit_size_t *out_actual)
{
    (void)self, (void)uio, (void)flags;
    *out_actual = 0;
    return OSKIT_E_INVALIDARG;
}

static struct sluice_streamvec_ops capture_streamvec_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .readv = capture_readv,
    .writev = capture_writev,
};

static oskit_error_t capture_read(oskit_stream_t *self, void *buf, oskit_u32_t len,
                                  oskit_u32_t *out_actual)
{
    struct sluice_iovec segment;
    struct sluice_uio uio;
    size_t moved;

    uio_init_kernel(&uio, &segment, buf, len);
    oskit_error_t err = capture_move_out(capture_of(self), &uio, &moved);
    *out_actual = (oskit_u32_t)moved;
    return err;
}

static oskit_error_t capture_write(oskit_stream_t *self, const void *buf, oskit_u32_t len,
                                   oskit_u32_t *out_actual)
{
    (void)self, (void)buf, (void)len;
    *out_actual = 0;
    return OSKIT_E_INVALIDARG;
}

static struct oskit_stream_ops capture_stream_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .read = capture_read,
    .write = capture_write,
    STREAM_REFUSALS,
};

/* ---- Readiness ---- */

static struct readiness *capture_readiness(sluice_pollable_t *self)
{
    return &capture_of(self)->readiness;
}

static struct sluice_pollable_ops capture_pollable_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .readiness = capture_readiness,
};

static oskit_error_t capture_poll(oskit_asyncio_t *self)
{
    return listener_set_poll(&capture_of(self)->listeners);
}

static oskit_error_t capture_add_listener(oskit_asyncio_t *self, struct oskit_listener *l,
                                          oskit_s32_t mask)
{
    struct capture *capture = capture_of(self);

    return listener_set_add(&capture->listeners, (oskit_iunknown_t *)&capture->stream.i, l, mask);
}

static oskit_error_t capture_remove_listener(oskit_asyncio_t *self, struct oskit_listener *l)
{
    return listener_set_remove(&capture_of(self)->listeners, l);
}

static oskit_error_t capture_readable(oskit_asyncio_t *self)
{
    return (oskit_error_t)ring_used(&capture_of(self)->ring);
}

static struct oskit_asyncio_ops capture_asyncio_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .poll = capture_poll,
    .add_listener = capture_add_listener,
    .remove_listener = capture_remove_listener,
    .readable = capture_readable,
};

/* ---- The class and the device ---- */

static void descriptions_free(struct capture *capture)
{
    struct list *at;

    while ((at = list_pop_front(&capture->described)) != NULL)
        env_free(container_of(at, struct description, link), sizeof(struct description));
}

/* [thread]: nobody but readers, and senders of UNIX sockets, hold captures. */
static void capture_destroy(struct sluice_object *object)
{
    struct capture *capture = container_of(object, struct capture, object);

    interface_tap_remove(&capture->tap);
    env_spin_lock(&captures_lock);
    list_remove(&capture->link);
    captures--;
    env_spin_unlock(&captures_lock);
    descriptions_free(capture);
    ring_fini(&capture->ring);
    listener_set_fini(&capture->listeners);
    sluice_object_fini(object);
    env_free(capture, sizeof *capture);
}

static const struct sluice_interface capture_interfaces[] = {
    {&oskit_iunknown_iid, offsetof(struct capture, stream), &capture_stream_ops},
    {&oskit_stream_iid, offsetof(struct capture, stream), &capture_stream_ops},
    {&sluice_streamvec_iid, offsetof(struct capture, streamvec), &capture_streamvec_ops},
    {&sluice_pollable_iid, offsetof(struct capture, pollable), &capture_pollable_ops},
    {&oskit_asyncio_iid, offsetof(struct capture, asyncio), &capture_asyncio_ops},
};

static const struct sluice_class capture_class = {
    "capture", capture_interfaces, SLUICE_COUNT(capture_interfaces), capture_destroy};

/* As much as there is in one piece of memory, down to what a large frame needs. */
static oskit_error_t capture_ring(struct ring *ring, oskit_u32_t size)
{
    oskit_error_t err = OSKIT_ENOMEM;
    unsigned order = 0;

    while (((oskit_u32_t)ENV_PAGE_SIZE << order) < size)
        order++;
    for (; OSKIT_FAILED(err); order--) {
        err = ring_init(ring, order);
        if (order == 0)
            break;
    }
    return err;
}

oskit_error_t capture_create(oskit_u32_t size, oskit_iunknown_t **out)
{
    *out = NULL;
    struct capture *capture = env_alloc(sizeof *capture, ENV_ZERO);
    if (capture == NULL)
        return OSKIT_ENOMEM;
    oskit_error_t err = capture_ring(&capture->ring, size);
    if (OSKIT_FAILED(err)) {
        env_free(capture, sizeof *capture);
        return err;
    }
    readiness_init(&capture->readiness, READY_READ);
    listener_set_init(&capture->listeners, &capture->readiness);
    list_init(&capture->described);
    capture->tap.see = capture_see;
    sluice_object_init(&capture->object, &capture_class);
    put_section(capture);
    interface_tap_add(&capture->tap);
    env_spin_lock(&captures_lock);
    list_push_back(&capture_list, &capture->link);
    captures++;
    env_spin_unlock(&captures_lock);
    *out = (oskit_iunknown_t *)&capture->stream.i;
    return OSKIT_SUCCESS;
}

#define MISC_MAJOR    10
#define CAPTURE_MINOR 240

static oskit_error_t capture_open(void *arg, oskit_u32_t oflags, oskit_iunknown_t **out)
{
    (void)arg, (void)oflags;
    return capture_create(CAPTURE_DEFAULT_SIZE, out);
}

static const struct device capture_device = {
    .name = "capture",
    .number = DEVICE_NUMBER(MISC_MAJOR, CAPTURE_MINOR),
    .mode = OSKIT_S_IFCHR | 0400,
    .open = capture_open,
};

oskit_error_t capture_register(void)
{
    return device_register(&capture_device);
}

void capture_unregister(void)
{
    device_unregister(&capture_device);
}
