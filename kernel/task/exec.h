/* Loading programs: static ELF, static PIE, dynamic ELF with its interpreter, and #! scripts. */
#ifndef KERNEL_TASK_EXEC_H
#define KERNEL_TASK_EXEC_H

#include <stddef.h>
#include <stdint.h>
#include <oskit/io/absio.h>
#include <sluice/vecio.h>
#include "kernel/task/process.h"

/* argv and envp copied into kernel pages, at most a quarter of the stack limit, 128 KiB a string at
 * most (as Linux). */
struct exec_arguments {
    void **pages;
    size_t page_count, used; /* bytes used in all */
    uint32_t argc, envc;
};

/* From the calling program's memory. 0, -ABI_EFAULT, -ABI_E2BIG, -ABI_ENOMEM. */
long exec_arguments_from_user(struct exec_arguments *out, uint64_t argv, uint64_t envp);
long exec_arguments_from_kernel(struct exec_arguments *out, const char *const argv[],
                                const char *const envp[]);
void exec_arguments_free(struct exec_arguments *arguments);

/* #!: the first argument gives way to STRINGS (ended by NULL). On failure nothing has changed. */
long exec_arguments_replace_first(struct exec_arguments *arguments, const char *const strings[]);

/* An ELF image mapped into a space that nobody runs yet (elf.c). */
struct elf_image {
    uint64_t entry;
    uint64_t base; /* load bias, or where the interpreter went (AT_BASE) */
    uint64_t phdr; /* address of the program headers in memory */
    uint16_t phnum;
    uint64_t code_start, code_end, data_start, data_end;
    uint64_t brk; /* end of the highest segment */
    bool executable_stack;
    char interpreter[256]; /* "" without PT_INTERP */
};
/* An open program file (execfile.c). */
struct executable {
    struct location location;
    bool opened; /* and told so */
    sluice_absvec_t *absvec;
    oskit_absio_t *absio;
    sluice_pager_t *pager;
    struct mappings *executed; /* nobody writes meanwhile; NULL: not said yet, or needn't be */
    uint64_t size;
    uint8_t head[256]; /* the first bytes, zero-filled */
};
/* Finds PATH and checks that it may be executed. 0 or an errno; executable_close releases. */
long executable_open(int dirfd, const char *path, int flags, struct executable *out);
void executable_close(struct executable *file);
/* Exactly SIZE bytes at OFFSET into kernel memory; -ABI_ENOEXEC when the file is shorter. */
long executable_read(struct executable *file, uint64_t offset, void *to, size_t size);

/* Maps FILE's segments into SPACE. A position-independent one goes to BIAS (page-aligned; anywhere
 * near). -ABI_ENOEXEC for anything malformed. */
struct space;
long elf_load(struct executable *file, struct space *space, uint64_t bias, bool interpreter,
              struct elf_image *out);

#endif
