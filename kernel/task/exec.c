/*
 * exec: the new image is made in a space of its own, with its stack filled in, while the old
 * program could still be told of an error. Only then the other threads are ended and the process
 * changes over, which can't fail.
 */
#include "kernel/task/exec.h"
#include <sluice/string.h>
#include "kernel/abi/auxv.h"
#include "kernel/abi/errno.h"
#include "kernel/abi/fcntl.h"
#include "kernel/abi/prctl.h"
#include "kernel/abi/mman.h"
#include "kernel/abi/resource.h"
#include "kernel/cpu/features.h"
#include "kernel/cpu/fpu.h"
#include "kernel/cpu/segments.h"
#include "kernel/log.h"
#include "kernel/mem/heap.h"
#include "kernel/mem/pages.h"
#include "kernel/mem/space.h"
#include "kernel/random.h"
#include "kernel/sys/fdtab.h"
#include "kernel/sys/waitloop.h"
#include "kernel/task/capability.h"
#include "kernel/task/lifecycle.h"
#include "kernel/task/posix_timer.h"
#include "kernel/task/signal.h"

#define SCRIPT_DEPTH_MAX 5              /* as Linux: the sixth interpreter in a row is ELOOP */
#define STACK_FIRST      (132 * 1024ul) /* mapped at once; it grows from there */
#define STACK_RANDOM     (1ul << 22)    /* pages: 16 GiB */
#define BIAS_BASE        0x555555554000ul
#define BIAS_RANDOM      (1ul << 28) /* pages */
#define MAP_RANDOM       (1ul << 28)
#define INTERPRETER_BASE 0x7f0000000000ul

struct exec {
    struct executable file;
    struct exec_arguments *arguments;
    struct space *space;
    struct elf_image image, interpreter;
    uint64_t stack_top, stack_pointer;
    char path[4096];   /* as given, for AT_EXECFN; a script's interpreter replaces nothing here */
    struct cred *cred; /* set-id: the new one, or NULL */
    bool secure;
    bool hidden; /* the caller may not read the program */
};

/* ---- Scripts ---- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static char *skip_blanks(char *s)
{
    while (is_blank(*s))
        s++;
    return s;
}

static char *skip_word(char *s)
{
    while (*s && !is_blank(*s))
        s++;
    return s;
}

/* The end of a first line that is longer than LINE. Its argument may be cut, for that is Linux's
 * way, its interpreter may not. NULL: nothing that could be run. */
static char *script_cut(char *line, size_t size)
{
    char *last = line + size - 1;
    *last = 0;
    char *name = skip_blanks(line + 2);
    return name < last && skip_word(name) < last ? last : NULL;
}

/* "#! interpreter [one argument]": cuts LINE into its words. -ABI_ENOEXEC without an interpreter; a
 * file that ends there names the current directory, says Linux. */
static long script_parse(char *line, size_t size, char **interpreter, char **argument)
{
    char *newline = memchr(line, '\n', size);
    char *end = newline ? newline : script_cut(line, size);
    if (!end)
        return -ABI_ENOEXEC;
    while (is_blank(end[-1]))
        end--;
    *end = 0;
    *interpreter = skip_blanks(line + 2);
    if (!**interpreter)
        return newline ? -ABI_ENOEXEC : -ABI_EACCES;
    char *blank = skip_word(*interpreter);
    *argument = NULL;
    if (*blank) {
        *blank = 0;
        *argument = skip_blanks(blank + 1);
    }
    return 0;
}

/* Puts the interpreter in the script's place. NAME is the script's own path, which becomes an
 * argument and is overwritten by the interpreter's. */
