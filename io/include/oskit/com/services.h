/*
 * A registry of services: which objects offer an interface. The functions of <oskit/com.h> work on
 * a global one.
 *
 * A registry holds a reference to each object, and its last release drops them. [thread]
 */
#ifndef OSKIT_COM_SERVICES_H
#define OSKIT_COM_SERVICES_H

#include <oskit/com.h>
#include <oskit/error.h>
#include <oskit/types.h>

typedef struct oskit_services {
    struct oskit_services_ops *ops;
} oskit_services_t;

struct oskit_services_ops {
    OSKIT_COMDECL_IUNKNOWN(oskit_services_t)

    /* As oskit_register, here. */
    oskit_error_t (*addservice)(oskit_services_t *self, const struct oskit_guid *iid,
                                void *interface);

    /* As oskit_unregister. */
    oskit_error_t (*remservice)(oskit_services_t *self, const struct oskit_guid *iid,
                                void *interface);

    /* As oskit_lookup; free the array with oskit_lookup_free. */
    oskit_error_t (*lookup)(oskit_services_t *self, const struct oskit_guid *iid,
                            void ***out_interfaces);

    /* As oskit_lookup_first. */
    oskit_error_t (*lookup_first)(oskit_services_t *self, const struct oskit_guid *iid,
                                  void **out_interface);

    /* A new registry with the same contents. OSKIT_E_OUTOFMEMORY. */
    oskit_error_t (*clone)(oskit_services_t *self, oskit_services_t **out_services);
};

extern const struct oskit_guid oskit_services_iid;
#define OSKIT_SERVICES_IID \
    OSKIT_GUID(0x4aa7dfa5, 0x7c74, 0x11cf, 0xb5, 0x00, 0x08, 0x00, 0x09, 0x53, 0xad, 0xc2)

#define oskit_services_query(self, iid, out) \
    ((self)->ops->query((oskit_services_t *)(self), (iid), (out)))
#define oskit_services_addref(self)  ((self)->ops->addref((oskit_services_t *)(self)))
#define oskit_services_release(self) ((self)->ops->release((oskit_services_t *)(self)))
#define oskit_services_addservice(self, iid, interface) \
    ((self)->ops->addservice((oskit_services_t *)(self), (iid), (interface)))
#define oskit_services_remservice(self, iid, interface) \
    ((self)->ops->remservice((oskit_services_t *)(self), (iid), (interface)))
#define oskit_services_lookup(self, iid, out_interfaces) \
    ((self)->ops->lookup((oskit_services_t *)(self), (iid), (out_interfaces)))
#define oskit_services_lookup_first(self, iid, out_interface) \
    ((self)->ops->lookup_first((oskit_services_t *)(self), (iid), (out_interface)))
#define oskit_services_clone(self, out_services) \
    ((self)->ops->clone((oskit_services_t *)(self), (out_services)))

struct oskit_mem;

/* An empty registry. MEMORY chose the allocator in the OSKit; here the porting layer is the one
 * there is, and it is ignored. OSKIT_E_OUTOFMEMORY. [thread] */
oskit_error_t oskit_services_create(struct oskit_mem *memory, oskit_services_t **out_services);

#endif
