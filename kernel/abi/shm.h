/* System V shared memory. */
#ifndef ABI_SHM_H
#define ABI_SHM_H

#include "kernel/abi/ipc.h"

#define ABI_SHM_HUGETLB   04000
#define ABI_SHM_NORESERVE 010000

#define ABI_SHM_RDONLY 010000
#define ABI_SHM_RND    020000
#define ABI_SHM_REMAP  040000
#define ABI_SHM_EXEC   0100000

#define ABI_SHM_LOCK     11
#define ABI_SHM_UNLOCK   12
#define ABI_SHM_STAT     13
#define ABI_SHM_INFO     14
#define ABI_SHM_STAT_ANY 15

#define ABI_SHM_DEST   01000 /* in the mode: goes with the last that has it attached */
#define ABI_SHM_LOCKED 02000

struct abi_shmid_ds {
    struct abi_ipc_perm shm_perm;
    uint64_t shm_segsz;
    int64_t shm_atime; /* seconds since 1970, as the others */
    int64_t shm_dtime;
    int64_t shm_ctime;
    int32_t shm_cpid;
    int32_t shm_lpid;
    uint64_t shm_nattch;
    uint64_t unused[2];
};
_Static_assert(sizeof(struct abi_shmid_ds) == 112, "struct shmid_ds");

struct abi_shminfo {
    uint64_t shmmax;
    uint64_t shmmin;
    uint64_t shmmni;
    uint64_t shmseg;
    uint64_t shmall;
    uint64_t unused[4];
};
_Static_assert(sizeof(struct abi_shminfo) == 72, "struct shminfo");

struct abi_shm_info {
    int32_t used_ids;
    int32_t reserved;
    uint64_t shm_tot; /* pages, as the next two */
    uint64_t shm_rss;
    uint64_t shm_swp;
    uint64_t swap_attempts;
    uint64_t swap_successes;
};
_Static_assert(sizeof(struct abi_shm_info) == 48, "struct shm_info");

#endif