static long script_follow(struct exec *exec, char *name, size_t name_size)
{
    char line[sizeof exec->file.head + 1];
    char *interpreter, *argument;
    memcpy(line, exec->file.head, sizeof exec->file.head);
    line[sizeof exec->file.head] = 0;
    long error = script_parse(line, sizeof exec->file.head, &interpreter, &argument);
    if (error)
        return error;
    const char *const strings[] = {interpreter, argument ? argument : name, argument ? name : NULL,
                                   NULL};
    error = exec_arguments_replace_first(exec->arguments, strings);
    if (error)
        return error;
    size_t length = strlen(interpreter);
    if (length >= name_size)
        return -ABI_ENAMETOOLONG;
    executable_close(&exec->file);
    memcpy(name, interpreter, length + 1);
    return executable_open(ABI_AT_FDCWD, name, 0, &exec->file);
}

static long exec_find(struct exec *exec, int dirfd, const char *path, int flags)
{
    char *name = exec->path;
    long error = executable_open(dirfd, path, flags, &exec->file);
    for (int depth = 0; !error && exec->file.head[0] == '#' && exec->file.head[1] == '!'; depth++)
        error =
            depth == SCRIPT_DEPTH_MAX ? -ABI_ELOOP : script_follow(exec, name, sizeof exec->path);
    return error;
}

/* ---- The image ---- */

/* What a set-id program doesn't take over of its caller's personality. */
#define SECURE_CLEARS \
    (ABI_ADDR_NO_RANDOMIZE | ABI_MMAP_PAGE_ZERO | ABI_ADDR_COMPAT_LAYOUT | ABI_READ_IMPLIES_EXEC)

/* Nothing where the program asked for places that are always the same. */
static uint64_t random_pages(const struct exec *exec, uint64_t pages)
{
    bool fixed = !exec->secure && current_process()->personality & ABI_ADDR_NO_RANDOMIZE;
    return fixed ? 0 : random_u64() % pages * PAGE_SIZE;
}

static long exec_load(struct exec *exec)
{
    long error = elf_load(&exec->file, exec->space, BIAS_BASE + random_pages(exec, BIAS_RANDOM),
                          false, &exec->image);
    if (error || !*exec->image.interpreter)
        return error;
    struct executable interpreter;
    error = executable_open(ABI_AT_FDCWD, exec->image.interpreter, 0, &interpreter);
    if (error)
        return error;
    error = elf_load(&interpreter, exec->space, INTERPRETER_BASE + random_pages(exec, BIAS_RANDOM),
                     true, &exec->interpreter);
    executable_close(&interpreter);
    return error;
}

static long exec_map_stack(struct exec *exec)
{
    uint64_t address;
    int prot = ABI_PROT_READ | ABI_PROT_WRITE | (exec->image.executable_stack ? ABI_PROT_EXEC : 0);
    exec->stack_top = USER_END - PAGE_SIZE - random_pages(exec, STACK_RANDOM);
    size_t size = page_ceil(STACK_FIRST + exec->arguments->used);
    return space_map(exec->space, exec->stack_top - size, size, prot,
                     ABI_PROT_READ | ABI_PROT_WRITE | ABI_PROT_EXEC,
                     ABI_MAP_PRIVATE | ABI_MAP_ANONYMOUS | ABI_MAP_FIXED_NOREPLACE |
                         ABI_MAP_GROWSDOWN | ABI_MAP_STACK,
                     NULL, &address);
}

/* ---- The stack's contents ---- */

/* Pushes SIZE bytes; the address, or 0 when memory ran out. */
static uint64_t stack_push(struct exec *exec, const void *bytes, size_t size)
{
    uint64_t address = exec->stack_pointer - size;
    if (space_write(exec->space, address, bytes, size) != size)
        return 0;
    return exec->stack_pointer = address;
}

static uint64_t stack_push_arguments(struct exec *exec)
{
    const struct exec_arguments *a = exec->arguments;
    uint64_t address = exec->stack_pointer - a->used;
    for (size_t done = 0; done < a->used; done += PAGE_SIZE) {
        size_t n = a->used - done < PAGE_SIZE ? a->used - done : PAGE_SIZE;
        if (space_write(exec->space, address + done, a->pages[done / PAGE_SIZE], n) != n)
            return 0;
    }
    return exec->stack_pointer = address;
}

struct auxv_places {
    uint64_t random, platform, name;
};

