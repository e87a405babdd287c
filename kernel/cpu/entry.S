/*
 * Ways into the kernel: 256 trap stubs and SYSCALL; and the ways back to user mode. They build struct
 * trap_frame (trap.h) and call C with its address.
 *
 * GS: in the kernel the GS base is this CPU's struct cpu, in user mode the program's; SWAPGS happens
 * exactly when the privilege level changes, first thing in and last thing out. What can strike between
 * (NMI, machine check, double fault) comes on stacks of its own, where the struct cpu is stored above
 * the frame, and takes the careful way: trap_paranoid.
 *
 * Interrupts stay off in all of this file, but for the call of syscall_dispatch.
 */
        .set CPU_KERNEL_STACK, 8
        .set CPU_USER_STACK, 16
        .set CPU_PREEMPT, 24
        .set CPU_CURRENT, 32
        .set THREAD_WORK, 16

        .set USER_DATA, 0x23
        .set USER_CODE, 0x2b
        .set TRAP_SYSCALL, 0x100
        .set RFLAGS_AC, 0x40000
        .set MSR_GS_BASE, 0xc0000101

        .set FRAME_R11, 48
        .set FRAME_R10, 56
        .set FRAME_R9, 64
        .set FRAME_R8, 72
        .set FRAME_RAX, 80
        .set FRAME_RDX, 96
        .set FRAME_RSI, 104
        .set FRAME_RDI, 112
        .set FRAME_ERROR, 128
        .set FRAME_RIP, 136
        .set FRAME_CS, 144
        .set FRAME_RFLAGS, 152
        .set FRAME_RSP, 160
        .set FRAME_SIZE, 176

        .macro push_registers
        pushq %rdi
        pushq %rsi
        pushq %rdx
        pushq %rcx
        pushq %rax
        pushq %r8
        pushq %r9
        pushq %r10
        pushq %r11
        pushq %rbx
        pushq %rbp
        pushq %r12
        pushq %r13
        pushq %r14
        pushq %r15
        .endm

        .macro pop_registers
        popq %r15
        popq %r14
        popq %r13
        popq %r12
        popq %rbp
        popq %rbx
        popq %r11
        popq %r10
        popq %r9
        popq %r8
        popq %rax
        popq %rcx
        popq %rdx
        popq %rsi
        popq %rdi
        .endm

/* SMAP's override must not leak in: a user program may have set AC, and faulting user copies have. Where it
 * is clear, as nearly always, nothing is written to the flags. */
        .macro clear_ac
        testl $RFLAGS_AC, FRAME_RFLAGS(%rsp)
        jz 9f
        pushfq
        andl $~RFLAGS_AC, (%rsp)
        popfq
9:
        .endm

        .section .text.entry, "ax"

/* ---- Stubs. Vectors 8, 10 to 14, 17, 21, 29 and 30 come with an error code. ---- */

        .balign 16
        .globl trap_stubs
trap_stubs:
        .set vector, 0
        .rept 256
        .balign 16
        .if !((vector == 8) || (vector >= 10 && vector <= 14) || (vector == 17) || (vector == 21) || (vector == 29) || (vector == 30))
        pushq $0
        .endif
        pushq $vector
        .if (vector == 2) || (vector == 8) || (vector == 18)
        jmp trap_paranoid
        .else
        jmp trap_common
        .endif
        .set vector, vector + 1
        .endr

        .balign 16
        .type trap_common, @function
trap_common:
        push_registers
        testb $3, FRAME_CS(%rsp)
        jz 1f
        swapgs
1:      cld
        clear_ac
        movq %rsp, %rdi
        call trap_dispatch
        .globl trap_return_address
trap_return_address:
        testb $3, FRAME_CS(%rsp)
        jz 2f
trap_leave:
        swapgs
2:      pop_registers
        addq $16, %rsp
        iretq
        .size trap_common, . - trap_common

/* The interrupted code may have been anywhere, also between a change of privilege and its SWAPGS. R12 and
 * R13 keep the GS base found across the call. */
        .balign 16
        .type trap_paranoid, @function
trap_paranoid:
        push_registers
        cld
        clear_ac
        movl $MSR_GS_BASE, %ecx
        rdmsr
        movl %eax, %r12d
        movl %edx, %r13d
        movl FRAME_SIZE(%rsp), %eax
        movl FRAME_SIZE+4(%rsp), %edx
        wrmsr
        movq %rsp, %rdi
        call trap_paranoid_dispatch
        .globl trap_paranoid_return_address
trap_paranoid_return_address:
        movl $MSR_GS_BASE, %ecx
        movl %r12d, %eax
        movl %r13d, %edx
        wrmsr
        pop_registers
        addq $16, %rsp
        iretq
        .size trap_paranoid, . - trap_paranoid

/*
 * SYSCALL: number in RAX, arguments in RDI RSI RDX R10 R8 R9, return address in RCX, flags in R11. The
 * frame is complete, for fork and signals, but a call that ends with nothing pending reloads only what C
 * may have changed.
 *
 * The other way out, trap_leave, restores everything: when work or preemption is pending, when the call
 * rewrote its frame (error is then -1: sigreturn, exec), and when the return address is not one that
 * SYSRET may be given (Intel CPUs would fault in the kernel, on the user's stack).
 */
        .balign 16
        .globl syscall_entry
        .type syscall_entry, @function
syscall_entry:
        swapgs
        movq %rsp, %gs:CPU_USER_STACK
        movq %gs:CPU_KERNEL_STACK, %rsp
        pushq $USER_DATA
        pushq %gs:CPU_USER_STACK
        pushq %r11
        pushq $USER_CODE
        pushq %rcx
        pushq %rax
        pushq $TRAP_SYSCALL
        push_registers
        sti
        movq %rsp, %rdi
        call syscall_dispatch
        .globl syscall_return_address
syscall_return_address:
        cli
        movq %gs:CPU_CURRENT, %rcx
        cmpl $0, THREAD_WORK(%rcx)
        jne syscall_slow
        cmpl $0, %gs:CPU_PREEMPT
        je syscall_slow
        cmpq $-1, FRAME_ERROR(%rsp)
        je syscall_slow
        movq FRAME_RIP(%rsp), %rcx
        movq %rcx, %rdx
        shrq $47, %rdx
        jnz syscall_slow
        movq FRAME_RFLAGS(%rsp), %r11
        movq FRAME_R10(%rsp), %r10
        movq FRAME_R9(%rsp), %r9
        movq FRAME_R8(%rsp), %r8
        movq FRAME_RAX(%rsp), %rax
        movq FRAME_RDX(%rsp), %rdx
        movq FRAME_RSI(%rsp), %rsi
        movq FRAME_RDI(%rsp), %rdi
        movq FRAME_RSP(%rsp), %rsp
        swapgs
        sysretq
syscall_slow:
        movq %rsp, %rdi
        call trap_leave_user
        jmp trap_leave
        .size syscall_entry, . - syscall_entry

/* void trap_return_user(struct trap_frame *): the frame lies at the top of the current thread's stack, or
 * is elsewhere on it. */
        .balign 16
        .globl trap_return_user
        .type trap_return_user, @function
trap_return_user:
        cli
        movq %rdi, %rsp
        xorl %ebp, %ebp
        call trap_leave_user
        jmp trap_leave
        .size trap_return_user, . - trap_return_user

        .section .note.GNU-stack, "", @progbits
