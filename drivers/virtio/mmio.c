/*
 * The MMIO transport, of version 2 and of version 1, which is to it what legacy PCI is to modern:
 * a queue's place is one page number, features have 32 bits. One interrupt for all.
 */
#include <sluice/string.h>
#include <sluice/virtio_mmio.h>
#include "transport.h"
#include "virtqueue.h"

/* Registers of 32 bits, by offset. */
#define MAGIC              0x000
#define VERSION            0x004
#define DEVICE_ID          0x008
#define DEVICE_FEATURES    0x010
#define DEVICE_FEATURE_SEL 0x014
#define DRIVER_FEATURES    0x020
#define DRIVER_FEATURE_SEL 0x024
#define GUEST_PAGE_SIZE    0x028 /* version 1 */
#define QUEUE_SEL          0x030
#define QUEUE_NUM_MAX      0x034
#define QUEUE_NUM          0x038
#define QUEUE_ALIGN        0x03c /* version 1 */
#define QUEUE_PFN          0x040 /* version 1 */
#define QUEUE_READY        0x044
#define QUEUE_NOTIFY       0x050
#define INTERRUPT_STATUS   0x060
#define INTERRUPT_ACK      0x064
#define STATUS             0x070
#define QUEUE_DESC         0x080 /* low, then high */
#define QUEUE_DRIVER       0x090
#define QUEUE_DEVICE       0x0a0
#define CONFIG_GENERATION  0x0fc
#define CONFIG             0x100
#define SIZE               0x200u

#define MAGIC_VALUE    0x74726976u /* "virt" */
#define VERSION_LEGACY 1u
#define VERSION_MODERN 2u

#define INTERRUPT_QUEUE  1u
#define INTERRUPT_CONFIG 2u

struct virtio_mmio {
    struct virtio_device device;
    volatile uint8_t *registers;
    bool legacy;
    unsigned line;
    struct env_irq *irq;
};

static struct virtio_mmio *mmio_of(struct virtio_device *device)
{
    return container_of(device, struct virtio_mmio, device);
}

static volatile uint32_t *at(const struct virtio_mmio *mmio, unsigned offset)
{
    return (volatile uint32_t *)(mmio->registers + offset);
}

static uint32_t get(struct virtio_device *device, unsigned offset)
{
    return *at(mmio_of(device), offset);
}

static void set(struct virtio_device *device, unsigned offset, uint32_t value)
{
    *at(mmio_of(device), offset) = value;
}

static uint64_t mmio_get_features(struct virtio_device *device)
{
    set(device, DEVICE_FEATURE_SEL, 0);
    uint64_t features = get(device, DEVICE_FEATURES);
    if (mmio_of(device)->legacy)
        return features;
    set(device, DEVICE_FEATURE_SEL, 1);
    return features | (uint64_t)get(device, DEVICE_FEATURES) << 32;
}

static void mmio_set_features(struct virtio_device *device, uint64_t features)
{
    set(device, DRIVER_FEATURE_SEL, 0);
    set(device, DRIVER_FEATURES, (uint32_t)features);
    if (mmio_of(device)->legacy) {
        set(device, GUEST_PAGE_SIZE, ENV_PAGE_SIZE);
        return;
    }
    set(device, DRIVER_FEATURE_SEL, 1);
    set(device, DRIVER_FEATURES, (uint32_t)(features >> 32));
}

static uint8_t mmio_get_status(struct virtio_device *device)
{
    return (uint8_t)get(device, STATUS);
}

static void mmio_set_status(struct virtio_device *device, uint8_t status)
{
    set(device, STATUS, status);
}

static void mmio_read_config(struct virtio_device *device, unsigned offset, void *to, size_t size)
{
    volatile uint8_t *from = mmio_of(device)->registers + CONFIG + offset;
    uint64_t value = 0;
    if (offset + size > SIZE - CONFIG)
        from = NULL;
    else if (size == 1)
        value = *from;
    else if (size == 2)
        value = *(volatile uint16_t *)from;
    else
        value = *(volatile uint32_t *)from;
    if (from && size == 8)
        value |= (uint64_t) * (volatile uint32_t *)(from + 4) << 32;
    memcpy(to, &value, size);
}

static void mmio_write_config(struct virtio_device *device, unsigned offset, const void *from,
                              size_t size)
{
    for (size_t i = 0; i < size && offset + i < SIZE - CONFIG; i++)
        mmio_of(device)->registers[CONFIG + offset + i] = ((const uint8_t *)from)[i];
}

static uint32_t mmio_generation(struct virtio_device *device)
{
    return mmio_of(device)->legacy ? 0 : get(device, CONFIG_GENERATION);
}

static unsigned mmio_queue_size(struct virtio_device *device, unsigned index, bool *fixed)
{
    *fixed = false;
    set(device, QUEUE_SEL, index);
    return get(device, QUEUE_NUM_MAX);
}

static void address_set(struct virtio_device *device, unsigned offset, uint64_t address)
{
    set(device, offset, (uint32_t)address);
    set(device, offset + 4, (uint32_t)(address >> 32));
}

