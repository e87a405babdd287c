/* Internet addresses as text, and the socket calls that are special cases of others. */
#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "internal.h"

const struct in6_addr in6addr_any = IN6ADDR_ANY_INIT;
const struct in6_addr in6addr_loopback = IN6ADDR_LOOPBACK_INIT;

ssize_t send(int fd, const void *buffer, size_t size, int flags)
{
    return sendto(fd, buffer, size, flags, NULL, 0);
}

ssize_t recv(int fd, void *buffer, size_t size, int flags)
{
    return recvfrom(fd, buffer, size, flags, NULL, NULL);
}

int sockatmark(int fd)
{
    int mark;

    return ioctl(fd, SIOCATMARK, &mark) < 0 ? -1 : mark;
}

int isfdtype(int fd, int type)
{
    struct stat status;

    return fstat(fd, &status) < 0 ? -1 : (status.st_mode & S_IFMT) == (mode_t)type;
}

int bindresvport(int fd, struct sockaddr_in *name)
{
    struct sockaddr_in any = {.sin_family = AF_INET};

    if (!name)
        name = &any;
    for (int port = IPPORT_RESERVED - 1; port >= IPPORT_RESERVED / 2; port--) {
        name->sin_port = htons((uint16_t)port);
        if (bind(fd, (struct sockaddr *)name, sizeof(*name)) == 0)
            return 0;
        if (errno != EADDRINUSE)
            return -1;
    }
    return -1;
}

/* One to four parts, the last of which fills what the others left: "127.1" is 127.0.0.1. */
int inet_aton(const char *text, struct in_addr *address)
{
    unsigned long part[4];
    int count = 0;
    char *end;

    do {
        if (count == 4 || *text < '0' || *text > '9')
            return 0;
        part[count++] = strtoul(text, &end, 0);
        if (*end && *end != '.')
            return 0;
        text = end + 1;
    } while (*end);
    unsigned long value = part[count - 1];
    if (value >> 8 * (5 - count))
        return 0;
    for (int n = 0; n < count - 1; n++) {
        if (part[n] > 255)
            return 0;
        value |= part[n] << (24 - 8 * n);
    }
    address->s_addr = htonl((uint32_t)value);
    return 1;
}

in_addr_t inet_addr(const char *text)
{
    struct in_addr address;

    return inet_aton(text, &address) ? address.s_addr : INADDR_NONE;
}

char *inet_ntoa(struct in_addr address)
{
    static char text[INET_ADDRSTRLEN];

    return (char *)inet_ntop(AF_INET, &address, text, sizeof(text));
}

static bool parse_ipv4(const char *text, uint8_t *bytes)
{
    for (int n = 0; n < 4; n++) {
        unsigned value = 0;
        int digits = 0;
        for (; *text >= '0' && *text <= '9' && digits < 3; digits++)
            value = value * 10 + (*text++ - '0');
        if (!digits || value > 255 || *text != (n == 3 ? '\0' : '.'))
            return false;
        bytes[n] = (uint8_t)value;
        text++;
    }
    return true;
}

/* Groups go to words[0...]; where "::" stood is remembered and the rest is moved to the end. */
static bool parse_ipv6(const char *text, uint8_t *bytes)
{
    uint8_t out[16] = {0};
    int count = 0, gap = -1;

    if (text[0] == ':' && *++text != ':')
        return false;
    while (*text) {
        char *end;
        if (*text == ':') {
            if (gap >= 0)
                return false;
            gap = count;
            text++;
            continue;
        }
        unsigned long value = strtoul(text, &end, 16);
        if (*end == '.' && count <= 12) {
            if (!parse_ipv4(text, out + count))
                return false;
            count += 4;
            break;
        }
        if (end == text || end - text > 4 || value > 0xffff || count > 14 || (*end && *end != ':'))
            return false;
        out[count++] = (uint8_t)(value >> 8);
        out[count++] = (uint8_t)value;
        if (*end && !end[1])
            return false;
        text = *end ? end + 1 : end;
    }
    if (gap < 0 ? count != 16 : count > 14)
        return false;
    memset(bytes, 0, 16);
    memcpy(bytes, out, gap < 0 ? 16 : gap);
    if (gap >= 0)
        memcpy(bytes + 16 - (count - gap), out + gap, count - gap);
    return true;
}

