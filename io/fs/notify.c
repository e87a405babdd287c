/*
 * Notifiers: the queue of events, and reading it. See <sluice/notify.h>; locks: notify_private.h.
 *
 * Events are appended from under spinlocks, so their memory may not be waited for. What can't be
 * had is an event lost, which the overflow says, that each notifier has from the beginning.
 */
#include <sluice/refuse.h>
#include <sluice/string.h>
#include "notify_private.h"

struct notify_limits notify_limits = {.events = 16384, .instances = 128, .watches = 8192};

static struct notify *notify_of(const void *self)
{
    return container_of(SLUICE_OBJECT(self), struct notify, object);
}

/* ---- The queue; lock held ---- */

static size_t event_size(const struct notify_event *event)
{
    return sizeof event->record + event->record.length;
}

static void event_append(struct notify *notify, struct notify_event *event)
{
    list_push_back(&notify->events, &event->link);
    notify->count++;
    notify->bytes += event_size(event);
    readiness_change(&notify->readiness, READY_READ, 0);
}

static void event_take(struct notify *notify, struct notify_event *event)
{
    list_remove(&event->link);
    notify->count--;
    notify->bytes -= event_size(event);
    if (notify->count == 0)
        readiness_change(&notify->readiness, 0, READY_READ);
}

static void event_lost(struct notify *notify)
{
    struct notify_event *overflow = notify->overflow;

    if (!list_empty(&overflow->link))
        return;
    overflow->record = (struct notify_record){.watch = -1, .mask = NOTIFY_OVERFLOW};
    event_append(notify, overflow);
}

/* The last unread event says it already. */
static bool event_repeats(const struct notify *notify, oskit_s32_t watch,
                          const struct notify_news *news)
{
    if (list_empty(&notify->events))
        return false;
    const struct notify_event *last = container_of(notify->events.prev, struct notify_event, link);
    if (last->record.mask != news->event || last->record.watch != watch ||
        (last->record.mask & NOTIFY_IGNORED))
        return false;
    if (!news->name || last->record.length == 0)
        return !news->name && last->record.length == 0;
    return strlen(last->name) == news->length && !memcmp(last->name, news->name, news->length);
}

/* The length of a name in a record: with at least one NUL. */
static oskit_u32_t name_room(const struct notify_news *news)
{
    return news->name ? (oskit_u32_t)(news->length + 16) & ~15u : 0;
}

static struct notify_event *event_create(oskit_s32_t watch, const struct notify_news *news)
{
    oskit_u32_t room = name_room(news);
    struct notify_event *event = env_alloc(sizeof *event + room, ENV_ZERO | ENV_NOSLEEP);

    if (!event)
        return NULL;
    list_init(&event->link);
    event->record = (struct notify_record){watch, news->event, news->cookie, room};
    if (room > 0)
        memcpy(event->name, news->name, news->length);
    return event;
}

static void event_free(struct notify *notify, struct notify_event *event)
{
    if (event != notify->overflow)
        env_free(event, sizeof *event + event->record.length);
}

void notify_queue(struct notify *notify, oskit_s32_t watch, const struct notify_news *news)
{
    env_spin_lock(&notify->lock);
    if (notify->count >= notify->limit) {
        event_lost(notify);
    } else if (!event_repeats(notify, watch, news)) {
        struct notify_event *event = event_create(watch, news);

        if (event)
            event_append(notify, event);
        else
            event_lost(notify);
    }
    env_spin_unlock(&notify->lock);
}

/* ---- Reading ---- */

/* What an event is, away from the queue: the overflow's record may be used again at once. */
struct taken {
    struct notify_record record;
    struct notify_event *event; /* NULL: it was the overflow, which has no name */
};

/* OSKIT_EWOULDBLOCK: none. OSKIT_E_INVALIDARG: it doesn't fit in ROOM. */
static oskit_error_t notify_take(struct notify *notify, size_t room, struct taken *out)
{
    oskit_error_t err = OSKIT_SUCCESS;

    env_spin_lock(&notify->lock);
    struct notify_event *first = container_of(notify->events.next, struct notify_event, link);
    if (notify->count == 0) {
        err = OSKIT_EWOULDBLOCK;
    } else if (event_size(first) > room) {
        err = OSKIT_E_INVALIDARG;
    } else {
        *out = (struct taken){first->record, first == notify->overflow ? NULL : first};
        event_take(notify, first);
    }
    env_spin_unlock(&notify->lock);
    return err;
}

static oskit_error_t taken_move(struct taken *taken, struct sluice_uio *uio)
{
    size_t moved;
    oskit_error_t err = uio_write_to(uio, &taken->record, sizeof taken->record, &moved);

    if (OSKIT_SUCCEEDED(err) && taken->record.length > 0)
        err = uio_write_to(uio, taken->event->name, taken->record.length, &moved);
    return err;
}

/* Whole events only. One that met a bad address is lost, as in Linux. */
static oskit_error_t notify_move_out(struct notify *notify, struct sluice_uio *uio, size_t *moved)
{
    size_t start = uio->left;
    struct taken taken;
    oskit_error_t err;

    *moved = 0;
    while (OSKIT_SUCCEEDED(err = notify_take(notify, uio->left, &taken))) {
        err = taken_move(&taken, uio);
        if (taken.event)
            event_free(notify, taken.event);
        if (OSKIT_FAILED(err))
            return err;
        *moved = start - uio->left;
    }
    return *moved > 0 ? OSKIT_SUCCESS : err;
}

