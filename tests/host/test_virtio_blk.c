#include "drivers/virtio/blk.h"
#include "fake_disk.h"
#include "harness.h"

#define SIZE (1u << 20)
#define ALL                                                                           \
    (BLK_F_SIZE_MAX | BLK_F_SEG_MAX | BLK_F_BLK_SIZE | BLK_F_FLUSH | BLK_F_TOPOLOGY | \
     BLK_F_CONFIG_WCE | BLK_F_DISCARD | BLK_F_WRITE_ZEROES | VIRTIO_F_INDIRECT |      \
     VIRTIO_F_EVENT_IDX)
#define SECOND 1000000000ull

/* ---- A disk that is attached ---- */

static sluice_blockqueue_t *disk_open(struct fake_disk *disk)
{
    fake_virtio_start(&disk->virtio);
    assert_int_equal(virtio_device_attach(&disk->virtio.device), 0);
    struct blk *blk = disk->virtio.device.driver_data;
    return &blk->face.i;
}

static void disk_close(struct fake_disk *disk)
{
    virtio_device_detach(&disk->virtio.device);
    fake_disk_free(disk);
}

/* ---- Requests ---- */

struct operation {
    struct block_request request;
    struct sg_segment segments[20];
    struct env_sleep sleep;
    _Atomic unsigned done;
    oskit_error_t status;
};

static void operation_done(struct block_request *request, oskit_error_t status)
{
    struct operation *operation = container_of(request, struct operation, request);
    operation->status = status;
    atomic_fetch_add(&operation->done, 1);
    env_wakeup(&operation->sleep);
}

static void operation_init(struct operation *operation, enum block_op op, uint64_t offset,
                           void *memory, uint64_t length)
{
    memset(operation, 0, sizeof *operation);
    operation->segments[0] = (struct sg_segment){memory, (uint32_t)length};
    operation->request = (struct block_request){.op = op,
                                                .offset = offset,
                                                .length = length,
                                                .segments = operation->segments,
                                                .segment_count = memory ? 1 : 0,
                                                .done = operation_done};
    env_sleep_init(&operation->sleep);
}

static void operation_submit(sluice_blockqueue_t *queue, struct operation *operation)
{
    struct block_request *request = &operation->request;
    sluice_blockqueue_submit(queue, &request, 1);
}

static oskit_error_t operation_wait(struct operation *operation)
{
    env_sleep(&operation->sleep, ENV_FOREVER);
    assert_int_equal(operation->done, 1);
    return operation->status;
}

static oskit_error_t transfer_flags(sluice_blockqueue_t *queue, enum block_op op, uint32_t flags,
                                    uint64_t offset, void *memory, uint64_t length)
{
    struct operation operation;
    operation_init(&operation, op, offset, memory, length);
    operation.request.flags = flags;
    operation_submit(queue, &operation);
    return operation_wait(&operation);
}

static oskit_error_t transfer(sluice_blockqueue_t *queue, enum block_op op, uint64_t offset,
                              void *memory, uint64_t length)
{
    return transfer_flags(queue, op, 0, offset, memory, length);
}

static struct block_statistics statistics(sluice_blockqueue_t *queue)
{
    struct block_statistics result;
    sluice_blockqueue_get_statistics(queue, &result);
    return result;
}

/* ---- What it is ---- */

static void test_limits(void **state)
{
    (void)state;
    struct fake_disk disk;
    struct block_limits limits;
    fake_disk_init(&disk, SIZE, ALL);
    sluice_blockqueue_t *queue = disk_open(&disk);
    sluice_blockqueue_get_limits(queue, &limits);
    assert_int_equal(limits.size, SIZE);
    assert_int_equal(limits.block_size, 512);
    assert_int_equal(limits.physical_block, 4096);
    assert_int_equal(limits.segments_max, 14);
    assert_int_equal(limits.segment_size_max, 65536);
    assert_int_equal(limits.length_max, 14 * 65536);
    assert_int_equal(limits.discard_max, 65536);
    assert_int_equal(limits.zeroes_max, 32768);
    assert_int_equal(limits.depth, 16);
    assert_false(limits.read_only);
    assert_true(limits.volatile_cache);
    assert_int_equal(disk.ids, 1);
    disk_close(&disk);
}

