/*
 * The modern PCI transport: vendor capabilities say in which BAR, where and how long the device's
 * register blocks are. A block that the BAR doesn't hold, or that is too short, is not used.
 */
#include "drivers/pci/registers.h"
#include "virtio_pci.h"
#include "virtqueue.h"

struct virtio_modern_registers {
    uint32_t device_feature_select, device_feature;
    uint32_t driver_feature_select, driver_feature;
    uint16_t config_vector, queue_count;
    uint8_t status, generation;
    uint16_t queue_select, queue_size, queue_vector, queue_enable, queue_notify_offset;
    uint32_t queue_descriptors[2], queue_driver[2], queue_device[2]; /* low, high */
};
_Static_assert(sizeof(struct virtio_modern_registers) == 56, "the device's layout");

/* The vendor capability. */
#define CAP_LENGTH     2
#define CAP_TYPE       3
#define CAP_BAR        4
#define CAP_OFFSET     8
#define CAP_SIZE       12
#define CAP_MULTIPLIER 16 /* of the notify block */

#define TYPE_COMMON 1
#define TYPE_NOTIFY 2
#define TYPE_ISR    3
#define TYPE_DEVICE 4

static volatile struct virtio_modern_registers *registers_of(struct virtio_device *device)
{
    return virtio_pci_of(device)->registers;
}

/* ---- Features, status, configuration ---- */

static uint64_t modern_get_features(struct virtio_device *device)
{
    volatile struct virtio_modern_registers *r = registers_of(device);
    r->device_feature_select = 0;
    uint64_t low = r->device_feature;
    r->device_feature_select = 1;
    return low | (uint64_t)r->device_feature << 32;
}

static void modern_set_features(struct virtio_device *device, uint64_t features)
{
    volatile struct virtio_modern_registers *r = registers_of(device);
    r->driver_feature_select = 0;
    r->driver_feature = (uint32_t)features;
    r->driver_feature_select = 1;
    r->driver_feature = (uint32_t)(features >> 32);
}

static uint8_t modern_get_status(struct virtio_device *device)
{
    return registers_of(device)->status;
}

static void modern_set_status(struct virtio_device *device, uint8_t status)
{
    registers_of(device)->status = status;
}

static bool config_holds(const struct virtio_pci *pci, unsigned offset, size_t size)
{
    return pci->config && offset <= pci->config_size && size <= pci->config_size - offset;
}

static void modern_read_config(struct virtio_device *device, unsigned offset, void *to, size_t size)
{
    struct virtio_pci *pci = virtio_pci_of(device);
    volatile uint8_t *at = pci->config + offset;
    uint64_t value = 0;
    if (!config_holds(pci, offset, size))
        at = NULL;
    else if (size == 1)
        value = *at;
    else if (size == 2)
        value = *(volatile uint16_t *)at;
    else
        value = *(volatile uint32_t *)at;
    if (at && size == 8)
        value |= (uint64_t) * (volatile uint32_t *)(at + 4) << 32;
    __builtin_memcpy(to, &value, size);
}

static void modern_write_config(struct virtio_device *device, unsigned offset, const void *from,
                                size_t size)
{
    struct virtio_pci *pci = virtio_pci_of(device);
    if (!config_holds(pci, offset, size))
        return;
    for (size_t i = 0; i < size; i++)
        pci->config[offset + i] = ((const uint8_t *)from)[i];
}

static uint32_t modern_generation(struct virtio_device *device)
{
    return registers_of(device)->generation;
}

/* ---- Queues ---- */

static unsigned modern_queue_size(struct virtio_device *device, unsigned index, bool *fixed)
{
    volatile struct virtio_modern_registers *r = registers_of(device);
    *fixed = false;
    if (index >= r->queue_count)
        return 0;
    r->queue_select = (uint16_t)index;
    return r->queue_size;
}

static void address_write(volatile uint32_t *pair, uint64_t address)
{
    pair[0] = (uint32_t)address;
    pair[1] = (uint32_t)(address >> 32);
}

