/* The table of names. What it is for, and its locks: name.h. */
#include <oskit/io/posixio.h>
#include <sluice/object.h>
#include <sluice/string.h>
#include "name.h"
#include "namehash.h"
#include "notify_private.h"

#define NAME_TRIM_STEPS 8 /* names looked at for each one that is added */

/* ---- Table ---- */

oskit_error_t name_table_init(struct name_table *table, oskit_u32_t buckets, oskit_u32_t keep)
{
    memset(table, 0, sizeof *table);
    list_init(&table->lru);
    table->buckets = env_alloc(buckets * sizeof *table->buckets, ENV_ZERO);
    table->bucket_count = buckets;
    table->keep = keep;
    return table->buckets ? OSKIT_SUCCESS : OSKIT_ENOMEM;
}

void name_table_fini(struct name_table *table)
{
    env_free(table->buckets, table->bucket_count * sizeof *table->buckets);
}

static struct name_bucket *name_bucket(const struct name_table *table, const struct name *parent,
                                       oskit_u32_t hash)
{
    /* Names are far larger than 64 bytes, so the low bits of their addresses say little. */
    oskit_u32_t where = (oskit_u32_t)((uintptr_t)parent >> 6) * 0x9e3779b1u;

    return &table->buckets[(hash ^ (where >> 8)) & (table->bucket_count - 1)];
}

/* ---- Life of a name ---- */

static oskit_error_t name_set_file(struct name *name, oskit_file_t *file)
{
    struct filex_stat statx;
    oskit_stat_t stat;
    oskit_error_t err;

    oskit_file_addref(file);
    name->file = file;
    name->filex = sluice_query_face(file, &sluice_filex_iid);
    name->dynamic = sluice_query_face(file, &sluice_dynamic_iid);
    if (name->filex) {
        err = name->filex->ops->stat(name->filex, &statx);
        name->type = OSKIT_SUCCEEDED(err) ? statx.mode & OSKIT_S_IFMT : 0;
    } else {
        err = oskit_file_stat(file, &stat);
        name->type = OSKIT_SUCCEEDED(err) ? stat.mode & OSKIT_S_IFMT : 0;
    }
    if (OSKIT_S_ISDIR(name->type))
        name->dir = sluice_query_face(file, &oskit_dir_iid);
    return err;
}

static char *name_text_alloc(char *inline_text, const char *text, size_t length)
{
    char *copy = inline_text && length < NAME_INLINE ? inline_text : env_alloc(length + 1, 0);

    if (copy) {
        memcpy(copy, text, length);
        copy[length] = '\0';
    }
    return copy;
}

static void name_free(struct name *name)
{
    if (notify_watched() && name->file && atomic_load(&name->deleted))
        notify_name_gone(name);
    if (name->dynamic)
        name->dynamic->ops->release(name->dynamic);
    if (name->dir)
        oskit_dir_release(name->dir);
    if (name->filex)
        name->filex->ops->release(name->filex);
    if (name->file)
        oskit_file_release(name->file);
    if (name->text && name->text != name->inline_text)
        env_free(name->text, name->length + 1);
    atomic_fetch_sub(&name->table->alive, 1);
    env_free(name, sizeof *name);
}

oskit_error_t name_create(struct name_table *table, struct name *parent, const char *text,
                          size_t length, oskit_u32_t hash, oskit_file_t *file, struct name **out)
{
    struct name *name = env_alloc(sizeof *name, ENV_ZERO);
    oskit_error_t err = OSKIT_SUCCESS;

    *out = NULL;
    if (!name)
        return OSKIT_ENOMEM;
    atomic_fetch_add(&table->alive, 1);
    name->references = 1;
    name->table = table;
    name->hash = hash;
    name->length = (oskit_u32_t)length;
    list_init(&name->lru);
    name->text = name_text_alloc(name->inline_text, text, length);
    if (!name->text)
        err = OSKIT_ENOMEM;
    if (OSKIT_SUCCEEDED(err) && file)
        err = name_set_file(name, file);
    if (OSKIT_FAILED(err)) {
        name_free(name);
        return err;
    }
    name->parent = parent ? name_get(parent) : NULL;
    *out = name;
    return OSKIT_SUCCESS;
}

/* In a loop, not by recursion: the last reference to a deep name may free all its ancestors. */
void name_put(struct name *name)
{
    while (name) {
        atomic_store_explicit(&name->recent, true, memory_order_relaxed);
        /* Release: our uses come before the free; acquire: so do the others' whom we outlast. */
        if (atomic_fetch_sub_explicit(&name->references, 1, memory_order_acq_rel) != 1)
            return;
        struct name *parent = name->parent;
        name_free(name);
        name = parent;
    }
}

/* ---- In and out of the table ---- */

struct name *name_find(struct name *parent, const char *text, size_t length, oskit_u32_t hash)
{
    struct name_bucket *bucket = name_bucket(parent->table, parent, hash);

    env_spin_lock(&bucket->lock);
    struct name *name = bucket->first;
    while (name && (name->hash != hash || name->parent != parent || name->length != length ||
                    memcmp(name->text, text, length) != 0))
        name = name->chain;
    if (name)
        name_get(name);
    env_spin_unlock(&bucket->lock);
    return name;
}

/* With the bucket's lock held; the table's reference is the caller's from then on. */
static void name_unchain(struct name_bucket *bucket, struct name *name)
{
    struct name **link = &bucket->first;

    while (*link != name)
        link = &(*link)->chain;
    *link = name->chain;
    name->hashed = false;
}

