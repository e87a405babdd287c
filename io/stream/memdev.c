/*
 * null, zero, full and random: see <sluice/memdev.h>. Each open is a small object without state, so
 * there are no locks.
 */
#include <sluice/memdev.h>

#include <limits.h>
#include <oskit/com/stream.h>
#include <oskit/io/asyncio.h>
#include <oskit/io/posixio.h>
#include <sluice/device.h>
#include <sluice/env.h>
#include <sluice/object.h>
#include <sluice/readiness.h>
#include <sluice/refuse.h>
#include <sluice/string.h>
#include <sluice/vecio.h>

typedef oskit_error_t memdev_move_t(struct sluice_uio *uio, size_t *moved);

/* What tells one device from another. */
struct memdev_kind {
    const struct sluice_class *class;
    memdev_move_t *read, *write;
};

struct memdev {
    struct sluice_object object;
    SLUICE_FACE(oskit_stream_t) stream;
    SLUICE_FACE(sluice_streamvec_t) streamvec;
    SLUICE_FACE(sluice_absvec_t) absvec;
    SLUICE_FACE(sluice_pager_t) pager;
    SLUICE_FACE(sluice_pollable_t) pollable;
    SLUICE_FACE(oskit_asyncio_t) asyncio;
    SLUICE_FACE(sluice_control_t) control;
    const struct memdev_kind *kind;
    struct readiness readiness; /* never changes */
    struct listener_set listeners;
};

static struct memdev *memdev_of(const void *self)
{
    return container_of(SLUICE_OBJECT(self), struct memdev, object);
}

/* ---- Moving bytes ---- */

static oskit_error_t move_nothing(struct sluice_uio *uio, size_t *moved)
{
    (void)uio;
    *moved = 0;
    return OSKIT_SUCCESS;
}

static oskit_error_t move_away(struct sluice_uio *uio, size_t *moved)
{
    *moved = uio->left;
    uio_skip(uio, uio->left);
    return OSKIT_SUCCESS;
}

static oskit_error_t move_zeros(struct sluice_uio *uio, size_t *moved)
{
    oskit_error_t err = uio_zero(uio, uio->left, moved);

    return *moved != 0 ? OSKIT_SUCCESS : err;
}

static oskit_error_t move_no_space(struct sluice_uio *uio, size_t *moved)
{
    (void)uio;
    *moved = 0;
    return OSKIT_ENOSPC;
}

#define RANDOM_PIECE 256u

static oskit_error_t move_random(struct sluice_uio *uio, size_t *moved)
{
    unsigned char piece[RANDOM_PIECE];
    oskit_error_t err = OSKIT_SUCCESS;
    size_t total = 0;

    while (uio->left > 0 && OSKIT_SUCCEEDED(err)) {
        size_t size = uio->left < sizeof piece ? uio->left : sizeof piece, here;
        env_random(piece, size);
        err = uio_write_to(uio, piece, size, &here);
        total += here;
    }
    *moved = total;
    return total != 0 ? OSKIT_SUCCESS : err;
}

/* Seeds are welcome, but the generator is the host's: they are read, which finds bad addresses, and
 * dropped. */
static oskit_error_t move_seed(struct sluice_uio *uio, size_t *moved)
{
    unsigned char piece[RANDOM_PIECE];
    oskit_error_t err = OSKIT_SUCCESS;
    size_t total = 0;

    while (uio->left > 0 && OSKIT_SUCCEEDED(err)) {
        size_t here;
        err = uio_read_from(uio, piece, sizeof piece, &here);
        total += here;
    }
    *moved = total;
    return total != 0 ? OSKIT_SUCCESS : err;
}

/* ---- streamvec, absvec, stream ---- */

static oskit_error_t memdev_readv(sluice_streamvec_t *self, struct sluice_uio *uio,
                                  oskit_u32_t flags, oskit_size_t *out_actual)
{
    (void)flags;
    return memdev_of(self)->kind->read(uio, out_actual);
}

static oskit_error_t memdev_writev(sluice_streamvec_t *self, struct sluice_uio *uio,
                                   oskit_u32_t flags, oskit_size_t *out_actual)
{
    (void)flags;
    return memdev_of(self)->kind->write(uio, out_actual);
}

static struct sluice_streamvec_ops memdev_streamvec_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .readv = memdev_readv,
    .writev = memdev_writev,
};

