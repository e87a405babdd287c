/* newlib's configuration, adapted: types of read and write as POSIX has them, and a reentrancy
   structure that a function finds, so that each thread can have its own. */
#ifndef _READ_WRITE_RETURN_TYPE
#define _READ_WRITE_RETURN_TYPE  long
#define _READ_WRITE_BUFSIZE_TYPE unsigned long
#define __DYNAMIC_REENT__
#define __FILENAME_MAX__ 4096
#endif
#include_next <sys/config.h>