#define AUXV_MAX 24
static size_t exec_auxv(const struct exec *exec, const struct auxv_places *places,
                        uint64_t out[2 * AUXV_MAX])
{
    const struct cred *cred = exec->cred ? exec->cred : cred_current();
    const uint64_t rows[][2] = {
        {ABI_AT_HWCAP, cpuid(1, 0).edx},
        {ABI_AT_PAGESZ, PAGE_SIZE},
        {ABI_AT_CLKTCK, ABI_USER_HZ},
        {ABI_AT_PHDR, exec->image.phdr},
        {ABI_AT_PHENT, 56},
        {ABI_AT_PHNUM, exec->image.phnum},
        {ABI_AT_BASE, *exec->image.interpreter ? exec->interpreter.base : 0},
        {ABI_AT_FLAGS, 0},
        {ABI_AT_ENTRY, exec->image.entry},
        {ABI_AT_UID, cred->uid},
        {ABI_AT_EUID, cred->euid},
        {ABI_AT_GID, cred->gid},
        {ABI_AT_EGID, cred->egid},
        {ABI_AT_SECURE, exec->secure},
        {ABI_AT_RANDOM, places->random},
        {ABI_AT_HWCAP2, cpu_features.fsgsbase ? 2 : 0},
        {ABI_AT_EXECFN, places->name},
        {ABI_AT_PLATFORM, places->platform},
        {ABI_AT_MINSIGSTKSZ, ABI_MINSIGSTKSZ + fpu_area_size()},
        {ABI_AT_NULL, 0},
    };
    _Static_assert(sizeof rows / sizeof rows[0] <= AUXV_MAX, "auxv");
    memcpy(out, rows, sizeof rows);
    return sizeof rows / sizeof rows[0] * 2;
}

/* Writes COUNT pointers to consecutive strings that begin at *STRING, then a NULL; advances both.
 */
static bool stack_write_pointers(struct exec *exec, uint64_t *where, size_t *offset,
                                 uint64_t strings, uint32_t count)
{
    const struct exec_arguments *a = exec->arguments;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t pointer = strings + *offset;
        if (space_write(exec->space, *where, &pointer, sizeof pointer) != sizeof pointer)
            return false;
        *where += sizeof pointer;
        while (((const char *)a->pages[*offset / PAGE_SIZE])[*offset % PAGE_SIZE])
            ++*offset;
        ++*offset;
    }
    uint64_t null = 0;
    bool written = space_write(exec->space, *where, &null, sizeof null) == sizeof null;
    *where += sizeof null;
    return written;
}

static void exec_note_strings(struct exec *exec, uint64_t strings, size_t arguments_end)
{
    struct space_image *image = space_image(exec->space);
    image->arg_start = strings;
    image->arg_end = image->env_start = strings + arguments_end;
    image->env_end = strings + exec->arguments->used;
    image->stack_start = exec->stack_pointer;
}

/* argc, argv, envp and auxv below the strings, as the ABI has them; the stack pointer ends 16-byte
 * aligned. */
static bool stack_push_vectors(struct exec *exec, uint64_t strings,
                               const struct auxv_places *places)
{
    const struct exec_arguments *a = exec->arguments;
    uint64_t auxv[2 * AUXV_MAX], argc = a->argc;
    size_t auxv_words = exec_auxv(exec, places, auxv);
    size_t words = 1 + a->argc + 1 + a->envc + 1 + auxv_words;
    exec->stack_pointer = (exec->stack_pointer - words * sizeof(uint64_t)) & ~15ull;
    uint64_t where = exec->stack_pointer;
    size_t offset = 0, arguments_end;
    if (space_write(exec->space, where, &argc, sizeof argc) != sizeof argc)
        return false;
    where += sizeof argc;
    if (!stack_write_pointers(exec, &where, &offset, strings, a->argc))
        return false;
    arguments_end = offset;
    if (!stack_write_pointers(exec, &where, &offset, strings, a->envc))
        return false;
    exec_note_strings(exec, strings, arguments_end);
    return space_write(exec->space, where, auxv, auxv_words * sizeof auxv[0]) ==
           auxv_words * sizeof auxv[0];
}

