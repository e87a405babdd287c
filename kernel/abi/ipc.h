/* What System V's shared memory, semaphores and messages have in common. */
#ifndef ABI_IPC_H
#define ABI_IPC_H

#include "kernel/abi/types.h"

#define ABI_IPC_PRIVATE 0
#define ABI_IPC_CREAT   01000
#define ABI_IPC_EXCL    02000
#define ABI_IPC_NOWAIT  04000

#define ABI_IPC_RMID 0
#define ABI_IPC_SET  1
#define ABI_IPC_STAT 2
#define ABI_IPC_INFO 3

struct abi_ipc_perm {
    int32_t key;
    uint32_t uid;
    uint32_t gid;
    uint32_t cuid;
    uint32_t cgid;
    uint32_t mode;
    uint16_t seq;
    uint16_t reserved[3];
    uint64_t unused[2];
};
_Static_assert(sizeof(struct abi_ipc_perm) == 48, "struct ipc_perm");

#endif
