/* The system's name, for /proc too. */
#ifndef KERNEL_SYS_UTS_H
#define KERNEL_SYS_UTS_H

#include <stddef.h>
#include "kernel/abi/utsname.h"

/* The Linux release whose ABI this is: libcs refuse to start below a release of their own. */
#define SLUICE_ABI_RELEASE "6.1.0-sluice"
void uts_hostname(char out[ABI_UTS_LEN]);
void uts_read(struct abi_utsname *out);
/* LENGTH < ABI_UTS_LEN bytes. */
void uts_set_hostname(const char *name, size_t length);
void uts_set_domainname(const char *name, size_t length);

#endif
