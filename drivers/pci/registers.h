/* PCI configuration space: offsets in bytes, and the bits that matter here. */
#ifndef DRIVERS_PCI_REGISTERS_H
#define DRIVERS_PCI_REGISTERS_H

#define PCI_VENDOR         0x00
#define PCI_DEVICE         0x02
#define PCI_COMMAND        0x04
#define PCI_STATUS         0x06
#define PCI_CLASS_REVISION 0x08 /* revision in the lowest byte */
#define PCI_HEADER_TYPE    0x0e
#define PCI_BAR0           0x10
#define PCI_SUBSYSTEM      0x2e
#define PCI_CAPABILITIES   0x34
#define PCI_INTERRUPT_LINE 0x3c
#define PCI_INTERRUPT_PIN  0x3d /* 1 INTA .. 4 INTD, 0 none */

#define PCI_SECONDARY_BUS   0x19 /* bridges */
#define PCI_SUBORDINATE_BUS 0x1a

#define PCI_VENDOR_NONE 0xffffu /* nobody answers */

#define COMMAND_IO           0x0001u
#define COMMAND_MEMORY       0x0002u
#define COMMAND_MASTER       0x0004u
#define COMMAND_INTX_DISABLE 0x0400u

#define STATUS_CAPABILITIES 0x10u

#define HEADER_MULTIFUNCTION 0x80u
#define HEADER_TYPE          0x7fu
#define HEADER_DEVICE        0
#define HEADER_BRIDGE        1

#define BAR_IO       1u
#define BAR_IO_MASK  3u
#define BAR_TYPE     6u /* of memory: 0 is 32 bits, 4 is 64 */
#define BAR_64       4u
#define BAR_MEM_MASK 15u

#define CAPABILITY_VENDOR 0x09
#define CAPABILITY_MSIX   0x11

/* MSI-X: offsets in the capability. */
#define MSIX_CONTROL 2
#define MSIX_TABLE   4 /* BAR number in the low three bits */
#define MSIX_ENABLE  0x8000u
#define MSIX_MASKALL 0x4000u
#define MSIX_SIZE    0x07ffu /* entries less one */
#define MSIX_BIR     7u

/* An entry of the MSI-X table, in 32-bit words. */
#define MSIX_ENTRY_ADDRESS 0
#define MSIX_ENTRY_HIGH    1
#define MSIX_ENTRY_DATA    2
#define MSIX_ENTRY_CONTROL 3
#define MSIX_ENTRY_WORDS   4
#define MSIX_ENTRY_MASKED  1u

/* Ports of configuration mechanism 1. */
#define PORT_ADDRESS   0xcf8
#define PORT_DATA      0xcfc
#define ADDRESS_ENABLE 0x80000000u

#endif
