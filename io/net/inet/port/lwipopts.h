/*
 * lwIP as Sluice uses it: the raw interface under one lock (io/net/inet/core.h), no threads of its
 * own, no sockets of its own, memory by io/net/inet/memory.c. What is not here is lwIP's default.
 */
#ifndef IO_NET_INET_PORT_LWIPOPTS_H
#define IO_NET_INET_PORT_LWIPOPTS_H

#define NO_SYS               1
#define SYS_LIGHTWEIGHT_PROT 0 /* the core lock is held throughout */
#define LWIP_NETCONN         0
#define LWIP_SOCKET          0
#define LWIP_TIMERS          1

/* ---- Memory: both kinds are ours, memory.c; the counts are limits, not reservations ---- */

#define MEM_LIBC_MALLOC          1 /* mem.h declares no heap of lwIP's */
#define MEMP_MEM_MALLOC          1
#define MEM_ALIGNMENT            8
#define MEMP_NUM_PBUF            65000
#define MEMP_NUM_TCP_PCB         16384
#define MEMP_NUM_TCP_PCB_LISTEN  4096
#define MEMP_NUM_TCP_SEG         65000
#define MEMP_NUM_UDP_PCB         16384
#define MEMP_NUM_RAW_PCB         1024
#define MEMP_NUM_REASSDATA       64
#define MEMP_NUM_FRAG_PBUF       1024
#define MEMP_NUM_ARP_QUEUE       512
#define MEMP_NUM_ND6_QUEUE       512
#define MEMP_NUM_IGMP_GROUP      256
#define MEMP_NUM_MLD6_GROUP      256
#define MEMP_NUM_SYS_TIMEOUT     64
#define PBUF_POOL_SIZE           64
#define PBUF_POOL_BUFSIZE        2048
#define LWIP_SUPPORT_CUSTOM_PBUF 1
#define LWIP_PBUF_REF_T          u32_t /* a page may be sent in very many pieces */

/* ---- Link, addresses ---- */

#define LWIP_ARP                       1
#define ARP_TABLE_SIZE                 120
#define ARP_QUEUEING                   1
#define ARP_QUEUE_LEN                  64
#define ETHARP_SUPPORT_STATIC_ENTRIES  1
#define LWIP_IPV4                      1
#define LWIP_IPV6                      1
#define LWIP_IPV6_SCOPES               1
#define LWIP_IPV6_NUM_ADDRESSES        8
#define LWIP_IPV6_AUTOCONFIG           1
#define LWIP_IPV6_DUP_DETECT_ATTEMPTS  1
#define LWIP_IPV6_MLD                  1
#define LWIP_ND6_NUM_NEIGHBORS         64
#define LWIP_ND6_NUM_DESTINATIONS      64
#define LWIP_ND6_NUM_PREFIXES          8
#define LWIP_ND6_NUM_ROUTERS           4
#define LWIP_ND6_RDNSS_MAX_DNS_SERVERS 2
#define LWIP_UDPLITE                   1 /* "port unreachable" for what our sockets don't take */
#define LWIP_DHCP                      1
/* For what DHCP and routers say of name servers; who keeps them is nameservers.c, not lwIP's own.
 */
#define LWIP_DNS                       1
#define DNS_MAX_SERVERS                2
#define DHCP_DOES_ARP_CHECK            0 /* half a second at each start; servers look themselves */
#define LWIP_IGMP                      1
#define LWIP_RAW                       1
#define LWIP_NETIF_EXT_STATUS_CALLBACK 1
#define LWIP_NETIF_LOOPBACK            0 /* lo is an interface of ours: loopback.c */
#define LWIP_BROADCAST_PING            0
#define LWIP_MULTICAST_PING            0
#define LWIP_MULTICAST_TX_OPTIONS      1
#define IP_DEFAULT_TTL                 64
#define IP_SOF_BROADCAST               1
#define IP_SOF_BROADCAST_RECV          0
#define SO_REUSE                       1
#define SO_REUSE_RXTOALL               1

/* Received buffers lie here till the last piece is there: what a stranger may keep of them. */
#define IP_REASSEMBLY        1
#define IP_FRAG              1
#define IP_REASS_MAX_PBUFS   256
#define IP_REASS_MAXAGE      30 /* seconds, as Linux */
#define LWIP_IPV6_REASS      1
#define LWIP_IPV6_FRAG       1
#define IPV6_FRAG_COPYHEADER 1 /* its notes on a fragment are larger than the header */

/* Sizes known to the compiler: addresses, options. */
#define SMEMCPY(to, from, size) __builtin_memcpy((to), (from), (size))

