/*
 * An end of a pipe as an object: its interfaces, thin over pipe.c. Ends of FIFOs lack posixio,
 * since the FIFO's file has the attributes.
 */
#include <limits.h>
#include <sluice/refuse.h>
#include "pipe_core.h"

static struct pipe_end *end_of(const void *self)
{
    return container_of(SLUICE_OBJECT(self), struct pipe_end, object);
}

/* ---- streamvec and stream ---- */

static oskit_error_t end_readv(sluice_streamvec_t *self, struct sluice_uio *uio, oskit_u32_t flags,
                               oskit_size_t *out_actual)
{
    return pipe_read(end_of(self), uio, flags, out_actual);
}

static oskit_error_t end_writev(sluice_streamvec_t *self, struct sluice_uio *uio, oskit_u32_t flags,
                                oskit_size_t *out_actual)
{
    return pipe_write(end_of(self), uio, flags, out_actual);
}

static struct sluice_streamvec_ops end_streamvec_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .readv = end_readv,
    .writev = end_writev,
};

static oskit_error_t end_read(oskit_stream_t *self, void *buf, oskit_u32_t len,
                              oskit_u32_t *out_actual)
{
    struct sluice_iovec segment;
    struct sluice_uio uio;
    size_t actual;

    uio_init_kernel(&uio, &segment, buf, len);
    oskit_error_t err = pipe_read(end_of(self), &uio, 0, &actual);
    *out_actual = (oskit_u32_t)actual;
    return err;
}

static oskit_error_t end_write(oskit_stream_t *self, const void *buf, oskit_u32_t len,
                               oskit_u32_t *out_actual)
{
    struct sluice_iovec segment;
    struct sluice_uio uio;
    size_t actual;

    uio_init_kernel(&uio, &segment, (void *)buf, len);
    oskit_error_t err = pipe_write(end_of(self), &uio, 0, &actual);
    *out_actual = (oskit_u32_t)actual;
    return err;
}

static struct oskit_stream_ops end_stream_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .read = end_read,
    .write = end_write,
    STREAM_REFUSALS,
};

/* ---- pollable and asyncio ---- */

static struct readiness *end_readiness(sluice_pollable_t *self)
{
    return &end_of(self)->readiness;
}

static struct sluice_pollable_ops end_pollable_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .readiness = end_readiness,
};

static oskit_error_t end_poll(oskit_asyncio_t *self)
{
    return listener_set_poll(&end_of(self)->listeners);
}

static oskit_error_t end_add_listener(oskit_asyncio_t *self, struct oskit_listener *l,
                                      oskit_s32_t mask)
{
    struct pipe_end *end = end_of(self);

    return listener_set_add(&end->listeners, (oskit_iunknown_t *)&end->stream.i, l, mask);
}

static oskit_error_t end_remove_listener(oskit_asyncio_t *self, struct oskit_listener *l)
{
    return listener_set_remove(&end_of(self)->listeners, l);
}

/* As Linux's FIONREAD: either end tells how much is in the pipe. */
static oskit_error_t end_readable(oskit_asyncio_t *self)
{
    size_t used = pipe_buffer_used(&end_of(self)->pipe->buffer);

    return used < INT_MAX ? (oskit_error_t)used : INT_MAX;
}

static struct oskit_asyncio_ops end_asyncio_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .poll = end_poll,
    .add_listener = end_add_listener,
    .remove_listener = end_remove_listener,
    .readable = end_readable,
};

/* ---- pipe ---- */

static oskit_error_t end_getcapacity(sluice_pipe_t *self, oskit_size_t *out_bytes)
{
    struct pipe *pipe = end_of(self)->pipe;

    env_mutex_lock(&pipe->mutex);
    *out_bytes = ((size_t)pipe->buffer.mask + 1) * ENV_PAGE_SIZE;
    env_mutex_unlock(&pipe->mutex);
    return OSKIT_SUCCESS;
}

static oskit_error_t end_setcapacity(sluice_pipe_t *self, oskit_size_t bytes,
                                     oskit_size_t *out_bytes)
{
    return pipe_set_capacity(end_of(self)->pipe, bytes, out_bytes);
}

