/*
 * Sequence numbers that strangers can't guess: RFC 6528, a keyed hash of the connection's addresses
 * and ports on top of a clock that ticks every 4 microseconds. The clock keeps the numbers of
 * successive connections between the same ports apart.
 */
#include "io/net/inet/secret.h"
#include <sluice/env.h>
#include <sluice/string.h>
#include "hooks.h"

#define ISN_TICK 4000u /* nanoseconds */

static uint64_t key[2];

void inet_secret_init(void)
{
    env_random(key, sizeof key);
}

/* ---- SipHash-2-4 ---- */

static inline uint64_t rotate(uint64_t value, unsigned bits)
{
    return value << bits | value >> (64 - bits);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] = rotate(v[2], 32);
}

static void sip_word(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    sip_round(v);
    sip_round(v);
    v[0] ^= word;
}

uint64_t inet_secret_hash(const void *data, size_t size)
{
    const uint8_t *at = data;
    uint64_t word, last = (uint64_t)size << 56;
    uint64_t v[4] = {key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d,
                     key[0] ^ 0x6c7967656e657261, key[1] ^ 0x7465646279746573};
    for (; size >= sizeof word; at += sizeof word, size -= sizeof word) {
        memcpy(&word, at, sizeof word);
        sip_word(v, word);
    }
    for (size_t i = 0; i < size; i++)
        last |= (uint64_t)at[i] << 8 * i;
    sip_word(v, last);
    v[2] ^= 0xff;
    for (int i = 0; i < 4; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* ---- Sequence numbers ---- */

struct flow {
    uint8_t local[16], remote[16];
    uint16_t local_port, remote_port;
};

static void flow_address(uint8_t to[16], const ip_addr_t *address)
{
    if (IP_IS_V6(address))
        memcpy(to, ip_2_ip6(address)->addr, 16);
    else
        memcpy(to, &ip_2_ip4(address)->addr, 4);
}

u32_t inet_hook_isn(const ip_addr_t *local, u16_t local_port, const ip_addr_t *remote,
                    u16_t remote_port)
{
    struct flow flow = {.local_port = local_port, .remote_port = remote_port};
    flow_address(flow.local, local);
    flow_address(flow.remote, remote);
    return (u32_t)inet_secret_hash(&flow, sizeof flow) + (u32_t)(env_time_monotonic() / ISN_TICK);
}
