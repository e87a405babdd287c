/*
 * A bufio as a packet. Its memory is reached by sgbuf where the buffer has it, else by map and
 * wire, and where neither gives memory that a device reaches too, the bytes are copied.
 */
#include <sluice/packet.h>

#include <stdatomic.h>
#include <sluice/env.h>
#include <sluice/object.h>
#include <sluice/sgbuf.h>
#include <sluice/string.h>

#define SEGMENTS 18u /* 64 KiB in pages, wherever they begin */

struct from_bufio {
    struct packet packet; /* first */
    oskit_bufio_t *buf;   /* with a reference, but for a copy */
    sluice_sgbuf_t *sgbuf;
    oskit_addr_t address; /* as wire gave it, without sgbuf */
    void *copy;
    oskit_u32_t size;
    struct sg_segment segments[SEGMENTS];
};

static void from_done(struct packet *packet)
{
    struct from_bufio *from = (struct from_bufio *)packet;

    if (from->copy != NULL) {
        env_free(from->copy, from->size);
    } else if (from->sgbuf != NULL) {
        sluice_sgbuf_unwire(from->sgbuf, 0, from->size);
        sluice_sgbuf_release(from->sgbuf);
    } else {
        oskit_bufio_unmap(from->buf, from->segments[0].base, 0, from->size);
        oskit_bufio_unwire(from->buf, from->address, 0, from->size);
    }
    if (from->buf != NULL)
        oskit_bufio_release(from->buf);
    env_free(from, sizeof *from);
}

static bool from_sgbuf(struct from_bufio *from, oskit_bufio_t *buf)
{
    oskit_size_t bytes = 0;

    from->sgbuf = sluice_query_face(buf, &sluice_sgbuf_iid);
    if (from->sgbuf == NULL)
        return false;
    if (!OSKIT_FAILED(sluice_sgbuf_wire(from->sgbuf, 0, from->size, SGBUF_READ, from->segments,
                                        SEGMENTS, &from->packet.segment_count, &bytes))) {
        if (bytes == from->size)
            return true;
        sluice_sgbuf_unwire(from->sgbuf, 0, bytes);
    }
    sluice_sgbuf_release(from->sgbuf);
    from->sgbuf = NULL;
    return false;
}

/* Where the processor sees the bytes must be what the device sees: a segment has one address. */
static bool from_wire(struct from_bufio *from, oskit_bufio_t *buf)
{
    void *at;

    if (OSKIT_FAILED(oskit_bufio_wire(buf, &from->address, 0, from->size)))
        return false;
    if (!OSKIT_FAILED(oskit_bufio_map(buf, &at, 0, from->size))) {
        if (env_dma_address(at) == from->address) {
            from->segments[0] = (struct sg_segment){at, from->size};
            from->packet.segment_count = 1;
            return true;
        }
        oskit_bufio_unmap(buf, at, 0, from->size);
    }
    oskit_bufio_unwire(buf, from->address, 0, from->size);
    return false;
}

static bool from_copy(struct from_bufio *from, oskit_bufio_t *buf)
{
    oskit_size_t actual, done = 0;

    from->copy = env_alloc(from->size, ENV_NOSLEEP);
    if (from->copy == NULL)
        return false;
    for (; done < from->size; done += actual)
        if (OSKIT_FAILED(oskit_bufio_read(buf, (char *)from->copy + done, (oskit_off_t)done,
                                          from->size - done, &actual)) ||
            actual == 0)
            break;
    if (done < from->size) {
        env_free(from->copy, from->size);
        return false;
    }
    atomic_fetch_add_explicit(&packet_copied_bytes, done, memory_order_relaxed);
    from->segments[0] = (struct sg_segment){from->copy, from->size};
    from->packet.segment_count = 1;
    return true;
}

struct packet *packet_from_bufio(oskit_bufio_t *buf, oskit_size_t size)
{
    if (size == 0 || size > UINT32_MAX)
        return NULL;
    struct from_bufio *from = env_alloc(sizeof *from, ENV_NOSLEEP | ENV_ZERO);
    if (from == NULL)
        return NULL;
    from->size = (oskit_u32_t)size;
    if (from_sgbuf(from, buf) || from_wire(from, buf)) {
        from->buf = buf;
        oskit_bufio_addref(buf);
    } else if (!from_copy(from, buf)) {
        env_free(from, sizeof *from);
        return NULL;
    }
    list_init(&from->packet.link);
    from->packet.segments = from->segments;
    from->packet.length = from->size;
    from->packet.done = from_done;
    return &from->packet;
}
