/* netio_fanout: one packet consumer that stands for many. Locks: reflist's. */
#include <oskit/io/netio_fanout.h>

#include <sluice/object.h>
#include "io/com/reflist.h"

struct netio_fanout {
    struct sluice_object object;
    SLUICE_FACE(oskit_netio_fanout_t) fanout;
    SLUICE_FACE(oskit_netio_t) netio;
    struct reflist list;
};

struct packet {
    oskit_bufio_t *buf;
    oskit_size_t size;
};

static oskit_error_t push_one(void *arg, void *consumer)
{
    struct packet *packet = arg;
    return oskit_netio_push((oskit_netio_t *)consumer, packet->buf, packet->size);
}

static oskit_error_t push_all(struct sluice_object *object, oskit_bufio_t *buf, oskit_size_t size)
{
    struct packet packet = {buf, size};
    return reflist_each(&((struct netio_fanout *)object)->list, push_one, &packet);
}

static oskit_error_t fanout_push(oskit_netio_fanout_t *self, oskit_bufio_t *buf, oskit_size_t size)
{
    return push_all(SLUICE_OBJECT(self), buf, size);
}

static oskit_error_t fanout_netio_push(oskit_netio_t *self, oskit_bufio_t *buf, oskit_size_t size)
{
    return push_all(SLUICE_OBJECT(self), buf, size);
}

static oskit_error_t fanout_alloc_bufio_refused(oskit_netio_t *self, oskit_size_t size,
                                                oskit_bufio_t **out_buf)
{
    (void)self;
    (void)size;
    *out_buf = NULL;
    return OSKIT_E_NOTIMPL;
}

static oskit_error_t fanout_add_listener(oskit_netio_fanout_t *self, oskit_netio_t *listener)
{
    return reflist_add(&((struct netio_fanout *)SLUICE_OBJECT(self))->list, listener);
}

static oskit_error_t fanout_remove_listener(oskit_netio_fanout_t *self, oskit_netio_t *listener)
{
    return reflist_remove(&((struct netio_fanout *)SLUICE_OBJECT(self))->list, listener);
}

static void fanout_destroy(struct sluice_object *object)
{
    struct netio_fanout *fanout = (struct netio_fanout *)object;
    reflist_fini(&fanout->list);
    sluice_object_fini(object);
    env_free(fanout, sizeof *fanout);
}

static const struct oskit_netio_fanout_ops fanout_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .push = fanout_push,
    .add_listener = fanout_add_listener,
    .remove_listener = fanout_remove_listener,
};
static const struct oskit_netio_ops fanout_netio_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .push = fanout_netio_push,
    .alloc_bufio = fanout_alloc_bufio_refused,
};
static const struct sluice_interface fanout_interfaces[] = {
    {&oskit_netio_fanout_iid, offsetof(struct netio_fanout, fanout), &fanout_ops},
    {&oskit_netio_iid, offsetof(struct netio_fanout, netio), &fanout_netio_ops},
};
static const struct sluice_class fanout_class = {"netio fanout", fanout_interfaces,
                                                 SLUICE_COUNT(fanout_interfaces), fanout_destroy};

oskit_netio_fanout_t *oskit_netio_fanout_create(void)
{
    struct netio_fanout *fanout = env_alloc(sizeof *fanout, 0);
    if (fanout == NULL)
        return NULL;
    sluice_object_init(&fanout->object, &fanout_class);
    reflist_init(&fanout->list);
    return &fanout->fanout.i;
}
