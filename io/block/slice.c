/*
 * A slice: some of a blkio's bytes as a blkio of their own. No locks: nothing changes after
 * creation.
 *
 * start + size never overflows: creation checked it against the size of the whole. When the whole
 * shrinks later, its own answers come through.
 */
#include <oskit/io/blkio.h>

#include <oskit/io/absio.h>
#include <sluice/env.h>
#include <sluice/object.h>
#include <sluice/range.h>
#include <sluice/vecio.h>

struct slice {
    struct sluice_object object;
    SLUICE_FACE(oskit_blkio_t) blkio;
    SLUICE_FACE(sluice_absvec_t) absvec;
    oskit_blkio_t *io;    /* with a reference */
    sluice_absvec_t *vec; /* IO's, with a reference, or NULL */
    oskit_off_t start, size;
    oskit_u32_t block_size;
};

static struct slice *slice_of(const void *self)
{
    return (struct slice *)SLUICE_OBJECT(self);
}

static oskit_u32_t slice_getblocksize(oskit_blkio_t *self)
{
    return slice_of(self)->block_size;
}

static oskit_error_t slice_getsize(oskit_blkio_t *self, oskit_off_t *out_size)
{
    *out_size = slice_of(self)->size;
    return 0;
}

static oskit_error_t slice_setsize_refused(oskit_blkio_t *self, oskit_off_t new_size)
{
    (void)self;
    (void)new_size;
    return OSKIT_E_NOTIMPL;
}

static oskit_error_t slice_read(oskit_blkio_t *self, void *buf, oskit_off_t offset,
                                oskit_size_t amount, oskit_size_t *out_actual)
{
    struct slice *s = slice_of(self);

    *out_actual = 0;
    if (offset < 0 || !range_aligned(offset, amount, s->block_size))
        return OSKIT_E_INVALIDARG;
    amount = range_clip(offset, amount, s->size);
    if (amount == 0)
        return 0;
    return oskit_blkio_read(s->io, buf, s->start + offset, amount, out_actual);
}

static oskit_error_t slice_write(oskit_blkio_t *self, const void *buf, oskit_off_t offset,
                                 oskit_size_t amount, oskit_size_t *out_actual)
{
    struct slice *s = slice_of(self);

    *out_actual = 0;
    if (offset < 0 || !range_aligned(offset, amount, s->block_size))
        return OSKIT_E_INVALIDARG;
    if (amount == 0)
        return 0;
    amount = range_clip(offset, amount, s->size);
    if (amount == 0)
        return OSKIT_ENOSPC;
    return oskit_blkio_write(s->io, buf, s->start + offset, amount, out_actual);
}

/* Lets UIO show only LIMIT of its bytes while CALLEE moves them; the caller puts the hidden ones
 * back with uio_show. */
static oskit_size_t uio_hide(struct sluice_uio *uio, oskit_size_t limit)
{
    oskit_size_t hidden = uio->left - limit;
    uio->left = limit;
    return hidden;
}

static void uio_show(struct sluice_uio *uio, oskit_size_t hidden)
{
    uio->left += hidden;
}

static oskit_error_t slice_preadv(sluice_absvec_t *self, struct sluice_uio *uio, oskit_off_t offset,
                                  oskit_u32_t flags, oskit_size_t *out_actual)
{
    struct slice *s = slice_of(self);

    *out_actual = 0;
    if (offset < 0)
        return OSKIT_E_INVALIDARG;
    oskit_size_t amount = range_clip(offset, uio->left, s->size);
    if (amount == 0)
        return 0;
    oskit_size_t hidden = uio_hide(uio, amount);
    oskit_error_t error = s->vec->ops->preadv(s->vec, uio, s->start + offset, flags, out_actual);
    uio_show(uio, hidden);
    return error;
}

static oskit_error_t slice_pwritev(sluice_absvec_t *self, struct sluice_uio *uio,
                                   oskit_off_t offset, oskit_u32_t flags, oskit_size_t *out_actual,
                                   oskit_off_t *out_end)
{
    struct slice *s = slice_of(self);

    *out_actual = 0;
    if (flags & VECIO_APPEND)
        offset = s->size;
    if (offset < 0)
        return OSKIT_E_INVALIDARG;
    if (out_end != NULL)
        *out_end = offset;
    oskit_size_t amount = range_clip(offset, uio->left, s->size);
    if (amount == 0)
        return uio->left == 0 ? 0 : OSKIT_ENOSPC;
    oskit_size_t hidden = uio_hide(uio, amount);
    oskit_error_t error = s->vec->ops->pwritev(s->vec, uio, s->start + offset,
                                               flags & ~VECIO_APPEND, out_actual, NULL);
    uio_show(uio, hidden);
    if (out_end != NULL)
        *out_end = offset + (oskit_off_t)*out_actual;
    return error;
}

static void slice_destroy(struct sluice_object *object)
{
    struct slice *s = (struct slice *)object;

    if (s->vec != NULL)
        s->vec->ops->release(s->vec);
    oskit_blkio_release(s->io);
    sluice_object_fini(object);
    env_free(s, sizeof *s);
}

static const struct oskit_blkio_ops slice_blkio_ops = {
    SLUICE_IUNKNOWN_SLOTS, .getblocksize = slice_getblocksize, .read = slice_read,
    .write = slice_write,  .getsize = slice_getsize,           .setsize = slice_setsize_refused,
};
static const struct sluice_absvec_ops slice_absvec_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .preadv = slice_preadv,
    .pwritev = slice_pwritev,
};
/* A slice offers what the whole does: any run of rows around the second is a class. */
static const struct sluice_interface slice_interfaces[] = {
    {&oskit_absio_iid, offsetof(struct slice, blkio), &slice_blkio_ops},
    {&oskit_blkio_iid, offsetof(struct slice, blkio), &slice_blkio_ops},
    {&sluice_absvec_iid, offsetof(struct slice, absvec), &slice_absvec_ops},
};
static const struct sluice_class slice_classes[2][2] = {
    /* [block size is one][the whole has absvec] */
    {{"slice", slice_interfaces + 1, 1, slice_destroy},
     {"slice", slice_interfaces + 1, 2, slice_destroy}},
    {{"slice", slice_interfaces, 2, slice_destroy}, {"slice", slice_interfaces, 3, slice_destroy}},
};

oskit_error_t oskit_blkio_subset(oskit_blkio_t *io, oskit_off_t offset, oskit_off_t size,
                                 oskit_blkio_t **out)
{
    oskit_u32_t block_size = oskit_blkio_getblocksize(io);
    oskit_off_t whole;

    *out = NULL;
    if (offset < 0 || size < 0 || !range_is_power(block_size) ||
        !range_aligned(offset, (oskit_u64_t)size, block_size))
        return OSKIT_E_INVALIDARG;
    oskit_error_t error = oskit_blkio_getsize(io, &whole);
    if (OSKIT_FAILED(error))
        return error;
    struct slice *s = env_alloc(sizeof *s, 0);
    if (s == NULL)
        return OSKIT_E_OUTOFMEMORY;
    oskit_blkio_addref(io);
    s->io = io;
    s->vec = sluice_query_face(io, &sluice_absvec_iid);
    s->start = offset;
    s->size = (oskit_off_t)range_clip(offset, (oskit_size_t)size, whole);
    s->block_size = block_size;
    sluice_object_init(&s->object, &slice_classes[block_size == 1][s->vec != NULL]);
    *out = &s->blkio.i;
    return 0;
}
