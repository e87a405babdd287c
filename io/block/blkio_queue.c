/*
 * A queue over a blkio that has none: threads take requests in order and make the calls that wait.
 *
 * Locks: lock guards the list, the statistics and the counts of workers; it is held for a few lines
 * and never across a call to the blkio or a done. No other lock is taken under it but that of a
 * sleeper being woken.
 */
#include <sluice/block.h>

#include <sluice/env.h>
#include <sluice/object.h>
#include <sluice/string.h>

#define WORKERS_MAX     16u
#define SEGMENTS_MAX    256u
#define TRANSFER_MAX    (1u << 20)
#define ZEROES_MAX      (64u << 20)
#define SMALLEST_SECTOR 512u

/* One idle worker, on its own stack. */
struct worker {
    struct list link;
    struct env_sleep sleep;
};

struct blkio_queue {
    struct sluice_object object;
    SLUICE_FACE(sluice_blockqueue_t) queue;
    oskit_blkio_t *io; /* with a reference */
    struct block_limits limits;
    struct env_spinlock lock;
    struct list waiting; /* requests, oldest first */
    struct list idle;    /* workers */
    struct block_statistics statistics;
    unsigned workers; /* threads that run */
    bool ending;
    struct env_sleep *ender; /* waits for workers to become 0 */
};

static struct blkio_queue *queue_of(const void *self)
{
    return (struct blkio_queue *)SLUICE_OBJECT(self);
}

/* ---- Carrying out ---- */

/* One call of the blkio for SIZE bytes; a short count is the end of the device or an error to come.
 */
static oskit_error_t move(struct blkio_queue *q, enum block_op op, void *base, oskit_u64_t offset,
                          oskit_size_t size)
{
    while (size != 0) {
        oskit_size_t actual = 0;
        oskit_error_t error =
            op == BLOCK_READ ? oskit_blkio_read(q->io, base, (oskit_off_t)offset, size, &actual)
                             : oskit_blkio_write(q->io, base, (oskit_off_t)offset, size, &actual);
        if (OSKIT_FAILED(error))
            return error;
        if (actual == 0 || actual > size)
            return OSKIT_EIO;
        base = (char *)base + actual;
        offset += actual;
        size -= actual;
    }
    return OSKIT_SUCCESS;
}

static oskit_error_t carry_memory(struct blkio_queue *q, const struct block_request *request)
{
    oskit_u64_t offset = request->offset;
    oskit_error_t error = OSKIT_SUCCESS;

    for (oskit_u32_t i = 0; i < request->segment_count && !OSKIT_FAILED(error); i++) {
        error =
            move(q, request->op, request->segments[i].base, offset, request->segments[i].length);
        offset += request->segments[i].length;
    }
    return error;
}

static oskit_error_t carry_zeroes(struct blkio_queue *q, const struct block_request *request)
{
    void *page = env_page_alloc(0, ENV_ZERO);
    oskit_error_t error = page != NULL ? OSKIT_SUCCESS : OSKIT_E_OUTOFMEMORY;
    oskit_u64_t done = 0;

    while (done < request->length && !OSKIT_FAILED(error)) {
        oskit_u64_t left = request->length - done;
        oskit_size_t part = left < ENV_PAGE_SIZE ? (oskit_size_t)left : ENV_PAGE_SIZE;
        error = move(q, BLOCK_WRITE, page, request->offset + done, part);
        done += part;
    }
    if (page != NULL)
        env_page_unref(page);
    return error;
}

static oskit_error_t carry_out(struct blkio_queue *q, const struct block_request *request)
{
    switch (request->op) {
    case BLOCK_READ:
    case BLOCK_WRITE:
        return carry_memory(q, request);
    case BLOCK_WRITE_ZEROES:
        return carry_zeroes(q, request);
    default:
        return OSKIT_SUCCESS; /* flush: a blkio's write is on its medium when it returns */
    }
}

