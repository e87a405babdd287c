/* Thread-local storage, after the x86-64 psABI: the segment's image ends where the thread control
   block begins, whose first word points to itself and which FS addresses. Behind it lies newlib's
   state of that thread; the first thread has the static one. */
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#include "thread/thread.h"

#define PT_TLS      7
#define ARCH_SET_FS 0x1002
#define ALIGNMENT   64

struct program_header {
    uint32_t type, flags;
    uint64_t offset, address, physical, file_size, memory_size, alignment;
};

/* Where a small program's storage lies, so that it needs no mapping. */
static char first_area[sizeof(struct thread) + 1024] __attribute__((__aligned__(ALIGNMENT)));
static const struct program_header *segment;

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

static size_t area_alignment(void)
{
    return segment && segment->alignment > ALIGNMENT ? segment->alignment : ALIGNMENT;
}

static size_t image_size(void)
{
    size_t alignment = area_alignment();

    return segment ? (segment->memory_size + alignment - 1) & ~(alignment - 1) : 0;
}

size_t __thread_area_size(void)
{
    return image_size() + sizeof(struct thread) + sizeof(struct _reent) + area_alignment();
}

/* The area is all zero. */
struct thread *__thread_area_make(void *area)
{
    size_t alignment = area_alignment();
    char *start = (char *)(((uintptr_t)area + alignment - 1) & ~(alignment - 1));
    struct thread *thread = (struct thread *)(start + image_size());

    if (segment) /* the image's start keeps its address modulo the alignment */
        memcpy((char *)thread -
                   ((segment->memory_size + segment->alignment - 1) & -segment->alignment),
               (void *)segment->address, segment->file_size);
    thread->self = thread;
    thread->reent = (struct _reent *)(thread + 1);
    return thread;
}

void __tls_start(unsigned long *auxv)
{
    char *area = first_area;

    segment = find_segment(auxv);
    size_t size = __thread_area_size() - sizeof(struct _reent);
    if (size > sizeof(first_area)) {
        area =
            (char *)SYS6(mmap, 0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if ((unsigned long)area >= -4095ul)
            SYS3(exit_group, 127, 0, 0);
    }
    struct thread *thread = __thread_area_make(area);
    thread->reent = _impure_ptr;
    if (SYS3(arch_prctl, ARCH_SET_FS, thread, 0) < 0)
        SYS3(exit_group, 127, 0, 0);
    thread->tid = (int)SYS3(set_tid_address, &thread->tid, 0, 0);
}

/* newlib asks for each thread's own state here. */
struct _reent *__getreent(void)
{
    return thread_self()->reent;
}
