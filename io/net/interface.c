/*
 * The interfaces: their table, how each stands between its card and the stack, what programs set.
 *
 * Locks, outermost first: change_mutex, under which interfaces come and go and are set up;
 * interfaces_lock, a spinlock that guards the table; interface.lock, a spinlock that guards the
 * packets that wait for credit and our own counts, and is held while the card takes packets, so
 * that they leave in order. Taps and the stack are called with neither of the two held.
 */
#include "io/net/interface.h"
#include <sluice/string.h>

#define LOOPBACK_MTU   65536u
#define MTU_MIN        68u /* RFC 791 */
#define ARPHRD_ETHER   1
#define ARPHRD_LOOP    772
#define LINK_RUNNING   (INTERFACE_RUNNING | INTERFACE_LOWER_UP)
#define FLAGS_SETTABLE (INTERFACE_UP | INTERFACE_ALLMULTI | INTERFACE_PROMISC)

static struct env_mutex change_mutex;
static struct env_spinlock interfaces_lock;
static struct list interfaces = LIST_INIT(interfaces);
static const struct interface_stack *stack;

static struct interface *interface_of(struct list *link)
{
    return container_of(link, struct interface, link);
}

/* ---- References ---- */

void interface_ref(struct interface *interface)
{
    interface->references++;
}

void interface_put(struct interface *interface)
{
    if (--interface->references)
        return;
    if (interface->card)
        sluice_netqueue_release(interface->card);
    env_free(interface, sizeof *interface);
}

struct interface *interface_by_index(oskit_u32_t index)
{
    struct interface *found = NULL;
    env_spin_lock(&interfaces_lock);
    list_for_each (link, &interfaces) {
        if (interface_of(link)->index == index)
            found = interface_of(link);
    }
    if (found)
        interface_ref(found);
    env_spin_unlock(&interfaces_lock);
    return found;
}

struct interface *interface_by_name(const char *name)
{
    struct interface *found = NULL;
    env_spin_lock(&interfaces_lock);
    list_for_each (link, &interfaces) {
        if (!strcmp(interface_of(link)->name, name))
            found = interface_of(link);
    }
    if (found)
        interface_ref(found);
    env_spin_unlock(&interfaces_lock);
    return found;
}

/* AFTER may have left the table meanwhile: the next one is found by its number. */
struct interface *interface_next(struct interface *after)
{
    oskit_u32_t index = after ? after->index : 0;
    struct interface *found = NULL;
    env_spin_lock(&interfaces_lock);
    list_for_each (link, &interfaces) {
        if (!found && interface_of(link)->index > index)
            found = interface_of(link);
    }
    if (found)
        interface_ref(found);
    env_spin_unlock(&interfaces_lock);
    if (after)
        interface_put(after);
    return found;
}

/* ---- Sending ---- */

static void packets_drop(struct list *packets)
{
    while (!list_empty(packets))
        packet_chain_done(container_of(list_pop_front(packets), struct packet, link));
}

static oskit_u32_t packets_count(const struct list *packets)
{
    oskit_u32_t count = 0;
    list_for_each (link, packets)
        count++;
    return count;
}

static void packets_show(struct interface *interface, const struct list *packets,
                         enum interface_direction direction)
{
    list_for_each (link, packets)
        interface_tap_show(interface, container_of(link, struct packet, link), direction);
}

/* Moves what is on FROM behind what is on TO. */
static void list_append(struct list *to, struct list *from)
{
    if (list_empty(from))
        return;
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    list_init(from);
}

/* As many of PACKETS as there is room for wait; the others stay. Lock held. */
static void packets_wait(struct interface *interface, struct list *packets)
{
    oskit_u32_t count = packets_count(packets);
    if (interface->waiting_count + count <= INTERFACE_QUEUE_MAX) {
        interface->waiting_count += count;
        list_append(&interface->waiting, packets);
        return;
    }
    while (interface->waiting_count < INTERFACE_QUEUE_MAX) {
        list_push_back(&interface->waiting, list_pop_front(packets));
        interface->waiting_count++;
    }
}

static oskit_error_t card_send(struct interface *interface, struct list *packets)
{
    env_spin_lock(&interface->lock);
    if (list_empty(&interface->waiting))
        sluice_netqueue_submit(interface->card, packets);
    if (!list_empty(packets))
        packets_wait(interface, packets);
    if (!list_empty(packets))
        interface->statistics.tx_dropped += packets_count(packets);
    env_spin_unlock(&interface->lock);
    if (list_empty(packets))
        return OSKIT_SUCCESS;
    packets_drop(packets);
    return OSKIT_ENOBUFS;
}

