/*
 * A disk that fails by schedule and remembers what was written (<sluice/faultdisk.h>). A request
 * goes to the disk below with its own done and gets back to the submitter from there.
 *
 * Lock: `lock` guards the schedule, the record and the statistics; a leaf. done of requests runs
 * without it.
 */
#include <sluice/faultdisk.h>

#include <sluice/env.h>
#include <sluice/object.h>
#include <sluice/string.h>

#define SECTOR       512u
#define EVENTS_FIRST 1024u
#define DEVICE_WORDS 6u

struct faultdisk {
    struct sluice_object object;
    SLUICE_FACE(sluice_blockqueue_t) queue;
    sluice_blockqueue_t *below; /* a reference */
    struct env_spinlock lock;
    struct faultdisk_schedule schedule;
    oskit_u64_t reads, writes, flushes; /* since the schedule was set */
    oskit_u64_t random;
    struct block_statistics statistics;
    bool recording, full;
    struct faultdisk_event *events;
    oskit_u32_t event_count, event_room;
    oskit_u64_t bytes, limit;
};

/* What goes below in the place of a request. */
struct passage {
    struct block_request request;
    struct block_request *outer;
    struct faultdisk *disk; /* a reference */
    oskit_u8_t *data;       /* the record's copy of a write */
    oskit_u32_t covers;     /* a flush: events that it makes stable */
    oskit_error_t verdict;  /* what the submitter is told when the disk below succeeds */
};

static struct faultdisk *faultdisk_of(const void *self)
{
    return (struct faultdisk *)SLUICE_OBJECT(self);
}

/* xorshift64*, the same each time for a seed. */
static oskit_u64_t random_next(oskit_u64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545f4914f6cdd1dull;
}

static oskit_u64_t random_seed(oskit_u64_t seed)
{
    seed = (seed + 1) * 0x9e3779b97f4a7c15ull;
    return seed != 0 ? seed : 1;
}

/* ---- The record ---- */

static void events_free(struct faultdisk *disk)
{
    for (oskit_u32_t i = 0; i < disk->event_count; i++)
        env_free((void *)disk->events[i].data, disk->events[i].length);
    if (disk->events != NULL)
        env_free(disk->events, disk->event_room * sizeof *disk->events);
    disk->events = NULL;
    disk->event_count = disk->event_room = 0;
    disk->bytes = 0;
}

void faultdisk_record(struct faultdisk *disk, oskit_u64_t limit)
{
    events_free(disk);
    disk->limit = limit;
    disk->full = false;
    disk->recording = true;
}

bool faultdisk_full(const struct faultdisk *disk)
{
    return disk->full;
}

oskit_u32_t faultdisk_events(struct faultdisk *disk)
{
    env_spin_lock(&disk->lock);
    oskit_u32_t count = disk->event_count;
    env_spin_unlock(&disk->lock);
    return count;
}

const struct faultdisk_event *faultdisk_event(struct faultdisk *disk, oskit_u32_t index)
{
    return &disk->events[index];
}

/* Room for one event more; locked. */
static bool events_grow(struct faultdisk *disk)
{
    if (disk->event_count < disk->event_room)
        return true;
    oskit_u32_t room = disk->event_room != 0 ? 2 * disk->event_room : EVENTS_FIRST;
    struct faultdisk_event *more = env_alloc(room * sizeof *more, ENV_NOSLEEP);
    if (more == NULL)
        return false;
    if (disk->events != NULL) {
        memcpy(more, disk->events, disk->event_count * sizeof *more);
        env_free(disk->events, disk->event_room * sizeof *more);
    }
    disk->events = more;
    disk->event_room = room;
    return true;
}

/* Notes that a write or flush is done. Takes DATA. */
static void event_add(struct faultdisk *disk, struct faultdisk_event event)
{
    env_spin_lock(&disk->lock);
    bool kept = disk->recording && !disk->full && disk->bytes + event.length <= disk->limit &&
                events_grow(disk);
    if (kept) {
        disk->events[disk->event_count++] = event;
        disk->bytes += event.length;
    } else if (disk->recording) {
        disk->full = true;
    }
    env_spin_unlock(&disk->lock);
    if (!kept)
        env_free((void *)event.data, event.length);
}

/* What a write's segments hold, in one piece; NULL without memory. */
static oskit_u8_t *gather(const struct block_request *request)
{
    oskit_u8_t *data = env_alloc(request->length, ENV_NOSLEEP);
    oskit_u64_t at = 0;

    for (oskit_u32_t i = 0; data != NULL && i < request->segment_count; i++) {
        memcpy(data + at, request->segments[i].base, request->segments[i].length);
        at += request->segments[i].length;
    }
    return data;
}

/* ---- Faults ---- */

static bool due(oskit_u64_t count, oskit_u64_t nth, bool lasting)
{
    return nth != 0 && (count == nth || (lasting && count > nth));
}

