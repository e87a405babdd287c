#include "virtqueue_walk.h"
#include <string.h>
#include "fake_virtio.h"
#include "harness.h"

#define SIZE   16u
#define PIECES 12u /* at most in a request */
#define ROOM   64u /* bytes of a piece */
#define MARGIN 4u  /* guard bytes behind a piece */

/* What the driver knows of a request. */
struct known {
    bool out; /* the device's, or on its way */
    unsigned pieces, writable, writable_pieces;
    uint8_t serial;
    uint8_t memory[PIECES][ROOM + MARGIN];
    uint32_t slot;
};

struct walk {
    struct choices *choices;
    bool honest, lied;
    struct fake_virtio fake;
    struct virtqueue *queue;
    struct known known[SIZE];
    struct fake_request has[SIZE]; /* the device's requests */
    unsigned has_count;
    unsigned pushed; /* since the last reset */
    bool asked;      /* for an interrupt */
    uint8_t serial;
};

static unsigned choose(struct walk *walk, unsigned bound)
{
    return choices_next(walk->choices, bound);
}

/* ---- The driver ---- */

static struct known *known_free(struct walk *walk)
{
    for (unsigned i = 0; i < SIZE; i++)
        if (!walk->known[i].out)
            return &walk->known[i];
    return NULL;
}

static void driver_push(struct walk *walk)
{
    struct known *known = known_free(walk);
    unsigned pieces = 1 + choose(walk, PIECES), out = choose(walk, pieces + 1);
    if (!known)
        return;
    uint32_t slot = virtqueue_slot_take(walk->queue, pieces, known);
    if (slot == VIRTQUEUE_NONE)
        return;
    *known = (struct known){.out = true, .pieces = pieces, .serial = ++walk->serial, .slot = slot};
    for (unsigned i = 0; i < pieces; i++) {
        uint32_t length = 1 + choose(walk, ROOM);
        memset(known->memory[i], i < out ? known->serial : 0, ROOM + MARGIN);
        if (i < out) {
            virtqueue_out(walk->queue, slot, (uintptr_t)known->memory[i], length);
        } else {
            virtqueue_in(walk->queue, slot, (uintptr_t)known->memory[i], length);
            known->writable += length;
        }
    }
    known->writable_pieces = pieces - out;
    virtqueue_push(walk->queue, slot);
    walk->pushed++;
}

static void driver_kick(struct walk *walk)
{
    struct fake_queue *queue = &walk->fake.queues[0];
    bool asleep = queue->asleep, told = virtqueue_kick(walk->queue);
    /* What is in a packed ring a device that is awake may take before the kick. */
    if (walk->honest && asleep && queue->taken < walk->pushed)
        assert_true(told);
}

static void known_check(const struct walk *walk, const struct known *known, uint32_t written)
{
    assert_true(known->out);
    assert_in_range(written, 0, known->writable);
    for (unsigned i = 0; i < known->pieces; i++)
        for (unsigned at = ROOM; at < ROOM + MARGIN; at++)
            assert_int_equal(known->memory[i][at],
                             i < known->pieces - known->writable_pieces ? known->serial : 0);
    if (walk->honest && written)
        assert_int_equal(known->memory[known->pieces - known->writable_pieces][0],
                         (uint8_t)~known->serial);
}

static void driver_harvest(struct walk *walk)
{
    uint32_t slot, written;
    while ((slot = virtqueue_next(walk->queue, &written)) != VIRTQUEUE_NONE) {
        assert_in_range(slot, 0, SIZE - 1);
        struct known *known = virtqueue_slot_token(walk->queue, slot);
        assert_int_equal(known->slot, slot);
        known_check(walk, known, written);
        known->out = false;
        virtqueue_slot_free(walk->queue, slot);
    }
    if (walk->honest)
        assert_false(virtqueue_broken(walk->queue));
}

static void driver_ask(struct walk *walk)
{
    if (virtqueue_interrupt_on(walk->queue, 1)) {
        walk->asked = false; /* there may be none for what is there */
        driver_harvest(walk);
    } else {
        walk->asked = !virtqueue_broken(walk->queue);
    }
}

static void driver_unask(struct walk *walk)
{
    virtqueue_interrupt_off(walk->queue);
    walk->asked = false;
}

/* ---- The device ---- */

static void device_take(struct walk *walk)
{
    if (walk->has_count < SIZE && !walk->lied &&
        fake_virtio_take(&walk->fake, 0, &walk->has[walk->has_count]))
        walk->has_count++;
}

/* The device writes part of what it may, the first byte being the complement of what it read. */
static uint32_t device_write(struct walk *walk, struct fake_request *request)
{
    uint32_t room = 0, written;
    uint8_t serial = 0;
    const struct fake_piece *first = NULL;
    for (unsigned i = 0; i < request->count; i++) {
        const struct fake_piece *piece = &request->pieces[i];
        if (!piece->write)
            serial = piece->base[0];
        else if (!first)
            first = piece;
        room += piece->write ? piece->length : 0;
    }
    written = room ? choose(walk, room + 1) : 0;
    if (written && serial)
        first->base[0] = (uint8_t)~serial;
    else if (written)
        written = 0; /* nothing was read to answer to */
    return written;
}

