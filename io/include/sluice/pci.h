/*
 * The PCI bus, as its host starts and looks at it. Drivers see drivers/pci/pci.h.
 */
#ifndef SLUICE_PCI_H
#define SLUICE_PCI_H

#include <stdint.h>
#include <oskit/error.h>

/*
 * How configuration space is reached. Only the host knows: ACPI's MCFG table says where the
 * memory-mapped one lies. 0: by ports 0xcf8 and 0xcfc, the first 256 bytes of each function.
 */
struct pci_host {
    uint64_t ecam; /* physical address of bus FIRST_BUS's configuration space */
    uint8_t first_bus, last_bus;
};

/* What was found at a place, for lists. */
struct pci_entry {
    uint8_t bus, slot, function;
    uint16_t vendor, device;
    uint32_t class_code;    /* class << 16 | subclass << 8 | interface */
    const char *driver;     /* name of the driver that has it, or NULL */
    const char *interrupts; /* "msix", "intx" or "none" */
};

/*
 * Looks for devices on the buses of HOST, behind bridges too, and gives each to its driver. Once.
 * OSKIT_ENODEV: there is no PCI here. OSKIT_ENOMEM. A device that its driver refuses is logged and
 * left alone. [thread]
 */
oskit_error_t pci_start(const struct pci_host *host);
/* Takes every device away from its driver and forgets all: for a host that is unloaded. [thread] */
void pci_stop(void);
/* Calls SHOW for each function found, in the order of addresses. [thread] */
void pci_each(void (*show)(void *arg, const struct pci_entry *entry), void *arg);

#endif
