/*
 * Everything about devices, under the name that clients of the OSKit include.
 */
#ifndef OSKIT_DEV_DEV_H
#define OSKIT_DEV_DEV_H

#include <oskit/dev/device.h>
#include <oskit/dev/driver.h>
#include <oskit/dev/error.h>

#endif
