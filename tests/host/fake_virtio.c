#include "fake_virtio.h"
#include <stdatomic.h>
#include <string.h>
#include <sluice/list.h>
#include "env.h"

#define GONE 0xff

static struct fake_virtio *fake_of(struct virtio_device *device)
{
    return container_of(device, struct fake_virtio, device);
}

static void check(bool good, const char *what)
{
    if (!good)
        env_test_fault("virtio: the driver must not: %s", what);
}

/* ---- The transport ---- */

static uint64_t get_features(struct virtio_device *device)
{
    return fake_of(device)->features;
}

static void set_features(struct virtio_device *device, uint64_t features)
{
    struct fake_virtio *fake = fake_of(device);

    check(!(features & ~fake->features), "accept what isn't offered");
    check(!(fake->status & VIRTIO_FEATURES_OK), "change features that are agreed on");
    fake->accepted = features;
}

static uint8_t get_status(struct virtio_device *device)
{
    struct fake_virtio *fake = fake_of(device);

    return fake->gone ? GONE : fake->status;
}

static void queues_reset(struct fake_virtio *fake)
{
    pthread_mutex_lock(&fake->lock);
    for (unsigned i = 0; i < FAKE_QUEUES; i++) {
        unsigned notifications = fake->queues[i].notifications;
        unsigned interrupts = fake->queues[i].interrupts;
        fake->queues[i] = (struct fake_queue){.notifications = notifications,
                                              .interrupts = interrupts,
                                              .avail_wrap = true,
                                              .used_wrap = true,
                                              .asleep = true};
    }
    pthread_mutex_unlock(&fake->lock);
}

/* What is there is done before the reset takes the rings away; an interrupt for it isn't. */
static void finish(struct fake_virtio *fake)
{
    bool held = atomic_exchange(&fake->held, false);
    bool silent = atomic_exchange(&fake->no_interrupt, true);

    fake_virtio_serve(fake);
    fake->no_interrupt = silent;
    fake->held = held;
}

static void set_status(struct virtio_device *device, uint8_t status)
{
    struct fake_virtio *fake = fake_of(device);

    if (status == 0) {
        fake->resets++;
        if (fake->drains)
            finish(fake);
        queues_reset(fake);
        if (fake->stuck)
            return;
    } else {
        check(!(fake->status & ~status), "clear status bits");
    }
    if (fake->picky)
        status &= (uint8_t)~VIRTIO_FEATURES_OK;
    if (status & VIRTIO_DRIVER_OK)
        check((status & VIRTIO_FEATURES_OK) || !(fake->accepted & VIRTIO_F_VERSION_1),
              "begin before the features are agreed on");
    fake->status = status;
}

static void read_config(struct virtio_device *device, unsigned offset, void *to, size_t size)
{
    struct fake_virtio *fake = fake_of(device);

    pthread_mutex_lock(&fake->lock); /* a test may change it meanwhile */
    memset(to, fake->gone ? GONE : 0, size);
    if (!fake->gone && offset + size <= sizeof fake->config)
        memcpy(to, fake->config + offset, size);
    pthread_mutex_unlock(&fake->lock);
}

static void write_config(struct virtio_device *device, unsigned offset, const void *from,
                         size_t size)
{
    struct fake_virtio *fake = fake_of(device);

    if (offset + size <= sizeof fake->config)
        memcpy(fake->config + offset, from, size);
}

static uint32_t config_generation(struct virtio_device *device)
{
    (void)device;
    return 0;
}

static unsigned queue_size(struct virtio_device *device, unsigned index, bool *fixed)
{
    struct fake_virtio *fake = fake_of(device);

    *fixed = fake->size_fixed;
    return index < fake->queue_count ? fake->queue_size : 0;
}

static void *memory(uint64_t address)
{
    return (void *)(uintptr_t)address;
}

static oskit_error_t queue_start(struct virtio_device *device, struct virtqueue *queue)
{
    struct fake_virtio *fake = fake_of(device);

    check(queue->index < fake->queue_count, "enable a queue that isn't there");
    check(queue->size <= fake->queue_size, "make a queue larger than it is");
    check(!(fake->status & VIRTIO_DRIVER_OK), "enable a queue after DRIVER_OK");
    pthread_mutex_lock(&fake->lock);
    struct fake_queue *mine = &fake->queues[queue->index];
    mine->driver = queue;
    mine->size = queue->size;
    mine->descriptors = memory(queue->descriptor_address);
    mine->driver_area = memory(queue->driver_address);
    mine->device_area = memory(queue->device_address);
    pthread_mutex_unlock(&fake->lock);
    return OSKIT_SUCCESS;
}

