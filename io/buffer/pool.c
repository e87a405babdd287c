/*
 * The wired pool. Pieces are cut from blocks of pages, which stay the pool's until its end: what a
 * device may write at any time is not handed to anybody else.
 *
 * Locks: lock guards the lists; nothing is taken under it.
 */
#include <sluice/pool.h>

#define PIECE_ALIGN 64u
#define PIECE_MAX   (1u << 20)
#define BLOCK_BYTES (16u * ENV_PAGE_SIZE) /* a block is this large, or one piece */

/* Lies in a free piece. */
struct pool_piece {
    struct pool_piece *next;
};

/* One for each block of pages; kept apart, so that a piece never shares memory with it. */
struct pool_block {
    struct pool_block *next;
    void *pages;
};

static unsigned order_for(oskit_size_t bytes)
{
    unsigned order = 0;

    while (((oskit_size_t)ENV_PAGE_SIZE << order) < bytes)
        order++;
    return order;
}

oskit_error_t pool_init(struct pool *pool, oskit_u32_t size, oskit_u32_t reserve, oskit_u32_t limit)
{
    if (size == 0 || size > PIECE_MAX || reserve > limit)
        return OSKIT_E_INVALIDARG;
    *pool = (struct pool){.limit = limit};
    pool->size = (size + PIECE_ALIGN - 1) & ~(PIECE_ALIGN - 1);
    pool->block_order = order_for(pool->size > BLOCK_BYTES ? pool->size : BLOCK_BYTES);
    pool->per_block =
        (oskit_u32_t)(((oskit_size_t)ENV_PAGE_SIZE << pool->block_order) / pool->size);
    oskit_error_t error = pool_fill(pool, reserve);
    if (OSKIT_FAILED(error))
        pool_fini(pool);
    return error;
}

void pool_fini(struct pool *pool)
{
    while (pool->blocks != NULL) {
        struct pool_block *block = pool->blocks;
        pool->blocks = block->next;
        env_page_unref(block->pages);
        env_free(block, sizeof *block);
    }
    pool->free = NULL;
    pool->free_count = pool->count = 0;
}

/* Cuts BLOCK into pieces, as many as the limit has room for; false: none. */
static bool block_add(struct pool *pool, struct pool_block *block)
{
    env_spin_lock(&pool->lock);
    oskit_u32_t room = pool->limit - pool->count;
    oskit_u32_t pieces = room < pool->per_block ? room : pool->per_block;
    for (oskit_u32_t i = 0; i < pieces; i++) {
        struct pool_piece *piece =
            (struct pool_piece *)((char *)block->pages + (oskit_size_t)i * pool->size);
        piece->next = pool->free;
        pool->free = piece;
    }
    pool->free_count += pieces;
    pool->count += pieces;
    if (pieces != 0) {
        block->next = pool->blocks;
        pool->blocks = block;
    }
    env_spin_unlock(&pool->lock);
    return pieces != 0;
}

static oskit_error_t pool_grow(struct pool *pool, unsigned flags)
{
    struct pool_block *block = env_alloc(sizeof *block, flags);

    if (block == NULL)
        return OSKIT_E_OUTOFMEMORY;
    block->pages = env_page_alloc(pool->block_order, flags);
    if (block->pages != NULL && block_add(pool, block))
        return OSKIT_SUCCESS;
    oskit_error_t error = block->pages != NULL ? OSKIT_ENOSPC : OSKIT_E_OUTOFMEMORY;
    if (block->pages != NULL)
        env_page_unref(block->pages);
    env_free(block, sizeof *block);
    return error;
}

static struct pool_piece *piece_pop(struct pool *pool)
{
    env_spin_lock(&pool->lock);
    struct pool_piece *piece = pool->free;
    if (piece != NULL) {
        pool->free = piece->next;
        pool->free_count--;
    }
    env_spin_unlock(&pool->lock);
    return piece;
}

/* At the limit nothing is asked for; the count may be old by then, which block_add settles. */
static bool pool_full(struct pool *pool)
{
    env_spin_lock(&pool->lock);
    bool full = pool->count >= pool->limit;
    env_spin_unlock(&pool->lock);
    return full;
}

void *pool_take(struct pool *pool)
{
    struct pool_piece *piece = piece_pop(pool);

    if (piece == NULL && !pool_full(pool) && !OSKIT_FAILED(pool_grow(pool, ENV_NOSLEEP)))
        piece = piece_pop(pool);
    return piece;
}

bool pool_give(struct pool *pool, void *memory)
{
    struct pool_piece *piece = memory;

    env_spin_lock(&pool->lock);
    piece->next = pool->free;
    pool->free = piece;
    pool->free_count++;
    bool last = pool->closed && pool->free_count == pool->count;
    env_spin_unlock(&pool->lock);
    return last;
}

bool pool_close(struct pool *pool)
{
    env_spin_lock(&pool->lock);
    pool->closed = true;
    bool last = pool->free_count == pool->count;
    env_spin_unlock(&pool->lock);
    return last;
}

static bool pool_has(struct pool *pool, oskit_u32_t count)
{
    env_spin_lock(&pool->lock);
    bool enough = pool->free_count >= count || pool->count >= pool->limit;
    env_spin_unlock(&pool->lock);
    return enough;
}

oskit_error_t pool_fill(struct pool *pool, oskit_u32_t count)
{
    oskit_error_t error = OSKIT_SUCCESS;

    while (!OSKIT_FAILED(error) && !pool_has(pool, count))
        error = pool_grow(pool, 0);
    return error == OSKIT_ENOSPC ? OSKIT_SUCCESS : error; /* others filled it meanwhile */
}
