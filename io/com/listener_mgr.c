/* listener_mgr: the listeners of one object. Locks: reflist's. */
#include <oskit/com/listener_mgr.h>

#include "reflist.h"

struct listener_mgr {
    struct reflist list;
    oskit_iunknown_t *obj; /* our owner: no reference */
};

struct listener_mgr *oskit_create_listener_mgr(oskit_iunknown_t *obj)
{
    struct listener_mgr *mgr = env_alloc(sizeof *mgr, 0);
    if (mgr == NULL)
        return NULL;
    reflist_init(&mgr->list);
    mgr->obj = obj;
    return mgr;
}

void oskit_destroy_listener_mgr(struct listener_mgr *mgr)
{
    if (mgr == NULL)
        return;
    reflist_fini(&mgr->list);
    env_free(mgr, sizeof *mgr);
}

oskit_error_t oskit_listener_mgr_add(struct listener_mgr *mgr, oskit_listener_t *listener)
{
    return reflist_add(&mgr->list, listener);
}

oskit_error_t oskit_listener_mgr_remove(struct listener_mgr *mgr, oskit_listener_t *listener)
{
    return reflist_remove(&mgr->list, listener);
}

static oskit_error_t notify_one(void *obj, void *listener)
{
    return oskit_listener_notify((oskit_listener_t *)listener, obj);
}

void oskit_listener_mgr_notify(struct listener_mgr *mgr)
{
    reflist_each(&mgr->list, notify_one, mgr->obj);
}

oskit_u32_t oskit_listener_mgr_count(struct listener_mgr *mgr)
{
    return reflist_count(&mgr->list);
}
