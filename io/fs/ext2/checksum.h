/* The checksums of the format: CRC-16 of group descriptors, CRC-32C of everything newer. */
#ifndef IO_FS_EXT2_CHECKSUM_H
#define IO_FS_EXT2_CHECKSUM_H

#include <stddef.h>
#include <oskit/types.h>

/* Go on from SEED over SIZE bytes; neither inverts anything at its ends. */
oskit_u16_t ext2_crc16(oskit_u16_t seed, const void *bytes, size_t size);
oskit_u32_t ext2_crc32c(oskit_u32_t seed, const void *bytes, size_t size);

#endif