/* ---- TCP ---- */

/* The largest that any interface has: the loopback's. A card's own is computed from its MTU. */
#define TCP_MSS                    65475
#define TCP_CALCULATE_EFF_SEND_MSS 1
#define LWIP_WND_SCALE             1
#define TCP_RCV_SCALE              7
#define TCP_WND                    (1024 * 1024)
#define TCP_SND_BUF                (1024 * 1024)
#define TCP_SND_QUEUELEN           16384
#define TCP_SNDLOWAT               (TCP_SND_BUF / 3)
#define TCP_SNDQUEUELOWAT          (TCP_SND_QUEUELEN / 3)
#define TCP_OVERSIZE               1460
#define TCP_WND_UPDATE_THRESHOLD   (16 * 1024)
#define TCP_QUEUE_OOSEQ            1
#define TCP_OOSEQ_MAX_BYTES        TCP_WND
#define TCP_OOSEQ_MAX_PBUFS        1024
#define LWIP_TCP_SACK_OUT          1
#define LWIP_TCP_MAX_SACK_NUM      4
#define LWIP_TCP_KEEPALIVE         1
#define TCP_LISTEN_BACKLOG         1
#define LWIP_TCP_PCB_NUM_EXT_ARGS  1 /* the local port, kept as long as the connection */
/* Its comparisons are of 16 bits and know no segment of 64 KiB. */
#define LWIP_DISABLE_TCP_SANITY_CHECKS 1

/*
 * lwIP counts TCP's time in ticks: delayed acknowledgements go out with each, and each second one
 * looks at retransmissions. 40 ms are Linux's delayed acknowledgement; a retransmission comes
 * three slow ticks after a segment at the earliest, 160 to 240 ms, where Linux's minimum is 200.
 */
#define TCP_TMR_INTERVAL           40
#define LWIP_TCP_RTO_TIME          1000   /* RFC 6298 */
#define TCP_MSL                    30000u /* TIME_WAIT lasts a minute */
#define TCP_MAXRTX                 12
#define TCP_SYNMAXRTX              6
#define TCP_LOCAL_PORT_RANGE_START 32768
#define TCP_LOCAL_PORT_RANGE_END   60999
#define TCP_ENSURE_LOCAL_PORT_RANGE(port) \
    ((u16_t)(TCP_LOCAL_PORT_RANGE_START + \
             (port) % (TCP_LOCAL_PORT_RANGE_END - TCP_LOCAL_PORT_RANGE_START + 1)))
#define UDP_LOCAL_PORT_RANGE_START        32768
#define UDP_LOCAL_PORT_RANGE_END          60999
#define UDP_ENSURE_LOCAL_PORT_RANGE(port) TCP_ENSURE_LOCAL_PORT_RANGE(port)

/* ---- Checksums, counts ---- */

#define LWIP_CHECKSUM_CTRL_PER_NETIF 1
#define LWIP_INLINE_IP_CHKSUM        1 /* while the header is filled in */
#define LWIP_STATS                   1
#define LWIP_STATS_LARGE             1
#define MIB2_STATS                   1
#define MEM_STATS                    0
#define MEMP_STATS                   0
#define SYS_STATS                    0

/* ---- Hooks: io/net/inet/port/hooks.h ---- */

#define LWIP_HOOK_FILENAME "hooks.h"
#define LWIP_HOOK_TCP_ISN  inet_hook_isn
#define LWIP_HOOK_TCP_INPACKET_PCB(pcb, header, all, one, two, p) \
    inet_hook_tcp_packet((pcb), (header), (struct segment_options){(two), (all), (one)}, (p))
#define LWIP_HOOK_IP6_INPUT(p, netif) inet_hook_input6((p), (netif))
/* No option of ours, but the place where a segment's header can still be changed. */
#define LWIP_HOOK_TCP_OUT_ADD_TCPOPTS(p, header, pcb, options)                                 \
    ((pcb) != NULL && (pcb)->state <= SYN_RCVD ? inet_hook_tcp_syn((pcb), (header)) : (void)0, \
     (options))
#define LWIP_HOOK_IP4_ROUTE_SRC(src, dest)   inet_hook_route4((src), (dest))
#define LWIP_HOOK_ETHARP_GET_GW(netif, dest) inet_hook_gateway4((netif), (dest))
#define LWIP_HOOK_IP6_ROUTE(src, dest)       inet_hook_route6((src), (dest))
#define LWIP_HOOK_ND6_GET_GW(netif, dest)    inet_hook_gateway6((netif), (dest))

#endif
