/*
 * See cache_file.h. The disk's memory is copied without looking for races: a device reads pages
 * while programs write them, and what it gets then is anybody's guess there, too.
 *
 * Locks: disk->lock is a leaf.
 */
#include "cache_file.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sluice/object.h>
#include "env.h"

#define RUBBISH 0xbb

struct cache_disk {
    struct sluice_object object;
    SLUICE_FACE(sluice_blockqueue_t) queue;
    unsigned char *bytes;
    struct block_limits limits;
    pthread_mutex_t lock;
    pthread_cond_t more;
    enum cache_disk_mode mode;
    bool ending;
    pthread_t thread;
    bool threaded;
    struct list held;
    unsigned plugged;
    bool pending; /* submitted while plugged */
    enum block_op fail_op;
    oskit_u64_t fail_start, fail_end;
    struct cache_disk_counts counts;
};

static struct cache_disk *disk_of(const void *self)
{
    return (struct cache_disk *)SLUICE_OBJECT(self);
}

__attribute__((no_sanitize("thread"))) static void
bytes_copy(unsigned char *to, const unsigned char *from, size_t size)
{
    for (size_t i = 0; i < size; i++)
        to[i] = from[i];
}

/* ---- Carrying out ---- */

static bool request_good(const struct cache_disk *disk, const struct block_request *r)
{
    const struct block_limits *limits = &disk->limits;
    oskit_u64_t sum = 0;

    if (r->op > BLOCK_WRITE)
        return true;
    if (r->segment_count == 0 || r->segment_count > limits->segments_max)
        env_test_fault("a request of %u segments", r->segment_count);
    for (oskit_u32_t i = 0; i < r->segment_count; i++) {
        oskit_u32_t length = r->segments[i].length;

        if (length == 0 || length > limits->segment_size_max || length % limits->block_size)
            env_test_fault("a segment of %u bytes", length);
        sum += length;
    }
    if (sum != r->length || sum > limits->length_max || r->offset % limits->block_size)
        env_test_fault("a request of %lu bytes at %lu", (unsigned long)r->length,
                       (unsigned long)r->offset);
    return r->offset <= limits->size && r->length <= limits->size - r->offset;
}

static oskit_error_t request_move(struct cache_disk *disk, const struct block_request *r)
{
    unsigned char *at = disk->bytes + r->offset;

    for (oskit_u32_t i = 0; i < r->segment_count; i++) {
        unsigned char *base = r->segments[i].base;

        if (r->op == BLOCK_READ)
            bytes_copy(base, at, r->segments[i].length);
        else
            bytes_copy(at, base, r->segments[i].length);
        at += r->segments[i].length;
    }
    return OSKIT_SUCCESS;
}

static void request_do(struct cache_disk *disk, struct block_request *r)
{
    oskit_error_t err = request_good(disk, r) ? OSKIT_SUCCESS : OSKIT_E_INVALIDARG;

    pthread_mutex_lock(&disk->lock);
    if (r->op == disk->fail_op && r->offset < disk->fail_end &&
        r->offset + r->length > disk->fail_start)
        err = OSKIT_EIO;
    disk->counts.reads += r->op == BLOCK_READ;
    disk->counts.writes += r->op == BLOCK_WRITE;
    disk->counts.flushes += r->op == BLOCK_FLUSH;
    disk->counts.read_bytes += r->op == BLOCK_READ ? r->length : 0;
    disk->counts.written_bytes += r->op == BLOCK_WRITE ? r->length : 0;
    pthread_mutex_unlock(&disk->lock);
    if (OSKIT_SUCCEEDED(err))
        err = request_move(disk, r);
    r->done(r, err);
}

static struct block_request *request_take(struct cache_disk *disk)
{
    struct list *node = list_pop_front(&disk->held);

    return node ? container_of(node, struct block_request, link) : NULL;
}

unsigned cache_disk_run(struct cache_disk *disk)
{
    unsigned count = 0;

    for (;;) {
        pthread_mutex_lock(&disk->lock);
        struct block_request *r = request_take(disk);
        pthread_mutex_unlock(&disk->lock);
        if (!r)
            return count;
        env_test_interrupt_enter();
        request_do(disk, r);
        env_test_interrupt_leave();
        count++;
    }
}

