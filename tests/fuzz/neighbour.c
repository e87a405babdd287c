/* See neighbour.h. */
#include "neighbour.h"

#include <stdlib.h>
#include <string.h>
#include <sluice/list.h>
#include <sluice/packet.h>
#include "io/net/inet/checksum.h"

#define ETHERNET 14u

static void put16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void put32(uint8_t *at, uint32_t value)
{
    put16(at, value >> 16);
    put16(at + 2, value);
}

static void swap(uint8_t *one, uint8_t *other, uint32_t size)
{
    uint8_t kept[16];

    memcpy(kept, one, size);
    memcpy(one, other, size);
    memcpy(other, kept, size);
}

void neighbour_known(struct fake_card *card)
{
    uint8_t frame[] = {2, 0, 0, 0, 0, 1, 2, 0,  0, 0, 0, 2, 8, 6, 0, 1, 8, 0,  6, 4, 0,
                       2, 2, 0, 0, 0, 0, 2, 10, 0, 2, 2, 2, 0, 0, 0, 0, 1, 10, 0, 2, 15};

    fake_card_arrive(card, frame, sizeof frame, 0, 0);
}

static void put_sum(uint8_t *at, uint16_t sum)
{
    sum = (uint16_t)~sum;
    memcpy(at, &sum, sizeof sum);
}

/* From a segment of ours to one of his; SIZE of IP's packet follows. */
static uint32_t answer_segment(struct choices *choices, uint8_t *tcp, uint32_t size)
{
    static const uint8_t flags[] = {0x10, 0x18, 0x11, 0x14, 0x30, 0x02};
    uint32_t header = (tcp[12] >> 4) * 4u, sequence = get32(tcp + 4);
    uint32_t data = choices_next(choices, 4) ? 0 : choices_next(choices, 600);

    put32(tcp + 4, get32(tcp + 8));
    put32(tcp + 8, sequence + (size > header ? size - header : 0) + (tcp[13] & 2 ? 1 : 0) +
                       (tcp[13] & 1 ? 1 : 0));
    swap(tcp, tcp + 2, 2);
    if ((tcp[13] & 0x12) == 2) {
        put32(tcp + 4, 1);
        tcp[13] = choices_next(choices, 8) ? 0x12 : 0x14;
        data = 0;
    } else {
        tcp[13] = choices_next(choices, 2) ? 0x10 : flags[choices_next(choices, sizeof flags)];
    }
    tcp[12] = 5 << 4;
    put16(tcp + 14, choices_next(choices, 4) ? 65535 : choices_next(choices, 3000));
    memset(tcp + 16, 0, 4 + data);
    return 20 + data;
}

/* Turns IP's packet at IP round; its new length, 0: there is no answer. */
static uint32_t answer_make(struct choices *choices, uint8_t *ip, uint32_t length)
{
    uint32_t header = (ip[0] & 15u) * 4, rest = length - header;
    uint8_t *data = ip + header;

    swap(ip + 12, ip + 16, 4);
    if (ip[9] == 6 && rest >= 20) {
        rest = answer_segment(choices, data, rest);
    } else if (ip[9] == 17 && rest >= 8) {
        swap(data, data + 2, 2);
        put16(data + 6, 0);
    } else if (ip[9] == 1 && rest >= 8 && data[0] == 8) {
        data[0] = 0;
        put16(data + 2, 0);
        put_sum(data + 2, inet_sum(data, (int)rest));
    } else {
        return 0;
    }
    return header + rest;
}

/* Says that a packet of ours at IP didn't arrive. */
static uint32_t answer_complaint(struct choices *choices, uint8_t *ip, uint32_t length)
{
    static const uint8_t kinds[][2] = {{3, 0}, {3, 1}, {3, 3}, {3, 4}, {11, 0}, {3, 13}};
    uint32_t which = choices_next(choices, SLUICE_COUNT(kinds)),
             quoted = length < 200 ? length : 200;
    uint8_t *icmp = ip + 20;

    memmove(ip + 28, ip, quoted);
    memset(icmp, 0, 8);
    icmp[0] = kinds[which][0];
    icmp[1] = kinds[which][1];
    put16(icmp + 6, choices_next(choices, 2) ? 1000 : choices_next(choices, 65536));
    put_sum(icmp + 2, inet_sum(icmp, (int)quoted + 8));
    ip[0] = 0x45;
    ip[9] = 1;
    put16(ip + 6, 0);
    memcpy(ip + 12, "\12\0\2\2\12\0\2\17", 8);
    return quoted + 28;
}

static void answer(struct fake_card *card, struct choices *choices, const struct fake_frame *sent)
{
    uint8_t frame[4096] = {0}, *ip = frame + ETHERNET;
    uint32_t how = choices_next(choices, 8), length;

    if (how == 7 || sent->length > 2000 || sent->length < ETHERNET + 28 || sent->bytes[12] != 8 ||
        sent->bytes[13] != 0)
        return;
    memcpy(frame, sent->bytes, sent->length);
    swap(frame, frame + 6, 6);
    length = how == 6 ? answer_complaint(choices, ip, sent->length - ETHERNET)
                      : answer_make(choices, ip, sent->length - ETHERNET);
    if (length == 0)
        return;
    put16(ip + 2, length);
    put16(ip + 4, sent->length);
    put16(ip + 10, 0);
    put_sum(ip + 10, inet_sum(ip, (ip[0] & 15) * 4));
    if (choices_next(choices, 32) == 31)
        ip[choices_next(choices, length)] ^= (uint8_t)(1 + choices_next(choices, 255));
    fake_card_arrive(card, frame, ETHERNET + length,
                     choices_next(choices, 4) ? 0 : 1 + choices_next(choices, 100),
                     PACKET_SUM_GOOD);
}

/* A few, and the rest is lost. */
void neighbour_answers(struct fake_card *card, struct choices *choices)
{
    struct fake_frame sent;

    for (uint32_t count = choices_next(choices, 8); count > 0 && fake_card_take(card, &sent);
         count--) {
        answer(card, choices, &sent);
        free(sent.bytes);
    }
    fake_card_clear(card);
}
