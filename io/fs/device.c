/*
 * Devices by number.
 *
 * Locks: device_mutex covers the list, the watches and the pins. It is not held while a driver's
 * open runs, since opening a device may register others (a terminal multiplexer does): the record
 * is pinned instead, and device_unregister waits for the pins to go.
 * Order: device_mutex -> locks of the device file systems (through watches).
 */
#include <sluice/env.h>
#include <sluice/string.h>
#include "device_watch.h"
#include <oskit/io/posixio.h>

struct device_record {
    struct list link;
    const struct device *device;
    unsigned pins;              /* opens under way */
    struct env_sleep *unpinned; /* device_unregister waiting for them */
};

static struct env_mutex device_mutex;
static struct list device_list = LIST_INIT(device_list);
static struct list device_watches = LIST_INIT(device_watches);
static _Atomic oskit_u32_t device_generation_count;

static bool device_is_block(const struct device *device)
{
    return OSKIT_S_ISBLK(device->mode);
}

static struct device_record *device_find(bool block, oskit_u32_t number)
{
    list_for_each (pos, &device_list) {
        struct device_record *record = container_of(pos, struct device_record, link);

        if (record->device->number == number && device_is_block(record->device) == block)
            return record;
    }
    return NULL;
}

static bool device_name_taken(const char *name)
{
    list_for_each (pos, &device_list) {
        if (strcmp(container_of(pos, struct device_record, link)->device->name, name) == 0)
            return true;
    }
    return false;
}

/* Tells the watches before UNTIL that DEVICE is gone. */
static void device_tell_removed(const struct device *device, const struct list *until)
{
    for (struct list *pos = device_watches.next; pos != until; pos = pos->next) {
        struct device_watch *watch = container_of(pos, struct device_watch, link);

        watch->removed(watch, device);
    }
}

static oskit_error_t device_tell_added(const struct device *device)
{
    list_for_each (pos, &device_watches) {
        struct device_watch *watch = container_of(pos, struct device_watch, link);
        oskit_error_t err = watch->added(watch, device);

        if (OSKIT_FAILED(err)) {
            device_tell_removed(device, pos);
            return err;
        }
    }
    return OSKIT_SUCCESS;
}

oskit_error_t device_register(const struct device *device)
{
    struct device_record *record = env_alloc(sizeof *record, ENV_ZERO);
    oskit_error_t err = OSKIT_SUCCESS;

    if (!record)
        return OSKIT_ENOMEM;
    record->device = device;
    env_mutex_lock(&device_mutex);
    if (device_find(device_is_block(device), device->number) || device_name_taken(device->name))
        err = OSKIT_EEXIST;
    if (OSKIT_SUCCEEDED(err))
        err = device_tell_added(device);
    if (OSKIT_SUCCEEDED(err)) {
        list_push_back(&device_list, &record->link);
        device_generation_count++;
    }
    env_mutex_unlock(&device_mutex);
    if (OSKIT_FAILED(err))
        env_free(record, sizeof *record);
    return err;
}

void device_unregister(const struct device *device)
{
    struct env_sleep unpinned;

    env_mutex_lock(&device_mutex);
    struct device_record *record = device_find(device_is_block(device), device->number);
    if (!record || record->device != device) {
        env_mutex_unlock(&device_mutex);
        return;
    }
    list_remove(&record->link);
    device_generation_count++;
    device_tell_removed(device, &device_watches);
    bool wait = record->pins > 0;
    if (wait) {
        env_sleep_init(&unpinned);
        record->unpinned = &unpinned;
    }
    env_mutex_unlock(&device_mutex);
    if (wait)
        env_sleep(&unpinned, ENV_FOREVER);
    /* The waker is done with the record and with this frame once it has released the mutex. */
    env_mutex_lock(&device_mutex);
    env_mutex_unlock(&device_mutex);
    env_free(record, sizeof *record);
}

oskit_error_t device_open(bool block, oskit_u32_t number, oskit_u32_t oflags,
                          oskit_iunknown_t **out)
{
    *out = NULL;
    env_mutex_lock(&device_mutex);
    struct device_record *record = device_find(block, number);
    if (record)
        record->pins++;
    env_mutex_unlock(&device_mutex);
    if (!record)
        return OSKIT_ENXIO;
    oskit_error_t err = record->device->open(record->device->arg, oflags, out);
    env_mutex_lock(&device_mutex);
    if (--record->pins == 0 && record->unpinned)
        env_wakeup(record->unpinned);
    env_mutex_unlock(&device_mutex);
    return err;
}

void device_each(bool (*show)(void *arg, const struct device *device), void *arg)
{
    bool more = true;

    env_mutex_lock(&device_mutex);
    for (struct list *pos = device_list.next; more && pos != &device_list; pos = pos->next)
        more = show(arg, container_of(pos, struct device_record, link)->device);
    env_mutex_unlock(&device_mutex);
}

oskit_u32_t device_generation(void)
{
    return device_generation_count;
}

static oskit_error_t device_watch_all(struct device_watch *watch)
{
    list_for_each (pos, &device_list) {
        oskit_error_t err =
            watch->added(watch, container_of(pos, struct device_record, link)->device);

        if (OSKIT_FAILED(err))
            return err;
    }
    return OSKIT_SUCCESS;
}

oskit_error_t device_watch_start(struct device_watch *watch)
{
    env_mutex_lock(&device_mutex);
    oskit_error_t err = device_watch_all(watch);
    if (OSKIT_SUCCEEDED(err))
        list_push_back(&device_watches, &watch->link);
    else
        list_init(&watch->link);
    env_mutex_unlock(&device_mutex);
    return err;
}

void device_watch_stop(struct device_watch *watch)
{
    env_mutex_lock(&device_mutex);
    list_remove(&watch->link);
    env_mutex_unlock(&device_mutex);
}
