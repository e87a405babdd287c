/* Netlink: addresses, messages, attributes. */
#ifndef _LINUX_NETLINK_H
#define _LINUX_NETLINK_H

#include <linux/types.h>
#include <sys/socket.h>

#define NETLINK_ROUTE          0
#define NETLINK_USERSOCK       2
#define NETLINK_SOCK_DIAG      4
#define NETLINK_INET_DIAG      NETLINK_SOCK_DIAG
#define NETLINK_NETFILTER      12
#define NETLINK_KOBJECT_UEVENT 15
#define NETLINK_GENERIC        16

struct sockaddr_nl {
    sa_family_t nl_family;
    unsigned short nl_pad;
    __u32 nl_pid, nl_groups;
};

struct nlmsghdr {
    __u32 nlmsg_len; /* bytes, this header included */
    __u16 nlmsg_type, nlmsg_flags;
    __u32 nlmsg_seq, nlmsg_pid;
};

#define NLM_F_REQUEST       0x01
#define NLM_F_MULTI         0x02
#define NLM_F_ACK           0x04
#define NLM_F_ECHO          0x08
#define NLM_F_DUMP_INTR     0x10
#define NLM_F_DUMP_FILTERED 0x20
#define NLM_F_ROOT          0x100
#define NLM_F_MATCH         0x200
#define NLM_F_ATOMIC        0x400
#define NLM_F_DUMP          (NLM_F_ROOT | NLM_F_MATCH)
#define NLM_F_REPLACE       0x100
#define NLM_F_EXCL          0x200
#define NLM_F_CREATE        0x400
#define NLM_F_APPEND        0x800
#define NLM_F_CAPPED        0x100
#define NLM_F_ACK_TLVS      0x200

#define NLMSG_NOOP     1
#define NLMSG_ERROR    2
#define NLMSG_DONE     3
#define NLMSG_OVERRUN  4
#define NLMSG_MIN_TYPE 0x10

#define NLMSG_ALIGNTO   4u
#define NLMSG_ALIGN(n)  (((n) + NLMSG_ALIGNTO - 1) & ~(NLMSG_ALIGNTO - 1))
#define NLMSG_HDRLEN    ((int)NLMSG_ALIGN(sizeof(struct nlmsghdr)))
#define NLMSG_LENGTH(n) ((n) + NLMSG_HDRLEN)
#define NLMSG_SPACE(n)  NLMSG_ALIGN(NLMSG_LENGTH(n))
#define NLMSG_DATA(h)   ((void *)((char *)(h) + NLMSG_HDRLEN))
#define NLMSG_NEXT(h, left)                 \
    ((left) -= NLMSG_ALIGN((h)->nlmsg_len), \
     (struct nlmsghdr *)((char *)(h) + NLMSG_ALIGN((h)->nlmsg_len)))
#define NLMSG_OK(h, left)                                                                   \
    ((left) >= (int)sizeof(struct nlmsghdr) && (h)->nlmsg_len >= sizeof(struct nlmsghdr) && \
     (h)->nlmsg_len <= (__u32)(left))
#define NLMSG_PAYLOAD(h, n) ((h)->nlmsg_len - NLMSG_SPACE(n))

struct nlmsgerr {
    int error; /* 0: acknowledged; else -errno */
    struct nlmsghdr msg;
};

#define NETLINK_ADD_MEMBERSHIP   1
#define NETLINK_DROP_MEMBERSHIP  2
#define NETLINK_PKTINFO          3
#define NETLINK_BROADCAST_ERROR  4
#define NETLINK_NO_ENOBUFS       5
#define NETLINK_LISTEN_ALL_NSID  8
#define NETLINK_LIST_MEMBERSHIPS 9
#define NETLINK_CAP_ACK          10
#define NETLINK_EXT_ACK          11
#define NETLINK_GET_STRICT_CHK   12

struct nl_pktinfo {
    __u32 group;
};

struct nlattr {
    __u16 nla_len, nla_type;
};
#define NLA_F_NESTED        0x8000
#define NLA_F_NET_BYTEORDER 0x4000
#define NLA_TYPE_MASK       0x3fff
#define NLA_ALIGNTO         4
#define NLA_ALIGN(n)        (((n) + NLA_ALIGNTO - 1) & ~(NLA_ALIGNTO - 1))
#define NLA_HDRLEN          ((int)NLA_ALIGN(sizeof(struct nlattr)))

#endif