static void limits_with(uint64_t features, unsigned offset, unsigned width, uint64_t value,
                        struct block_limits *limits)
{
    struct fake_disk disk;
    fake_disk_init(&disk, SIZE, features);
    memcpy(disk.virtio.config + offset, &value, width);
    sluice_blockqueue_t *queue = disk_open(&disk);
    sluice_blockqueue_get_limits(queue, limits);
    disk_close(&disk);
}

static void test_limits_of_odd_devices(void **state)
{
    (void)state;
    struct block_limits limits;
    limits_with(0, CONFIG_WRITEBACK, 1, &limits);
    assert_int_equal(limits.segments_max, 1);
    assert_int_equal(limits.discard_max, 0);
    assert_int_equal(limits.zeroes_max, 0);
    assert_int_equal(limits.physical_block, 512);
    assert_false(limits.volatile_cache);
    limits_with(ALL, CONFIG_WRITEBACK, 0, &limits);
    assert_false(limits.volatile_cache);
    limits_with(ALL, CONFIG_SEG_MAX, 0, &limits);
    assert_int_equal(limits.segments_max, 1);
    limits_with(ALL, CONFIG_SEG_MAX, UINT32_MAX, &limits);
    assert_int_equal(limits.segments_max, 14); /* what the ring holds */
    limits_with(ALL, CONFIG_PHYSICAL_EXP, 200, &limits);
    assert_int_equal(limits.physical_block, 512);
    limits_with(ALL, CONFIG_BLK_SIZE, 4096, &limits);
    assert_int_equal(limits.block_size, 4096);
    limits_with(ALL, CONFIG_CAPACITY, UINT64_MAX, &limits);
    assert_in_range(limits.size, 1, INT64_MAX);
    limits_with(ALL, CONFIG_CAPACITY, 0, &limits);
    assert_int_equal(limits.size, 0);
}

static void test_absurd_devices_are_refused(void **state)
{
    static const struct {
        unsigned offset, width;
        uint64_t value;
    } absurd[] = {{CONFIG_BLK_SIZE, 0},
                  {CONFIG_BLK_SIZE, 768},
                  {CONFIG_BLK_SIZE, 65536},
                  {CONFIG_SIZE_MAX, 100}};
    (void)state;
    for (unsigned i = 0; i < SLUICE_COUNT(absurd); i++) {
        struct fake_disk disk;
        fake_disk_init(&disk, SIZE, ALL);
        memcpy(disk.virtio.config + absurd[i].offset, &absurd[i].value, absurd[i].width);
        assert_int_equal(virtio_device_attach(&disk.virtio.device), OSKIT_E_NOTIMPL);
        assert_int_equal(disk.virtio.status, 0);
        fake_disk_free(&disk);
    }
}

/* ---- Transfers ---- */

static void fill(uint8_t *bytes, size_t size, unsigned seed)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(i * 7 + (i >> 8) + seed);
}

static void test_reads_and_writes(void **state)
{
    (void)state;
    for (unsigned packed = 0; packed < 2; packed++) {
        struct fake_disk disk;
        uint8_t *there = env_alloc(8192, 0), *back = env_alloc(8192, 0);
        fake_disk_init(&disk, SIZE, ALL | (packed ? VIRTIO_F_RING_PACKED : 0));
        sluice_blockqueue_t *queue = disk_open(&disk);
        for (unsigned n = 0; n < 40; n++) {
            uint64_t offset = n * 8192;
            fill(there, 8192, n);
            assert_int_equal(transfer(queue, BLOCK_WRITE, offset, there, 8192), 0);
            assert_memory_equal(disk.bytes + offset, there, 8192);
            assert_int_equal(transfer(queue, BLOCK_READ, offset + 512, back, 4096), 0);
            assert_memory_equal(back, there + 512, 4096);
        }
        struct block_statistics counts = statistics(queue);
        assert_int_equal(counts.op[BLOCK_WRITE].requests, 40);
        assert_int_equal(counts.op[BLOCK_WRITE].bytes, 40 * 8192);
        assert_true(counts.op[BLOCK_READ].bytes >= 40 * 4096);
        assert_int_equal(counts.in_flight, 0);
        env_free(there, 8192);
        env_free(back, 8192);
        disk_close(&disk);
    }
}