static oskit_error_t memdev_preadv(sluice_absvec_t *self, struct sluice_uio *uio,
                                   oskit_off_t offset, oskit_u32_t flags, oskit_size_t *out_actual)
{
    (void)flags;
    *out_actual = 0;
    return offset < 0 ? OSKIT_E_INVALIDARG : memdev_of(self)->kind->read(uio, out_actual);
}

static oskit_error_t memdev_pwritev(sluice_absvec_t *self, struct sluice_uio *uio,
                                    oskit_off_t offset, oskit_u32_t flags, oskit_size_t *out_actual,
                                    oskit_off_t *out_end)
{
    (void)flags;
    *out_actual = 0;
    oskit_error_t err =
        offset < 0 ? OSKIT_E_INVALIDARG : memdev_of(self)->kind->write(uio, out_actual);
    if (out_end != NULL)
        *out_end = offset + (oskit_off_t)*out_actual;
    return err;
}

static struct sluice_absvec_ops memdev_absvec_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .preadv = memdev_preadv,
    .pwritev = memdev_pwritev,
};

static oskit_error_t stream_move(memdev_move_t *move, void *buf, oskit_u32_t len,
                                 oskit_u32_t *out_actual)
{
    struct sluice_iovec segment;
    struct sluice_uio uio;
    size_t moved;

    uio_init_kernel(&uio, &segment, buf, len);
    oskit_error_t err = move(&uio, &moved);
    *out_actual = (oskit_u32_t)moved;
    return err;
}

static oskit_error_t memdev_read(oskit_stream_t *self, void *buf, oskit_u32_t len,
                                 oskit_u32_t *out_actual)
{
    return stream_move(memdev_of(self)->kind->read, buf, len, out_actual);
}

static oskit_error_t memdev_write(oskit_stream_t *self, const void *buf, oskit_u32_t len,
                                  oskit_u32_t *out_actual)
{
    return stream_move(memdev_of(self)->kind->write, (void *)buf, len, out_actual);
}

/* Always at 0, as on Linux. */
static oskit_error_t memdev_seek(oskit_stream_t *self, oskit_s64_t ofs, oskit_seek_t whence,
                                 oskit_u64_t *out_newpos)
{
    (void)self, (void)ofs, (void)whence;
    if (out_newpos != NULL)
        *out_newpos = 0;
    return OSKIT_SUCCESS;
}

static struct oskit_stream_ops memdev_stream_ops = {
    SLUICE_IUNKNOWN_SLOTS, .read = memdev_read,      .write = memdev_write,
    .seek = memdev_seek,   STREAM_REFUSALS_BUT_SEEK,
};

/* ---- zero: pager ---- */

static oskit_error_t zero_getpage(sluice_pager_t *self, oskit_u64_t index, oskit_u32_t flags,
                                  void **out_page)
{
    (void)self, (void)index, (void)flags;
    *out_page = env_page_alloc(0, ENV_ZERO);
    return *out_page != NULL ? OSKIT_SUCCESS : OSKIT_ENOMEM;
}

static struct sluice_pager_ops zero_pager_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .getpage = zero_getpage,
    .mappings = mappings_none,
};

/* ---- random: pollable, asyncio, control ---- */

static struct readiness *random_readiness(sluice_pollable_t *self)
{
    return &memdev_of(self)->readiness;
}

static struct sluice_pollable_ops random_pollable_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .readiness = random_readiness,
};

static oskit_error_t random_poll(oskit_asyncio_t *self)
{
    return listener_set_poll(&memdev_of(self)->listeners);
}

static oskit_error_t random_add_listener(oskit_asyncio_t *self, struct oskit_listener *l,
                                         oskit_s32_t mask)
{
    struct memdev *dev = memdev_of(self);

    return listener_set_add(&dev->listeners, (oskit_iunknown_t *)&dev->stream.i, l, mask);
}

static oskit_error_t random_remove_listener(oskit_asyncio_t *self, struct oskit_listener *l)
{
    return listener_set_remove(&memdev_of(self)->listeners, l);
}

static oskit_error_t random_readable(oskit_asyncio_t *self)
{
    (void)self;
    return INT_MAX;
}

static struct oskit_asyncio_ops random_asyncio_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .poll = random_poll,
    .add_listener = random_add_listener,
    .remove_listener = random_remove_listener,
    .readable = random_readable,
};

#define RNDGETENTCNT   0x80045200u
#define ENTROPY_BITS   256
#define USER_PTR(word) ((void *)(uintptr_t)(word))

