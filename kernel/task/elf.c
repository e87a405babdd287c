/*
 * ELF images. Every number of the file is checked before use: a corrupt, truncated or hostile file
 * gets ENOEXEC, and the space that it was being mapped into is thrown away by the caller.
 */
#include "kernel/abi/elf.h"
#include <sluice/string.h>
#include "kernel/abi/errno.h"
#include "kernel/abi/mman.h"
#include "kernel/mem/heap.h"
#include "kernel/mem/space.h"
#include "kernel/task/exec.h"

#define ELF_PHDRS_MAX \
    (PAGE_SIZE / sizeof(struct abi_elf64_phdr)) /* Linux's bound, too: a page of them */

struct elf_file {
    struct executable *file;
    struct space *space;
    struct abi_elf64_ehdr header;
    struct abi_elf64_phdr *phdrs;
    uint64_t bias;
    struct elf_image *image;
};

static long elf_check_header(const struct abi_elf64_ehdr *header)
{
    static const uint8_t ident[] = {0x7f, 'E', 'L', 'F', 2 /* 64 bit */, 1 /* little endian */,
                                    1 /* version */};
    if (memcmp(header->e_ident, ident, sizeof ident) || header->e_machine != ABI_EM_X86_64 ||
        (header->e_type != ABI_ET_EXEC && header->e_type != ABI_ET_DYN) ||
        header->e_phentsize != sizeof(struct abi_elf64_phdr) || !header->e_phnum ||
        header->e_phnum > ELF_PHDRS_MAX)
        return -ABI_ENOEXEC;
    return 0;
}

static long elf_read_headers(struct elf_file *elf)
{
    memcpy(&elf->header, elf->file->head, sizeof elf->header);
    long error = elf_check_header(&elf->header);
    if (error)
        return error;
    size_t size = elf->header.e_phnum * sizeof *elf->phdrs;
    elf->phdrs = heap_alloc(size, 0);
    return elf->phdrs ? executable_read(elf->file, elf->header.e_phoff, elf->phdrs, size)
                      : -ABI_ENOMEM;
}

/* A loadable segment must lie within the file and within user memory, and its file part be
 * mappable: address and offset agree modulo the page size. */
static long elf_check_segment(const struct elf_file *elf, const struct abi_elf64_phdr *p)
{
    uint64_t start, end, file_end;
    if (p->p_filesz > p->p_memsz || __builtin_add_overflow(p->p_vaddr, elf->bias, &start) ||
        __builtin_add_overflow(start, p->p_memsz, &end) ||
        __builtin_add_overflow(p->p_offset, p->p_filesz, &file_end))
        return -ABI_ENOEXEC;
    if (end > USER_END || start < PAGE_SIZE || file_end > elf->file->size)
        return -ABI_ENOEXEC;
    return (p->p_vaddr - p->p_offset) & PAGE_MASK ? -ABI_ENOEXEC : 0;
}

static int elf_protection(uint32_t flags)
{
    return (flags & ABI_PF_R ? ABI_PROT_READ : 0) | (flags & ABI_PF_W ? ABI_PROT_WRITE : 0) |
           (flags & ABI_PF_X ? ABI_PROT_EXEC : 0);
}

#define PROT_ALL (ABI_PROT_READ | ABI_PROT_WRITE | ABI_PROT_EXEC)

static long elf_map_anonymous(struct elf_file *elf, uint64_t start, uint64_t end, int prot)
{
    uint64_t address;
    if (start >= end)
        return 0;
    return space_map(elf->space, start, end - start, prot, PROT_ALL,
                     ABI_MAP_PRIVATE | ABI_MAP_ANONYMOUS | ABI_MAP_FIXED_NOREPLACE, NULL, &address);
}

/* The rest of the last file page belongs to the bss when the segment can be written; otherwise
 * nobody may rely on it. To the end of the page, not only of the segment: programs (the dynamic
 * loader's first allocator) take what lies behind for zeros. */
static long elf_clear_tail(struct elf_file *elf, uint64_t from, uint64_t to, int prot)
{
    static const uint8_t zeros[256];
    if (!(prot & ABI_PROT_WRITE))
        return 0;
    while (from < to) {
        size_t n = to - from < sizeof zeros ? to - from : sizeof zeros;
        if (space_write(elf->space, from, zeros, n) != n)
            return -ABI_ENOMEM;
        from += n;
    }
    return 0;
}

