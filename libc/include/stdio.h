/* newlib's stdio.h and the two readers of lines that it hides. */
#include_next <stdio.h>

#ifndef _SLUICE_STDIO_H
#define _SLUICE_STDIO_H

#ifdef __cplusplus
extern "C" {
#endif
ssize_t getline(char **, size_t *, FILE *);
ssize_t getdelim(char **, size_t *, int, FILE *);
#ifdef __cplusplus
}
#endif

#endif