static void device_give(struct walk *walk)
{
    if (!walk->has_count)
        return;
    unsigned which = choose(walk, walk->has_count);
    struct fake_request request = walk->has[which];
    walk->has[which] = walk->has[--walk->has_count];
    unsigned before = walk->fake.queues[0].interrupts;
    fake_virtio_give(&walk->fake, &request, device_write(walk, &request));
    if (walk->honest && walk->asked) {
        assert_int_equal(walk->fake.queues[0].interrupts, before + 1);
        walk->asked = false;
    }
}

static void device_lie(struct walk *walk)
{
    static const uint32_t ids[] = {0, 1, SIZE - 1, SIZE, 0x7fff, 0xffff, 0x10000, UINT32_MAX};
    static const uint32_t lengths[] = {0, 1, ROOM, 0x10000, 0x7fffffff, UINT32_MAX};
    if (walk->honest)
        return;
    walk->lied = true;
    if (choose(walk, 3) == 0)
        fake_virtio_used_jump(&walk->fake, 0, (int)choose(walk, 256) - 128);
    else
        fake_virtio_used(&walk->fake, 0, ids[choose(walk, 8)], lengths[choose(walk, 6)],
                         1 + choose(walk, SIZE));
}

/* The device scribbles over all that it may write. */
static void device_scribble(struct walk *walk)
{
    struct fake_queue *queue = &walk->fake.queues[0];
    if (walk->honest)
        return;
    walk->lied = true;
    uint8_t *at = walk->queue->packed ? queue->descriptors : queue->device_area;
    size_t size = walk->queue->packed ? SIZE * 16u + 8 : 4 + SIZE * 8u + 2;
    for (unsigned n = choose(walk, 64); n > 0; n--)
        at[choose(walk, (unsigned)size)] = (uint8_t)choose(walk, 256);
}

/* ---- Reset ---- */

static void walk_collect(struct walk *walk)
{
    uint32_t slot;
    while ((slot = virtqueue_collect(walk->queue)) != VIRTQUEUE_NONE) {
        struct known *known = virtqueue_slot_token(walk->queue, slot);
        assert_true(known->out);
        known->out = false;
        virtqueue_slot_free(walk->queue, slot);
    }
    for (unsigned i = 0; i < SIZE; i++)
        assert_false(walk->known[i].out);
    assert_int_equal(walk->queue->free_count, SIZE);
}

static void walk_reset(struct walk *walk)
{
    assert_int_equal(virtio_reset(&walk->fake.device), OSKIT_SUCCESS);
    walk_collect(walk);
    virtqueue_clear(walk->queue);
    assert_int_equal(virtio_restart(&walk->fake.device), OSKIT_SUCCESS);
    walk->has_count = walk->pushed = 0;
    walk->lied = walk->asked = false;
}

static void walk_step(struct walk *walk)
{
    switch (choose(walk, 16)) {
    case 0:
    case 1:
    case 2:
    case 3:
        driver_push(walk);
        break;
    case 4:
    case 5:
        driver_kick(walk);
        break;
    case 6:
    case 7:
        driver_harvest(walk);
        break;
    case 8:
        driver_ask(walk);
        break;
    case 9:
        driver_unask(walk);
        break;
    case 10:
        if (choose(walk, 8) == 0)
            walk_reset(walk);
        break;
    case 11:
        device_lie(walk);
        break;
    case 12:
        device_scribble(walk);
        break;
    case 13:
        device_take(walk);
        break;
    default:
        device_take(walk);
        device_give(walk);
    }
}

/* Nothing is lost: in the end all comes back. */
static void walk_finish(struct walk *walk)
{
    driver_kick(walk);
    do
        device_give(walk);
    while (device_take(walk), walk->has_count);
    driver_harvest(walk);
    for (unsigned i = 0; i < SIZE; i++)
        assert_false(walk->known[i].out);
    assert_int_equal(walk->queue->free_count, SIZE);
}

void virtqueue_walk(struct choices *choices, unsigned steps, bool honest)
{
    static const uint64_t bits[] = {VIRTIO_F_INDIRECT, VIRTIO_F_EVENT_IDX, VIRTIO_F_RING_PACKED};
    struct walk *walk = calloc(1, sizeof *walk);
    uint64_t features = 0;
    walk->choices = choices;
    walk->honest = honest;
    for (unsigned i = 0; i < 3; i++)
        features |= choose(walk, 2) ? bits[i] : 0;
    fake_virtio_init(&walk->fake, VIRTIO_ID_RNG, features);
    struct virtqueue_options options = {.driver_bytes = choose(walk, 3) * 16,
                                        .descriptors = 1 + choose(walk, 6),
                                        .descriptors_max = PIECES};
    assert_int_equal(virtio_begin(&walk->fake.device), OSKIT_SUCCESS);
    assert_int_equal(virtio_negotiate(&walk->fake.device, 0), OSKIT_SUCCESS);
    assert_int_equal(virtqueue_create(&walk->fake.device, &options, &walk->queue), OSKIT_SUCCESS);
    assert_int_equal(virtio_start(&walk->fake.device), OSKIT_SUCCESS);
    walk->asked = true; /* a fresh ring interrupts for the first */
    while (steps-- > 0 && !choices_over(choices))
        walk_step(walk);
    if (honest)
        walk_finish(walk);
    else
        walk_reset(walk);
    virtio_stop(&walk->fake.device);
    walk_collect(walk);
    virtqueue_destroy(walk->queue);
    fake_virtio_free(&walk->fake);
    free(walk);
}
