/* Checksums, four bits at a time: small tables, and nothing to set up. */
#include "checksum.h"

/* x^16 + x^15 + x^2 + 1, low bit first. */
static const oskit_u16_t crc16_table[16] = {
    0x0000, 0xcc01, 0xd801, 0x1400, 0xf001, 0x3c00, 0x2800, 0xe401,
    0xa001, 0x6c00, 0x7800, 0xb401, 0x5000, 0x9c01, 0x8801, 0x4400,
};

/* Castagnoli's polynomial, low bit first. */
static const oskit_u32_t crc32c_table[16] = {
    0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
    0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
};

oskit_u16_t ext2_crc16(oskit_u16_t seed, const void *bytes, size_t size)
{
    const oskit_u8_t *p = bytes;

    for (size_t i = 0; i < size; i++) {
        seed ^= p[i];
        seed = (oskit_u16_t)(seed >> 4) ^ crc16_table[seed & 15];
        seed = (oskit_u16_t)(seed >> 4) ^ crc16_table[seed & 15];
    }
    return seed;
}

oskit_u32_t ext2_crc32c(oskit_u32_t seed, const void *bytes, size_t size)
{
    const oskit_u8_t *p = bytes;

    for (size_t i = 0; i < size; i++) {
        seed ^= p[i];
        seed = seed >> 4 ^ crc32c_table[seed & 15];
        seed = seed >> 4 ^ crc32c_table[seed & 15];
    }
    return seed;
}
