/* rtnetlink: interfaces, addresses, routes and neighbours by netlink. */
#ifndef _LINUX_RTNETLINK_H
#define _LINUX_RTNETLINK_H

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/netlink.h>
#include <linux/types.h>

#define RTM_NEWLINK      16
#define RTM_DELLINK      17
#define RTM_GETLINK      18
#define RTM_SETLINK      19
#define RTM_NEWADDR      20
#define RTM_DELADDR      21
#define RTM_GETADDR      22
#define RTM_NEWROUTE     24
#define RTM_DELROUTE     25
#define RTM_GETROUTE     26
#define RTM_NEWNEIGH     28
#define RTM_DELNEIGH     29
#define RTM_GETNEIGH     30
#define RTM_NEWRULE      32
#define RTM_DELRULE      33
#define RTM_GETRULE      34
#define RTM_NEWQDISC     36
#define RTM_DELQDISC     37
#define RTM_GETQDISC     38
#define RTM_GETMULTICAST 58
#define RTM_MAX          119

struct rtattr {
    unsigned short rta_len, rta_type;
};
#define RTA_ALIGNTO  4u
#define RTA_ALIGN(n) (((n) + RTA_ALIGNTO - 1) & ~(RTA_ALIGNTO - 1))
#define RTA_OK(a, left)                                                               \
    ((left) >= (int)sizeof(struct rtattr) && (a)->rta_len >= sizeof(struct rtattr) && \
     (a)->rta_len <= (left))
#define RTA_NEXT(a, left) \
    ((left) -= RTA_ALIGN((a)->rta_len), (struct rtattr *)((char *)(a) + RTA_ALIGN((a)->rta_len)))
#define RTA_LENGTH(n)  (RTA_ALIGN(sizeof(struct rtattr)) + (n))
#define RTA_SPACE(n)   RTA_ALIGN(RTA_LENGTH(n))
#define RTA_DATA(a)    ((void *)((char *)(a) + RTA_LENGTH(0)))
#define RTA_PAYLOAD(a) ((int)((a)->rta_len) - RTA_LENGTH(0))

struct rtmsg {
    unsigned char rtm_family, rtm_dst_len, rtm_src_len, rtm_tos;
    unsigned char rtm_table, rtm_protocol, rtm_scope, rtm_type;
    unsigned rtm_flags;
};

enum {
    RTN_UNSPEC,
    RTN_UNICAST,
    RTN_LOCAL,
    RTN_BROADCAST,
    RTN_ANYCAST,
    RTN_MULTICAST,
    RTN_BLACKHOLE,
    RTN_UNREACHABLE,
    RTN_PROHIBIT,
    RTN_THROW,
    RTN_NAT,
    RTN_XRESOLVE,
    __RTN_MAX
};
#define RTN_MAX (__RTN_MAX - 1)

#define RTPROT_UNSPEC   0
#define RTPROT_REDIRECT 1
#define RTPROT_KERNEL   2
#define RTPROT_BOOT     3
#define RTPROT_STATIC   4
#define RTPROT_RA       9
#define RTPROT_DHCP     16

#define RT_SCOPE_UNIVERSE 0
#define RT_SCOPE_SITE     200
#define RT_SCOPE_LINK     253
#define RT_SCOPE_HOST     254
#define RT_SCOPE_NOWHERE  255

#define RTM_F_NOTIFY   0x100
#define RTM_F_CLONED   0x200
#define RTM_F_EQUALIZE 0x400
#define RTM_F_PREFIX   0x800

#define RT_TABLE_UNSPEC  0
#define RT_TABLE_COMPAT  252
#define RT_TABLE_DEFAULT 253
#define RT_TABLE_MAIN    254
#define RT_TABLE_LOCAL   255
#define RT_TABLE_MAX     0xffffffff

enum {
    RTA_UNSPEC,
    RTA_DST,
    RTA_SRC,
    RTA_IIF,
    RTA_OIF,
    RTA_GATEWAY,
    RTA_PRIORITY,
    RTA_PREFSRC,
    RTA_METRICS,
    RTA_MULTIPATH,
    RTA_PROTOINFO,
    RTA_FLOW,
    RTA_CACHEINFO,
    RTA_SESSION,
    RTA_MP_ALGO,
    RTA_TABLE,
    RTA_MARK,
    RTA_MFC_STATS,
    RTA_VIA,
    RTA_NEWDST,
    RTA_PREF,
    __RTA_MAX
};
#define RTA_MAX (__RTA_MAX - 1)

#define RTM_RTA(r)     ((struct rtattr *)((char *)(r) + NLMSG_ALIGN(sizeof(struct rtmsg))))
#define RTM_PAYLOAD(n) NLMSG_PAYLOAD(n, sizeof(struct rtmsg))

struct rta_cacheinfo {
    __u32 rta_clntref, rta_lastuse;
    __s32 rta_expires;
    __u32 rta_error, rta_used, rta_id, rta_ts, rta_tsage;
};

struct rtgenmsg {
    unsigned char rtgen_family;
};

struct ifinfomsg {
    unsigned char ifi_family, __ifi_pad;
    unsigned short ifi_type;
    int ifi_index;
    unsigned ifi_flags, ifi_change;
};

#define RTMGRP_LINK         0x1
#define RTMGRP_NOTIFY       0x2
#define RTMGRP_NEIGH        0x4
#define RTMGRP_IPV4_IFADDR  0x10
#define RTMGRP_IPV4_ROUTE   0x40
#define RTMGRP_IPV6_IFADDR  0x100
#define RTMGRP_IPV6_ROUTE   0x400
#define RTNLGRP_LINK        1
#define RTNLGRP_NEIGH       3
#define RTNLGRP_IPV4_IFADDR 5
#define RTNLGRP_IPV4_ROUTE  7
#define RTNLGRP_IPV6_IFADDR 9
#define RTNLGRP_IPV6_ROUTE  11

#define RTEXT_FILTER_VF         0x1
#define RTEXT_FILTER_SKIP_STATS 0x8

#endif
