/* lwIP includes <stdlib.h> for atoi alone; a freestanding build has none. */
#ifndef IO_NET_INET_PORT_LIBC_STDLIB_H
#define IO_NET_INET_PORT_LIBC_STDLIB_H

static inline int atoi(const char *text)
{
    int value = 0;
    while (*text >= '0' && *text <= '9' && value < 100000000)
        value = value * 10 + (*text++ - '0');
    return value;
}

#endif
