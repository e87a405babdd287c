/*
 * virtio-blk: a device that lies, hangs or goes.
 *
 * A watchdog looks every few seconds while requests are under way, and not otherwise. A request
 * that the device has had through many looks is late. Then the device is asked, every millisecond
 * for as long as from one look to the next: whether it is there, and whether it has used something
 * without a word. If not, or after it broke a queue, it is reset. A slow device gets its requests
 * once more, for a busy host may need its time for a flush; a device that lied, or has been asked
 * often enough, has them end with OSKIT_EIO. Those that wait go out to the device as it is after
 * the reset. A device that did nothing useful since the reset before, or doesn't come back, is
 * given up.
 *
 * Looks are counted and not the clock's seconds: a machine that was stopped for an hour has taken
 * no look meanwhile, and its disk isn't late. But time may also jump, from one timer to the next,
 * whenever a machine that counts instructions has nothing to do; then half a minute of looks is
 * over before a healthy disk has had a millisecond. Against that helps what takes time anywhere:
 * asking a device, and its reset, before which a device may finish what it has begun. What it
 * finished so is done.
 *
 * The state decides who resets: only who moves it from RUNNING. While it is RESETTING the queues
 * are stopped, so that nobody else touches the rings.
 */
#include "blk.h"

#define LOOK      5000000000ull /* nanoseconds from one look to the next */
#define LOOKS_MAX 6u            /* that a request may be under way; then it is late */
#define ASK       1000000ull    /* nanoseconds from one question to the next */
#define ASKS_MAX  5000u
#define TRIES_MAX 3u

/* ---- Ending requests ---- */

/* A request that is sent anew begins where it was: with its flush, when only that was missing. */
static bool request_again(struct block_request *request)
{
    if (request->device[REQUEST_TRIES] >= TRIES_MAX)
        return false;
    request->device[REQUEST_TRIES]++;
    if (request->device[REQUEST_PHASE] == PHASE_OUT)
        request->device[REQUEST_PHASE] = PHASE_WAITING;
    return true;
}

/* What the device had: to the front of those that wait, with AGAIN, or to OVER. How many go out
 * again. */
static unsigned queue_collect(struct blk_queue *queue, bool again, struct list *over, uint64_t now)
{
    struct virtqueue *virtqueue = queue->virtqueue;
    unsigned anew = 0;
    for (uint32_t slot; (slot = virtqueue_collect(virtqueue)) != VIRTQUEUE_NONE;) {
        struct block_request *request = virtqueue_slot_token(virtqueue, slot);
        virtqueue_slot_free(virtqueue, slot);
        if (again && request_again(request)) {
            list_push_front(&queue->waiting, &request->link);
            anew++;
        } else {
            blk_request_over(queue, request, OSKIT_EIO, over, now);
        }
    }
    virtqueue_clear(virtqueue);
    return anew;
}

static void queue_stop(struct blk_queue *queue)
{
    env_spin_lock(&queue->lock);
    queue->stopped = true;
    env_spin_unlock(&queue->lock);
}

static void queue_start(struct blk_queue *queue)
{
    env_spin_lock(&queue->lock);
    queue->stopped = false;
    blk_queue_dispatch(queue);
    env_spin_unlock(&queue->lock);
}

void blk_give_up(struct blk *blk)
{
    struct list over = LIST_INIT(over);
    uint64_t now = env_time_monotonic();
    atomic_store(&blk->state, BLK_DEAD);
    for (unsigned i = 0; i < blk->queue_count; i++) {
        struct blk_queue *queue = &blk->queues[i];
        env_spin_lock(&queue->lock);
        queue->stopped = queue->dead = true;
        (void)queue_collect(queue, false, &over, now);
        for (struct list *link; (link = list_pop_front(&queue->waiting));)
            blk_request_over(queue, request_of(link), OSKIT_EIO, &over, now);
        env_spin_unlock(&queue->lock);
    }
    blk_requests_done(&over);
}

/* ---- Reset ---- */

static bool made_progress(struct blk *blk)
{
    uint64_t completed = atomic_load(&blk->completed);
    bool progress = completed != blk->completed_at_reset;
    blk->completed_at_reset = completed;
    return progress;
}

static unsigned requests_collect(struct blk *blk, bool again, struct list *over)
{
    uint64_t now = env_time_monotonic();
    unsigned anew = 0;
    for (unsigned i = 0; i < blk->queue_count; i++) {
        env_spin_lock(&blk->queues[i].lock);
        anew += queue_collect(&blk->queues[i], again, over, now);
        env_spin_unlock(&blk->queues[i].lock);
    }
    return anew;
}

