/*
 * The devices that are nothing but memory: null, zero, full, random and urandom, with Linux's
 * numbers (1:3, 1:5, 1:7, 1:8, 1:9) and mode 0666.
 *
 *   null     reads are end of file, writes vanish (the bytes are not even looked at)
 *   zero     reads give zeros, writes vanish; mapped, fresh pages of zeros (pager)
 *   full     reads give zeros, writes are OSKIT_ENOSPC
 *   random   reads give env_random's bytes and never wait; writes are looked at and dropped;
 * urandom is the same
 *
 * They answer stream and streamvec, and absvec, whose offset means nothing. random and urandom also
 * answer pollable and asyncio (always ready) and control (RNDGETENTCNT).
 */
#ifndef SLUICE_MEMDEV_H
#define SLUICE_MEMDEV_H

#include <oskit/error.h>

/* Registers all five with <sluice/device.h>, or none. OSKIT_EEXIST, OSKIT_ENOMEM. [thread] */
oskit_error_t memdev_register(void);
/* Open objects live on. [thread] */
void memdev_unregister(void);

#endif