static long elf_map_segment(struct elf_file *elf, const struct abi_elf64_phdr *p)
{
    uint64_t start = p->p_vaddr + elf->bias, end = start + p->p_memsz;
    uint64_t file_end = start + p->p_filesz, address, bss = page_floor(start);
    int prot = elf_protection(p->p_flags);
    if (p->p_filesz) {
        struct space_source source = {elf->file->pager, &elf->file->location,
                                      page_floor(p->p_offset), NULL};
        long error =
            space_map(elf->space, page_floor(start), file_end - page_floor(start), prot, PROT_ALL,
                      ABI_MAP_PRIVATE | ABI_MAP_FIXED_NOREPLACE, &source, &address);
        if (error)
            return error;
        bss = page_ceil(file_end);
        if (p->p_memsz > p->p_filesz) {
            error = elf_clear_tail(elf, file_end, bss, prot);
            if (error)
                return error;
        }
    }
    return elf_map_anonymous(elf, bss, page_ceil(end), prot);
}

/* Widens the facts that exec reports by this segment. */
static void elf_note_segment(struct elf_file *elf, const struct abi_elf64_phdr *p)
{
    struct elf_image *image = elf->image;
    uint64_t start = p->p_vaddr + elf->bias, end = start + p->p_memsz;
    if (p->p_flags & ABI_PF_X) {
        image->code_start = start;
        image->code_end = start + p->p_filesz;
    } else if (p->p_flags & ABI_PF_W) {
        image->data_start = start;
        image->data_end = start + p->p_filesz;
    }
    if (end > image->brk)
        image->brk = end;
    if (elf->header.e_phoff >= p->p_offset && elf->header.e_phoff - p->p_offset < p->p_filesz)
        image->phdr = start + (elf->header.e_phoff - p->p_offset);
}

static long elf_load_segments(struct elf_file *elf)
{
    bool any = false;
    for (unsigned i = 0; i < elf->header.e_phnum; i++) {
        const struct abi_elf64_phdr *p = &elf->phdrs[i];
        if (p->p_type != ABI_PT_LOAD || !p->p_memsz)
            continue;
        long error = elf_check_segment(elf, p);
        if (!error)
            error = elf_map_segment(elf, p);
        if (error)
            return error == -ABI_ENOMEM ? error : -ABI_ENOEXEC;
        elf_note_segment(elf, p);
        any = true;
    }
    return any ? 0 : -ABI_ENOEXEC;
}

static long elf_note_interpreter(struct elf_file *elf, const struct abi_elf64_phdr *p)
{
    char *name = elf->image->interpreter;
    if (p->p_filesz < 2 || p->p_filesz > sizeof elf->image->interpreter)
        return -ABI_ENOEXEC;
    long error = executable_read(elf->file, p->p_offset, name, p->p_filesz);
    if (error)
        return error;
    return name[p->p_filesz - 1] ? -ABI_ENOEXEC : 0;
}

/* What isn't loaded but says something: the interpreter and the stack's permissions. */
static long elf_read_notes(struct elf_file *elf, bool interpreter)
{
    long error = 0;
    for (unsigned i = 0; i < elf->header.e_phnum && !error; i++) {
        const struct abi_elf64_phdr *p = &elf->phdrs[i];
        if (p->p_type == ABI_PT_INTERP && interpreter)
            return -ABI_ENOEXEC; /* an interpreter that wants one */
        if (p->p_type == ABI_PT_INTERP && !*elf->image->interpreter)
            error = elf_note_interpreter(elf, p);
        else if (p->p_type == ABI_PT_GNU_STACK)
            elf->image->executable_stack = p->p_flags & ABI_PF_X;
    }
    return error;
}

/* The lowest address of a position-independent file counts from the bias. */
static uint64_t elf_lowest(const struct elf_file *elf)
{
    uint64_t lowest = UINT64_MAX;
    for (unsigned i = 0; i < elf->header.e_phnum; i++)
        if (elf->phdrs[i].p_type == ABI_PT_LOAD && elf->phdrs[i].p_vaddr < lowest)
            lowest = elf->phdrs[i].p_vaddr;
    return lowest == UINT64_MAX ? 0 : page_floor(lowest);
}

long elf_load(struct executable *file, struct space *space, uint64_t bias, bool interpreter,
              struct elf_image *out)
{
    struct elf_file elf = {.file = file, .space = space, .image = out};
    *out = (struct elf_image){0};
    long error = elf_read_headers(&elf);
    if (!error)
        error = elf_read_notes(&elf, interpreter);
    if (!error) {
        if (elf.header.e_type == ABI_ET_DYN)
            elf.bias = bias - elf_lowest(&elf);
        error = elf_load_segments(&elf);
    }
    out->entry = elf.header.e_entry + elf.bias;
    out->base = elf.bias;
    out->phnum = elf.header.e_phnum;
    if (!error && out->entry >= USER_END)
        error = -ABI_ENOEXEC;
    heap_free(elf.phdrs);
    return error;
}
