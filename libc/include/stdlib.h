/* newlib's stdlib.h and what it has only for systems that it knows. */
#include_next <stdlib.h>

#ifndef _SLUICE_STDLIB_H
#define _SLUICE_STDLIB_H

#ifdef __cplusplus
extern "C" {
#endif
int posix_openpt(int);
int grantpt(int);
int unlockpt(int);
char *ptsname(int);
int ptsname_r(int, char *, size_t);
int clearenv(void);
char *secure_getenv(const char *);
int getloadavg(double *, int);
#ifdef __cplusplus
}
#endif

#endif
