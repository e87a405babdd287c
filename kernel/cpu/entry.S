/*
 * Ways into the kernel: 256 trap stubs and SYSCALL; and the ways back to user mode. They build struct
 * trap_frame (trap.h) and call C with its address.
 *
 * GS: in the kernel the GS base is this CPU's struct cpu, in user mode the program's; SWAPGS happens
 * exactly when the privilege level changes, first thing in and last thing out. What can strike between
 * (NMI, machine check, double fault) comes on stacks of its own, where the struct cpu is stored above
 * the frame, and takes the careful way: trap_paranoid.
 *
 * Interrupts stay off in all of this file, but for the calls of system-call functions.
 */
#include "syscall_table.inc"

        .set CPU_SYSCALL_FRAME, 8
        .set CPU_USER_STACK, 16
        .set CPU_PREEMPT, 24
        .set CPU_CURRENT, 32
        .set THREAD_WORK, 16
        .set WORK_SIGNAL, 1

        .set USER_DATA, 0x23
        .set USER_CODE, 0x2b
        .set TRAP_SYSCALL, 0x100
        .set RFLAGS_AC, 0x40000
        .set MSR_GS_BASE, 0xc0000101

        .set RESTART_FIRST, -516
        .set RESTART_LAST, -512

        .set FRAME_R15, 0
        .set FRAME_R14, 8
        .set FRAME_R13, 16
        .set FRAME_R12, 24
        .set FRAME_RBP, 32
        .set FRAME_RBX, 40
        .set FRAME_R11, 48
        .set FRAME_R10, 56
        .set FRAME_R9, 64
        .set FRAME_R8, 72
        .set FRAME_RAX, 80
        .set FRAME_RCX, 88
        .set FRAME_RDX, 96
        .set FRAME_RSI, 104
        .set FRAME_RDI, 112
        .set FRAME_VECTOR, 120
        .set FRAME_ERROR, 128
        .set FRAME_RIP, 136
        .set FRAME_CS, 144
        .set FRAME_RFLAGS, 152
        .set FRAME_RSP, 160
        .set FRAME_SS, 168
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
 * SYSCALL: number in RAX, arguments in RDI RSI RDX R10 R8 R9, return address in RCX, flags in R11.
 *
 * The frame at the top of the stack is filled in two steps, for most calls end with nothing pending.
 * First comes what C may change and the way back needs. The registers that C preserves, and what
 * follows from the rest, are added only when somebody will look at them or load them: on the slow way
 * back (signals), and before calls that copy or rewrite their frame, which the table marks (fork,
 * sigreturn, exec): these go through syscall_with_frame and always take the slow way.
 *
 * So the fast way back finds RIP as SYSCALL left it: an address that SYSRET may be given, for the last
 * page below the gap in the address space is nobody's (layout.h). Intel CPUs would fault otherwise, in
 * the kernel, on the user's stack.
 *
 * Results -512 to -516 ask delivery to decide between a restart and EINTR. Only a pending signal makes
 * a call give one, but another thread may have taken that signal meanwhile: the work bit gets the
 * thread through delivery in any case.
 */
        .macro frame_complete
        movq %rbx, FRAME_RBX(%rsp)
        movq %rbp, FRAME_RBP(%rsp)
        movq %r12, FRAME_R12(%rsp)
        movq %r13, FRAME_R13(%rsp)
        movq %r14, FRAME_R14(%rsp)
        movq %r15, FRAME_R15(%rsp)
        movq FRAME_RIP(%rsp), %rcx
        movq %rcx, FRAME_RCX(%rsp)
        movq FRAME_RFLAGS(%rsp), %rcx
        movq %rcx, FRAME_R11(%rsp)
        movq $USER_CODE, FRAME_CS(%rsp)
        movq $USER_DATA, FRAME_SS(%rsp)
        movq %rax, FRAME_RAX(%rsp)
        .endm

        .balign 16
        .globl syscall_entry
        .type syscall_entry, @function
syscall_entry:
        swapgs
        movq %rsp, %gs:CPU_USER_STACK
        movq %gs:CPU_SYSCALL_FRAME, %rsp
        movq %rcx, FRAME_RIP(%rsp)
        movq %gs:CPU_USER_STACK, %rcx
        movq %r11, FRAME_RFLAGS(%rsp)
        movq %rcx, FRAME_RSP(%rsp)
        movq $TRAP_SYSCALL, FRAME_VECTOR(%rsp)
        movq %rax, FRAME_ERROR(%rsp)
        movq %rdi, FRAME_RDI(%rsp)
        movq %rsi, FRAME_RSI(%rsp)
        movq %rdx, FRAME_RDX(%rsp)
        movq %r8, FRAME_R8(%rsp)
        movq %r9, FRAME_R9(%rsp)
        movq %r10, FRAME_R10(%rsp)
        sti
        cmpq $SYSCALL_COUNT, %rax
        jae syscall_beyond
        movq %r10, %rcx
        call *syscall_targets(, %rax, 8)
        .globl syscall_return_address
syscall_return_address:
        cli
        movq %gs:CPU_CURRENT, %rcx
        leaq -RESTART_FIRST(%rax), %rdx
        cmpq $RESTART_LAST - RESTART_FIRST, %rdx
        jbe syscall_interrupted
        cmpl $0, THREAD_WORK(%rcx)
        jne syscall_slow
        cmpl $0, %gs:CPU_PREEMPT
        je syscall_slow
        movq FRAME_RIP(%rsp), %rcx
        movq FRAME_RFLAGS(%rsp), %r11
        movq FRAME_R10(%rsp), %r10
        movq FRAME_R9(%rsp), %r9
        movq FRAME_R8(%rsp), %r8
        movq FRAME_RDX(%rsp), %rdx
        movq FRAME_RSI(%rsp), %rsi
        movq FRAME_RDI(%rsp), %rdi
        movq FRAME_RSP(%rsp), %rsp
        swapgs
        sysretq

syscall_interrupted:
        lock orl $WORK_SIGNAL, THREAD_WORK(%rcx)
syscall_slow:
        frame_complete
syscall_leave:
        movq %rsp, %rdi
        call trap_leave_user
        jmp trap_leave

syscall_beyond:
        movq %rax, %rdi
        call syscall_unknown
        jmp syscall_return_address
        .size syscall_entry, . - syscall_entry

/* Called in place of the function by syscall_entry, to which it does not return. */
        .balign 16
        .globl syscall_with_frame
        .type syscall_with_frame, @function
syscall_with_frame:
        addq $8, %rsp
        frame_complete
        movq %rsp, %rdi
        call syscall_dispatch
        .globl syscall_frame_return_address
syscall_frame_return_address:
        cli
        jmp syscall_leave
        .size syscall_with_frame, . - syscall_with_frame

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
