#include "fake_pci.h"
#include <string.h>
#include "drivers/pci/registers.h"
#include "env.h"

uint32_t fake_pci_get(const struct fake_function *function, unsigned offset, unsigned width)
{
    uint32_t value = 0;

    memcpy(&value, function->config + offset, width);
    return value;
}

void fake_pci_set(struct fake_function *function, unsigned offset, unsigned width, uint32_t value)
{
    memcpy(function->config + offset, &value, width);
}

static struct fake_function *addressed(struct fake_pci *pci)
{
    for (unsigned i = 0; i < pci->count; i++) {
        struct fake_function *f = &pci->functions[i];
        uint32_t place =
            (uint32_t)f->bus << 16 | (uint32_t)f->slot << 11 | (uint32_t)f->function << 8;
        if (place == (pci->address & 0xffff00) && !f->gone)
            return f;
    }
    return NULL;
}

static bool is_config(const struct fake_pci *pci, uint16_t port)
{
    return !pci->silent && port >= PORT_ADDRESS && port < PORT_DATA + 4;
}

static uint32_t port_in(void *arg, uint16_t port, unsigned width)
{
    struct fake_pci *pci = arg;
    uint32_t ones = width == 4 ? UINT32_MAX : (1u << width * 8) - 1;

    if (!is_config(pci, port))
        return pci->in ? pci->in(pci->arg, port, width) : ones;
    if (port == PORT_ADDRESS)
        return pci->address;
    const struct fake_function *function = addressed(pci);
    if (!function || !(pci->address & ADDRESS_ENABLE))
        return ones;
    return fake_pci_get(function, (pci->address & 0xfc) + (port & 3u), width);
}

static void bar_write(struct fake_function *function, unsigned index, uint32_t value)
{
    unsigned offset = PCI_BAR0 + index * 4;
    uint32_t old = fake_pci_get(function, offset, 4), bits = function->bar_bits[index];

    if (value == UINT32_MAX &&
        fake_pci_get(function, PCI_COMMAND, 2) & (COMMAND_IO | COMMAND_MEMORY))
        function->decoding_sized++;
    fake_pci_set(function, offset, 4, (value & bits) | (old & ~bits));
}

static void port_out(void *arg, uint16_t port, unsigned width, uint32_t value)
{
    struct fake_pci *pci = arg;

    if (!is_config(pci, port)) {
        if (pci->out)
            pci->out(pci->arg, port, width, value);
        return;
    }
    if (port == PORT_ADDRESS) {
        pci->address = value;
        return;
    }
    struct fake_function *function = addressed(pci);
    unsigned offset = (pci->address & 0xfc) + (port & 3u);
    if (!function || offset < PCI_COMMAND)
        return;
    bool header = (function->config[PCI_HEADER_TYPE] & HEADER_TYPE) == HEADER_DEVICE;
    if (header && offset >= PCI_BAR0 && offset < PCI_BAR0 + 24)
        bar_write(function, (offset - PCI_BAR0) / 4, value);
    else if (offset == PCI_COMMAND || offset >= 0x40)
        fake_pci_set(function, offset, width, value);
}

void fake_pci_init(struct fake_pci *pci)
{
    memset(pci, 0, sizeof *pci);
    env_test_set_ports(port_in, port_out, pci);
}

struct fake_function *fake_pci_add(struct fake_pci *pci, unsigned bus, unsigned slot,
                                   unsigned function, uint32_t device)
{
    struct fake_function *f = &pci->functions[pci->count++];

    *f = (struct fake_function){
        .bus = (uint8_t)bus, .slot = (uint8_t)slot, .function = (uint8_t)function};
    fake_pci_set(f, PCI_VENDOR, 4, device);
    return f;
}

struct fake_function *fake_pci_bridge(struct fake_pci *pci, unsigned bus, unsigned slot,
                                      unsigned secondary)
{
    struct fake_function *f = fake_pci_add(pci, bus, slot, 0, 0x00018086);

    fake_pci_set(f, PCI_HEADER_TYPE, 1, HEADER_BRIDGE);
    fake_pci_set(f, PCI_CLASS_REVISION, 4, 0x06040000);
    fake_pci_set(f, PCI_SECONDARY_BUS, 1, secondary);
    return f;
}

void fake_pci_bar(struct fake_function *function, unsigned index, uint64_t address, uint64_t size,
                  uint32_t bits)
{
    uint64_t mask = -size & ~(uint64_t)(bits & BAR_IO ? BAR_IO_MASK : BAR_MEM_MASK);

    fake_pci_set(function, PCI_BAR0 + index * 4, 4, (uint32_t)address | bits);
    function->bar_bits[index] = (uint32_t)mask;
    if ((bits & BAR_TYPE) == BAR_64 && index < 5) {
        fake_pci_set(function, PCI_BAR0 + index * 4 + 4, 4, (uint32_t)(address >> 32));
        function->bar_bits[index + 1] = (uint32_t)(mask >> 32);
    }
}

void fake_pci_capability(struct fake_function *function, unsigned offset, uint8_t id)
{
    fake_pci_set(function, PCI_STATUS, 2, STATUS_CAPABILITIES);
    fake_pci_set(function, offset, 1, id);
    fake_pci_set(function, offset + 1, 1, fake_pci_get(function, PCI_CAPABILITIES, 1));
    fake_pci_set(function, PCI_CAPABILITIES, 1, offset);
}