static oskit_error_t random_ioctl(sluice_control_t *self, oskit_u32_t command, oskit_u64_t argument,
                                  oskit_s32_t *out_result)
{
    const oskit_s32_t bits = ENTROPY_BITS;

    (void)self;
    *out_result = 0;
    if (command != RNDGETENTCNT)
        return OSKIT_ENOTTY;
    return env_copy_to_user(USER_PTR(argument), &bits, sizeof bits) == 0 ? OSKIT_SUCCESS
                                                                         : OSKIT_EFAULT;
}

static struct sluice_control_ops random_control_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .ioctl = random_ioctl,
};

/* ---- The classes and the devices ---- */

static void memdev_destroy(struct sluice_object *object)
{
    struct memdev *dev = container_of(object, struct memdev, object);

    listener_set_fini(&dev->listeners);
    sluice_object_fini(object);
    env_free(dev, sizeof *dev);
}

#define PLAIN_FACES                                                                         \
    {&oskit_stream_iid, offsetof(struct memdev, stream), &memdev_stream_ops},               \
        {&sluice_streamvec_iid, offsetof(struct memdev, streamvec), &memdev_streamvec_ops}, \
    {                                                                                       \
        &sluice_absvec_iid, offsetof(struct memdev, absvec), &memdev_absvec_ops             \
    }

static const struct sluice_interface plain_interfaces[] = {PLAIN_FACES};
static const struct sluice_interface zero_interfaces[] = {
    PLAIN_FACES,
    {&sluice_pager_iid, offsetof(struct memdev, pager), &zero_pager_ops},
};
static const struct sluice_interface random_interfaces[] = {
    PLAIN_FACES,
    {&sluice_pollable_iid, offsetof(struct memdev, pollable), &random_pollable_ops},
    {&oskit_asyncio_iid, offsetof(struct memdev, asyncio), &random_asyncio_ops},
    {&sluice_control_iid, offsetof(struct memdev, control), &random_control_ops},
};

#define CLASS(name, interfaces)                                    \
    {                                                              \
        name, interfaces, SLUICE_COUNT(interfaces), memdev_destroy \
    }
static const struct sluice_class null_class = CLASS("null device", plain_interfaces);
static const struct sluice_class zero_class = CLASS("zero device", zero_interfaces);
static const struct sluice_class full_class = CLASS("full device", plain_interfaces);
static const struct sluice_class random_class = CLASS("random device", random_interfaces);

static struct memdev_kind null_kind = {&null_class, move_nothing, move_away};
static struct memdev_kind zero_kind = {&zero_class, move_zeros, move_away};
static struct memdev_kind full_kind = {&full_class, move_zeros, move_no_space};
static struct memdev_kind random_kind = {&random_class, move_random, move_seed};

static oskit_error_t memdev_open(void *arg, oskit_u32_t oflags, oskit_iunknown_t **out)
{
    struct memdev *dev = env_alloc(sizeof *dev, ENV_ZERO);

    (void)oflags;
    *out = NULL;
    if (dev == NULL)
        return OSKIT_ENOMEM;
    dev->kind = arg;
    readiness_init(&dev->readiness, READY_READ | READY_WRITE);
    listener_set_init(&dev->listeners, &dev->readiness);
    sluice_object_init(&dev->object, dev->kind->class);
    *out = (oskit_iunknown_t *)&dev->stream.i;
    return OSKIT_SUCCESS;
}

#define DEVICE(text, minor, of_kind)                                                   \
    {                                                                                  \
        .name = text, .number = DEVICE_NUMBER(1, minor), .mode = OSKIT_S_IFCHR | 0666, \
        .open = memdev_open, .arg = &of_kind                                           \
    }
static const struct device devices[] = {
    DEVICE("null", 3, null_kind),      DEVICE("zero", 5, zero_kind),
    DEVICE("full", 7, full_kind),      DEVICE("random", 8, random_kind),
    DEVICE("urandom", 9, random_kind),
};

oskit_error_t memdev_register(void)
{
    oskit_error_t err = OSKIT_SUCCESS;
    size_t done = 0;

    while (done < SLUICE_COUNT(devices) && OSKIT_SUCCEEDED(err)) {
        err = device_register(&devices[done]);
        done += OSKIT_SUCCEEDED(err);
    }
    while (OSKIT_FAILED(err) && done > 0)
        device_unregister(&devices[--done]);
    return err;
}

void memdev_unregister(void)
{
    for (size_t i = 0; i < SLUICE_COUNT(devices); i++)
        device_unregister(&devices[i]);
}
