/* A listener made of a function. */
#include <oskit/com/listener.h>

#include <sluice/env.h>
#include <sluice/object.h>

struct callback_listener {
    struct sluice_object object;
    SLUICE_FACE(oskit_listener_t) listener;
    oskit_listener_callback_t callback;
    void *arg;
};

static oskit_error_t callback_notify(oskit_listener_t *self, oskit_iunknown_t *obj)
{
    struct callback_listener *l = (struct callback_listener *)SLUICE_OBJECT(self);
    return l->callback(obj, l->arg);
}

static void callback_destroy(struct sluice_object *object)
{
    sluice_object_fini(object);
    env_free(object, sizeof(struct callback_listener));
}

static const struct oskit_listener_ops callback_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .notify = callback_notify,
};
static const struct sluice_interface callback_interfaces[] = {
    {&oskit_listener_iid, offsetof(struct callback_listener, listener), &callback_ops},
};
static const struct sluice_class callback_class = {
    "listener", callback_interfaces, SLUICE_COUNT(callback_interfaces), callback_destroy};

oskit_listener_t *oskit_create_listener(oskit_listener_callback_t callback, void *arg)
{
    struct callback_listener *l = env_alloc(sizeof *l, 0);
    if (l == NULL)
        return NULL;
    sluice_object_init(&l->object, &callback_class);
    l->callback = callback;
    l->arg = arg;
    return &l->listener.i;
}
