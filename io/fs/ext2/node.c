/*
 * Nodes: inodes in memory, found by number. Lock order: ext2.h.
 *
 * The table holds no reference. Between a node's last release and its end somebody may look it up:
 * then it lives on (revived), and the end that was due is called off. Both sides decide that under
 * the load mutex of the number.
 */
#include "ext2.h"

static struct list *ext2_bucket(struct ext2 *fs, oskit_u32_t ino)
{
    return &fs->buckets[ino % EXT2_BUCKETS];
}

static struct env_mutex *ext2_stripe(struct ext2 *fs, oskit_u32_t ino)
{
    return &fs->load[ino % EXT2_LOAD_STRIPES];
}

/* ---- The table ---- */

void ext2_node_publish(struct ext2_node *node)
{
    env_spin_lock(&node->fs->nodes_lock);
    list_push_front(ext2_bucket(node->fs, node->ino), &node->link);
    env_spin_unlock(&node->fs->nodes_lock);
}

void ext2_node_unpublish(struct ext2_node *node)
{
    env_spin_lock(&node->fs->nodes_lock);
    list_remove(&node->link);
    env_spin_unlock(&node->fs->nodes_lock);
}

/* With a reference, or NULL. One whose end is due is revived; the load mutex of INO is held. */
static struct ext2_node *ext2_node_find(struct ext2 *fs, oskit_u32_t ino)
{
    struct ext2_node *found = NULL;

    env_spin_lock(&fs->nodes_lock);
    list_for_each (pos, ext2_bucket(fs, ino)) {
        struct ext2_node *node = container_of(pos, struct ext2_node, link);

        if (node->ino == ino)
            found = node;
    }
    env_spin_unlock(&fs->nodes_lock); /* it stays: an end needs the load mutex */
    if (found && !sluice_object_addref_unless_dead(&found->object)) {
        atomic_store(&found->object.references, 1);
        found->revived++;
    }
    return found;
}

/* ---- Beginning ---- */

static oskit_error_t ext2_ordered_write(void *arg, bool wait)
{
    struct ext2_node *node = arg;

    return wait ? pagecache_order(&node->cache) : OSKIT_SUCCESS;
}

static oskit_error_t ext2_node_prepare(struct ext2_node *node)
{
    if (OSKIT_S_ISFIFO(node->mode))
        return fifo_create(&node->fifo);
    if (!ext2_is_file(node))
        return OSKIT_SUCCESS;
    pagecache_init(&node->cache, &ext2_cache_ops, node->fs->device, node->fs->g.block_size,
                   node->size);
    node->cached = true;
    node->ordered.write = ext2_ordered_write;
    node->ordered.arg = node;
    return OSKIT_SUCCESS;
}

static struct ext2_node *ext2_node_alloc(struct ext2 *fs, oskit_u32_t ino)
{
    struct ext2_node *node = env_alloc(sizeof *node, ENV_ZERO);

    if (node) {
        node->fs = fs;
        node->ino = ino;
        list_init(&node->link);
        list_init(&node->dirty_link);
        list_init(&node->orphan_link);
    }
    return node;
}

/* From here on it is an object. */
static oskit_error_t ext2_node_begin(struct ext2_node *node)
{
    oskit_error_t err = ext2_node_prepare(node);

    if (OSKIT_FAILED(err))
        return err;
    sluice_object_init(&node->object, ext2_node_class(node->mode));
    ext2_hold(node->fs);
    return OSKIT_SUCCESS;
}

static oskit_error_t ext2_node_load(struct ext2 *fs, oskit_u32_t ino, struct ext2_node **out)
{
    struct ext2_node *node = ext2_node_alloc(fs, ino);

    if (!node)
        return OSKIT_ENOMEM;
    oskit_error_t err = ext2_inode_load(node);
    /* It may have changed lately, by a node that has ended since: fsync has to wait for that. */
    ext2_enter(fs);
    node->tid = journal_tid_latest(fs->journal);
    ext2_leave(fs);
    if (OSKIT_SUCCEEDED(err))
        err = ext2_node_begin(node);
    if (OSKIT_FAILED(err)) {
        env_free(node, sizeof *node);
        return err;
    }
    ext2_node_publish(node);
    *out = node;
    return OSKIT_SUCCESS;
}

oskit_error_t ext2_node_get(struct ext2 *fs, oskit_u32_t ino, struct ext2_node **out)
{
    oskit_error_t err = OSKIT_SUCCESS;

    *out = NULL;
    if (!ext2_ino_valid(fs, ino))
        return OSKIT_ENOENT;
    env_mutex_lock(ext2_stripe(fs, ino));
    *out = ext2_node_find(fs, ino);
    if (!*out)
        err = ext2_node_load(fs, ino, out);
    env_mutex_unlock(ext2_stripe(fs, ino));
    return err;
}

oskit_error_t ext2_node_new(struct ext2 *fs, oskit_u32_t ino, oskit_u32_t mode, oskit_u32_t rdev,
                            struct ext2_node **out)
{
    struct ext2_node *node = ext2_node_alloc(fs, ino);

    if (!node)
        return OSKIT_ENOMEM;
    node->mode = mode;
    node->rdev = rdev;
    node->generation = atomic_fetch_add(&fs->next_generation, 1);
    node->atime = node->mtime = node->ctime = node->btime = ext2_now(fs);
    oskit_error_t err = ext2_node_begin(node);
    if (OSKIT_FAILED(err)) {
        env_free(node, sizeof *node);
        return err;
    }
    *out = node;
    return OSKIT_SUCCESS;
}

