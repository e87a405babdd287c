/*
 * What netlink's groups are told. Whoever changes something may hold any lock, so a change is only
 * noted there, and told by a timer or at the end of a request, in the order of the changes. See
 * family.h.
 *
 * notes_lock (a leaf) guards the list; whoever takes notes off it tells them: `telling` keeps two
 * from doing so at once, which would turn the order around.
 */
#include "io/net/netlink.h"

#include <stdatomic.h>
#include <sluice/string.h>
#include "io/net/family.h"

enum note_kind { NOTE_LINK, NOTE_LINK_GONE, NOTE_ADDRESS, NOTE_ROUTE, NOTE_NEIGHBOUR };

struct note {
    struct list link;
    enum note_kind kind;
    bool removed;
    oskit_u32_t index;
    union {
        char name[16];
        struct inet_address address;
        struct inet_route route;
        struct inet_neighbour neighbour;
    } u;
};

#define NOTES_MAX 1024u /* that wait; what comes then is lost, as with a full queue */

static struct env_spinlock notes_lock;
static struct list notes = LIST_INIT(notes);
static oskit_u32_t notes_count;
static bool notes_telling, notes_timer_made;
static struct env_timer notes_timer;

/* ---- Telling ---- */

static bool old_family(const struct inet_address *address)
{
    return address->family == SOCKET_INET;
}

static oskit_u32_t note_group(const struct note *note)
{
    switch (note->kind) {
    case NOTE_LINK:
    case NOTE_LINK_GONE:
        return GROUP_LINK;
    case NOTE_ADDRESS:
        return old_family(&note->u.address) ? GROUP_IPV4_ADDRESS : GROUP_IPV6_ADDRESS;
    case NOTE_ROUTE:
        return old_family(&note->u.route.destination) ? GROUP_IPV4_ROUTE : GROUP_IPV6_ROUTE;
    default:
        return GROUP_NEIGHBOUR;
    }
}

/* The address as the interface has it now; one that has gone since is told by its own note. */
static void show_address(struct netlink_builder *b, const struct note *note)
{
    struct inet_interface interface;

    if (note->removed) {
        netlink_show_lost_address(b, note->index, &note->u.address);
        return;
    }
    if (!inet_interface_get(note->index, &interface) || interface.index != note->index)
        return;
    for (oskit_u32_t i = 0; i < interface.address_count; i++)
        if (interface.addresses[i].address.family == note->u.address.family &&
            memcmp(interface.addresses[i].address.bytes, note->u.address.bytes,
                   netlink_address_size(note->u.address.family)) == 0)
            netlink_show_address(b, RTM_NEWADDR, &interface, i);
}

static void show_link(struct netlink_builder *b, const struct note *note)
{
    struct inet_interface interface;

    if (inet_interface_get(note->index, &interface) && interface.index == note->index)
        netlink_show_link(b, RTM_NEWLINK, &interface);
}

static void note_tell(const struct note *note)
{
    struct netlink_builder *b = netlink_builder_create(NULL, ENV_NOSLEEP);

    if (b == NULL)
        return;
    b->group = note_group(note);
    switch (note->kind) {
    case NOTE_LINK:
        show_link(b, note);
        break;
    case NOTE_LINK_GONE:
        netlink_show_gone(b, note->index, note->u.name);
        break;
    case NOTE_ADDRESS:
        show_address(b, note);
        break;
    case NOTE_ROUTE:
        netlink_show_route(b, note->removed ? RTM_DELROUTE : RTM_NEWROUTE, &note->u.route);
        break;
    default:
        netlink_show_neighbour(b, note->removed ? RTM_DELNEIGH : RTM_NEWNEIGH, &note->u.neighbour);
    }
    netlink_builder_finish(b);
}

/* The next note to tell; NULL: there is none, or somebody else tells. AGAIN: the caller does. */
static struct note *note_take(bool again)
{
    struct note *note = NULL;

    env_spin_lock(&notes_lock);
    if (again || !notes_telling) {
        struct list *at = list_pop_front(&notes);
        notes_telling = at != NULL;
        if (at != NULL) {
            note = container_of(at, struct note, link);
            notes_count--;
        }
    }
    env_spin_unlock(&notes_lock);
    return note;
}

static void notes_tell(void)
{
    struct note *note;

    for (bool again = false; (note = note_take(again)) != NULL; again = true) {
        note_tell(note);
        env_free(note, sizeof *note);
    }
}

static void notes_due(void *arg)
{
    (void)arg;
    notes_tell();
}

static bool notes_wait(void)
{
    env_spin_lock(&notes_lock);
    bool wait = notes_timer_made && !notes_telling && !list_empty(&notes);
    env_spin_unlock(&notes_lock);
    return wait;
}

/* The timer may have been started for a note that came between the telling and the stop: so look
 * again. */
void netlink_notes_run(void)
{
    while (notes_wait()) {
        notes_tell();
        env_timer_stop(&notes_timer);
    }
}

/* ---- Noting ---- */

static void note_add(struct note *note)
{
    env_spin_lock(&notes_lock);
    bool room = notes_count < NOTES_MAX;
    if (room) {
        list_push_back(&notes, &note->link);
        notes_count++;
    }
    if (!notes_timer_made)
        env_timer_init(&notes_timer, notes_due, NULL);
    notes_timer_made = true;
    env_spin_unlock(&notes_lock);
    if (room)
        env_timer_start(&notes_timer, 0);
    else
        env_free(note, sizeof *note);
}

/* NULL: nobody listens, or there is no memory. */
static struct note *note_alloc(const struct note *from)
{
    if (!netlink_listened(note_group(from)))
        return NULL;
    struct note *note = env_alloc(sizeof *note, ENV_NOSLEEP);
    if (note != NULL)
        *note = *from;
    return note;
}

static void note_change(const struct note *from)
{
    struct note *note = note_alloc(from);

    if (note != NULL)
        note_add(note);
}

void netlink_link_changed(oskit_u32_t index)
{
    note_change(&(struct note){.kind = NOTE_LINK, .index = index});
}

void netlink_link_removed(oskit_u32_t index, const char *name)
{
    struct note note = {.kind = NOTE_LINK_GONE, .index = index, .removed = true};
    size_t length = strlen(name);

    memcpy(note.u.name, name, length < sizeof note.u.name ? length : sizeof note.u.name - 1);
    note_change(&note);
}

void netlink_address_changed(oskit_u32_t index, const struct inet_address *address, bool removed)
{
    note_change(&(struct note){
        .kind = NOTE_ADDRESS, .index = index, .removed = removed, .u.address = *address});
}

void netlink_route_changed(const struct inet_route *route, bool removed)
{
    note_change(&(struct note){.kind = NOTE_ROUTE, .removed = removed, .u.route = *route});
}

void netlink_neighbour_changed(const struct inet_neighbour *neighbour, bool removed)
{
    note_change(
        &(struct note){.kind = NOTE_NEIGHBOUR, .removed = removed, .u.neighbour = *neighbour});
}
