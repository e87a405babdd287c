/*
 * The entries of a directory of ramfs: a hash table by name, and an order by cookie for reading it.
 *
 * Cookies count up and are never used again in the life of a directory, so a reader that stopped
 * after cookie C goes on with the first entry above C, whatever was removed or added meanwhile.
 *
 * Everything here runs with the directory's mutex held, unless said otherwise.
 */
#include "namehash.h"
#include "ramfs_private.h"

#define RAMFS_FIRST_BUCKETS 8

static struct ramfs_entry **ramfs_dir_bucket(const struct ramfs_dir *dir, oskit_u32_t hash)
{
    return &dir->buckets[hash & (dir->bucket_count - 1)];
}

struct ramfs_entry *ramfs_dir_find(const struct ramfs_dir *dir, const char *name)
{
    size_t length = strlen(name);
    oskit_u32_t hash = namehash(name, length);

    if (dir->bucket_count == 0)
        return NULL;
    struct ramfs_entry *entry = *ramfs_dir_bucket(dir, hash);
    while (entry && (entry->hash != hash || entry->length != length ||
                     memcmp(entry->name, name, length) != 0))
        entry = entry->next;
    return entry;
}

/* Doubles the table. Without memory for it chains get longer, no more. */
static void ramfs_dir_grow(struct ramfs_dir *dir)
{
    struct ramfs_entry **old = dir->buckets;
    oskit_u32_t old_count = dir->bucket_count;
    oskit_u32_t count = old_count ? old_count * 2 : RAMFS_FIRST_BUCKETS;
    struct ramfs_entry **buckets = env_alloc(count * sizeof *buckets, ENV_ZERO);

    if (!buckets)
        return;
    dir->buckets = buckets;
    dir->bucket_count = count;
    for (oskit_u32_t i = 0; i < old_count; i++)
        for (struct ramfs_entry *entry = old[i], *next; entry; entry = next) {
            struct ramfs_entry **bucket = ramfs_dir_bucket(dir, entry->hash);

            next = entry->next;
            entry->next = *bucket;
            *bucket = entry;
        }
    env_free(old, old_count * sizeof *old);
}

static size_t ramfs_entry_size(size_t length)
{
    return sizeof(struct ramfs_entry) + length + 1;
}

/* A new entry that holds its own reference to NODE. The name is free. */
oskit_error_t ramfs_dir_insert(struct ramfs_dir *dir, const char *name, struct ramfs_node *node)
{
    size_t length = strlen(name);
    struct radix_pool pool = {0};

    if (dir->entry_count >= dir->bucket_count)
        ramfs_dir_grow(dir);
    if (dir->bucket_count == 0)
        return OSKIT_ENOMEM;
    struct ramfs_entry *entry = env_alloc(ramfs_entry_size(length), 0);
    if (!entry)
        return OSKIT_ENOMEM;
    oskit_error_t err = radix_pool_fill(&pool, radix_need(&dir->order, dir->next_cookie));
    if (OSKIT_SUCCEEDED(err)) {
        entry->hash = namehash(name, length);
        entry->length = (oskit_u32_t)length;
        entry->cookie = dir->next_cookie++;
        entry->node = node;
        sluice_object_addref(&node->object);
        memcpy(entry->name, name, length + 1);
        entry->next = *ramfs_dir_bucket(dir, entry->hash);
        *ramfs_dir_bucket(dir, entry->hash) = entry;
        radix_put(&dir->order, entry->cookie, entry, &pool);
        dir->entry_count++;
    } else {
        env_free(entry, ramfs_entry_size(length));
    }
    radix_pool_drain(&pool);
    return err;
}

/* Returns the entry's node with the entry's reference. */
struct ramfs_node *ramfs_dir_remove(struct ramfs_dir *dir, struct ramfs_entry *entry)
{
    struct ramfs_entry **link = ramfs_dir_bucket(dir, entry->hash);
    struct ramfs_node *node = entry->node;
    struct radix_pool pool = {0};

    while (*link != entry)
        link = &(*link)->next;
    *link = entry->next;
    radix_remove(&dir->order, entry->cookie, &pool);
    radix_pool_drain(&pool);
    env_free(entry, ramfs_entry_size(entry->length));
    dir->entry_count--;
    return node;
}

bool ramfs_dir_removed(const struct ramfs_dir *dir)
{
    return dir->node.nlink == 0; /* becomes so under this directory's mutex */
}

/* The mutex isn't needed: the parent has the lock of its own. */
void ramfs_dir_set_parent(struct ramfs_dir *dir, struct ramfs_dir *parent)
{
    env_spin_lock(&dir->node.lock);
    dir->parent = parent;
    env_spin_unlock(&dir->node.lock);
}

/* ---- Reading it ---- */

static bool ramfs_emit(oskit_u64_t *cookie, oskit_u64_t at, const char *name, size_t length,
                       const struct ramfs_node *node,
                       bool (*emit)(void *arg, const struct filex_entry *entry), void *arg)
{
    struct filex_entry out = {
        .name = name,
        .length = length,
        .ino = node->ino,
        .cookie = at,
        .type = node->mode & OSKIT_S_IFMT,
    };

    if (!emit(arg, &out))
        return false;
    *cookie = at;
    return true;
}

