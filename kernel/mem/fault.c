/*
 * Page faults: what the contents of a page are, found out when it is first touched.
 *
 * Private anonymous memory reads as the one page of zeros until it is written. Private file memory
 * shows the pager's own page, read-only, and gets a copy at the first write. A page that is shared
 * since a fork is copied by whoever writes first; the other finds itself alone with it and goes on
 * using it. Shared memory shows the pager's page, and asks again at the first write, so that the
 * pager learns of it.
 *
 * Locks: space.h.
 */
#include <sluice/string.h>
#include "kernel/abi/errno.h"
#include "kernel/abi/mman.h"
#include "kernel/abi/signal.h"
#include "kernel/cpu/msr.h"
#include "kernel/cpu/trap.h"
#include "kernel/log.h"
#include "kernel/mem/space_private.h"

/* The CPU's error bits. */
#define ERROR_WRITE    2u
#define ERROR_RESERVED 8u
#define ERROR_EXECUTE  16u

/* Reading one page of a file maps its neighbours too: 64 KiB, aligned. */
#define AROUND_PAGES 16u

#define ENTRY_WRITABLE (PTE_WRITE | PTE_DIRTY)

struct fault {
    struct space *space;
    struct region *region;
    uint64_t address; /* of the page */
    uint64_t *entry;
    int access;
};

static uint64_t entry_value(const struct fault *fault, const void *page, uint64_t bits)
{
    return page_physical(page) | user_entry_bits(fault->region->prot) | bits;
}

/* ---- Private pages ---- */

/* Puts a private writable page in: a copy of CONTENTS, or zeros when NULL. */
static enum fault_outcome put_copy(const struct fault *fault, const void *contents)
{
    void *page = page_alloc(0, PAGES_USER | (contents ? 0 : PAGES_ZERO));
    if (page == NULL)
        return FAULT_NO_MEMORY;
    if (contents != NULL)
        memcpy(page, contents, PAGE_SIZE);
    fault->region->flags |= REGION_COPIES;
    uint64_t value = entry_value(fault, page, ENTRY_WRITABLE | PTE_PRIVATE);
    if (*fault->entry == 0)
        user_entry_fill(&fault->space->tables, fault->entry, value);
    else
        user_entry_replace(&fault->space->tables, fault->entry, fault->address, value);
    return FAULT_DONE;
}

/* A write to a page of a private region that is there but read-only. */
static enum fault_outcome copy_on_write(const struct fault *fault)
{
    uint64_t old = *fault->entry;
    if (user_entry_is_zero_page(old))
        return put_copy(fault, NULL);
    void *page = entry_page(old);
    /* With the mutex held nobody can begin to share a page that is ours alone. */
    if ((old & PTE_PRIVATE) && page_references(page) == 1) {
        entry_set(fault->entry, old | ENTRY_WRITABLE);
        return FAULT_DONE;
    }
    return put_copy(fault, page);
}

static enum fault_outcome anonymous_fault(const struct fault *fault)
{
    if (fault->access == ABI_PROT_WRITE)
        return put_copy(fault, NULL);
    uint64_t zeros = user_zero_page() | user_entry_bits(fault->region->prot);
    user_entry_fill(&fault->space->tables, fault->entry, zeros);
    return FAULT_DONE;
}

/* ---- Pages of a pager ---- */

static enum fault_outcome source_page(const struct fault *fault, uint64_t address, uint32_t flags,
                                      void **page)
{
    const struct region *region = fault->region;
    uint64_t offset = region->offset + (address - region->start);
    oskit_error_t error =
        region->pager->ops->getpage(region->pager, offset >> PAGE_SHIFT, flags, page);
    if (OSKIT_SUCCEEDED(error))
        return FAULT_DONE;
    return error == OSKIT_E_OUTOFMEMORY ? FAULT_NO_MEMORY : FAULT_NO_SOURCE;
}

/* Maps what the pager has around the page; failures don't matter. */
static void read_around(const struct fault *fault)
{
    const struct region *region = fault->region;
    uint64_t span = AROUND_PAGES * PAGE_SIZE;
    uint64_t start = fault->address & ~(span - 1), end = start + span;
    if (start < region->start)
        start = region->start;
    if (end > region->end)
        end = region->end;
    /* The window lies within one table, so its entries lie side by side. */
    uint64_t *entry = fault->entry - (fault->address - start) / PAGE_SIZE;
    for (uint64_t at = start; at < end; at += PAGE_SIZE, entry++) {
        void *page;
        if (*entry != 0)
            continue;
        if (source_page(fault, at, 0, &page) != FAULT_DONE)
            return;
        user_entry_fill(&fault->space->tables, entry, entry_value(fault, page, 0));
    }
}

