/*
 * What a caller may do beyond what owners and modes give him: root's rights, one by one, with
 * Linux's numbers and meanings (capabilities(7)). A set of them is a word, 1 << number each. A host
 * that knows only root and others gives the one all and the others none.
 */
#ifndef SLUICE_CAPABILITY_H
#define SLUICE_CAPABILITY_H

#include <stdbool.h>
#include <stdint.h>

enum capability {
    CAPABILITY_CHOWN = 0,
    CAPABILITY_DAC_OVERRIDE = 1,
    CAPABILITY_DAC_READ_SEARCH = 2,
    CAPABILITY_FOWNER = 3,
    CAPABILITY_FSETID = 4,
    CAPABILITY_KILL = 5,
    CAPABILITY_SETGID = 6,
    CAPABILITY_SETUID = 7,
    CAPABILITY_SETPCAP = 8,
    CAPABILITY_LINUX_IMMUTABLE = 9,
    CAPABILITY_NET_BIND_SERVICE = 10,
    CAPABILITY_NET_ADMIN = 12,
    CAPABILITY_NET_RAW = 13,
    CAPABILITY_IPC_LOCK = 14,
    CAPABILITY_IPC_OWNER = 15,
    CAPABILITY_SYS_CHROOT = 18,
    CAPABILITY_SYS_PTRACE = 19,
    CAPABILITY_SYS_ADMIN = 21,
    CAPABILITY_SYS_BOOT = 22,
    CAPABILITY_SYS_NICE = 23,
    CAPABILITY_SYS_RESOURCE = 24,
    CAPABILITY_SYS_TIME = 25,
    CAPABILITY_SYS_TTY_CONFIG = 26,
    CAPABILITY_MKNOD = 27,
    CAPABILITY_SETFCAP = 31,
    CAPABILITY_MAC_OVERRIDE = 32,
    CAPABILITY_SYSLOG = 34,
    CAPABILITY_WAKE_ALARM = 35,
    CAPABILITY_LAST = 40, /* programs may ask for each up to this one */
};

#define CAPABILITY_BIT(capability) (UINT64_C(1) << (capability))
#define CAPABILITY_ALL             (CAPABILITY_BIT(CAPABILITY_LAST + 1) - 1)

static inline bool capability_in(uint64_t set, enum capability capability)
{
    return set >> capability & 1;
}

#endif
