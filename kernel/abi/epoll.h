/* epoll(7) and eventfd(2). */
#ifndef ABI_EPOLL_H
#define ABI_EPOLL_H

#include "kernel/abi/types.h"

#define ABI_EPOLL_CTL_ADD 1
#define ABI_EPOLL_CTL_DEL 2
#define ABI_EPOLL_CTL_MOD 3

#define ABI_EPOLL_CLOEXEC 02000000

/* The low bits are poll(2)'s. */
#define ABI_EPOLLIN        0x00000001u
#define ABI_EPOLLPRI       0x00000002u
#define ABI_EPOLLOUT       0x00000004u
#define ABI_EPOLLERR       0x00000008u
#define ABI_EPOLLHUP       0x00000010u
#define ABI_EPOLLNVAL      0x00000020u
#define ABI_EPOLLRDNORM    0x00000040u
#define ABI_EPOLLRDBAND    0x00000080u
#define ABI_EPOLLWRNORM    0x00000100u
#define ABI_EPOLLWRBAND    0x00000200u
#define ABI_EPOLLMSG       0x00000400u
#define ABI_EPOLLRDHUP     0x00002000u
#define ABI_EPOLLEXCLUSIVE 0x10000000u
#define ABI_EPOLLWAKEUP    0x20000000u
#define ABI_EPOLLONESHOT   0x40000000u
#define ABI_EPOLLET        0x80000000u

struct abi_epoll_event {
    uint32_t events;
    uint64_t data;
} __attribute__((packed));
_Static_assert(sizeof(struct abi_epoll_event) == 12, "struct epoll_event");

#define ABI_EFD_SEMAPHORE 1
#define ABI_EFD_NONBLOCK  04000
#define ABI_EFD_CLOEXEC   02000000

#endif