static void finish(struct blkio_queue *q, struct block_request *request, oskit_error_t status)
{
    env_spin_lock(&q->lock);
    block_statistics_end(&q->statistics, request, status);
    env_spin_unlock(&q->lock);
    request->done(request, status);
}

/* The next request, or NULL when the queue ends; sleeps as long as there is none. */
static struct block_request *next_request(struct blkio_queue *q)
{
    struct worker self;
    struct list *link = NULL;

    env_spin_lock(&q->lock);
    while ((link = list_pop_front(&q->waiting)) == NULL && !q->ending) {
        env_sleep_init(&self.sleep);
        list_push_back(&q->idle, &self.link);
        env_spin_unlock(&q->lock);
        env_sleep(&self.sleep, ENV_FOREVER);
        env_spin_lock(&q->lock);
    }
    env_spin_unlock(&q->lock);
    return link != NULL ? container_of(link, struct block_request, link) : NULL;
}

static void work(void *arg)
{
    struct blkio_queue *q = arg;
    struct block_request *request;

    while ((request = next_request(q)) != NULL)
        finish(q, request, carry_out(q, request));
    env_spin_lock(&q->lock);
    struct env_sleep *ender = --q->workers == 0 ? q->ender : NULL;
    if (ender != NULL)
        env_wakeup(ender); /* under the lock: the ender takes it once more before it frees */
    env_spin_unlock(&q->lock);
}

/* Wakes one idle worker; the lock is held. It has left the list before it runs. */
static void wake_one(struct blkio_queue *q)
{
    struct list *link = list_pop_front(&q->idle);

    if (link != NULL)
        env_wakeup(&container_of(link, struct worker, link)->sleep);
}

/* ---- blockqueue ---- */

static void queue_submit(sluice_blockqueue_t *self, struct block_request *const *requests,
                         oskit_u32_t count)
{
    struct blkio_queue *q = queue_of(self);

    for (oskit_u32_t i = 0; i < count; i++) {
        struct block_request *request = requests[i];
        oskit_error_t error = block_request_check(request, &q->limits);
        env_spin_lock(&q->lock);
        block_statistics_start(&q->statistics, request);
        if (!OSKIT_FAILED(error)) {
            list_push_back(&q->waiting, &request->link);
            wake_one(q);
        }
        env_spin_unlock(&q->lock);
        if (OSKIT_FAILED(error))
            finish(q, request, error);
    }
}

/* Nothing is gained by holding calls back that wait one by one. */
static void queue_plug(sluice_blockqueue_t *self)
{
    (void)self;
}

static oskit_error_t queue_cancel(sluice_blockqueue_t *self, struct block_request *request)
{
    struct blkio_queue *q = queue_of(self);
    bool found = false;

    env_spin_lock(&q->lock);
    list_for_each (link, &q->waiting)
        found |= link == &request->link;
    if (found)
        list_remove(&request->link);
    env_spin_unlock(&q->lock);
    if (!found)
        return OSKIT_EBUSY;
    finish(q, request, OSKIT_ECANCELED);
    return OSKIT_SUCCESS;
}

static void queue_get_limits(sluice_blockqueue_t *self, struct block_limits *out)
{
    *out = queue_of(self)->limits;
}

static void queue_get_statistics(sluice_blockqueue_t *self, struct block_statistics *out)
{
    struct blkio_queue *q = queue_of(self);

    env_spin_lock(&q->lock);
    *out = q->statistics;
    env_spin_unlock(&q->lock);
}

/* Lets the workers leave and waits for the last of them. */
static void workers_end(struct blkio_queue *q)
{
    struct env_sleep sleep;

    env_sleep_init(&sleep);
    env_spin_lock(&q->lock);
    q->ending = true;
    q->ender = &sleep;
    bool any = q->workers != 0;
    while (!list_empty(&q->idle))
        wake_one(q);
    env_spin_unlock(&q->lock);
    if (any)
        env_sleep(&sleep, ENV_FOREVER);
    env_spin_lock(&q->lock); /* the last worker has let go of it */
    env_spin_unlock(&q->lock);
}