static void test_many_segments(void **state)
{
    (void)state;
    struct fake_disk disk;
    struct operation operation;
    uint8_t *memory = env_alloc(14 * 1024, 0);
    fake_disk_init(&disk, SIZE, ALL);
    sluice_blockqueue_t *queue = disk_open(&disk);
    fill(disk.bytes, SIZE, 1);
    for (unsigned count = 1; count <= 15; count++) {
        memset(memory, 0, 14 * 1024);
        operation_init(&operation, BLOCK_READ, 1024, memory, 0);
        operation.request.segment_count = count;
        for (unsigned i = 0; i < count; i++, operation.request.length += 512) /* every other one */
            operation.segments[i] = (struct sg_segment){memory + (i % 14) * 1024, 512};
        operation_submit(queue, &operation);
        assert_int_equal(operation_wait(&operation), count <= 14 ? 0 : OSKIT_E_INVALIDARG);
        for (unsigned i = 0; i < count && count <= 14; i++)
            assert_memory_equal(memory + i * 1024, disk.bytes + 1024 + i * 512, 512);
    }
    env_free(memory, 14 * 1024);
    disk_close(&disk);
}

static void test_bad_requests(void **state)
{
    (void)state;
    struct fake_disk disk;
    uint8_t *memory = env_alloc(4096, ENV_ZERO);
    fake_disk_init(&disk, SIZE, ALL);
    sluice_blockqueue_t *queue = disk_open(&disk);
    static const struct {
        enum block_op op;
        uint64_t offset, length;
    } bad[] = {{BLOCK_READ, 1, 512},
               {BLOCK_READ, 0, 100},
               {BLOCK_WRITE, SIZE, 512},
               {BLOCK_WRITE, SIZE - 512, 1024},
               {BLOCK_READ, UINT64_MAX - 511, 512},
               {BLOCK_READ, UINT64_MAX - 511, 1024},
               {BLOCK_DISCARD, 0, 65536 + 512},
               {BLOCK_WRITE_ZEROES, 0, 32768 + 512},
               {(enum block_op)BLOCK_OP_COUNT, 0, 512}};
    unsigned before = disk.reads + disk.writes;
    for (unsigned i = 0; i < SLUICE_COUNT(bad); i++)
        assert_int_equal(transfer(queue, bad[i].op, bad[i].offset,
                                  bad[i].op <= BLOCK_WRITE ? memory : NULL, bad[i].length),
                         OSKIT_E_INVALIDARG);
    struct operation operation;
    operation_init(&operation, BLOCK_READ, 0, memory, 512);
    operation.request.length = 1024; /* not the segments' sum */
    operation_submit(queue, &operation);
    assert_int_equal(operation_wait(&operation), OSKIT_E_INVALIDARG);
    assert_int_equal(disk.reads + disk.writes, before);
    operation_init(&operation, BLOCK_READ, SIZE, memory, 0);
    operation.request.segment_count = 0;
    operation_submit(queue, &operation);
    assert_int_equal(operation_wait(&operation), 0);
    env_free(memory, 4096);
    disk_close(&disk);
}

static void test_errors_of_the_device(void **state)
{
    (void)state;
    struct fake_disk disk;
    uint8_t *memory = env_alloc(4096, ENV_ZERO);
    fake_disk_init(&disk, SIZE, ALL);
    sluice_blockqueue_t *queue = disk_open(&disk);
    disk.bad_sector = 100;
    assert_int_equal(transfer(queue, BLOCK_READ, 100 * 512, memory, 512), OSKIT_EIO);
    assert_int_equal(transfer(queue, BLOCK_WRITE, 96 * 512, memory, 4096), OSKIT_EIO);
    assert_int_equal(transfer(queue, BLOCK_READ, 101 * 512, memory, 512), 0);
    disk.refuse = true;
    assert_int_equal(transfer(queue, BLOCK_FLUSH, 0, NULL, 0), OSKIT_EOPNOTSUPP);
    assert_int_equal(statistics(queue).op[BLOCK_WRITE].errors, 1);
    env_free(memory, 4096);
    disk_close(&disk);
}

