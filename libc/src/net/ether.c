/* Ethernet addresses as text: "2:0:1a:b:c:d". */
#include <netinet/ether.h>
#include <stdio.h>
#include <stdlib.h>

char *ether_ntoa_r(const struct ether_addr *address, char *text)
{
    const uint8_t *b = address->ether_addr_octet;

    sprintf(text, "%x:%x:%x:%x:%x:%x", b[0], b[1], b[2], b[3], b[4], b[5]);
    return text;
}

char *ether_ntoa(const struct ether_addr *address)
{
    static char text[18];

    return ether_ntoa_r(address, text);
}

struct ether_addr *ether_aton_r(const char *text, struct ether_addr *address)
{
    for (int n = 0; n < ETH_ALEN; n++) {
        char *end;
        unsigned long byte = strtoul(text, &end, 16);
        if (end == text || byte > 255 || *end != (n < ETH_ALEN - 1 ? ':' : '\0'))
            return NULL;
        address->ether_addr_octet[n] = (uint8_t)byte;
        text = end + 1;
    }
    return address;
}

struct ether_addr *ether_aton(const char *text)
{
    static struct ether_addr address;

    return ether_aton_r(text, &address);
}
