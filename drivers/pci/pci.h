/*
 * A function on the PCI bus, as its driver sees it.
 *
 * Nothing that configuration space says is believed: BARs, capabilities and the MSI-X table are
 * checked for size and place when they are read, and a function that has been pulled out (all ones)
 * yields errors, not accesses.
 *
 * A struct pci_device is used by one thread at a time, that which runs attach or detach; the
 * exceptions say [any].
 */
#ifndef DRIVERS_PCI_PCI_H
#define DRIVERS_PCI_PCI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <oskit/error.h>
#include <sluice/driver.h>
#include <sluice/env.h>
#include <sluice/list.h>
#include <sluice/pci.h>

#define PCI_BARS 6

struct pci_bar {
    uint64_t address; /* physical, or the port; 0: absent or not assigned */
    uint64_t size;    /* 0: absent */
    bool io;
    volatile void *mapped; /* all of it, once asked for, if it isn't large */
};

struct pci_device {
    uint8_t bus, slot, function;
    uint16_t vendor, device;
    uint16_t subsystem;
    uint8_t revision;
    uint32_t class_code;
    uint8_t pin; /* 1..4, 0 none */
    struct pci_bar bars[PCI_BARS];
    char name[16]; /* "00:03.0" */
    void *driver_data;
    /* pci's own: */
    const struct driver *driver;
    struct pci_device *bridge; /* that it is behind, or NULL */
    struct list link;
    struct pci_msix {
        unsigned capability, count; /* count 0: none */
        volatile uint32_t *table;
        bool enabled;
    } msix;
    bool intx; /* in use */
};

/* ---- Configuration space ---- */

/* WIDTH is 1, 2 or 4 and OFFSET a multiple of it. All ones where nobody answers. [any] */
uint32_t pci_config_read(const struct pci_device *device, unsigned offset, unsigned width);
void pci_config_write(const struct pci_device *device, unsigned offset, unsigned width,
                      uint32_t value);
/* Whether the function still answers. [any] */
bool pci_device_present(const struct pci_device *device);

/*
 * The offset of the next capability ID after AFTER (0: the first); 0 when there is none. A list
 * that loops or leaves its space ends.
 */
unsigned pci_capability_next(const struct pci_device *device, uint8_t id, unsigned after);

/* ---- Resources ---- */

/* Turns memory and port decoding and bus mastering on, or mastering off. Off: the function can't
 * reach memory any more, whatever it wants. [any] */
void pci_master(const struct pci_device *device, bool on);

/* LENGTH bytes at OFFSET in memory BAR INDEX, uncached, mapped for good; NULL when the BAR doesn't
 * hold them or can't be mapped. */
volatile void *pci_bar_range(struct pci_device *device, unsigned index, uint64_t offset,
                             uint64_t length);

/* ---- Interrupts ---- */

/*
 * MSI-X. Enable gives the number of entries, all masked; OSKIT_E_NOTIMPL when the function has none
 * or its table is unusable. While it is enabled INTx is off. Attach connects ENTRY to HANDLER on
 * CPU (env_msi_attach says what may go wrong); the interrupt ends with env_irq_detach, after which
 * pci_msix_mask. Disable goes back to INTx.
 */
oskit_error_t pci_msix_enable(struct pci_device *device, unsigned *entries);
oskit_error_t pci_msix_attach(struct pci_device *device, unsigned entry, unsigned cpu,
                              void (*handler)(void *arg), void *arg, struct env_irq **out);
void pci_msix_mask(struct pci_device *device, unsigned entry);
void pci_msix_disable(struct pci_device *device);

/* The function's INTx pin, a level-triggered line that others may share: HANDLER says whether its
 * device had asked. OSKIT_ENODEV: it has no pin, or nobody knows where it leads. */
oskit_error_t pci_intx_attach(struct pci_device *device, bool (*handler)(void *arg), void *arg,
                              struct env_irq **out);
void pci_intx_detach(struct pci_device *device, struct env_irq *irq);
/* The host's interrupt line of the function's pin; see intx.c. DRIVER_ANY: none. */
unsigned pci_intx_line(const struct pci_device *device);

/* ---- Between pci's own files ---- */

/* config.c: how the space is reached. OFFSET lies in a function's space. */
oskit_error_t pci_access_start(const struct pci_host *host);
/* Makes BUS reachable; false when it isn't. [thread] */
bool pci_access_bus(unsigned bus);
unsigned pci_access_space(void); /* bytes of configuration space a function has: 256 or 4096 */
/* bar.c: fills in DEVICE->bars, of which the header has COUNT. */
void pci_bars_read(struct pci_device *device, unsigned count);
/* msix.c: looks for the capability. */
void pci_msix_find(struct pci_device *device);
/* intx.c: looks at the chip set, once all are enumerated. */
void pci_intx_start(const struct list *devices);

#endif
