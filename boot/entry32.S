/*
 * From the loader's 32-bit protected mode (or an application processor's real mode) to 64-bit code in
 * the higher half. Linked at its physical address: nothing here may be called once the kernel's own
 * page tables are loaded.
 *
 * The early page tables map the first 4 GiB three times by 2 MiB pages: one to one for this code, at
 * DIRECT_BASE (no-execute) for boot code that runs before kernel/mem has made the real direct map, and
 * the first GiB at KERNEL_BASE for the image. They stay as they are for application processors to
 * start on; no CPU uses them for longer than it takes to load the kernel's own.
 */

        .set KERNEL_BASE, 0xffffffff80000000
        .set CR0_BITS, 0x80010033       /* PG WP NE ET MP PE; EM, TS, CD and NW clear */
        .set CR4_PAE, 0x20
        .set EFER, 0xc0000080
        .set EFER_BITS, 0x901           /* NXE LME SCE */
        .set CPUID_LM, 1 << 29
        .set CPUID_NX, 1 << 20
        .set LOG_PORT, 0x2f8
        .set EXIT_PORT, 0xf4
        .set EXIT_PANIC, 0x11

        .section .boot, "ax"
        .code32

/* EAX: loader's magic, EBX: its information. Kept in EDI and ESI for kernel_main. */
        .globl boot_entry
boot_entry:
        cli
        cld
        movl %eax, %edi
        movl %ebx, %esi

        movl $0x80000000, %eax
        cpuid
        movl $no_long_mode, %ebp
        cmpl $0x80000001, %eax
        jb boot_refuse
        movl $0x80000001, %eax
        cpuid
        testl $CPUID_LM, %edx
        jz boot_refuse
        movl $no_nx, %ebp
        testl $CPUID_NX, %edx
        jz boot_refuse

        /* Four page directories of 2 MiB pages, present and writable. */
        xorl %ecx, %ecx
1:      movl %ecx, %eax
        shll $21, %eax
        orl $0x83, %eax
        movl %eax, boot_directories(, %ecx, 8)
        movl $0, boot_directories+4(, %ecx, 8)
        incl %ecx
        cmpl $2048, %ecx
        jne 1b

        movl $boot_directories+3, %eax
        movl %eax, boot_pointers_high + 510*8
        xorl %ecx, %ecx
2:      movl %eax, boot_pointers_low(, %ecx, 8)
        addl $4096, %eax
        incl %ecx
        cmpl $4, %ecx
        jne 2b

        movl $boot_pointers_low+3, boot_pml4
        movl $boot_pointers_low+3, boot_pml4 + 256*8
        movl $0x80000000, boot_pml4 + 256*8 + 4
        movl $boot_pointers_high+3, boot_pml4 + 511*8

        movl $boot_high - KERNEL_BASE, %ebp

/* Enters long mode on the early tables and goes to KERNEL_BASE + EBP. */
enter_long_mode:
        movl $CR4_PAE, %eax
        movl %eax, %cr4
        movl $boot_pml4, %eax
        movl %eax, %cr3
        movl $EFER, %ecx
        movl $EFER_BITS, %eax
        xorl %edx, %edx
        wrmsr
        movl $CR0_BITS, %eax
        movl %eax, %cr0
        lgdt boot_gdt_pointer
        ljmp $0x08, $1f

        .code64
1:      movl $0x10, %eax
        movl %eax, %ds
        movl %eax, %es
        movl %eax, %ss
        xorl %eax, %eax
        movl %eax, %fs
        movl %eax, %gs
        movl %ebp, %eax
        addq $KERNEL_BASE, %rax
        jmp *%rax

/* Application processors come here from the trampoline in low memory, in 32-bit mode. */
        .code32
        .globl boot_ap_entry
boot_ap_entry:
        movl $0x10, %eax
        movl %eax, %ds
        movl $smp_high - KERNEL_BASE, %ebp
        jmp enter_long_mode

/* A CPU we can't run on: the text at EBP goes to the log's serial port, then the machine ends. */
boot_refuse:
        movb (%ebp), %al
        incl %ebp
        testb %al, %al
        jz 2f
        movw $LOG_PORT, %dx
        outb %al, %dx
        jmp boot_refuse
2:      movb $EXIT_PANIC, %al
        movw $EXIT_PORT, %dx
        outb %al, %dx
3:      hlt
        jmp 3b

no_long_mode:
        .asciz "panic: this CPU has no 64-bit mode\n"
no_nx:
        .asciz "panic: this CPU has no no-execute pages\n"

/* 0x08 64-bit code, 0x10 data, 0x18 32-bit code (the trampoline's way here). */
        .balign 8
        .globl boot_gdt, boot_gdt_end
boot_gdt:
        .quad 0
        .quad 0x00af9b000000ffff
        .quad 0x00cf93000000ffff
        .quad 0x00cf9b000000ffff
boot_gdt_end:
boot_gdt_pointer:
        .word boot_gdt_end - boot_gdt - 1
        .long boot_gdt

        .section .boot_tables, "aw", @nobits
        .balign 4096
boot_pml4:
        .skip 4096
boot_pointers_low:
        .skip 4096
boot_pointers_high:
        .skip 4096
boot_directories:
        .skip 4 * 4096

/* The higher half. EDI and ESI hold what the loader gave. */
        .section .text.entry, "ax"
        .code64
boot_high:
        movq $boot_stack_top, %rsp
        xorl %ebp, %ebp
        movl %edi, %edi
        movl %esi, %esi
        call kernel_main
        ud2

        .section .bss
        .balign 4096
        .globl boot_stack, boot_stack_top
boot_stack:
        .skip 16384
boot_stack_top:

        .section .note.GNU-stack, "", @progbits