static enum fault_outcome private_file_fault(const struct fault *fault)
{
    void *page;
    enum fault_outcome outcome = source_page(fault, fault->address, 0, &page);
    if (outcome != FAULT_DONE)
        return outcome;
    if (fault->access != ABI_PROT_WRITE) {
        user_entry_fill(&fault->space->tables, fault->entry, entry_value(fault, page, 0));
        read_around(fault);
        return FAULT_DONE;
    }
    outcome = put_copy(fault, page);
    page_unref(page);
    return outcome;
}

static enum fault_outcome shared_fault(const struct fault *fault)
{
    bool write = fault->access == ABI_PROT_WRITE;
    void *page;
    enum fault_outcome outcome = source_page(fault, fault->address, write ? PAGER_WRITE : 0, &page);
    if (outcome != FAULT_DONE)
        return outcome;
    uint64_t value = entry_value(fault, page, write ? ENTRY_WRITABLE : 0);
    uint64_t old = *fault->entry;
    if (old == 0) {
        user_entry_fill(&fault->space->tables, fault->entry, value);
    } else if (entry_page(old) == page) {
        entry_set(fault->entry, value);
        page_unref(page);
    } else {
        user_entry_replace(&fault->space->tables, fault->entry, fault->address, value);
    }
    return FAULT_DONE;
}

/* ---- Which it is ---- */

/* The stack that ADDRESS, which no region holds, may extend; NULL when none. */
static struct region *stack_grow(struct space *space, uint64_t address)
{
    struct region_set *set = &space->regions;
    struct region *stack = regions_from(set, address);
    if (stack == NULL || !(stack->flags & REGION_GROWSDOWN))
        return NULL;
    const struct region *before = regions_before(set, stack);
    uint64_t guard = before && (before->prot & ~ABI_PROT_GROWSDOWN) ? REGION_GUARD : 0;
    if (address < SPACE_LOWEST || stack->end - address > space->limit_stack ||
        (before != NULL && address < before->end + guard) ||
        !space_may_grow(space, stack->start - address, stack->prot, stack->flags) ||
        (stack->flags & REGION_LOCKED && !space_may_lock(space, stack->start - address)))
        return NULL;
    regions_resize(set, stack, address, stack->end);
    return stack;
}

/* Readable is what is readable to the CPU: all that isn't PROT_NONE. */
static bool access_allowed(const struct region *region, int access)
{
    if (access == ABI_PROT_READ)
        return region->prot & (ABI_PROT_READ | ABI_PROT_WRITE | ABI_PROT_EXEC);
    return region->prot & access;
}

static enum fault_outcome page_fault(const struct fault *fault)
{
    uint64_t old = *fault->entry;
    bool write = fault->access == ABI_PROT_WRITE;
    /* Another thread was here first. */
    if ((old & PTE_PRESENT) && (!write || (old & PTE_WRITE)))
        return FAULT_DONE;
    if (fault->region->flags & REGION_SHARED)
        return shared_fault(fault);
    if (old != 0)
        return copy_on_write(fault);
    return fault->region->pager ? private_file_fault(fault) : anonymous_fault(fault);
}

enum fault_outcome space_fault(struct space *space, uint64_t address, int access)
{
    struct fault fault = {.space = space, .address = page_floor(address), .access = access};
    fault.region = regions_find(&space->regions, fault.address);
    if (fault.region == NULL)
        fault.region = stack_grow(space, fault.address);
    if (fault.region == NULL)
        return FAULT_UNMAPPED;
    if (!access_allowed(fault.region, access))
        return FAULT_FORBIDDEN;
    fault.entry = user_entry(&space->tables, fault.address, true);
    if (fault.entry == NULL)
        return FAULT_NO_MEMORY;
    return page_fault(&fault);
}

enum fault_outcome space_fault_in(struct space *space, uint64_t address, int access)
{
    enum fault_outcome outcome;
    do {
        mutex_lock(&space->mutex);
        outcome = space_fault(space, address, access);
        space->minor_faults++;
        mutex_unlock(&space->mutex);
    } while (outcome == FAULT_NO_MEMORY && process_out_of_memory());
    return outcome;
}

/* ---- The trap ---- */

static const struct {
    int signal, code;
} answers[] = {
    [FAULT_UNMAPPED] = {ABI_SIGSEGV, ABI_SEGV_MAPERR},
    [FAULT_FORBIDDEN] = {ABI_SIGSEGV, ABI_SEGV_ACCERR},
    [FAULT_NO_SOURCE] = {ABI_SIGBUS, ABI_BUS_ADRERR},
    [FAULT_NO_MEMORY] = {ABI_SIGKILL, ABI_SI_KERNEL},
};

