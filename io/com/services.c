/*
 * Registries of services: the global one, and those that are objects.
 *
 * Lock: registry.mutex, held for looking and linking only; interfaces are released after it. Taking
 * a reference under it is safe because addref never sleeps nor locks.
 */
#include <oskit/com/services.h>

#include <sluice/env.h>
#include <sluice/list.h>
#include <sluice/object.h>
#include <sluice/string.h>

struct service {
    struct list node;
    struct oskit_guid iid;
    void *interface; /* with a reference */
};

struct registry {
    struct env_mutex mutex;
    struct list services;      /* in order of registration */
    oskit_iunknown_t *context; /* call context with a reference, or NULL */
};

struct services {
    struct sluice_object object;
    SLUICE_FACE(oskit_services_t) services;
    struct registry registry;
};

static struct registry global = {.services = LIST_INIT(global.services)};

static bool service_offers(const struct service *service, const struct oskit_guid *iid)
{
    return memcmp(&service->iid, iid, sizeof *iid) == 0;
}

/* Locked. */
static struct service *registry_find(struct registry *registry, const struct oskit_guid *iid,
                                     void *interface)
{
    list_for_each (node, &registry->services) {
        struct service *service = container_of(node, struct service, node);
        if (service->interface == interface && service_offers(service, iid))
            return service;
    }
    return NULL;
}

static void service_free(struct service *service)
{
    oskit_iunknown_release(service->interface);
    env_free(service, sizeof *service);
}

static oskit_error_t registry_add(struct registry *registry, const struct oskit_guid *iid,
                                  void *interface)
{
    struct service *service = env_alloc(sizeof *service, 0);

    if (service == NULL)
        return OSKIT_E_OUTOFMEMORY;
    service->iid = *iid;
    service->interface = interface;
    oskit_iunknown_addref(interface);
    env_mutex_lock(&registry->mutex);
    bool present = registry_find(registry, iid, interface) != NULL;
    if (!present)
        list_push_back(&registry->services, &service->node);
    env_mutex_unlock(&registry->mutex);
    if (present)
        service_free(service);
    return 0;
}

static oskit_error_t registry_remove(struct registry *registry, const struct oskit_guid *iid,
                                     void *interface)
{
    env_mutex_lock(&registry->mutex);
    struct service *service = registry_find(registry, iid, interface);
    if (service != NULL)
        list_remove(&service->node);
    env_mutex_unlock(&registry->mutex);
    if (service == NULL)
        return OSKIT_E_INVALIDARG;
    service_free(service);
    return 0;
}

/* Locked. */
static oskit_size_t registry_count(struct registry *registry, const struct oskit_guid *iid)
{
    oskit_size_t count = 0;
    list_for_each (node, &registry->services)
        count += service_offers(container_of(node, struct service, node), iid);
    return count;
}

/* Locked. Fills in OUT, which has room, and ends it by a NULL. */
static void registry_collect(struct registry *registry, const struct oskit_guid *iid, void **out)
{
    list_for_each (node, &registry->services) {
        struct service *service = container_of(node, struct service, node);
        if (!service_offers(service, iid))
            continue;
        oskit_iunknown_addref(service->interface);
        *out++ = service->interface;
    }
    *out = NULL;
}

static oskit_error_t registry_lookup(struct registry *registry, const struct oskit_guid *iid,
                                     void ***out_interfaces)
{
    *out_interfaces = NULL;
    env_mutex_lock(&registry->mutex);
    oskit_size_t count = registry_count(registry, iid);
    oskit_error_t result = (oskit_error_t)count;
    if (count != 0) {
        *out_interfaces = env_alloc((count + 1) * sizeof(void *), 0);
        if (*out_interfaces != NULL)
            registry_collect(registry, iid, *out_interfaces);
        else
            result = OSKIT_E_OUTOFMEMORY;
    }
    env_mutex_unlock(&registry->mutex);
    return result;
}

static oskit_error_t registry_lookup_first(struct registry *registry, const struct oskit_guid *iid,
                                           void **out_interface)
{
    *out_interface = NULL;
    env_mutex_lock(&registry->mutex);
    list_for_each (node, &registry->services) {
        struct service *service = container_of(node, struct service, node);
        if (!service_offers(service, iid))
            continue;
        oskit_iunknown_addref(service->interface);
        *out_interface = service->interface;
        break;
    }
    env_mutex_unlock(&registry->mutex);
    return 0;
}

static oskit_error_t registry_copy(struct registry *from, struct registry *to)
{
    oskit_error_t error = 0;

    env_mutex_lock(&from->mutex);
    list_for_each (node, &from->services) {
        struct service *service = container_of(node, struct service, node);
        error = registry_add(to, &service->iid, service->interface);
        if (OSKIT_FAILED(error))
            break;
    }
    env_mutex_unlock(&from->mutex);
    return error;
}

