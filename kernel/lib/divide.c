/* 128-bit division, which the compiler calls by these names. */
#include <stdint.h>

typedef unsigned __int128 uint128;

uint128 __udivti3(uint128 dividend, uint128 divisor);
uint128 __umodti3(uint128 dividend, uint128 divisor);

/* HIGH:LOW / DIVISOR, with HIGH < DIVISOR so that the quotient fits. */
static uint64_t divide_step(uint64_t high, uint64_t low, uint64_t divisor, uint64_t *remainder)
{
    uint64_t quotient;
    __asm__("divq %4"
            : "=a"(quotient), "=d"(*remainder)
            : "a"(low), "d"(high), "rm"(divisor)
            : "cc");
    return quotient;
}

static uint128 divide_narrow(uint128 dividend, uint64_t divisor, uint128 *remainder)
{
    uint64_t high = (uint64_t)(dividend >> 64), rest;
    uint64_t quotient_high = high / divisor;
    uint64_t quotient_low = divide_step(high % divisor, (uint64_t)dividend, divisor, &rest);
    *remainder = rest;
    return (uint128)quotient_high << 64 | quotient_low;
}

/* Bit by bit: divisors above 64 bits hardly ever come up. */
static uint128 divide_wide(uint128 dividend, uint128 divisor, uint128 *remainder)
{
    uint128 quotient = 0, rest = (uint64_t)(dividend >> 64);
    for (int bit = 63; bit >= 0; bit--) {
        rest = rest << 1 | (dividend >> bit & 1);
        quotient <<= 1;
        if (rest >= divisor) {
            rest -= divisor;
            quotient |= 1;
        }
    }
    *remainder = rest;
    return quotient;
}

static uint128 divide(uint128 dividend, uint128 divisor, uint128 *remainder)
{
    return divisor >> 64 ? divide_wide(dividend, divisor, remainder)
                         : divide_narrow(dividend, (uint64_t)divisor, remainder);
}

uint128 __udivti3(uint128 dividend, uint128 divisor)
{
    uint128 remainder;
    return divide(dividend, divisor, &remainder);
}

uint128 __umodti3(uint128 dividend, uint128 divisor)
{
    uint128 remainder;
    divide(dividend, divisor, &remainder);
    return remainder;
}
