/* virtio-blk: finding out what the disk is, its queues, the object. See blk.h. */
#include "blk.h"
#include <sluice/string.h>

#define DEPTH_MAX  256u /* requests a queue */
#define LENGTH_MAX 0x7ffff000u
#define BLOCK_MIN  512u
#define BLOCK_MAX  4096u
#define EXP_MAX    8u /* physical blocks up to 1 MiB */
#define FEATURES                                                                                 \
    (BLK_F_SIZE_MAX | BLK_F_SEG_MAX | BLK_F_RO | BLK_F_BLK_SIZE | BLK_F_FLUSH | BLK_F_TOPOLOGY | \
     BLK_F_CONFIG_WCE | BLK_F_MQ | BLK_F_DISCARD | BLK_F_WRITE_ZEROES)

/* ---- The object ---- */

void blk_get_limits(sluice_blockqueue_t *self, struct block_limits *out)
{
    struct blk *blk = container_of(SLUICE_OBJECT(self), struct blk, object);
    *out = blk->limits;
    out->size = atomic_load_explicit(&blk->size, memory_order_relaxed);
}

static void blk_destroy(struct sluice_object *object)
{
    struct blk *blk = container_of(object, struct blk, object);
    sluice_object_fini(object);
    env_free(blk->queues, blk->queue_count * sizeof *blk->queues);
    env_free(blk, sizeof *blk);
}

static const struct sluice_interface blk_interfaces[] = {
    {&oskit_iunknown_iid, offsetof(struct blk, face), &blk_ops_table},
    {&sluice_blockqueue_iid, offsetof(struct blk, face), &blk_ops_table},
};
static const struct sluice_class blk_class = {"virtio disk", blk_interfaces,
                                              SLUICE_COUNT(blk_interfaces), blk_destroy};

/* ---- What the device says of itself ---- */

static uint32_t block_size_read(struct virtio_device *device)
{
    uint64_t size = virtio_has(device, BLK_F_BLK_SIZE) ? virtio_config_read(device, CONFIG_BLK_SIZE)
                                                       : BLOCK_MIN;
    return size >= BLOCK_MIN && size <= BLOCK_MAX && !(size & (size - 1)) ? (uint32_t)size : 0;
}

static uint32_t physical_block_read(struct virtio_device *device, uint32_t block_size)
{
    uint64_t exp =
        virtio_has(device, BLK_F_TOPOLOGY) ? virtio_config_read(device, CONFIG_PHYSICAL_EXP) : 0;
    return exp <= EXP_MAX ? block_size << exp : block_size;
}

static uint64_t capacity_read(struct virtio_device *device, uint32_t block_size)
{
    uint64_t sectors = virtio_config_read(device, CONFIG_CAPACITY);
    uint64_t most = (uint64_t)INT64_MAX >> SECTOR_SHIFT;
    return (sectors < most ? sectors : most) << SECTOR_SHIFT & -(uint64_t)block_size;
}

/* FIELD is in sectors. 0: not supported. */
static uint64_t range_max_read(struct virtio_device *device, uint64_t feature, unsigned offset,
                               unsigned width, uint32_t block_size)
{
    if (!virtio_has(device, feature))
        return 0;
    return virtio_config_read(device, offset, width) << SECTOR_SHIFT & -(uint64_t)block_size;
}

static bool cache_is_volatile(struct virtio_device *device)
{
    if (!virtio_has(device, BLK_F_FLUSH))
        return false;
    return !virtio_has(device, BLK_F_CONFIG_WCE) || virtio_config_read(device, CONFIG_WRITEBACK);
}

static oskit_error_t limits_read(struct blk *blk)
{
    struct virtio_device *device = blk->device;
    struct block_limits *limits = &blk->limits;
    uint32_t block_size = block_size_read(device);
    if (!block_size)
        return OSKIT_E_NOTIMPL;
    uint64_t segment = virtio_has(device, BLK_F_SIZE_MAX)
                           ? virtio_config_read(device, CONFIG_SIZE_MAX)
                           : LENGTH_MAX;
    segment = (segment < LENGTH_MAX ? segment : LENGTH_MAX) & -(uint64_t)block_size;
    if (!segment)
        return OSKIT_E_NOTIMPL;
    *limits = (struct block_limits){
        .block_size = block_size,
        .physical_block = physical_block_read(device, block_size),
        .segment_size_max = (uint32_t)segment,
        .discard_max = range_max_read(device, BLK_F_DISCARD, CONFIG_DISCARD_MAX, block_size),
        .zeroes_max = range_max_read(device, BLK_F_WRITE_ZEROES, CONFIG_ZEROES_MAX, block_size),
        .read_only = virtio_has(device, BLK_F_RO),
        .volatile_cache = cache_is_volatile(device),
    };
    /* Without the feature nothing is promised. */
    limits->segments_max = 1;
    if (virtio_has(device, BLK_F_SEG_MAX)) {
        uint64_t segments = virtio_config_read(device, CONFIG_SEG_MAX);
        limits->segments_max = segments ? (uint32_t)segments : 1;
    }
    atomic_store(&blk->size, capacity_read(device, block_size));
    return OSKIT_SUCCESS;
}

