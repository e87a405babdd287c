/* Sparse arrays: see radix.h. The caller's lock covers everything here. */
#include <sluice/env.h>
#include <sluice/radix.h>

#define RADIX_BITS   6
#define RADIX_SLOTS  (1u << RADIX_BITS)
#define RADIX_LEVELS ((64 + RADIX_BITS - 1) / RADIX_BITS)

/* No counter in it: 64 slots are exactly 512 bytes, and emptiness is asked for on removal only. */
struct radix_node {
    void *slot[RADIX_SLOTS];
};

static unsigned radix_slot(oskit_u64_t index, unsigned level)
{
    return (index >> (level * RADIX_BITS)) & (RADIX_SLOTS - 1);
}

/* Whether an array of HEIGHT levels has a place for INDEX. */
static bool radix_covers(unsigned height, oskit_u64_t index)
{
    unsigned bits = height * RADIX_BITS;

    return bits >= 64 || index >> bits == 0;
}

oskit_error_t radix_pool_fill(struct radix_pool *pool, unsigned count)
{
    while (pool->count < count) {
        struct radix_node *node = env_alloc(sizeof *node, ENV_ZERO);

        if (!node)
            return OSKIT_ENOMEM;
        node->slot[0] = pool->free;
        pool->free = node;
        pool->count++;
    }
    return OSKIT_SUCCESS;
}

void radix_pool_drain(struct radix_pool *pool)
{
    while (pool->free) {
        struct radix_node *node = pool->free;

        pool->free = node->slot[0];
        env_free(node, sizeof *node);
    }
    pool->count = 0;
}

static struct radix_node *radix_pool_take(struct radix_pool *pool)
{
    struct radix_node *node = pool->free;

    pool->free = node->slot[0];
    node->slot[0] = NULL;
    pool->count--;
    return node;
}

/* NODE's slots are all NULL, as pool nodes' are but for the first. */
static void radix_pool_give(struct radix_pool *pool, struct radix_node *node)
{
    node->slot[0] = pool->free;
    pool->free = node;
    pool->count++;
}

void *radix_get(const struct radix *radix, oskit_u64_t index)
{
    void *item = radix->root;

    if (!radix_covers(radix->height, index))
        return NULL;
    for (unsigned level = radix->height; item && level-- > 0;)
        item = ((struct radix_node *)item)->slot[radix_slot(index, level)];
    return item;
}

unsigned radix_need(const struct radix *radix, oskit_u64_t index)
{
    unsigned height = radix->height;
    unsigned need = 0;

    if (!radix->root)
        height = 0;
    while (!radix_covers(height, index)) {
        height++;
        need++;
    }
    if (need > 0) /* the path to INDEX parts from the old one at the top at the latest */
        return radix->root ? need + height - 1 : height;
    const void *item = radix->root;
    for (unsigned level = height; level-- > 0;) {
        item = ((const struct radix_node *)item)->slot[radix_slot(index, level)];
        if (!item)
            return level;
    }
    return 0;
}

static void radix_grow(struct radix *radix, oskit_u64_t index, struct radix_pool *pool)
{
    if (!radix->root)
        radix->height = 0;
    while (!radix_covers(radix->height, index)) {
        if (radix->root) {
            struct radix_node *top = radix_pool_take(pool);

            top->slot[0] = radix->root;
            radix->root = top;
        }
        radix->height++;
    }
}

void *radix_put(struct radix *radix, oskit_u64_t index, void *item, struct radix_pool *pool)
{
    void **place = &radix->root;

    radix_grow(radix, index, pool);
    for (unsigned level = radix->height; level-- > 0;) {
        if (!*place)
            *place = radix_pool_take(pool);
        place = &((struct radix_node *)*place)->slot[radix_slot(index, level)];
    }
    void *old = *place;
    *place = item;
    return old;
}

static bool radix_node_empty(const struct radix_node *node)
{
    for (unsigned i = 0; i < RADIX_SLOTS; i++)
        if (node->slot[i])
            return false;
    return true;
}

void *radix_remove(struct radix *radix, oskit_u64_t index, struct radix_pool *pool)
{
    void **path[RADIX_LEVELS + 1];
    unsigned depth = 0;

    if (!radix_covers(radix->height, index))
        return NULL;
    path[0] = &radix->root;
    for (unsigned level = radix->height; *path[depth] && level-- > 0; depth++)
        path[depth + 1] = &((struct radix_node *)*path[depth])->slot[radix_slot(index, level)];
    void *item = *path[depth];
    if (!item)
        return NULL;
    *path[depth] = NULL;
    while (depth-- > 0 && radix_node_empty(*path[depth])) {
        radix_pool_give(pool, *path[depth]);
        *path[depth] = NULL;
    }
    return item;
}

/* The first item at FROM or after below NODE, which has LEVEL + 1 levels and begins at index BASE.
 */
static void *radix_next_below(const struct radix_node *node, unsigned level, oskit_u64_t base,
                              oskit_u64_t from, oskit_u64_t *out_index)
{
    for (unsigned i = from > base ? radix_slot(from, level) : 0; i < RADIX_SLOTS; i++) {
        oskit_u64_t index = base + ((oskit_u64_t)i << (level * RADIX_BITS));
        void *item = node->slot[i];

        if (item && level > 0)
            item = radix_next_below(item, level - 1, index, from, out_index);
        else if (item)
            *out_index = index;
        if (item)
            return item;
    }
    return NULL;
}

void *radix_next(const struct radix *radix, oskit_u64_t *index)
{
    if (!radix->root || !radix_covers(radix->height, *index))
        return NULL;
    if (radix->height == 0)
        return radix->root;
    return radix_next_below(radix->root, radix->height - 1, 0, *index, index);
}
