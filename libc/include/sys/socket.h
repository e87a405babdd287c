/* Sockets. */
#ifndef _SYS_SOCKET_H
#define _SYS_SOCKET_H

#include <sys/cdefs.h>
#include <sys/types.h>
#include <sys/uio.h>

#ifndef _SOCKLEN_T_DECLARED
#define _SOCKLEN_T_DECLARED
typedef __socklen_t socklen_t;
#endif
#ifndef _SA_FAMILY_T_DECLARED
#define _SA_FAMILY_T_DECLARED
typedef __sa_family_t sa_family_t;
#endif

#define AF_UNSPEC  0
#define AF_UNIX    1
#define AF_LOCAL   AF_UNIX
#define AF_INET    2
#define AF_INET6   10
#define AF_NETLINK 16
#define AF_ROUTE   AF_NETLINK
#define AF_PACKET  17
#define AF_MAX     46

#define PF_UNSPEC  AF_UNSPEC
#define PF_UNIX    AF_UNIX
#define PF_LOCAL   AF_UNIX
#define PF_INET    AF_INET
#define PF_INET6   AF_INET6
#define PF_NETLINK AF_NETLINK
#define PF_ROUTE   AF_NETLINK
#define PF_PACKET  AF_PACKET
#define PF_MAX     AF_MAX

#define SOCK_STREAM    1
#define SOCK_DGRAM     2
#define SOCK_RAW       3
#define SOCK_RDM       4
#define SOCK_SEQPACKET 5
#define SOCK_PACKET    10
#define SOCK_NONBLOCK  04000
#define SOCK_CLOEXEC   02000000

#define SOL_SOCKET  1
#define SOL_RAW     255
#define SOL_PACKET  263
#define SOL_NETLINK 270

#define SO_DEBUG           1
#define SO_REUSEADDR       2
#define SO_TYPE            3
#define SO_ERROR           4
#define SO_DONTROUTE       5
#define SO_BROADCAST       6
#define SO_SNDBUF          7
#define SO_RCVBUF          8
#define SO_KEEPALIVE       9
#define SO_OOBINLINE       10
#define SO_NO_CHECK        11
#define SO_PRIORITY        12
#define SO_LINGER          13
#define SO_REUSEPORT       15
#define SO_PASSCRED        16
#define SO_PEERCRED        17
#define SO_RCVLOWAT        18
#define SO_SNDLOWAT        19
#define SO_RCVTIMEO        20
#define SO_SNDTIMEO        21
#define SO_BINDTODEVICE    25
#define SO_ATTACH_FILTER   26
#define SO_DETACH_FILTER   27
#define SO_GET_FILTER      SO_ATTACH_FILTER
#define SO_PEERNAME        28
#define SO_TIMESTAMP       29
#define SCM_TIMESTAMP      SO_TIMESTAMP
#define SO_ACCEPTCONN      30
#define SO_PEERSEC         31
#define SO_SNDBUFFORCE     32
#define SO_RCVBUFFORCE     33
#define SO_PASSSEC         34
#define SO_TIMESTAMPNS     35
#define SCM_TIMESTAMPNS    SO_TIMESTAMPNS
#define SO_MARK            36
#define SO_TIMESTAMPING    37
#define SCM_TIMESTAMPING   SO_TIMESTAMPING
#define SO_PROTOCOL        38
#define SO_DOMAIN          39
#define SO_RXQ_OVFL        40
#define SO_PEEK_OFF        42
#define SO_LOCK_FILTER     44
#define SO_BUSY_POLL       46
#define SO_INCOMING_CPU    49
#define SO_MEMINFO         55
#define SO_COOKIE          57
#define SO_PEERGROUPS      59
#define SO_ZEROCOPY        60
#define SO_TXTIME          61
#define SO_BINDTOIFINDEX   62
#define SO_TIMESTAMP_NEW   63
#define SO_TIMESTAMPNS_NEW 64
#define SO_RCVTIMEO_NEW    66
#define SO_SNDTIMEO_NEW    67

#define SHUT_RD   0
#define SHUT_WR   1
#define SHUT_RDWR 2

#define SOMAXCONN 4096

