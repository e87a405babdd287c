/* Choosing among the ways to copy; the functions themselves are declared by <sluice/string.h>. */
#ifndef KERNEL_LIB_STRING_H
#define KERNEL_LIB_STRING_H

#include <stdbool.h>

/* FAST_REP: rep movsb and rep stosb run at full width (ERMS on a real CPU; emulators promise it and
 * are ten times slower than with plain moves). Until called, plain moves. */
void string_init(bool fast_rep);

#endif
