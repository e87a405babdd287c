/* See bootmem.h; the order of the steps in bootmem_init is the story. */
#include "kernel/mem/bootmem.h"

#include "kernel/boot_info.h"
#include "kernel/log.h"
#include "kernel/mem/image.h"
#include "kernel/mem/page.h"
#include "kernel/mem/pages.h"
#include "kernel/mem/ranges.h"
#include "kernel/mem/tables.h"

#define LOW_MEMORY \
    (1ul << 20)               /* firmware's tables, the trampoline of other CPUs: never given out */
#define EARLY_END (4ul << 30) /* what the boot tables map */

static struct ranges ram;  /* to be in the direct map */
static struct ranges rest; /* to be handed out */
static uint64_t ram_size;
static uint64_t reach = 4ul << 30; /* RAM below can be touched: the boot tables map so much */

static uint64_t physical_of(const char *symbol)
{
    return (uint64_t)symbol - KERNEL_BASE;
}

static void must(bool done)
{
    if (!done)
        panic("memory map: too many pieces or too little memory");
}

/* Firmware cuts its tables out of the end of RAM and may call them plainly reserved; device
 * memory, also reserved, doesn't touch RAM. */
static bool region_is_ram(const struct boot_memory *region)
{
    if (region->type != BOOT_MEMORY_RESERVED)
        return true;
    for (size_t i = 0; i < boot_info.memory_count; i++) {
        const struct boot_memory *other = &boot_info.memory[i];
        if (other->type != BOOT_MEMORY_RESERVED && other->start + other->size == region->start)
            return true;
    }
    return false;
}

static void read_map(void)
{
    for (size_t i = 0; i < boot_info.memory_count; i++) {
        const struct boot_memory *region = &boot_info.memory[i];
        uint64_t end = region->start + region->size;
        if (end < region->start || end > DIRECT_END - DIRECT_BASE)
            continue;
        if (region->type == BOOT_MEMORY_USABLE) {
            must(ranges_add(&rest, page_ceil(region->start), page_floor(end)));
            ram_size += region->size;
        }
        if (region_is_ram(region))
            must(ranges_add(&ram, page_floor(region->start), page_ceil(end)));
    }
    must(ranges_add(&ram, 0, LOW_MEMORY));
}

/* Where regions overlap the firmware's word against their use wins. */
static void take_out_reserved(void)
{
    for (size_t i = 0; i < boot_info.memory_count; i++) {
        const struct boot_memory *region = &boot_info.memory[i];
        uint64_t end = region->start + region->size;
        if (region->type != BOOT_MEMORY_USABLE && end > region->start)
            must(ranges_subtract(&rest, page_floor(region->start), page_ceil(end)));
    }
    must(ranges_subtract(&rest, 0, LOW_MEMORY));
    must(ranges_subtract(&rest, physical_of(image_start), page_ceil(physical_of(image_end))));
    must(ranges_subtract(&rest, page_floor(boot_info.initrd_start),
                         page_ceil(boot_info.initrd_start + boot_info.initrd_size)));
}

void *bootmem_page(void)
{
    for (size_t i = 0; i < rest.count; i++) {
        struct range *range = &rest.items[i];
        if (range->start >= range->end || range->start >= reach)
            continue;
        void *page = physical_page(range->start);
        range->start += PAGE_SIZE;
        page_zero(page);
        return page;
    }
    return NULL;
}

bool bootmem_take_rest(uint64_t *start, uint64_t *end)
{
    while (rest.count > 0) {
        struct range range = rest.items[--rest.count];
        if (range.start >= range.end)
            continue;
        *start = range.start;
        *end = range.end;
        return true;
    }
    return false;
}

uint64_t bootmem_ram(void)
{
    return ram_size;
}

/* The part of [START, END) within [FROM, TO), by FLAGS. */
static void map_direct(uint64_t start, uint64_t end, uint64_t from, uint64_t to, uint64_t flags)
{
    if (start < from)
        start = from;
    if (end > to)
        end = to;
    if (start < end)
        must(tables_map(DIRECT_BASE + start, start, end - start, flags | PTE_LARGE | PTE_NX));
}

/* Code and constants are read-only here too: no way around their protection. */
static void map_all_direct(void)
{
    uint64_t fixed = physical_of(text_start), free = physical_of(rodata_end);
    for (size_t i = 0; i < ram.count; i++) {
        uint64_t start = ram.items[i].start, end = ram.items[i].end;
        map_direct(start, end, 0, fixed, PTE_KERNEL | PTE_WRITE);
        map_direct(start, end, fixed, free, PTE_KERNEL);
        map_direct(start, end, free, UINT64_MAX, PTE_KERNEL | PTE_WRITE);
    }
}

static void map_image(const char *start, const char *end, uint64_t flags)
{
    uint64_t from = page_floor((uint64_t)start);
    uint64_t to = page_ceil((uint64_t)end);
    must(tables_map(from, from - KERNEL_BASE, to - from, flags));
}

/* Records for all pages of the largest blocks that hold RAM: the buddy system looks at neighbours
 * within those. */
static void map_page_map(void)
{
    uint64_t block = PAGE_SIZE << PAGES_MAX_ORDER;
    for (size_t i = 0; i < ram.count; i++) {
        uint64_t first = (ram.items[i].start & ~(block - 1)) >> PAGE_SHIFT;
        uint64_t last = (((ram.items[i].end - 1) | (block - 1)) >> PAGE_SHIFT) + 1;
        uint64_t end = (uint64_t)(page_map + last);
        for (uint64_t at = page_floor((uint64_t)(page_map + first)); at < end; at += PAGE_SIZE) {
            uint64_t *entry = tables_entry(at, true);
            must(entry != NULL);
            if (*entry != 0)
                continue;
            void *page = bootmem_page();
            must(page != NULL);
            *entry = page_physical(page) | PTE_KERNEL | PTE_WRITE | PTE_NX;
        }
    }
}

bool pages_is_ram(uint64_t physical)
{
    for (size_t i = 0; i < ram.count; i++)
        if (physical >= ram.items[i].start && physical < ram.items[i].end)
            return true;
    return false;
}

void bootmem_init(void)
{
    read_map();
    take_out_reserved();
    map_all_direct();
    map_image(image_start, text_start, PTE_KERNEL | PTE_NX);
    map_image(text_start, text_end, PTE_KERNEL);
    map_image(rodata_start, rodata_end, PTE_KERNEL | PTE_NX);
    map_image(data_start, data_end, PTE_KERNEL | PTE_WRITE | PTE_NX);
    tables_reserve(VMAP_BASE);
    tables_load();
    reach = UINT64_MAX;
    map_page_map();
}
