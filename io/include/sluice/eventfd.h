/*
 * eventfd: a 64-bit counter as a stream. A read takes the count (semaphore: takes one and reads as
 * 1) and would block at zero; a write of a number adds it and would block where the sum passed
 * EVENTFD_MAX. Numbers are eight bytes in the machine's order: reads of less, and writes of
 * anything else, are OSKIT_E_INVALIDARG, a write of all ones too.
 *
 * Readiness: READ while the count isn't zero, WRITE while one can be added, ERR while it is
 * overflown, which only eventfd_add does. Each read and write is an event, whatever the level was.
 */
#ifndef SLUICE_EVENTFD_H
#define SLUICE_EVENTFD_H

#include <stdbool.h>
#include <stdint.h>
#include <oskit/com.h>
#include <oskit/error.h>

#define EVENTFD_MAX 0xfffffffffffffffeull

/* OSKIT_ENOMEM. [thread] */
oskit_error_t eventfd_new(uint64_t count, bool semaphore, oskit_iunknown_t **out);
/* For objects that signal completion: adds N without ever blocking; what is too much leaves the
 * count overflown. false: EVENTFD is something else. [any] */
bool eventfd_add(oskit_iunknown_t *eventfd, uint64_t n);

#endif
