/* Figures of the whole system. */
#ifndef _SYS_SYSINFO_H
#define _SYS_SYSINFO_H

#include <sys/cdefs.h>

#define SI_LOAD_SHIFT 16

struct sysinfo {
    long uptime;
    unsigned long loads[3];
    unsigned long totalram;
    unsigned long freeram;
    unsigned long sharedram;
    unsigned long bufferram;
    unsigned long totalswap;
    unsigned long freeswap;
    unsigned short procs;
    unsigned short __reserved;
    unsigned long totalhigh;
    unsigned long freehigh;
    unsigned int mem_unit;
};

__BEGIN_DECLS
int sysinfo(struct sysinfo *);
int get_nprocs(void);
int get_nprocs_conf(void);
__END_DECLS

#endif