static void *disk_thread(void *arg)
{
    struct cache_disk *disk = arg;

    pthread_mutex_lock(&disk->lock);
    while (!disk->ending || !list_empty(&disk->held)) {
        if (list_empty(&disk->held)) {
            pthread_cond_wait(&disk->more, &disk->lock);
            continue;
        }
        pthread_mutex_unlock(&disk->lock);
        cache_disk_run(disk);
        pthread_mutex_lock(&disk->lock);
    }
    pthread_mutex_unlock(&disk->lock);
    return NULL;
}

/* ---- The queue ---- */

static void disk_submit(sluice_blockqueue_t *self, struct block_request *const *requests,
                        oskit_u32_t count)
{
    struct cache_disk *disk = disk_of(self);

    pthread_mutex_lock(&disk->lock);
    bool at_once = disk->mode == CACHE_DISK_AT_ONCE;
    disk->counts.notifications += disk->plugged == 0;
    disk->pending |= disk->plugged > 0;
    for (oskit_u32_t i = 0; i < count && !at_once; i++)
        list_push_back(&disk->held, &requests[i]->link);
    pthread_cond_signal(&disk->more);
    pthread_mutex_unlock(&disk->lock);
    for (oskit_u32_t i = 0; i < count && at_once; i++)
        request_do(disk, requests[i]);
}

static void disk_plug(sluice_blockqueue_t *self)
{
    struct cache_disk *disk = disk_of(self);

    pthread_mutex_lock(&disk->lock);
    disk->plugged++;
    pthread_mutex_unlock(&disk->lock);
}

static void disk_unplug(sluice_blockqueue_t *self)
{
    struct cache_disk *disk = disk_of(self);

    pthread_mutex_lock(&disk->lock);
    if (disk->plugged-- == 0)
        env_test_fault("unplug without plug");
    disk->counts.notifications += disk->plugged == 0 && disk->pending;
    disk->pending &= disk->plugged > 0;
    pthread_mutex_unlock(&disk->lock);
}

static oskit_error_t disk_cancel(sluice_blockqueue_t *self, struct block_request *request)
{
    (void)self, (void)request;
    return OSKIT_EBUSY;
}

static void disk_get_limits(sluice_blockqueue_t *self, struct block_limits *out)
{
    *out = disk_of(self)->limits;
}

static void disk_get_statistics(sluice_blockqueue_t *self, struct block_statistics *out)
{
    (void)self;
    memset(out, 0, sizeof *out);
}

static struct sluice_blockqueue_ops disk_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .submit = disk_submit,
    .plug = disk_plug,
    .unplug = disk_unplug,
    .cancel = disk_cancel,
    .get_limits = disk_get_limits,
    .get_statistics = disk_get_statistics,
};

static void disk_gone(struct sluice_object *object)
{
    sluice_object_fini(object);
}

static const struct sluice_interface disk_interfaces[] = {
    {&oskit_iunknown_iid, offsetof(struct cache_disk, queue), &disk_ops},
    {&sluice_blockqueue_iid, offsetof(struct cache_disk, queue), &disk_ops},
};
static const struct sluice_class disk_class = {"test disk", disk_interfaces,
                                               SLUICE_COUNT(disk_interfaces), disk_gone};

struct cache_disk *cache_disk_create(oskit_u64_t size, enum cache_disk_mode mode)
{
    struct cache_disk *disk = calloc(1, sizeof *disk);

    disk->bytes = malloc(size);
    memset(disk->bytes, RUBBISH, size);
    disk->mode = mode;
    disk->limits = (struct block_limits){.size = size,
                                         .block_size = 512,
                                         .physical_block = 512,
                                         .segments_max = 128,
                                         .segment_size_max = 65536,
                                         .length_max = 1u << 20,
                                         .depth = 64};
    list_init(&disk->held);
    pthread_mutex_init(&disk->lock, NULL);
    pthread_cond_init(&disk->more, NULL);
    sluice_object_init(&disk->object, &disk_class);
    disk->threaded = mode == CACHE_DISK_THREAD;
    if (disk->threaded)
        pthread_create(&disk->thread, NULL, disk_thread, disk);
    return disk;
}

