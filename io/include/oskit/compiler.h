/* What the interface headers ask of the compiler. */
#ifndef OSKIT_COMPILER_H
#define OSKIT_COMPILER_H

#ifdef __cplusplus
#define OSKIT_BEGIN_DECLS extern "C" {
#define OSKIT_END_DECLS   }
#else
#define OSKIT_BEGIN_DECLS
#define OSKIT_END_DECLS
#endif

#ifndef OSKIT_INLINE
#define OSKIT_INLINE static __inline__
#endif
#define OSKIT_NORETURN __attribute__((__noreturn__))
#define OSKIT_PURE     __attribute__((__const__))

/* The calling convention of interface methods. i386 had a choice of conventions; x86-64 has one. */
#define OSKIT_STDCALL

#endif
