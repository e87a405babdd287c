#include "reflist.h"

struct entry {
    struct list node;
    oskit_iunknown_t *obj;
    oskit_u64_t birth;
    oskit_u32_t users; /* walks that are at it */
    bool removed;
};

void reflist_init(struct reflist *list)
{
    list->lock = (struct env_spinlock){0};
    list_init(&list->entries);
    list->count = 0;
    list->next_birth = 0;
}

static void entry_free(struct entry *entry)
{
    oskit_iunknown_release(entry->obj);
    env_free(entry, sizeof *entry);
}

void reflist_fini(struct reflist *list)
{
    struct list *node;
    while ((node = list_pop_front(&list->entries)) != NULL)
        entry_free(container_of(node, struct entry, node));
}

oskit_error_t reflist_add(struct reflist *list, void *obj)
{
    struct entry *entry = env_alloc(sizeof *entry, ENV_NOSLEEP | ENV_ZERO);
    if (entry == NULL)
        return OSKIT_E_OUTOFMEMORY;
    entry->obj = obj;
    oskit_iunknown_addref(entry->obj);
    env_spin_lock(&list->lock);
    entry->birth = list->next_birth++;
    list_push_back(&list->entries, &entry->node);
    list->count++;
    env_spin_unlock(&list->lock);
    return 0;
}

/* Locked. */
static struct entry *find(struct reflist *list, void *obj)
{
    list_for_each (node, &list->entries) {
        struct entry *entry = container_of(node, struct entry, node);
        if (entry->obj == obj && !entry->removed)
            return entry;
    }
    return NULL;
}

oskit_error_t reflist_remove(struct reflist *list, void *obj)
{
    env_spin_lock(&list->lock);
    struct entry *entry = find(list, obj);
    bool unused = false;
    if (entry != NULL) {
        list->count--;
        entry->removed = true;
        unused = entry->users == 0;
        if (unused)
            list_remove(&entry->node);
    }
    env_spin_unlock(&list->lock);
    if (unused)
        entry_free(entry); /* else the last walk at it does */
    return entry != NULL ? 0 : OSKIT_E_INVALIDARG;
}

/* Leaves CURRENT (NULL: at the beginning) for the next entry older than END, which it pins, or
 * NULL. */
static struct entry *advance(struct reflist *list, struct entry *current, oskit_u64_t end)
{
    struct entry *next = NULL;
    bool unused = false;

    env_spin_lock(&list->lock);
    struct list *node = current != NULL ? current->node.next : list->entries.next;
    for (; node != &list->entries && next == NULL; node = node->next) {
        struct entry *entry = container_of(node, struct entry, node);
        if (!entry->removed && entry->birth < end)
            next = entry;
    }
    if (next != NULL)
        next->users++;
    if (current != NULL) {
        unused = --current->users == 0 && current->removed;
        if (unused)
            list_remove(&current->node);
    }
    env_spin_unlock(&list->lock);
    if (unused)
        entry_free(current);
    return next;
}

oskit_error_t reflist_each(struct reflist *list, oskit_error_t (*fn)(void *arg, void *obj),
                           void *arg)
{
    oskit_error_t result = 0;

    env_spin_lock(&list->lock);
    oskit_u64_t end = list->next_birth;
    env_spin_unlock(&list->lock);
    for (struct entry *entry = advance(list, NULL, end); entry != NULL;
         entry = advance(list, entry, end)) {
        oskit_error_t error = fn(arg, entry->obj);
        if (OSKIT_FAILED(error))
            result = error;
    }
    return result;
}

oskit_u32_t reflist_count(struct reflist *list)
{
    env_spin_lock(&list->lock);
    oskit_u32_t count = list->count;
    env_spin_unlock(&list->lock);
    return count;
}