static void notify(struct virtqueue *queue)
{
    struct fake_virtio *fake = fake_of(queue->device);

    pthread_mutex_lock(&fake->lock);
    fake->queues[queue->index].notifications++;
    fake->queues[queue->index].asleep = false;
    fake->work = true;
    pthread_cond_signal(&fake->notified);
    pthread_mutex_unlock(&fake->lock);
}

static oskit_error_t interrupts_attach(struct virtio_device *device)
{
    fake_of(device)->interrupts_attached = true;
    return OSKIT_SUCCESS;
}

/* A handler may be running in the device's thread: interrupt context excludes it. */
static void interrupts_detach(struct virtio_device *device)
{
    env_test_interrupt_enter();
    fake_of(device)->interrupts_attached = false;
    env_test_interrupt_leave();
}

static void interrupts_restore(struct virtio_device *device)
{
    check(fake_of(device)->interrupts_attached, "restore interrupts that it hasn't");
}

static void cut_off(struct virtio_device *device)
{
    struct fake_virtio *fake = fake_of(device);

    fake->cut_offs++;
    queues_reset(fake);
}

static const struct virtio_transport fake_transport = {
    .name = "fake",
    .get_features = get_features,
    .set_features = set_features,
    .get_status = get_status,
    .set_status = set_status,
    .read_config = read_config,
    .write_config = write_config,
    .config_generation = config_generation,
    .queue_size = queue_size,
    .queue_start = queue_start,
    .notify = notify,
    .interrupts_attach = interrupts_attach,
    .interrupts_detach = interrupts_detach,
    .interrupts_restore = interrupts_restore,
    .cut_off = cut_off,
};

/* ---- The rings, from the device's side ---- */

struct descriptor {
    uint64_t address;
    uint32_t length;
    uint16_t flags_or_id, next_or_flags; /* split: flags, next; packed: id, flags */
};

#define NEXT     1u
#define WRITE    2u
#define INDIRECT 4u
#define AVAIL    0x80u
#define USED     0x8000u

static uint16_t load16(const uint8_t *at)
{
    return __atomic_load_n((const uint16_t *)(const void *)at, __ATOMIC_ACQUIRE);
}

static void store16(uint8_t *at, uint16_t value)
{
    __atomic_store_n((uint16_t *)(void *)at, value, __ATOMIC_RELEASE);
}

static uint32_t load32(const uint8_t *at)
{
    return __atomic_load_n((const uint32_t *)(const void *)at, __ATOMIC_ACQUIRE);
}

static void store32(uint8_t *at, uint32_t value)
{
    __atomic_store_n((uint32_t *)(void *)at, value, __ATOMIC_RELEASE);
}

static bool is_packed(const struct fake_virtio *fake)
{
    return fake->accepted & VIRTIO_F_RING_PACKED;
}

static bool has_events(const struct fake_virtio *fake)
{
    return fake->accepted & VIRTIO_F_EVENT_IDX;
}

static void piece_add(struct fake_request *request, const struct descriptor *d, bool write)
{
    check(d->length > 0, "give an empty descriptor");
    check(request->count < FAKE_PIECES, "make so long a chain");
    check(write || !request->count || !request->pieces[request->count - 1].write,
          "put what the device reads behind what it writes");
    request->pieces[request->count++] = (struct fake_piece){memory(d->address), d->length, write};
}

static void table_read(const struct fake_virtio *fake, const struct fake_queue *queue,
                       const struct descriptor *table, struct fake_request *request)
{
    const struct descriptor *entries = memory(table->address);
    unsigned count = table->length / 16;

    check(fake->accepted & VIRTIO_F_INDIRECT, "use indirect descriptors");
    check(count > 0 && table->length % 16 == 0 && count <= queue->size, "give such a table");
    if (is_packed(fake)) {
        for (unsigned i = 0; i < count; i++)
            piece_add(request, &entries[i], entries[i].next_or_flags & WRITE);
        return;
    }
    for (unsigned at = 0, steps = 0;; at = entries[at].next_or_flags) {
        check(at < count && steps++ < count, "link a table so");
        piece_add(request, &entries[at], entries[at].flags_or_id & WRITE);
        if (!(entries[at].flags_or_id & NEXT))
            break;
    }
}

static bool split_take(struct fake_virtio *fake, struct fake_queue *queue, struct fake_request *out)
{
    if (load16(queue->driver_area + 2) == queue->avail)
        return false;
    const struct descriptor *ring = (const void *)queue->descriptors;
    uint16_t at = load16(queue->driver_area + 4 + queue->avail % queue->size * 2u);
    queue->avail++;
    out->id = at;
    for (unsigned steps = 0;; at = ring[at].next_or_flags) {
        check(at < queue->size && steps++ < queue->size, "link a chain so");
        if (ring[at].flags_or_id & INDIRECT)
            table_read(fake, queue, &ring[at], out);
        else
            piece_add(out, &ring[at], ring[at].flags_or_id & WRITE);
        if (!(ring[at].flags_or_id & NEXT))
            return true;
    }
}

