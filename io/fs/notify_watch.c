/*
 * Watches: which file is watched by whom. Locks: notify_private.h.
 *
 * A table finds the watches of a file; each notifier finds its own by number. A watch is in both
 * or in neither. Most files aren't watched: their chain's count says so without the lock. An event
 * that races with a new watch may miss it.
 */
#include <oskit/io/posixio.h>
#include <sluice/string.h>
#include "notify_private.h"

struct notify_watch {
    struct list chain;      /* watch_lock, as all that changes */
    struct notify *notify;  /* alive while this is in the tables */
    const void *key;        /* immutable: notify_key of the file */
    oskit_file_t *file;     /* immutable, with a reference */
    sluice_filex_t *filex;  /* immutable, with a reference; NULL: it has none */
    oskit_filesystem_t *fs; /* immutable; only to compare */
    bool directory;         /* immutable */
    oskit_s32_t number;
    oskit_u32_t mask;          /* NOTIFY_ALL's bits, EXCL_UNLINK and ONESHOT */
    struct notify_watch *dead; /* of a notify_told */
};

struct watch_chain {
    struct list watches;
    _Atomic oskit_u32_t count;
};

#define WATCH_CHAINS 256
static struct env_spinlock watch_lock;
static struct watch_chain watch_chains[WATCH_CHAINS]; /* a list all zeros is empty */
_Atomic oskit_u32_t notify_watches;

static struct list users = LIST_INIT(users); /* watch_lock */

/* Notifiers for which there was no place in a notify_told. */
static struct env_spinlock late_lock;
static struct list late = LIST_INIT(late);

static struct watch_chain *chain_of(const void *key)
{
    oskit_u32_t hash = (oskit_u32_t)((uintptr_t)key >> 5) * 0x9e3779b1u;

    return &watch_chains[hash / (UINT32_MAX / WATCH_CHAINS + 1)];
}

/* ---- Users; watch_lock ---- */

static struct notify_user *user_find(oskit_u32_t uid)
{
    list_for_each (pos, &users) {
        struct notify_user *user = container_of(pos, struct notify_user, link);

        if (user->uid == uid)
            return user;
    }
    return NULL;
}

oskit_error_t notify_user_get(oskit_u32_t uid, struct notify_user **out)
{
    struct notify_user *fresh = env_alloc(sizeof *fresh, ENV_ZERO);
    oskit_error_t err = OSKIT_SUCCESS;

    *out = NULL;
    if (!fresh)
        return OSKIT_ENOMEM;
    fresh->uid = uid;
    env_spin_lock(&watch_lock);
    struct notify_user *user = user_find(uid);
    if ((user ? user->instances : 0) >= notify_limits.instances) {
        err = OSKIT_EMFILE;
    } else {
        if (!user) {
            user = fresh;
            list_push_back(&users, &user->link);
        }
        user->instances++;
        *out = user;
    }
    env_spin_unlock(&watch_lock);
    if (*out != fresh)
        env_free(fresh, sizeof *fresh);
    return err;
}

void notify_user_put(struct notify_user *user)
{
    env_spin_lock(&watch_lock);
    bool last = --user->instances == 0;
    if (last)
        list_remove(&user->link);
    env_spin_unlock(&watch_lock);
    if (last)
        env_free(user, sizeof *user);
}

/* ---- Whom to wake ---- */

static bool told_has(const struct notify_told *told, const struct notify *notify)
{
    for (oskit_u32_t i = 0; i < told->count; i++)
        if (told->notifiers[i] == notify)
            return true;
    return false;
}

/* With watch_lock held, under which NOTIFY is alive; but its last reference may be gone. */
static void told_add(struct notify_told *told, struct notify *notify)
{
    if (told_has(told, notify) || !sluice_object_addref_unless_dead(&notify->object))
        return;
    if (told->count < NOTIFY_TOLD) {
        told->notifiers[told->count++] = notify;
        return;
    }
    told->late = true;
    env_spin_lock(&late_lock);
    bool waits = !list_empty(&notify->late);
    if (!waits)
        list_push_back(&late, &notify->late);
    env_spin_unlock(&late_lock);
    if (waits) /* its reference is another's: this one isn't the last */
        sluice_object_release(&notify->object);
}

