/*
 * The table of drivers. A driver declares itself with DRIVER, which puts a row into the section
 * driver_table; whoever finds devices on a bus (PCI, virtio) asks driver_attach for the first row
 * that takes it. The order of the rows is that of the object files on the linker's command line,
 * which the Makefile sorts by path; driver_each shows it.
 *
 * A host that links drivers in from an archive must link all of it (--whole-archive), since nothing
 * refers to a row by name. Without any row the table is empty.
 */
#ifndef SLUICE_DRIVER_H
#define SLUICE_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <oskit/error.h>

#define DRIVER_ANY 0xffffffffu

/* What a device says of itself, and what a driver asks for. */
struct driver_id {
    uint32_t vendor, device;
    uint32_t class_code; /* PCI: class << 16 | subclass << 8 | interface; virtio: DRIVER_ANY */
};

struct driver {
    const char *name;
    const char *bus;             /* "pci", "virtio": whose devices attach is given */
    const struct driver_id *ids; /* DRIVER_ANY in a field takes all */
    size_t id_count;
    /*
     * Takes DEVICE (the bus says which struct), and leaves it as it was on failure. OSKIT_ENODEV:
     * not mine after all, ask the next. [thread]
     */
    oskit_error_t (*attach)(void *device);
    /* Gives DEVICE up. It may have gone already: nothing is waited for. [thread] */
    void (*detach)(void *device);
};

#define DRIVER(row)                                                                              \
    static const struct driver *const row##_row __attribute__((section("driver_table"), used)) = \
        &(row)

/*
 * Gives DEVICE of BUS to the first driver that takes it; *OUT is that one. OSKIT_ENODEV: there is
 * none. Any other error is that of the last driver that tried. [thread]
 */
oskit_error_t driver_attach(const char *bus, const struct driver_id *id, void *device,
                            const struct driver **out);
/* Calls SHOW for each row in the order in which they are asked. [any] */
void driver_each(void (*show)(void *arg, const struct driver *driver), void *arg);

#endif
