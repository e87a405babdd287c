/*
 * From files and pipes to a socket: their pages go to it as they are, several at once, for each
 * call of a socket costs. The socket holds them as long as it needs them (socket_zerocopy.h).
 */
#include "kernel/sys/socket_zerocopy.h"
#include "kernel/sys/splice.h"

#define BATCH_MAX 16u /* 64 KiB: as much as one segment's offload takes */

struct batch {
    uint32_t count;
    size_t length;
    struct piece piece[BATCH_MAX];
};

/* Waits for the first piece alone. */
static long batch_fill(struct splice *s, struct batch *batch)
{
    struct splice ahead = *s;
    long error = 0;
    batch->count = 0;
    batch->length = 0;
    while (batch->count < BATCH_MAX && ahead.left) {
        struct piece *piece = &batch->piece[batch->count];
        error = s->in.pipe ? piece_take(&ahead, 0, 0, piece) : piece_lend(&ahead, piece);
        if (error || !piece->length)
            break;
        ahead.nonblock = true;
        ahead.left -= piece->length;
        ahead.in.position += piece->length;
        batch->length += piece->length;
        batch->count++;
    }
    return batch->count ? 0 : error;
}

/* Whether more is to follow at once: then the last segment need not be sent short. */
static bool batch_has_more(const struct splice *s, const struct batch *batch)
{
    const struct openfile *file = s->in.fd.file;
    oskit_off_t size;
    if (s->more || s->left <= batch->length)
        return s->more;
    if (s->in.pipe)
        return readiness_level(file->readiness) & READY_READ;
    return !oskit_absio_getsize(file->absio, &size) &&
           s->in.position + (int64_t)batch->length < size;
}

/* From the last to the first, as the pipe takes them back in front. */
static void batch_return(struct splice *s, const struct batch *batch, size_t passed)
{
    size_t behind = batch->length;
    for (uint32_t i = batch->count; i-- > 0;) {
        const struct piece *piece = &batch->piece[i];
        behind -= piece->length;
        size_t sent = passed > behind ? passed - behind : 0;
        piece_return(s, piece, sent < piece->length ? (uint32_t)sent : piece->length);
    }
}

static long batch_send(struct splice *s, const struct batch *batch)
{
    struct sg_segment segments[BATCH_MAX];
    struct openfile *file = s->out.fd.file;
    struct page_hold *hold = page_hold_create(batch->count);
    if (!hold)
        return -ABI_ENOMEM;
    for (uint32_t i = 0; i < batch->count; i++) {
        const struct piece *piece = &batch->piece[i];
        env_page_ref(piece->page);
        hold->pages[i] = piece->page;
        segments[i] = (struct sg_segment){(char *)piece->page + piece->offset, piece->length};
    }
    hold->count = batch->count;
    uint32_t flags = (socket_nonblock(file) || !splice_waits(s) ? SOCKET_MSG_DONTWAIT : 0) |
                     (batch_has_more(s, batch) ? SOCKET_MSG_MORE : 0);
    long passed = socket_send_pages(file, segments, batch->count, hold, flags);
    page_hold_put(hold);
    return passed;
}

long splice_to_socket(struct splice *s)
{
    struct batch batch;
    long error = batch_fill(s, &batch);
    if (error || !batch.count)
        return error;
    long passed = batch_send(s, &batch);
    batch_return(s, &batch, passed > 0 ? (size_t)passed : 0);
    if (passed > 0 && s->in.positioned)
        s->in.position += passed;
    return passed;
}