/* The kernel faults on user memory in usercopy.S only, and where it may sleep only. */
static bool kernel_may_fault(const struct trap_frame *frame)
{
    extern const char user_access_start[], user_access_end[];
    return frame->rip >= (uint64_t)user_access_start && frame->rip < (uint64_t)user_access_end &&
           preempt_count() == 0 && (frame->rflags & RFLAGS_IF);
}

bool space_trap(struct trap_frame *frame, uint64_t address, int *signal, int *code)
{
    struct space *space = current_thread()->space;
    enum fault_outcome outcome = FAULT_UNMAPPED;
    if (frame->error & ERROR_RESERVED)
        panic_frame(frame, "damaged page tables at %#lx", (unsigned long)address);
    if (!trap_from_user(frame) && !kernel_may_fault(frame))
        return false;
    if (space != NULL && address < USER_END) {
        int access = frame->error & ERROR_EXECUTE ? ABI_PROT_EXEC
                     : frame->error & ERROR_WRITE ? ABI_PROT_WRITE
                                                  : ABI_PROT_READ;
        outcome = space_fault_in(space, address, access);
    }
    if (outcome == FAULT_DONE)
        return true;
    *signal = answers[outcome].signal;
    *code = answers[outcome].code;
    return false;
}

/* ---- Access from outside ---- */

/* Moves between BUFFER, the kernel's memory, and one page at ADDRESS. With the mutex held, so that
 * a pager that cleans the page meanwhile sees the store or hears of it. */
static bool move_in_page(struct space *space, uint64_t address, char *buffer, size_t size,
                         bool write)
{
    enum fault_outcome outcome;
    do {
        mutex_lock(&space->mutex);
        outcome = space_fault(space, address, write ? ABI_PROT_WRITE : ABI_PROT_READ);
        if (outcome == FAULT_DONE) {
            char *page = entry_page(*user_entry(&space->tables, address, false));
            char *at = page + (address & PAGE_MASK);
            memcpy(write ? at : buffer, write ? buffer : at, size);
        }
        mutex_unlock(&space->mutex);
    } while (outcome == FAULT_NO_MEMORY && process_out_of_memory());
    return outcome == FAULT_DONE;
}

/* Whether the processor itself would let the access pass: it needs neither region nor fault. */
static bool entry_allows(const uint64_t *entry, int access)
{
    uint64_t bits = access == ABI_PROT_WRITE ? PTE_PRESENT | PTE_WRITE : PTE_PRESENT;
    return entry != NULL && (*entry & bits) == bits;
}

/* Pins pages from *DONE on as far as they can be had without more memory. */
static enum fault_outcome pin_some(struct space *space, uint64_t address, size_t count, int access,
                                   void **pages, size_t *done)
{
    enum fault_outcome outcome = FAULT_DONE;
    mutex_lock(&space->mutex);
    for (; *done < count; ++*done) {
        uint64_t at = address + *done * PAGE_SIZE;
        uint64_t *entry = user_entry(&space->tables, at, false);
        if (!entry_allows(entry, access)) {
            outcome = space_fault(space, at, access);
            if (outcome != FAULT_DONE)
                break;
            entry = user_entry(&space->tables, at, false);
        }
        pages[*done] = entry_page(*entry);
        page_ref(pages[*done]);
    }
    mutex_unlock(&space->mutex);
    return outcome;
}

int space_pin(struct space *space, uint64_t address, size_t count, bool write, void **pages)
{
    int access = write ? ABI_PROT_WRITE : ABI_PROT_READ;
    enum fault_outcome outcome;
    size_t done = 0;
    if (space == NULL || address > USER_END || count > (USER_END - address) >> PAGE_SHIFT)
        return -ABI_EFAULT;
    do {
        outcome = pin_some(space, address, count, access, pages, &done);
    } while (outcome == FAULT_NO_MEMORY && process_out_of_memory());
    if (outcome == FAULT_DONE)
        return 0;
    while (done > 0)
        page_unref(pages[--done]);
    return -ABI_EFAULT;
}

/* Moves between BUFFER and the space's memory, page by page. */
static size_t space_move(struct space *space, uint64_t address, char *buffer, size_t size,
                         bool write)
{
    size_t moved = 0;
    while (moved < size && address + moved < USER_END) {
        uint64_t at = address + moved;
        size_t step = PAGE_SIZE - (at & PAGE_MASK);
        if (step > size - moved)
            step = size - moved;
        if (!move_in_page(space, at, buffer + moved, step, write))
            break;
        moved += step;
    }
    return moved;
}

size_t space_read(struct space *space, uint64_t address, void *to, size_t size)
{
    return space_move(space, address, to, size, false);
}

size_t space_write(struct space *space, uint64_t address, const void *from, size_t size)
{
    return space_move(space, address, (char *)from, size, true);
}