void cache_disk_destroy(struct cache_disk *disk)
{
    pthread_mutex_lock(&disk->lock);
    disk->ending = true;
    pthread_cond_signal(&disk->more);
    pthread_mutex_unlock(&disk->lock);
    if (disk->threaded)
        pthread_join(disk->thread, NULL);
    if (sluice_object_release(&disk->object) != 0)
        env_test_fault("the disk is still in use");
    free(disk->bytes);
    free(disk);
}

sluice_blockqueue_t *cache_disk_queue(struct cache_disk *disk)
{
    return &disk->queue.i;
}

unsigned char *cache_disk_bytes(struct cache_disk *disk)
{
    return disk->bytes;
}

void cache_disk_set_mode(struct cache_disk *disk, enum cache_disk_mode mode)
{
    disk->mode = mode;
}

void cache_disk_set_limits(struct cache_disk *disk, oskit_u32_t segments, oskit_u32_t segment_size,
                           oskit_u32_t length)
{
    disk->limits.segments_max = segments;
    disk->limits.segment_size_max = segment_size;
    disk->limits.length_max = length;
}

void cache_disk_fail(struct cache_disk *disk, enum block_op op, oskit_u64_t start, oskit_u64_t end)
{
    pthread_mutex_lock(&disk->lock);
    disk->fail_op = op;
    disk->fail_start = start;
    disk->fail_end = end;
    pthread_mutex_unlock(&disk->lock);
}

struct cache_disk_counts cache_disk_counts(struct cache_disk *disk)
{
    pthread_mutex_lock(&disk->lock);
    struct cache_disk_counts counts = disk->counts;
    pthread_mutex_unlock(&disk->lock);
    return counts;
}

/* ---- The file ---- */

static struct cache_file *file_of(struct pagecache *cache)
{
    return (struct cache_file *)((char *)cache - offsetof(struct cache_file, cache));
}

static oskit_error_t file_extent(struct pagecache *cache, oskit_u64_t offset, oskit_u64_t length,
                                 struct pagecache_extent *out)
{
    struct cache_file *file = file_of(cache);
    oskit_u64_t block = cache->block_size, first = offset / block, count = 1;

    env_test_assert_may_sleep("extent");
    if (OSKIT_FAILED(file->extent_error))
        return file->extent_error;
    if (offset % block != 0 || length == 0)
        env_test_fault("extent of %lu at %lu", (unsigned long)length, (unsigned long)offset);
    env_mutex_lock(&file->map_mutex);
    oskit_u32_t at = first < CACHE_FILE_BLOCKS ? file->map[first] : 0;
    while (first + count < CACHE_FILE_BLOCKS && count * block < length &&
           file->map[first + count] == (at ? at + count : 0))
        count++;
    env_mutex_unlock(&file->map_mutex);
    out->device = at ? at * block : PAGECACHE_HOLE;
    out->length = count * block;
    return OSKIT_SUCCESS;
}

static oskit_error_t file_reserve(struct pagecache *cache, oskit_u64_t offset, oskit_u64_t length,
                                  oskit_u64_t *out_length, bool *out_new)
{
    struct cache_file *file = file_of(cache);
    oskit_u64_t block = cache->block_size, first = offset / block;
    oskit_u64_t last = (offset + length - 1) / block, at;
    oskit_error_t err = OSKIT_SUCCESS;

    env_test_assert_may_sleep("reserve");
    *out_new = false;
    env_mutex_lock(&file->map_mutex);
    for (at = first; at <= last && OSKIT_SUCCEEDED(err); at++) {
        if (at >= CACHE_FILE_BLOCKS)
            err = OSKIT_EFBIG;
        else if (!file->map[at] && file->next >= file->limit)
            err = OSKIT_ENOSPC;
        else if (!file->map[at]) {
            file->map[at] = file->next++;
            *out_new = true;
        }
    }
    env_mutex_unlock(&file->map_mutex);
    oskit_u64_t reached = OSKIT_FAILED(err) ? (at - 1) * block : offset + length;
    *out_length = reached > offset ? reached - offset : 0;
    return *out_length > 0 ? OSKIT_SUCCESS : err;
}

static void file_grown(struct pagecache *cache, oskit_u64_t size)
{
    struct cache_file *file = file_of(cache);

    if (size != cache->size || __atomic_load_n(&file->depth, __ATOMIC_RELAXED) < 1)
        env_test_fault("grown to %lu", (unsigned long)size);
    file->grown++;
}

