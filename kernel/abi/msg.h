/* System V messages. */
#ifndef ABI_MSG_H
#define ABI_MSG_H

#include "kernel/abi/ipc.h"

#define ABI_MSG_NOERROR 010000
#define ABI_MSG_EXCEPT  020000
#define ABI_MSG_COPY    040000

#define ABI_MSG_STAT     11
#define ABI_MSG_INFO     12
#define ABI_MSG_STAT_ANY 13

struct abi_msqid_ds {
    struct abi_ipc_perm msg_perm;
    int64_t msg_stime; /* seconds since 1970, as the next two */
    int64_t msg_rtime;
    int64_t msg_ctime;
    uint64_t msg_cbytes;
    uint64_t msg_qnum;
    uint64_t msg_qbytes;
    int32_t msg_lspid;
    int32_t msg_lrpid;
    uint64_t unused[2];
};
_Static_assert(sizeof(struct abi_msqid_ds) == 120, "struct msqid_ds");

struct abi_msginfo {
    int32_t msgpool; /* MSG_INFO: queues there are */
    int32_t msgmap;  /* MSG_INFO: messages in them */
    int32_t msgmax;  /* bytes of a message */
    int32_t msgmnb;  /* of a queue */
    int32_t msgmni;  /* queues */
    int32_t msgssz;
    int32_t msgtql; /* MSG_INFO: bytes of messages */
    uint16_t msgseg;
    uint16_t reserved;
};
_Static_assert(sizeof(struct abi_msginfo) == 32, "struct msginfo");

#endif
