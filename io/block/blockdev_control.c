/* The ioctls of block devices: Linux's numbers and widths. No locks but the device's mutex. */
#include "blockdev_private.h"

#include <sluice/block.h>
#include <sluice/string.h>

#define HDIO_GETGEO    0x0301u
#define BLKROSET       0x125du
#define BLKROGET       0x125eu
#define BLKRRPART      0x125fu
#define BLKGETSIZE     0x1260u
#define BLKFLSBUF      0x1261u
#define BLKRASET       0x1262u
#define BLKRAGET       0x1263u
#define BLKFRASET      0x1264u
#define BLKFRAGET      0x1265u
#define BLKSECTGET     0x1267u
#define BLKSSZGET      0x1268u
#define BLKDISCARD     0x1277u
#define BLKIOMIN       0x1278u
#define BLKIOOPT       0x1279u
#define BLKALIGNOFF    0x127au
#define BLKPBSZGET     0x127bu
#define BLKDISCARDZERO 0x127cu
#define BLKSECDISCARD  0x127du
#define BLKROTATIONAL  0x127eu
#define BLKZEROOUT     0x127fu
#define BLKBSZGET      0x80081270u
#define BLKBSZSET      0x40081271u
#define BLKGETSIZE64   0x80081272u

#define SECTOR 512u

/* What HDIO_GETGEO answers of the disk: there are no such things, but old tools divide by them, and
 * tell a partition by its start, in sectors. */
struct geometry {
    oskit_u8_t heads, sectors;
    oskit_u16_t cylinders;
    oskit_u64_t start;
};

static oskit_error_t answer(oskit_u64_t argument, const void *value, size_t size)
{
    return env_copy_to_user((void *)(uintptr_t)argument, value, size) ? OSKIT_EFAULT
                                                                      : OSKIT_SUCCESS;
}

static oskit_error_t answer16(oskit_u64_t argument, oskit_u64_t value)
{
    oskit_u16_t word = value > UINT16_MAX ? UINT16_MAX : (oskit_u16_t)value;

    return answer(argument, &word, sizeof word);
}

static oskit_error_t answer32(oskit_u64_t argument, oskit_u32_t value)
{
    return answer(argument, &value, sizeof value);
}

static oskit_error_t answer64(oskit_u64_t argument, oskit_u64_t value)
{
    return answer(argument, &value, sizeof value);
}

static bool caller_may_administer(void)
{
    return env_capable(CAPABILITY_SYS_ADMIN);
}

/* ---- Questions ---- */

static oskit_error_t answer_geometry(const struct blockdev *dev, oskit_u64_t argument)
{
    struct geometry geometry = {.heads = 255, .sectors = 63};
    const struct blockdev *disk = dev->hooks.whole ? dev->hooks.whole : dev;
    oskit_u64_t cylinders = disk->cache.size / SECTOR / (255u * 63u);

    geometry.start = dev->hooks.start / SECTOR;
    geometry.cylinders = cylinders > UINT16_MAX ? UINT16_MAX : (oskit_u16_t)cylinders;
    return answer(argument, &geometry, sizeof geometry);
}

static oskit_error_t ask(const struct blockdev *dev, oskit_u32_t command, oskit_u64_t argument)
{
    const struct block_limits *limits = &dev->cache.limits;

    switch (command) {
    case BLKGETSIZE64:
        return answer64(argument, dev->cache.size);
    case BLKGETSIZE:
        return answer64(argument, dev->cache.size / SECTOR);
    case BLKSSZGET:
        return answer32(argument, limits->block_size);
    case BLKPBSZGET:
    case BLKIOMIN:
        return answer32(argument, limits->physical_block);
    case BLKBSZGET:
        return answer32(argument, ENV_PAGE_SIZE);
    case BLKROGET:
        return answer32(argument, blockdev_read_only(dev));
    case BLKSECTGET:
        return answer16(argument, limits->length_max / SECTOR);
    case BLKRAGET:
    case BLKFRAGET:
        return answer64(argument, pagecache_window() * (ENV_PAGE_SIZE / SECTOR));
    case BLKIOOPT:
    case BLKALIGNOFF:
    case BLKDISCARDZERO:
        return answer32(argument, 0);
    case BLKROTATIONAL:
        return answer16(argument, 0);
    case HDIO_GETGEO:
        return answer_geometry(dev, argument);
    default:
        return OSKIT_ENOTTY;
    }
}

/* ---- Ranges ---- */

/* Pages of the range go, so that nobody writes back over what the device is about to do to it. */
static oskit_error_t range_do(struct blockdev *dev, enum block_op op, oskit_u64_t start,
                              oskit_u64_t length)
{
    struct block_request request = {
        .op = op, .flags = BLOCK_UNMAP, .offset = start, .length = length};
    oskit_error_t err = pagecache_punch(&dev->cache, start, start + length - 1);

    if (OSKIT_SUCCEEDED(err))
        err = pagecache_writeback(&dev->cache, start, start + length - 1, true);
    if (op == BLOCK_WRITE_ZEROES)
        request.flags = 0;
    if (OSKIT_SUCCEEDED(err))
        err = block_transfer(dev->queue, &request);
    pagecache_drop(&dev->cache, start, start + length - 1);
    atomic_fetch_add(&dev->direct, 1);
    return err;
}

