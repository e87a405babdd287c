/* poll(2) and select(2). */
#ifndef ABI_POLL_H
#define ABI_POLL_H

#include "kernel/abi/types.h"

#define ABI_POLLIN     0x0001
#define ABI_POLLPRI    0x0002
#define ABI_POLLOUT    0x0004
#define ABI_POLLERR    0x0008
#define ABI_POLLHUP    0x0010
#define ABI_POLLNVAL   0x0020
#define ABI_POLLRDNORM 0x0040
#define ABI_POLLRDBAND 0x0080
#define ABI_POLLWRNORM 0x0100
#define ABI_POLLWRBAND 0x0200
#define ABI_POLLMSG    0x0400
#define ABI_POLLRDHUP  0x2000

struct abi_pollfd {
    int32_t fd;
    int16_t events;
    int16_t revents;
};
_Static_assert(sizeof(struct abi_pollfd) == 8, "struct pollfd");

/* select(2): an array of 64-bit words, bit N % 64 of word N / 64 */
#define ABI_FD_SETSIZE 1024
struct abi_fd_set {
    uint64_t bits[ABI_FD_SETSIZE / 64];
};

#endif