int inet_pton(int family, const char *restrict text, void *restrict address)
{
    if (family == AF_INET)
        return parse_ipv4(text, address);
    if (family == AF_INET6)
        return parse_ipv6(text, address);
    errno = EAFNOSUPPORT;
    return -1;
}

/* The longest run of two or more zero groups: its begin, and its length in *length. */
static int longest_gap(const uint8_t *bytes, int *length)
{
    int best = -1;

    *length = 1;
    for (int begin = 0; begin < 8; begin++) {
        int n = 0;
        while (begin + n < 8 && !bytes[2 * (begin + n)] && !bytes[2 * (begin + n) + 1])
            n++;
        if (n > *length) {
            *length = n;
            best = begin;
        }
    }
    return best;
}

/* IPv4's addresses in IPv6's clothes are told by their own numbers. */
static bool ends_as_ipv4(const uint8_t *bytes, int gap, int length)
{
    return gap == 0 && (length == 6 || (length == 5 && bytes[10] == 0xff && bytes[11] == 0xff));
}

static void format_ipv6(const uint8_t *bytes, char *text)
{
    int length, gap = longest_gap(bytes, &length);

    for (int n = 0; n < 8; n++) {
        if (n == 6 && ends_as_ipv4(bytes, gap, length)) {
            sprintf(text, "%d.%d.%d.%d", bytes[12], bytes[13], bytes[14], bytes[15]);
            return;
        }
        if (n == gap) {
            text += sprintf(text, n ? ":" : "::");
            n += length - 1;
            continue;
        }
        text += sprintf(text, "%x%s", bytes[2 * n] << 8 | bytes[2 * n + 1], n < 7 ? ":" : "");
    }
}

const char *inet_ntop(int family, const void *restrict address, char *restrict text, socklen_t size)
{
    char buffer[INET6_ADDRSTRLEN] = "";
    const uint8_t *bytes = address;

    if (family == AF_INET) {
        sprintf(buffer, "%d.%d.%d.%d", bytes[0], bytes[1], bytes[2], bytes[3]);
    } else if (family == AF_INET6) {
        format_ipv6(bytes, buffer);
    } else {
        errno = EAFNOSUPPORT;
        return NULL;
    }
    if (strlen(buffer) >= size) {
        errno = ENOSPC;
        return NULL;
    }
    return strcpy(text, buffer);
}

/* ---- Networks of the old classes ---- */

static int host_bits(in_addr_t address)
{
    return IN_CLASSA(address)   ? IN_CLASSA_NSHIFT
           : IN_CLASSB(address) ? IN_CLASSB_NSHIFT
                                : IN_CLASSC_NSHIFT;
}

in_addr_t inet_lnaof(struct in_addr address)
{
    in_addr_t value = ntohl(address.s_addr);

    return value & ((1u << host_bits(value)) - 1);
}

in_addr_t inet_netof(struct in_addr address)
{
    in_addr_t value = ntohl(address.s_addr);

    return value >> host_bits(value);
}

struct in_addr inet_makeaddr(in_addr_t net, in_addr_t host)
{
    int bits = net < 128 ? 24 : net < 65536 ? 16 : 8;

    return (struct in_addr){htonl(net << bits | (host & ((1u << bits) - 1)))};
}

/* "127.0" is 0x7f00: each part a byte. */
in_addr_t inet_network(const char *text)
{
    in_addr_t value = 0;
    int count = 0;

    for (;; text++) {
        char *end;
        unsigned long part = strtoul(text, &end, 0);
        if (end == text || part > 255 || ++count > 4 || (*end && *end != '.'))
            return INADDR_NONE;
        value = value << 8 | (in_addr_t)part;
        if (!*end)
            return value;
        text = end;
    }
}
