/* SIMD in portable C: vectors of REAL_BITS-bit numbers, VECTOR_BYTES long, and the functions that
 * the equations are made of.
 *
 * GCC and clang turn the vector types into whatever the target has; only the few operations that C
 * lacks for vectors are named per instruction set.
 */
#ifndef LIQUID_SIMD_H
#define LIQUID_SIMD_H

#include "kernel.h"

#if REAL_BITS == 32
typedef float real;
typedef uint32_t bits;
#define REAL_MAX FLT_MAX
#define MANTISSA_BITS 23
#define ROUNDING 12582912.0f /* 1.5 * 2^23: adding it rounds to an integer */
#define LIMIT 120.0f         /* 2^120 is still finite */
#else
typedef double real;
typedef uint64_t bits;
#define REAL_MAX DBL_MAX
#define MANTISSA_BITS 52
#define ROUNDING 6755399441055744.0 /* 1.5 * 2^52 */
#define LIMIT 1000.0
#endif

#define LANES ((int)(VECTOR_BYTES / sizeof(real)))
#define INLINE static inline __attribute__((always_inline))
#define LOG2E ((real)1.4426950408889634074)

typedef real vec __attribute__((vector_size(VECTOR_BYTES)));
typedef real unaligned_vec
    __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(real)), may_alias));
typedef bits bits_vec __attribute__((vector_size(VECTOR_BYTES)));

/* ---- vectors --------------------------------------------------------------------------------- */

INLINE vec splat(real value) { return value - (vec){0}; }

/* `which` is all ones or all zeros in each lane. */
INLINE vec choose(bits_vec which, vec yes, vec no) {
    return (vec)(((bits_vec)yes & which) | ((bits_vec)no & ~which));
}

/* The second operand wins when it is NaN, so NaN goes through to the result. */
#if VECTOR_BYTES == 64 && REAL_BITS == 32
INLINE vec vmin(vec a, vec b) { return (vec)_mm512_min_ps((__m512)a, (__m512)b); }
INLINE vec vmax(vec a, vec b) { return (vec)_mm512_max_ps((__m512)a, (__m512)b); }
#elif VECTOR_BYTES == 64
INLINE vec vmin(vec a, vec b) { return (vec)_mm512_min_pd((__m512d)a, (__m512d)b); }
INLINE vec vmax(vec a, vec b) { return (vec)_mm512_max_pd((__m512d)a, (__m512d)b); }
#elif VECTOR_BYTES == 32 && REAL_BITS == 32
INLINE vec vmin(vec a, vec b) { return (vec)_mm256_min_ps((__m256)a, (__m256)b); }
INLINE vec vmax(vec a, vec b) { return (vec)_mm256_max_ps((__m256)a, (__m256)b); }
#elif VECTOR_BYTES == 32
INLINE vec vmin(vec a, vec b) { return (vec)_mm256_min_pd((__m256d)a, (__m256d)b); }
INLINE vec vmax(vec a, vec b) { return (vec)_mm256_max_pd((__m256d)a, (__m256d)b); }
#else
INLINE vec vmin(vec a, vec b) { return choose((bits_vec)(a < b), a, b); }
INLINE vec vmax(vec a, vec b) { return choose((bits_vec)(a > b), a, b); }
#endif

INLINE vec absolute(vec v) { return vmax(v, -v); }

INLINE real sum_lanes(vec v) {
    real total = 0;
    for (int l = 0; l < LANES; l++) total += v[l];
    return total;
}

/* Lanes added up until few are left, which is cheaper than down to one. */
typedef real few __attribute__((vector_size(16)));
#define FEW ((int)(sizeof(few) / sizeof(real)))

INLINE few fold_lanes(vec v) {
    union { vec whole; few parts[VECTOR_BYTES / sizeof(few)]; } lanes = {v};
    few sum = lanes.parts[0];
    for (size_t i = 1; i < VECTOR_BYTES / sizeof(few); i++) sum += lanes.parts[i];
    return sum;
}

INLINE real sum_few(few v) {
    real total = 0;
    for (int l = 0; l < FEW; l++) total += v[l];
    return total;
}

/* ---- powers of 2 ----------------------------------------------------------------------------- */

/* The coefficients of (2^r - 1) / r for |r| <= 1/2, highest first. float: minimax, relative error
 * of 2^r below 1e-7; double: Taylor, below 1e-17. */
static const real EXP2[] = {
#if REAL_BITS == 32
    0.00132647272f, 0.00967151281f, 0.0555073374f, 0.240222421f, 0.693146978f,
#else
    1.3691488853904128e-12, 2.5678435993488202e-11, 4.4455382718708116e-10,
    7.0549116208011234e-9,  1.0178086009239700e-7,  1.3215486790144309e-6,
    1.5252733804059841e-5,  1.5403530393381609e-4,  1.3333558146428443e-3,
    9.6181291076284772e-3,  5.5504108664821580e-2,  2.4022650695910071e-1,
    6.9314718055994531e-1,
#endif
};
#define EXP2_TERMS (int)(sizeof EXP2 / sizeof *EXP2)

/* 2^r - 1, without the cancellation. */
INLINE vec exp2_fraction_m1(vec r) {
    vec p = splat(EXP2[0]);
    for (int i = 1; i < EXP2_TERMS; i++) p = p * r + EXP2[i];
    return p * r;
}

