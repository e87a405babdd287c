/* Resource limits and usage. */
#ifndef ABI_RESOURCE_H
#define ABI_RESOURCE_H

#include "kernel/abi/time.h"

#define ABI_RLIMIT_CPU        0
#define ABI_RLIMIT_FSIZE      1
#define ABI_RLIMIT_DATA       2
#define ABI_RLIMIT_STACK      3
#define ABI_RLIMIT_CORE       4
#define ABI_RLIMIT_RSS        5
#define ABI_RLIMIT_NPROC      6
#define ABI_RLIMIT_NOFILE     7
#define ABI_RLIMIT_MEMLOCK    8
#define ABI_RLIMIT_AS         9
#define ABI_RLIMIT_LOCKS      10
#define ABI_RLIMIT_SIGPENDING 11
#define ABI_RLIMIT_MSGQUEUE   12
#define ABI_RLIMIT_NICE       13
#define ABI_RLIMIT_RTPRIO     14
#define ABI_RLIMIT_RTTIME     15
#define ABI_RLIM_NLIMITS      16

#define ABI_RLIM_INFINITY (~(uint64_t)0)

struct abi_rlimit {
    uint64_t rlim_cur;
    uint64_t rlim_max;
};

#define ABI_RUSAGE_SELF     0
#define ABI_RUSAGE_CHILDREN (-1)
#define ABI_RUSAGE_THREAD   1

struct abi_rusage {
    struct abi_timeval ru_utime;
    struct abi_timeval ru_stime;
    int64_t ru_maxrss; /* KiB */
    int64_t ru_ixrss;
    int64_t ru_idrss;
    int64_t ru_isrss;
    int64_t ru_minflt;
    int64_t ru_majflt;
    int64_t ru_nswap;
    int64_t ru_inblock;
    int64_t ru_oublock;
    int64_t ru_msgsnd;
    int64_t ru_msgrcv;
    int64_t ru_nsignals;
    int64_t ru_nvcsw;
    int64_t ru_nivcsw;
};
_Static_assert(sizeof(struct abi_rusage) == 144, "struct rusage");

#define ABI_PRIO_PROCESS 0
#define ABI_PRIO_PGRP    1
#define ABI_PRIO_USER    2

#endif
