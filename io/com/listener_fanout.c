/* listener_fanout: one listener that stands for many. Locks: reflist's. */
#include <oskit/com/listener_fanout.h>

#include <sluice/object.h>
#include "reflist.h"

struct listener_fanout {
    struct sluice_object object;
    SLUICE_FACE(oskit_listener_fanout_t) fanout;
    struct reflist list;
};

static struct reflist *list_of(oskit_listener_fanout_t *self)
{
    return &((struct listener_fanout *)SLUICE_OBJECT(self))->list;
}

static oskit_error_t notify_one(void *obj, void *listener)
{
    return oskit_listener_notify((oskit_listener_t *)listener, obj);
}

static oskit_error_t fanout_notify(oskit_listener_fanout_t *self, oskit_iunknown_t *obj)
{
    reflist_each(list_of(self), notify_one, obj);
    return 0;
}

static oskit_error_t fanout_add(oskit_listener_fanout_t *self, struct oskit_listener *listener)
{
    return reflist_add(list_of(self), listener);
}

static oskit_error_t fanout_remove(oskit_listener_fanout_t *self, struct oskit_listener *listener)
{
    return reflist_remove(list_of(self), listener);
}

static oskit_u32_t fanout_count(oskit_listener_fanout_t *self)
{
    return reflist_count(list_of(self));
}

static void fanout_destroy(struct sluice_object *object)
{
    struct listener_fanout *fanout = (struct listener_fanout *)object;
    reflist_fini(&fanout->list);
    sluice_object_fini(object);
    env_free(fanout, sizeof *fanout);
}

static const struct oskit_listener_fanout_ops fanout_ops = {
    SLUICE_IUNKNOWN_SLOTS,   .notify = fanout_notify, .add = fanout_add,
    .remove = fanout_remove, .count = fanout_count,
};
/* The table begins as listener's does, so one face serves both. */
static const struct sluice_interface fanout_interfaces[] = {
    {&oskit_listener_fanout_iid, offsetof(struct listener_fanout, fanout), &fanout_ops},
    {&oskit_listener_iid, offsetof(struct listener_fanout, fanout), &fanout_ops},
};
static const struct sluice_class fanout_class = {"listener fanout", fanout_interfaces,
                                                 SLUICE_COUNT(fanout_interfaces), fanout_destroy};

oskit_listener_fanout_t *oskit_create_listener_fanout(void)
{
    struct listener_fanout *fanout = env_alloc(sizeof *fanout, 0);
    if (fanout == NULL)
        return NULL;
    sluice_object_init(&fanout->object, &fanout_class);
    reflist_init(&fanout->list);
    return &fanout->fanout.i;
}