static void queue_destroy(struct sluice_object *object)
{
    struct blkio_queue *q = (struct blkio_queue *)object;

    workers_end(q);
    oskit_blkio_release(q->io);
    sluice_object_fini(object);
    env_free(q, sizeof *q);
}

static const struct sluice_blockqueue_ops queue_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .submit = queue_submit,
    .plug = queue_plug,
    .unplug = queue_plug,
    .cancel = queue_cancel,
    .get_limits = queue_get_limits,
    .get_statistics = queue_get_statistics,
};
static const struct sluice_interface queue_interfaces[] = {
    {&sluice_blockqueue_iid, offsetof(struct blkio_queue, queue), &queue_ops},
};
static const struct sluice_class queue_class = {"queue over blocks", queue_interfaces,
                                                SLUICE_COUNT(queue_interfaces), queue_destroy};

/* A unit smaller than a sector would only be slow: requests are of 512 at least. */
static oskit_error_t limits_make(oskit_blkio_t *io, unsigned workers, struct block_limits *out)
{
    oskit_u32_t unit = oskit_blkio_getblocksize(io);
    oskit_off_t size;
    oskit_error_t error = oskit_blkio_getsize(io, &size);

    if (OSKIT_FAILED(error))
        return error;
    unit = unit < SMALLEST_SECTOR ? SMALLEST_SECTOR : unit;
    if ((unit & (unit - 1)) != 0 || unit > ENV_PAGE_SIZE || size < 0)
        return OSKIT_E_INVALIDARG;
    *out = (struct block_limits){
        .size = (oskit_u64_t)size & ~(oskit_u64_t)(unit - 1),
        .block_size = unit,
        .physical_block = unit,
        .segments_max = SEGMENTS_MAX,
        .segment_size_max = TRANSFER_MAX,
        .length_max = TRANSFER_MAX,
        .zeroes_max = ZEROES_MAX,
        .depth = workers,
    };
    return OSKIT_SUCCESS;
}

static oskit_error_t workers_start(struct blkio_queue *q, unsigned workers)
{
    for (unsigned i = 0; i < workers; i++) {
        env_spin_lock(&q->lock);
        q->workers++;
        env_spin_unlock(&q->lock);
        oskit_error_t error = env_thread_start("blkio", work, q);
        if (OSKIT_FAILED(error)) {
            env_spin_lock(&q->lock);
            unsigned left = --q->workers;
            env_spin_unlock(&q->lock);
            return left != 0 ? OSKIT_SUCCESS : error; /* fewer do */
        }
    }
    return OSKIT_SUCCESS;
}

oskit_error_t blkio_blockqueue(oskit_blkio_t *io, unsigned workers, sluice_blockqueue_t **out)
{
    struct block_limits limits;

    *out = sluice_query_face(io, &sluice_blockqueue_iid);
    if (*out != NULL)
        return OSKIT_SUCCESS;
    if (workers == 0 || workers > WORKERS_MAX)
        return OSKIT_E_INVALIDARG;
    oskit_error_t error = limits_make(io, workers, &limits);
    if (OSKIT_FAILED(error))
        return error;
    struct blkio_queue *q = env_alloc(sizeof *q, ENV_ZERO);
    if (q == NULL)
        return OSKIT_E_OUTOFMEMORY;
    sluice_object_init(&q->object, &queue_class);
    oskit_blkio_addref(io);
    q->io = io;
    q->limits = limits;
    list_init(&q->waiting);
    list_init(&q->idle);
    error = workers_start(q, workers);
    if (OSKIT_FAILED(error)) {
        sluice_object_release(&q->object);
        return error;
    }
    *out = &q->queue.i;
    return OSKIT_SUCCESS;
}