static struct notify *late_next(void)
{
    env_spin_lock(&late_lock);
    struct list *pos = list_pop_front(&late);
    env_spin_unlock(&late_lock);
    return pos ? container_of(pos, struct notify, late) : NULL;
}

static void notify_wake(struct notify *notify)
{
    readiness_tell(&notify->readiness, READY_READ);
    sluice_object_release(&notify->object);
}

static void watch_free(struct notify_watch *watch)
{
    if (watch->filex)
        watch->filex->ops->release(watch->filex);
    oskit_file_release(watch->file);
    env_free(watch, sizeof *watch);
}

void notify_tell(struct notify_told *told)
{
    struct notify *notify;
    struct notify_watch *watch;

    for (oskit_u32_t i = 0; i < told->count; i++)
        notify_wake(told->notifiers[i]);
    while (told->late && (notify = late_next()))
        notify_wake(notify);
    while ((watch = told->dead)) {
        told->dead = watch->dead;
        watch_free(watch);
    }
    radix_pool_drain(&told->pool);
}

/* ---- In and out of the tables; watch_lock ---- */

static void watch_enter(struct notify_watch *watch, struct notify *notify, oskit_s32_t number,
                        struct radix_pool *pool)
{
    struct watch_chain *chain = chain_of(watch->key);

    if (!chain->watches.next)
        list_init(&chain->watches);
    watch->notify = notify;
    watch->number = number;
    radix_put(&notify->watches, (oskit_u64_t)number, watch, pool);
    list_push_back(&chain->watches, &watch->chain);
    atomic_fetch_add(&chain->count, 1);
    atomic_fetch_add(&notify_watches, 1);
    notify->last_number = number;
    notify->user->watches++;
}

/* Without a word. */
static void watch_leave(struct notify_watch *watch, struct notify_told *told)
{
    struct notify *notify = watch->notify;

    radix_remove(&notify->watches, (oskit_u64_t)watch->number, &told->pool);
    list_remove(&watch->chain);
    atomic_fetch_sub(&chain_of(watch->key)->count, 1);
    atomic_fetch_sub(&notify_watches, 1);
    notify->user->watches--;
    watch->dead = told->dead;
    told->dead = watch;
}

static void watch_event(struct notify_watch *watch, const struct notify_news *news,
                        struct notify_told *told)
{
    notify_queue(watch->notify, watch->number, news);
    told_add(told, watch->notify);
}

static void watch_end(struct notify_watch *watch, struct notify_told *told)
{
    const struct notify_news news = {.event = NOTIFY_IGNORED};

    watch_event(watch, &news, told);
    watch_leave(watch, told);
}

static struct notify_watch *watch_find(const struct notify *notify, const void *key)
{
    struct watch_chain *chain = chain_of(key);

    if (!chain->watches.next)
        return NULL;
    list_for_each (pos, &chain->watches) {
        struct notify_watch *watch = container_of(pos, struct notify_watch, chain);

        if (watch->notify == notify && watch->key == key)
            return watch;
    }
    return NULL;
}

/* ---- Watching ---- */

#define WATCH_KEPT (NOTIFY_ALL | NOTIFY_EXCL_UNLINK | NOTIFY_ONESHOT)

static struct notify_watch *watch_create(const struct location *at, oskit_u32_t mask)
{
    struct notify_watch *watch = env_alloc(sizeof *watch, ENV_ZERO);

