/*
 * The bytes of a blkio: blocks that a transfer covers in part go through one block of memory, whole
 * ones straight between the caller and the blkio.
 *
 * Lock: bytes.mutex guards the block of memory and excludes writers from one another (an aligned
 * write between another's read and write-back of the same block would be lost). It is held while
 * calling the blkio, so it stands before every lock of that.
 */
#include <sluice/block.h>

#include <sluice/env.h>
#include <sluice/object.h>
#include <sluice/range.h>
#include <sluice/string.h>

struct bytes {
    struct sluice_object object;
    SLUICE_FACE(oskit_absio_t) absio;
    oskit_blkio_t *io; /* with a reference */
    oskit_u32_t block_size;
    struct env_mutex mutex;
    char *block; /* block_size bytes */
};

static struct bytes *bytes_of(const void *self)
{
    return (struct bytes *)SLUICE_OBJECT(self);
}

static oskit_u32_t bytes_getblocksize(oskit_blkio_t *self)
{
    (void)self;
    return 1;
}

static oskit_error_t bytes_getsize(oskit_absio_t *self, oskit_off_t *out_size)
{
    return oskit_blkio_getsize(bytes_of(self)->io, out_size);
}

/* One piece of a transfer: whole blocks, or a part of one. */
struct piece {
    oskit_off_t start;   /* of the first block */
    oskit_size_t skip;   /* bytes before ours in it: 0 for whole blocks */
    oskit_size_t length; /* ours */
    bool whole;
};

static struct piece piece_at(struct bytes *b, oskit_off_t offset, oskit_size_t left)
{
    struct piece piece = {.skip = (oskit_size_t)offset & (b->block_size - 1)};

    piece.start = offset - (oskit_off_t)piece.skip;
    piece.whole = piece.skip == 0 && left >= b->block_size;
    piece.length = b->block_size - piece.skip;
    if (piece.whole)
        piece.length = left & ~(oskit_size_t)(b->block_size - 1);
    else if (piece.length > left)
        piece.length = left;
    return piece;
}

/* Locked. Reads the block at START; a short read (the object ended) is an error. */
static oskit_error_t fetch(struct bytes *b, oskit_off_t start)
{
    oskit_size_t actual;
    oskit_error_t error = oskit_blkio_read(b->io, b->block, start, b->block_size, &actual);

    if (OSKIT_FAILED(error))
        return error;
    return actual == b->block_size ? 0 : OSKIT_EIO;
}

static oskit_error_t read_piece(struct bytes *b, char *to, const struct piece *piece,
                                oskit_size_t *out_actual)
{
    if (piece->whole)
        return oskit_blkio_read(b->io, to, piece->start, piece->length, out_actual);
    env_mutex_lock(&b->mutex);
    oskit_error_t error = fetch(b, piece->start);
    if (!OSKIT_FAILED(error)) {
        memcpy(to, b->block + piece->skip, piece->length);
        *out_actual = piece->length;
    }
    env_mutex_unlock(&b->mutex);
    return error;
}

static oskit_error_t write_piece(struct bytes *b, const char *from, const struct piece *piece,
                                 oskit_size_t *out_actual)
{
    oskit_size_t actual;

    if (piece->whole)
        return oskit_blkio_write(b->io, from, piece->start, piece->length, out_actual);
    oskit_error_t error = fetch(b, piece->start);
    if (OSKIT_FAILED(error))
        return error;
    memcpy(b->block + piece->skip, from, piece->length);
    error = oskit_blkio_write(b->io, b->block, piece->start, b->block_size, &actual);
    if (OSKIT_FAILED(error))
        return error;
    *out_actual = actual == b->block_size ? piece->length : 0;
    return 0;
}

static oskit_error_t bytes_read(oskit_absio_t *self, void *buf, oskit_off_t offset,
                                oskit_size_t amount, oskit_size_t *out_actual)
{
    struct bytes *b = bytes_of(self);
    oskit_off_t size;

    *out_actual = 0;
    if (offset < 0)
        return OSKIT_E_INVALIDARG;
    oskit_error_t error = oskit_blkio_getsize(b->io, &size);
    if (OSKIT_FAILED(error))
        return error;
    amount = range_clip(offset, amount, size);
    for (oskit_size_t done = 0; done < amount; done = *out_actual) {
        struct piece piece = piece_at(b, offset + (oskit_off_t)done, amount - done);
        oskit_size_t moved = 0;
        error = read_piece(b, (char *)buf + done, &piece, &moved);
        if (OSKIT_FAILED(error) || moved == 0)
            break;
        *out_actual += moved;
    }
    return *out_actual != 0 ? 0 : error;
}

