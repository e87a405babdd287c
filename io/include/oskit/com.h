/*
 * Objects and interfaces: the COM subset of the OSKit.
 *
 * An interface is a pointer to a struct whose one public member, ops, points to a table of methods.
 * Each method's first argument is that pointer. The first three methods of every table are query,
 * addref and release, which is what oskit_iunknown names. Call a method through its macro:
 * oskit_absio_read(io, buf, offset, amount, &actual). The macros name their first argument twice,
 * so it must not have side effects.
 *
 * References. An interface that is an argument is borrowed for the call: who wants to keep it calls
 * addref. An interface that comes back through an out parameter carries a reference that the caller
 * must release. On failure out parameters hold nothing to release. Release the very interface that
 * you hold. The counts that addref and release return are for debugging only.
 *
 * Contexts: see each method. Where a header says nothing, call from a thread and expect that the
 * method may sleep for memory or for its medium, never for an event. addref is good in any context;
 * so is release, unless the object says otherwise.
 */
#ifndef OSKIT_COM_H
#define OSKIT_COM_H

#include <oskit/compiler.h>
#include <oskit/error.h>
#include <oskit/types.h>

/* The name of an interface (an IID) or of anything else, 16 bytes. */
struct oskit_guid {
    oskit_u32_t data1;
    oskit_u16_t data2;
    oskit_u16_t data3;
    oskit_u8_t data4[8];
};
typedef struct oskit_guid oskit_guid_t;
typedef struct oskit_guid oskit_iid_t;

/* A brace initialiser for a struct oskit_guid. */
#define OSKIT_GUID(l, w1, w2, b1, b2, b3, b4, b5, b6, b7, b8) \
    {                                                         \
        (l), (w1), (w2),                                      \
        {                                                     \
            (b1), (b2), (b3), (b4), (b5), (b6), (b7), (b8)    \
        }                                                     \
    }

/* How methods are declared: by what they return. */
#define OSKIT_COMCALL   OSKIT_STDCALL
#define OSKIT_COMDECL   oskit_error_t OSKIT_COMCALL
#define OSKIT_COMDECL_U oskit_u32_t OSKIT_COMCALL
#define OSKIT_COMDECL_V void OSKIT_COMCALL

/*
 * The first three slots of every table. (No semicolon after it: it brings its own.)
 *   query    asks for another interface of the same object: *out is that interface with a
 * reference; or NULL, and OSKIT_E_NOINTERFACE. Asking for iunknown gives the same pointer each
 * time: the object's identity. [any] addref   one more reference. [any] release  one less; the last
 * ends the object.
 */
#define OSKIT_COMDECL_IUNKNOWN(type)                                               \
    OSKIT_COMDECL (*query)(type * self, const struct oskit_guid *iid, void **out); \
    OSKIT_COMDECL_U (*addref)(type * self);                                        \
    OSKIT_COMDECL_U (*release)(type * self);

typedef struct oskit_iunknown {
    struct oskit_iunknown_ops *ops;
} oskit_iunknown_t;

struct oskit_iunknown_ops {
    OSKIT_COMDECL_IUNKNOWN(oskit_iunknown_t)
};

extern const struct oskit_guid oskit_iunknown_iid;
#define OSKIT_IUNKNOWN_IID \
    OSKIT_GUID(0x00000000, 0x0000, 0x0000, 0xc0, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x46)

/* For any interface at all, since the three slots are everywhere: hence the second cast. */
#define oskit_iunknown_query(self, iid, out) \
    (((oskit_iunknown_t *)(self))->ops->query((oskit_iunknown_t *)(self), (iid), (out)))
#define oskit_iunknown_addref(self) \
    (((oskit_iunknown_t *)(self))->ops->addref((oskit_iunknown_t *)(self)))
#define oskit_iunknown_release(self) \
    (((oskit_iunknown_t *)(self))->ops->release((oskit_iunknown_t *)(self)))

/*
 * The global registry: which objects offer an interface. Components that provide a service register
 * it, others look it up. The registry holds a reference to each object; INTERFACE points to the
 * interface that IID names.
 */

/* Registering the same pair twice is harmless and counts once. OSKIT_E_OUTOFMEMORY. [thread] */
oskit_error_t oskit_register(const struct oskit_guid *iid, void *interface);
/* OSKIT_E_INVALIDARG when it isn't registered. [thread] */
oskit_error_t oskit_unregister(const struct oskit_guid *iid, void *interface);
/*
 * Every object registered for IID, in order of registration. Returns how many there are (0:
 * *out_interfaces is NULL), or an error code. Each carries a reference for the caller, and the
 * array (ended by a NULL that isn't counted) belongs to the caller, who frees it with
 * oskit_lookup_free. [thread]
 */
oskit_error_t oskit_lookup(const struct oskit_guid *iid, void ***out_interfaces);
/* The first of them with a reference; when there is none, success with *out_interface NULL.
 * [thread] */
oskit_error_t oskit_lookup_first(const struct oskit_guid *iid, void **out_interface);
/* Frees the array of oskit_lookup; the references in it are the caller's own affair. NULL is
 * ignored. [any] */
void oskit_lookup_free(void **interfaces);

/*
 * The call context: an object that stands for who is calling, for components that serve several.
 * Kept per registry, not per thread: hosts with several clients set it under their own lock around
 * the call. The setter takes a reference (NULL: none any more); the getter queries it for IID and
 * answers OSKIT_E_NOINTERFACE when none is set. [thread]
 */
oskit_error_t oskit_get_call_context(const struct oskit_guid *iid, void **out_interface);
oskit_error_t oskit_set_call_context(oskit_iunknown_t *context);

#endif
