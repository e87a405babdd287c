/* A port as the seed's device object: what oskit_ttydev's open gives is the terminal that
 * tty_port_open gives. */
#include "core.h"

struct ttydev {
    struct sluice_object object;
    SLUICE_FACE(oskit_ttydev_t) dev;
    struct tty_port *port;
    const char *description;
};

static oskit_error_t ttydev_getinfo(oskit_ttydev_t *self, oskit_devinfo_t *out)
{
    const struct ttydev *dev = (struct ttydev *)SLUICE_OBJECT(self);

    *out = (oskit_devinfo_t){.name = dev->port->device.name, .description = dev->description};
    return OSKIT_SUCCESS;
}

/* Drivers are no objects here. */
static oskit_error_t no_driver(oskit_ttydev_t *self, oskit_driver_t **out)
{
    (void)self;
    *out = NULL;
    return OSKIT_E_NOTIMPL;
}

static oskit_error_t ttydev_open(oskit_ttydev_t *self, oskit_u32_t flags, oskit_ttystream_t **out)
{
    const struct ttydev *dev = (struct ttydev *)SLUICE_OBJECT(self);

    (void)flags;
    return tty_port_open(dev->port, (oskit_iunknown_t **)out);
}

/* Carrier is not waited for: CLOCAL is how our lines begin. */
static oskit_error_t ttydev_listen(oskit_ttydev_t *self, oskit_u32_t flags, oskit_ttystream_t **out)
{
    return ttydev_open(self, flags, out);
}

static struct oskit_ttydev_ops ttydev_ops = {
    SLUICE_IUNKNOWN_SLOTS, .getinfo = ttydev_getinfo, .getdriver = no_driver,
    .open = ttydev_open,   .listen = ttydev_listen,
};

static void ttydev_destroy(struct sluice_object *object)
{
    sluice_object_fini(object);
    env_free(object, sizeof(struct ttydev));
}

static const struct sluice_interface ttydev_interfaces[] = {
    {&oskit_iunknown_iid, offsetof(struct ttydev, dev), &ttydev_ops},
    {&oskit_device_iid, offsetof(struct ttydev, dev), &ttydev_ops},
    {&oskit_ttydev_iid, offsetof(struct ttydev, dev), &ttydev_ops},
};

static const struct sluice_class ttydev_class = {"ttydev", ttydev_interfaces,
                                                 SLUICE_COUNT(ttydev_interfaces), ttydev_destroy};

oskit_error_t tty_port_ttydev(struct tty_port *port, const char *description, oskit_ttydev_t **out)
{
    struct ttydev *dev = env_alloc(sizeof *dev, ENV_ZERO);

    *out = NULL;
    if (!dev)
        return OSKIT_ENOMEM;
    sluice_object_init(&dev->object, &ttydev_class);
    dev->port = port;
    dev->description = description;
    *out = &dev->dev.i;
    return OSKIT_SUCCESS;
}