static void test_flush_and_fua(void **state)
{
    (void)state;
    struct fake_disk disk;
    uint8_t *memory = env_alloc(4096, ENV_ZERO);
    fake_disk_init(&disk, SIZE, ALL);
    sluice_blockqueue_t *queue = disk_open(&disk);
    assert_int_equal(transfer(queue, BLOCK_WRITE, 0, memory, 4096), 0);
    assert_int_equal(disk.unflushed, 1);
    assert_int_equal(transfer(queue, BLOCK_FLUSH, 0, NULL, 0), 0);
    assert_int_equal(disk.unflushed, 0);
    assert_int_equal(transfer_flags(queue, BLOCK_WRITE, BLOCK_FUA, 0, memory, 4096), 0);
    assert_int_equal(disk.unflushed, 0);
    assert_int_equal(disk.flushes, 2);
    assert_int_equal(transfer_flags(queue, BLOCK_WRITE_ZEROES, BLOCK_FUA, 0, NULL, 4096), 0);
    assert_int_equal(disk.flushes, 3);
    assert_int_equal(disk.zeroes_flags, 0);
    assert_int_equal(transfer_flags(queue, BLOCK_WRITE_ZEROES, BLOCK_UNMAP, 0, NULL, 4096), 0);
    assert_int_equal(disk.zeroes_flags, ZEROES_UNMAP);
    assert_int_equal(transfer(queue, BLOCK_DISCARD, 4096, NULL, 65536), 0);
    assert_int_equal(disk.discards, 1);
    disk_close(&disk);
    /* Without a volatile cache there is nothing to flush. */
    fake_disk_init(&disk, SIZE, ALL & ~BLK_F_FLUSH);
    queue = disk_open(&disk);
    assert_int_equal(transfer_flags(queue, BLOCK_WRITE, BLOCK_FUA, 0, memory, 4096), 0);
    assert_int_equal(transfer(queue, BLOCK_FLUSH, 0, NULL, 0), 0);
    assert_int_equal(disk.flushes, 0);
    disk_close(&disk);
    env_free(memory, 4096);
}

static void test_a_read_only_disk(void **state)
{
    (void)state;
    struct fake_disk disk;
    uint8_t *memory = env_alloc(4096, ENV_ZERO);
    fake_disk_init(&disk, SIZE, ALL | BLK_F_RO);
    sluice_blockqueue_t *queue = disk_open(&disk);
    assert_int_equal(transfer(queue, BLOCK_READ, 0, memory, 4096), 0);
    assert_int_equal(transfer(queue, BLOCK_WRITE, 0, memory, 4096), OSKIT_EROFS);
    assert_int_equal(transfer(queue, BLOCK_DISCARD, 0, NULL, 4096), OSKIT_EROFS);
    assert_int_equal(transfer(queue, BLOCK_FLUSH, 0, NULL, 0), 0);
    assert_int_equal(disk.writes + disk.discards, 0);
    env_free(memory, 4096);
    disk_close(&disk);
}

/* ---- Many at once ---- */