static oskit_error_t doorbell_find(struct virtio_pci *pci, struct virtqueue *queue)
{
    uint64_t at = (uint64_t)pci->registers->queue_notify_offset * pci->notify_multiplier;
    if (at + sizeof(uint16_t) > pci->notify_size)
        return OSKIT_EIO;
    queue->doorbell = pci->notify + at;
    return OSKIT_SUCCESS;
}

static oskit_error_t modern_queue_start(struct virtio_device *device, struct virtqueue *queue)
{
    struct virtio_pci *pci = virtio_pci_of(device);
    volatile struct virtio_modern_registers *r = pci->registers;
    r->queue_select = (uint16_t)queue->index;
    r->queue_size = (uint16_t)queue->size;
    oskit_error_t error = doorbell_find(pci, queue);
    if (error)
        return error;
    if (pci->pci->msix.enabled) {
        r->queue_vector = (uint16_t)queue->vector;
        if (r->queue_vector != queue->vector)
            return OSKIT_EIO; /* the device has no room for it */
    }
    address_write(r->queue_descriptors, queue->descriptor_address);
    address_write(r->queue_driver, queue->driver_address);
    address_write(r->queue_device, queue->device_address);
    r->queue_enable = 1;
    return OSKIT_SUCCESS;
}

static void modern_notify(struct virtqueue *queue)
{
    *(volatile uint16_t *)queue->doorbell = (uint16_t)queue->index;
}

static const struct virtio_transport modern_transport = {
    .name = "pci",
    .get_features = modern_get_features,
    .set_features = modern_set_features,
    .get_status = modern_get_status,
    .set_status = modern_set_status,
    .read_config = modern_read_config,
    .write_config = modern_write_config,
    .config_generation = modern_generation,
    .queue_size = modern_queue_size,
    .queue_start = modern_queue_start,
    .notify = modern_notify,
    .interrupts_attach = virtio_pci_interrupts_attach,
    .interrupts_detach = virtio_pci_interrupts_detach,
    .interrupts_restore = virtio_pci_interrupts_restore,
    .cut_off = virtio_pci_cut_off,
    .present = virtio_pci_present,
};

/* ---- Interrupts ---- */

static uint8_t modern_isr(struct virtio_pci *pci)
{
    return *pci->isr_at;
}

static void modern_set_config_vector(struct virtio_pci *pci, unsigned vector)
{
    pci->registers->config_vector = (uint16_t)vector;
}

/* ---- Finding ---- */

/* The first usable block of TYPE, at least MIN bytes long. */
static volatile void *block_find(struct virtio_pci *pci, unsigned type, uint32_t min,
                                 uint64_t *size, unsigned *capability)
{
    for (unsigned at = 0; (at = pci_capability_next(pci->pci, CAPABILITY_VENDOR, at));) {
        if (pci_config_read(pci->pci, at + CAP_TYPE, 1) != type)
            continue;
        *size = pci_config_read(pci->pci, at + CAP_SIZE, 4);
        *capability = at;
        volatile void *block =
            *size < min ? NULL
                        : pci_bar_range(pci->pci, pci_config_read(pci->pci, at + CAP_BAR, 1),
                                        pci_config_read(pci->pci, at + CAP_OFFSET, 4), *size);
        if (block)
            return block;
    }
    *size = 0;
    return NULL;
}

oskit_error_t virtio_modern_probe(struct virtio_pci *pci)
{
    uint64_t size;
    unsigned at;
    pci->registers = block_find(pci, TYPE_COMMON, sizeof *pci->registers, &size, &at);
    pci->isr_at = block_find(pci, TYPE_ISR, 1, &size, &at);
    pci->config = block_find(pci, TYPE_DEVICE, 1, &pci->config_size, &at);
    pci->notify = block_find(pci, TYPE_NOTIFY, 2, &pci->notify_size, &at);
    if (!pci->registers || !pci->isr_at || !pci->notify)
        return OSKIT_ENODEV;
    pci->notify_multiplier = pci_config_read(pci->pci, at + CAP_MULTIPLIER, 4);
    pci->isr = modern_isr;
    pci->set_config_vector = modern_set_config_vector;
    pci->device.transport = &modern_transport;
    return OSKIT_SUCCESS;
}
