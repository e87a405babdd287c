/* System V semaphores. */
#ifndef ABI_SEM_H
#define ABI_SEM_H

#include "kernel/abi/ipc.h"

#define ABI_SEM_UNDO 0x1000

#define ABI_GETPID       11
#define ABI_GETVAL       12
#define ABI_GETALL       13
#define ABI_GETNCNT      14
#define ABI_GETZCNT      15
#define ABI_SETVAL       16
#define ABI_SETALL       17
#define ABI_SEM_STAT     18
#define ABI_SEM_INFO     19
#define ABI_SEM_STAT_ANY 20

struct abi_sembuf {
    uint16_t sem_num;
    int16_t sem_op;
    int16_t sem_flg;
};
_Static_assert(sizeof(struct abi_sembuf) == 6, "struct sembuf");

struct abi_semid_ds {
    struct abi_ipc_perm sem_perm;
    int64_t sem_otime; /* seconds since 1970, as the other */
    uint64_t unused1;
    int64_t sem_ctime;
    uint64_t unused2;
    uint64_t sem_nsems;
    uint64_t unused3[2];
};
_Static_assert(sizeof(struct abi_semid_ds) == 104, "struct semid_ds");

struct abi_seminfo {
    int32_t semmap;
    int32_t semmni; /* sets */
    int32_t semmns; /* semaphores in all of them */
    int32_t semmnu;
    int32_t semmsl; /* in one of them */
    int32_t semopm; /* operations in a call */
    int32_t semume;
    int32_t semusz; /* SEM_INFO: sets there are */
    int32_t semvmx; /* a semaphore's value */
    int32_t semaem; /* what is taken back at exit; SEM_INFO: semaphores there are */
};
_Static_assert(sizeof(struct abi_seminfo) == 40, "struct seminfo");

#endif