static void test_beyond_the_depth(void **state)
{
    (void)state;
    enum { COUNT = 100 };
    struct fake_disk disk;
    struct operation *operations = calloc(COUNT, sizeof *operations);
    struct block_request *requests[COUNT];
    uint8_t *memory = env_alloc(COUNT * 512, ENV_ZERO);
    fake_disk_init(&disk, SIZE, ALL);
    sluice_blockqueue_t *queue = disk_open(&disk);
    fill(disk.bytes, SIZE, 3);
    disk.virtio.held = true;
    unsigned before = disk.virtio.queues[0].notifications;
    for (unsigned i = 0; i < COUNT; i++) {
        operation_init(&operations[i], BLOCK_READ, i * 512, memory + i * 512, 512);
        requests[i] = &operations[i].request;
    }
    sluice_blockqueue_submit(queue, requests, COUNT);
    assert_int_equal(statistics(queue).in_flight, COUNT);
    assert_int_equal(disk.virtio.queues[0].notifications, before + 1);
    assert_int_equal(sluice_blockqueue_cancel(queue, requests[0]), OSKIT_EBUSY);
    assert_int_equal(sluice_blockqueue_cancel(queue, requests[50]), 0);
    assert_int_equal(operations[50].done, 1);
    assert_int_equal(operations[50].status, OSKIT_ECANCELED);
    assert_int_equal(sluice_blockqueue_cancel(queue, requests[50]), OSKIT_EBUSY);
    disk.virtio.held = false;
    fake_virtio_wake(&disk.virtio);
    for (unsigned i = 0; i < COUNT; i++)
        assert_int_equal(operation_wait(&operations[i]), i == 50 ? OSKIT_ECANCELED : 0);
    memset(disk.bytes + 50 * 512, 0, 512);
    assert_memory_equal(memory, disk.bytes, COUNT * 512);
    assert_int_equal(sluice_blockqueue_cancel(queue, requests[0]), OSKIT_EBUSY);
    env_free(memory, COUNT * 512);
    free(operations);
    disk_close(&disk);
}

static void test_plug(void **state)
{
    (void)state;
    struct fake_disk disk;
    struct operation operations[6];
    uint8_t *memory = env_alloc(512, ENV_ZERO);
    fake_disk_init(&disk, SIZE, ALL);
    sluice_blockqueue_t *queue = disk_open(&disk);
    unsigned before = disk.virtio.queues[0].notifications;
    sluice_blockqueue_plug(queue);
    sluice_blockqueue_plug(queue);
    for (unsigned i = 0; i < 6; i++) {
        operation_init(&operations[i], BLOCK_READ, 0, memory, 512);
        operation_submit(queue, &operations[i]);
    }
    assert_int_equal(disk.virtio.queues[0].notifications, before);
    sluice_blockqueue_unplug(queue); /* an inner one sends, too */
    for (unsigned i = 0; i < 6; i++)
        assert_int_equal(operation_wait(&operations[i]), 0);
    assert_int_equal(disk.virtio.queues[0].notifications, before + 1);
    sluice_blockqueue_unplug(queue);
    assert_int_equal(disk.virtio.queues[0].notifications, before + 1);
    env_free(memory, 512);
    disk_close(&disk);
}

static void test_a_queue_a_cpu(void **state)
{
    (void)state;
    struct fake_disk disk;
    uint8_t *memory = env_alloc(512, ENV_ZERO);
    env_test_set_cpus(6, 0);
    fake_disk_init(&disk, SIZE, ALL | BLK_F_MQ);
    sluice_blockqueue_t *queue = disk_open(&disk);
    assert_int_equal(disk.virtio.device.queue_count, 4);
    for (unsigned cpu = 0; cpu < 6; cpu++) {
        unsigned before = disk.virtio.queues[cpu % 4].notifications;
        env_test_set_cpus(6, cpu);
        assert_int_equal(transfer(queue, BLOCK_READ, 0, memory, 512), 0);
        assert_int_equal(disk.virtio.queues[cpu % 4].notifications, before + 1);
    }
    env_test_set_cpus(6, 0);
    disk_close(&disk);
    env_test_set_cpus(2, 0);
    fake_disk_init(&disk, SIZE, ALL | BLK_F_MQ);
    disk_open(&disk);
    assert_int_equal(disk.virtio.device.queue_count, 2);
    disk_close(&disk);
    env_free(memory, 512);
}

/* ---- Trouble ---- */

/* Holds the device, and sends one request that it won't answer. */
static void hold(struct fake_disk *disk, sluice_blockqueue_t *queue, struct operation *operation,
                 void *memory)
{
    disk->virtio.held = true;
    operation_init(operation, BLOCK_READ, 0, memory, 512);
    operation_submit(queue, operation);
}