    if (!watch)
        return NULL;
    list_init(&watch->chain);
    watch->key = notify_key(at->name);
    watch->file = at->name->file;
    oskit_file_addref(watch->file);
    watch->filex = at->name->filex;
    if (watch->filex)
        watch->filex->ops->addref(watch->filex);
    watch->fs = location_filesystem(at);
    watch->directory = location_dir(at) != NULL;
    watch->mask = mask & WATCH_KEPT;
    return watch;
}

/* Numbers count up and come again only after the largest. */
static oskit_s32_t number_next(const struct notify *notify)
{
    oskit_s32_t number = notify->last_number;

    do
        number = number < INT32_MAX ? number + 1 : 1;
    while (radix_get(&notify->watches, (oskit_u64_t)number));
    return number;
}

static oskit_error_t watch_change(struct notify_watch *watch, oskit_u32_t mask, oskit_s32_t *out)
{
    if (mask & NOTIFY_MASK_CREATE)
        return OSKIT_EEXIST;
    watch->mask = (mask & NOTIFY_MASK_ADD ? watch->mask : 0) | (mask & WATCH_KEPT);
    *out = watch->number;
    return OSKIT_SUCCESS;
}

/* With watch_lock held. OSKIT_EAGAIN: the pool hasn't what it takes, *NEED nodes. */
static oskit_error_t watch_add_locked(struct notify *notify, struct notify_watch **fresh,
                                      oskit_u32_t mask, struct radix_pool *pool, unsigned *need,
                                      oskit_s32_t *out)
{
    struct notify_watch *old = watch_find(notify, (*fresh)->key);

    if (old)
        return watch_change(old, mask, out);
    if (notify->user->watches >= notify_limits.watches)
        return OSKIT_ENOSPC;
    oskit_s32_t number = number_next(notify);
    *need = radix_need(&notify->watches, (oskit_u64_t)number);
    if (*need > pool->count)
        return OSKIT_EAGAIN;
    watch_enter(*fresh, notify, number, pool);
    *fresh = NULL;
    *out = number;
    return OSKIT_SUCCESS;
}

oskit_error_t notify_add(oskit_iunknown_t *notifier, const struct location *at, oskit_u32_t mask,
                         oskit_s32_t *out)
{
    struct notify *notify = notify_of_object(notifier);
    struct radix_pool pool = {0};
    oskit_error_t err;
    unsigned need = 0;

    if (!notify)
        return OSKIT_E_INVALIDARG;
    struct notify_watch *fresh = watch_create(at, mask);
    if (!fresh)
        return OSKIT_ENOMEM;
    do {
        err = radix_pool_fill(&pool, need);
        if (OSKIT_FAILED(err))
            break;
        env_spin_lock(&watch_lock);
        err = watch_add_locked(notify, &fresh, mask, &pool, &need, out);
        env_spin_unlock(&watch_lock);
    } while (err == OSKIT_EAGAIN);
    radix_pool_drain(&pool);
    if (fresh)
        watch_free(fresh);
    return err;
}

oskit_error_t notify_remove(oskit_iunknown_t *notifier, oskit_s32_t number)
{
    struct notify *notify = notify_of_object(notifier);
    struct notify_told told;

    if (!notify || number < 0)
        return OSKIT_E_INVALIDARG;
    notify_told_init(&told);
    env_spin_lock(&watch_lock);
    struct notify_watch *watch = radix_get(&notify->watches, (oskit_u64_t)number);
    if (watch)
        watch_end(watch, &told);
    env_spin_unlock(&watch_lock);
    notify_tell(&told);
    return watch ? OSKIT_SUCCESS : OSKIT_E_INVALIDARG;
}

void notify_drop_watches(struct notify *notify)
{
    struct notify_watch *watch;
    struct notify_told told;
    oskit_u64_t at = 0;

    notify_told_init(&told);
    env_spin_lock(&watch_lock);
    while ((watch = radix_next(&notify->watches, &at)))
        watch_leave(watch, &told);
    env_spin_unlock(&watch_lock);
    notify_tell(&told);
}

/* ---- Telling ---- */