/* What the queues allow, when they are made. */
static void limits_finish(struct blk *blk)
{
    struct block_limits *limits = &blk->limits;
    uint32_t room = blk->queues[0].virtqueue->descriptors_max - BLK_EXTRA;
    if (limits->segments_max > room)
        limits->segments_max = room;
    uint64_t length = (uint64_t)limits->segments_max * limits->segment_size_max;
    limits->length_max = length < LENGTH_MAX ? (uint32_t)length : LENGTH_MAX & -limits->block_size;
    limits->depth = blk->queues[0].virtqueue->size * blk->queue_count;
    blk->piece_max = limits->segment_size_max < limits->length_max ? limits->segment_size_max
                                                                   : limits->length_max;
}

/* In interrupt context: the disk may have another size. */
static void blk_config_changed(struct virtio_device *device)
{
    struct blk *blk = device->driver_data;
    if (virtio_present(device))
        atomic_store(&blk->size, capacity_read(device, blk->limits.block_size));
    else
        blk_reset(blk, "it has gone", false);
}

/* ---- Queues ---- */

static void queues_free(struct blk *blk)
{
    for (unsigned i = 0; i < blk->queue_count; i++) {
        virtqueue_destroy(blk->queues[i].virtqueue);
        blk->queues[i].virtqueue = NULL;
    }
}

static oskit_error_t queue_make(struct blk *blk, unsigned index)
{
    struct blk_queue *queue = &blk->queues[index];
    queue->blk = blk;
    list_init(&queue->waiting);
    struct virtqueue_options options = {
        .index = index,
        .size_max = DEPTH_MAX,
        .driver_bytes = sizeof(struct blk_slot),
        .descriptors = BLK_DESCRIPTORS,
        .descriptors_max =
            blk->limits.segments_max < DEPTH_MAX ? blk->limits.segments_max + BLK_EXTRA : DEPTH_MAX,
        .cpu = index,
        .interrupt = blk_queue_interrupt,
        .driver_data = queue,
    };
    oskit_error_t error = virtqueue_create(blk->device, &options, &queue->virtqueue);
    /* Too short for one segment: no disk that can be used. */
    if (!error && queue->virtqueue->descriptors_max <= BLK_EXTRA)
        error = OSKIT_E_NOTIMPL;
    return error;
}

static oskit_error_t queues_make(struct blk *blk)
{
    uint64_t offered =
        virtio_has(blk->device, BLK_F_MQ) ? virtio_config_read(blk->device, CONFIG_NUM_QUEUES) : 1;
    unsigned count = env_cpu_count();
    if (offered < count)
        count = offered ? (unsigned)offered : 1;
    blk->queues = env_alloc(count * sizeof *blk->queues, ENV_ZERO);
    if (!blk->queues)
        return OSKIT_E_OUTOFMEMORY;
    blk->queue_count = count;
    for (unsigned i = 0; i < count; i++) {
        oskit_error_t error = queue_make(blk, i);
        if (error)
            return error;
    }
    limits_finish(blk);
    return OSKIT_SUCCESS;
}

/* ---- Attach and detach ---- */

/* First those who might restart the device, the watchdog and the interrupts; then its requests. */
static void blk_stop(struct blk *blk)
{
    blk_watch_stop(blk);
    virtio_stop(blk->device);
    blk_give_up(blk);
}

static void blk_drop(struct blk *blk)
{
    queues_free(blk);
    virtio_end(blk->device);
    blk->device->driver_data = NULL;
    blk->device->config_changed = NULL;
    sluice_object_release(&blk->object);
}

static oskit_error_t blk_begin(struct blk *blk)
{
    oskit_error_t error = virtio_begin(blk->device);
    if (!error)
        error = virtio_negotiate(blk->device, FEATURES);
    if (!error)
        error = limits_read(blk);
    if (!error)
        error = queues_make(blk);
    if (!error)
        error = virtio_start(blk->device);
    return error;
}

static oskit_error_t blk_register(struct blk *blk)
{
    char serial[DISK_SERIAL_MAX];
    blk_read_serial(blk, serial);
    return disk_register(&disk_virtio, &blk->face.i, serial, &blk->disk);
}

static oskit_error_t blk_attach(void *arg)
{
    struct virtio_device *device = arg;
    struct blk *blk = env_alloc(sizeof *blk, ENV_ZERO);
    if (!blk)
        return OSKIT_E_OUTOFMEMORY;
    sluice_object_init(&blk->object, &blk_class);
    blk->device = device;
    device->driver_data = blk;
    device->config_changed = blk_config_changed;
    blk_watch_init(blk);
    oskit_error_t error = blk_begin(blk);
    if (!error) {
        error = blk_register(blk);
        if (error)
            blk_stop(blk);
    }
    if (error)
        blk_drop(blk);
    return error;
}

/* Those who have the disk open keep the object, whose queues are dead. */
static void blk_detach(void *arg)
{
    struct virtio_device *device = arg;
    struct blk *blk = device->driver_data;
    disk_unregister(blk->disk);
    blk_stop(blk);
    blk_drop(blk);
}

static const struct driver_id blk_ids[] = {{VIRTIO_VENDOR, VIRTIO_ID_BLOCK, DRIVER_ANY}};

static const struct driver blk_driver = {
    .name = "virtio-blk",
    .bus = "virtio",
    .ids = blk_ids,
    .id_count = SLUICE_COUNT(blk_ids),
    .attach = blk_attach,
    .detach = blk_detach,
};
DRIVER(blk_driver);
