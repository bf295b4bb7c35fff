/* SIMD in portable C: vectors of REAL_BITS-bit numbers, VECTOR_BYTES long, and the sigmoid.
 *
 * GCC and clang turn the vector types into whatever the target has; only minimum and maximum,
 * which C lacks for vectors, are named per instruction set.
 */
#if REAL_BITS == 32
typedef float real;
typedef int32_t integer;
#define MANTISSA_BITS 23
#define ROUNDING 12582912.0f /* 1.5 * 2^23: adding it rounds to an integer */
#define LIMIT 60.0f          /* 2^60 + 1 squared is still finite */
#else
typedef double real;
typedef int64_t integer;
#define MANTISSA_BITS 52
#define ROUNDING 6755399441055744.0 /* 1.5 * 2^52 */
#define LIMIT 500.0
#endif

#define LANES ((int)(VECTOR_BYTES / sizeof(real)))
#define INLINE static inline __attribute__((always_inline))

typedef real vec __attribute__((vector_size(VECTOR_BYTES)));
typedef integer ivec __attribute__((vector_size(VECTOR_BYTES)));

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
INLINE vec choose(ivec which, vec yes, vec no) {
    return (vec)(((ivec)yes & which) | ((ivec)no & ~which));
}
INLINE vec vmin(vec a, vec b) { return choose((ivec)(a < b), a, b); }
INLINE vec vmax(vec a, vec b) { return choose((ivec)(a > b), a, b); }
#endif

INLINE vec splat(real value) { return value - (vec){0}; }

INLINE real sum_lanes(vec v) {
    real total = 0;
    for (int l = 0; l < LANES; l++) total += v[l];
    return total;
}

/* 2^r - 1 for |r| <= 1/2, without the cancellation. float: minimax, relative error of 2^r below
 * 1e-7; double: Taylor, below 1e-17. */
INLINE vec exp2_fraction_m1(vec r) {
#if REAL_BITS == 32
    vec p = 0.00132647272f * r + 0.00967151281f;
    p = p * r + 0.0555073374f;
    p = p * r + 0.240222421f;
    p = p * r + 0.693146978f;
#else
    vec p = 1.3691488853904128e-12 * r + 2.5678435993488202e-11;
    p = p * r + 4.4455382718708116e-10;
    p = p * r + 7.0549116208011234e-9;
    p = p * r + 1.0178086009239700e-7;
    p = p * r + 1.3215486790144309e-6;
    p = p * r + 1.5252733804059841e-5;
    p = p * r + 1.5403530393381609e-4;
    p = p * r + 1.3333558146428443e-3;
    p = p * r + 9.6181291076284772e-3;
    p = p * r + 5.5504108664821580e-2;
    p = p * r + 2.4022650695910071e-1;
    p = p * r + 6.9314718055994531e-1;
#endif
    return p * r;
}

/* y = n + r, n an integer, |r| <= 1/2; returns r and the bits to add to a number to scale it
 * by 2^n. */
INLINE vec split(vec y, ivec *exponent) {
    vec shifted = y + ROUNDING;
    *exponent = (ivec)shifted << MANTISSA_BITS;
    return y - (shifted - ROUNDING);
}

INLINE vec clamped(vec y) { return vmax(splat(-LIMIT), vmin(splat(LIMIT), y)); }

/* 1 + 2^y, y clamped. */
INLINE vec one_plus_exp2(vec y) {
    ivec exponent;
    vec r = split(clamped(y), &exponent);
    return (vec)((ivec)(exp2_fraction_m1(r) + (real)1) + exponent) + (real)1;
}

/* 1 / (1 + 2^y): the sigmoid of -y ln 2. */
INLINE vec sigmoid2(vec y) { return (real)1 / one_plus_exp2(y); }

/* Two sigmoids for one division. */
INLINE void sigmoid2_pair(vec y0, vec y1, vec *s0, vec *s1) {
    vec d0 = one_plus_exp2(y0), d1 = one_plus_exp2(y1);
    vec inverse = (real)1 / (d0 * d1);
    *s0 = inverse * d1;
    *s1 = inverse * d0;
}

#define LOG2E ((real)1.4426950408889634074)

/* 1 - exp(-z), accurate for small z too. */
INLINE vec one_minus_exp(vec z) {
    ivec exponent;
    vec y = vmax(splat(-LIMIT), vmin(splat(LIMIT), -LOG2E * z));
    vec r = split(y, &exponent);
    vec scale = (vec)((ivec)splat(1) + exponent);
    return ((real)1 - scale) - scale * exp2_fraction_m1(r);
}
