/* What lwIP asks of compiler and surroundings: freestanding, our words for its complaints. */
#ifndef IO_NET_INET_PORT_ARCH_CC_H
#define IO_NET_INET_PORT_ARCH_CC_H

#include <limits.h>
#include <sluice/env.h>

#define LWIP_NO_INTTYPES_H 1
#define LWIP_NO_UNISTD_H   1
#define LWIP_NO_CTYPE_H    1
/* lwIP expects it where the C library says how large it is; a library's own is the same type. */
typedef long ssize_t;
#ifndef SSIZE_MAX
#define SSIZE_MAX LONG_MAX
#endif

#define X8_F  "02x"
#define U16_F "u"
#define S16_F "d"
#define X16_F "x"
#define U32_F "u"
#define S32_F "d"
#define X32_F "x"
#define SZT_F "lu"

#define BYTE_ORDER LITTLE_ENDIAN

#define LWIP_DONT_PROVIDE_BYTEORDER_FUNCTIONS
#define lwip_htons(x) __builtin_bswap16(x)
#define lwip_htonl(x) __builtin_bswap32(x)

#define LWIP_CONST_CAST(type, value) ((type)(uintptr_t)(value))

#define LWIP_PLATFORM_DIAG(words) ((void)0)
#define LWIP_PLATFORM_ASSERT(why) env_panic("lwIP: %s (%s:%d)", (why), __FILE__, __LINE__)

static inline uint32_t inet_random32(void)
{
    uint32_t value;
    env_random(&value, sizeof value);
    return value;
}
#define LWIP_RAND() inet_random32()

/* The sum of SIZE bytes as the internet's checksum has it, not inverted; io/net/inet/checksum.c. */
uint16_t inet_sum(const void *data, int size);
#define LWIP_CHKSUM inet_sum

#endif
