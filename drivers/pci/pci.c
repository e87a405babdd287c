/*
 * Enumeration: the functions of bus 0 and of the buses behind bridges, as firmware has numbered
 * them, each read once and then given to its driver. All are found before the first driver is
 * called, because where an interrupt leads depends on the chip set.
 *
 * Lock: pci_mutex over the list of devices: start, stop and each. Drivers attach under it.
 */
#include "pci.h"
#include <sluice/string.h>
#include "registers.h"

#define BUSES     256u
#define SLOTS     32u
#define FUNCTIONS 8u

static struct env_mutex pci_mutex;
static struct list devices = LIST_INIT(devices); /* under pci_mutex, in the order of addresses */
static bool started;

/* ---- A function ---- */

static char digit(unsigned value)
{
    return "0123456789abcdef"[value & 15];
}

static void device_name(struct pci_device *device)
{
    char *at = device->name;
    *at++ = digit(device->bus >> 4);
    *at++ = digit(device->bus);
    *at++ = ':';
    *at++ = digit(device->slot >> 4);
    *at++ = digit(device->slot);
    *at++ = '.';
    *at++ = digit(device->function);
    *at = 0;
}

static void device_read(struct pci_device *device, unsigned header)
{
    uint32_t class_revision = pci_config_read(device, PCI_CLASS_REVISION, 4);
    device->device = (uint16_t)pci_config_read(device, PCI_DEVICE, 2);
    device->revision = (uint8_t)class_revision;
    device->class_code = class_revision >> 8;
    device->pin = (uint8_t)pci_config_read(device, PCI_INTERRUPT_PIN, 1);
    if (header == HEADER_DEVICE) {
        device->subsystem = (uint16_t)pci_config_read(device, PCI_SUBSYSTEM, 2);
        pci_bars_read(device, PCI_BARS);
        pci_msix_find(device);
    }
}

/* What the walk over the buses carries along. */
struct walk {
    uint64_t seen[BUSES / 64]; /* buses: a bridge that names one twice is not followed */
    oskit_error_t error;
};

static bool bus_take(struct walk *walk, unsigned bus)
{
    uint64_t bit = 1ull << bus % 64;
    bool fresh = !(walk->seen[bus / 64] & bit);
    walk->seen[bus / 64] |= bit;
    return fresh && pci_access_bus(bus);
}

static void bus_scan(struct walk *walk, unsigned bus, struct pci_device *bridge);

/* A bridge's bus is numbered higher than its own, so that the recursion ends. */
static void bridge_scan(struct walk *walk, struct pci_device *bridge)
{
    unsigned bus = pci_config_read(bridge, PCI_SECONDARY_BUS, 1);
    if (bus > bridge->bus && bus_take(walk, bus))
        bus_scan(walk, bus, bridge);
}

/* Adds the function at the place, if there is one. True: it has brothers. */
static bool function_scan(struct walk *walk, unsigned bus, unsigned slot, unsigned function,
                          struct pci_device *bridge)
{
    struct pci_device probe = {
        .bus = (uint8_t)bus, .slot = (uint8_t)slot, .function = (uint8_t)function};
    probe.vendor = (uint16_t)pci_config_read(&probe, PCI_VENDOR, 2);
    if (probe.vendor == PCI_VENDOR_NONE || probe.vendor == 0)
        return false;
    struct pci_device *device = env_alloc(sizeof *device, ENV_ZERO);
    if (!device) {
        walk->error = OSKIT_E_OUTOFMEMORY;
        return false;
    }
    *device = probe;
    device->bridge = bridge;
    unsigned header = pci_config_read(device, PCI_HEADER_TYPE, 1);
    device_name(device);
    device_read(device, header & HEADER_TYPE);
    list_push_back(&devices, &device->link);
    if ((header & HEADER_TYPE) == HEADER_BRIDGE)
        bridge_scan(walk, device);
    return header & HEADER_MULTIFUNCTION;
}

static void bus_scan(struct walk *walk, unsigned bus, struct pci_device *bridge)
{
    for (unsigned slot = 0; slot < SLOTS && !walk->error; slot++)
        if (function_scan(walk, bus, slot, 0, bridge))
            for (unsigned function = 1; function < FUNCTIONS && !walk->error; function++)
                function_scan(walk, bus, slot, function, bridge);
}

/* ---- Drivers ---- */

static void device_attach(struct pci_device *device)
{
    struct driver_id id = {device->vendor, device->device, device->class_code};
    oskit_error_t error = driver_attach("pci", &id, device, &device->driver);
    if (error && error != OSKIT_ENODEV)
        env_log(ENV_LOG_ERROR, "pci %s (%04x:%04x): its driver gives up: error %#x", device->name,
                device->vendor, device->device, (unsigned)error);
}

static void devices_forget(void)
{
    for (struct list *link; (link = list_pop_front(&devices));)
        env_free(container_of(link, struct pci_device, link), sizeof(struct pci_device));
}

oskit_error_t pci_start(const struct pci_host *host)
{
    env_mutex_lock(&pci_mutex);
    struct walk walk = {.error = started ? OSKIT_EBUSY : pci_access_start(host)};
    if (!walk.error) {
        if (bus_take(&walk, host->first_bus))
            bus_scan(&walk, host->first_bus, NULL);
        pci_intx_start(&devices);
        started = !walk.error;
        if (walk.error)
            devices_forget();
        list_for_each (link, &devices)
            device_attach(container_of(link, struct pci_device, link));
    }
    env_mutex_unlock(&pci_mutex);
    return walk.error;
}

void pci_stop(void)
{
    env_mutex_lock(&pci_mutex);
    list_for_each (link, &devices) {
        struct pci_device *device = container_of(link, struct pci_device, link);
        if (device->driver)
            device->driver->detach(device);
        device->driver = NULL;
    }
    devices_forget();
    started = false;
    env_mutex_unlock(&pci_mutex);
}

void pci_each(void (*show)(void *arg, const struct pci_entry *entry), void *arg)
{
    env_mutex_lock(&pci_mutex);
    list_for_each (link, &devices) {
        const struct pci_device *device = container_of(link, struct pci_device, link);
        struct pci_entry entry = {
            .bus = device->bus,
            .slot = device->slot,
            .function = device->function,
            .vendor = device->vendor,
            .device = device->device,
            .class_code = device->class_code,
            .driver = device->driver ? device->driver->name : NULL,
            .interrupts = device->msix.enabled ? "msix"
                          : device->intx       ? "intx"
                                               : "none",
        };
        show(arg, &entry);
    }
    env_mutex_unlock(&pci_mutex);
}
