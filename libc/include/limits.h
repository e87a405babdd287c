/* newlib's limits.h with the system's. */
#include <sys/syslimits.h>
#undef ARG_MAX
#undef PATH_MAX
#include_next <limits.h>
#undef ARG_MAX
#undef PATH_MAX
#define ARG_MAX  131072
#define PATH_MAX 4096
#ifndef SSIZE_MAX
#define SSIZE_MAX __LONG_MAX__
#endif
#ifndef LONG_BIT
#define LONG_BIT 64
#define WORD_BIT 32
#endif
