/* IPv4 on the wire of a fake card: the card is 10.0.2.15, the neighbour that the test plays
 * 10.0.2.2. */
#ifndef TESTS_HOST_WIRE_IPV4_H
#define TESTS_HOST_WIRE_IPV4_H

#include <stdbool.h>
#include "wire.h"

static const uint8_t our_ip[4] = {10, 0, 2, 15}, peer_ip[4] = {10, 0, 2, 2};

/* An ARP of the neighbour: 1 asks for our address, 2 tells us the neighbour's. The frame's length.
 */
static inline uint32_t arp_make(uint8_t *frame, uint32_t operation)
{
    static const uint8_t everybody[6] = {255, 255, 255, 255, 255, 255}, nobody[6];
    bool asks = operation == 1;
    uint8_t *arp = ethernet_begin(frame, asks ? everybody : our_mac, 0x806);

    memcpy(arp, "\0\1\x8\0\6\4", 6);
    put16(arp + 6, operation);
    memcpy(arp + 8, peer_mac, 6);
    memcpy(arp + 14, peer_ip, 4);
    memcpy(arp + 18, asks ? nobody : our_mac, 6);
    memcpy(arp + 24, our_ip, 4);
    return ETHERNET + 28;
}

/* After a change of the header of the frame's IPv4 packet. */
static inline void ip_seal(uint8_t *frame)
{
    put16(frame + ETHERNET + 10, 0);
    put_sum(frame + ETHERNET + 10, inet_sum(frame + ETHERNET, 20));
}

/* An IPv4 packet from the neighbour to TO, for which SIZE bytes are still to be put where the
 * result points. */
static inline uint8_t *ip_begin(uint8_t *frame, const uint8_t *to, uint8_t protocol, uint32_t size)
{
    uint8_t *ip = ethernet_begin(frame, our_mac, 0x800);

    if (to[0] >= 224)
        memcpy(frame, (uint8_t[]){1, 0, 0x5e, to[1] & 0x7f, to[2], to[3]}, 6);
    else if (to[3] == 255)
        memset(frame, 255, 6);
    memset(ip, 0, 20);
    ip[0] = 0x45;
    put16(ip + 2, 20 + size);
    ip[8] = 64;
    ip[9] = protocol;
    memcpy(ip + 12, peer_ip, 4);
    memcpy(ip + 16, to, 4);
    ip_seal(frame);
    return ip + 20;
}

#endif
