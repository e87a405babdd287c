/* Packet sockets: addresses, options, what the kernel tells of a packet. */
#ifndef _LINUX_IF_PACKET_H
#define _LINUX_IF_PACKET_H

#include <linux/types.h>

struct sockaddr_ll {
    unsigned short sll_family;
    __be16 sll_protocol;
    int sll_ifindex;
    unsigned short sll_hatype;
    unsigned char sll_pkttype, sll_halen, sll_addr[8];
};

#define PACKET_HOST      0
#define PACKET_BROADCAST 1
#define PACKET_MULTICAST 2
#define PACKET_OTHERHOST 3
#define PACKET_OUTGOING  4

#define PACKET_ADD_MEMBERSHIP  1
#define PACKET_DROP_MEMBERSHIP 2
#define PACKET_RECV_OUTPUT     3
#define PACKET_RX_RING         5
#define PACKET_STATISTICS      6
#define PACKET_COPY_THRESH     7
#define PACKET_AUXDATA         8
#define PACKET_ORIGDEV         9
#define PACKET_VERSION         10
#define PACKET_HDRLEN          11
#define PACKET_RESERVE         12
#define PACKET_TX_RING         13
#define PACKET_LOSS            14
#define PACKET_VNET_HDR        15
#define PACKET_TIMESTAMP       17
#define PACKET_FANOUT          18
#define PACKET_QDISC_BYPASS    20
#define PACKET_IGNORE_OUTGOING 23

struct packet_mreq {
    int mr_ifindex;
    unsigned short mr_type, mr_alen;
    unsigned char mr_address[8];
};
#define PACKET_MR_MULTICAST 0
#define PACKET_MR_PROMISC   1
#define PACKET_MR_ALLMULTI  2
#define PACKET_MR_UNICAST   3

struct tpacket_stats {
    unsigned tp_packets, tp_drops;
};

struct tpacket_auxdata {
    __u32 tp_status, tp_len, tp_snaplen;
    __u16 tp_mac, tp_net, tp_vlan_tci, tp_vlan_tpid;
};
#define TP_STATUS_KERNEL       0
#define TP_STATUS_USER         1
#define TP_STATUS_COPY         2
#define TP_STATUS_LOSING       4
#define TP_STATUS_CSUMNOTREADY 8
#define TP_STATUS_VLAN_VALID   16
#define TP_STATUS_CSUM_VALID   128

#endif
