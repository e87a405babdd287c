/*
 * A virtio device made of software, behind a transport table of its own: features, status,
 * configuration, and the device's end of split and packed rings, written apart from the driver's.
 *
 * It does what the test says, when the test says: takes requests out of the rings, gives them back
 * in any order, or writes whatever a lying device might. fake_virtio_serve does the honest thing
 * for all that is there; a thread can do that whenever the device is notified.
 *
 * It trusts the driver's addresses, so the sanitizer sees a wrong one; what else a driver must not
 * do ends the test.
 */
#ifndef TESTS_HOST_FAKE_VIRTIO_H
#define TESTS_HOST_FAKE_VIRTIO_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "drivers/virtio/transport.h"
#include "drivers/virtio/virtqueue.h"

#define FAKE_QUEUES 8u
#define FAKE_PIECES 300u

struct fake_piece {
    uint8_t *base;
    uint32_t length;
    bool write; /* by the device */
};

/* A request that the device has. */
struct fake_request {
    unsigned queue;
    uint16_t id, entries; /* ENTRIES of a packed ring */
    unsigned count;
    struct fake_piece pieces[FAKE_PIECES];
};

struct fake_queue {
    struct virtqueue *driver; /* NULL: not enabled */
    unsigned size;
    uint8_t *descriptors, *driver_area, *device_area;
    uint16_t avail, used; /* split: indices; packed: positions */
    bool avail_wrap, used_wrap;
    unsigned taken, given;      /* requests */
    unsigned notifications;     /* by the driver */
    unsigned interrupts;        /* that the driver wanted */
    bool interrupt_due, asleep; /* asleep: wants to be told of the next request */
};

/* What serve returns for a request that is never answered. */
#define FAKE_NEVER 0xffffffffu

struct fake_virtio {
    struct virtio_device device;
    /* What it is; set between init and attach. */
    uint64_t features;
    unsigned queue_count, queue_size;
    bool size_fixed;
    uint8_t config[64];
    /* Serves one request, and returns how many bytes it wrote. With the device's lock held. */
    uint32_t (*serve)(struct fake_virtio *fake, struct fake_request *request); /* or FAKE_NEVER */
    void *arg;
    /* How it behaves. */
    _Atomic bool gone;         /* all reads give ones */
    _Atomic bool stuck;        /* doesn't come back from a reset */
    _Atomic bool picky;        /* doesn't accept the driver's features */
    _Atomic bool held;         /* the thread and fake_virtio_serve do nothing */
    _Atomic bool drains;       /* when reset, first does what is there, held or not */
    _Atomic bool no_interrupt; /* uses requests without a word */
    unsigned left_alone;       /* a bit a queue: the thread and fake_virtio_serve don't touch it */
    /* What happened. */
    _Atomic uint8_t status;
    _Atomic uint64_t accepted;
    _Atomic unsigned resets; /* by whatever thread notices a lie */
    unsigned cut_offs;
    _Atomic bool interrupts_attached;
    struct fake_queue queues[FAKE_QUEUES];
    /* The thread's. */
    pthread_mutex_t lock; /* over the queues; recursive */
    pthread_cond_t notified;
    pthread_t thread;
    bool running, quit, work;
};

/* A device of kind ID (enum virtio_id), honest, that offers FEATURES beside VERSION_1. */
void fake_virtio_init(struct fake_virtio *fake, uint32_t id, uint64_t features);
void fake_virtio_free(struct fake_virtio *fake);
/* From now on a thread serves whenever the device is notified; until fake_virtio_stop. */
void fake_virtio_start(struct fake_virtio *fake);
void fake_virtio_stop(struct fake_virtio *fake);
/* Wakes the thread, for instance because nothing is held any more. */
void fake_virtio_wake(struct fake_virtio *fake);

/* Takes the next request of QUEUE out of the ring; false when there is none, which puts the device
 * to sleep until it is notified. */
bool fake_virtio_take(struct fake_virtio *fake, unsigned queue, struct fake_request *out);
/* Gives REQUEST back with WRITTEN bytes, and interrupts if the driver wants that. */
void fake_virtio_give(struct fake_virtio *fake, const struct fake_request *request,
                      uint32_t written);
/* The same for anything: what the ring then says is as given. */
void fake_virtio_used(struct fake_virtio *fake, unsigned queue, uint32_t id, uint32_t written,
                      unsigned entries);
/* Split rings: moves the used index by BY, with what is in the ring. */
void fake_virtio_used_jump(struct fake_virtio *fake, unsigned queue, int by);
/* Calls the handlers of queues that are due. Not with a lock held. Returns how many. */
unsigned fake_virtio_interrupt(struct fake_virtio *fake);
/* Takes and serves all that is there, and interrupts. Returns how many requests. */
unsigned fake_virtio_serve(struct fake_virtio *fake);

#endif
