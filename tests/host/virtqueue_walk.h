/*
 * A random walk over a virtqueue between a driver and a device that may lie, for the host tests and
 * the fuzzer. It asserts, while the device is honest: each request comes back once, with the bytes
 * that the device wrote; the device is told of requests when it sleeps, and the driver of used
 * ones when it asked; and always: no request comes back that the device didn't have, none twice,
 * none with more bytes than it had room for; after a reset the queue works again.
 */
#ifndef TESTS_HOST_VIRTQUEUE_WALK_H
#define TESTS_HOST_VIRTQUEUE_WALK_H

#include "choices.h"

/* STEPS decisions, or until CHOICES are used up. HONEST: the device never lies. */
void virtqueue_walk(struct choices *choices, unsigned steps, bool honest);

#endif
