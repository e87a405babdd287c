#include "kernel/mem/ranges.h"

static void item_remove(struct ranges *set, size_t index)
{
    set->count--;
    for (size_t i = index; i < set->count; i++)
        set->items[i] = set->items[i + 1];
}

static bool item_insert(struct ranges *set, size_t index, uint64_t start, uint64_t end)
{
    if (set->count == RANGES_MAX)
        return false;
    for (size_t i = set->count; i > index; i--)
        set->items[i] = set->items[i - 1];
    set->items[index] = (struct range){start, end};
    set->count++;
    return true;
}

bool ranges_add(struct ranges *set, uint64_t start, uint64_t end)
{
    if (start >= end)
        return true;
    size_t i = 0;
    while (i < set->count && set->items[i].end < start)
        i++;
    while (i < set->count && set->items[i].start <= end) {
        if (set->items[i].start < start)
            start = set->items[i].start;
        if (set->items[i].end > end)
            end = set->items[i].end;
        item_remove(set, i);
    }
    return item_insert(set, i, start, end);
}

bool ranges_subtract(struct ranges *set, uint64_t start, uint64_t end)
{
    for (size_t i = 0; start < end && i < set->count;) {
        struct range old = set->items[i];
        if (old.end <= start || old.start >= end) {
            i++;
            continue;
        }
        item_remove(set, i);
        if (old.start < start && !item_insert(set, i++, old.start, start))
            return false;
        if (old.end > end && !item_insert(set, i++, end, old.end))
            return false;
    }
    return true;
}
