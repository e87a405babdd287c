/*
 * The scalar types of the interfaces.
 *
 * Widths are the OSKit's wherever a published structure depends on them: 32-bit device and inode
 * numbers, 16-bit modes and link counts, 32-bit seconds, signed 64-bit offsets. What the machine
 * decides is in <oskit/machine/types.h>.
 */
#ifndef OSKIT_TYPES_H
#define OSKIT_TYPES_H

#include <oskit/machine/types.h>
#include <oskit/time.h>

typedef oskit_u32_t oskit_dev_t;
typedef oskit_u32_t oskit_ino_t;
typedef oskit_u16_t oskit_mode_t;
typedef oskit_u16_t oskit_nlink_t;
typedef oskit_u32_t oskit_uid_t;
typedef oskit_u32_t oskit_gid_t;
typedef oskit_s32_t oskit_pid_t;

/* A place or a length in an object, in bytes. Signed: methods refuse a negative one with
 * OSKIT_E_INVALIDARG. */
typedef oskit_s64_t oskit_off_t;

typedef oskit_u16_t oskit_wchar_t;

#endif
