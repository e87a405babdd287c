/*
 * eventfd: see <sluice/eventfd.h>.
 *
 * eventfd.lock guards the count and the level that follows from it. It is a leaf: user memory is
 * touched and waiters are told without it. The caller's reference keeps the object over the
 * telling.
 */
#include <sluice/eventfd.h>

#include <oskit/com/stream.h>
#include <oskit/io/asyncio.h>
#include <sluice/env.h>
#include <sluice/object.h>
#include <sluice/readiness.h>
#include <sluice/refuse.h>
#include <sluice/vecio.h>

#define OVERFLOWN (EVENTFD_MAX + 1)

struct eventfd {
    struct sluice_object object;
    SLUICE_FACE(oskit_stream_t) stream;
    SLUICE_FACE(sluice_streamvec_t) streamvec;
    SLUICE_FACE(sluice_pollable_t) pollable;
    SLUICE_FACE(oskit_asyncio_t) asyncio;
    bool semaphore;
    struct env_spinlock lock;
    uint64_t count;
    struct readiness readiness;
    struct listener_set listeners;
};

static struct eventfd *eventfd_of(const void *self)
{
    return container_of(SLUICE_OBJECT(self), struct eventfd, object);
}

/* ---- The counter; lock held ---- */

static uint32_t count_level(uint64_t count)
{
    if (count == 0)
        return READY_WRITE;
    if (count < EVENTFD_MAX)
        return READY_READ | READY_WRITE;
    return count == EVENTFD_MAX ? READY_READ : READY_READ | READY_ERR;
}

static void count_set(struct eventfd *eventfd, uint64_t count)
{
    uint32_t level = count_level(count);

    eventfd->count = count;
    readiness_change(&eventfd->readiness, level, (READY_READ | READY_WRITE | READY_ERR) & ~level);
}

/* ---- Transfers ---- */

static oskit_error_t count_take(struct eventfd *eventfd, uint64_t *out)
{
    env_spin_lock(&eventfd->lock);
    uint64_t count = eventfd->count;
    *out = eventfd->semaphore && count != 0 ? 1 : count;
    if (count != 0)
        count_set(eventfd, count - *out);
    env_spin_unlock(&eventfd->lock);
    if (count == 0)
        return OSKIT_EWOULDBLOCK;
    readiness_tell(&eventfd->readiness, READY_WRITE);
    return OSKIT_SUCCESS;
}

static oskit_error_t count_give(struct eventfd *eventfd, uint64_t n)
{
    env_spin_lock(&eventfd->lock);
    bool fits = n <= EVENTFD_MAX && eventfd->count <= EVENTFD_MAX - n;
    if (fits)
        count_set(eventfd, eventfd->count + n);
    env_spin_unlock(&eventfd->lock);
    if (!fits)
        return OSKIT_EWOULDBLOCK;
    readiness_tell(&eventfd->readiness, READY_READ);
    return OSKIT_SUCCESS;
}

static oskit_error_t eventfd_move_out(struct eventfd *eventfd, struct sluice_uio *uio,
                                      size_t *moved)
{
    uint64_t n;

    *moved = 0;
    if (uio->left < sizeof n)
        return OSKIT_E_INVALIDARG;
    oskit_error_t err = count_take(eventfd, &n);
    return OSKIT_SUCCEEDED(err) ? uio_write_to(uio, &n, sizeof n, moved) : err;
}

/* The number is looked at before it is taken: a try that would block moves nothing. */
static oskit_error_t eventfd_move_in(struct eventfd *eventfd, struct sluice_uio *uio, size_t *moved)
{
    size_t got;
    uint64_t n;

    *moved = 0;
    if (uio->left != sizeof n)
        return OSKIT_E_INVALIDARG;
    oskit_error_t err = uio_peek(uio, &n, sizeof n, &got);
    if (OSKIT_FAILED(err))
        return err;
    if (n > EVENTFD_MAX)
        return OSKIT_E_INVALIDARG;
    err = count_give(eventfd, n);
    if (OSKIT_FAILED(err))
        return err;
    uio_skip(uio, sizeof n);
    *moved = sizeof n;
    return OSKIT_SUCCESS;
}

static oskit_error_t eventfd_readv(sluice_streamvec_t *self, struct sluice_uio *uio,
                                   oskit_u32_t flags, oskit_size_t *out_actual)
{
    (void)flags;
    return eventfd_move_out(eventfd_of(self), uio, out_actual);
}

static oskit_error_t eventfd_writev(sluice_streamvec_t *self, struct sluice_uio *uio,
                                    oskit_u32_t flags, oskit_size_t *out_actual)
{
    (void)flags;
    return eventfd_move_in(eventfd_of(self), uio, out_actual);
}

static struct sluice_streamvec_ops eventfd_streamvec_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .readv = eventfd_readv,
    .writev = eventfd_writev,
};

