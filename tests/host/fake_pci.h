/*
 * Configuration space made of software, behind the address and data ports: functions with BARs that
 * have a size, capabilities, bridges. Other ports go to a function's own hooks.
 */
#ifndef TESTS_HOST_FAKE_PCI_H
#define TESTS_HOST_FAKE_PCI_H

#include <stdbool.h>
#include <stdint.h>

#define FAKE_PCI_FUNCTIONS 16u

struct fake_function {
    uint8_t bus, slot, function;
    bool gone;
    uint8_t config[256];
    uint32_t bar_bits[6];    /* that can be written */
    unsigned decoding_sized; /* BARs sized while the function decoded them: must stay 0 */
};

struct fake_pci {
    bool silent; /* nobody answers at the address port */
    uint32_t address;
    struct fake_function functions[FAKE_PCI_FUNCTIONS];
    unsigned count;
    /* All other ports. */
    uint32_t (*in)(void *arg, uint16_t port, unsigned width);
    void (*out)(void *arg, uint16_t port, unsigned width, uint32_t value);
    void *arg;
};

/* An empty bus, at the ports from now on until the harness resets them. */
void fake_pci_init(struct fake_pci *pci);
/* Adds a function. DEVICE is device << 16 | vendor. */
struct fake_function *fake_pci_add(struct fake_pci *pci, unsigned bus, unsigned slot,
                                   unsigned function, uint32_t device);
/* A bridge to bus SECONDARY. */
struct fake_function *fake_pci_bridge(struct fake_pci *pci, unsigned bus, unsigned slot,
                                      unsigned secondary);
void fake_pci_set(struct fake_function *function, unsigned offset, unsigned width, uint32_t value);
uint32_t fake_pci_get(const struct fake_function *function, unsigned offset, unsigned width);
/* BAR INDEX at ADDRESS with SIZE, a power of two; BITS are the low ones: 0, 4 (64 bits), 1 (I/O).
 */
void fake_pci_bar(struct fake_function *function, unsigned index, uint64_t address, uint64_t size,
                  uint32_t bits);
/* A capability at OFFSET, put in front of those that are there. */
void fake_pci_capability(struct fake_function *function, unsigned offset, uint8_t id);

#endif
