/*
 * The types whose size the machine decides, for x86-64.
 *
 * The OSKit's x86 had 32-bit addresses and sizes. Here oskit_addr_t and the register types have 64
 * bits and oskit_size_t is the compiler's own size_t. The 64-bit integers are long long, as they
 * were, so that "%lld" and redeclarations still fit.
 */
#ifndef OSKIT_MACHINE_TYPES_H
#define OSKIT_MACHINE_TYPES_H

typedef signed char oskit_s8_t;
typedef signed short oskit_s16_t;
typedef signed int oskit_s32_t;
typedef signed long long oskit_s64_t;
typedef unsigned char oskit_u8_t;
typedef unsigned short oskit_u16_t;
typedef unsigned int oskit_u32_t;
typedef unsigned long long oskit_u64_t;

typedef float oskit_f32_t;
typedef double oskit_f64_t;

typedef unsigned char oskit_bool_t; /* zero is false */

typedef oskit_u64_t oskit_addr_t;   /* a physical (device) or virtual address */
typedef __SIZE_TYPE__ oskit_size_t; /* bytes in memory; the same type as size_t */
typedef __PTRDIFF_TYPE__ oskit_ssize_t;
typedef oskit_u64_t oskit_reg_t;
typedef oskit_s64_t oskit_sreg_t;

typedef __builtin_va_list oskit_va_list;

#endif
