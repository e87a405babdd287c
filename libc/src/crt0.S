/* A program begins here: argc, the arguments, the environment and the auxiliary vector lie on the stack. */
    .section .text._start, "ax", @progbits
    .globl _start
    .type _start, @function
_start:
    xorl %ebp, %ebp            /* the end of every backtrace */
    movq %rsp, %rdi
    andq $-16, %rsp
    call __libc_start
    hlt
    .size _start, . - _start
    .section .note.GNU-stack, "", @progbits