/* What the device has used, whether it interrupted or not. */
static void blk_poll(struct blk *blk)
{
    for (unsigned i = 0; i < blk->queue_count; i++)
        blk_queue_poll(&blk->queues[i]);
}

void blk_reset(struct blk *blk, const char *why, bool again)
{
    unsigned state = BLK_RUNNING;
    struct list over = LIST_INIT(over);
    if (!atomic_compare_exchange_strong(&blk->state, &state, BLK_RESETTING))
        return;
    env_log(ENV_LOG_ERROR, "%s: reset: %s", blk->device->name, why);
    for (unsigned i = 0; i < blk->queue_count; i++)
        queue_stop(&blk->queues[i]);
    oskit_error_t error = virtio_reset(blk->device);
    if (!error)
        blk_poll(blk); /* it may have finished what it had before it became still */
    unsigned anew = requests_collect(blk, again && !error, &over);
    if (!error && !made_progress(blk))
        error = OSKIT_EIO;
    if (!error)
        error = virtio_restart(blk->device);
    if (error) {
        env_log(ENV_LOG_ERROR, "%s: given up", blk->device->name);
        blk_give_up(blk);
    } else {
        env_log(ENV_LOG_INFO, "%s: it goes on; %u requests are sent anew", blk->device->name, anew);
        atomic_store(&blk->state, BLK_RUNNING);
        for (unsigned i = 0; i < blk->queue_count; i++)
            queue_start(&blk->queues[i]);
    }
    blk_requests_done(&over);
}

/* ---- The watchdog ---- */

static bool slot_late(const struct virtqueue *virtqueue, uint32_t slot, uintptr_t looks)
{
    if (virtqueue->slots[slot].state != SLOT_IN_FLIGHT)
        return false;
    const struct block_request *request = virtqueue_slot_token(virtqueue, slot);
    return looks - request->device[REQUEST_SENT] >= LOOKS_MAX;
}

/* Whether the queue has anything; *LATE: something for too long. */
static bool queue_look(struct blk_queue *queue, uintptr_t looks, bool *late)
{
    env_spin_lock(&queue->lock);
    bool busy = queue->counts.in_flight != 0;
    for (uint32_t i = 0; busy && !queue->stopped && i < queue->virtqueue->size; i++)
        *late |= slot_late(queue->virtqueue, i, looks);
    env_spin_unlock(&queue->lock);
    return busy;
}

static bool blk_look(struct blk *blk, bool *late)
{
    uintptr_t looks = atomic_load(&blk->looks);
    bool busy = false;
    *late = false;
    for (unsigned i = 0; i < blk->queue_count; i++)
        busy |= queue_look(&blk->queues[i], looks, late);
    return busy;
}

/* A request is late. True: the device has been asked often enough. */
static bool blk_ask(struct blk *blk)
{
    bool late;
    blk_poll(blk);
    (void)blk_look(blk, &late);
    unsigned asks = late ? atomic_load(&blk->asks) + 1 : 0;
    atomic_store(&blk->asks, asks <= ASKS_MAX ? asks : 0);
    return asks > ASKS_MAX;
}

static void watchdog(void *arg)
{
    struct blk *blk = arg;
    bool late;
    if (!atomic_load(&blk->asks))
        atomic_fetch_add(&blk->looks, 1);
    bool busy = blk_look(blk, &late);
    if (busy && atomic_load(&blk->state) == BLK_RUNNING) {
        if (!virtio_present(blk->device))
            blk_reset(blk, "it has gone", false);
        else if (late && blk_ask(blk))
            blk_reset(blk, "a request was not answered for half a minute", true);
    }
    if (!late)
        atomic_store(&blk->asks, 0);
    /* First "nobody watches", then a look: a request that came in between finds either. */
    atomic_store(&blk->watching, false);
    if (blk_look(blk, &late))
        blk_watch(blk);
}

void blk_watch_init(struct blk *blk)
{
    blk->completed_at_reset = UINT64_MAX;
    env_timer_init(&blk->watchdog, watchdog, blk);
}

void blk_watch(struct blk *blk)
{
    if (atomic_load_explicit(&blk->watching, memory_order_relaxed) ||
        atomic_load(&blk->detaching) || atomic_exchange(&blk->watching, true))
        return;
    uint64_t pause = atomic_load(&blk->asks) ? ASK : LOOK;
    env_timer_start(&blk->watchdog, env_time_monotonic() + pause);
}

void blk_watch_stop(struct blk *blk)
{
    atomic_store(&blk->detaching, true);
    env_timer_stop(&blk->watchdog);
}
