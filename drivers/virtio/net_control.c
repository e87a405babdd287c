/*
 * virtio-net: the control queue. What the client wishes for is kept here, so that it can be told to
 * the device again after a reset, and before the card is opened.
 *
 * Locks: control.mutex, one command at a time; control.lock, the queue. See net.h.
 */
#include <sluice/string.h>
#include "net.h"

#define PATIENCE 5000000000ull /* nanoseconds that a command may take */

/* Classes and commands. */
#define CONTROL_PROMISCUOUS   0, 0
#define CONTROL_ALL_MULTICAST 0, 1
#define CONTROL_MAC_TABLE     1, 0
#define CONTROL_MAC_ADDRESS   1, 1
#define CONTROL_PAIRS         4, 0

#define ACK_OK   0
#define ACK_NONE 0xff /* ours, before the device has written it */

/* A command in its page. */
struct command {
    uint8_t class, command;
    uint8_t ack;
    uint8_t data[];
};

#define COMMAND_DATA_MAX (ENV_PAGE_SIZE - sizeof(struct command))
/* Behind two counts. */
#define MULTICAST_MAX ((COMMAND_DATA_MAX - 8) / ETHERNET_ADDRESS)

/* ---- A command ---- */

static void command_put(struct net_control *control, uint32_t slot, uint32_t length)
{
    struct virtqueue *virtqueue = control->virtqueue;
    uint64_t address = env_dma_address(control->page);
    virtqueue_out(virtqueue, slot, address, 2);
    virtqueue_out(virtqueue, slot, address + offsetof(struct command, data), length);
    virtqueue_in(virtqueue, slot, address + offsetof(struct command, ack), 1);
    virtqueue_push(virtqueue, slot);
    virtqueue_kick(virtqueue);
}

/* Whether the command is over: answered, or the queue stopped or broken. */
static bool command_over(struct net_control *control, struct env_sleep *sleep)
{
    struct virtqueue *virtqueue = control->virtqueue;
    uint32_t slot = VIRTQUEUE_NONE, written;
    control->waiter = NULL;
    if (control->stopped || virtqueue_broken(virtqueue))
        return true;
    do
        slot = virtqueue_next(virtqueue, &written);
    while (slot == VIRTQUEUE_NONE && !virtqueue_broken(virtqueue) &&
           virtqueue_interrupt_on(virtqueue, 1));
    if (slot != VIRTQUEUE_NONE)
        virtqueue_slot_free(virtqueue, slot);
    else
        control->waiter = sleep;
    return slot != VIRTQUEUE_NONE || virtqueue_broken(virtqueue);
}

static void command_wait(struct net_control *control)
{
    uint64_t deadline = env_time_monotonic() + PATIENCE;
    for (bool over = false, awake = true; !over;) {
        struct env_sleep sleep;
        env_sleep_init(&sleep);
        env_spin_lock(&control->lock);
        over = command_over(control, &sleep);
        if (!over && !awake) {
            /* Nobody will look at the page any more but a device that is reset first. */
            virtqueue_break(control->virtqueue, "it does not answer a command");
            control->waiter = NULL;
            over = true;
        }
        env_spin_unlock(&control->lock);
        if (!over)
            awake = env_sleep(&sleep, deadline);
    }
}

/* What is in the page's data, LENGTH bytes, to the device. Under the mutex. [thread] */
static oskit_error_t command_send(struct net *net, uint8_t class, uint8_t command, uint32_t length)
{
    struct net_control *control = &net->control;
    struct command *page = (void *)control->page;
    if (!control->virtqueue)
        return OSKIT_EOPNOTSUPP;
    page->class = class;
    page->command = command;
    page->ack = ACK_NONE;
    env_spin_lock(&control->lock);
    uint32_t slot =
        control->stopped ? VIRTQUEUE_NONE : virtqueue_slot_take(control->virtqueue, 3, control);
    if (slot != VIRTQUEUE_NONE)
        command_put(control, slot, length);
    env_spin_unlock(&control->lock);
    if (slot == VIRTQUEUE_NONE)
        return OSKIT_EIO;
    command_wait(control);
    return *(volatile uint8_t *)&page->ack == ACK_OK ? OSKIT_SUCCESS : OSKIT_EIO;
}

static oskit_error_t command_byte(struct net *net, uint8_t class, uint8_t command, bool on)
{
    ((struct command *)(void *)net->control.page)->data[0] = on;
    return command_send(net, class, command, 1);
}

/* ---- What is wished for ---- */

static oskit_error_t pairs_tell(struct net *net)
{
    uint16_t pairs = (uint16_t)net->pairs;
    memcpy(((struct command *)(void *)net->control.page)->data, &pairs, sizeof pairs);
    return command_send(net, CONTROL_PAIRS, sizeof pairs);
}

static oskit_error_t address_tell(struct net *net)
{
    const uint8_t *address = net->info.address;
    if (net->agreed & NET_F_CTRL_MAC_ADDR) {
        memcpy(((struct command *)(void *)net->control.page)->data, address, ETHERNET_ADDRESS);
        return command_send(net, CONTROL_MAC_ADDRESS, ETHERNET_ADDRESS);
    }
    for (unsigned i = 0; i < ETHERNET_ADDRESS; i++)
        virtio_config_write8(net->device, CONFIG_MAC + i, address[i]);
    return OSKIT_SUCCESS;
}