/* Locked. */
static oskit_error_t write_all(struct bytes *b, const char *from, oskit_off_t offset,
                               oskit_size_t amount, oskit_size_t *out_actual)
{
    for (oskit_size_t done = 0; done < amount; done = *out_actual) {
        struct piece piece = piece_at(b, offset + (oskit_off_t)done, amount - done);
        oskit_size_t moved = 0;
        oskit_error_t error = write_piece(b, from + done, &piece, &moved);
        if (OSKIT_FAILED(error))
            return done != 0 ? 0 : error;
        if (moved == 0)
            break;
        *out_actual += moved;
    }
    return 0;
}

static oskit_error_t bytes_write(oskit_absio_t *self, const void *buf, oskit_off_t offset,
                                 oskit_size_t amount, oskit_size_t *out_actual)
{
    struct bytes *b = bytes_of(self);
    oskit_off_t size;

    *out_actual = 0;
    if (offset < 0)
        return OSKIT_E_INVALIDARG;
    oskit_error_t error = oskit_blkio_getsize(b->io, &size);
    if (OSKIT_FAILED(error) || amount == 0)
        return error;
    if ((amount = range_clip(offset, amount, size)) == 0)
        return OSKIT_ENOSPC;
    env_mutex_lock(&b->mutex);
    error = write_all(b, buf, offset, amount, out_actual);
    env_mutex_unlock(&b->mutex);
    return error;
}

/* The end of a blkio stands between blocks, so only such sizes can be had. */
static oskit_error_t bytes_setsize(oskit_absio_t *self, oskit_off_t new_size)
{
    struct bytes *b = bytes_of(self);

    if (new_size < 0 || !range_aligned(new_size, 0, b->block_size))
        return OSKIT_E_INVALIDARG;
    return oskit_blkio_setsize(b->io, new_size);
}

static void bytes_destroy(struct sluice_object *object)
{
    struct bytes *b = (struct bytes *)object;

    oskit_blkio_release(b->io);
    env_free(b->block, b->block_size);
    sluice_object_fini(object);
    env_free(b, sizeof *b);
}

static const struct oskit_absio_ops bytes_ops = {
    SLUICE_IUNKNOWN_SLOTS,    .reserved = (void *)bytes_getblocksize,
    .read = bytes_read,       .write = bytes_write,
    .getsize = bytes_getsize, .setsize = bytes_setsize,
};
static const struct sluice_interface bytes_interfaces[] = {
    {&oskit_absio_iid, offsetof(struct bytes, absio), &bytes_ops},
    {&oskit_blkio_iid, offsetof(struct bytes, absio), &bytes_ops},
};
static const struct sluice_class bytes_class = {"bytes of blocks", bytes_interfaces,
                                                SLUICE_COUNT(bytes_interfaces), bytes_destroy};

oskit_error_t blkio_absio(oskit_blkio_t *io, oskit_absio_t **out)
{
    oskit_u32_t block_size = oskit_blkio_getblocksize(io);

    if ((*out = sluice_query_face(io, &oskit_absio_iid)) != NULL)
        return 0;
    if (!range_is_power(block_size) || block_size > BLOCK_SIZE_MAX)
        return OSKIT_E_INVALIDARG;
    struct bytes *b = env_alloc(sizeof *b, ENV_ZERO);
    if (b == NULL)
        return OSKIT_E_OUTOFMEMORY;
    b->block = env_alloc(block_size, 0);
    if (b->block == NULL) {
        env_free(b, sizeof *b);
        return OSKIT_E_OUTOFMEMORY;
    }
    sluice_object_init(&b->object, &bytes_class);
    oskit_blkio_addref(io);
    b->io = io;
    b->block_size = block_size;
    *out = &b->absio.i;
    return 0;
}