/* Zeros written through the cache: for devices that can't do it themselves. */
static oskit_error_t range_write_zeros(struct blockdev *dev, oskit_u64_t start, oskit_u64_t length)
{
    void *page = env_page_alloc(0, ENV_ZERO);
    oskit_error_t err = page ? OSKIT_SUCCESS : OSKIT_ENOMEM;
    oskit_u64_t end = start + length, at = start;

    while (at < end && OSKIT_SUCCEEDED(err)) {
        size_t size = end - at < ENV_PAGE_SIZE ? (size_t)(end - at) : ENV_PAGE_SIZE, moved;
        struct sluice_iovec segment;
        struct sluice_uio uio;

        uio_init_kernel(&uio, &segment, page, size);
        err = pagecache_write(&dev->cache, &uio, at, &moved);
        at += moved;
    }
    if (page)
        env_page_unref(page);
    return OSKIT_SUCCEEDED(err) ? pagecache_writeback(&dev->cache, start, end - 1, true) : err;
}

static oskit_error_t range_change(struct blockdev_open *open, oskit_u32_t command,
                                  oskit_u64_t argument)
{
    struct blockdev *dev = open->dev;
    oskit_u64_t range[2];

    if (!(open->oflags & OSKIT_O_WRONLY))
        return OSKIT_EBADF;
    if (env_copy_from_user(range, (const void *)(uintptr_t)argument, sizeof range))
        return OSKIT_EFAULT;
    if ((range[0] | range[1]) & (dev->cache.limits.block_size - 1u) || range[1] == 0 ||
        range[0] > dev->cache.size || range[1] > dev->cache.size - range[0])
        return OSKIT_E_INVALIDARG;
    if (blockdev_read_only(dev))
        return OSKIT_EPERM;
    bool zero = command == BLKZEROOUT;
    if (!zero && dev->cache.limits.discard_max == 0)
        return OSKIT_EOPNOTSUPP;
    env_mutex_lock(&dev->mutex);
    oskit_error_t err = OSKIT_EOPNOTSUPP;
    if (!zero || dev->cache.limits.zeroes_max > 0)
        err = range_do(dev, zero ? BLOCK_WRITE_ZEROES : BLOCK_DISCARD, range[0], range[1]);
    if (zero && err == OSKIT_EOPNOTSUPP)
        err = range_write_zeros(dev, range[0], range[1]);
    env_mutex_unlock(&dev->mutex);
    return err;
}

/* ---- Changes ---- */

static oskit_error_t flush_buffers(struct blockdev *dev)
{
    oskit_error_t err = pagecache_writeback(&dev->cache, 0, UINT64_MAX, true);

    pagecache_drop(&dev->cache, 0, UINT64_MAX);
    return OSKIT_SUCCEEDED(err) ? blockdev_flush(dev) : err;
}

static oskit_error_t set_read_only(struct blockdev *dev, oskit_u64_t argument)
{
    oskit_s32_t value;

    if (env_copy_from_user(&value, (const void *)(uintptr_t)argument, sizeof value))
        return OSKIT_EFAULT;
    atomic_store(&dev->read_only, value != 0);
    return OSKIT_SUCCESS;
}

/* Pages are the unit, whatever is asked for. */
static oskit_error_t set_block_size(const struct blockdev *dev, oskit_u64_t argument)
{
    oskit_s32_t value;

    if (env_copy_from_user(&value, (const void *)(uintptr_t)argument, sizeof value))
        return OSKIT_EFAULT;
    bool power = value > 0 && (value & (value - 1)) == 0;
    return power && (oskit_u32_t)value >= dev->cache.limits.block_size &&
                   value <= (int)ENV_PAGE_SIZE
               ? OSKIT_SUCCESS
               : OSKIT_E_INVALIDARG;
}

static oskit_error_t rescan(struct blockdev *dev)
{
    if (!dev->hooks.rescan)
        return OSKIT_E_INVALIDARG;
    oskit_error_t err = flush_buffers(dev);
    return OSKIT_SUCCEEDED(err) ? dev->hooks.rescan(dev->hooks.arg) : err;
}

static oskit_error_t administer(struct blockdev *dev, oskit_u32_t command, oskit_u64_t argument)
{
    if (!caller_may_administer())
        return OSKIT_EACCES;
    switch (command) {
    case BLKROSET:
        return set_read_only(dev, argument);
    case BLKFLSBUF:
        return flush_buffers(dev);
    case BLKRRPART:
        return rescan(dev);
    case BLKBSZSET:
        return set_block_size(dev, argument);
    default: /* BLKRASET, BLKFRASET: the window finds its size itself */
        return OSKIT_SUCCESS;
    }
}

static oskit_error_t open_ioctl(sluice_control_t *self, oskit_u32_t command, oskit_u64_t argument,
                                oskit_s32_t *out_result)
{
    struct blockdev_open *open = blockdev_open_of(self);

    *out_result = 0;
    switch (command) {
    case BLKROSET:
    case BLKFLSBUF:
    case BLKRRPART:
    case BLKBSZSET:
    case BLKRASET:
    case BLKFRASET:
        return administer(open->dev, command, argument);
    case BLKDISCARD:
    case BLKZEROOUT:
        return range_change(open, command, argument);
    case BLKSECDISCARD:
        return OSKIT_EOPNOTSUPP;
    default:
        return ask(open->dev, command, argument);
    }
}

const struct sluice_control_ops blockdev_control_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .ioctl = open_ioctl,
};
