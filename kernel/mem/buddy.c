#include "kernel/mem/buddy.h"

void buddy_init(struct buddy *buddy, struct page *map)
{
    *buddy = (struct buddy){.map = map};
    for (unsigned order = 0; order < BUDDY_ORDERS; order++)
        list_init(&buddy->lists[order]);
}

static void block_insert(struct buddy *buddy, size_t number, unsigned order)
{
    struct page *page = &buddy->map[number];
    page->state = PAGE_FREE;
    page->order = order;
    list_push_front(&buddy->lists[order], &page->link);
    buddy->filled |= 1u << order;
}

static void block_remove(struct buddy *buddy, size_t number, unsigned order)
{
    struct page *page = &buddy->map[number];
    list_remove(&page->link);
    page->state = PAGE_RESERVED;
    if (list_empty(&buddy->lists[order]))
        buddy->filled &= ~(1u << order);
}

size_t buddy_take(struct buddy *buddy, unsigned order)
{
    if (order >= BUDDY_ORDERS)
        return BUDDY_NONE;
    uint32_t enough = buddy->filled & (~0u << order);
    if (enough == 0)
        return BUDDY_NONE;
    unsigned have = __builtin_ctz(enough);
    struct page *page = container_of(buddy->lists[have].next, struct page, link);
    size_t number = page - buddy->map;
    block_remove(buddy, number, have);
    while (have > order) {
        have--;
        block_insert(buddy, number + ((size_t)1 << have), have);
    }
    page->order = order;
    buddy->free -= (size_t)1 << order;
    return number;
}

void buddy_give(struct buddy *buddy, size_t number, unsigned order)
{
    buddy->free += (size_t)1 << order;
    buddy->map[number].state = PAGE_RESERVED;
    while (order < BUDDY_ORDERS - 1) {
        size_t other = number ^ ((size_t)1 << order);
        const struct page *page = &buddy->map[other];
        if (page->state != PAGE_FREE || page->order != order)
            break;
        block_remove(buddy, other, order);
        number &= ~((size_t)1 << order);
        order++;
    }
    block_insert(buddy, number, order);
}

void buddy_add(struct buddy *buddy, size_t first, size_t count)
{
    buddy->total += count;
    while (count > 0) {
        unsigned order = first ? __builtin_ctzl(first) : BUDDY_ORDERS - 1;
        if (order > BUDDY_ORDERS - 1)
            order = BUDDY_ORDERS - 1;
        while (((size_t)1 << order) > count)
            order--;
        buddy_give(buddy, first, order);
        first += (size_t)1 << order;
        count -= (size_t)1 << order;
    }
}
