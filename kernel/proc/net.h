/* The files of /proc/net. */
#ifndef KERNEL_PROC_NET_H
#define KERNEL_PROC_NET_H

#include "kernel/proc/entry.h"

extern const struct synth_node proc_net_nodes[]; /* net.c */

/* net_sockets.c */
proc_show proc_show_net_tcp, proc_show_net_tcp6, proc_show_net_udp, proc_show_net_udp6,
    proc_show_net_udplite, proc_show_net_udplite6, proc_show_net_raw, proc_show_net_raw6,
    proc_show_net_sockstat;

proc_show proc_show_net_unix; /* net_unix.c */

#endif