/* Whether REQUEST fails; *TORN: after a part of it was written. */
static bool fails(struct faultdisk *disk, const struct block_request *request, bool *torn)
{
    const struct faultdisk_schedule *s = &disk->schedule;
    bool bad = false;

    *torn = false;
    env_spin_lock(&disk->lock);
    if (request->op == BLOCK_READ) {
        bad = due(++disk->reads, s->read_error, s->lasting);
    } else if (request->op == BLOCK_FLUSH) {
        bad = due(++disk->flushes, s->flush_error, s->lasting);
    } else {
        disk->writes++;
        *torn = request->op == BLOCK_WRITE && due(disk->writes, s->torn_write, s->lasting);
        bad = *torn || due(disk->writes, s->write_error, s->lasting);
    }
    env_spin_unlock(&disk->lock);
    return bad;
}

/* ---- The way of a request ---- */

static void answer(struct faultdisk *disk, struct block_request *request, oskit_error_t status)
{
    env_spin_lock(&disk->lock);
    block_statistics_end(&disk->statistics, request, status);
    env_spin_unlock(&disk->lock);
    request->done(request, status);
}

static void passage_done(struct block_request *request, oskit_error_t status)
{
    struct passage *p = request->arg;
    struct faultdisk *disk = p->disk;
    struct block_request *outer = p->outer;

    if (!OSKIT_FAILED(status) && outer->op == BLOCK_WRITE && p->data != NULL)
        event_add(disk, (struct faultdisk_event){.kind = FAULTDISK_WRITE,
                                                 .fua = (request->flags & BLOCK_FUA) != 0,
                                                 .offset = request->offset,
                                                 .length = (oskit_u32_t)request->length,
                                                 .data = p->data});
    else if (!OSKIT_FAILED(status) && outer->op == BLOCK_FLUSH)
        event_add(disk, (struct faultdisk_event){.kind = FAULTDISK_FLUSH, .covers = p->covers});
    else if (p->data != NULL)
        env_free(p->data, request->length);
    status = OSKIT_FAILED(status) ? status : p->verdict;
    env_free(p, sizeof *p);
    answer(disk, outer, status);
    sluice_object_release(&disk->object);
}

static struct passage *passage_make(struct faultdisk *disk, struct block_request *outer)
{
    struct passage *p = env_alloc(sizeof *p, ENV_ZERO | ENV_NOSLEEP);

    if (p == NULL)
        return NULL;
    p->request = *outer;
    p->request.done = passage_done;
    p->request.arg = p;
    p->outer = outer;
    p->disk = disk;
    p->covers = faultdisk_events(disk);
    if (outer->op == BLOCK_WRITE && disk->recording && !disk->full)
        p->data = gather(outer);
    sluice_object_addref(&disk->object);
    return p;
}

/* The first segment only: the write is torn behind it, or in the middle when there is but one. */
static void tear(struct passage *p, struct sg_segment *first, oskit_u32_t block_size)
{
    *first = p->request.segments[0];
    if (p->request.segment_count == 1 && first->length > block_size)
        first->length = first->length / 2 / block_size * block_size;
    p->request.segments = first;
    p->request.segment_count = 1;
    if (p->data != NULL) { /* the record gets the part that was written */
        oskit_u8_t *part = gather(&(struct block_request){
            .segments = first, .segment_count = 1, .length = first->length});
        env_free(p->data, p->request.length);
        p->data = part;
    }
    p->request.length = first->length;
    p->verdict = OSKIT_EIO;
}

static void pass_torn(struct faultdisk *disk, struct passage *p)
{
    struct block_limits limits;
    struct sg_segment first;

    /* The disk below may keep the segment past this frame: it goes where the device's words of the
     * submitter's request are, which are ours from submit to done. */
    _Static_assert(sizeof first <= DEVICE_WORDS * sizeof(uintptr_t), "a segment fits");
    sluice_blockqueue_get_limits(disk->below, &limits);
    tear(p, (struct sg_segment *)p->outer->device, limits.block_size);
    struct block_request *request = &p->request;
    sluice_blockqueue_submit(disk->below, &request, 1);
}

static void pass(struct faultdisk *disk, struct block_request *outer)
{
    bool torn, bad;

    env_spin_lock(&disk->lock);
    block_statistics_start(&disk->statistics, outer);
    env_spin_unlock(&disk->lock);
    bad = fails(disk, outer, &torn);
    struct passage *p = bad && !torn ? NULL : passage_make(disk, outer);
    if (p == NULL) {
        answer(disk, outer, bad ? OSKIT_EIO : OSKIT_ENOSPC);
    } else if (torn) {
        pass_torn(disk, p);
    } else {
        struct block_request *request = &p->request;
        sluice_blockqueue_submit(disk->below, &request, 1);
    }
}

/* Each request of a submission once, in an order that the seed decides: a stride that has no
 * divisor in common with their number. */
