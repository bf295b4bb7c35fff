/* Solvers: one step of dx/dt = s (D - R x), with rate R, drive D and z = s h. */
#ifndef LIQUID_SOLVERS_H
#define LIQUID_SOLVERS_H

#include "simd.h"

/* ---- exponential: x <- decay x + gain D ------------------------------------------------------ */

/* No quantity is a difference of two that may be nearly the same, or grows where it should vanish:
 * each is right from the shortest interval to the longest. */
typedef struct {
    vec decay;      /* exp(-y) with y = z R; 0 below 2^-LIMIT */
    vec gain;       /* (1 - exp(-y)) / R */
    vec gain_slope; /* the derivative of the gain by R */
} Exponential;

/* -(d/dy) (1 - exp(-y)) / y is the sum of (-y)^k / (k! (k + 2)): enough of it for |y| <= 1/2,
 * highest first. */
#define NEAR_ZERO ((real)0.5)
static const real SLOPE_SERIES[] = {
#if REAL_BITS == 64
    1 / 1394852659200.0, 1 / 93405312000.0, 1 / 6706022400.0, 1 / 518918400.0,
    1 / 43545600.0,      1 / 3991680.0,     1 / 403200.0,
#endif
    (real)(1 / 45360.0), (real)(1 / 5760.0), (real)(1 / 840.0), (real)(1 / 144.0),
    (real)(1 / 30.0),    (real)(1 / 8.0),    (real)(1 / 3.0),   (real)(1 / 2.0),
};
#define SLOPE_TERMS (int)(sizeof SLOPE_SERIES / sizeof *SLOPE_SERIES)

INLINE Exponential exponential(vec z, vec rate) {
    vec y = z * rate, slope = splat(SLOPE_SERIES[0]);
    for (int i = 1; i < SLOPE_TERMS; i++) slope = SLOPE_SERIES[i] - slope * y;
    bits_vec near = (bits_vec)(absolute(y) < NEAR_ZERO);
    Exponential e;
    e.decay = choose((bits_vec)(y * LOG2E < LIMIT), exp_minus(y), splat(0));
    e.gain = choose(near, z * (e.decay + y * slope), (1 - e.decay) / rate);
    e.gain_slope = choose(near, -z * (z * slope), (z * e.decay - e.gain) / rate);
    return e;
}

/* ---- one step -------------------------------------------------------------------------------- */

static void advance(int solver, ptrdiff_t units, const vec *rate, const vec *drive, const vec *z,
                    vec *x) {
    switch (solver) {
    case FUSED:
        for (ptrdiff_t i = 0; i < units; i++)
            x[i] = (x[i] + z[i] * drive[i]) / (1 + z[i] * rate[i]);
        break;
    case EULER:
        for (ptrdiff_t i = 0; i < units; i++) x[i] += z[i] * (drive[i] - rate[i] * x[i]);
        break;
    case EXPONENTIAL:
        for (ptrdiff_t i = 0; i < units; i++) {
            Exponential e = exponential(z[i], rate[i]);
            x[i] = x[i] * e.decay + drive[i] * e.gain;
        }
        break;
    }
}

/* Gradients for one neuron: from that of the state after a step, `after`, to those of the state
 * before it, of the rate, of the drive, and, added up, of z. */
typedef struct { vec *x, *rate, *drive, *sum_z; } StepGradients;

INLINE void fused_backward(vec x, vec r, vec d, vec h, vec after, StepGradients to) {
    vec inverse = 1 / (1 + h * r), next = (x + h * d) * inverse;
    *to.x = after * inverse;
    *to.drive = *to.x * h;
    *to.rate = -*to.drive * next;
    *to.sum_z += *to.x * (d - r * next);
}

INLINE void euler_backward(vec x, vec r, vec d, vec h, vec after, StepGradients to) {
    *to.x = after * (1 - h * r);
    *to.drive = after * h;
    *to.rate = -*to.drive * x;
    *to.sum_z += after * (d - r * x);
}

INLINE void exponential_backward(vec x, vec r, vec d, vec h, vec after, StepGradients to) {
    Exponential e = exponential(h, r);
    *to.x = after * e.decay;
    *to.drive = after * e.gain;
    *to.rate = after * (d * e.gain_slope - x * (h * e.decay));
    *to.sum_z += *to.x * d - (*to.x * r) * x;
}

/* The same for all neurons; the gradient of the state after the step is in `d_x` and gives way to
 * that before it. */
static void advance_backward(int solver, ptrdiff_t units, const vec *x, const vec *rate,
                             const vec *drive, const vec *z, vec *d_x, vec *d_rate, vec *d_drive,
                             vec *sum_z) {
    for (ptrdiff_t i = 0; i < units; i++) {
        StepGradients to = {d_x + i, d_rate + i, d_drive + i, sum_z + i};
        if (solver == FUSED)
            fused_backward(x[i], rate[i], drive[i], z[i], d_x[i], to);
        else if (solver == EULER)
            euler_backward(x[i], rate[i], drive[i], z[i], d_x[i], to);
        else
            exponential_backward(x[i], rate[i], drive[i], z[i], d_x[i], to);
    }
}

#endif