#define MSG_OOB          0x0001
#define MSG_PEEK         0x0002
#define MSG_DONTROUTE    0x0004
#define MSG_CTRUNC       0x0008
#define MSG_TRUNC        0x0020
#define MSG_DONTWAIT     0x0040
#define MSG_EOR          0x0080
#define MSG_WAITALL      0x0100
#define MSG_FIN          0x0200
#define MSG_SYN          0x0400
#define MSG_CONFIRM      0x0800
#define MSG_RST          0x1000
#define MSG_ERRQUEUE     0x2000
#define MSG_NOSIGNAL     0x4000
#define MSG_MORE         0x8000
#define MSG_WAITFORONE   0x10000
#define MSG_BATCH        0x40000
#define MSG_ZEROCOPY     0x4000000
#define MSG_FASTOPEN     0x20000000
#define MSG_CMSG_CLOEXEC 0x40000000

#define SCM_RIGHTS      1
#define SCM_CREDENTIALS 2

struct sockaddr {
    sa_family_t sa_family;
    char sa_data[14];
};

struct sockaddr_storage {
    sa_family_t ss_family;
    char __padding[118];
    unsigned long __align;
};

struct msghdr {
    void *msg_name;
    socklen_t msg_namelen;
    struct iovec *msg_iov;
    size_t msg_iovlen;
    void *msg_control;
    size_t msg_controllen;
    int msg_flags;
};

struct mmsghdr {
    struct msghdr msg_hdr;
    unsigned int msg_len;
};

struct cmsghdr {
    size_t cmsg_len;
    int cmsg_level;
    int cmsg_type;
};

#define CMSG_ALIGN(len) (((len) + sizeof(size_t) - 1) & ~(sizeof(size_t) - 1))
#define CMSG_SPACE(len) (CMSG_ALIGN(len) + CMSG_ALIGN(sizeof(struct cmsghdr)))
#define CMSG_LEN(len)   (CMSG_ALIGN(sizeof(struct cmsghdr)) + (len))
#define CMSG_DATA(cmsg) ((unsigned char *)((struct cmsghdr *)(cmsg) + 1))
#define CMSG_FIRSTHDR(msg)                                                                  \
    ((msg)->msg_controllen >= sizeof(struct cmsghdr) ? (struct cmsghdr *)(msg)->msg_control \
                                                     : (struct cmsghdr *)0)
#define CMSG_NXTHDR(msg, cmsg) __cmsg_nxthdr(msg, cmsg)

struct ucred {
    pid_t pid;
    uid_t uid;
    gid_t gid;
};

struct linger {
    int l_onoff;
    int l_linger;
};

__BEGIN_DECLS

/* The header behind this one, or a null pointer when it would not lie inside the control data. */
static __inline struct cmsghdr *__cmsg_nxthdr(struct msghdr *msg, struct cmsghdr *cmsg)
{
    char *end = (char *)msg->msg_control + msg->msg_controllen;

    if (cmsg->cmsg_len < sizeof(struct cmsghdr) || cmsg->cmsg_len > (size_t)(end - (char *)cmsg) ||
        (size_t)(end - (char *)cmsg) < CMSG_ALIGN(cmsg->cmsg_len) + sizeof(struct cmsghdr))
        return (struct cmsghdr *)0;
    return (struct cmsghdr *)((char *)cmsg + CMSG_ALIGN(cmsg->cmsg_len));
}

struct timespec;

int socket(int, int, int);
int socketpair(int, int, int, int[2]);
int bind(int, const struct sockaddr *, socklen_t);
int connect(int, const struct sockaddr *, socklen_t);
int listen(int, int);
int accept(int, struct sockaddr *__restrict, socklen_t *__restrict);
int accept4(int, struct sockaddr *__restrict, socklen_t *__restrict, int);
int getsockname(int, struct sockaddr *__restrict, socklen_t *__restrict);
int getpeername(int, struct sockaddr *__restrict, socklen_t *__restrict);
int getsockopt(int, int, int, void *__restrict, socklen_t *__restrict);
int setsockopt(int, int, int, const void *, socklen_t);
int shutdown(int, int);
ssize_t send(int, const void *, size_t, int);
ssize_t sendto(int, const void *, size_t, int, const struct sockaddr *, socklen_t);
ssize_t sendmsg(int, const struct msghdr *, int);
ssize_t recv(int, void *, size_t, int);
ssize_t recvfrom(int, void *__restrict, size_t, int, struct sockaddr *__restrict,
                 socklen_t *__restrict);
ssize_t recvmsg(int, struct msghdr *, int);
int sendmmsg(int, struct mmsghdr *, unsigned, int);
int recvmmsg(int, struct mmsghdr *, unsigned, int, struct timespec *);
int sockatmark(int);
int isfdtype(int, int);

__END_DECLS

#endif