static void test_a_device_that_is_slow(void **state)
{
    (void)state;
    struct fake_disk disk;
    struct operation operations[30];
    uint8_t *memory = env_alloc(512, ENV_ZERO);
    env_test_clock_manual(true);
    fake_disk_init(&disk, SIZE, ALL);
    sluice_blockqueue_t *queue = disk_open(&disk);
    for (unsigned i = 0; i < 30; i++)
        hold(&disk, queue, &operations[i], memory);
    env_test_clock_advance(25 * SECOND);
    assert_int_equal(operations[0].done, 0);
    unsigned resets = disk.virtio.resets;
    env_test_clock_advance(10 * SECOND);
    assert_int_equal(disk.virtio.resets, resets + 1);
    assert_int_equal(operations[0].done, 0); /* the device gets it once more */
    disk.virtio.held = false;
    fake_virtio_wake(&disk.virtio);
    for (unsigned i = 0; i < 30; i++)
        assert_int_equal(operation_wait(&operations[i]), 0);
    assert_int_equal(transfer(queue, BLOCK_READ, 0, memory, 512), 0);
    disk_close(&disk);
    env_free(memory, 512);
}

/* Time jumps from timer to timer, as in a machine that counts instructions and has nothing to do:
 * what the device finishes before it is reset is done, however often, and nothing is lost. */
static void test_a_device_that_time_runs_away_from(void **state)
{
    (void)state;
    struct fake_disk disk;
    struct operation operation;
    uint8_t *memory = env_alloc(512, ENV_ZERO);
    env_test_clock_manual(true);
    fake_disk_init(&disk, SIZE, ALL);
    sluice_blockqueue_t *queue = disk_open(&disk);
    disk.virtio.held = disk.virtio.drains = true;
    for (unsigned round = 0; round < 10; round++) {
        unsigned resets = disk.virtio.resets, writes = disk.writes, flushes = disk.flushes;
        operation_init(&operation, BLOCK_WRITE, 0, memory, 512);
        operation.request.flags = BLOCK_FUA;
        operation_submit(queue, &operation);
        env_test_clock_advance(80 * SECOND);
        assert_int_equal(operation.done, 1);
        assert_int_equal(operation_wait(&operation), 0);
        assert_int_equal(disk.virtio.resets, resets + 2);
        assert_int_equal(disk.writes, writes + 1);
        assert_int_equal(disk.flushes, flushes + 1);
    }
    assert_null(strstr(env_test_log(), "given up"));
    disk_close(&disk);
    env_free(memory, 512);
}

/* The interrupt got lost, not the request: the device is asked before it is reset. */
static void test_a_device_that_says_nothing(void **state)
{
    (void)state;
    struct fake_disk disk;
    struct operation operation;
    uint8_t *memory = env_alloc(512, ENV_ZERO);
    env_test_clock_manual(true);
    fake_disk_init(&disk, SIZE, ALL);
    sluice_blockqueue_t *queue = disk_open(&disk);
    unsigned resets = disk.virtio.resets;
    hold(&disk, queue, &operation, memory);
    env_test_clock_advance(31 * SECOND); /* late, and being asked */
    assert_int_equal(operation.done, 0);
    disk.virtio.no_interrupt = true;
    disk.virtio.held = false;
    fake_virtio_serve(&disk.virtio);
    env_test_clock_advance(SECOND / 100);
    assert_int_equal(operation_wait(&operation), 0);
    disk.virtio.no_interrupt = false;
    assert_int_equal(transfer(queue, BLOCK_READ, 0, memory, 512), 0);
    assert_int_equal(disk.virtio.resets, resets);
    disk_close(&disk);
    env_free(memory, 512);
}

/* One request alone is never answered: the others go on, and it ends after some tries. */
static void test_a_request_that_is_lost(void **state)
{
    (void)state;
    struct fake_disk disk;
    struct operation operation;
    uint8_t *memory = env_alloc(512, ENV_ZERO);
    env_test_clock_manual(true);
    fake_disk_init(&disk, SIZE, ALL);
    sluice_blockqueue_t *queue = disk_open(&disk);
    disk.lost_sector = 8;
    operation_init(&operation, BLOCK_READ, 8 * 512, memory, 512);
    operation_submit(queue, &operation);
    unsigned resets = disk.virtio.resets, rounds = 0;
    for (; rounds < 20 && !operation.done; rounds++) {
        assert_int_equal(transfer(queue, BLOCK_READ, 0, memory, 512), 0);
        env_test_clock_advance(20 * SECOND);
    }
    assert_int_equal(operation_wait(&operation), OSKIT_EIO);
    assert_int_equal(disk.virtio.resets, resets + 4);
    disk.lost_sector = UINT64_MAX;
    assert_int_equal(transfer(queue, BLOCK_READ, 8 * 512, memory, 512), 0);
    disk_close(&disk);
    env_free(memory, 512);
}

