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
#define PTHREAD_DESTRUCTOR_ITERATIONS       4
#define PTHREAD_KEYS_MAX                    128
#define PTHREAD_STACK_MIN                   16384
#define SEM_VALUE_MAX                       0x7fffffff
#define _POSIX_THREAD_DESTRUCTOR_ITERATIONS 4
#define _POSIX_THREAD_KEYS_MAX              128
#define _POSIX_THREAD_THREADS_MAX           64
#define _POSIX_SEM_NSEMS_MAX                256
#define _POSIX_SEM_VALUE_MAX                32767
#ifndef LONG_BIT
#define LONG_BIT 64
#define WORD_BIT 32
#endif
