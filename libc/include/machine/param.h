#ifndef _MACHINE_PARAM_H
#define _MACHINE_PARAM_H

#define HZ             100
#define NOFILE         256
#define MAXHOSTNAMELEN 64
#define NGROUPS        65536
#define MAXSYMLINKS    40
#define DEV_BSIZE      512
#ifndef roundup
#define roundup(x, y) ((((x) + ((y)-1)) / (y)) * (y))
#endif

#endif
