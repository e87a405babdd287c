/*
 * What the specification wants of every driver, over the transport table: the order of status bits,
 * the agreement on features, starting and stopping.
 */
#include <sluice/string.h>
#include "transport.h"
#include "virtqueue.h"

#define GONE             0xffu
#define RESET_TRIES      100000u /* reads of the status; QEMU needs one */
#define GENERATION_TRIES 16u

static uint8_t status_get(struct virtio_device *device)
{
    return device->transport->get_status(device);
}

static void status_add(struct virtio_device *device, uint8_t bits)
{
    device->transport->set_status(device, status_get(device) | bits);
}

bool virtio_present(struct virtio_device *device)
{
    const struct virtio_transport *transport = device->transport;
    return status_get(device) != GONE && (!transport->present || transport->present(device));
}

/* ---- Reset ---- */

oskit_error_t virtio_reset(struct virtio_device *device)
{
    device->transport->set_status(device, 0);
    for (unsigned i = 0; i < RESET_TRIES; i++) {
        uint8_t status = status_get(device);
        if (status == 0)
            return OSKIT_SUCCESS;
        if (status == GONE)
            break;
    }
    device->transport->cut_off(device);
    return OSKIT_EIO;
}

oskit_error_t virtio_begin(struct virtio_device *device)
{
    oskit_error_t error = virtio_reset(device);
    if (error)
        return error;
    device->transport->set_status(device, VIRTIO_ACKNOWLEDGE);
    status_add(device, VIRTIO_DRIVER);
    return OSKIT_SUCCESS;
}

/* ---- Features ---- */

/* A device of VERSION_1 has the last word on what was agreed. */
static oskit_error_t features_set(struct virtio_device *device)
{
    device->transport->set_features(device, device->features);
    if (virtio_is_legacy(device))
        return OSKIT_SUCCESS;
    status_add(device, VIRTIO_FEATURES_OK);
    return status_get(device) & VIRTIO_FEATURES_OK ? OSKIT_SUCCESS : OSKIT_EIO;
}

oskit_error_t virtio_negotiate(struct virtio_device *device, uint64_t wanted)
{
    uint64_t offered = device->transport->get_features(device);
    wanted |= VIRTIO_F_VERSION_1 | VIRTIO_F_ACCESS | VIRTIO_F_RING_FEATURES | VIRTIO_F_ANY_LAYOUT;
    device->features = offered & wanted;
    if (virtio_is_legacy(device))
        device->features &= ~(VIRTIO_F_RING_PACKED | VIRTIO_F_ACCESS);
    oskit_error_t error = features_set(device);
    if (error)
        env_log(ENV_LOG_ERROR, "%s: it refuses the features %#llx of its %#llx", device->name,
                (unsigned long long)device->features, (unsigned long long)offered);
    return error;
}

/* ---- Configuration ---- */

static uint64_t config_field(struct virtio_device *device, unsigned offset, size_t size)
{
    uint8_t value8;
    uint16_t value16;
    uint32_t value32;
    uint64_t value64;
    switch (size) {
    case 1:
        device->transport->read_config(device, offset, &value8, 1);
        return value8;
    case 2:
        device->transport->read_config(device, offset, &value16, 2);
        return value16;
    case 4:
        device->transport->read_config(device, offset, &value32, 4);
        return value32;
    default:
        device->transport->read_config(device, offset, &value64, 8);
        return value64;
    }
}

uint64_t virtio_config_read(struct virtio_device *device, unsigned offset, size_t size)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < GENERATION_TRIES; i++) {
        uint32_t before = device->transport->config_generation(device);
        value = config_field(device, offset, size);
        if (device->transport->config_generation(device) == before)
            break;
    }
    return value;
}

void virtio_config_write8(struct virtio_device *device, unsigned offset, uint8_t value)
{
    device->transport->write_config(device, offset, &value, 1);
}

/* ---- Starting and stopping ---- */

static oskit_error_t queues_start(struct virtio_device *device)
{
    oskit_error_t error = OSKIT_SUCCESS;
    list_for_each (link, &device->queues)
        if (!error)
            error =
                device->transport->queue_start(device, container_of(link, struct virtqueue, link));
    if (!error)
        status_add(device, VIRTIO_DRIVER_OK);
    return error;
}

oskit_error_t virtio_start(struct virtio_device *device)
{
    oskit_error_t error = device->transport->interrupts_attach(device);
    if (error)
        return error;
    device->started = true;
    error = queues_start(device);
    if (error)
        virtio_stop(device);
    return error;
}

void virtio_stop(struct virtio_device *device)
{
    if (!device->started)
        return;
    /* The handlers first: one of them might restart what we reset. */
    device->transport->interrupts_detach(device);
    virtio_reset(device);
    device->started = false;
}

void virtio_end(struct virtio_device *device)
{
    if (virtio_reset(device) == OSKIT_SUCCESS)
        device->transport->cut_off(device);
}

oskit_error_t virtio_restart(struct virtio_device *device)
{
    device->transport->interrupts_restore(device);
    device->transport->set_status(device, VIRTIO_ACKNOWLEDGE);
    status_add(device, VIRTIO_DRIVER);
    oskit_error_t error = features_set(device);
    if (!error)
        error = queues_start(device);
    if (error)
        virtio_reset(device);
    return error;
}

/* ---- Interrupts ---- */

void virtio_queue_interrupt(struct virtqueue *queue)
{
    if (queue->interrupt)
        queue->interrupt(queue);
}

void virtio_queues_interrupt(struct virtio_device *device)
{
    list_for_each (link, &device->queues)
        virtio_queue_interrupt(container_of(link, struct virtqueue, link));
}

void virtio_config_interrupt(struct virtio_device *device)
{
    if (device->config_changed)
        device->config_changed(device);
}

/* ---- Finding the driver ---- */

oskit_error_t virtio_device_attach(struct virtio_device *device)
{
    struct driver_id id = {VIRTIO_VENDOR, device->id, 0};
    list_init(&device->queues);
    return driver_attach("virtio", &id, device, &device->driver);
}

void virtio_device_detach(struct virtio_device *device)
{
    if (device->driver)
        device->driver->detach(device);
    device->driver = NULL;
}
