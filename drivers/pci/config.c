/*
 * Configuration space: mapped into memory (ECAM), a MiB a bus, mapped as buses are found; or by an
 * address port and a data port.
 *
 * Lock: ports_lock makes one access of the two. Innermost.
 */
#include <sluice/env.h>
#include "pci.h"
#include "registers.h"

#define BUSES      256u
#define BUS_BYTES  0x100000u
#define ECAM_SPACE 4096u
#define PORT_SPACE 256u

static struct {
    struct pci_host host;
    bool ports;
    volatile uint8_t *buses[BUSES]; /* ECAM; set by pci_access_bus and kept for good */
    uint64_t mapped_at;             /* host.ecam of buses */
} access;
static struct env_spinlock ports_lock;

static bool ports_answer(void)
{
    env_spin_lock(&ports_lock);
    uint32_t before = env_in32(PORT_ADDRESS);
    env_out32(PORT_ADDRESS, ADDRESS_ENABLE);
    bool answer = env_in32(PORT_ADDRESS) == ADDRESS_ENABLE;
    env_out32(PORT_ADDRESS, before);
    env_spin_unlock(&ports_lock);
    return answer;
}

oskit_error_t pci_access_start(const struct pci_host *host)
{
    access.host = *host;
    access.ports = !host->ecam;
    if (access.mapped_at != host->ecam)
        for (unsigned bus = 0; bus < BUSES; bus++)
            access.buses[bus] = NULL;
    access.mapped_at = host->ecam;
    return !access.ports || ports_answer() ? OSKIT_SUCCESS : OSKIT_ENODEV;
}

bool pci_access_bus(unsigned bus)
{
    if (bus >= BUSES || bus < access.host.first_bus || bus > access.host.last_bus)
        return false;
    if (!access.ports && !access.buses[bus])
        access.buses[bus] = env_map_device(
            access.host.ecam + (uint64_t)(bus - access.host.first_bus) * BUS_BYTES, BUS_BYTES);
    return access.ports || access.buses[bus];
}

unsigned pci_access_space(void)
{
    return access.ports ? PORT_SPACE : ECAM_SPACE;
}

static volatile uint8_t *ecam_address(const struct pci_device *device, unsigned offset)
{
    volatile uint8_t *bus = access.buses[device->bus];
    return bus ? bus + (device->slot << 15 | device->function << 12 | offset) : NULL;
}

/* The lock is held until ports_end. Returns the port of the data. */
static uint16_t ports_begin(const struct pci_device *device, unsigned offset)
{
    env_spin_lock(&ports_lock);
    env_out32(PORT_ADDRESS, ADDRESS_ENABLE | (uint32_t)device->bus << 16 |
                                (uint32_t)device->slot << 11 | (uint32_t)device->function << 8 |
                                (offset & 0xfc));
    return (uint16_t)(PORT_DATA + (offset & 3));
}

static void ports_end(void)
{
    env_spin_unlock(&ports_lock);
}

static uint32_t ports_read(const struct pci_device *device, unsigned offset, unsigned width)
{
    uint16_t port = ports_begin(device, offset);
    uint32_t value = width == 1 ? env_in8(port) : width == 2 ? env_in16(port) : env_in32(port);
    ports_end();
    return value;
}

static void ports_write(const struct pci_device *device, unsigned offset, unsigned width,
                        uint32_t value)
{
    uint16_t port = ports_begin(device, offset);
    if (width == 1)
        env_out8(port, (uint8_t)value);
    else if (width == 2)
        env_out16(port, (uint16_t)value);
    else
        env_out32(port, value);
    ports_end();
}

uint32_t pci_config_read(const struct pci_device *device, unsigned offset, unsigned width)
{
    uint32_t nothing = width == 4 ? UINT32_MAX : (1u << width * 8) - 1;
    if (offset + width > pci_access_space())
        return nothing;
    if (access.ports)
        return ports_read(device, offset, width);
    volatile uint8_t *at = ecam_address(device, offset);
    if (!at)
        return nothing;
    return width == 1 ? *at : width == 2 ? *(volatile uint16_t *)at : *(volatile uint32_t *)at;
}

void pci_config_write(const struct pci_device *device, unsigned offset, unsigned width,
                      uint32_t value)
{
    if (offset + width > pci_access_space())
        return;
    if (access.ports) {
        ports_write(device, offset, width, value);
        return;
    }
    volatile uint8_t *at = ecam_address(device, offset);
    if (!at)
        return;
    if (width == 1)
        *at = (uint8_t)value;
    else if (width == 2)
        *(volatile uint16_t *)at = (uint16_t)value;
    else
        *(volatile uint32_t *)at = value;
}

bool pci_device_present(const struct pci_device *device)
{
    return pci_config_read(device, PCI_VENDOR, 2) == device->vendor;
}

/* ---- Capabilities ---- */

#define CAPABILITIES_FIRST 0x40u /* the header ends there */
#define CAPABILITIES_MAX   48u   /* of four bytes each, in the 192 that are left */

unsigned pci_capability_next(const struct pci_device *device, uint8_t id, unsigned after)
{
    bool passed = after == 0;
    if (!(pci_config_read(device, PCI_STATUS, 2) & STATUS_CAPABILITIES))
        return 0;
    unsigned at = pci_config_read(device, PCI_CAPABILITIES, 1) & ~3u;
    for (unsigned i = 0; at >= CAPABILITIES_FIRST && i < CAPABILITIES_MAX; i++) {
        uint32_t head = pci_config_read(device, at, 2);
        if (head == 0xffff)
            return 0;
        if (passed && (head & 0xff) == id)
            return at;
        passed = passed || at == after;
        at = head >> 8 & ~3u;
    }
    return 0;
}
