/* The whole blocks of an absio. No locks: nothing changes after creation. */
#include <sluice/block.h>

#include <sluice/env.h>
#include <sluice/object.h>
#include <sluice/range.h>

struct blocks {
    struct sluice_object object;
    SLUICE_FACE(oskit_blkio_t) blkio;
    oskit_absio_t *io; /* with a reference */
    oskit_u32_t block_size;
};

static struct blocks *blocks_of(oskit_blkio_t *self)
{
    return (struct blocks *)SLUICE_OBJECT(self);
}

static oskit_u32_t blocks_getblocksize(oskit_blkio_t *self)
{
    return blocks_of(self)->block_size;
}

static oskit_size_t whole(struct blocks *b, oskit_u64_t bytes)
{
    return bytes & ~(oskit_u64_t)(b->block_size - 1);
}

static oskit_error_t blocks_getsize(oskit_blkio_t *self, oskit_off_t *out_size)
{
    struct blocks *b = blocks_of(self);
    oskit_error_t error = oskit_absio_getsize(b->io, out_size);

    *out_size = OSKIT_FAILED(error) ? 0 : (oskit_off_t)whole(b, (oskit_u64_t)*out_size);
    return error;
}

/* A short transfer of the absio may end inside a block: that block doesn't count. */
static oskit_error_t blocks_read(oskit_blkio_t *self, void *buf, oskit_off_t offset,
                                 oskit_size_t amount, oskit_size_t *out_actual)
{
    struct blocks *b = blocks_of(self);

    *out_actual = 0;
    if (offset < 0 || !range_aligned(offset, amount, b->block_size))
        return OSKIT_E_INVALIDARG;
    oskit_error_t error = oskit_absio_read(b->io, buf, offset, amount, out_actual);
    *out_actual = OSKIT_FAILED(error) ? 0 : whole(b, *out_actual);
    return error;
}

static oskit_error_t blocks_write(oskit_blkio_t *self, const void *buf, oskit_off_t offset,
                                  oskit_size_t amount, oskit_size_t *out_actual)
{
    struct blocks *b = blocks_of(self);

    *out_actual = 0;
    if (offset < 0 || !range_aligned(offset, amount, b->block_size))
        return OSKIT_E_INVALIDARG;
    oskit_error_t error = oskit_absio_write(b->io, buf, offset, amount, out_actual);
    *out_actual = OSKIT_FAILED(error) ? 0 : whole(b, *out_actual);
    return error;
}

static oskit_error_t blocks_setsize(oskit_blkio_t *self, oskit_off_t new_size)
{
    struct blocks *b = blocks_of(self);

    if (new_size < 0 || !range_aligned(new_size, 0, b->block_size))
        return OSKIT_E_INVALIDARG;
    return oskit_absio_setsize(b->io, new_size);
}

static void blocks_destroy(struct sluice_object *object)
{
    struct blocks *b = (struct blocks *)object;

    oskit_absio_release(b->io);
    sluice_object_fini(object);
    env_free(b, sizeof *b);
}

static const struct oskit_blkio_ops blocks_ops = {
    SLUICE_IUNKNOWN_SLOTS, .getblocksize = blocks_getblocksize, .read = blocks_read,
    .write = blocks_write, .getsize = blocks_getsize,           .setsize = blocks_setsize,
};
static const struct sluice_interface blocks_interfaces[] = {
    {&oskit_blkio_iid, offsetof(struct blocks, blkio), &blocks_ops},
};
static const struct sluice_class blocks_class = {"blocks of bytes", blocks_interfaces,
                                                 SLUICE_COUNT(blocks_interfaces), blocks_destroy};

oskit_error_t absio_blkio(oskit_absio_t *io, oskit_u32_t block_size, oskit_blkio_t **out)
{
    struct blocks *b;

    *out = NULL;
    if (!range_is_power(block_size) || block_size > BLOCK_SIZE_MAX)
        return OSKIT_E_INVALIDARG;
    if ((b = env_alloc(sizeof *b, 0)) == NULL)
        return OSKIT_E_OUTOFMEMORY;
    sluice_object_init(&b->object, &blocks_class);
    oskit_absio_addref(io);
    b->io = io;
    b->block_size = block_size;
    *out = &b->blkio.i;
    return 0;
}