/* Credit is back. */
static void card_writable(void *arg)
{
    struct interface *interface = arg;
    env_spin_lock(&interface->lock);
    if (!list_empty(&interface->waiting))
        interface->waiting_count -= sluice_netqueue_submit(interface->card, &interface->waiting);
    env_spin_unlock(&interface->lock);
}

oskit_error_t interface_send(struct interface *interface, struct list *packets)
{
    if (!(interface->flags & INTERFACE_UP)) {
        packets_drop(packets);
        return OSKIT_ENETDOWN;
    }
    if (interface_taps)
        packets_show(interface, packets, INTERFACE_SENT);
    if (interface->card)
        return card_send(interface, packets);
    if (interface_taps)
        packets_show(interface, packets, INTERFACE_RECEIVED);
    stack->input(interface, packets);
    return OSKIT_SUCCESS;
}

/* ---- Receiving ---- */

static void card_receive(void *arg, struct list *packets, oskit_u32_t count)
{
    struct interface *interface = arg;
    if (!(interface->flags & INTERFACE_UP)) {
        env_spin_lock(&interface->lock);
        interface->statistics.rx_dropped += count;
        env_spin_unlock(&interface->lock);
        packets_drop(packets);
        return;
    }
    if (interface_taps)
        packets_show(interface, packets, INTERFACE_RECEIVED);
    stack->input(interface, packets);
}

static void card_changed(void *arg, bool up, bool gone)
{
    struct interface *interface = arg;
    if (up && !gone)
        interface->flags |= LINK_RUNNING;
    else
        interface->flags &= ~LINK_RUNNING;
    if (interface->stack)
        stack->changed(interface);
}

static const struct netqueue_client card_client = {card_receive, card_writable, card_changed};

/* ---- Coming and going: change_mutex held ---- */

static oskit_u32_t index_next(void)
{
    oskit_u32_t index = 1;
    list_for_each (link, &interfaces)
        index = interface_of(link)->index + 1;
    return index;
}

static struct interface *interface_new(void)
{
    struct interface *interface = env_alloc(sizeof *interface, ENV_ZERO);
    if (!interface)
        return NULL;
    interface->references = 1;
    interface->index = index_next();
    list_init(&interface->waiting);
    return interface;
}

static void interface_enter(struct interface *interface)
{
    env_spin_lock(&interfaces_lock);
    list_push_back(&interfaces, &interface->link);
    env_spin_unlock(&interfaces_lock);
    stack->added(interface);
}

static oskit_error_t loopback_make(void)
{
    struct interface *lo = interface_new();
    if (!lo)
        return OSKIT_ENOMEM;
    memcpy(lo->name, "lo", sizeof "lo");
    lo->flags = INTERFACE_UP | INTERFACE_LOOPBACK | LINK_RUNNING;
    lo->hardware = ARPHRD_LOOP;
    lo->mtu = LOOPBACK_MTU;
    lo->address_length = 6;
    lo->features =
        NETQUEUE_TX_SUM | NETQUEUE_TX_TSO4 | NETQUEUE_TX_TSO6 | NETQUEUE_RX_SUM | NETQUEUE_RX_LARGE;
    interface_enter(lo);
    return OSKIT_SUCCESS;
}

static struct interface *card_interface(sluice_netqueue_t *card)
{
    struct netqueue_info info;
    struct interface *interface = interface_new();
    if (!interface)
        return NULL;
    sluice_netqueue_get_info(card, &info);
    memcpy(interface->name, info.name, sizeof interface->name);
    interface->flags = INTERFACE_BROADCAST | INTERFACE_MULTICAST;
    if (sluice_netqueue_link(card))
        interface->flags |= LINK_RUNNING;
    interface->hardware = ARPHRD_ETHER;
    interface->mtu = info.mtu;
    interface->address_length = info.address_length;
    memcpy(interface->address, info.address, sizeof interface->address);
    memset(interface->broadcast, 0xff, info.address_length);
    interface->features = info.features;
    interface->card = card;
    sluice_netqueue_addref(card);
    return interface;
}

/* What the card hands over: groups that the stack joins aren't told one by one. */
static void card_set_receive(struct interface *interface)
{
    oskit_u32_t mode = NETQUEUE_ALL_MULTICAST;
    if (interface->promiscuous || interface->flags & INTERFACE_PROMISC)
        mode |= NETQUEUE_PROMISCUOUS;
    if (interface->card)
        sluice_netqueue_set_receive(interface->card, mode, NULL, 0);
}