struct ext2_node *ext2_node_in(struct ext2 *fs, oskit_file_t *file)
{
    sluice_filex_t *filex = sluice_query_face(file, &sluice_filex_iid);
    struct ext2_node *node = NULL;

    if (!filex)
        return NULL;
    if (filex->ops == &ext2_filex_ops && ext2_node_of(filex)->fs == fs)
        node = ext2_node_of(filex);
    filex->ops->release(filex);
    return node;
}

oskit_u64_t ext2_node_size_locked(struct ext2_node *node)
{
    if (!node->cached)
        return node->size;
    env_spin_lock(&node->cache.lock);
    oskit_u64_t size = node->cache.size;
    env_spin_unlock(&node->cache.lock);
    return size;
}

oskit_u64_t ext2_node_size(struct ext2_node *node)
{
    env_spin_lock(&node->lock);
    oskit_u64_t size = ext2_node_size_locked(node);
    env_spin_unlock(&node->lock);
    return size;
}

/* ---- Changes that are in memory only ---- */

void ext2_node_changed(struct ext2_node *node)
{
    struct ext2 *fs = node->fs;

    if (atomic_load(&fs->read_only))
        return;
    env_spin_lock(&node->lock);
    bool known = node->changed;
    node->changed = true;
    env_spin_unlock(&node->lock);
    if (known)
        return;
    env_spin_lock(&fs->nodes_lock);
    if (!node->dirty)
        list_push_back(&fs->dirty_nodes, &node->dirty_link);
    node->dirty = true;
    env_spin_unlock(&fs->nodes_lock);
}

static oskit_error_t ext2_flush(struct ext2_node *node, bool ordered)
{
    struct journal_handle handle;

    env_spin_lock(&node->lock);
    bool changed = node->changed;
    env_spin_unlock(&node->lock);
    if (!changed)
        return OSKIT_SUCCESS;
    oskit_error_t err = ext2_begin(node->fs, EXT2_CREDITS_INODE, &handle);
    if (OSKIT_FAILED(err))
        return err;
    if (ordered)
        journal_add_ordered(&handle, &node->ordered);
    err = ext2_inode_store(&handle, node, false);
    ext2_end(node->fs, &handle);
    return err;
}

oskit_error_t ext2_node_flush(struct ext2_node *node)
{
    return ext2_flush(node, false);
}

oskit_error_t ext2_node_flush_ordered(struct ext2_node *node)
{
    return ext2_flush(node, node->cached);
}

/* The next of the list with a reference; those whose end is due write themselves. */
static struct ext2_node *ext2_next_dirty(struct ext2 *fs)
{
    struct ext2_node *node = NULL;

    env_spin_lock(&fs->nodes_lock);
    while (!node && !list_empty(&fs->dirty_nodes)) {
        node = container_of(list_pop_front(&fs->dirty_nodes), struct ext2_node, dirty_link);
        node->dirty = false;
        if (!sluice_object_addref_unless_dead(&node->object))
            node = NULL;
    }
    env_spin_unlock(&fs->nodes_lock);
    return node;
}

oskit_error_t ext2_nodes_flush(struct ext2 *fs)
{
    oskit_error_t first = OSKIT_SUCCESS;
    struct ext2_node *node;

    while ((node = ext2_next_dirty(fs))) {
        oskit_error_t err = ext2_node_flush(node);

        ext2_node_put(node);
        if (OSKIT_SUCCEEDED(first))
            first = err;
    }
    return first;
}

/* ---- The end ---- */

/* Nobody has it and no name leads to it: its blocks and its number go. */
static void ext2_node_delete(struct ext2_node *node)
{
    oskit_error_t err = ext2_delete(node);

    if (OSKIT_FAILED(err) && err != OSKIT_EROFS)
        env_log(ENV_LOG_WARNING, "ext2: %s: inode %u stays on the list of orphans (%#x)",
                node->fs->name, node->ino, err);
}

/* With the load mutex held. */
static void ext2_node_finish(struct ext2_node *node)
{
    bool gone = node->nlink == 0, writable = !atomic_load(&node->fs->read_only);

    if (node->cached && !gone && writable) {
        oskit_error_t err = pagecache_writeback(&node->cache, 0, UINT64_MAX, true);
        if (OSKIT_FAILED(err))
            env_log(ENV_LOG_ERROR, "ext2: %s: data of inode %u are lost (%#x)", node->fs->name,
                    node->ino, err);
    }
    if (gone && writable)
        ext2_node_delete(node);
    else if (writable)
        ext2_node_flush(node);
    if (node->cached) {
        ext2_enter(node->fs);
        journal_remove_ordered(node->fs->journal, &node->ordered);
        ext2_leave(node->fs);
        pagecache_fini(&node->cache);
    }
    ext2_node_unpublish(node);
    env_spin_lock(&node->fs->nodes_lock);
    list_remove(&node->dirty_link);
    env_spin_unlock(&node->fs->nodes_lock);
    ext2_orphan_forget(node);
}

void ext2_node_destroy(struct sluice_object *object)
{
    struct ext2_node *node = container_of(object, struct ext2_node, object);
    struct ext2 *fs = node->fs;
    struct env_mutex *stripe = ext2_stripe(fs, node->ino);

    env_mutex_lock(stripe);
    if (node->revived > 0) {
        node->revived--;
        env_mutex_unlock(stripe);
        return;
    }
    ext2_node_finish(node);
    env_mutex_unlock(stripe);
    if (node->fifo)
        fifo_release(node->fifo);
    ext2_index_drop(node);
    sluice_object_fini(&node->object);
    env_free(node, sizeof *node);
    ext2_drop(fs);
}
