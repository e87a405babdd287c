/*
 * Virtio devices that are neither on PCI nor findable: small machines (QEMU's microvm, Firecracker)
 * have them in memory, at places that the host is told, by its command line or a device tree.
 */
#ifndef SLUICE_VIRTIO_MMIO_H
#define SLUICE_VIRTIO_MMIO_H

#include <stdint.h>
#include <oskit/error.h>

struct virtio_mmio;

/*
 * Gives the device at PHYSICAL, whose interrupt is LINE (env_irq_attach's), to its driver.
 * OSKIT_ENODEV: there is none, or no driver for it. [thread]
 */
oskit_error_t virtio_mmio_attach(uint64_t physical, unsigned line, struct virtio_mmio **out);
/* Takes it away from its driver. [thread] */
void virtio_mmio_detach(struct virtio_mmio *mmio);

#endif