/* Takes the mutex itself. */
oskit_error_t ramfs_dir_readdir(struct ramfs_dir *dir, oskit_u64_t *cookie,
                                bool (*emit)(void *arg, const struct filex_entry *entry), void *arg)
{
    struct ramfs_entry *entry;
    bool more = true;

    env_mutex_lock(&dir->mutex);
    bool removed = ramfs_dir_removed(dir);
    if (!removed && *cookie < RAMFS_COOKIE_SELF)
        more = ramfs_emit(cookie, RAMFS_COOKIE_SELF, ".", 1, &dir->node, emit, arg);
    if (!removed && more && *cookie < RAMFS_COOKIE_PARENT)
        more = ramfs_emit(cookie, RAMFS_COOKIE_PARENT, "..", 2,
                          dir->parent ? &dir->parent->node : &dir->node, emit, arg);
    while (more && *cookie < UINT64_MAX) {
        oskit_u64_t next = *cookie + 1;

        entry = radix_next(&dir->order, &next);
        more = entry && ramfs_emit(cookie, entry->cookie, entry->name, entry->length, entry->node,
                                   emit, arg);
    }
    env_mutex_unlock(&dir->mutex);
    ramfs_node_accessed(&dir->node);
    return OSKIT_SUCCESS;
}

/* ---- The object ---- */

static void ramfs_dir_destroy(struct sluice_object *object)
{
    struct ramfs_node *node = container_of(object, struct ramfs_node, object);
    struct ramfs_dir *dir = ramfs_dir_of_node(node);

    env_free(dir->buckets, dir->bucket_count * sizeof *dir->buckets);
    ramfs_node_fini(node);
    env_free(dir, sizeof *dir);
}

/* Takes every entry out of DIR; directories among them go on LIST with the entry's reference. */
static void ramfs_dir_strip(struct ramfs_dir *dir, struct list *list)
{
    oskit_u64_t cookie = 0;
    struct ramfs_entry *entry;

    env_mutex_lock(&dir->mutex);
    while ((entry = radix_next(&dir->order, &cookie))) {
        struct ramfs_node *node = ramfs_dir_remove(dir, entry);

        if (ramfs_node_is_dir(node)) {
            ramfs_dir_set_parent(ramfs_dir_of_node(node), NULL);
            list_push_back(list, &ramfs_dir_of_node(node)->reap);
        } else {
            ramfs_node_release(node);
        }
    }
    env_mutex_unlock(&dir->mutex);
}

void ramfs_dir_empty(struct ramfs_dir *dir)
{
    struct list waiting;
    struct list *next;

    list_init(&waiting);
    ramfs_dir_strip(dir, &waiting);
    while ((next = list_pop_front(&waiting))) {
        struct ramfs_dir *child = container_of(next, struct ramfs_dir, reap);

        ramfs_dir_strip(child, &waiting);
        ramfs_node_links(&child->node, -(int)child->node.nlink);
        ramfs_node_release(&child->node);
    }
}

/* The last row is for RAMFS_DYNAMIC only. */
static const struct sluice_interface ramfs_dir_interfaces[] = {
    {&oskit_iunknown_iid, offsetof(struct ramfs_dir, node.file), &ramfs_dir_ops},
    {&sluice_filex_iid, offsetof(struct ramfs_dir, node.filex), &ramfs_filex_ops},
    {&oskit_dir_iid, offsetof(struct ramfs_dir, node.file), &ramfs_dir_ops},
    {&oskit_file_iid, offsetof(struct ramfs_dir, node.file), &ramfs_dir_ops},
    {&oskit_posixio_iid, offsetof(struct ramfs_dir, node.file), &ramfs_dir_ops},
    {&sluice_dynamic_iid, offsetof(struct ramfs_dir, node.dynamic), &ramfs_dynamic_ops},
};

static const struct sluice_class ramfs_dir_class[2] = {
    {"ramfs directory", ramfs_dir_interfaces, SLUICE_COUNT(ramfs_dir_interfaces) - 1,
     ramfs_dir_destroy},
    {"ramfs directory", ramfs_dir_interfaces, SLUICE_COUNT(ramfs_dir_interfaces),
     ramfs_dir_destroy},
};

/* Not yet in OWNER; nlink 2 counts its own "." and the entry to come. The root (OWNER NULL) is its
 * own parent. */
oskit_error_t ramfs_dir_create(struct ramfs *fs, struct ramfs_dir *owner, oskit_u32_t mode,
                               struct ramfs_node **out)
{
    struct ramfs_dir *dir = env_alloc(sizeof *dir, ENV_ZERO);

    if (!dir)
        return OSKIT_ENOMEM;
    ramfs_node_init(&dir->node, &ramfs_dir_class[fs->flags & RAMFS_DYNAMIC], fs, owner,
                    OSKIT_S_IFDIR | mode, 0);
    dir->next_cookie = RAMFS_COOKIE_FIRST;
    dir->node.nlink = owner ? 0 : 2;
    dir->parent = owner ? NULL : dir;
    *out = &dir->node;
    return OSKIT_SUCCESS;
}
