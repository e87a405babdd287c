/*
 * Packets as the seed has them, bufios. None is copied: its pieces are found where they lie.
 *
 * No locks: a packet's place and length don't change while a bufio has it.
 */
#include <sluice/packet.h>

#include <sluice/env.h>
#include <sluice/range.h>
#include "io/buffer/piecebuf.h"

struct packet_bufio {
    struct piecebuf base; /* at most UINT32_MAX bytes, as packets have */
    struct packet *packet;
};

static struct packet_bufio *bufio_of(const void *self)
{
    return (struct packet_bufio *)SLUICE_OBJECT(self);
}

static oskit_error_t bufio_read(oskit_bufio_t *self, void *buf, oskit_off_t offset,
                                oskit_size_t amount, oskit_size_t *out_actual)
{
    struct packet_bufio *b = bufio_of(self);

    *out_actual = 0;
    if (offset < 0)
        return OSKIT_E_INVALIDARG;
    amount = range_clip(offset, amount, (oskit_off_t)b->base.size);
    if (amount != 0)
        packet_chain_read(b->packet, (oskit_u32_t)offset, buf, (oskit_u32_t)amount);
    *out_actual = amount;
    return OSKIT_SUCCESS;
}

/* A packet is read-only for whom it is handed to. */
static oskit_error_t bufio_write_refused(oskit_bufio_t *self, const void *buf, oskit_off_t offset,
                                         oskit_size_t amount, oskit_size_t *out_actual)
{
    (void)self, (void)buf, (void)offset, (void)amount;
    *out_actual = 0;
    return OSKIT_E_NOTIMPL;
}

static oskit_u32_t bufio_pieces(const struct piecebuf *base, oskit_size_t offset,
                                oskit_size_t count, struct sg_segment *out, oskit_u32_t max,
                                oskit_size_t *bytes)
{
    const struct packet_bufio *b = container_of(base, struct packet_bufio, base);
    oskit_u32_t n = 0;

    *bytes = 0;
    for (const struct packet *p = b->packet; p != NULL; p = p->more) {
        for (oskit_u32_t i = 0; i < p->segment_count && *bytes < count && n < max; i++) {
            struct sg_segment s = p->segments[i];
            if (offset >= s.length) {
                offset -= s.length;
                continue;
            }
            s.base = (char *)s.base + offset;
            s.length -= (oskit_u32_t)offset;
            offset = 0;
            if (s.length > count - *bytes)
                s.length = (oskit_u32_t)(count - *bytes);
            *bytes += s.length;
            out[n++] = s;
        }
    }
    return n;
}

static void bufio_destroy(struct sluice_object *object)
{
    struct packet_bufio *b = (struct packet_bufio *)object;

    packet_chain_done(b->packet);
    sluice_object_fini(object);
    env_free(b, sizeof *b);
}

static const struct oskit_bufio_ops bufio_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    PIECEBUF_SLOTS,
    .read = bufio_read,
    .write = bufio_write_refused,
};
static const struct sluice_interface bufio_interfaces[] = {PIECEBUF_INTERFACES(bufio_ops)};
static const struct sluice_class bufio_class = {"packet", bufio_interfaces,
                                                SLUICE_COUNT(bufio_interfaces), bufio_destroy};

oskit_bufio_t *packet_bufio_create(struct packet *packet)
{
    struct packet_bufio *b = env_alloc(sizeof *b, ENV_NOSLEEP);

    if (b == NULL)
        return NULL;
    piecebuf_init(&b->base, &bufio_class, packet_chain_length(packet), bufio_pieces);
    b->packet = packet;
    return &b->base.bufio.i;
}
