#include "kernel/task/pheap.h"

/* The one with the smaller key becomes the parent. Both are roots of their own. */
static struct pheap_node *pheap_meld(struct pheap_node *a, struct pheap_node *b)
{
    if (!a || !b)
        return a ? a : b;
    if (b->key < a->key) {
        struct pheap_node *swap = a;
        a = b;
        b = swap;
    }
    b->next = a->child;
    b->prev = a;
    if (a->child)
        a->child->prev = b;
    a->child = b;
    return a;
}

void pheap_insert(struct pheap *heap, struct pheap_node *node)
{
    node->child = node->next = node->prev = NULL;
    heap->root = pheap_meld(heap->root, node);
}

/* Melds a list of siblings: pairs from left to right, then the pairs from right to left. Iterative,
 * for kernel stacks are small. */
static struct pheap_node *pheap_meld_siblings(struct pheap_node *first)
{
    struct pheap_node *pairs = NULL;
    while (first) {
        struct pheap_node *a = first, *b = a->next;
        first = b ? b->next : NULL;
        a->next = a->prev = NULL;
        if (b)
            b->next = b->prev = NULL;
        struct pheap_node *pair = pheap_meld(a, b);
        pair->next = pairs; /* a stack through next; prev stays NULL */
        pairs = pair;
    }
    struct pheap_node *root = NULL;
    while (pairs) {
        struct pheap_node *next = pairs->next;
        pairs->next = NULL;
        root = pheap_meld(root, pairs);
        pairs = next;
    }
    return root;
}

void pheap_remove(struct pheap *heap, struct pheap_node *node)
{
    struct pheap_node *rest = pheap_meld_siblings(node->child);
    if (heap->root == node) {
        heap->root = rest;
    } else {
        if (node->prev->child == node)
            node->prev->child = node->next;
        else
            node->prev->next = node->next;
        if (node->next)
            node->next->prev = node->prev;
        heap->root = pheap_meld(heap->root, rest);
    }
    node->child = node->next = node->prev = NULL;
}
