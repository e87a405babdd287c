/* sysinfo(2). */
#ifndef ABI_SYSINFO_H
#define ABI_SYSINFO_H

#include "kernel/abi/types.h"

#define ABI_SI_LOAD_SHIFT 16

struct abi_sysinfo {
    int64_t uptime; /* seconds */
    uint64_t loads[3];
    uint64_t totalram; /* mem_unit bytes, as all that follow */
    uint64_t freeram;
    uint64_t sharedram;
    uint64_t bufferram;
    uint64_t totalswap;
    uint64_t freeswap;
    uint16_t procs;
    uint16_t reserved;
    uint64_t totalhigh;
    uint64_t freehigh;
    uint32_t mem_unit;
};
_Static_assert(sizeof(struct abi_sysinfo) == 112, "struct sysinfo");

#endif
