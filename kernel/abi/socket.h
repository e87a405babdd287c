/* Sockets: families, types, options, addresses, messages. */
#ifndef ABI_SOCKET_H
#define ABI_SOCKET_H

#include "kernel/abi/types.h"
#include "kernel/abi/uio.h"

#define ABI_AF_UNSPEC  0
#define ABI_AF_UNIX    1
#define ABI_AF_INET    2
#define ABI_AF_INET6   10
#define ABI_AF_NETLINK 16
#define ABI_AF_PACKET  17

#define ABI_SOCK_STREAM    1
#define ABI_SOCK_DGRAM     2
#define ABI_SOCK_RAW       3
#define ABI_SOCK_RDM       4
#define ABI_SOCK_SEQPACKET 5
#define ABI_SOCK_TYPE_MASK 0xf
#define ABI_SOCK_NONBLOCK  04000
#define ABI_SOCK_CLOEXEC   02000000

#define ABI_IPPROTO_IP   0
#define ABI_IPPROTO_ICMP 1
#define ABI_IPPROTO_TCP  6
#define ABI_IPPROTO_UDP  17
#define ABI_IPPROTO_IPV6 41
#define ABI_IPPROTO_RAW  255

#define ABI_SOL_SOCKET 1
#define ABI_SOL_IP     0
#define ABI_SOL_IPV6   41

#define ABI_IP_RECVERR   11
#define ABI_IPV6_RECVERR 25

#define ABI_SO_DEBUG        1
#define ABI_SO_REUSEADDR    2
#define ABI_SO_TYPE         3
#define ABI_SO_ERROR        4
#define ABI_SO_DONTROUTE    5
#define ABI_SO_BROADCAST    6
#define ABI_SO_SNDBUF       7
#define ABI_SO_RCVBUF       8
#define ABI_SO_KEEPALIVE    9
#define ABI_SO_OOBINLINE    10
#define ABI_SO_NO_CHECK     11
#define ABI_SO_PRIORITY     12
#define ABI_SO_LINGER       13
#define ABI_SO_REUSEPORT    15
#define ABI_SO_PASSCRED     16
#define ABI_SO_PEERCRED     17
#define ABI_SO_RCVLOWAT     18
#define ABI_SO_SNDLOWAT     19
#define ABI_SO_RCVTIMEO     20
#define ABI_SO_SNDTIMEO     21
#define ABI_SO_BINDTODEVICE 25
#define ABI_SO_GET_FILTER   26
#define ABI_SO_TIMESTAMP    29
#define ABI_SO_ACCEPTCONN   30
#define ABI_SO_SNDBUFFORCE  32
#define ABI_SO_RCVBUFFORCE  33
#define ABI_SO_TIMESTAMPNS  35
#define ABI_SO_MARK         36
#define ABI_SO_PROTOCOL     38
#define ABI_SO_DOMAIN       39
#define ABI_SO_RXQ_OVFL     40
#define ABI_SO_COOKIE       57
#define ABI_SO_ZEROCOPY     60

#define ABI_SHUT_RD   0
#define ABI_SHUT_WR   1
#define ABI_SHUT_RDWR 2

#define ABI_SOMAXCONN 4096

#define ABI_MSG_OOB          0x0001
#define ABI_MSG_PEEK         0x0002
#define ABI_MSG_DONTROUTE    0x0004
#define ABI_MSG_CTRUNC       0x0008
#define ABI_MSG_TRUNC        0x0020
#define ABI_MSG_DONTWAIT     0x0040
#define ABI_MSG_EOR          0x0080
#define ABI_MSG_WAITALL      0x0100
#define ABI_MSG_CONFIRM      0x0800
#define ABI_MSG_ERRQUEUE     0x2000
#define ABI_MSG_NOSIGNAL     0x4000
#define ABI_MSG_MORE         0x8000
#define ABI_MSG_WAITFORONE   0x10000
#define ABI_MSG_ZEROCOPY     0x4000000
#define ABI_MSG_FASTOPEN     0x20000000
#define ABI_MSG_CMSG_CLOEXEC 0x40000000

#define ABI_SCM_RIGHTS      1
#define ABI_SCM_CREDENTIALS 2

struct abi_sockaddr {
    uint16_t sa_family;
    uint8_t sa_data[14];
};

struct abi_sockaddr_storage {
    uint16_t ss_family;
    uint8_t padding[126];
} __attribute__((aligned(8)));

struct abi_sockaddr_un {
    uint16_t sun_family;
    char sun_path[108];
};

struct abi_sockaddr_in {
    uint16_t sin_family;
    uint16_t sin_port; /* network order */
    uint32_t sin_addr; /* network order */
    uint8_t sin_zero[8];
};

struct abi_sockaddr_in6 {
    uint16_t sin6_family;
    uint16_t sin6_port;
    uint32_t sin6_flowinfo;
    uint8_t sin6_addr[16];
    uint32_t sin6_scope_id;
};

struct abi_msghdr {
    uint64_t msg_name;
    int32_t msg_namelen;
    uint32_t reserved0;
    uint64_t msg_iov;
    uint64_t msg_iovlen;
    uint64_t msg_control;
    uint64_t msg_controllen;
    uint32_t msg_flags;
    uint32_t reserved1;
};
_Static_assert(sizeof(struct abi_msghdr) == 56, "struct msghdr");

struct abi_mmsghdr {
    struct abi_msghdr msg_hdr;
    uint32_t msg_len;
};

struct abi_cmsghdr {
    uint64_t cmsg_len;
    int32_t cmsg_level;
    int32_t cmsg_type;
};

struct abi_ucred {
    int32_t pid;
    uint32_t uid;
    uint32_t gid;
};

struct abi_linger {
    int32_t l_onoff;
    int32_t l_linger;
};

#define ABI_FIOSETOWN  0x8901
#define ABI_SIOCSPGRP  0x8902
#define ABI_FIOGETOWN  0x8903
#define ABI_SIOCGPGRP  0x8904
#define ABI_SIOCATMARK 0x8905

#endif