static long exec_fill_stack(struct exec *exec)
{
    static const char platform[] = "x86_64";
    uint64_t random[2] = {random_u64(), random_u64()};
    struct auxv_places places;
    exec->stack_pointer = exec->stack_top - sizeof(uint64_t);
    places.name = stack_push(exec, exec->path, strlen(exec->path) + 1);
    uint64_t strings = places.name ? stack_push_arguments(exec) : 0;
    places.platform = strings ? stack_push(exec, platform, sizeof platform) : 0;
    exec->stack_pointer &= ~15ull;
    places.random = places.platform ? stack_push(exec, random, sizeof random) : 0;
    return places.random && stack_push_vectors(exec, strings, &places) ? 0 : -ABI_ENOMEM;
}

static void exec_note_image(struct exec *exec)
{
    struct space_image *image = space_image(exec->space);
    image->code_start = exec->image.code_start;
    image->code_end = exec->image.code_end;
    image->data_start = exec->image.data_start;
    image->data_end = exec->image.data_end;
    location_copy(&image->executable, &exec->file.location);
    mappings_execute_begin(image->executed = exec->file.executed);
    space_set_break_base(exec->space, page_ceil(exec->image.brk) + random_pages(exec, 0x2000));
}

static long exec_build(struct exec *exec)
{
    exec->space = space_create();
    if (!exec->space)
        return -ABI_ENOMEM;
    space_set_limits(exec->space, process_limit(ABI_RLIMIT_AS), process_limit(ABI_RLIMIT_DATA),
                     process_limit(ABI_RLIMIT_STACK));
    space_set_scatter(exec->space, random_pages(exec, MAP_RANDOM));
    long error = exec_load(exec);
    if (!error)
        error = exec_map_stack(exec);
    if (!error)
        error = exec_fill_stack(exec);
    if (!error)
        exec_note_image(exec);
    return error;
}

/* ---- Set-id programs ---- */

static long exec_credentials(struct exec *exec)
{
    const uint64_t before = cred_current()->permitted;
    long error = cred_of_program(&exec->file.location, &exec->cred, &exec->secure);
    if (error)
        return error;
    exec->hidden = oskit_file_access(location_file(&exec->file.location), OSKIT_R_OK) != 0 ||
                   exec->cred->permitted & ~before;
    return 0;
}

/* ---- Changing over ---- */

/* Handlers point into the old image; what was ignored stays ignored. */
static void exec_reset_signals(struct process *process, struct signal_actions *fresh)
{
    struct thread *self = current_thread();
    struct signal_actions *old = process->actions;
    signal_actions_keep_ignored(fresh, old);
    /* Children that end look at them under tree_lock, senders under signal_lock. */
    spin_lock(&tree_lock);
    spin_lock(&process->signal_lock);
    process->actions = fresh;
    spin_unlock(&process->signal_lock);
    spin_unlock(&tree_lock);
    signal_actions_unref(old);
    self->signal_stack = (struct signal_stack){.flags = ABI_SS_DISABLE};
}

/* The signals that clone chose for children's ends were the old program's affair, and what this
 * process tells its parent was its maker's. */
static void exec_reset_tree(struct process *process)
{
    spin_lock(&tree_lock);
    process->has_execed = true;
    process->exit_signal = ABI_SIGCHLD;
    list_for_each (link, &process->children) {
        struct process *child = container_of(link, struct process, sibling_link);
        if (child->exit_signal)
            child->exit_signal = ABI_SIGCHLD;
    }
    spin_unlock(&tree_lock);
}

static void exec_name(const char *path)
{
    const char *base = path;
    for (const char *s = path; *s; s++)
        if (*s == '/' && s[1])
            base = s + 1;
    char name[THREAD_NAME_SIZE] = {0};
    for (size_t i = 0; i < sizeof name - 1 && base[i] && base[i] != '/'; i++)
        name[i] = base[i];
    memcpy(current_thread()->name, name, sizeof name);
}

