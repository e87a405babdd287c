/*
 * virtio-net: a thread a receive queue. It goes on receiving where the interrupt's budget ended, so
 * that programs get their turn in between; it fills a ring that is short of buffers, for which it
 * may wait for memory; and worker 0 resets the device.
 *
 * Locks: worker.lock guards what is to be done and who sleeps.
 */
#include "net.h"

#define MILLISECOND 1000000ull
#define FILL_AGAIN  (10 * MILLISECOND)

/* ---- Sleeping and waking ---- */

void net_worker_wake(struct net_worker *worker, uint32_t work)
{
    env_spin_lock(&worker->lock);
    worker->work |= work;
    if (worker->asleep)
        env_wakeup(worker->asleep);
    worker->asleep = NULL;
    env_spin_unlock(&worker->lock);
}

/* What there is to do; 0: DEADLINE has passed. */
static uint32_t worker_sleep(struct net_worker *worker, uint64_t deadline)
{
    struct env_sleep sleep;
    env_sleep_init(&sleep);
    env_spin_lock(&worker->lock);
    bool idle = !worker->work;
    worker->asleep = idle ? &sleep : NULL;
    env_spin_unlock(&worker->lock);
    if (idle)
        env_sleep(&sleep, deadline);
    env_spin_lock(&worker->lock);
    worker->asleep = NULL;
    uint32_t work = worker->work;
    worker->work = 0;
    env_spin_unlock(&worker->lock);
    return work;
}

/* ---- Reset ---- */

void net_reset_request(struct net *net)
{
    net_worker_wake(&net->receives[0].worker, WORK_RESET);
}

void net_queues_stop(struct net *net, bool dead)
{
    for (unsigned i = 0; i < net->pairs; i++) {
        net_receive_stop(&net->receives[i]);
        net_send_stop(&net->sends[i], dead);
    }
    net_control_stop(&net->control);
}

void net_queues_collect(struct net *net)
{
    for (unsigned i = 0; i < net->pairs; i++) {
        net_receive_collect(&net->receives[i]);
        net_send_collect(&net->sends[i]);
    }
    net_control_collect(&net->control);
}

void net_queues_start(struct net *net)
{
    net_control_start(&net->control);
    atomic_store(&net->pairs_active, 1);
    for (unsigned i = 0; i < net->pairs; i++)
        net_receive_start(&net->receives[i]);
    net_configure(net);
    for (unsigned i = 0; i < net->pairs; i++)
        net_send_start(&net->sends[i]);
}

/* Whether it brought a frame, or took one off our hands, since the reset before. */
static bool carried_some(struct net *net)
{
    uint64_t carried = 0;
    for (unsigned i = 0; i < net->pairs; i++) {
        env_spin_lock(&net->receives[i].lock);
        carried += net->receives[i].packets;
        env_spin_unlock(&net->receives[i].lock);
        env_spin_lock(&net->sends[i].lock);
        carried += net->sends[i].returned;
        env_spin_unlock(&net->sends[i].lock);
    }
    bool some = carried != net->carried_at_reset;
    net->carried_at_reset = carried;
    return some;
}

static void give_up(struct net *net)
{
    if (atomic_exchange(&net->dead, true))
        return;
    atomic_store(&net->link_up, false);
    for (unsigned i = 0; i < net->pairs; i++)
        net_send_stop(&net->sends[i], true);
    if (net->client->changed)
        net->client->changed(net->client_arg, false, true);
}

static void net_reset(struct net *net)
{
    if (atomic_load(&net->dead))
        return;
    env_log(ENV_LOG_ERROR, "%s: reset", net->device->name);
    net_queues_stop(net, false);
    oskit_error_t error = virtio_reset(net->device);
    net_queues_collect(net);
    if (!error && !carried_some(net))
        error = OSKIT_EIO;
    if (!error)
        error = virtio_restart(net->device);
    if (error) {
        env_log(ENV_LOG_ERROR, "%s: given up", net->device->name);
        give_up(net);
        return;
    }
    net_queues_start(net);
    net_link_update(net);
}

/* ---- The thread ---- */

/* Under memory pressure, too, the ring is filled again sooner or later. */
static bool worker_fill(struct net_receive *receive)
{
    packet_pool_fill(receive->pool);
    return net_receive_fill(receive);
}

static void worker_poll(struct net_worker *worker)
{
    struct net_receive *receive = worker->receive;
    env_spin_lock(&receive->lock);
    receive->polls++;
    env_spin_unlock(&receive->lock);
    if (!net_receive_run(receive))
        net_worker_wake(worker, WORK_POLL);
}

static void worker_thread(void *arg)
{
    struct net_worker *worker = arg;
    struct net_receive *receive = worker->receive;
    uint32_t work;
    bool filled = true;
    do {
        work = worker_sleep(worker, filled ? ENV_FOREVER : env_time_monotonic() + FILL_AGAIN);
        if (work & WORK_LEAVE)
            give_up(receive->net);
        else if (work & WORK_RESET)
            net_reset(receive->net);
        if (work & WORK_FILL || !filled)
            filled = worker_fill(receive);
        if (work & WORK_POLL)
            worker_poll(worker);
    } while (!(work & WORK_QUIT));
    env_spin_lock(&worker->lock);
    worker->running = false;
    if (worker->joiner)
        env_wakeup(worker->joiner);
    env_spin_unlock(&worker->lock);
}

oskit_error_t net_worker_start(struct net_worker *worker, struct net_receive *receive)
{
    worker->receive = receive;
    worker->work = 0;
    worker->joiner = NULL;
    worker->running = true;
    oskit_error_t error = env_thread_start("virtio-net", worker_thread, worker);
    if (error)
        worker->running = false;
    return error;
}

void net_worker_quit(struct net_worker *worker)
{
    struct env_sleep sleep;
    net_worker_wake(worker, WORK_QUIT);
    env_sleep_init(&sleep);
    env_spin_lock(&worker->lock);
    bool running = worker->running;
    worker->joiner = &sleep;
    env_spin_unlock(&worker->lock);
    if (running)
        env_sleep(&sleep, ENV_FOREVER);
    /* The thread may be under its lock still. */
    env_spin_lock(&worker->lock);
    worker->joiner = NULL;
    env_spin_unlock(&worker->lock);
}