/* Only the table's reference is left, and since the bucket is locked nobody gets another. */
static bool name_unchain_unused(struct name *name)
{
    struct name_bucket *bucket = name_bucket(name->table, name->parent, name->hash);

    env_spin_lock(&bucket->lock);
    bool unused = name->hashed && atomic_load(&name->references) == 1;
    if (unused)
        name_unchain(bucket, name);
    env_spin_unlock(&bucket->lock);
    return unused;
}

/*
 * Takes a few long unused names out when there are too many. Names in use, or used since the last
 * look, go to the end. Parents are in use by their children, so leaves go first.
 */
static void name_trim(struct name_table *table)
{
    struct list out;
    struct list *pos;

    list_init(&out);
    env_spin_lock(&table->lru_lock);
    for (unsigned i = 0; i < NAME_TRIM_STEPS && table->lru_count > table->keep; i++) {
        struct name *name = container_of(list_pop_front(&table->lru), struct name, lru);

        if (!atomic_exchange(&name->recent, false) && name_unchain_unused(name)) {
            list_push_back(&out, &name->lru);
            table->lru_count--;
        } else {
            list_push_back(&table->lru, &name->lru);
        }
    }
    env_spin_unlock(&table->lru_lock);
    while ((pos = list_pop_front(&out)))
        name_put(container_of(pos, struct name, lru));
}

/* On the list of use before it can be found: whoever takes it out then finds it there. */
static void name_insert(struct name *name)
{
    struct name_table *table = name->table;
    struct name_bucket *bucket = name_bucket(table, name->parent, name->hash);

    env_spin_lock(&table->lru_lock);
    list_push_back(&table->lru, &name->lru);
    table->lru_count++;
    env_spin_unlock(&table->lru_lock);
    env_spin_lock(&bucket->lock);
    name->chain = bucket->first;
    bucket->first = name_get(name);
    name->hashed = true;
    env_spin_unlock(&bucket->lock);
}

void name_enter(struct name *name)
{
    name_insert(name);
    name_trim(name->table);
}

void name_leave(struct name *name)
{
    struct name_table *table = name->table;
    struct name_bucket *bucket = name_bucket(table, name->parent, name->hash);

    env_spin_lock(&bucket->lock);
    bool mine = name->hashed;
    if (mine)
        name_unchain(bucket, name);
    env_spin_unlock(&bucket->lock);
    if (!mine)
        return;
    env_spin_lock(&table->lru_lock);
    list_remove(&name->lru);
    table->lru_count--;
    env_spin_unlock(&table->lru_lock);
    name_put(name);
}

void name_delete(struct name *name)
{
    atomic_store(&name->deleted, true);
    name_leave(name);
}

/* One pass; true when something went, so that what it held may go next. */
static bool name_forget_pass(struct name_table *table, struct name *root)
{
    struct list out;
    struct list *pos;
    bool some = false;

    list_init(&out);
    env_spin_lock(&table->lru_lock);
    list_for_each_safe (pos2, &table->lru) {
        struct name *name = container_of(pos2, struct name, lru);

        if ((!root || name_is_within(name, root)) && name_unchain_unused(name)) {
            list_remove(&name->lru);
            list_push_back(&out, &name->lru);
            table->lru_count--;
        }
    }
    env_spin_unlock(&table->lru_lock);
    while ((pos = list_pop_front(&out))) {
        name_put(container_of(pos, struct name, lru));
        some = true;
    }
    return some;
}

void name_forget(struct name_table *table, struct name *root)
{
    while (name_forget_pass(table, root))
        continue;
}

/* ---- Places ---- */

oskit_error_t name_place_init(struct name_place *place, struct name *parent, const char *text,
                              size_t length, oskit_u32_t hash)
{
    place->parent = parent;
    place->length = (oskit_u32_t)length;
    place->hash = hash;
    place->text = name_text_alloc(NULL, text, length);
    return place->text ? OSKIT_SUCCESS : OSKIT_ENOMEM;
}

void name_place_fini(struct name_place *place)
{
    if (place->text)
        env_free(place->text, place->length + 1);
    place->text = NULL;
}

void name_move(struct name *name, struct name_place *place)
{
    struct name *old_parent = name->parent;
    struct name_place old = {.text = name->text, .length = name->length};

    name_get(name); /* across the time when the table doesn't hold it */
    name_leave(name);
    env_spin_lock(&name->table->tree_lock);
    name->parent = name_get(place->parent);
    name->text = place->text;
    name->length = place->length;
    name->hash = place->hash;
    env_spin_unlock(&name->table->tree_lock);
    place->text = old.text == name->inline_text ? NULL : old.text;
    place->length = old.length;
    name_insert(name);
    name_put(old_parent);
    name_put(name);
}

struct name *name_parent(struct name *name)
{
    env_spin_lock(&name->table->tree_lock);
    struct name *parent = name->parent;
    if (parent)
        name_get(parent);
    env_spin_unlock(&name->table->tree_lock);
    return parent;
}

bool name_is_within(struct name *name, struct name *above)
{
    struct name_table *table = above->table;

    env_spin_lock(&table->tree_lock);
    while (name && name != above)
        name = name->parent;
    env_spin_unlock(&table->tree_lock);
    return name == above;
}
