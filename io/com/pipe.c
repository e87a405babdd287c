/*
 * The OSKit's pipe: a connected pair of ends, each of which reads and writes. Two of our pipes, one
 * for each direction, make it.
 *
 * A listener is registered with both directions behind a relay, which hands on the end itself
 * rather than the direction that changed. Removal is synchronous and allowed inside notify because
 * that of the directions is.
 *
 * Lock: end.lock guards the list of relays and is never held across a call.
 */
#include <oskit/com/pipe.h>

#include <oskit/com/listener.h>
#include <oskit/io/asyncio.h>
#include <sluice/env.h>
#include <sluice/list.h>
#include <sluice/object.h>
#include <sluice/pipe.h>
#include <sluice/refuse.h>

struct end {
    struct sluice_object object;
    SLUICE_FACE(oskit_pipe_t) pipe;
    SLUICE_FACE(oskit_asyncio_t) asyncio;
    oskit_stream_t *in, *out; /* with references, as the two below */
    oskit_asyncio_t *in_async, *out_async;
    struct env_spinlock lock;
    struct list relays;
};

struct relay {
    struct sluice_object object;
    SLUICE_FACE(oskit_listener_t) listener;
    struct list node;
    oskit_listener_t *target; /* with a reference */
    struct end *end;          /* borrowed: it holds us */
};

static struct end *end_of(const void *self)
{
    return (struct end *)SLUICE_OBJECT(self);
}

/* ---- The stream -------------------------------------------------------------------------- */

static oskit_error_t end_read(oskit_pipe_t *self, void *buf, oskit_u32_t len,
                              oskit_u32_t *out_actual)
{
    return oskit_stream_read(end_of(self)->in, buf, len, out_actual);
}

static oskit_error_t end_write(oskit_pipe_t *self, const void *buf, oskit_u32_t len,
                               oskit_u32_t *out_actual)
{
    return oskit_stream_write(end_of(self)->out, buf, len, out_actual);
}

/* ---- Readiness --------------------------------------------------------------------------- */

static oskit_error_t end_poll(oskit_asyncio_t *self)
{
    struct end *end = end_of(self);
    oskit_error_t in = oskit_asyncio_poll(end->in_async);
    oskit_error_t out = oskit_asyncio_poll(end->out_async);

    if (OSKIT_FAILED(in) || OSKIT_FAILED(out))
        return OSKIT_FAILED(in) ? in : out;
    return (in & (OSKIT_ASYNCIO_READABLE | OSKIT_ASYNCIO_EXCEPTION)) |
           (out & OSKIT_ASYNCIO_WRITABLE);
}

static oskit_error_t relay_notify(oskit_listener_t *self, oskit_iunknown_t *obj)
{
    struct relay *relay = (struct relay *)SLUICE_OBJECT(self);

    (void)obj;
    return oskit_listener_notify(relay->target, (oskit_iunknown_t *)&relay->end->pipe.i);
}

static void relay_destroy(struct sluice_object *object)
{
    struct relay *relay = (struct relay *)object;

    oskit_listener_release(relay->target);
    sluice_object_fini(object);
    env_free(relay, sizeof *relay);
}

static const struct oskit_listener_ops relay_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .notify = relay_notify,
};
static const struct sluice_interface relay_interfaces[] = {
    {&oskit_listener_iid, offsetof(struct relay, listener), &relay_ops},
};
static const struct sluice_class relay_class = {"pipe relay", relay_interfaces, 1, relay_destroy};

static void relay_end(struct end *end, struct relay *relay)
{
    oskit_asyncio_remove_listener(end->in_async, &relay->listener.i);
    oskit_asyncio_remove_listener(end->out_async, &relay->listener.i);
    sluice_object_release(&relay->object);
}

/* Each direction for its part of MASK. */
static oskit_error_t relay_begin(struct end *end, struct relay *relay, oskit_s32_t mask)
{
    oskit_s32_t in = mask & ~OSKIT_ASYNCIO_WRITABLE, out = mask & OSKIT_ASYNCIO_WRITABLE;
    oskit_error_t error = 0;

    if (in != 0)
        error = oskit_asyncio_add_listener(end->in_async, &relay->listener.i, in);
    if (!OSKIT_FAILED(error) && out != 0)
        error = oskit_asyncio_add_listener(end->out_async, &relay->listener.i, out);
    return error;
}

static oskit_error_t end_add_listener(oskit_asyncio_t *self, struct oskit_listener *listener,
                                      oskit_s32_t mask)
{
    struct end *end = end_of(self);
    struct relay *relay;

    if (listener == NULL || (mask & ~OSKIT_ASYNCIO_ALL))
        return OSKIT_E_INVALIDARG;
    if ((relay = env_alloc(sizeof *relay, 0)) == NULL)
        return OSKIT_E_OUTOFMEMORY;
    sluice_object_init(&relay->object, &relay_class);
    oskit_listener_addref(listener);
    relay->target = listener;
    relay->end = end;
    list_init(&relay->node);
    oskit_error_t error = relay_begin(end, relay, mask);
    if (OSKIT_FAILED(error)) {
        relay_end(end, relay);
        return error;
    }
    env_spin_lock(&end->lock);
    list_push_back(&end->relays, &relay->node);
    env_spin_unlock(&end->lock);
    error = end_poll(self);
    return OSKIT_FAILED(error) ? error : error & mask;
}

