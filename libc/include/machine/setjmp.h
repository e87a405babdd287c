/* newlib's setjmp.h, and the pair that also saves the signal mask. */
#ifndef _SLUICE_SETJMP_H
#define _SLUICE_SETJMP_H

#include_next <machine/setjmp.h>
#include <sys/_sigset.h>

typedef struct {
    jmp_buf __registers;
    int __mask_saved;
    __sigset_t __mask;
} sigjmp_buf[1];

#ifdef __cplusplus
extern "C" {
#endif
void __sigsetjmp_mask(sigjmp_buf, int);
void siglongjmp(sigjmp_buf, int) __attribute__((__noreturn__));
#ifdef __cplusplus
}
#endif

/* A macro, for setjmp must be called by the function that it returns to. */
#define sigsetjmp(env, save) (__sigsetjmp_mask(env, save), setjmp((env)->__registers))
#define _setjmp(env)         setjmp(env)
#define _longjmp(env, value) longjmp(env, value)

#endif
