/* Numbers of SOL_SOCKET's options: Linux's for x86-64. */
#ifndef IO_NET_SOCKET_OPTION_H
#define IO_NET_SOCKET_OPTION_H

#define SOCKET_SOL_SOCKET 1

#define SOCKET_SO_DEBUG           1
#define SOCKET_SO_REUSEADDR       2
#define SOCKET_SO_TYPE            3
#define SOCKET_SO_ERROR           4
#define SOCKET_SO_DONTROUTE       5
#define SOCKET_SO_BROADCAST       6
#define SOCKET_SO_SNDBUF          7
#define SOCKET_SO_RCVBUF          8
#define SOCKET_SO_KEEPALIVE       9
#define SOCKET_SO_OOBINLINE       10
#define SOCKET_SO_NO_CHECK        11
#define SOCKET_SO_PRIORITY        12
#define SOCKET_SO_LINGER          13
#define SOCKET_SO_REUSEPORT       15
#define SOCKET_SO_PASSCRED        16
#define SOCKET_SO_PEERCRED        17
#define SOCKET_SO_RCVLOWAT        18
#define SOCKET_SO_SNDLOWAT        19
#define SOCKET_SO_RCVTIMEO        20
#define SOCKET_SO_SNDTIMEO        21
#define SOCKET_SO_BINDTODEVICE    25
#define SOCKET_SO_ATTACH_FILTER   26
#define SOCKET_SO_DETACH_FILTER   27
#define SOCKET_SO_PEERNAME        28
#define SOCKET_SO_TIMESTAMP       29
#define SOCKET_SO_ACCEPTCONN      30
#define SOCKET_SO_PEERSEC         31
#define SOCKET_SO_SNDBUFFORCE     32
#define SOCKET_SO_RCVBUFFORCE     33
#define SOCKET_SO_PASSSEC         34
#define SOCKET_SO_TIMESTAMPNS     35
#define SOCKET_SO_MARK            36
#define SOCKET_SO_TIMESTAMPING    37
#define SOCKET_SO_PROTOCOL        38
#define SOCKET_SO_DOMAIN          39
#define SOCKET_SO_RXQ_OVFL        40
#define SOCKET_SO_PEEK_OFF        42
#define SOCKET_SO_LOCK_FILTER     44
#define SOCKET_SO_BUSY_POLL       46
#define SOCKET_SO_INCOMING_CPU    49
#define SOCKET_SO_ATTACH_BPF      50
#define SOCKET_SO_MEMINFO         55
#define SOCKET_SO_COOKIE          57
#define SOCKET_SO_PEERGROUPS      59
#define SOCKET_SO_ZEROCOPY        60
#define SOCKET_SO_TXTIME          61
#define SOCKET_SO_BINDTOIFINDEX   62
#define SOCKET_SO_TIMESTAMP_NEW   63
#define SOCKET_SO_TIMESTAMPNS_NEW 64
#define SOCKET_SO_RCVTIMEO_NEW    66
#define SOCKET_SO_SNDTIMEO_NEW    67

/* Control messages of SOL_SOCKET. */
#define SOCKET_SCM_RIGHTS      1
#define SOCKET_SCM_CREDENTIALS 2

#endif
