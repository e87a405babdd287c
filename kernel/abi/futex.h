/* futex(2) and robust lists. */
#ifndef ABI_FUTEX_H
#define ABI_FUTEX_H

#include "kernel/abi/types.h"

#define ABI_FUTEX_WAIT            0
#define ABI_FUTEX_WAKE            1
#define ABI_FUTEX_FD              2
#define ABI_FUTEX_REQUEUE         3
#define ABI_FUTEX_CMP_REQUEUE     4
#define ABI_FUTEX_WAKE_OP         5
#define ABI_FUTEX_LOCK_PI         6
#define ABI_FUTEX_UNLOCK_PI       7
#define ABI_FUTEX_TRYLOCK_PI      8
#define ABI_FUTEX_WAIT_BITSET     9
#define ABI_FUTEX_WAKE_BITSET     10
#define ABI_FUTEX_WAIT_REQUEUE_PI 11
#define ABI_FUTEX_CMP_REQUEUE_PI  12
#define ABI_FUTEX_LOCK_PI2        13
#define ABI_FUTEX_PRIVATE_FLAG    128
#define ABI_FUTEX_CLOCK_REALTIME  256
#define ABI_FUTEX_CMD_MASK        (~(ABI_FUTEX_PRIVATE_FLAG | ABI_FUTEX_CLOCK_REALTIME))

#define ABI_FUTEX_BITSET_MATCH_ANY 0xffffffffu

#define ABI_FUTEX_WAITERS    0x80000000u
#define ABI_FUTEX_OWNER_DIED 0x40000000u
#define ABI_FUTEX_TID_MASK   0x3fffffffu

/* FUTEX_WAKE_OP: op in bits 28-31, comparison in 24-27, then two 12-bit arguments */
#define ABI_FUTEX_OP_SET       0
#define ABI_FUTEX_OP_ADD       1
#define ABI_FUTEX_OP_OR        2
#define ABI_FUTEX_OP_ANDN      3
#define ABI_FUTEX_OP_XOR       4
#define ABI_FUTEX_OP_ARG_SHIFT 8
#define ABI_FUTEX_OP_CMP_EQ    0
#define ABI_FUTEX_OP_CMP_NE    1
#define ABI_FUTEX_OP_CMP_LT    2
#define ABI_FUTEX_OP_CMP_LE    3
#define ABI_FUTEX_OP_CMP_GT    4
#define ABI_FUTEX_OP_CMP_GE    5

#define ABI_ROBUST_LIST_LIMIT 2048

/* Bit 0 of a next pointer marks a priority-inheriting futex. */
struct abi_robust_list {
    uint64_t next;
};

struct abi_robust_list_head {
    uint64_t list;
    int64_t futex_offset;
    uint64_t list_op_pending;
};
_Static_assert(sizeof(struct abi_robust_list_head) == 24, "struct robust_list_head");

#endif