static oskit_error_t mmio_queue_start(struct virtio_device *device, struct virtqueue *queue)
{
    uint64_t page = queue->descriptor_address >> ENV_PAGE_SHIFT;
    set(device, QUEUE_SEL, queue->index);
    set(device, QUEUE_NUM, queue->size);
    if (mmio_of(device)->legacy) {
        if (page > UINT32_MAX)
            return OSKIT_EIO;
        set(device, QUEUE_ALIGN, ENV_PAGE_SIZE);
        set(device, QUEUE_PFN, (uint32_t)page);
        return OSKIT_SUCCESS;
    }
    address_set(device, QUEUE_DESC, queue->descriptor_address);
    address_set(device, QUEUE_DRIVER, queue->driver_address);
    address_set(device, QUEUE_DEVICE, queue->device_address);
    set(device, QUEUE_READY, 1);
    return OSKIT_SUCCESS;
}

static void mmio_notify(struct virtqueue *queue)
{
    set(queue->device, QUEUE_NOTIFY, queue->index);
}

/* ---- Interrupts ---- */

static bool mmio_interrupt(void *arg)
{
    struct virtio_mmio *mmio = arg;
    uint32_t status = *at(mmio, INTERRUPT_STATUS) & (INTERRUPT_QUEUE | INTERRUPT_CONFIG);
    *at(mmio, INTERRUPT_ACK) = status;
    if (status & INTERRUPT_QUEUE)
        virtio_queues_interrupt(&mmio->device);
    if (status & INTERRUPT_CONFIG)
        virtio_config_interrupt(&mmio->device);
    return status;
}

static oskit_error_t mmio_interrupts_attach(struct virtio_device *device)
{
    struct virtio_mmio *mmio = mmio_of(device);
    return env_irq_attach(mmio->line, mmio_interrupt, mmio, &mmio->irq);
}

static void mmio_interrupts_detach(struct virtio_device *device)
{
    env_irq_detach(mmio_of(device)->irq);
}

static void mmio_interrupts_restore(struct virtio_device *device)
{
    (void)device; /* it has nothing to remember */
}

/* There is no bus to cut it off from; the status says at least that we are done with it. */
static void mmio_cut_off(struct virtio_device *device)
{
    set(device, STATUS, VIRTIO_FAILED);
}

static const struct virtio_transport mmio_transport = {
    .name = "mmio",
    .get_features = mmio_get_features,
    .set_features = mmio_set_features,
    .get_status = mmio_get_status,
    .set_status = mmio_set_status,
    .read_config = mmio_read_config,
    .write_config = mmio_write_config,
    .config_generation = mmio_generation,
    .queue_size = mmio_queue_size,
    .queue_start = mmio_queue_start,
    .notify = mmio_notify,
    .interrupts_attach = mmio_interrupts_attach,
    .interrupts_detach = mmio_interrupts_detach,
    .interrupts_restore = mmio_interrupts_restore,
    .cut_off = mmio_cut_off,
};

/* ---- Attach and detach ---- */

static void name_put(struct virtio_device *device, uint64_t physical)
{
    char *to = device->name;
    for (const char *word = "virtio mmio "; *word;)
        *to++ = *word++;
    for (int shift = 28; shift >= 0; shift -= 4)
        *to++ = "0123456789abcdef"[physical >> shift & 15];
    *to = 0;
}

/* Whether there is a device; an empty place has number 0. */
static oskit_error_t mmio_probe(struct virtio_mmio *mmio)
{
    uint32_t version = *at(mmio, VERSION);
    mmio->device.id = *at(mmio, DEVICE_ID);
    mmio->legacy = version == VERSION_LEGACY;
    bool good = *at(mmio, MAGIC) == MAGIC_VALUE && mmio->device.id &&
                (version == VERSION_LEGACY || version == VERSION_MODERN);
    return good ? OSKIT_SUCCESS : OSKIT_ENODEV;
}

oskit_error_t virtio_mmio_attach(uint64_t physical, unsigned line, struct virtio_mmio **out)
{
    *out = NULL;
    struct virtio_mmio *mmio = env_alloc(sizeof *mmio, ENV_ZERO);
    if (!mmio)
        return OSKIT_E_OUTOFMEMORY;
    mmio->device.transport = &mmio_transport;
    mmio->line = line;
    name_put(&mmio->device, physical);
    mmio->registers = env_map_device(physical, SIZE);
    oskit_error_t error = mmio->registers ? mmio_probe(mmio) : OSKIT_E_OUTOFMEMORY;
    if (!error)
        error = virtio_device_attach(&mmio->device);
    if (error) {
        env_free(mmio, sizeof *mmio);
        return error;
    }
    *out = mmio;
    return OSKIT_SUCCESS;
}

void virtio_mmio_detach(struct virtio_mmio *mmio)
{
    virtio_device_detach(&mmio->device);
    env_free(mmio, sizeof *mmio);
}
