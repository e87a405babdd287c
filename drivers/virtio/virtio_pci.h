/*
 * Virtio over PCI: what the modern and the legacy transport share. pci.c finds the device and its
 * interrupts, modern.c and legacy.c fill in the transport table.
 */
#ifndef DRIVERS_VIRTIO_VIRTIO_PCI_H
#define DRIVERS_VIRTIO_VIRTIO_PCI_H

#include "drivers/pci/pci.h"
#include "transport.h"

#define NO_VECTOR 0xffffu

/* Bits of the interrupt status, which a read clears. */
#define ISR_QUEUE  1u
#define ISR_CONFIG 2u

struct virtio_modern_registers;

struct virtio_pci {
    struct virtio_device device;
    struct pci_device *pci;
    uint8_t (*isr)(struct virtio_pci *pci);
    /* Tells the device the number of the configuration's MSI-X entry. */
    void (*set_config_vector)(struct virtio_pci *pci, unsigned vector);
    /* Interrupts: */
    struct env_irq *config_irq; /* or that of all, with one MSI-X entry or INTx */
    struct env_irq *queues_irq; /* of all queues, where they share one */
    unsigned config_vector;
    /* Modern: */
    volatile struct virtio_modern_registers *registers;
    volatile uint8_t *isr_at, *config, *notify;
    uint64_t config_size, notify_size;
    uint32_t notify_multiplier;
    /* Legacy: */
    uint16_t port;
};

static inline struct virtio_pci *virtio_pci_of(struct virtio_device *device)
{
    return container_of(device, struct virtio_pci, device);
}

/* Fill in the rest when the device is one of theirs; else OSKIT_ENODEV. */
oskit_error_t virtio_modern_probe(struct virtio_pci *pci);
oskit_error_t virtio_legacy_probe(struct virtio_pci *pci);

/* Entries of both transport tables. */
oskit_error_t virtio_pci_interrupts_attach(struct virtio_device *device);
void virtio_pci_interrupts_detach(struct virtio_device *device);
void virtio_pci_interrupts_restore(struct virtio_device *device);
void virtio_pci_cut_off(struct virtio_device *device);
bool virtio_pci_present(struct virtio_device *device);

#endif