/* Two tables: other addresses of ours, none, and the groups. */
static oskit_error_t multicast_tell(struct net *net)
{
    const struct net_control *control = &net->control;
    uint8_t *data = ((struct command *)(void *)control->page)->data;
    uint32_t counts[2] = {0, control->multicast_count};
    uint32_t bytes = control->multicast_count * ETHERNET_ADDRESS;
    memcpy(data, counts, sizeof counts);
    if (bytes)
        memcpy(data + sizeof counts, control->multicast, bytes);
    return command_send(net, CONTROL_MAC_TABLE, (uint32_t)sizeof counts + bytes);
}

static oskit_error_t mode_tell(struct net *net)
{
    uint32_t mode = net->control.mode;
    if (!(net->agreed & NET_F_CTRL_RX))
        return OSKIT_SUCCESS; /* it hands all over */
    oskit_error_t error = command_byte(net, CONTROL_PROMISCUOUS, mode & NETQUEUE_PROMISCUOUS);
    if (!error)
        error = command_byte(net, CONTROL_ALL_MULTICAST, mode & NETQUEUE_ALL_MULTICAST);
    return error ? error : multicast_tell(net);
}

void net_configure(struct net *net)
{
    struct net_control *control = &net->control;
    env_mutex_lock(&control->mutex);
    bool many = net->pairs > 1 && !pairs_tell(net);
    atomic_store(&net->pairs_active, many ? net->pairs : 1);
    oskit_error_t error = control->address_set ? address_tell(net) : OSKIT_SUCCESS;
    if (!error)
        error = mode_tell(net);
    if (error)
        env_log(ENV_LOG_WARNING, "%s: it refuses its address or filter", net->device->name);
    env_mutex_unlock(&control->mutex);
}

/* ---- From the client ---- */

static bool control_runs(struct net_control *control)
{
    env_spin_lock(&control->lock);
    bool runs = !control->stopped;
    env_spin_unlock(&control->lock);
    return runs;
}

static void address_keep(struct net *net, const uint8_t *address)
{
    env_spin_lock(&net->control.lock);
    memcpy(net->info.address, address, ETHERNET_ADDRESS);
    env_spin_unlock(&net->control.lock);
}

/* Groups beyond what a command holds: all of them. */
static oskit_error_t multicast_keep(struct net_control *control, uint32_t mode,
                                    const oskit_u8_t (*multicast)[6], uint32_t count)
{
    void *list = NULL;
    if (count > MULTICAST_MAX) {
        mode |= NETQUEUE_ALL_MULTICAST;
        count = 0;
    }
    if (count) {
        list = env_alloc(count * sizeof *multicast, 0);
        if (!list)
            return OSKIT_E_OUTOFMEMORY;
        memcpy(list, multicast, count * sizeof *multicast);
    }
    env_free(control->multicast, control->multicast_count * sizeof *control->multicast);
    control->multicast = list;
    control->multicast_count = count;
    control->mode = mode;
    return OSKIT_SUCCESS;
}

oskit_error_t net_set_receive(struct net *net, oskit_u32_t mode, const oskit_u8_t (*multicast)[6],
                              oskit_u32_t count)
{
    struct net_control *control = &net->control;
    if (mode & ~(NETQUEUE_PROMISCUOUS | NETQUEUE_ALL_MULTICAST))
        return OSKIT_E_INVALIDARG;
    env_mutex_lock(&control->mutex);
    oskit_error_t error = multicast_keep(control, mode, multicast, count);
    if (!error && control_runs(control))
        error = mode_tell(net);
    env_mutex_unlock(&control->mutex);
    return error;
}

/* An old device takes it as a write to its configuration. */
static bool address_can_change(const struct net *net)
{
    return net->features & NET_F_CTRL_MAC_ADDR ||
           (!(net->features & VIRTIO_F_VERSION_1) && net->features & NET_F_MAC);
}

oskit_error_t net_set_address(struct net *net, const oskit_u8_t *address)
{
    struct net_control *control = &net->control;
    uint8_t before[ETHERNET_ADDRESS];
    if (address[0] & 1)
        return OSKIT_E_INVALIDARG; /* of a group */
    if (!address_can_change(net))
        return OSKIT_EOPNOTSUPP;
    env_mutex_lock(&control->mutex);
    memcpy(before, net->info.address, sizeof before);
    address_keep(net, address);
    oskit_error_t error = control_runs(control) ? address_tell(net) : OSKIT_SUCCESS;
    if (error)
        address_keep(net, before);
    else
        control->address_set = true;
    env_mutex_unlock(&control->mutex);
    return error;
}

/* ---- The queue ---- */

void net_control_interrupt(struct virtqueue *virtqueue)
{
    struct net_control *control = virtqueue->driver_data;
    env_spin_lock(&control->lock);
    if (control->waiter)
        env_wakeup(control->waiter);
    control->waiter = NULL;
    env_spin_unlock(&control->lock);
}

void net_control_start(struct net_control *control)
{
    env_spin_lock(&control->lock);
    control->stopped = false;
    env_spin_unlock(&control->lock);
}

void net_control_stop(struct net_control *control)
{
    env_spin_lock(&control->lock);
    control->stopped = true;
    if (control->waiter)
        env_wakeup(control->waiter);
    control->waiter = NULL;
    env_spin_unlock(&control->lock);
}

void net_control_collect(struct net_control *control)
{
    struct virtqueue *virtqueue = control->virtqueue;
    if (!virtqueue)
        return;
    env_spin_lock(&control->lock);
    for (uint32_t slot; (slot = virtqueue_collect(virtqueue)) != VIRTQUEUE_NONE;)
        virtqueue_slot_free(virtqueue, slot);
    virtqueue_clear(virtqueue);
    env_spin_unlock(&control->lock);
}
