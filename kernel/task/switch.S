/* thread_switch(prev, next): stack_pointer is at offset 0 of struct thread. */
        .section .text
        .globl  thread_switch
        .type   thread_switch, @function
thread_switch:
        pushq   %rbp
        pushq   %rbx
        pushq   %r12
        pushq   %r13
        pushq   %r14
        pushq   %r15
        movq    %rsp, (%rdi)
        movq    (%rsi), %rsp
        popq    %r15
        popq    %r14
        popq    %r13
        popq    %r12
        popq    %rbx
        popq    %rbp
        movq    %rdi, %rax
        ret
        .size   thread_switch, . - thread_switch

/* A new thread's first return from thread_switch lands here, the thread switched from in RAX. RBP is zero: the end of backtraces. */
        .globl  thread_begin
        .type   thread_begin, @function
thread_begin:
        movq    %rax, %rdi
        call    thread_main
        ud2
        .size   thread_begin, . - thread_begin
        .section .note.GNU-stack, "", @progbits
