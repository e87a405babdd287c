/* What happens to names, as events. Locks: notify_private.h. */
#include <sluice/string.h>
#include "namespace_private.h"
#include "notify_private.h"

/* Events of open files: what NOTIFY_EXCL_UNLINK is about. */
#define OPEN_EVENTS \
    (NOTIFY_ACCESS | NOTIFY_MODIFY | NOTIFY_OPEN | NOTIFY_CLOSE_WRITE | NOTIFY_CLOSE_NOWRITE)

/* That a directory itself moves or goes is the one thing not said to be of a directory. */
static oskit_u32_t name_event(const struct name *name, oskit_u32_t event)
{
    return name->dir && event != NOTIFY_MOVE_SELF ? event | NOTIFY_DIRECTORY : event;
}

/* ---- By location ---- */

/* The directory of NAME with a reference, and what NAME is called in it; NULL: it is in none, or
 * nobody watches that. */
static struct name *name_place_watched(struct name *name, char *text, size_t *length)
{
    struct name_table *table = name->table;
    struct name *parent = NULL;

    if (name->anonymous)
        return NULL;
    env_spin_lock(&table->tree_lock);
    if (name->parent && notify_interests(notify_key(name->parent))) {
        parent = name_get(name->parent);
        *length = name->length;
        memcpy(text, name->text, name->length);
    }
    env_spin_unlock(&table->tree_lock);
    return parent;
}

static void notify_parent(struct notify_told *told, struct name *name, struct notify_news *news)
{
    char text[NAME_MAX_LENGTH + 1];
    struct name *parent = name_place_watched(name, text, &news->length);

    if (!parent)
        return;
    news->file = notify_key(parent);
    news->name = text;
    notify_deliver(told, news);
    news->name = NULL;
    name_put(parent);
}

void notify_location_slowly(const struct location *at, oskit_u32_t event)
{
    struct notify_told told;

    if (!at->name)
        return;
    struct notify_news news = {.event = name_event(at->name, event)};
    news.unnamed = (event & OPEN_EVENTS) && location_deleted(at);
    notify_told_init(&told);
    notify_parent(&told, at->name, &news);
    news.file = notify_key(at->name);
    notify_deliver(&told, &news);
    notify_tell(&told);
}

oskit_u32_t notify_of_attributes(oskit_u32_t mask)
{
    bool atime = mask & (FILEX_ATIME | FILEX_ATIME_NOW);
    bool mtime = mask & (FILEX_MTIME | FILEX_MTIME_NOW);
    oskit_u32_t event = mask & FILEX_SIZE ? NOTIFY_MODIFY : 0;

    if (mask & (FILEX_MODE | FILEX_UID | FILEX_GID) || (atime && mtime))
        event |= NOTIFY_ATTRIB;
    else if (atime)
        event |= NOTIFY_ACCESS;
    else if (mtime)
        event |= NOTIFY_MODIFY;
    return event;
}

/* ---- Changes of names ---- */

oskit_u32_t notify_new_cookie(void)
{
    static _Atomic oskit_u32_t last;

    return atomic_fetch_add_explicit(&last, 1, memory_order_relaxed) + 1;
}

void notify_entry(struct notify_told *told, struct name *parent, const char *text,
                  oskit_u32_t event, oskit_u32_t cookie)
{
    const struct notify_news news = {.file = notify_key(parent),
                                     .event = event,
                                     .cookie = cookie,
                                     .name = text,
                                     .length = strlen(text)};

    notify_deliver(told, &news);
}

void notify_self(struct notify_told *told, const struct name *name, oskit_u32_t event)
{
    const struct notify_news news = {.file = notify_key(name), .event = name_event(name, event)};

    notify_deliver(told, &news);
}

/* Whether its file has no name left. A removed directory's count is the file system's affair. */
static bool name_unlinked(const struct name *name)
{
    struct filex_stat statx;
    oskit_stat_t stat;

    if (name->dir)
        return true;
    if (name->filex)
        return OSKIT_SUCCEEDED(name->filex->ops->stat(name->filex, &statx)) && statx.nlink == 0;
    return OSKIT_SUCCEEDED(oskit_file_stat(name->file, &stat)) && stat.nlink == 0;
}

void notify_removed(struct notify_told *told, struct name *parent, const char *text,
                    struct name *name)
{
    if (!name->dir)
        notify_self(told, name, NOTIFY_ATTRIB); /* its number of links */
    if (atomic_load(&name->references) == 1)
        notify_name_ends(told, name);
    notify_entry(told, parent, text, name_event(name, NOTIFY_DELETE), 0);
}

void notify_name_ends(struct notify_told *told, const struct name *name)
{
    if (notify_interests(notify_key(name)) && name_unlinked(name))
        notify_end(told, notify_key(name), NOTIFY_DELETE_SELF);
}

void notify_name_gone(const struct name *name)
{
    struct notify_told told;

    notify_told_init(&told);
    notify_name_ends(&told, name);
    notify_tell(&told);
}
