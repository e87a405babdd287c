/*
 * Anonymous memory shared by processes (mmap with MAP_SHARED and MAP_ANONYMOUS, kept across forks;
 * segments of System V):
 * a pager whose pages come into being when first asked for. They stand in a tree of page-sized
 * tables, as many levels as the size needs.
 *
 * Lock: memory->lock (spin), a leaf.
 */
#include <sluice/object.h>
#include "kernel/cpu/spinlock.h"
#include "kernel/mem/heap.h"
#include "kernel/mem/pages.h"
#include "kernel/mem/space_private.h"

#define FANOUT_SHIFT 9
#define FANOUT       (1u << FANOUT_SHIFT)

struct shared_memory {
    struct sluice_object object;
    SLUICE_FACE(sluice_pager_t) pager;
    spinlock_t lock;
    uint64_t pages;
    _Atomic uint64_t present; /* of them; grows under the lock */
    unsigned levels;          /* of tables above the pages; 0: ROOT is the only page */
    void *root;
};

/* The page with a reference, or NULL: there is none, or no table on the way to it. What is missing
 * is SPARE, a page of zeros, if there is one, which is taken then. */
static void *shared_memory_look(struct shared_memory *memory, uint64_t index, void **spare)
{
    spin_lock(&memory->lock);
    void **slot = &memory->root;
    for (unsigned level = memory->levels;; level--) {
        if (*slot == NULL && *spare != NULL) {
            *slot = *spare;
            *spare = NULL;
            if (level == 0)
                atomic_fetch_add_explicit(&memory->present, 1, memory_order_relaxed);
        }
        if (*slot == NULL || level == 0)
            break;
        slot = (void **)*slot + (index >> (FANOUT_SHIFT * (level - 1)) & (FANOUT - 1));
    }
    void *page = *slot;
    if (page != NULL)
        page_ref(page);
    spin_unlock(&memory->lock);
    return page;
}

/* Allocates without the lock, so that memory can be taken back from caches for it. */
static oskit_error_t shared_memory_getpage(sluice_pager_t *self, oskit_u64_t index,
                                           oskit_u32_t flags, void **out_page)
{
    struct shared_memory *memory = (struct shared_memory *)SLUICE_OBJECT(self);
    void *page, *spare = NULL;
    (void)flags; /* no page is ever clean: there is nothing to write it to */
    *out_page = NULL;
    if (index >= memory->pages)
        return OSKIT_E_INVALIDARG;
    while ((page = shared_memory_look(memory, index, &spare)) == NULL) {
        spare = page_alloc(0, PAGES_ZERO | PAGES_USER);
        if (spare == NULL)
            return OSKIT_E_OUTOFMEMORY;
    }
    if (spare != NULL) /* someone else was quicker */
        page_unref(spare);
    *out_page = page;
    return OSKIT_SUCCESS;
}

static void tree_free(void *node, unsigned levels)
{
    for (unsigned i = 0; levels > 0 && i < FANOUT; i++)
        if (((void **)node)[i] != NULL)
            tree_free(((void **)node)[i], levels - 1);
    page_unref(node);
}

static void shared_memory_destroy(struct sluice_object *object)
{
    struct shared_memory *memory = (struct shared_memory *)object;
    if (memory->root != NULL)
        tree_free(memory->root, memory->levels);
    sluice_object_fini(object);
    heap_free(memory);
}

static const struct sluice_pager_ops shared_memory_pager_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .getpage = shared_memory_getpage,
    .mappings = mappings_none,
};

static const struct sluice_interface shared_memory_interfaces[] = {
    {&oskit_iunknown_iid, offsetof(struct shared_memory, pager), &shared_memory_pager_ops},
    {&sluice_pager_iid, offsetof(struct shared_memory, pager), &shared_memory_pager_ops},
};

static const struct sluice_class shared_memory_class = {"shared memory", shared_memory_interfaces,
                                                        SLUICE_COUNT(shared_memory_interfaces),
                                                        shared_memory_destroy};

sluice_pager_t *shared_memory_create(uint64_t size)
{
    struct shared_memory *memory = heap_alloc(sizeof(*memory), HEAP_ZERO);
    if (memory == NULL)
        return NULL;
    memory->pages = size >> PAGE_SHIFT;
    while (memory->pages > 1ul << (FANOUT_SHIFT * memory->levels))
        memory->levels++;
    sluice_object_init(&memory->object, &shared_memory_class);
    return &memory->pager.i;
}

uint64_t shared_memory_pages(sluice_pager_t *memory)
{
    return atomic_load(&((struct shared_memory *)SLUICE_OBJECT(memory))->present);
}
