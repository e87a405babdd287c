/* Frames made and read by hand, for tests that play the neighbour on the wire of a fake card. */
#ifndef TESTS_HOST_WIRE_H
#define TESTS_HOST_WIRE_H

#include <stdint.h>
#include <string.h>
#include "io/net/inet/checksum.h"

#define ETHERNET 14u /* the length of its header */

static const uint8_t our_mac[6] = {2, 0, 0, 0, 0, 1}, peer_mac[6] = {2, 0, 0, 0, 0, 2};

static inline void put16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static inline void put32(uint8_t *at, uint32_t value)
{
    put16(at, value >> 16);
    put16(at + 2, value);
}

static inline uint32_t get16(const uint8_t *at)
{
    return (uint32_t)at[0] << 8 | at[1];
}

static inline uint32_t get32(const uint8_t *at)
{
    return get16(at) << 16 | get16(at + 2);
}

/* The complement of a sum by inet_sum. */
static inline void put_sum(uint8_t *at, uint16_t sum)
{
    sum = (uint16_t)~sum;
    memcpy(at, &sum, sizeof sum);
}

/* A header from the neighbour to TO. What comes behind it. */
static inline uint8_t *ethernet_begin(uint8_t *frame, const uint8_t *to, uint32_t type)
{
    memcpy(frame, to, 6);
    memcpy(frame + 6, peer_mac, 6);
    put16(frame + 12, type);
    return frame + ETHERNET;
}

#endif
