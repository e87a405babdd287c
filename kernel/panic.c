/*
 * The end of the kernel: stops the other CPUs, says why, what ran, the registers and the way here,
 * and ends the machine. A panic within a panic says so in one line; a second CPU that panics waits
 * to be stopped.
 */
#include <stdatomic.h>
#include "kernel/cpu/extable.h"
#include "kernel/cpu/msr.h"
#include "kernel/cpu/percpu.h"
#include "kernel/cpu/smp.h"
#include "kernel/cpu/trap.h"
#include "kernel/log.h"
#include "kernel/mem/layout.h"
#include "kernel/power.h"
#include "kernel/task/thread.h"

#define BACKTRACE_MAX 32

/* scripts/symbols: sorted by address; empty in the first link. */
struct symbol {
    uint64_t address;
    const char *name;
};
extern const struct symbol kernel_symbols[], kernel_symbols_end[];
extern const uint8_t text_start[], text_end[];

/* entry.S: where its calls of C return to; a trap frame lies above each. */
extern const uint8_t trap_return_address[], trap_paranoid_return_address[],
    syscall_return_address[], syscall_frame_return_address[];

static _Atomic int panic_cpu = -1;

static const struct symbol *symbol_find(uint64_t address)
{
    const struct symbol *found = NULL;
    size_t low = 0, high = (size_t)(kernel_symbols_end - kernel_symbols);
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (kernel_symbols[middle].address <= address) {
            found = &kernel_symbols[middle];
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return found;
}

const char *symbol_name(uint64_t address, uint64_t *offset)
{
    bool code = address >= (uint64_t)text_start && address < (uint64_t)text_end;
    const struct symbol *symbol = code ? symbol_find(address) : NULL;
    *offset = symbol ? address - symbol->address : 0;
    return symbol ? symbol->name : NULL;
}

static void backtrace_line(uint64_t address)
{
    uint64_t offset;
    const char *name = symbol_name(address, &offset);
    bool code = address >= (uint64_t)text_start && address < (uint64_t)text_end;
    if (name)
        log_write(LOG_EMERG, "  %016lx  %s+%#lx", address, name, offset);
    else
        log_write(LOG_EMERG, "  %016lx%s", address, code ? "" : "  (not kernel code)");
}

static bool returns_to_entry(uint64_t address)
{
    return address == (uint64_t)trap_return_address ||
           address == (uint64_t)trap_paranoid_return_address ||
           address == (uint64_t)syscall_return_address ||
           address == (uint64_t)syscall_frame_return_address;
}

/* The code that FRAME interrupted; *BASE gets its frame pointer. false when it was a user program.
 */
static bool backtrace_trap(const struct trap_frame *frame, uint64_t *base)
{
    if (trap_from_user(frame)) {
        log_write(LOG_EMERG, "  %016lx  user program, trap %#lx", frame->rip, frame->vector);
        return false;
    }
    backtrace_line(frame->rip);
    *base = frame->rbp;
    return true;
}

static void backtrace(uint64_t base)
{
    for (int depth = 0; depth < BACKTRACE_MAX; depth++) {
        uint64_t next, address;
        if (base < DIRECT_BASE || base & 7 || !word_read_safe(base, &next) ||
            !word_read_safe(base + 8, &address))
            return;
        if (returns_to_entry(address)) {
            log_write(LOG_EMERG, "  -- trap --");
            if (!backtrace_trap((const struct trap_frame *)(base + 16), &base))
                return;
            continue;
        }
        if (!address)
            return;
        backtrace_line(address);
        base = next;
    }
}

static void panic_registers(const struct trap_frame *f)
{
    log_write(LOG_EMERG, "rip %016lx  rsp %016lx  rflags %08lx  cs %02lx  ss %02lx", f->rip, f->rsp,
              f->rflags, f->cs, f->ss);
    log_write(LOG_EMERG, "rax %016lx  rbx %016lx  rcx %016lx  rdx %016lx", f->rax, f->rbx, f->rcx,
              f->rdx);
    log_write(LOG_EMERG, "rsi %016lx  rdi %016lx  rbp %016lx  r8  %016lx", f->rsi, f->rdi, f->rbp,
              f->r8);
    log_write(LOG_EMERG, "r9  %016lx  r10 %016lx  r11 %016lx  r12 %016lx", f->r9, f->r10, f->r11,
              f->r12);
    log_write(LOG_EMERG, "r13 %016lx  r14 %016lx  r15 %016lx  error %#lx", f->r13, f->r14, f->r15,
              f->error);
    log_write(LOG_EMERG, "cr2 %016lx  cr3 %016lx  vector %#lx", cr2_read(), cr3_read(), f->vector);
}

/* The first CPU here goes on; later ones, and the same one again, don't. */
static void panic_enter(void)
{
    interrupts_save();
    int self = (int)this_cpu()->id, none = -1;
    if (!atomic_compare_exchange_strong(&panic_cpu, &none, self)) {
        if (none != self)
            smp_stopped();
        log_write(LOG_EMERG, "panic: another one while panicking");
        power_panic();
    }
    smp_stop_others();
    log_break_lock();
    if (log_console_level() < LOG_INFO)
        log_set_console_level(LOG_INFO);
}

static _Noreturn void panic_vframe(const struct trap_frame *frame, uint64_t base,
                                   const char *format, va_list args)
{
    char reason[512];
    panic_enter();
    format_vtext(reason, sizeof reason, format, args);
    log_write(LOG_EMERG, "panic: %s", reason);
    struct thread *thread = current_thread();
    log_write(LOG_EMERG, "cpu %u, thread %d \"%.*s\"", this_cpu()->id, thread ? thread->tid : 0,
              THREAD_NAME_SIZE, thread ? thread->name : "boot");
    if (frame) {
        panic_registers(frame);
        log_write(LOG_EMERG, "backtrace:");
        if (backtrace_trap(frame, &base))
            backtrace(base);
    } else {
        log_write(LOG_EMERG, "backtrace:");
        backtrace(base);
    }
    power_panic();
}

void panic(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    panic_vframe(NULL, (uint64_t)__builtin_frame_address(0), format, args);
}

void panic_frame(const struct trap_frame *frame, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    panic_vframe(frame, 0, format, args);
}
