/* What C can't say: errno from a stub, syscall(2), the frame's way out of a signal handler, and the calls that
   return on another stack or twice on the same. */
    .text

/* From a stub, with the kernel's negative error in rax and the stub's own return address on the stack. */
    .globl __syscall_error
    .type __syscall_error, @function
__syscall_error:
    negl %eax
    pushq %rax
    call __errno
    popq %rcx
    movl %ecx, (%rax)
    movq $-1, %rax
    ret
    .size __syscall_error, . - __syscall_error

/* A system call that is a cancellation point, and no more: number in rax, arguments as in a C call, the kernel's result
   in rax. The signal that cancels looks at the interrupted rip: up to the syscall instruction nothing has happened
   yet, and the thread goes to __cancel_now instead; behind it the call has had its effect and returns. A call that the
   kernel restarts is before its instruction again, and one that it ended with EINTR has done nothing.
   At FS:16 lies the thread's cancel word (src/thread/thread.h). */
    .globl __cancel_point, __cancel_point_end
    .type __cancel_point, @function
    .weak __cancel_now
__cancel_point:
    cmpl $1, %fs:16
    je 1f
    movq %rcx, %r10
    syscall
__cancel_point_end:
    cmpq $-4, %rax             /* EINTR */
    jne 2f
    cmpl $1, %fs:16
    jne 2f
1:  andq $-16, %rsp
    call __cancel_now
2:  ret
    .size __cancel_point, . - __cancel_point

/* long __cancel_call(long number, long, long, long, long, long, long) */
    .globl __cancel_call
    .type __cancel_call, @function
__cancel_call:
    movq %rdi, %rax
    movq %rsi, %rdi
    movq %rdx, %rsi
    movq %rcx, %rdx
    movq %r8, %rcx
    movq %r9, %r8
    movq 8(%rsp), %r9
    jmp __cancel_point
    .size __cancel_call, . - __cancel_call

/* void __thread_unmap_and_exit(void *mapping, size_t size): the last of a detached thread, which stands on what
   it gives back. */
    .globl __thread_unmap_and_exit
    .type __thread_unmap_and_exit, @function
__thread_unmap_and_exit:
    movl $11, %eax             /* munmap */
    syscall
    xorl %edi, %edi
    movl $60, %eax             /* exit: this thread only */
    syscall
    hlt
    .size __thread_unmap_and_exit, . - __thread_unmap_and_exit

/* long syscall(long number, ...) */
    .weak syscall
    .type syscall, @function
syscall:
    movq %rdi, %rax
    movq %rsi, %rdi
    movq %rdx, %rsi
    movq %rcx, %rdx
    movq %r8, %r10
    movq %r9, %r8
    movq 8(%rsp), %r9
    syscall
    cmpq $-4095, %rax
    jae __syscall_error
    ret
    .size syscall, . - syscall

/* A signal handler returns to this: the frame lies at rsp. */
    .globl __restore_rt
    .type __restore_rt, @function
__restore_rt:
    movl $15, %eax             /* rt_sigreturn */
    syscall
    .size __restore_rt, . - __restore_rt

/* pid_t vfork(void): the child runs on this stack and overwrites it, so the return address is kept in a
   register that the kernel preserves. */
    .weak vfork
    .type vfork, @function
vfork:
    popq %rdx
    movl $58, %eax
    syscall
    pushq %rdx
    cmpq $-4095, %rax
    jae __syscall_error
    ret
    .size vfork, . - vfork

/* int clone(int (*function)(void *), void *stack_end, int flags, void *argument,
             pid_t *parent_tid, void *tls, pid_t *child_tid) */
    .weak clone
    .type clone, @function
clone:
    andq $-16, %rsi
    subq $16, %rsi
    movq %rdi, (%rsi)          /* for the child: function, argument */
    movq %rcx, 8(%rsi)
    movl %edx, %edi
    movq %r8, %rdx
    movq 8(%rsp), %r10         /* child_tid */
    movq %r9, %r8              /* tls */
    movl $56, %eax
    syscall
    testq %rax, %rax
    jz 1f
    cmpq $-4095, %rax
    jae __syscall_error
    ret
1:  xorl %ebp, %ebp
    popq %rax
    popq %rdi
    call *%rax
    movl %eax, %edi
    movl $60, %eax             /* exit: this thread only */
    syscall
    hlt
    .size clone, . - clone
    .section .note.GNU-stack, "", @progbits
