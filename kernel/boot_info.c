#include "kernel/boot_info.h"
#include "kernel/boot_parse.h"
#include "kernel/log.h"
#include "kernel/mem/pages.h"

struct boot_info boot_info;

/* The early direct map (boot/entry32.S). */
#define EARLY_MAPPED (4ull << 30)

static const void *boot_memory_at(const struct boot_window *window, uint64_t physical,
                                  uint64_t size)
{
    (void)window;
    if (physical >= EARLY_MAPPED || size > EARLY_MAPPED - physical)
        return NULL;
    return physical_page(physical);
}

void boot_info_parse(uint32_t magic, uint64_t info)
{
    static const struct boot_window window = {boot_memory_at};
    const char *fault = boot_parse(&boot_info, &window, magic, info);
    if (fault)
        panic("%s", fault);
    log_write(LOG_INFO, "boot: %s, command line: %s", boot_info.loader, boot_info.command);
    for (size_t i = 0; i < boot_info.memory_count; i++) {
        const struct boot_memory *m = &boot_info.memory[i];
        log_write(LOG_DEBUG, "boot: memory %#012lx..%#012lx type %u", m->start, m->start + m->size,
                  m->type);
    }
}
