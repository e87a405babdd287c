/*
 * The kernel log: a ring that syslog(2) and dmesg read, mirrored to the second serial port.
 * Callable from any context, interrupts masked or not.
 */
#ifndef KERNEL_LOG_H
#define KERNEL_LOG_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

enum log_level {
    LOG_EMERG,
    LOG_ALERT,
    LOG_CRIT,
    LOG_ERROR,
    LOG_WARNING,
    LOG_NOTICE,
    LOG_INFO,
    LOG_DEBUG
};

void log_init(void); /* serial port ready to write; before everything else */
void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));
void log_vwrite(enum log_level level, const char *format, va_list args);
/* Messages above this level stay in the ring only (loglevel= option; default INFO). */
void log_set_console_level(int level);
int log_console_level(void);
/* Copies the ring's text from sequence *POSITION on ("<level>[time] text\n" lines), at most SIZE
 * bytes of whole lines; advances *POSITION. */
size_t log_read(uint64_t *position, char *buffer, size_t size);
/* From now on the log's lock is ignored: the machine is going down and its holder may be stopped.
 */
void log_break_lock(void);
/* Waits, within limits, until the serial ports have sent what they were given: a machine that ends
 * may lose it. */
void log_drain(void);
uint64_t log_end(void);   /* position after the last message */
uint64_t log_start(void); /* oldest still there */

/* Prints why, registers and a symbolised backtrace, ends QEMU with the panic status (power.h), else
 * halts. */
_Noreturn void panic(const char *format, ...) __attribute__((format(printf, 1, 2)));
struct trap_frame;
_Noreturn void panic_frame(const struct trap_frame *frame, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The function of the kernel that ADDRESS lies in, and how far; NULL: none, or no table. [any] */
const char *symbol_name(uint64_t address, uint64_t *offset);

/* kernel/lib/format.c: bounded printf; always NUL-terminates (SIZE > 0), returns the length it
 * would have had. */
int format_text(char *buffer, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
int format_vtext(char *buffer, size_t size, const char *format, va_list args);

#define kassert(condition)                                                                      \
    do {                                                                                        \
        if (__builtin_expect(!(condition), 0))                                                  \
            panic("%s:%d: %s: assertion failed: %s", __FILE__, __LINE__, __func__, #condition); \
    } while (0)

#endif