static oskit_error_t eventfd_read(oskit_stream_t *self, void *buf, oskit_u32_t len,
                                  oskit_u32_t *out_actual)
{
    struct sluice_iovec segment;
    struct sluice_uio uio;
    size_t moved;

    uio_init_kernel(&uio, &segment, buf, len);
    oskit_error_t err = eventfd_move_out(eventfd_of(self), &uio, &moved);
    *out_actual = (oskit_u32_t)moved;
    return err;
}

static oskit_error_t eventfd_write(oskit_stream_t *self, const void *buf, oskit_u32_t len,
                                   oskit_u32_t *out_actual)
{
    struct sluice_iovec segment;
    struct sluice_uio uio;
    size_t moved;

    uio_init_kernel(&uio, &segment, (void *)buf, len);
    oskit_error_t err = eventfd_move_in(eventfd_of(self), &uio, &moved);
    *out_actual = (oskit_u32_t)moved;
    return err;
}

static struct oskit_stream_ops eventfd_stream_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .read = eventfd_read,
    .write = eventfd_write,
    STREAM_REFUSALS,
};

/* ---- Readiness ---- */

static struct readiness *eventfd_readiness(sluice_pollable_t *self)
{
    return &eventfd_of(self)->readiness;
}

static struct sluice_pollable_ops eventfd_pollable_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .readiness = eventfd_readiness,
};

static oskit_error_t eventfd_poll(oskit_asyncio_t *self)
{
    return listener_set_poll(&eventfd_of(self)->listeners);
}

static oskit_error_t eventfd_add_listener(oskit_asyncio_t *self, struct oskit_listener *l,
                                          oskit_s32_t mask)
{
    struct eventfd *eventfd = eventfd_of(self);

    return listener_set_add(&eventfd->listeners, (oskit_iunknown_t *)&eventfd->stream.i, l, mask);
}

static oskit_error_t eventfd_remove_listener(oskit_asyncio_t *self, struct oskit_listener *l)
{
    return listener_set_remove(&eventfd_of(self)->listeners, l);
}

static oskit_error_t eventfd_readable(oskit_asyncio_t *self)
{
    return readiness_level(&eventfd_of(self)->readiness) & READY_READ ? sizeof(uint64_t) : 0;
}

static struct oskit_asyncio_ops eventfd_asyncio_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .poll = eventfd_poll,
    .add_listener = eventfd_add_listener,
    .remove_listener = eventfd_remove_listener,
    .readable = eventfd_readable,
};

/* ---- The class ---- */

static void eventfd_destroy(struct sluice_object *object)
{
    struct eventfd *eventfd = container_of(object, struct eventfd, object);

    listener_set_fini(&eventfd->listeners);
    sluice_object_fini(object);
    env_free(eventfd, sizeof *eventfd);
}

static const struct sluice_interface eventfd_interfaces[] = {
    {&oskit_iunknown_iid, offsetof(struct eventfd, stream), &eventfd_stream_ops},
    {&oskit_stream_iid, offsetof(struct eventfd, stream), &eventfd_stream_ops},
    {&sluice_streamvec_iid, offsetof(struct eventfd, streamvec), &eventfd_streamvec_ops},
    {&sluice_pollable_iid, offsetof(struct eventfd, pollable), &eventfd_pollable_ops},
    {&oskit_asyncio_iid, offsetof(struct eventfd, asyncio), &eventfd_asyncio_ops},
};

static const struct sluice_class eventfd_class = {
    "eventfd", eventfd_interfaces, SLUICE_COUNT(eventfd_interfaces), eventfd_destroy};

oskit_error_t eventfd_new(uint64_t count, bool semaphore, oskit_iunknown_t **out)
{
    *out = NULL;
    struct eventfd *eventfd = env_alloc(sizeof *eventfd, ENV_ZERO);
    if (eventfd == NULL)
        return OSKIT_ENOMEM;
    eventfd->semaphore = semaphore;
    readiness_init(&eventfd->readiness, 0);
    listener_set_init(&eventfd->listeners, &eventfd->readiness);
    count_set(eventfd, count);
    sluice_object_init(&eventfd->object, &eventfd_class);
    *out = (oskit_iunknown_t *)&eventfd->stream.i;
    return OSKIT_SUCCESS;
}

bool eventfd_add(oskit_iunknown_t *unknown, uint64_t n)
{
    if ((const void *)unknown->ops != &eventfd_stream_ops)
        return false;
    struct eventfd *eventfd = eventfd_of(unknown);
    env_spin_lock(&eventfd->lock);
    uint64_t room = OVERFLOWN - eventfd->count;
    count_set(eventfd, eventfd->count + (n < room ? n : room));
    uint32_t level = readiness_level(&eventfd->readiness);
    env_spin_unlock(&eventfd->lock);
    readiness_tell(&eventfd->readiness, level & (READY_READ | READY_ERR));
    return true;
}
