/*
 * What every object of io/ and drivers/ shares: one atomic count, and interfaces found by one const
 * table per class.
 *
 * An object is a struct whose first member is a struct sluice_object. Each interface it offers is a
 * "face": the interface's own one-pointer struct followed by a pointer back to the object. Because
 * the back pointer always sits in the same place, three generic functions (sluice_query,
 * sluice_addref, sluice_release) fill slots 0 to 2 of every table.
 *
 *     struct pipe_end {
 *         struct sluice_object object;
 *         SLUICE_FACE(oskit_stream_t) stream;
 *         SLUICE_FACE(sluice_pollable_t) pollable;
 *         ...
 *     };
 *     static const struct sluice_interface pipe_end_interfaces[] = {
 *         {&oskit_iunknown_iid, offsetof(struct pipe_end, stream), &pipe_stream_ops},
 *         {&oskit_stream_iid,   offsetof(struct pipe_end, stream), &pipe_stream_ops},
 *         {&sluice_pollable_iid, offsetof(struct pipe_end, pollable), &pipe_pollable_ops},
 *     };
 *     static const struct sluice_class pipe_end_class = {
 *         "pipe end", pipe_end_interfaces, SLUICE_COUNT(pipe_end_interfaces), pipe_end_destroy};
 *
 * The first row is the object's identity: the answer to a query for iunknown, the same pointer each
 * time. A table that extends another (ttystream extends stream) is named by two rows with one face.
 * Inside a method, SLUICE_OBJECT(self) gives the object.
 */
#ifndef SLUICE_OBJECT_H
#define SLUICE_OBJECT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <oskit/com.h>
#include <oskit/error.h>
#include <oskit/types.h>

struct sluice_object;

struct sluice_interface {
    const oskit_guid_t *iid;
    size_t offset;   /* of the face in the object */
    const void *ops; /* the interface's method table, const */
};

struct sluice_class {
    const char *name;
    const struct sluice_interface *interfaces;
    size_t interface_count;
    /* Runs at the last release, in the releaser's context; frees the object and all it holds. */
    void (*destroy)(struct sluice_object *object);
};

struct sluice_object {
    _Atomic oskit_u32_t references;
    const struct sluice_class *class;
};

/* A face: an interface pointer that knows its object. TYPE is the interface's typedef. */
#define SLUICE_FACE(type)             \
    struct {                          \
        type i;                       \
        struct sluice_object *object; \
    }

struct sluice_face {
    const void *ops;
    struct sluice_object *object;
};

#define SLUICE_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The object behind SELF, an interface pointer of an object of ours. */
static inline struct sluice_object *SLUICE_OBJECT(const void *self)
{
    return ((const struct sluice_face *)self)->object;
}

/* Fills in every face named by CLASS and sets the count to one. The caller owns that reference.
 * [any] */
void sluice_object_init(struct sluice_object *object, const struct sluice_class *class);
/* For the destroy hook: the object's memory is about to go. Keeps the live count right. [any] */
void sluice_object_fini(struct sluice_object *object);

/* Counting through the object rather than an interface. Releasing the last reference runs destroy.
 * [any unless the class says otherwise] */
oskit_u32_t sluice_object_addref(struct sluice_object *object);
oskit_u32_t sluice_object_release(struct sluice_object *object);
/* Takes a reference unless the count is already zero; for tables of objects that hold none
 * themselves. */
bool sluice_object_addref_unless_dead(struct sluice_object *object);

/* Slots 0, 1 and 2 of every method table. query sets *out to NULL and returns OSKIT_E_NOINTERFACE
 * when there is none. */
oskit_error_t sluice_query(oskit_iunknown_t *self, const oskit_guid_t *iid, void **out);
oskit_u32_t sluice_addref(oskit_iunknown_t *self);
oskit_u32_t sluice_release(oskit_iunknown_t *self);

/* The three base slots of a method table, for use as its first initialisers. */
#define SLUICE_IUNKNOWN_SLOTS                                       \
    .query = (void *)sluice_query, .addref = (void *)sluice_addref, \
    .release = (void *)sluice_release

/* Objects alive now; tests end with the number they began with. [any] */
oskit_u32_t sluice_object_count(void);

/*
 * Typed query of any COM object: X_query(face, &sluice_pollable_iid). NULL when absent. The caller
 * owns the reference.
 */
void *sluice_query_face(void *unknown, const oskit_guid_t *iid);

/* Ours: {data1, 0x61c8, 0x4d2a, {0x9e, 0x3b, 0x53, 0x4c, 0x55, 0x49, 0x43, 0x45}}; data1 counts up
 * from 0x5ac10000. */
#define SLUICE_GUID(data1) \
    OSKIT_GUID(data1, 0x61c8, 0x4d2a, 0x9e, 0x3b, 0x53, 0x4c, 0x55, 0x49, 0x43, 0x45)

#endif
