/* The bits of a mutex's kind, in the mutex and in its attributes. */
#ifndef LIBC_MUTEX_H
#define LIBC_MUTEX_H

#include <pthread.h>

#define MUTEX_TYPE   3u /* PTHREAD_MUTEX_NORMAL ... */
#define MUTEX_ROBUST 4u
#define MUTEX_SHARED 8u

#endif
