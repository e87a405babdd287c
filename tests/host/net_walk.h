/*
 * A virtio network card through which frames go both ways, with a device that is honest or does
 * what the choices say: absurd headers, lies, resets, its end. Every packet given out comes back
 * once, every frame that the client gets is within bounds, and an honest device loses none.
 */
#ifndef TESTS_HOST_NET_WALK_H
#define TESTS_HOST_NET_WALK_H

#include "choices.h"

/* Time must stand still. */
void net_walk(struct choices *choices, unsigned steps, bool honest);

#endif