static oskit_error_t end_open(sluice_pipe_t *self, oskit_u32_t oflags, oskit_iunknown_t **out)
{
    return pipe_end_open(end_of(self)->pipe, oflags, out);
}

static oskit_error_t end_give(sluice_pipe_t *self, void *page, oskit_u32_t offset,
                              oskit_u32_t length)
{
    return pipe_give(end_of(self), page, offset, length);
}

static oskit_error_t end_take(sluice_pipe_t *self, oskit_size_t skip, oskit_size_t max,
                              oskit_u32_t flags, void **out_page, oskit_u32_t *out_offset,
                              oskit_u32_t *out_length)
{
    struct pipe_slot piece;
    oskit_error_t err = pipe_take(end_of(self), skip, max, flags, &piece);

    *out_page = piece.page;
    *out_offset = piece.offset;
    *out_length = piece.length;
    return err;
}

static oskit_error_t end_putback(sluice_pipe_t *self, void *page, oskit_u32_t offset,
                                 oskit_u32_t length)
{
    return pipe_putback(end_of(self), page, offset, length);
}

static const void *end_identity(sluice_pipe_t *self)
{
    return end_of(self)->pipe;
}

static struct sluice_pipe_ops end_pipe_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .getcapacity = end_getcapacity,
    .setcapacity = end_setcapacity,
    .open = end_open,
    .give = end_give,
    .take = end_take,
    .putback = end_putback,
    .identity = end_identity,
};

/* ---- posixio ---- */

static oskit_error_t end_stat(oskit_posixio_t *self, oskit_stat_t *out)
{
    return pipe_stat(end_of(self)->pipe, out);
}

static oskit_error_t end_setstat(oskit_posixio_t *self, oskit_u32_t mask, const oskit_stat_t *stats)
{
    return pipe_setstat(end_of(self)->pipe, mask, stats);
}

static oskit_error_t end_pathconf(oskit_posixio_t *self, oskit_s32_t option, oskit_s32_t *out_val)
{
    (void)self;
    if (option != OSKIT_PC_PIPE_BUF)
        return OSKIT_E_INVALIDARG;
    *out_val = PIPE_BUF_SIZE;
    return OSKIT_SUCCESS;
}

static struct oskit_posixio_ops end_posixio_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .stat = end_stat,
    .setstat = end_setstat,
    .pathconf = end_pathconf,
};

/* ---- The classes ---- */

static void end_destroy(struct sluice_object *object)
{
    pipe_end_close(container_of(object, struct pipe_end, object));
}

static const struct sluice_interface end_interfaces[] = {
    {&oskit_stream_iid, offsetof(struct pipe_end, stream), &end_stream_ops},
    {&sluice_streamvec_iid, offsetof(struct pipe_end, streamvec), &end_streamvec_ops},
    {&sluice_pollable_iid, offsetof(struct pipe_end, pollable), &end_pollable_ops},
    {&oskit_asyncio_iid, offsetof(struct pipe_end, asyncio), &end_asyncio_ops},
    {&sluice_pipe_iid, offsetof(struct pipe_end, pipe_face), &end_pipe_ops},
    {&oskit_posixio_iid, offsetof(struct pipe_end, posixio), &end_posixio_ops},
};

const struct sluice_class pipe_end_class = {"pipe end", end_interfaces,
                                            SLUICE_COUNT(end_interfaces), end_destroy};
/* All but the last row. */
const struct sluice_class fifo_end_class = {"FIFO end", end_interfaces,
                                            SLUICE_COUNT(end_interfaces) - 1, end_destroy};

oskit_error_t pipe_create(oskit_iunknown_t **out_reader, oskit_iunknown_t **out_writer)
{
    struct pipe *pipe;
    oskit_error_t err = pipe_new(false, &pipe);

    *out_reader = *out_writer = NULL;
    if (OSKIT_FAILED(err))
        return err;
    err = pipe_end_open(pipe, OSKIT_O_RDONLY, out_reader);
    if (OSKIT_SUCCEEDED(err))
        err = pipe_end_open(pipe, OSKIT_O_WRONLY, out_writer);
    if (OSKIT_FAILED(err) && *out_reader != NULL) {
        oskit_iunknown_release(*out_reader);
        *out_reader = NULL;
    }
    pipe_release(pipe);
    return err;
}
