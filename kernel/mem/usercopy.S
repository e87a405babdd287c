/*
 * What touches a program's memory. The copies check the range and open the SMAP window themselves;
 * the others are usercopy.c's, which does. After a fault in a move of a word the bytes from there on
 * are tried one by one, so that the count left is exact.
 *
 * Where rep movsb isn't fast, words move by single movsq written out: under emulation half the
 * instructions of loads and stores at nearly their speed, and faster than any rep (measured in
 * tests/bench/README.md).
 */
#include "kernel/cpu/extable.h"

        /* usercopy.c asserts these. */
        .set USER_LIMIT, 0x00007ffffffff000
        .set FEATURE_SMAP, 0x5e
        .set FEATURE_FAST_STRINGS, 0x68
        .set ERROR_FAULT, -14
        .set ERROR_TOO_LONG, -36

/* Dear where they are emulated: once a call. */
        .macro window_open
        cmpb $0, cpu_features+FEATURE_SMAP(%rip)
        je 99f
        stac
99:
        .endm

        .macro window_close
        cmpb $0, cpu_features+FEATURE_SMAP(%rip)
        je 99f
        clac
99:
        .endm

/* Refuses SIZE bytes at USER, the size in RAX as all that is left, where they reach beyond what
 * programs can have. */
        .macro check_range user, size
        movabsq $USER_LIMIT, %rax
        subq \user, %rax
        jb user_range_refused
        cmpq \size, %rax
        jb user_range_refused
        .endm

/* COUNT words; after a fault RDI and R8 tell what is left. */
        .macro move_words count
        .rept \count
901:    movsq
        extable 901b, 70f
        .endr
        .endm

        .text
/* All instructions between these two labels, and no others, may fault on a program's pages. */
        .globl user_access_start, user_access_end
user_access_start:

/*
 * size_t copy_from_user(void *to, const void *user, size_t size)
 * size_t copy_to_user(void *user, const void *from, size_t size): bytes not moved. What fits into two words
 * is moved by two that may overlap, and so is the rest of what is longer. A fault in any of them finds
 * RDI, RSI and RDX saying what is left.
 */
        .balign 16
        .globl copy_from_user
        .type copy_from_user, @function
copy_from_user:
        check_range %rsi, %rdx
        jmp user_move
        .size copy_from_user, . - copy_from_user

        .balign 16
        .globl copy_to_user
        .type copy_to_user, @function
copy_to_user:
        check_range %rdi, %rdx
user_move:
        window_open
        cmpq $16, %rdx
        ja 8f
        cmpl $8, %edx
        jb 5f
1:      movq (%rsi), %rax
2:      movq -8(%rsi, %rdx), %rcx
3:      movq %rax, (%rdi)
4:      movq %rcx, -8(%rdi, %rdx)
        window_close
        xorl %eax, %eax
        ret
5:      cmpl $4, %edx
        jb 50f
6:      movl (%rsi), %eax
7:      movl -4(%rsi, %rdx), %ecx
44:     movl %eax, (%rdi)
45:     movl %ecx, -4(%rdi, %rdx)
        window_close
        xorl %eax, %eax
        ret

8:      leaq (%rdi, %rdx), %r8
        movq %rdx, %rcx
        shrq $8, %rcx
        jz 20f
        cmpb $0, cpu_features+FEATURE_FAST_STRINGS(%rip)
        jne 30f
        .balign 16
10:     move_words 32
        decq %rcx
        jnz 10b
        movzbl %dl, %edx
20:     movl %edx, %ecx
        andl $63, %edx
        shrl $6, %ecx
        jz 40f
25:     move_words 8
        decl %ecx
        jnz 25b
40:     movl %edx, %ecx
        andl $7, %edx
        shrl $3, %ecx
        jz 42f
41:     move_words 1
        decl %ecx
        jnz 41b
42:     testl %edx, %edx
        jz 60f
46:     movq -8(%rsi, %rdx), %rax
47:     movq %rax, -8(%rdi, %rdx)
        window_close
        xorl %eax, %eax
        ret

50:     testq %rdx, %rdx
        jz 60f
51:     movb (%rsi), %al
52:     movb %al, (%rdi)
        incq %rsi
        incq %rdi
        decq %rdx
        jnz 51b
60:     window_close
        movq %rdx, %rax
        ret

30:     movq %rdx, %rcx
31:     rep movsb
32:     movq %rcx, %rdx
        jmp 60b

70:     movq %r8, %rdx
        subq %rdi, %rdx
        jmp 51b

        extable 1b, 51b
        extable 2b, 51b
        extable 3b, 51b
        extable 4b, 51b
        extable 6b, 51b
        extable 7b, 51b
        extable 44b, 51b
        extable 45b, 51b
        extable 46b, 51b
        extable 47b, 51b
        extable 31b, 32b
        extable 51b, 60b
        extable 52b, 60b
        .size copy_to_user, . - copy_to_user

/* size_t zero_user(void *user, size_t size): bytes not cleared. */
        .balign 16
        .globl zero_user
        .type zero_user, @function
zero_user:
        movq %rsi, %rdx
        check_range %rdi, %rdx
        window_open
        xorl %eax, %eax
        cmpq $8, %rsi
        jb 19f
        movq %rsi, %rcx
        andl $7, %edx
        shrq $3, %rcx
