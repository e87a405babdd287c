/*
 * The legacy PCI transport: a handful of I/O ports in BAR 0. A queue's place is one page number,
 * its size is the device's choice, and there are 32 features. With MSI-X on, two more registers
 * push the device's configuration back.
 */
#include "virtio_pci.h"
#include "virtqueue.h"

#define HOST_FEATURES  0
#define GUEST_FEATURES 4
#define QUEUE_PAGE     8
#define QUEUE_SIZE     12
#define QUEUE_SELECT   14
#define QUEUE_NOTIFY   16
#define STATUS         18
#define ISR            19
#define CONFIG_VECTOR  20 /* with MSI-X */
#define QUEUE_VECTOR   22
#define CONFIG         20
#define CONFIG_MSIX    24
#define PORTS_MIN      20u

static uint16_t port_of(struct virtio_device *device, unsigned offset)
{
    return (uint16_t)(virtio_pci_of(device)->port + offset);
}

static uint64_t legacy_get_features(struct virtio_device *device)
{
    return env_in32(port_of(device, HOST_FEATURES));
}

static void legacy_set_features(struct virtio_device *device, uint64_t features)
{
    env_out32(port_of(device, GUEST_FEATURES), (uint32_t)features);
}

static uint8_t legacy_get_status(struct virtio_device *device)
{
    return env_in8(port_of(device, STATUS));
}

static void legacy_set_status(struct virtio_device *device, uint8_t status)
{
    env_out8(port_of(device, STATUS), status);
}

/* The port of configuration byte OFFSET, if SIZE bytes are there. */
static bool config_port(struct virtio_device *device, unsigned offset, size_t size, uint16_t *port)
{
    const struct pci_device *pci = virtio_pci_of(device)->pci;
    uint64_t at = (pci->msix.enabled ? CONFIG_MSIX : CONFIG) + offset;
    *port = port_of(device, (unsigned)at);
    return at + size <= pci->bars[0].size;
}

static void legacy_read_config(struct virtio_device *device, unsigned offset, void *to, size_t size)
{
    uint16_t port;
    uint64_t value = 0;
    if (!config_port(device, offset, size, &port))
        value = 0;
    else if (size == 1)
        value = env_in8(port);
    else if (size == 2)
        value = env_in16(port);
    else if (size == 4)
        value = env_in32(port);
    else
        value = env_in32(port) | (uint64_t)env_in32((uint16_t)(port + 4)) << 32;
    __builtin_memcpy(to, &value, size);
}

static void legacy_write_config(struct virtio_device *device, unsigned offset, const void *from,
                                size_t size)
{
    uint16_t port;
    if (!config_port(device, offset, size, &port))
        return;
    for (size_t i = 0; i < size; i++)
        env_out8((uint16_t)(port + i), ((const uint8_t *)from)[i]);
}

static uint32_t legacy_generation(struct virtio_device *device)
{
    (void)device;
    return 0;
}

static unsigned legacy_queue_size(struct virtio_device *device, unsigned index, bool *fixed)
{
    *fixed = true;
    env_out16(port_of(device, QUEUE_SELECT), (uint16_t)index);
    return env_in16(port_of(device, QUEUE_SIZE));
}

static oskit_error_t legacy_queue_start(struct virtio_device *device, struct virtqueue *queue)
{
    struct virtio_pci *pci = virtio_pci_of(device);
    uint64_t page = queue->descriptor_address >> ENV_PAGE_SHIFT;
    if (page > UINT32_MAX)
        return OSKIT_EIO;
    env_out16(port_of(device, QUEUE_SELECT), (uint16_t)queue->index);
    if (pci->pci->msix.enabled) {
        env_out16(port_of(device, QUEUE_VECTOR), (uint16_t)queue->vector);
        if (env_in16(port_of(device, QUEUE_VECTOR)) != queue->vector)
            return OSKIT_EIO; /* the device has no room for it */
    }
    env_out32(port_of(device, QUEUE_PAGE), (uint32_t)page);
    return OSKIT_SUCCESS;
}

static void legacy_notify(struct virtqueue *queue)
{
    env_out16(port_of(queue->device, QUEUE_NOTIFY), (uint16_t)queue->index);
}

static const struct virtio_transport legacy_transport = {
    .name = "legacy pci",
    .get_features = legacy_get_features,
    .set_features = legacy_set_features,
    .get_status = legacy_get_status,
    .set_status = legacy_set_status,
    .read_config = legacy_read_config,
    .write_config = legacy_write_config,
    .config_generation = legacy_generation,
    .queue_size = legacy_queue_size,
    .queue_start = legacy_queue_start,
    .notify = legacy_notify,
    .interrupts_attach = virtio_pci_interrupts_attach,
    .interrupts_detach = virtio_pci_interrupts_detach,
    .interrupts_restore = virtio_pci_interrupts_restore,
    .cut_off = virtio_pci_cut_off,
    .present = virtio_pci_present,
};

static uint8_t legacy_isr(struct virtio_pci *pci)
{
    return env_in8((uint16_t)(pci->port + ISR));
}

static void legacy_set_config_vector(struct virtio_pci *pci, unsigned vector)
{
    env_out16((uint16_t)(pci->port + CONFIG_VECTOR), (uint16_t)vector);
}

oskit_error_t virtio_legacy_probe(struct virtio_pci *pci)
{
    const struct pci_bar *bar = &pci->pci->bars[0];
    if (!bar->io || !bar->address || bar->size < PORTS_MIN || bar->address + bar->size > 0x10000)
        return OSKIT_ENODEV;
    pci->port = (uint16_t)bar->address;
    pci->isr = legacy_isr;
    pci->set_config_vector = legacy_set_config_vector;
    pci->device.transport = &legacy_transport;
    return OSKIT_SUCCESS;
}