static void card_leave(struct interface *interface)
{
    env_spin_lock(&interfaces_lock);
    list_remove(&interface->link);
    env_spin_unlock(&interfaces_lock);
    interface->flags &= ~(INTERFACE_UP | LINK_RUNNING);
    if (interface->card)
        sluice_netqueue_close(interface->card);
    stack->removed(interface);
    interface_tap_down(interface);
    env_spin_lock(&interface->lock);
    struct list rest = LIST_INIT(rest);
    list_append(&rest, &interface->waiting);
    interface->waiting_count = 0;
    env_spin_unlock(&interface->lock);
    packets_drop(&rest);
    interface_put(interface);
}

/* The stack sends as soon as it knows of the interface, so the card is open before; what arrives
 * till then is dropped, since the interface isn't up. */
static void card_added(sluice_netqueue_t *card)
{
    struct interface *interface = card_interface(card);
    if (!interface) {
        env_log(ENV_LOG_WARNING, "no memory for a network interface");
        return;
    }
    oskit_error_t error = sluice_netqueue_open(card, &card_client, interface);
    if (error) {
        env_log(ENV_LOG_WARNING, "%s can't be opened: error %#x", interface->name, error);
        interface_put(interface);
        return;
    }
    card_set_receive(interface);
    interface_enter(interface);
}

static void card_removed(sluice_netqueue_t *card)
{
    list_for_each_safe (link, &interfaces) {
        if (interface_of(link)->card == card)
            card_leave(interface_of(link));
    }
}

static void card_watch(void *arg, sluice_netqueue_t *card, bool added)
{
    (void)arg;
    env_mutex_lock(&change_mutex);
    if (added)
        card_added(card);
    else
        card_removed(card);
    env_mutex_unlock(&change_mutex);
}

oskit_error_t interfaces_start(const struct interface_stack *of)
{
    stack = of;
    env_mutex_lock(&change_mutex);
    oskit_error_t error = loopback_make();
    env_mutex_unlock(&change_mutex);
    if (!error)
        netqueue_watch(card_watch, NULL);
    return error;
}

void interfaces_stop(void)
{
    netqueue_watch(NULL, NULL);
    env_mutex_lock(&change_mutex);
    while (!list_empty(&interfaces))
        card_leave(interface_of(interfaces.prev));
    env_mutex_unlock(&change_mutex);
}

/* ---- What programs ask and set ---- */

void interface_get_statistics(struct interface *interface, struct netqueue_statistics *out)
{
    memset(out, 0, sizeof *out);
    if (interface->card)
        sluice_netqueue_get_statistics(interface->card, out);
    env_spin_lock(&interface->lock);
    out->rx_packets += interface->statistics.rx_packets;
    out->rx_bytes += interface->statistics.rx_bytes;
    out->rx_dropped += interface->statistics.rx_dropped;
    out->tx_packets += interface->statistics.tx_packets;
    out->tx_bytes += interface->statistics.tx_bytes;
    out->tx_dropped += interface->statistics.tx_dropped;
    env_spin_unlock(&interface->lock);
}

void interface_promiscuous(struct interface *interface, bool on)
{
    env_mutex_lock(&change_mutex);
    interface->promiscuous += on ? 1 : -1u;
    card_set_receive(interface);
    env_mutex_unlock(&change_mutex);
}

void interface_set_flags(struct interface *interface, oskit_u32_t flags, oskit_u32_t mask)
{
    mask &= FLAGS_SETTABLE;
    env_mutex_lock(&change_mutex);
    bool was_up = interface->flags & INTERFACE_UP;
    interface->flags |= flags & mask;
    interface->flags &= flags | ~mask;
    bool down = was_up && !(interface->flags & INTERFACE_UP);
    card_set_receive(interface);
    env_mutex_unlock(&change_mutex);
    stack->changed(interface);
    if (down)
        interface_tap_down(interface);
}

/* No more than the card is made for. */
oskit_error_t interface_set_mtu(struct interface *interface, oskit_u32_t mtu)
{
    struct netqueue_info info = {.mtu = LOOPBACK_MTU};
    if (interface->card)
        sluice_netqueue_get_info(interface->card, &info);
    if (mtu < MTU_MIN || mtu > info.mtu)
        return OSKIT_E_INVALIDARG;
    env_mutex_lock(&change_mutex);
    interface->mtu = mtu;
    env_mutex_unlock(&change_mutex);
    stack->changed(interface);
    return OSKIT_SUCCESS;
}

oskit_error_t interface_set_address(struct interface *interface, const oskit_u8_t *address)
{
    if (!interface->card)
        return OSKIT_EOPNOTSUPP;
    env_mutex_lock(&change_mutex);
    oskit_error_t error = sluice_netqueue_set_address(interface->card, address);
    if (!error)
        memcpy(interface->address, address, interface->address_length);
    env_mutex_unlock(&change_mutex);
    if (!error)
        stack->changed(interface);
    return error;
}
