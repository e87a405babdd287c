/* The system's name, for /proc too. */
#ifndef KERNEL_SYS_UTS_H
#define KERNEL_SYS_UTS_H

#include "kernel/abi/utsname.h"

/* The Linux release whose ABI this is: libcs refuse to start below a release of their own. */
#define SLUICE_ABI_RELEASE "6.1.0-sluice"
void uts_hostname(char out[ABI_UTS_LEN]);

#endif