static void faultdisk_submit(sluice_blockqueue_t *self, struct block_request *const *requests,
                             oskit_u32_t count)
{
    struct faultdisk *disk = faultdisk_of(self);
    oskit_u64_t start = 0, stride = 1;

    env_spin_lock(&disk->lock);
    if (disk->schedule.reorder && count > 1) {
        start = random_next(&disk->random) % count;
        stride = count - 1; /* backwards from anywhere */
    }
    env_spin_unlock(&disk->lock);
    for (oskit_u64_t i = 0; i < count; i++)
        pass(disk, requests[(start + i * stride) % count]);
}

static void faultdisk_plug(sluice_blockqueue_t *self)
{
    sluice_blockqueue_plug(faultdisk_of(self)->below);
}

static void faultdisk_unplug(sluice_blockqueue_t *self)
{
    sluice_blockqueue_unplug(faultdisk_of(self)->below);
}

static oskit_error_t faultdisk_cancel(sluice_blockqueue_t *self, struct block_request *request)
{
    (void)self, (void)request;
    return OSKIT_EBUSY;
}

static void faultdisk_get_limits(sluice_blockqueue_t *self, struct block_limits *out)
{
    sluice_blockqueue_get_limits(faultdisk_of(self)->below, out);
    out->volatile_cache = true;
    out->discard_max = out->zeroes_max = 0; /* the record knows writes only */
}

static void faultdisk_get_statistics(sluice_blockqueue_t *self, struct block_statistics *out)
{
    struct faultdisk *disk = faultdisk_of(self);

    env_spin_lock(&disk->lock);
    *out = disk->statistics;
    env_spin_unlock(&disk->lock);
}

/* ---- Cuts ---- */

/* Writes what is left of an unstable EVENT: all, some or none of its sectors. */
static void survive_some(const struct faultdisk_event *event, oskit_u32_t survive,
                         oskit_u64_t *random, oskit_u8_t *image)
{
    oskit_u32_t fate = (oskit_u32_t)(random_next(random) >> 32) & 0xff;
    bool torn = (random_next(random) >> 32) % 4 == 0;

    if (survive == 0 || (fate >= survive && survive < 256 && !torn))
        return;
    for (oskit_u32_t at = 0; at < event->length; at += SECTOR) {
        if (survive == 256 || !torn || (random_next(random) >> 32) % 2 == 0)
            memcpy(image + event->offset + at, event->data + at, SECTOR);
    }
}

void faultdisk_cut(struct faultdisk *disk, oskit_u32_t count, oskit_u32_t survive, oskit_u64_t seed,
                   oskit_u8_t *image, oskit_u64_t size)
{
    oskit_u64_t random = random_seed(seed);
    oskit_u32_t flushed = 0;

    for (oskit_u32_t i = 0; i < count; i++) {
        /* two may end in another order than they began: both hold */
        if (disk->events[i].kind == FAULTDISK_FLUSH && disk->events[i].covers > flushed)
            flushed = disk->events[i].covers;
    }
    for (oskit_u32_t i = 0; i < count; i++) {
        const struct faultdisk_event *event = &disk->events[i];
        if (event->kind != FAULTDISK_WRITE || event->offset > size ||
            event->length > size - event->offset)
            continue;
        if (i < flushed || event->fua)
            memcpy(image + event->offset, event->data, event->length);
        else
            survive_some(event, survive, &random, image);
    }
}

/* ---- The object ---- */

void faultdisk_schedule(struct faultdisk *disk, const struct faultdisk_schedule *schedule)
{
    env_spin_lock(&disk->lock);
    disk->schedule = *schedule;
    disk->reads = disk->writes = disk->flushes = 0;
    disk->random = random_seed(schedule->seed);
    env_spin_unlock(&disk->lock);
}

static void faultdisk_destroy(struct sluice_object *object)
{
    struct faultdisk *disk = (struct faultdisk *)object;

    events_free(disk);
    sluice_blockqueue_release(disk->below);
    sluice_object_fini(object);
    env_free(disk, sizeof *disk);
}

static const struct sluice_blockqueue_ops faultdisk_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .submit = faultdisk_submit,
    .plug = faultdisk_plug,
    .unplug = faultdisk_unplug,
    .cancel = faultdisk_cancel,
    .get_limits = faultdisk_get_limits,
    .get_statistics = faultdisk_get_statistics,
};
static const struct sluice_interface faultdisk_interfaces[] = {
    {&sluice_blockqueue_iid, offsetof(struct faultdisk, queue), &faultdisk_ops},
};
static const struct sluice_class faultdisk_class = {
    "fault disk", faultdisk_interfaces, SLUICE_COUNT(faultdisk_interfaces), faultdisk_destroy};

oskit_error_t faultdisk_create(sluice_blockqueue_t *below, struct faultdisk **out,
                               sluice_blockqueue_t **queue)
{
    struct faultdisk *disk = env_alloc(sizeof *disk, ENV_ZERO);

    *out = disk;
    *queue = NULL;
    if (disk == NULL)
        return OSKIT_E_OUTOFMEMORY;
    sluice_object_init(&disk->object, &faultdisk_class);
    disk->below = below;
    sluice_blockqueue_addref(below);
    disk->random = random_seed(0);
    *queue = &disk->queue.i;
    return OSKIT_SUCCESS;
}
