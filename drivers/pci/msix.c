/*
 * MSI-X: a table in one of the function's BARs, an entry an interrupt, each with the address and
 * the data of the write that makes it.
 */
#include "pci.h"
#include "registers.h"

void pci_msix_find(struct pci_device *device)
{
    unsigned at = pci_capability_next(device, CAPABILITY_MSIX, 0);
    device->msix = (struct pci_msix){0};
    if (!at)
        return;
    device->msix.capability = at;
    device->msix.count = (pci_config_read(device, at + MSIX_CONTROL, 2) & MSIX_SIZE) + 1;
}

static volatile uint32_t *entry_of(struct pci_device *device, unsigned entry)
{
    return device->msix.table + entry * MSIX_ENTRY_WORDS;
}

static void control_set(struct pci_device *device, uint32_t set, uint32_t clear)
{
    unsigned at = device->msix.capability + MSIX_CONTROL;
    pci_config_write(device, at, 2, (pci_config_read(device, at, 2) | set) & ~clear);
}

static void intx_allow(struct pci_device *device, bool allow)
{
    uint32_t command = pci_config_read(device, PCI_COMMAND, 2);
    pci_config_write(device, PCI_COMMAND, 2,
                     allow ? command & ~COMMAND_INTX_DISABLE : command | COMMAND_INTX_DISABLE);
}

oskit_error_t pci_msix_enable(struct pci_device *device, unsigned *entries)
{
    *entries = 0;
    if (!device->msix.count)
        return OSKIT_E_NOTIMPL;
    uint32_t where = pci_config_read(device, device->msix.capability + MSIX_TABLE, 4);
    device->msix.table = pci_bar_range(device, where & MSIX_BIR, where & ~MSIX_BIR,
                                       device->msix.count * MSIX_ENTRY_WORDS * 4u);
    if (!device->msix.table)
        return OSKIT_E_NOTIMPL;
    /* Enabled before the entries are written, as the table need not be there before; and all
     * masked, so that no stale one fires. */
    control_set(device, MSIX_ENABLE | MSIX_MASKALL, 0);
    for (unsigned i = 0; i < device->msix.count; i++)
        pci_msix_mask(device, i);
    control_set(device, 0, MSIX_MASKALL);
    intx_allow(device, false);
    device->msix.enabled = true;
    *entries = device->msix.count;
    return OSKIT_SUCCESS;
}

oskit_error_t pci_msix_attach(struct pci_device *device, unsigned entry, unsigned cpu,
                              void (*handler)(void *arg), void *arg, struct env_irq **out)
{
    uint64_t address;
    uint32_t data;
    *out = NULL;
    if (!device->msix.enabled || entry >= device->msix.count)
        return OSKIT_E_INVALIDARG;
    oskit_error_t error = env_msi_attach(cpu, handler, arg, out, &address, &data);
    if (error)
        return error;
    volatile uint32_t *words = entry_of(device, entry);
    words[MSIX_ENTRY_ADDRESS] = (uint32_t)address;
    words[MSIX_ENTRY_HIGH] = (uint32_t)(address >> 32);
    words[MSIX_ENTRY_DATA] = data;
    words[MSIX_ENTRY_CONTROL] &= ~MSIX_ENTRY_MASKED;
    return OSKIT_SUCCESS;
}

void pci_msix_mask(struct pci_device *device, unsigned entry)
{
    entry_of(device, entry)[MSIX_ENTRY_CONTROL] |= MSIX_ENTRY_MASKED;
}

void pci_msix_disable(struct pci_device *device)
{
    if (!device->msix.enabled)
        return;
    control_set(device, 0, MSIX_ENABLE);
    intx_allow(device, true);
    device->msix.enabled = false;
}