10:     rep stosq
19:     testl %edx, %edx
        jz 30f
20:     movb %al, (%rdi)
        incq %rdi
        decq %rdx
        jnz 20b
30:     window_close
        movq %rdx, %rax
        ret
40:     leaq (%rdx, %rcx, 8), %rdx
        jmp 20b

        extable 10b, 40b
        extable 20b, 30b
        .size zero_user, . - zero_user

user_range_refused:
        movq %rdx, %rax
        ret

/*
 * long string_from_user(char *to, const char *user, size_t size). Words may reach past the string's
 * end into a page that is absent: then its last bytes are read singly. R8 counts; R11 is the answer
 * where no NUL comes: too long, or up to the end of what programs can have.
 */
        .balign 16
        .globl string_from_user
        .type string_from_user, @function
string_from_user:
        movabsq $USER_LIMIT, %rax
        subq %rsi, %rax
        jb 75f
        movq $ERROR_TOO_LONG, %r11
        cmpq %rdx, %rax
        jae 5f
        movq %rax, %rdx
        movq $ERROR_FAULT, %r11
5:      window_open
        movabsq $0x0101010101010101, %r9
        movabsq $0x8080808080808080, %r10
        xorl %r8d, %r8d
        subq $8, %rdx
        jb 30f
20:     movq (%rsi, %r8), %rax
        movq %rax, (%rdi, %r8)
        movq %rax, %rcx
        subq %r9, %rax
        notq %rcx
        andq %r10, %rax
        andq %rcx, %rax
        jnz 50f
        addq $8, %r8
        cmpq %rdx, %r8
        jbe 20b
30:     addq $8, %rdx
35:     cmpq %rdx, %r8
        jae 60f
40:     movb (%rsi, %r8), %al
        movb %al, (%rdi, %r8)
        testb %al, %al
        jz 55f
        incq %r8
        jmp 35b
50:     bsfq %rax, %rax
        shrl $3, %eax
        addq %rax, %r8
55:     window_close
        movq %r8, %rax
        ret
60:     window_close
        movq %r11, %rax
        ret
70:     window_close
75:     movq $ERROR_FAULT, %rax
        ret

        extable 20b, 30b
        extable 40b, 70b
        .size string_from_user, . - string_from_user

/* Single words. They return 0, or -1 without effect.
 *
 * int user_load32(uint32_t *value, const uint32_t *user) */
        .balign 16
        .globl user_load32
        .type user_load32, @function
user_load32:
10:     movl (%rsi), %edx
        movl %edx, (%rdi)
        xorl %eax, %eax
        ret
        extable 10b, user_word_failed
        .size user_load32, . - user_load32

/* int user_store32(uint32_t *user, uint32_t value) */
        .balign 16
        .globl user_store32
        .type user_store32, @function
user_store32:
10:     movl %esi, (%rdi)
        xorl %eax, %eax
        ret
        extable 10b, user_word_failed
        .size user_store32, . - user_store32

/* int user_store64(uint64_t *user, uint64_t value) */
        .balign 16
        .globl user_store64
        .type user_store64, @function
user_store64:
10:     movq %rsi, (%rdi)
        xorl %eax, %eax
        ret
        extable 10b, user_word_failed
        .size user_store64, . - user_store64

/* int user_cmpxchg32(uint32_t *user, uint32_t expected, uint32_t desired, uint32_t *seen) */
        .balign 16
        .globl user_cmpxchg32
        .type user_cmpxchg32, @function
user_cmpxchg32:
        movl %esi, %eax
10:     lock cmpxchgl %edx, (%rdi)
        movl %eax, (%rcx)
        xorl %eax, %eax
        ret
        extable 10b, user_word_failed
        .size user_cmpxchg32, . - user_cmpxchg32

/* int user_store_every8(uint16_t *user, const uint16_t *from, size_t count): 16 bits of every 8
 * bytes, COUNT times; 0 or -1. Four a round. */
        .balign 16
        .globl user_store_every8
        .type user_store_every8, @function
user_store_every8:
        movq %rdx, %rcx
        andl $3, %edx
        shrq $2, %rcx
        jz 20f
        .balign 16
10:     movw (%rsi), %ax
11:     movw %ax, (%rdi)
        movw 8(%rsi), %ax
12:     movw %ax, 8(%rdi)
        movw 16(%rsi), %ax
13:     movw %ax, 16(%rdi)
        movw 24(%rsi), %ax
14:     movw %ax, 24(%rdi)
        addq $32, %rsi
        addq $32, %rdi
        decq %rcx
        jnz 10b
20:     testl %edx, %edx
        jz 40f
30:     movw (%rsi), %ax
31:     movw %ax, (%rdi)
        addq $8, %rsi
        addq $8, %rdi
        decl %edx
        jnz 30b
40:     xorl %eax, %eax
        ret
        extable 11b, user_word_failed
        extable 12b, user_word_failed
        extable 13b, user_word_failed
        extable 14b, user_word_failed
        extable 31b, user_word_failed
        .size user_store_every8, . - user_store_every8

user_word_failed:
        movl $-1, %eax
        ret
user_access_end:

        .section .note.GNU-stack, "", @progbits
