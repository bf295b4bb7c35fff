#if FLT_RADIX != 2 || FLT_MANT_DIG != 24 || FLT_MAX_EXP != 128
#error "float has to be the 32-bit format of IEEE 754"
#endif

/* Tables stay in program memory where that is an address space of its own (AVR). */
#ifdef __FLASH
#define FLASH __flash
#ifndef __clang__ /* avr-gcc 5 steps wrongly through such tables when it chooses what loops count */
#pragma GCC optimize("no-ivopts")
#endif
#else
#define FLASH
#endif

/* A float, and the bits it is made of. */
typedef union {
    float value;
    uint32_t bits;
} number;

/* Whether x is NaN, which marks what is missing, or infinite. It looks at the bits, so that it works
 * where a compiler was told that there is no NaN (-ffast-math). */
static int is_missing(float x) {
    number n;
    n.value = x;
    return (n.bits & 0x7f800000u) == 0x7f800000u;
}