static void file_dirtied(struct pagecache *cache)
{
    __atomic_fetch_add(&file_of(cache)->dirtied, 1, __ATOMIC_RELAXED);
}

static oskit_error_t file_begin(struct pagecache *cache, oskit_u64_t length)
{
    (void)length;
    __atomic_fetch_add(&file_of(cache)->depth, 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&file_of(cache)->brackets, 1, __ATOMIC_RELAXED);
    return OSKIT_SUCCESS;
}

static void file_end(struct pagecache *cache)
{
    __atomic_fetch_sub(&file_of(cache)->depth, 1, __ATOMIC_RELAXED);
}

static const struct pagecache_ops file_ops = {
    .extent = file_extent,
    .reserve = file_reserve,
    .grown = file_grown,
    .dirtied = file_dirtied,
    .begin = file_begin,
    .end = file_end,
};

void cache_file_init(struct cache_file *file, struct cache_disk *disk, oskit_u32_t block_size)
{
    memset(file, 0, sizeof *file);
    file->disk = disk;
    file->next = 1;
    file->limit = (oskit_u32_t)(disk->limits.size / block_size);
    pagecache_init(&file->cache, &file_ops, &disk->queue.i, block_size, 0);
}

void cache_file_fini(struct cache_file *file)
{
    pagecache_fini(&file->cache);
}

void cache_file_remount(struct cache_file *file)
{
    oskit_u64_t size = file->cache.size;
    oskit_u32_t block = file->cache.block_size;

    pagecache_fini(&file->cache);
    pagecache_init(&file->cache, &file_ops, &file->disk->queue.i, block, size);
}

oskit_error_t cache_file_write(struct cache_file *file, const void *bytes, size_t size,
                               oskit_u64_t offset, size_t *moved)
{
    struct sluice_iovec segment;
    struct sluice_uio uio;

    uio_init_user(&uio, &segment, (void *)bytes, size);
    env_mutex_lock(&file->mutex);
    oskit_error_t err = pagecache_write(&file->cache, &uio, offset, moved);
    env_mutex_unlock(&file->mutex);
    if (uio.left != size - *moved)
        env_test_fault("%zu bytes written, %zu left of %zu", *moved, uio.left, size);
    return err;
}

oskit_error_t cache_file_read(struct cache_file *file, struct pagecache_reader *reader, void *bytes,
                              size_t size, oskit_u64_t offset, size_t *moved)
{
    struct sluice_iovec segment;
    struct sluice_uio uio;

    uio_init_user(&uio, &segment, bytes, size);
    return pagecache_read(&file->cache, reader, &uio, offset, moved);
}

oskit_error_t cache_file_direct(struct cache_file *file, bool write, void *bytes, size_t size,
                                oskit_u64_t offset, size_t *moved)
{
    struct sluice_iovec segment;
    struct sluice_uio uio;

    uio_init_user(&uio, &segment, bytes, size);
    if (write)
        env_mutex_lock(&file->mutex);
    oskit_error_t err = pagecache_direct(&file->cache, &uio, write, offset, moved);
    if (write)
        env_mutex_unlock(&file->mutex);
    return err;
}

oskit_error_t cache_file_truncate(struct cache_file *file, oskit_u64_t size)
{
    oskit_u64_t block = file->cache.block_size;

    env_mutex_lock(&file->mutex);
    oskit_error_t err = pagecache_truncate(&file->cache, size);
    if (OSKIT_SUCCEEDED(err)) {
        env_mutex_lock(&file->map_mutex);
        for (oskit_u64_t i = (size + block - 1) / block; i < CACHE_FILE_BLOCKS; i++)
            file->map[i] = 0;
        env_mutex_unlock(&file->map_mutex);
    }
    env_mutex_unlock(&file->mutex);
    return err;
}

oskit_error_t cache_file_punch(struct cache_file *file, oskit_u64_t first, oskit_u64_t last)
{
    oskit_u64_t block = file->cache.block_size;

    env_mutex_lock(&file->mutex);
    env_mutex_lock(&file->map_mutex);
    for (oskit_u64_t i = (first + block - 1) / block; (i + 1) * block <= last + 1; i++)
        file->map[i] = 0;
    env_mutex_unlock(&file->map_mutex);
    oskit_error_t err = pagecache_punch(&file->cache, first, last);
    env_mutex_unlock(&file->mutex);
    return err;
}
