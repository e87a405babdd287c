/* Routes, as SIOCADDRT and SIOCDELRT take them. */
#ifndef _NET_ROUTE_H
#define _NET_ROUTE_H

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/types.h>

struct rtentry {
    unsigned long rt_pad1;
    struct sockaddr rt_dst, rt_gateway, rt_genmask;
    unsigned short rt_flags;
    short rt_pad2;
    unsigned long rt_pad3;
    unsigned char rt_tos, rt_class;
    short rt_pad4[3];
    short rt_metric; /* plus one */
    char *rt_dev;
    unsigned long rt_mtu;
#define rt_mss rt_mtu
    unsigned long rt_window;
    unsigned short rt_irtt;
};

struct in6_rtmsg {
    struct in6_addr rtmsg_dst, rtmsg_src, rtmsg_gateway;
    uint32_t rtmsg_type;
    uint16_t rtmsg_dst_len, rtmsg_src_len;
    uint32_t rtmsg_metric;
    unsigned long rtmsg_info;
    uint32_t rtmsg_flags;
    int rtmsg_ifindex;
};

#define RTF_UP        0x0001
#define RTF_GATEWAY   0x0002
#define RTF_HOST      0x0004
#define RTF_REINSTATE 0x0008
#define RTF_DYNAMIC   0x0010
#define RTF_MODIFIED  0x0020
#define RTF_MTU       0x0040
#define RTF_MSS       RTF_MTU
#define RTF_WINDOW    0x0080
#define RTF_IRTT      0x0100
#define RTF_REJECT    0x0200
#define RTF_DEFAULT   0x10000
#define RTF_ADDRCONF  0x40000
#define RTF_CACHE     0x01000000

#endif
