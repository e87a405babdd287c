/* Thread-local storage of the first thread, after the x86-64 psABI: the segment's image ends where
   the thread control block begins, whose first word points to itself and which FS addresses. */
#include <reent.h>
#include <stdint.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#include "internal.h"

#define PT_TLS      7
#define ARCH_SET_FS 0x1002

struct program_header {
    uint32_t type, flags;
    uint64_t offset, address, physical, file_size, memory_size, alignment;
};

/* The psABI keeps the stack protector's canary at 0x28; the rest is ours. */
struct thread_control_block {
    struct thread_control_block *self;
    void *reserved[15];
};

/* Where a small program's storage lies, so that it needs no mapping. */
static char first_area[1024] __attribute__((__aligned__(64)));
static __thread struct _reent *thread_reent;

static uintptr_t auxiliary(const unsigned long *auxv, unsigned long type)
{
    for (; auxv[0] != AT_NULL; auxv += 2)
        if (auxv[0] == type)
            return auxv[1];
    return 0;
}

static const struct program_header *find_segment(const unsigned long *auxv)
{
    uintptr_t header = auxiliary(auxv, AT_PHDR);
    uintptr_t size = auxiliary(auxv, AT_PHENT);

    for (uintptr_t n = auxiliary(auxv, AT_PHNUM); header && n; n--, header += size)
        if (((const struct program_header *)header)->type == PT_TLS)
            return (const struct program_header *)header;
    return NULL;
}

void __tls_start(unsigned long *auxv)
{
    const struct program_header *segment = find_segment(auxv);
    size_t alignment = segment && segment->alignment > 64 ? segment->alignment : 64;
    size_t image = segment ? (segment->memory_size + alignment - 1) & ~(alignment - 1) : 0;
    size_t size = image + sizeof(struct thread_control_block) + alignment;
    char *area = first_area;

    if (size > sizeof(first_area)) {
        area =
            (char *)SYS6(mmap, 0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if ((unsigned long)area >= -4095ul)
            SYS3(exit_group, 127, 0, 0);
        area = (char *)(((uintptr_t)area + alignment - 1) & ~(alignment - 1));
    }
    struct thread_control_block *block = (void *)(area + image);
    if (segment) /* the image's start keeps its address modulo the alignment */
        memcpy((char *)block -
                   ((segment->memory_size + segment->alignment - 1) & -segment->alignment),
               (void *)segment->address, segment->file_size);
    block->self = block;
    if (SYS3(arch_prctl, ARCH_SET_FS, block, 0) < 0)
        SYS3(exit_group, 127, 0, 0);
}

/* newlib asks for each thread's own state here. Whoever makes a thread sets its own; the first has
 * the static one. */
struct _reent *__getreent(void)
{
    return thread_reent ? thread_reent : _impure_ptr;
}

void __setreent(struct _reent *reent)
{
    thread_reent = reent;
}