/* Nothing done between two resets: there won't be a third. */
static void test_a_device_that_is_given_up(void **state)
{
    (void)state;
    struct fake_disk disk;
    struct operation operations[30];
    uint8_t *memory = env_alloc(512, ENV_ZERO);
    env_test_clock_manual(true);
    fake_disk_init(&disk, SIZE, ALL);
    sluice_blockqueue_t *queue = disk_open(&disk);
    for (unsigned i = 0; i < 30; i++)
        hold(&disk, queue, &operations[i], memory);
    env_test_clock_advance(100 * SECOND);
    for (unsigned i = 0; i < 30; i++)
        assert_int_equal(operation_wait(&operations[i]), OSKIT_EIO);
    assert_int_equal(transfer(queue, BLOCK_READ, 0, memory, 512), OSKIT_EIO);
    assert_int_equal(transfer(queue, BLOCK_FLUSH, 0, NULL, 0), OSKIT_EIO);
    assert_non_null(strstr(env_test_log(), "given up"));
    assert_int_equal(env_test_timers(), 0);
    disk_close(&disk);
    env_free(memory, 512);
}

static void test_a_device_that_lies_is_reset(void **state)
{
    (void)state;
    struct fake_disk disk;
    uint8_t *memory = env_alloc(512, ENV_ZERO);
    fake_disk_init(&disk, SIZE, ALL);
    sluice_blockqueue_t *queue = disk_open(&disk);
    for (unsigned round = 0; round < 3; round++) {
        unsigned resets = disk.virtio.resets;
        disk.lie = 1;
        assert_int_equal(transfer(queue, BLOCK_READ, 0, memory, 512), OSKIT_EIO);
        assert_int_equal(disk.virtio.resets, resets + 1);
        disk.lie = 0;
        assert_int_equal(transfer(queue, BLOCK_READ, 0, memory, 512), 0);
    }
    disk.lie = 1;
    assert_int_equal(transfer(queue, BLOCK_READ, 0, memory, 512), OSKIT_EIO);
    assert_int_equal(transfer(queue, BLOCK_READ, 0, memory, 512), OSKIT_EIO);
    disk.lie = 0;
    assert_int_equal(transfer(queue, BLOCK_READ, 0, memory, 512), OSKIT_EIO);
    disk_close(&disk);
    env_free(memory, 512);
}

static void test_a_device_that_has_gone(void **state)
{
    (void)state;
    struct fake_disk disk;
    struct operation operation;
    uint8_t *memory = env_alloc(512, ENV_ZERO);
    env_test_clock_manual(true);
    fake_disk_init(&disk, SIZE, ALL);
    sluice_blockqueue_t *queue = disk_open(&disk);
    hold(&disk, queue, &operation, memory);
    disk.virtio.gone = true;
    env_test_clock_advance(6 * SECOND);
    assert_int_equal(operation_wait(&operation), OSKIT_EIO);
    assert_int_equal(transfer(queue, BLOCK_WRITE, 0, memory, 512), OSKIT_EIO);
    assert_true(disk.virtio.cut_offs > 0);
    disk_close(&disk);
    env_free(memory, 512);
}

static void test_the_size_changes(void **state)
{
    (void)state;
    struct fake_disk disk;
    struct block_limits limits;
    uint64_t sectors = 100;
    fake_disk_init(&disk, SIZE, ALL);
    sluice_blockqueue_t *queue = disk_open(&disk);
    memcpy(disk.virtio.config, &sectors, sizeof sectors);
    virtio_config_interrupt(&disk.virtio.device);
    sluice_blockqueue_get_limits(queue, &limits);
    assert_int_equal(limits.size, 51200);
    disk.virtio.gone = true;
    virtio_config_interrupt(&disk.virtio.device);
    assert_int_equal(transfer(queue, BLOCK_FLUSH, 0, NULL, 0), OSKIT_EIO);
    disk_close(&disk);
}