/* 2^y is put together from 2^n and 2^r, where y = n + r, n an integer and |r| <= 1/2. Rounding
 * gives a form of n that makes both n and the scaling by 2^n cheap. */
#if VECTOR_BYTES == 64
/* The hardware scales by 2^n itself. */
#if REAL_BITS == 32
INLINE vec rounded(vec y) { return (vec)_mm512_roundscale_ps((__m512)y, 8); }
INLINE vec scale(vec v, vec n) { return (vec)_mm512_scalef_ps((__m512)v, (__m512)n); }
#else
INLINE vec rounded(vec y) { return (vec)_mm512_roundscale_pd((__m512d)y, 8); }
INLINE vec scale(vec v, vec n) { return (vec)_mm512_scalef_pd((__m512d)v, (__m512d)n); }
#endif
INLINE vec integer_of(vec n) { return n; }
#else
/* Adding ROUNDING leaves n in the lowest bits of the sum; shifted up they add to an exponent. */
INLINE vec rounded(vec y) { return y + ROUNDING; }
INLINE vec integer_of(vec n) { return n - ROUNDING; }
INLINE vec scale(vec v, vec n) { return (vec)((bits_vec)v + ((bits_vec)n << MANTISSA_BITS)); }
#endif

INLINE vec clamped(vec y) { return vmax(splat(-LIMIT), vmin(splat(LIMIT), y)); }

/* ---- functions ------------------------------------------------------------------------------- */

/* A sigmoid is one long chain of operations that wait for each other: several of them side by side
 * keep the processor busy. */
#define TOGETHER 4
#define EACH for (int j = 0; j < count; j++)

/* 1 / (1 + 2^y), the sigmoid of -y ln 2, in place, for |y| <= LIMIT and `count` up to TOGETHER. */
INLINE void sigmoids2_within(vec *y, int count) {
    vec n[TOGETHER], p[TOGETHER];
    EACH n[j] = rounded(y[j]);
    EACH y[j] -= integer_of(n[j]);
    EACH p[j] = splat(EXP2[0]);
    for (int i = 1; i < EXP2_TERMS; i++) EACH p[j] = p[j] * y[j] + EXP2[i];
    EACH p[j] = scale(p[j] * y[j] + (real)1, n[j]);
    EACH y[j] = (real)1 / (p[j] + (real)1);
}

/* The same of one, for any y. Beyond LIMIT it is 0 itself: what is left of 2^-LIMIT would still count
 * once gradients multiply it by huge parameters. */
INLINE vec sigmoid2(vec y) {
    vec s = clamped(y);
    sigmoids2_within(&s, 1);
    return choose((bits_vec)(y > splat(LIMIT)), splat(0), s);
}

INLINE vec sigmoid_of(vec y) { return sigmoid2(y * -LOG2E); }
INLINE vec tanh_of(vec y) { return 2 * sigmoid2(y * (-2 * LOG2E)) - 1; }

/* exp(-y) */
INLINE vec exp_minus(vec y) {
    vec power = clamped(-LOG2E * y), n = rounded(power), whole = scale(splat(1), n);
    return whole + whole * exp2_fraction_m1(power - integer_of(n));
}

/* The coefficients of atanh(z) / z in powers of z squared, enough of them for |z| <= 1/3, highest
 * first. */
static const real ATANH[] = {
#if REAL_BITS == 64
    1 / 33.0, 1 / 31.0, 1 / 29.0, 1 / 27.0, 1 / 25.0, 1 / 23.0, 1 / 21.0, 1 / 19.0, 1 / 17.0,
#endif
    (real)(1 / 15.0), (real)(1 / 13.0), (real)(1 / 11.0), (real)(1 / 9.0),
    (real)(1 / 7.0),  (real)(1 / 5.0),  (real)(1 / 3.0),  1,
};
#define ATANH_TERMS (int)(sizeof ATANH / sizeof *ATANH)

/* log(1 + exp(y)) = max(y, 0) + log(1 + e) with e = exp(-|y|), and log(1 + e) = 2 atanh(z) with
 * z = e / (2 + e). */
INLINE vec softplus_of(vec y) {
    vec e = exp_minus(absolute(y)), z = e / (2 + e), squared = z * z, sum = splat(ATANH[0]);
    for (int i = 1; i < ATANH_TERMS; i++) sum = sum * squared + ATANH[i];
    return vmax(splat(0), y) + 2 * z * sum;
}

/* For measuring, see kernel.h: TOGETHER vectors side by side, as in the innermost loops. */
static void sigmoid(const void *from, void *to, ptrdiff_t count) {
    const real *x = from;
    real *y = to;
    ptrdiff_t i = 0;
    for (; i + TOGETHER * LANES <= count; i += TOGETHER * LANES) {
        vec v[TOGETHER];
        for (int j = 0; j < TOGETHER; j++)
            v[j] = clamped(-LOG2E * *(const unaligned_vec *)(x + i + j * LANES));
        sigmoids2_within(v, TOGETHER);
        for (int j = 0; j < TOGETHER; j++) *(unaligned_vec *)(y + i + j * LANES) = v[j];
    }
    for (; i < count; i++) y[i] = sigmoid2(splat(-LOG2E * x[i]))[0];
}

#endif
