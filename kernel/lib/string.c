/*
 * memcpy and its relatives.
 *
 * Copies go by eight 8-byte moves a round, the fastest way under emulation and good on any CPU;
 * large ones use rep movsb where string_init says that it is fast. Ends are done by overlapping
 * moves rather than byte loops: a copy of 8 to 16 bytes is two loads and two stores.
 *
 * The compiler must not recognise these loops as the functions that they implement: where it could,
 * the instruction that does the work is spelt out.
 */
#include "kernel/lib/string.h"
#include <stdint.h>
#include <sluice/string.h>

/* Below this many bytes the start of a rep instruction costs more than it gains. */
#define REP_LEAST 256

typedef uint64_t __attribute__((may_alias, aligned(1))) word64;
typedef uint32_t __attribute__((may_alias, aligned(1))) word32;
typedef uint16_t __attribute__((may_alias, aligned(1))) word16;

static bool fast_rep;

void string_init(bool fast)
{
    fast_rep = fast;
}

/* N < 16. Everything is loaded before anything is stored, so overlap is harmless. */
static inline void copy_small(char *to, const char *from, size_t n)
{
    if (n >= 8) {
        uint64_t first = *(const word64 *)from, last = *(const word64 *)(from + n - 8);
        *(word64 *)to = first;
        *(word64 *)(to + n - 8) = last;
    } else if (n >= 4) {
        uint32_t first = *(const word32 *)from, last = *(const word32 *)(from + n - 4);
        *(word32 *)to = first;
        *(word32 *)(to + n - 4) = last;
    } else if (n >= 2) {
        uint16_t first = *(const word16 *)from, last = *(const word16 *)(from + n - 2);
        *(word16 *)to = first;
        *(word16 *)(to + n - 2) = last;
    } else if (n) {
        *to = *from;
    }
}

/* 64 bytes, all loaded before the first is stored. */
static inline void copy_64(char *to, const char *from)
{
    const word64 *f = (const word64 *)from;
    word64 *t = (word64 *)to;
    uint64_t a = f[0], b = f[1], c = f[2], d = f[3], e = f[4], g = f[5], h = f[6], i = f[7];
    t[0] = a;
    t[1] = b;
    t[2] = c;
    t[3] = d;
    t[4] = e;
    t[5] = g;
    t[6] = h;
    t[7] = i;
}

/* Ascending; right for overlapping ranges with TO below FROM. */
static inline void copy_up(char *to, const char *from, size_t n)
{
    for (; n >= 64; n -= 64, to += 64, from += 64)
        copy_64(to, from);
    for (; n >= 16; n -= 16, to += 16, from += 16) {
        uint64_t a = *(const word64 *)from, b = *(const word64 *)(from + 8);
        *(word64 *)to = a;
        *(word64 *)(to + 8) = b;
    }
    copy_small(to, from, n);
}

static inline void copy_down(char *to, const char *from, size_t n)
{
    for (; n >= 64; n -= 64)
        copy_64(to + n - 64, from + n - 64);
    for (; n >= 16; n -= 16) {
        uint64_t a = *(const word64 *)(from + n - 16), b = *(const word64 *)(from + n - 8);
        *(word64 *)(to + n - 16) = a;
        *(word64 *)(to + n - 8) = b;
    }
    copy_small(to, from, n);
}

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
    if (__builtin_expect(n >= REP_LEAST && fast_rep, 0)) {
        void *out = to;
        __asm__ volatile("rep movsb" : "+D"(out), "+S"(from), "+c"(n)::"memory");
    } else {
        copy_up(to, from, n);
    }
    return to;
}

void *memmove(void *to, const void *from, size_t n)
{
    if ((uintptr_t)to - (uintptr_t)from >= n)
        copy_up(to, from, n);
    else
        copy_down(to, from, n);
    return to;
}

void *memset(void *to, int byte, size_t n)
{
    char *out = to;
    uint64_t word = (uint8_t)byte * 0x0101010101010101ull;
    if (n < 16) {
        char pattern[16];
        *(word64 *)pattern = word;
        *(word64 *)(pattern + 8) = word;
        copy_small(out, pattern, n);
        return to;
    }
    *(word64 *)(out + n - 8) = word;
    *(word64 *)(out + n - 16) = word;
    size_t words = n / 8;
    if (words < 16) {
        for (size_t i = 0; i + 2 <= words; i += 2) {
            *(volatile word64 *)(out + i * 8) = word;
            *(volatile word64 *)(out + i * 8 + 8) = word;
        }
        return to;
    }
    __asm__ volatile("rep stosq" : "+D"(out), "+c"(words) : "a"(word) : "memory");
    return to;
}

/* By their bytes in memory. */
static inline int compare_words(uint64_t a, uint64_t b)
{
    a = __builtin_bswap64(a);
    b = __builtin_bswap64(b);
    return (a > b) - (a < b);
}

/* Fewer than eight bytes, as one word: its halves may overlap. */
static inline int compare_small(const unsigned char *a, const unsigned char *b, size_t n)
{
    if (n >= 4)
        return compare_words(*(const word32 *)a | (uint64_t) * (const word32 *)(a + n - 4) << 32,
                             *(const word32 *)b | (uint64_t) * (const word32 *)(b + n - 4) << 32);
    for (; n; n--, a++, b++)
        if (*a != *b)
            return *a - *b;
    return 0;
}

int memcmp(const void *a, const void *b, size_t n)
{
    const unsigned char *x = a, *y = b;
    if (n < 8)
        return compare_small(x, y, n);
    for (; n > 8; n -= 8, x += 8, y += 8)
        if (*(const word64 *)x != *(const word64 *)y)
            return compare_words(*(const word64 *)x, *(const word64 *)y);
    /* The last eight, some of which were equal before. */
    return compare_words(*(const word64 *)(x + n - 8), *(const word64 *)(y + n - 8));
}

void *memchr(const void *s, int byte, size_t n)
{
    const unsigned char *p = s;
    for (; n; n--, p++)
        if (*p == (unsigned char)byte)
            return (void *)(uintptr_t)p;
    return NULL;
}

size_t strlen(const char *s)
{
    const volatile char *p = s;
    while (*p)
        p++;
    return (size_t)(p - s);
}

int strcmp(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return (unsigned char)*a - (unsigned char)*b;
}

int strncmp(const char *a, const char *b, size_t n)
{
    for (; n; n--, a++, b++)
        if (*a != *b || !*a)
            return (unsigned char)*a - (unsigned char)*b;
    return 0;
}

char *strchr(const char *s, int c)
{
    for (;; s++) {
        if (*s == (char)c)
            return (char *)(uintptr_t)s;
        if (!*s)
            return NULL;
    }
}
