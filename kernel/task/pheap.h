/*
 * A pairing heap through nodes that its members embed: insert O(1), take the least O(log n)
 * amortised, remove any O(log n). Ties leave in no promised order.
 */
#ifndef KERNEL_TASK_PHEAP_H
#define KERNEL_TASK_PHEAP_H

#include <stddef.h>
#include <stdint.h>

struct pheap_node {
    uint64_t key;
    struct pheap_node *child, *next;
    struct pheap_node
        *prev; /* the left sibling, or the parent for a first child; NULL for the root */
};

struct pheap {
    struct pheap_node *root;
};

void pheap_insert(struct pheap *heap, struct pheap_node *node);
void pheap_remove(struct pheap *heap, struct pheap_node *node);

static inline struct pheap_node *pheap_least(const struct pheap *heap)
{
    return heap->root;
}

#endif