/* ---- The object -------------------------------------------------------------------------- */

static struct registry *registry_of(oskit_services_t *self)
{
    return &((struct services *)SLUICE_OBJECT(self))->registry;
}

static oskit_error_t services_addservice(oskit_services_t *self, const struct oskit_guid *iid,
                                         void *interface)
{
    return registry_add(registry_of(self), iid, interface);
}

static oskit_error_t services_remservice(oskit_services_t *self, const struct oskit_guid *iid,
                                         void *interface)
{
    return registry_remove(registry_of(self), iid, interface);
}

static oskit_error_t services_lookup(oskit_services_t *self, const struct oskit_guid *iid,
                                     void ***out_interfaces)
{
    return registry_lookup(registry_of(self), iid, out_interfaces);
}

static oskit_error_t services_lookup_first(oskit_services_t *self, const struct oskit_guid *iid,
                                           void **out_interface)
{
    return registry_lookup_first(registry_of(self), iid, out_interface);
}

static oskit_error_t services_clone(oskit_services_t *self, oskit_services_t **out_services)
{
    oskit_error_t error = oskit_services_create(NULL, out_services);

    if (OSKIT_FAILED(error))
        return error;
    error = registry_copy(registry_of(self), registry_of(*out_services));
    if (OSKIT_FAILED(error)) {
        oskit_services_release(*out_services);
        *out_services = NULL;
    }
    return error;
}

static void services_destroy(struct sluice_object *object)
{
    struct services *s = (struct services *)object;
    struct list *node;

    while ((node = list_pop_front(&s->registry.services)) != NULL)
        service_free(container_of(node, struct service, node));
    sluice_object_fini(object);
    env_free(s, sizeof *s);
}

static const struct oskit_services_ops services_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .addservice = services_addservice,
    .remservice = services_remservice,
    .lookup = services_lookup,
    .lookup_first = services_lookup_first,
    .clone = services_clone,
};
static const struct sluice_interface services_interfaces[] = {
    {&oskit_services_iid, offsetof(struct services, services), &services_ops},
};
static const struct sluice_class services_class = {
    "services", services_interfaces, SLUICE_COUNT(services_interfaces), services_destroy};

oskit_error_t oskit_services_create(struct oskit_mem *memory, oskit_services_t **out_services)
{
    struct services *s = env_alloc(sizeof *s, ENV_ZERO);

    (void)memory;
    *out_services = NULL;
    if (s == NULL)
        return OSKIT_E_OUTOFMEMORY;
    sluice_object_init(&s->object, &services_class);
    list_init(&s->registry.services);
    *out_services = &s->services.i;
    return 0;
}

/* ---- The global registry ----------------------------------------------------------------- */

oskit_error_t oskit_register(const struct oskit_guid *iid, void *interface)
{
    return registry_add(&global, iid, interface);
}

oskit_error_t oskit_unregister(const struct oskit_guid *iid, void *interface)
{
    return registry_remove(&global, iid, interface);
}

oskit_error_t oskit_lookup(const struct oskit_guid *iid, void ***out_interfaces)
{
    return registry_lookup(&global, iid, out_interfaces);
}

oskit_error_t oskit_lookup_first(const struct oskit_guid *iid, void **out_interface)
{
    return registry_lookup_first(&global, iid, out_interface);
}

void oskit_lookup_free(void **interfaces)
{
    oskit_size_t count = 0;

    if (interfaces == NULL)
        return;
    while (interfaces[count] != NULL)
        count++;
    env_free(interfaces, (count + 1) * sizeof(void *));
}

oskit_error_t oskit_get_call_context(const struct oskit_guid *iid, void **out_interface)
{
    *out_interface = NULL;
    env_mutex_lock(&global.mutex);
    oskit_iunknown_t *context = global.context;
    if (context != NULL)
        oskit_iunknown_addref(context);
    env_mutex_unlock(&global.mutex);
    if (context == NULL)
        return OSKIT_E_NOINTERFACE;
    oskit_error_t error = oskit_iunknown_query(context, iid, out_interface);
    oskit_iunknown_release(context);
    return error;
}

oskit_error_t oskit_set_call_context(oskit_iunknown_t *context)
{
    if (context != NULL)
        oskit_iunknown_addref(context);
    env_mutex_lock(&global.mutex);
    oskit_iunknown_t *before = global.context;
    global.context = context;
    env_mutex_unlock(&global.mutex);
    if (before != NULL)
        oskit_iunknown_release(before);
    return 0;
}
