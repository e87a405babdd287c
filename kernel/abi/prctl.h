/* prctl(2), arch_prctl(2) and personality(2). */
#ifndef ABI_PRCTL_H
#define ABI_PRCTL_H

/* personality's flags. */
#define ABI_ADDR_NO_RANDOMIZE  0x0040000
#define ABI_MMAP_PAGE_ZERO     0x0100000
#define ABI_ADDR_COMPAT_LAYOUT 0x0200000
#define ABI_READ_IMPLIES_EXEC  0x0400000

#define ABI_PR_SET_PDEATHSIG       1
#define ABI_PR_GET_PDEATHSIG       2
#define ABI_PR_GET_DUMPABLE        3
#define ABI_PR_SET_DUMPABLE        4
#define ABI_PR_GET_KEEPCAPS        7
#define ABI_PR_SET_KEEPCAPS        8
#define ABI_PR_SET_NAME            15
#define ABI_PR_GET_NAME            16
#define ABI_PR_GET_SECCOMP         21
#define ABI_PR_SET_SECCOMP         22
#define ABI_PR_CAPBSET_READ        23
#define ABI_PR_CAPBSET_DROP        24
#define ABI_PR_GET_TSC             25
#define ABI_PR_SET_TSC             26
#define ABI_PR_GET_SECUREBITS      27
#define ABI_PR_SET_SECUREBITS      28
#define ABI_PR_SET_TIMERSLACK      29
#define ABI_PR_GET_TIMERSLACK      30
#define ABI_PR_SET_MM              35
#define ABI_PR_SET_CHILD_SUBREAPER 36
#define ABI_PR_GET_CHILD_SUBREAPER 37
#define ABI_PR_SET_NO_NEW_PRIVS    38
#define ABI_PR_GET_NO_NEW_PRIVS    39
#define ABI_PR_GET_TID_ADDRESS     40
#define ABI_PR_SET_THP_DISABLE     41
#define ABI_PR_GET_THP_DISABLE     42
#define ABI_PR_CAP_AMBIENT         47
#define ABI_PR_SET_VMA             0x53564d41

#define ABI_TASK_COMM_LEN 16

#define ABI_ARCH_SET_GS     0x1001
#define ABI_ARCH_SET_FS     0x1002
#define ABI_ARCH_GET_FS     0x1003
#define ABI_ARCH_GET_GS     0x1004
#define ABI_ARCH_GET_CPUID  0x1011
#define ABI_ARCH_SET_CPUID  0x1012
#define ABI_ARCH_CET_STATUS 0x3001

#define ABI_PER_LINUX         0x0000
#define ABI_ADDR_NO_RANDOMIZE 0x0040000
#define ABI_READ_IMPLIES_EXEC 0x0400000

#endif