static void packed_step(const struct fake_queue *queue, uint16_t *at, bool *wrap, unsigned by)
{
    *at = (uint16_t)(*at + by);
    if (*at >= queue->size) {
        *at = (uint16_t)(*at - queue->size);
        *wrap = !*wrap;
    }
}

static bool packed_available(const struct fake_queue *queue)
{
    uint16_t flags = load32(queue->descriptors + queue->avail * 16u + 12) >> 16;

    return !!(flags & AVAIL) == queue->avail_wrap && !!(flags & USED) != queue->avail_wrap;
}

static bool packed_take(struct fake_virtio *fake, struct fake_queue *queue,
                        struct fake_request *out)
{
    if (!packed_available(queue))
        return false;
    for (bool more = true; more; out->entries++) {
        check(packed_available(queue), "show a chain in part");
        const struct descriptor *d = (const void *)(queue->descriptors + queue->avail * 16u);
        uint16_t flags = d->next_or_flags;
        out->id = d->flags_or_id;
        if (flags & INDIRECT)
            table_read(fake, queue, d, out);
        else
            piece_add(out, d, flags & WRITE);
        more = flags & NEXT;
        packed_step(queue, &queue->avail, &queue->avail_wrap, 1);
    }
    return true;
}

/* Says which request the device wants to be told of: the next. */
static void want_notification(struct fake_virtio *fake, struct fake_queue *queue)
{
    if (is_packed(fake))
        store32(queue->device_area,
                has_events(fake) ? queue->avail | (uint32_t)queue->avail_wrap << 15 | 2u << 16 : 0);
    else if (has_events(fake))
        store16(queue->device_area + 4 + queue->size * 8u, queue->avail);
    __sync_synchronize();
}

static bool take(struct fake_virtio *fake, struct fake_queue *queue, struct fake_request *out)
{
    return is_packed(fake) ? packed_take(fake, queue, out) : split_take(fake, queue, out);
}

bool fake_virtio_take(struct fake_virtio *fake, unsigned index, struct fake_request *out)
{
    struct fake_queue *queue = &fake->queues[index];
    bool found = false;

    pthread_mutex_lock(&fake->lock);
    if (queue->driver && fake->status & VIRTIO_DRIVER_OK) {
        *out = (struct fake_request){.queue = index};
        found = take(fake, queue, out);
        if (!found) {
            want_notification(fake, queue);
            found = take(fake, queue, out);
        }
        queue->asleep = !found;
        queue->taken += found;
    }
    pthread_mutex_unlock(&fake->lock);
    return found;
}

/* ---- Giving back ---- */

static bool split_wants_interrupt(struct fake_virtio *fake, struct fake_queue *queue)
{
    if (!has_events(fake))
        return !(load16(queue->driver_area) & 1);
    uint16_t event = load16(queue->driver_area + 4 + queue->size * 2u);
    return event == (uint16_t)(queue->used - 1);
}

static bool packed_wants_interrupt(struct fake_queue *queue, uint16_t at, bool wrap,
                                   unsigned entries)
{
    uint32_t wish = load32(queue->driver_area);

    if (wish >> 16 != 2)
        return wish >> 16 == 0;
    for (unsigned i = 0; i < entries; i++, packed_step(queue, &at, &wrap, 1))
        if ((wish & 0x7fff) == at && (wish >> 15 & 1) == wrap)
            return true;
    return false;
}

static void split_used(struct fake_queue *queue, uint32_t id, uint32_t written)
{
    uint8_t *at = queue->device_area + 4 + queue->used % queue->size * 8u;

    store32(at, id);
    store32(at + 4, written);
    queue->used++;
    store16(queue->device_area + 2, queue->used);
}

static void packed_used(struct fake_queue *queue, uint32_t id, uint32_t written, unsigned entries)
{
    uint8_t *at = queue->descriptors + queue->used * 16u;
    uint32_t flags = queue->used_wrap ? AVAIL | USED : 0;

    store32(at + 8, written);
    store32(at + 12, (id & 0xffff) | flags << 16);
    packed_step(queue, &queue->used, &queue->used_wrap, entries);
}

