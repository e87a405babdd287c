/* Between the files of io/net/ioctl*.c: the ioctls of netdevice(7), arp(7) and rtnetlink's elders,
 * over <sluice/inet.h>. All [thread]; no locks. */
#ifndef IO_NET_IOCTL_H
#define IO_NET_IOCTL_H

#include <sluice/env.h>
#include <sluice/inet.h>
#include <sluice/object.h>

#define NAME_SIZE 16u

/* Linux's struct sockaddr of IPv4 and of hardware, 16 bytes. */
struct ioctl_address {
    oskit_u16_t family;
    union {
        struct {
            oskit_u16_t port;
            oskit_u8_t address[4], zero[8];
        } in;
        oskit_u8_t hardware[14];
    } u;
};

/* Linux's struct ifreq. */
struct ioctl_request {
    char name[NAME_SIZE];
    union {
        struct ioctl_address address;
        oskit_s16_t flags;
        oskit_s32_t number;
        oskit_u64_t data; /* a program's address */
        oskit_u8_t bytes[24];
    } u;
};
_Static_assert(sizeof(struct ioctl_request) == 40, "struct ifreq");

bool ioctl_admin(void); /* the caller may configure the network */
void ioctl_address_set(struct ioctl_address *out, const oskit_u8_t *bytes);

bool ioctl_link_changes(oskit_u32_t command); /* of ioctl_link's, one that needs ioctl_admin */
/* What each group does with REQUEST about INTERFACE; it is copied back after success. OSKIT_ENOTTY:
 * none of its commands. */
oskit_error_t ioctl_link(oskit_u32_t command, struct ioctl_request *request,
                         const struct inet_interface *interface);
oskit_error_t ioctl_inet(oskit_u32_t command, struct ioctl_request *request,
                         const struct inet_interface *interface);
oskit_error_t ioctl_ethtool(oskit_u64_t data, const struct inet_interface *interface);
/* The others take a structure of their own at ARGUMENT. */
oskit_error_t ioctl_route(oskit_u32_t command, oskit_u64_t argument);
oskit_error_t ioctl_arp(oskit_u32_t command, oskit_u64_t argument);

#define SIOCADDRT          0x890bu
#define SIOCDELRT          0x890cu
#define SIOCGIFNAME        0x8910u
#define SIOCGIFCONF        0x8912u
#define SIOCGIFFLAGS       0x8913u
#define SIOCSIFFLAGS       0x8914u
#define SIOCGIFADDR        0x8915u
#define SIOCSIFADDR        0x8916u
#define SIOCGIFDSTADDR     0x8917u
#define SIOCSIFDSTADDR     0x8918u
#define SIOCGIFBRDADDR     0x8919u
#define SIOCSIFBRDADDR     0x891au
#define SIOCGIFNETMASK     0x891bu
#define SIOCSIFNETMASK     0x891cu
#define SIOCGIFMETRIC      0x891du
#define SIOCSIFMETRIC      0x891eu
#define SIOCGIFMTU         0x8921u
#define SIOCSIFMTU         0x8922u
#define SIOCSIFNAME        0x8923u
#define SIOCSIFHWADDR      0x8924u
#define SIOCGIFHWADDR      0x8927u
#define SIOCADDMULTI       0x8931u
#define SIOCDELMULTI       0x8932u
#define SIOCGIFINDEX       0x8933u
#define SIOCSIFHWBROADCAST 0x8937u
#define SIOCGIFTXQLEN      0x8942u
#define SIOCSIFTXQLEN      0x8943u
#define SIOCETHTOOL        0x8946u
#define SIOCDARP           0x8953u
#define SIOCGARP           0x8954u
#define SIOCSARP           0x8955u
#define SIOCGIFMAP         0x8970u
#define SIOCSIFMAP         0x8971u

#endif