bool notify_interests(const void *file)
{
    return atomic_load_explicit(&chain_of(file)->count, memory_order_relaxed) != 0;
}

static bool watch_wants(const struct notify_watch *watch, const struct notify_news *news)
{
    return watch->key == news->file && (watch->mask & news->event & NOTIFY_ALL) &&
           !(news->unnamed && (watch->mask & NOTIFY_EXCL_UNLINK));
}

void notify_deliver(struct notify_told *told, const struct notify_news *news)
{
    struct watch_chain *chain = chain_of(news->file);

    if (!notify_interests(news->file))
        return;
    env_spin_lock(&watch_lock);
    if (chain->watches.next) {
        list_for_each_safe (pos, &chain->watches) {
            struct notify_watch *watch = container_of(pos, struct notify_watch, chain);

            if (!watch_wants(watch, news))
                continue;
            watch_event(watch, news, told);
            if (watch->mask & NOTIFY_ONESHOT)
                watch_end(watch, told);
        }
    }
    env_spin_unlock(&watch_lock);
}

/* Ends the watches in CHAIN that are of KEY (NULL: any) and FS (NULL: any); watch_lock held. */
static void chain_end(struct watch_chain *chain, const void *key, const oskit_filesystem_t *fs,
                      oskit_u32_t event, struct notify_told *told)
{
    struct notify_news news = {0};

    if (!chain->watches.next)
        return;
    list_for_each_safe (pos, &chain->watches) {
        struct notify_watch *watch = container_of(pos, struct notify_watch, chain);

        if ((key && watch->key != key) || (fs && watch->fs != fs))
            continue;
        news.event = event | (event == NOTIFY_UNMOUNT && watch->directory ? NOTIFY_DIRECTORY : 0);
        if (event == NOTIFY_UNMOUNT || watch->mask & event)
            watch_event(watch, &news, told);
        watch_end(watch, told);
    }
}

void notify_end(struct notify_told *told, const void *file, oskit_u32_t event)
{
    env_spin_lock(&watch_lock);
    chain_end(chain_of(file), file, NULL, event, told);
    env_spin_unlock(&watch_lock);
}

void notify_unmounted(const oskit_filesystem_t *fs)
{
    struct notify_told told;

    if (!notify_watched())
        return;
    notify_told_init(&told);
    env_spin_lock(&watch_lock);
    for (size_t i = 0; i < WATCH_CHAINS; i++)
        chain_end(&watch_chains[i], NULL, fs, NOTIFY_UNMOUNT, &told);
    env_spin_unlock(&watch_lock);
    notify_tell(&told);
}

/* ---- Showing ---- */

/* The first watch at *AT or above, with its file held. */
static bool watch_look(struct notify *notify, oskit_u64_t *at, struct notify_info *info,
                       sluice_filex_t **filex)
{
    env_spin_lock(&watch_lock);
    struct notify_watch *watch = radix_next(&notify->watches, at);
    if (watch) {
        *info = (struct notify_info){.watch = watch->number, .mask = watch->mask};
        *filex = watch->filex;
        if (*filex)
            (*filex)->ops->addref(*filex);
    }
    env_spin_unlock(&watch_lock);
    return watch != NULL;
}

bool notify_each(oskit_iunknown_t *notifier,
                 void (*show)(void *arg, const struct notify_info *info), void *arg)
{
    struct notify *notify = notify_of_object(notifier);
    struct notify_info info;
    struct filex_stat stat;
    sluice_filex_t *filex;

    if (!notify)
        return false;
    for (oskit_u64_t at = 0; watch_look(notify, &at, &info, &filex); at++) {
        if (filex && OSKIT_SUCCEEDED(filex->ops->stat(filex, &stat))) {
            info.ino = stat.ino;
            info.dev = stat.dev;
        }
        if (filex)
            filex->ops->release(filex);
        show(arg, &info);
    }
    return true;
}
