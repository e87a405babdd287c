/*
 * Where application processors wake: real mode, in the page below 1 MiB that kernel/cpu/smp.c copies
 * this to. It only reaches 32-bit mode; boot_ap_entry does the rest.
 */
        .section .rodata
        .code16
        .globl trampoline_start, trampoline_end
trampoline_start:
        cli
        cld
        movw %cs, %ax
        movw %ax, %ds
        lgdtl (trampoline_gdt - trampoline_start)
        movl %cr0, %eax
        orl $1, %eax
        movl %eax, %cr0
        ljmpl $0x18, $boot_ap_entry
        .balign 4
trampoline_gdt:
        .word 4*8 - 1             /* boot_gdt has four descriptors */
        .long boot_gdt
trampoline_end:

/* The higher half: the kernel's page tables, a stack, then C. The boot CPU starts one CPU at a time and
 * has filled in these words. */
        .section .text.entry, "ax"
        .code64
        .globl smp_high
smp_high:
        movq smp_start_tables(%rip), %rax
        movq %rax, %cr3
        movq smp_start_stack(%rip), %rsp
        movq smp_start_cpu(%rip), %rdi
        xorl %ebp, %ebp
        call smp_cpu_main
        ud2

        .section .note.GNU-stack, "", @progbits
