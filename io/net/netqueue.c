/*
 * The network cards that there are, and who wants to know.
 *
 * Locks: cards_mutex guards the list and the watcher, and is held while the watcher is told, so
 * that it hears of each card once and in order. The watcher must not add, remove or watch.
 */
#include <sluice/netqueue.h>

#include <sluice/env.h>
#include <sluice/string.h>

struct card {
    struct list link;
    sluice_netqueue_t *queue; /* with a reference */
};

static struct env_mutex cards_mutex;
static struct list cards = LIST_INIT(cards);
static void (*cards_watch)(void *arg, sluice_netqueue_t *card, bool added);
static void *cards_watch_arg;

static struct card *card_of(struct list *link)
{
    return container_of(link, struct card, link);
}

oskit_error_t netqueue_add(sluice_netqueue_t *queue)
{
    struct card *card = env_alloc(sizeof *card, 0);

    if (card == NULL)
        return OSKIT_E_OUTOFMEMORY;
    sluice_netqueue_addref(queue);
    card->queue = queue;
    env_mutex_lock(&cards_mutex);
    list_push_back(&cards, &card->link);
    if (cards_watch != NULL)
        cards_watch(cards_watch_arg, queue, true);
    env_mutex_unlock(&cards_mutex);
    return OSKIT_SUCCESS;
}

static struct card *card_find(sluice_netqueue_t *queue)
{
    list_for_each (link, &cards)
        if (card_of(link)->queue == queue)
            return card_of(link);
    return NULL;
}

void netqueue_remove(sluice_netqueue_t *queue)
{
    env_mutex_lock(&cards_mutex);
    struct card *card = card_find(queue);
    if (card != NULL) {
        list_remove(&card->link);
        if (cards_watch != NULL)
            cards_watch(cards_watch_arg, queue, false);
    }
    env_mutex_unlock(&cards_mutex);
    if (card == NULL)
        return;
    sluice_netqueue_release(queue);
    env_free(card, sizeof *card);
}

void netqueue_watch(void (*watch)(void *arg, sluice_netqueue_t *card, bool added), void *arg)
{
    env_mutex_lock(&cards_mutex);
    cards_watch = watch;
    cards_watch_arg = arg;
    if (watch != NULL)
        list_for_each (link, &cards)
            watch(arg, card_of(link)->queue, true);
    env_mutex_unlock(&cards_mutex);
}

/* ---- Names ---- */

static void name_make(char name[16], unsigned number)
{
    char digits[10];
    unsigned count = 0;

    do {
        digits[count++] = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    memset(name, 0, 16);
    memcpy(name, "eth", 3);
    for (unsigned i = 0; i < count; i++)
        name[3 + i] = digits[count - 1 - i];
}

static bool name_taken(const char *name)
{
    struct netqueue_info info;

    list_for_each (link, &cards) {
        sluice_netqueue_get_info(card_of(link)->queue, &info);
        if (strcmp(info.name, name) == 0)
            return true;
    }
    return false;
}

void netqueue_name(char name[16])
{
    env_mutex_lock(&cards_mutex);
    for (unsigned number = 0;; number++) {
        name_make(name, number);
        if (!name_taken(name))
            break;
    }
    env_mutex_unlock(&cards_mutex);
}