static oskit_error_t notify_readv(sluice_streamvec_t *self, struct sluice_uio *uio,
                                  oskit_u32_t flags, oskit_size_t *out_actual)
{
    (void)flags;
    return notify_move_out(notify_of(self), uio, out_actual);
}

static oskit_error_t notify_writev(sluice_streamvec_t *self, struct sluice_uio *uio,
                                   oskit_u32_t flags, oskit_size_t *out_actual)
{
    (void)self, (void)uio, (void)flags;
    *out_actual = 0;
    return OSKIT_E_INVALIDARG;
}

static struct sluice_streamvec_ops notify_streamvec_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .readv = notify_readv,
    .writev = notify_writev,
};

static oskit_error_t notify_read(oskit_stream_t *self, void *buf, oskit_u32_t len,
                                 oskit_u32_t *out_actual)
{
    struct sluice_iovec segment;
    struct sluice_uio uio;
    size_t moved;

    uio_init_kernel(&uio, &segment, buf, len);
    oskit_error_t err = notify_move_out(notify_of(self), &uio, &moved);
    *out_actual = (oskit_u32_t)moved;
    return err;
}

static oskit_error_t notify_write(oskit_stream_t *self, const void *buf, oskit_u32_t len,
                                  oskit_u32_t *out_actual)
{
    (void)self, (void)buf, (void)len;
    *out_actual = 0;
    return OSKIT_E_INVALIDARG;
}

static struct oskit_stream_ops notify_stream_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .read = notify_read,
    .write = notify_write,
    STREAM_REFUSALS,
};

/* ---- Readiness ---- */

static struct readiness *notify_readiness(sluice_pollable_t *self)
{
    return &notify_of(self)->readiness;
}

static struct sluice_pollable_ops notify_pollable_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .readiness = notify_readiness,
};

static oskit_error_t notify_poll(oskit_asyncio_t *self)
{
    return listener_set_poll(&notify_of(self)->listeners);
}

static oskit_error_t notify_add_listener(oskit_asyncio_t *self, struct oskit_listener *l,
                                         oskit_s32_t mask)
{
    struct notify *notify = notify_of(self);

    return listener_set_add(&notify->listeners, (oskit_iunknown_t *)&notify->stream.i, l, mask);
}

static oskit_error_t notify_remove_listener(oskit_asyncio_t *self, struct oskit_listener *l)
{
    return listener_set_remove(&notify_of(self)->listeners, l);
}

static oskit_error_t notify_readable(oskit_asyncio_t *self)
{
    struct notify *notify = notify_of(self);

    env_spin_lock(&notify->lock);
    size_t bytes = notify->bytes;
    env_spin_unlock(&notify->lock);
    return (oskit_error_t)(bytes < INT32_MAX ? bytes : INT32_MAX);
}

static struct oskit_asyncio_ops notify_asyncio_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .poll = notify_poll,
    .add_listener = notify_add_listener,
    .remove_listener = notify_remove_listener,
    .readable = notify_readable,
};

/* ---- The class ---- */

static void notify_destroy(struct sluice_object *object)
{
    struct notify *notify = container_of(object, struct notify, object);
    struct list *pos;

    notify_drop_watches(notify);
    while ((pos = list_pop_front(&notify->events)))
        event_free(notify, container_of(pos, struct notify_event, link));
    env_free(notify->overflow, sizeof *notify->overflow);
    notify_user_put(notify->user);
    listener_set_fini(&notify->listeners);
    sluice_object_fini(object);
    env_free(notify, sizeof *notify);
}

static const struct sluice_interface notify_interfaces[] = {
    {&oskit_iunknown_iid, offsetof(struct notify, stream), &notify_stream_ops},
    {&oskit_stream_iid, offsetof(struct notify, stream), &notify_stream_ops},
    {&sluice_streamvec_iid, offsetof(struct notify, streamvec), &notify_streamvec_ops},
    {&sluice_pollable_iid, offsetof(struct notify, pollable), &notify_pollable_ops},
    {&oskit_asyncio_iid, offsetof(struct notify, asyncio), &notify_asyncio_ops},
};

static const struct sluice_class notify_class = {"notifier", notify_interfaces,
                                                 SLUICE_COUNT(notify_interfaces), notify_destroy};

oskit_error_t notify_new(oskit_iunknown_t **out)
{
    struct env_identity who;
    struct notify *notify = env_alloc(sizeof *notify, ENV_ZERO);

    *out = NULL;
    if (!notify)
        return OSKIT_ENOMEM;
    env_identity(&who);
    notify->overflow = env_alloc(sizeof *notify->overflow, ENV_ZERO);
    oskit_error_t err = notify->overflow ? notify_user_get(who.uid, &notify->user) : OSKIT_ENOMEM;
    if (OSKIT_FAILED(err)) {
        env_free(notify->overflow, sizeof *notify->overflow);
        env_free(notify, sizeof *notify);
        return err;
    }
    notify->limit = notify_limits.events;
    list_init(&notify->events);
    list_init(&notify->overflow->link);
    list_init(&notify->late);
    readiness_init(&notify->readiness, 0);
    listener_set_init(&notify->listeners, &notify->readiness);
    sluice_object_init(&notify->object, &notify_class);
    *out = (oskit_iunknown_t *)&notify->stream.i;
    return OSKIT_SUCCESS;
}

bool notify_is(oskit_iunknown_t *object)
{
    return notify_of_object(object) != NULL;
}

struct notify *notify_of_object(oskit_iunknown_t *object)
{
    return (const void *)object->ops == &notify_stream_ops ? notify_of(object) : NULL;
}