/* Who has it open keeps the object. */
static void test_unplugged_while_open(void **state)
{
    (void)state;
    struct fake_disk disk;
    struct operation operations[20];
    struct block_limits limits;
    uint8_t *memory = env_alloc(512, ENV_ZERO);
    fake_disk_init(&disk, SIZE, ALL);
    sluice_blockqueue_t *queue = disk_open(&disk);
    sluice_blockqueue_addref(queue);
    for (unsigned i = 0; i < 20; i++)
        hold(&disk, queue, &operations[i], memory);
    disk_close(&disk);
    for (unsigned i = 0; i < 20; i++)
        assert_int_equal(operation_wait(&operations[i]), OSKIT_EIO);
    assert_int_equal(transfer(queue, BLOCK_READ, 0, memory, 512), OSKIT_EIO);
    sluice_blockqueue_plug(queue);
    sluice_blockqueue_unplug(queue);
    sluice_blockqueue_get_limits(queue, &limits);
    assert_int_equal(limits.size, SIZE);
    assert_int_equal(statistics(queue).in_flight, 0);
    sluice_blockqueue_release(queue);
    env_free(memory, 512);
}

static void test_attach_without_memory(void **state)
{
    (void)state;
    ENV_TEST_EACH_FAILURE
    {
        struct fake_disk disk;
        fake_disk_init(&disk, SIZE, ALL);
        fake_virtio_start(&disk.virtio);
        oskit_error_t error = virtio_device_attach(&disk.virtio.device);
        if (error) {
            assert_int_equal(error, OSKIT_ENOMEM);
            assert_true(env_test_failed());
            assert_int_equal(disk.virtio.status, 0);
        }
        disk_close(&disk);
    }
}

static void test_attach_to_a_stubborn_device(void **state)
{
    (void)state;
    struct fake_disk disk;
    fake_disk_init(&disk, SIZE, ALL);
    disk.virtio.picky = true;
    assert_int_equal(virtio_device_attach(&disk.virtio.device), OSKIT_EIO);
    disk.virtio.picky = false;
    disk.virtio.gone = true;
    assert_int_equal(virtio_device_attach(&disk.virtio.device), OSKIT_EIO);
    disk.virtio.gone = false;
    disk.virtio.queue_count = 0;
    assert_int_equal(virtio_device_attach(&disk.virtio.device), OSKIT_ENODEV);
    disk.virtio.device.id = 99;
    assert_int_equal(virtio_device_attach(&disk.virtio.device), OSKIT_ENODEV);
    fake_disk_free(&disk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_limits),
        HARNESS_TEST(test_limits_of_odd_devices),
        HARNESS_TEST(test_absurd_devices_are_refused),
        HARNESS_TEST(test_reads_and_writes),
        HARNESS_TEST(test_many_segments),
        HARNESS_TEST(test_bad_requests),
        HARNESS_TEST(test_errors_of_the_device),
        HARNESS_TEST(test_flush_and_fua),
        HARNESS_TEST(test_a_read_only_disk),
        HARNESS_TEST(test_beyond_the_depth),
        HARNESS_TEST(test_plug),
        HARNESS_TEST(test_a_queue_a_cpu),
        HARNESS_TEST(test_a_device_that_is_slow),
        HARNESS_TEST(test_a_device_that_time_runs_away_from),
        HARNESS_TEST(test_a_device_that_says_nothing),
        HARNESS_TEST(test_a_request_that_is_lost),
        HARNESS_TEST(test_a_device_that_is_given_up),
        HARNESS_TEST(test_a_device_that_lies_is_reset),
        HARNESS_TEST(test_a_device_that_has_gone),
        HARNESS_TEST(test_the_size_changes),
        HARNESS_TEST(test_unplugged_while_open),
        HARNESS_TEST(test_attach_without_memory),
        HARNESS_TEST(test_attach_to_a_stubborn_device),
    };
    return cmocka_run_group_tests_name("virtio_blk", tests, NULL, NULL);
}
