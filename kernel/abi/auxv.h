/* The auxiliary vector: pairs of 64-bit words above the environment on a new program's stack. */
#ifndef ABI_AUXV_H
#define ABI_AUXV_H

#include "kernel/abi/types.h"

#define ABI_AT_NULL              0
#define ABI_AT_IGNORE            1
#define ABI_AT_EXECFD            2
#define ABI_AT_PHDR              3
#define ABI_AT_PHENT             4
#define ABI_AT_PHNUM             5
#define ABI_AT_PAGESZ            6
#define ABI_AT_BASE              7
#define ABI_AT_FLAGS             8
#define ABI_AT_ENTRY             9
#define ABI_AT_NOTELF            10
#define ABI_AT_UID               11
#define ABI_AT_EUID              12
#define ABI_AT_GID               13
#define ABI_AT_EGID              14
#define ABI_AT_PLATFORM          15
#define ABI_AT_HWCAP             16
#define ABI_AT_CLKTCK            17
#define ABI_AT_SECURE            23
#define ABI_AT_BASE_PLATFORM     24
#define ABI_AT_RANDOM            25 /* address of 16 random bytes */
#define ABI_AT_HWCAP2            26
#define ABI_AT_RSEQ_FEATURE_SIZE 27
#define ABI_AT_RSEQ_ALIGN        28
#define ABI_AT_EXECFN            31
#define ABI_AT_SYSINFO_EHDR      33
#define ABI_AT_MINSIGSTKSZ       51

struct abi_auxv {
    uint64_t a_type;
    uint64_t a_val;
};

#endif
