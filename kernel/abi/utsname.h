/* uname(2). */
#ifndef ABI_UTSNAME_H
#define ABI_UTSNAME_H

#define ABI_UTS_LEN 65

struct abi_utsname {
    char sysname[ABI_UTS_LEN];
    char nodename[ABI_UTS_LEN];
    char release[ABI_UTS_LEN];
    char version[ABI_UTS_LEN];
    char machine[ABI_UTS_LEN];
    char domainname[ABI_UTS_LEN];
};

#endif
