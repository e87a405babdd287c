/* A netio made of a function. */
#include <oskit/io/netio.h>

#include <sluice/env.h>
#include <sluice/object.h>

struct callback_netio {
    struct sluice_object object;
    SLUICE_FACE(oskit_netio_t) netio;
    oskit_error_t (*func)(void *data, oskit_bufio_t *buf, oskit_size_t size);
    void *data;
    void (*destructor)(void *data); /* or NULL */
};

static oskit_error_t callback_push(oskit_netio_t *self, oskit_bufio_t *buf, oskit_size_t size)
{
    struct callback_netio *n = (struct callback_netio *)SLUICE_OBJECT(self);
    return n->func(n->data, buf, size);
}

static oskit_error_t callback_alloc_bufio_refused(oskit_netio_t *self, oskit_size_t size,
                                                  oskit_bufio_t **out_buf)
{
    (void)self;
    (void)size;
    *out_buf = NULL;
    return OSKIT_E_NOTIMPL;
}

static void callback_destroy(struct sluice_object *object)
{
    struct callback_netio *n = (struct callback_netio *)object;
    if (n->destructor != NULL)
        n->destructor(n->data);
    sluice_object_fini(object);
    env_free(n, sizeof *n);
}

static const struct oskit_netio_ops callback_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .push = callback_push,
    .alloc_bufio = callback_alloc_bufio_refused,
};
static const struct sluice_interface callback_interfaces[] = {
    {&oskit_netio_iid, offsetof(struct callback_netio, netio), &callback_ops},
};
static const struct sluice_class callback_class = {
    "netio", callback_interfaces, SLUICE_COUNT(callback_interfaces), callback_destroy};

oskit_netio_t *oskit_netio_create_cleanup(oskit_error_t (*func)(void *data, oskit_bufio_t *buf,
                                                                oskit_size_t size),
                                          void *data, void (*destructor)(void *data))
{
    struct callback_netio *n = env_alloc(sizeof *n, 0);
    if (n == NULL)
        return NULL;
    sluice_object_init(&n->object, &callback_class);
    n->func = func;
    n->data = data;
    n->destructor = destructor;
    return &n->netio.i;
}

oskit_netio_t *oskit_netio_create(oskit_error_t (*func)(void *data, oskit_bufio_t *buf,
                                                        oskit_size_t size),
                                  void *data)
{
    return oskit_netio_create_cleanup(func, data, NULL);
}