void fake_virtio_used(struct fake_virtio *fake, unsigned index, uint32_t id, uint32_t written,
                      unsigned entries)
{
    struct fake_queue *queue = &fake->queues[index];

    pthread_mutex_lock(&fake->lock);
    if (queue->driver) {
        uint16_t at = queue->used;
        bool wrap = queue->used_wrap, wanted;

        if (is_packed(fake))
            packed_used(queue, id, written, entries);
        else
            split_used(queue, id, written);
        __sync_synchronize();
        wanted = is_packed(fake) ? packed_wants_interrupt(queue, at, wrap, entries)
                                 : split_wants_interrupt(fake, queue);
        queue->given++;
        queue->interrupts += wanted;
        queue->interrupt_due |= wanted;
    }
    pthread_mutex_unlock(&fake->lock);
}

void fake_virtio_give(struct fake_virtio *fake, const struct fake_request *request,
                      uint32_t written)
{
    fake_virtio_used(fake, request->queue, request->id, written, request->entries);
}

void fake_virtio_used_jump(struct fake_virtio *fake, unsigned index, int by)
{
    struct fake_queue *queue = &fake->queues[index];

    if (!queue->driver || is_packed(fake))
        return;
    queue->used = (uint16_t)(queue->used + by);
    store16(queue->device_area + 2, queue->used);
    queue->interrupt_due = true;
}

unsigned fake_virtio_interrupt(struct fake_virtio *fake)
{
    unsigned count = 0;

    for (unsigned i = 0; i < FAKE_QUEUES; i++) {
        pthread_mutex_lock(&fake->lock);
        struct virtqueue *queue = fake->queues[i].interrupt_due ? fake->queues[i].driver : NULL;
        fake->queues[i].interrupt_due = false;
        pthread_mutex_unlock(&fake->lock);
        if (!queue || fake->no_interrupt)
            continue;
        count++;
        env_test_interrupt_enter();
        if (fake->interrupts_attached)
            virtio_queue_interrupt(queue);
        env_test_interrupt_leave();
    }
    return count;
}

unsigned fake_virtio_serve(struct fake_virtio *fake)
{
    struct fake_request request;
    unsigned count = 0;

    pthread_mutex_lock(&fake->lock);
    for (unsigned i = 0; i < FAKE_QUEUES && !fake->held; i++)
        while (!(fake->left_alone >> i & 1) && fake_virtio_take(fake, i, &request)) {
            uint32_t written = fake->serve(fake, &request);
            if (written != FAKE_NEVER)
                fake_virtio_give(fake, &request, written);
            count++;
        }
    pthread_mutex_unlock(&fake->lock);
    fake_virtio_interrupt(fake);
    return count;
}

/* ---- The thread ---- */

static void *device_thread(void *arg)
{
    struct fake_virtio *fake = arg;

    pthread_mutex_lock(&fake->lock);
    while (!fake->quit) {
        if (!fake->work)
            pthread_cond_wait(&fake->notified, &fake->lock);
        fake->work = false;
        pthread_mutex_unlock(&fake->lock);
        fake_virtio_serve(fake);
        pthread_mutex_lock(&fake->lock);
    }
    pthread_mutex_unlock(&fake->lock);
    return NULL;
}

void fake_virtio_start(struct fake_virtio *fake)
{
    fake->running = true;
    fake->quit = false;
    if (pthread_create(&fake->thread, NULL, device_thread, fake))
        env_test_fault("no thread for the device");
}

void fake_virtio_wake(struct fake_virtio *fake)
{
    pthread_mutex_lock(&fake->lock);
    fake->work = true;
    pthread_cond_signal(&fake->notified);
    pthread_mutex_unlock(&fake->lock);
}

void fake_virtio_stop(struct fake_virtio *fake)
{
    if (!fake->running)
        return;
    pthread_mutex_lock(&fake->lock);
    fake->quit = true;
    pthread_mutex_unlock(&fake->lock);
    fake_virtio_wake(fake);
    pthread_join(fake->thread, NULL);
    fake->running = false;
}

void fake_virtio_init(struct fake_virtio *fake, uint32_t id, uint64_t features)
{
    pthread_mutexattr_t recursive;

    memset(fake, 0, sizeof *fake);
    fake->device.transport = &fake_transport;
    fake->device.id = id;
    strcpy(fake->device.name, "virtio fake");
    list_init(&fake->device.queues);
    fake->features = features | VIRTIO_F_VERSION_1;
    fake->queue_count = 1;
    fake->queue_size = 16;
    pthread_mutexattr_init(&recursive);
    pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&fake->lock, &recursive);
    pthread_mutexattr_destroy(&recursive);
    pthread_cond_init(&fake->notified, NULL);
    queues_reset(fake);
}

void fake_virtio_free(struct fake_virtio *fake)
{
    fake_virtio_stop(fake);
    pthread_cond_destroy(&fake->notified);
    pthread_mutex_destroy(&fake->lock);
}
