/*
 * Devices by number: drivers register what opening a device node gives; the device file system
 * shows every registered name, and a node made by mknod with the same number on any file system
 * opens the same.
 */
#ifndef SLUICE_DEVICE_H
#define SLUICE_DEVICE_H

#include <stdbool.h>
#include <oskit/com.h>
#include <oskit/error.h>
#include <oskit/fs/filesystem.h>
#include <oskit/types.h>

/* Linux's encoding: 12 bits of major in the middle of 20 bits of minor. */
#define DEVICE_NUMBER(major, minor) \
    ((oskit_u32_t)((((minor) & ~0xffu) << 12) | (((major)&0xfffu) << 8) | ((minor)&0xffu)))
#define DEVICE_MAJOR(number) (((number) >> 8) & 0xfffu)
#define DEVICE_MINOR(number) (((number)&0xffu) | (((number) >> 12) & 0xfff00u))

struct device {
    const char *name; /* path below /dev: "ttyS0", "pts/3" (static or owned by the registrant until
                         unregistered) */
    oskit_u32_t number;
    oskit_mode_t mode; /* type (OSKIT_S_IFCHR or IFBLK) and permissions, e.g. 020666 */
    oskit_uid_t uid;
    oskit_gid_t gid;
    /* Gives the object behind the device with a reference: streamvec/stream, pollable, absvec,
     * terminal, control ... OFLAGS are OSKIT_O_*. [thread] */
    oskit_error_t (*open)(void *arg, oskit_u32_t oflags, oskit_iunknown_t **out);
    void *arg;
};

/* DEVICE must stay valid until device_unregister. OSKIT_EEXIST when type and number, or name, are
 * taken. [thread] */
oskit_error_t device_register(const struct device *device);
/* Waits for opens of DEVICE under way, so never from within its own open. [thread] */
void device_unregister(const struct device *device);
/* OSKIT_ENXIO when nobody registered that number. BLOCK selects block devices. [thread] */
oskit_error_t device_open(bool block, oskit_u32_t number, oskit_u32_t oflags,
                          oskit_iunknown_t **out);
/* Calls SHOW for each in order of registration, until it returns false. SHOW must not register,
 * unregister nor open. GENERATION changes whenever the set does. */
void device_each(bool (*show)(void *arg, const struct device *device), void *arg);
oskit_u32_t device_generation(void);

/*
 * A device file system: shows every registered device under its name (directories such as pts/ are
 * made as needed), and the links fd, stdin, stdout and stderr into /proc/self/fd. Programs may add
 * names of their own. [thread]
 */
oskit_error_t devfs_create(oskit_filesystem_t **out);
/* The same of pseudo-terminals alone, for those who mount a devpts. [thread] */
oskit_error_t devpts_create(oskit_filesystem_t **out);

#endif