static void exec_switch_space(struct process *process, struct space *space)
{
    struct thread *self = current_thread();
    struct space *old = process->space;
    spin_lock(&process->signal_lock); /* for process_space_get; and keeps this CPU */
    process->space = self->space = space;
    space_switch(space);
    spin_unlock(&process->signal_lock);
    if (old)
        space_unref(old);
}

static void exec_registers(const struct exec *exec, struct trap_frame *frame)
{
    struct thread *self = current_thread();
    *frame = (struct trap_frame){
        .rip = *exec->image.interpreter ? exec->interpreter.entry : exec->image.entry,
        .rsp = exec->stack_pointer,
        .cs = SELECTOR_USER_CODE,
        .ss = SELECTOR_USER_DATA,
        .rflags = 0x202,
        .vector = TRAP_SYSCALL,
        .error = (uint64_t)-1, /* all registers are loaded anew */
    };
    preempt_disable();
    self->fs_base = self->gs_base = 0;
    segments_load(self);
    preempt_enable();
    fpu_area_init(self->fpu_area);
    fpu_reload_current();
}

static void exec_commit(struct exec *exec, struct fdtab *fds, struct signal_actions *actions,
                        struct trap_frame *frame)
{
    struct process *process = current_process();
    thread_leave_user(false);
    exec_switch_space(process, exec->space);
    exec->space = NULL;
    struct fdtab *old = process->fds;
    if (fds) {
        spin_lock(&process->signal_lock);
        process->fds = fds;
        spin_unlock(&process->signal_lock);
        fdtab_unref(old);
    }
    posix_timers_release(process);
    /* Before descriptors close: their closing tells others that the program was executed. */
    exec_reset_tree(process);
    fdtab_close_on_exec(process->fds);
    exec_reset_signals(process, actions);
    cred_install(exec->cred);
    exec->cred = NULL;
    if (exec->secure) {
        process->parent_death_signal = 0;
        process->personality &= ~(uint32_t)SECURE_CLEARS;
    }
    process->dumpable = !exec->secure && !exec->hidden;
    exec_registers(exec, frame);
}

/* What the change-over needs is made before it; the last thing that can fail is ending the other
 * threads. */
static long exec_change_over(struct exec *exec, struct trap_frame *frame)
{
    struct process *process = current_process();
    bool shared = fdtab_users(process->fds) > 1;
    struct fdtab *fds = shared ? fdtab_copy(process->fds) : NULL;
    struct signal_actions *actions = signal_actions_create();
    long error = actions && (fds || !shared) ? process_end_other_threads() : -ABI_ENOMEM;
    if (error) {
        if (fds)
            fdtab_unref(fds);
        signal_actions_unref(actions);
        return error;
    }
    exec_commit(exec, fds, actions, frame);
    return 0;
}

static long exec_run(struct exec *exec, int dirfd, const char *path, int flags,
                     struct trap_frame *frame)
{
    size_t length = strlen(path);
    if (length >= sizeof exec->path)
        return -ABI_ENAMETOOLONG;
    memcpy(exec->path, path, length + 1);
    long error = exec_find(exec, dirfd, path, flags);
    if (!error)
        error = exec_credentials(exec);
    if (!error)
        error = exec_build(exec);
    if (!error)
        error = exec_change_over(exec, frame);
    if (!error)
        exec_name(path);
    return error;
}

long process_exec(int dirfd, const char *path, int flags, struct exec_arguments *arguments,
                  struct trap_frame *frame)
{
    /* Too big for the stack. */
    struct exec *exec = heap_alloc(sizeof *exec, HEAP_ZERO);
    if (!exec)
        return -ABI_ENOMEM;
    exec->arguments = arguments;
    long error = exec_run(exec, dirfd, path, flags, frame);
    executable_close(&exec->file);
    if (exec->space)
        space_unref(exec->space);
    cred_unref(exec->cred);
    heap_free(exec);
    return error;
}
