/*
 * Base address registers. Firmware has assigned them; what we find out is their size, by writing
 * ones and looking which stay, with the function's decoding off meanwhile.
 */
#include "pci.h"
#include "registers.h"

#define WHOLE_MAX 0x100000u /* a BAR of at most this is mapped as a whole */

static uint32_t bar_probe(const struct pci_device *device, unsigned index, uint32_t *value)
{
    unsigned at = PCI_BAR0 + index * 4;
    *value = pci_config_read(device, at, 4);
    pci_config_write(device, at, 4, UINT32_MAX);
    uint32_t mask = pci_config_read(device, at, 4);
    pci_config_write(device, at, 4, *value);
    return mask;
}

static void bar_set(struct pci_bar *bar, uint64_t address, uint64_t mask, bool io)
{
    uint64_t size = mask & -mask; /* its lowest bit */
    /* The bits above it are all the function's to compare, and the rest of the address lies in it.
     */
    if (!size || (io ? (mask | 0xffff0000u) != (uint32_t)-size : mask != -size) ||
        address & (size - 1) || address + size < address)
        return;
    *bar = (struct pci_bar){.address = address, .size = size, .io = io};
}

/* Returns how many registers the BAR took. */
static unsigned bar_read(struct pci_device *device, unsigned index, unsigned count)
{
    struct pci_bar *bar = &device->bars[index];
    uint32_t value, mask = bar_probe(device, index, &value);
    if (mask == 0 || mask == UINT32_MAX)
        return 1;
    if (mask & BAR_IO) {
        bar_set(bar, value & 0xffff & ~BAR_IO_MASK, mask & ~BAR_IO_MASK, true);
        return 1;
    }
    if ((mask & BAR_TYPE) != BAR_64) {
        bar_set(bar, value & ~BAR_MEM_MASK, (mask & ~BAR_MEM_MASK) | 0xffffffff00000000, false);
        return 1;
    }
    if (index + 1 == count)
        return 1; /* its upper half would lie outside */
    uint32_t high, high_mask = bar_probe(device, index + 1, &high);
    bar_set(bar, (uint64_t)high << 32 | (value & ~BAR_MEM_MASK),
            (uint64_t)high_mask << 32 | (mask & ~BAR_MEM_MASK), false);
    return 2;
}

void pci_bars_read(struct pci_device *device, unsigned count)
{
    uint32_t command = pci_config_read(device, PCI_COMMAND, 2);
    pci_config_write(device, PCI_COMMAND, 2, command & ~(COMMAND_IO | COMMAND_MEMORY));
    for (unsigned index = 0; index < count;)
        index += bar_read(device, index, count);
    pci_config_write(device, PCI_COMMAND, 2, command);
}

void pci_master(const struct pci_device *device, bool on)
{
    uint32_t command = pci_config_read(device, PCI_COMMAND, 2);
    if (command == 0xffff)
        return; /* it has gone */
    if (on)
        command |= COMMAND_IO | COMMAND_MEMORY | COMMAND_MASTER;
    else
        command &= ~COMMAND_MASTER;
    pci_config_write(device, PCI_COMMAND, 2, command);
}

volatile void *pci_bar_range(struct pci_device *device, unsigned index, uint64_t offset,
                             uint64_t length)
{
    if (index >= PCI_BARS)
        return NULL;
    struct pci_bar *bar = &device->bars[index];
    if (bar->io || !bar->address || length == 0 || offset > bar->size ||
        length > bar->size - offset)
        return NULL;
    if (bar->size > WHOLE_MAX)
        return env_map_device(bar->address + offset, length);
    if (!bar->mapped)
        bar->mapped = env_map_device(bar->address, bar->size);
    return bar->mapped ? (volatile uint8_t *)bar->mapped + offset : NULL;
}
