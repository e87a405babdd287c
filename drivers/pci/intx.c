/*
 * Where INTx pins lead. ACPI says it in code (_PRT), which we don't interpret; so the chip sets
 * that we know are known here, and for others the firmware's note in the interrupt line register is
 * taken, which names an ISA line.
 *
 * ICH9 (QEMU's q35): eight lines, global interrupts 16 to 23, level-triggered and active low. On
 * bus 0, slots 0 to 24 and the bridge in slot 30 use the upper four, a slot's pins beginning with
 * the line of its own number; the others, the chip set's own functions, the lower four. Behind a
 * bridge, pins are turned by the slot's number and come out as the bridge's.
 */
#include "pci.h"
#include "registers.h"

#define ICH9_VENDOR    0x8086u
#define ICH9_LPC       0x2918u
#define ICH9_LOWER     16u
#define ICH9_UPPER     20u
#define ICH9_LAST_SLOT 24u
#define ICH9_BRIDGE    30u
#define PINS           4u

static bool has_ich9;

void pci_intx_start(const struct list *devices)
{
    has_ich9 = false;
    list_for_each (link, devices) {
        const struct pci_device *device = container_of(link, struct pci_device, link);
        has_ich9 |= device->vendor == ICH9_VENDOR && device->device == ICH9_LPC;
    }
}

/* PIN counts from 0. */
static unsigned ich9_line(unsigned slot, unsigned pin)
{
    if (slot <= ICH9_LAST_SLOT)
        return ICH9_UPPER + (slot + pin) % PINS;
    return (slot == ICH9_BRIDGE ? ICH9_UPPER : ICH9_LOWER) + pin;
}

unsigned pci_intx_line(const struct pci_device *device)
{
    if (device->pin < 1 || device->pin > PINS)
        return DRIVER_ANY;
    unsigned pin = device->pin - 1u;
    if (has_ich9) {
        for (; device->bridge; device = device->bridge)
            pin = (device->slot + pin) % PINS;
        return ich9_line(device->slot, pin);
    }
    unsigned line = pci_config_read(device, PCI_INTERRUPT_LINE, 1);
    return line == 0 || line == 0xff ? DRIVER_ANY : line;
}

oskit_error_t pci_intx_attach(struct pci_device *device, bool (*handler)(void *arg), void *arg,
                              struct env_irq **out)
{
    unsigned line = pci_intx_line(device);
    *out = NULL;
    if (line == DRIVER_ANY)
        return OSKIT_ENODEV;
    oskit_error_t error = env_irq_attach(line, handler, arg, out);
    device->intx = !error;
    return error;
}

void pci_intx_detach(struct pci_device *device, struct env_irq *irq)
{
    env_irq_detach(irq);
    device->intx = false;
}