/* Takes a relay to LISTENER (NULL: to anybody) off the list. */
static struct relay *relay_take(struct end *end, const oskit_listener_t *listener)
{
    struct relay *found = NULL;

    env_spin_lock(&end->lock);
    list_for_each (node, &end->relays) {
        struct relay *relay = container_of(node, struct relay, node);
        if (listener == NULL || relay->target == listener) {
            list_remove(node);
            found = relay;
            break;
        }
    }
    env_spin_unlock(&end->lock);
    return found;
}

static oskit_error_t end_remove_listener(oskit_asyncio_t *self, struct oskit_listener *listener)
{
    struct relay *relay = listener != NULL ? relay_take(end_of(self), listener) : NULL;

    if (relay == NULL)
        return OSKIT_E_INVALIDARG;
    relay_end(end_of(self), relay);
    return 0;
}

static oskit_error_t end_readable(oskit_asyncio_t *self)
{
    return oskit_asyncio_readable(end_of(self)->in_async);
}

/* ---- The object -------------------------------------------------------------------------- */

static void end_destroy(struct sluice_object *object)
{
    struct end *end = (struct end *)object;
    void *held[] = {end->in_async, end->out_async, end->in, end->out};
    struct relay *relay;

    while ((relay = relay_take(end, NULL)) != NULL)
        relay_end(end, relay);
    for (size_t i = 0; i < SLUICE_COUNT(held); i++)
        if (held[i] != NULL)
            oskit_iunknown_release(held[i]);
    sluice_object_fini(object);
    env_free(end, sizeof *end);
}

/* The stream's refusals, which differ in the type of self only. */
static const struct oskit_pipe_ops end_pipe_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .read = end_read,
    .write = end_write,
    .seek = (void *)stream_refuse_seek,
    .setsize = (void *)stream_refuse_setsize,
    .copyto = (void *)stream_refuse_copyto,
    .commit = (void *)stream_refuse_commit,
    .revert = (void *)stream_refuse_revert,
    .lockregion = (void *)stream_refuse_region,
    .unlockregion = (void *)stream_refuse_region,
    .stat = (void *)stream_refuse_stat,
    .clone = (void *)stream_refuse_clone,
};
static const struct oskit_asyncio_ops end_asyncio_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .poll = end_poll,
    .add_listener = end_add_listener,
    .remove_listener = end_remove_listener,
    .readable = end_readable,
};
static const struct sluice_interface end_interfaces[] = {
    {&oskit_pipe_iid, offsetof(struct end, pipe), &end_pipe_ops},
    {&oskit_stream_iid, offsetof(struct end, pipe), &end_pipe_ops},
    {&oskit_asyncio_iid, offsetof(struct end, asyncio), &end_asyncio_ops},
};
static const struct sluice_class end_class = {"OSKit pipe", end_interfaces,
                                              SLUICE_COUNT(end_interfaces), end_destroy};

/* An end without directions yet; its destroy copes. */
static struct end *end_create(void)
{
    struct end *end = env_alloc(sizeof *end, ENV_ZERO);

    if (end == NULL)
        return NULL;
    sluice_object_init(&end->object, &end_class);
    list_init(&end->relays);
    return end;
}

/* Makes the direction from FROM to TO. */
static oskit_error_t connect(struct end *from, struct end *to)
{
    oskit_iunknown_t *reader, *writer;
    oskit_error_t error = pipe_create(&reader, &writer);

    if (OSKIT_FAILED(error))
        return error;
    to->in = sluice_query_face(reader, &oskit_stream_iid);
    to->in_async = sluice_query_face(reader, &oskit_asyncio_iid);
    from->out = sluice_query_face(writer, &oskit_stream_iid);
    from->out_async = sluice_query_face(writer, &oskit_asyncio_iid);
    oskit_iunknown_release(reader);
    oskit_iunknown_release(writer);
    return 0;
}

oskit_error_t oskit_create_pipe(oskit_pipe_t **out_one, oskit_pipe_t **out_other)
{
    struct end *one = end_create(), *other = end_create();
    oskit_error_t error = one != NULL && other != NULL ? 0 : OSKIT_E_OUTOFMEMORY;

    *out_one = *out_other = NULL;
    if (!OSKIT_FAILED(error))
        error = connect(one, other);
    if (!OSKIT_FAILED(error))
        error = connect(other, one);
    if (OSKIT_FAILED(error)) {
        if (one != NULL)
            sluice_object_release(&one->object);
        if (other != NULL)
            sluice_object_release(&other->object);
        return error;
    }
    *out_one = &one->pipe.i;
    *out_other = &other->pipe.i;
    return 0;
}
