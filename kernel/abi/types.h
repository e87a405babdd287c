/* Scalar types of the Linux x86-64 ABI, and the few structures that everything shares. */
#ifndef ABI_TYPES_H
#define ABI_TYPES_H

#include <stddef.h>
#include <stdint.h>

typedef int64_t abi_off_t;
typedef int64_t abi_time_t;
typedef int64_t abi_clock_t; /* ticks of 1/100 s: ABI_USER_HZ */
typedef int32_t abi_pid_t;
typedef uint32_t abi_uid_t;
typedef uint32_t abi_gid_t;
typedef uint32_t abi_mode_t;
typedef uint64_t abi_dev_t; /* as in struct stat: see ABI_MKDEV */
typedef uint64_t abi_ino_t;
typedef uint64_t abi_nlink_t;
typedef int32_t abi_clockid_t;
typedef uint64_t abi_sigset_t; /* bit N-1 is signal N */

#define ABI_USER_HZ   100
#define ABI_PAGE_SIZE 4096

/* Linux's packing of a device number into 32 bits, which stat(2) and mknod(2) use. */
#define ABI_MKDEV(major, minor)                                          \
    ((((uint32_t)(minor)) & 0xffu) | (((uint32_t)(major)&0xfffu) << 8) | \
     ((((uint32_t)(minor)) & 0xfff00u) << 12))
#define ABI_MAJOR(dev) ((uint32_t)(((dev) >> 8) & 0xfffu))
#define ABI_MINOR(dev) ((uint32_t)(((dev)&0xffu) | (((dev) >> 12) & 0xfff00u)))

#endif
