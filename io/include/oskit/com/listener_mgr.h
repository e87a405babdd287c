/*
 * A set of listeners, for objects that tell others of their events without levels or masks.
 *
 * Not an object: owned by one that is, and used from inside it. Objects with readiness use
 * sluice/readiness.h instead. It holds a reference to each listener. notify goes over those that
 * were there when it began and are there still, with no lock held, so a listener may remove itself
 * or others, or add more, inside its notify.
 */
#ifndef OSKIT_COM_LISTENER_MGR_H
#define OSKIT_COM_LISTENER_MGR_H

#include <oskit/com.h>
#include <oskit/com/listener.h>

struct listener_mgr;

/* OBJ is what notify hands on; the manager holds no reference to it, as OBJ owns the manager. NULL
 * when there is no memory. [thread] */
struct listener_mgr *oskit_create_listener_mgr(oskit_iunknown_t *obj);
/* Drops all listeners. No other call may be in progress. NULL is ignored. [thread] */
void oskit_destroy_listener_mgr(struct listener_mgr *mgr);
/* Takes a reference. The same listener may be there more than once. OSKIT_E_OUTOFMEMORY. [any] */
oskit_error_t oskit_listener_mgr_add(struct listener_mgr *mgr, oskit_listener_t *listener);
/* Takes it off once. OSKIT_E_INVALIDARG when it isn't there. Not synchronous: a notify on another
 * processor may be under way. [any] */
oskit_error_t oskit_listener_mgr_remove(struct listener_mgr *mgr, oskit_listener_t *listener);
/* Calls each. [any] */
void oskit_listener_mgr_notify(struct listener_mgr *mgr);
/* How many there are. [any] */
oskit_u32_t oskit_listener_mgr_count(struct listener_mgr *mgr);

#endif
