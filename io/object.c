/*
 * Objects: query by table, atomic counts.
 *
 * No locks. A class's table is const and an object's faces never change after sluice_object_init,
 * so query only has to take a reference. The count orders: everything done to an object before a
 * release is visible to destroy.
 */
#include <sluice/object.h>

#include <oskit/com.h>
#include <sluice/env.h>
#include <sluice/string.h>

/* What a dead object's count reads as, while its memory still shows it. Also the line above which
 * no count is believable. */
#define REFERENCES_DEAD 0xdead0000u
#define REFERENCES_MAX  0x7fffffffu

static _Atomic oskit_u32_t live_objects;

void sluice_object_init(struct sluice_object *object, const struct sluice_class *class)
{
    atomic_init(&object->references, 1);
    object->class = class;
    for (size_t i = 0; i < class->interface_count; i++) {
        const struct sluice_interface *row = &class->interfaces[i];
        struct sluice_face *face = (struct sluice_face *)((char *)object + row->offset);
        face->ops = row->ops;
        face->object = object;
    }
    atomic_fetch_add_explicit(&live_objects, 1, memory_order_relaxed);
}

/* The count is 0 after the last release, or still 1 when a constructor gives up. */
void sluice_object_fini(struct sluice_object *object)
{
    oskit_u32_t count =
        atomic_exchange_explicit(&object->references, REFERENCES_DEAD, memory_order_relaxed);
    if (count > 1)
        env_panic("%s: ended with count 0x%x", object->class->name, count);
    atomic_fetch_sub_explicit(&live_objects, 1, memory_order_relaxed);
}

static bool count_believable(oskit_u32_t count)
{
    return count != 0 && count <= REFERENCES_MAX;
}

oskit_u32_t sluice_object_addref(struct sluice_object *object)
{
    oskit_u32_t before = atomic_fetch_add_explicit(&object->references, 1, memory_order_relaxed);
    if (!count_believable(before))
        env_panic("addref of a dead object %p (count 0x%x)", (void *)object, before);
    return before + 1;
}

oskit_u32_t sluice_object_release(struct sluice_object *object)
{
    oskit_u32_t before = atomic_fetch_sub_explicit(&object->references, 1, memory_order_acq_rel);
    if (!count_believable(before))
        env_panic("release of a dead object %p (count 0x%x)", (void *)object, before);
    if (before == 1)
        object->class->destroy(object);
    return before - 1;
}

bool sluice_object_addref_unless_dead(struct sluice_object *object)
{
    oskit_u32_t count = atomic_load_explicit(&object->references, memory_order_relaxed);
    while (count_believable(count))
        if (atomic_compare_exchange_weak_explicit(&object->references, &count, count + 1,
                                                  memory_order_acquire, memory_order_relaxed))
            return true;
    return false;
}

/* Our own IIDs are unique objects, so the address decides for most; a foreign client may bring its
 * own copy of one. Those that differ mostly do so in the first word. */
static bool guid_equal(const oskit_guid_t *a, const oskit_guid_t *b)
{
    return a == b || (a->data1 == b->data1 && memcmp(a, b, sizeof *a) == 0);
}

static const struct sluice_interface *class_find(const struct sluice_class *class,
                                                 const oskit_guid_t *iid)
{
    for (size_t i = 0; i < class->interface_count; i++)
        if (guid_equal(iid, class->interfaces[i].iid))
            return &class->interfaces[i];
    return guid_equal(iid, &oskit_iunknown_iid) ? &class->interfaces[0] : NULL;
}

oskit_error_t sluice_query(oskit_iunknown_t *self, const oskit_guid_t *iid, void **out)
{
    struct sluice_object *object = SLUICE_OBJECT(self);
    const struct sluice_interface *row = class_find(object->class, iid);

    if (row == NULL) {
        *out = NULL;
        return OSKIT_E_NOINTERFACE;
    }
    sluice_object_addref(object);
    *out = (char *)object + row->offset;
    return 0;
}

oskit_u32_t sluice_addref(oskit_iunknown_t *self)
{
    return sluice_object_addref(SLUICE_OBJECT(self));
}

oskit_u32_t sluice_release(oskit_iunknown_t *self)
{
    return sluice_object_release(SLUICE_OBJECT(self));
}

oskit_u32_t sluice_object_count(void)
{
    return atomic_load_explicit(&live_objects, memory_order_relaxed);
}

void *sluice_query_face(void *unknown, const oskit_guid_t *iid)
{
    void *face;

    if (unknown == NULL || OSKIT_FAILED(oskit_iunknown_query(unknown, iid, &face)))
        return NULL;
    return face;
}
