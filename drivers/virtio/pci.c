/*
 * Virtio devices on PCI: finding them, and their interrupts. With MSI-X each queue has an entry of
 * its own, on the CPU that it works for, and the configuration has entry 0; where there are too few
 * entries or vectors, the queues share entry 1, or everything entry 0. Without, there is INTx.
 */
#include <sluice/string.h>
#include "virtio_pci.h"
#include "virtqueue.h"

#define DEVICE_FIRST  0x1000u /* transitional devices; their kind is the subsystem's number */
#define DEVICE_MODERN 0x1040u /* plus enum virtio_id */
#define DEVICE_LAST   0x107fu

/* ---- Interrupts ---- */

static void config_message(void *arg)
{
    virtio_config_interrupt(arg);
}

static void queue_message(void *arg)
{
    virtio_queue_interrupt(arg);
}

static void queues_message(void *arg)
{
    virtio_queues_interrupt(arg);
}

static void all_message(void *arg)
{
    virtio_queues_interrupt(arg);
    virtio_config_interrupt(arg);
}

/* INTx: reading the status takes the line down. */
static bool line_handler(void *arg)
{
    struct virtio_pci *pci = arg;
    uint8_t isr = pci->isr(pci);
    if (isr == 0xff) /* the device has gone */
        return false;
    if (isr & ISR_QUEUE)
        virtio_queues_interrupt(&pci->device);
    if (isr & ISR_CONFIG)
        virtio_config_interrupt(&pci->device);
    return isr & (ISR_QUEUE | ISR_CONFIG);
}

static void irq_drop(struct env_irq **irq)
{
    if (*irq)
        env_irq_detach(*irq);
    *irq = NULL;
}

static void messages_detach(struct virtio_pci *pci)
{
    list_for_each (link, &pci->device.queues) {
        struct virtqueue *queue = container_of(link, struct virtqueue, link);
        irq_drop(&queue->irq);
        queue->vector = NO_VECTOR;
    }
    irq_drop(&pci->config_irq);
    irq_drop(&pci->queues_irq);
    pci->config_vector = NO_VECTOR;
}

static oskit_error_t config_attach(struct virtio_pci *pci, void (*handler)(void *arg))
{
    pci->config_vector = 0;
    return pci_msix_attach(pci->pci, 0, 0, handler, &pci->device, &pci->config_irq);
}

/* An entry a queue; those that want no interrupt need none. */
static oskit_error_t messages_each(struct virtio_pci *pci, unsigned entries)
{
    unsigned entry = 1;
    oskit_error_t error = config_attach(pci, config_message);
    list_for_each (link, &pci->device.queues) {
        struct virtqueue *queue = container_of(link, struct virtqueue, link);
        if (error || !queue->interrupt)
            continue;
        if (entry == entries)
            return OSKIT_ENOMEM;
        queue->vector = entry;
        error = pci_msix_attach(pci->pci, entry++, queue->cpu, queue_message, queue, &queue->irq);
    }
    return error;
}

static oskit_error_t messages_shared(struct virtio_pci *pci, unsigned entries)
{
    unsigned vector = entries > 1 ? 1 : 0;
    oskit_error_t error = config_attach(pci, vector ? config_message : all_message);
    if (!error && vector)
        error = pci_msix_attach(pci->pci, 1, 0, queues_message, &pci->device, &pci->queues_irq);
    list_for_each (link, &pci->device.queues)
        container_of(link, struct virtqueue, link)->vector = vector;
    return error;
}

static oskit_error_t messages_attach(struct virtio_pci *pci)
{
    unsigned entries;
    oskit_error_t error = pci_msix_enable(pci->pci, &entries);
    if (error)
        return error;
    error = messages_each(pci, entries);
    if (error) {
        messages_detach(pci);
        error = messages_shared(pci, entries);
    }
    if (error) {
        messages_detach(pci);
        pci_msix_disable(pci->pci);
    }
    return error;
}

oskit_error_t virtio_pci_interrupts_attach(struct virtio_device *device)
{
    struct virtio_pci *pci = virtio_pci_of(device);
    messages_detach(pci);
    if (messages_attach(pci) == OSKIT_SUCCESS) {
        pci->set_config_vector(pci, pci->config_vector);
        return OSKIT_SUCCESS;
    }
    return pci_intx_attach(pci->pci, line_handler, pci, &pci->config_irq);
}

void virtio_pci_interrupts_detach(struct virtio_device *device)
{
    struct virtio_pci *pci = virtio_pci_of(device);
    if (pci->pci->intx && pci->config_irq) {
        pci_intx_detach(pci->pci, pci->config_irq);
        pci->config_irq = NULL;
    }
    messages_detach(pci);
    pci_msix_disable(pci->pci);
}

void virtio_pci_interrupts_restore(struct virtio_device *device)
{
    struct virtio_pci *pci = virtio_pci_of(device);
    if (pci->pci->msix.enabled)
        pci->set_config_vector(pci, pci->config_vector);
}

void virtio_pci_cut_off(struct virtio_device *device)
{
    pci_master(virtio_pci_of(device)->pci, false);
}

bool virtio_pci_present(struct virtio_device *device)
{
    return pci_device_present(virtio_pci_of(device)->pci);
}

/* ---- Finding ---- */

static void device_name(struct virtio_device *device, const char *place)
{
    static const char prefix[] = "virtio ";
    memcpy(device->name, prefix, sizeof prefix - 1);
    memcpy(device->name + sizeof prefix - 1, place, strlen(place) + 1);
}

static oskit_error_t virtio_pci_attach(void *arg)
{
    struct pci_device *function = arg;
    if (function->device < DEVICE_FIRST || function->device > DEVICE_LAST)
        return OSKIT_ENODEV;
    struct virtio_pci *pci = env_alloc(sizeof *pci, ENV_ZERO);
    if (!pci)
        return OSKIT_E_OUTOFMEMORY;
    pci->pci = function;
    pci->device.id =
        function->device >= DEVICE_MODERN ? function->device - DEVICE_MODERN : function->subsystem;
    list_init(&pci->device.queues);
    device_name(&pci->device, function->name);
    pci_master(function, true);
    oskit_error_t error = virtio_modern_probe(pci);
    if (error == OSKIT_ENODEV)
        error = virtio_legacy_probe(pci);
    if (!error)
        error = virtio_device_attach(&pci->device);
    if (error) {
        pci_master(function, false);
        env_free(pci, sizeof *pci);
        return error;
    }
    function->driver_data = pci;
    return OSKIT_SUCCESS;
}

static void virtio_pci_detach(void *arg)
{
    struct pci_device *function = arg;
    struct virtio_pci *pci = function->driver_data;
    virtio_device_detach(&pci->device);
    pci_master(function, false);
    function->driver_data = NULL;
    env_free(pci, sizeof *pci);
}

static const struct driver_id virtio_pci_ids[] = {{VIRTIO_VENDOR, DRIVER_ANY, DRIVER_ANY}};

static const struct driver virtio_pci_driver = {
    .name = "virtio-pci",
    .bus = "pci",
    .ids = virtio_pci_ids,
    .id_count = sizeof virtio_pci_ids / sizeof virtio_pci_ids[0],
    .attach = virtio_pci_attach,
    .detach = virtio_pci_detach,
};
DRIVER(virtio_pci_driver);
