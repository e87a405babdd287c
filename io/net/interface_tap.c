/*
 * Taps: who sees the frames of interfaces without having them.
 *
 * taps_lock guards the list and each tap's running and remover. It isn't held while a tap looks,
 * for that tells waiters: a tap stays on the list as long as anybody is inside it, and its remover
 * waits for the last one out.
 */
#include "io/net/interface.h"

static struct env_spinlock taps_lock;
static struct list taps = LIST_INIT(taps);
_Atomic oskit_u32_t interface_taps;

void interface_tap_add(struct interface_tap *tap)
{
    tap->running = 0;
    tap->remover = NULL;
    env_spin_lock(&taps_lock);
    list_push_back(&taps, &tap->link);
    interface_taps++;
    env_spin_unlock(&taps_lock);
}

void interface_tap_remove(struct interface_tap *tap)
{
    struct env_sleep sleep;
    env_sleep_init(&sleep);
    env_spin_lock(&taps_lock);
    interface_taps--;
    if (tap->running) {
        tap->remover = &sleep;
        env_spin_unlock(&taps_lock);
        env_sleep(&sleep, ENV_FOREVER);
        env_spin_lock(&taps_lock);
    }
    list_remove(&tap->link);
    env_spin_unlock(&taps_lock);
}

/* The first tap for INTERFACE from AT on, with one more inside it; NULL: none. Lock held. */
static struct interface_tap *tap_enter(struct list *at, const struct interface *interface)
{
    for (; at != &taps; at = at->next) {
        struct interface_tap *tap = container_of(at, struct interface_tap, link);
        if (!tap->remover && (!tap->index || tap->index == interface->index)) {
            tap->running++;
            return tap;
        }
    }
    return NULL;
}

/* A tap that is being removed stays where it is until its remover runs, which needs the lock. */
static void tap_leave(struct interface_tap *tap)
{
    if (!--tap->running && tap->remover)
        env_wakeup(tap->remover);
}

void interface_tap_show(const struct interface *interface, const struct packet *packet,
                        enum interface_direction direction)
{
    env_spin_lock(&taps_lock);
    struct interface_tap *tap = tap_enter(taps.next, interface);
    while (tap) {
        env_spin_unlock(&taps_lock);
        tap->see(tap, interface, packet, direction);
        env_spin_lock(&taps_lock);
        struct interface_tap *next = tap_enter(tap->link.next, interface);
        tap_leave(tap);
        tap = next;
    }
    env_spin_unlock(&taps_lock);
}

void interface_tap_down(const struct interface *interface)
{
    env_spin_lock(&taps_lock);
    struct interface_tap *tap = tap_enter(taps.next, interface);
    while (tap) {
        env_spin_unlock(&taps_lock);
        if (tap->index && tap->down)
            tap->down(tap);
        env_spin_lock(&taps_lock);
        struct interface_tap *next = tap_enter(tap->link.next, interface);
        tap_leave(tap);
        tap = next;
    }
    env_spin_unlock(&taps_lock);
}
