/* A lesson: the loss of an output, its gradient, and one step of an optimiser. */
#ifndef LIQUID_LESSONS_H
#define LIQUID_LESSONS_H

#include "sensitivities.h"

/* ---- losses ---------------------------------------------------------------------------------- */

static double loss_of_error(int kind, double error, double *slope) {
    double size = fabs(error), sign = (error > 0) - (error < 0);
    if (kind == MSE) return *slope = 2 * error, error * error;
    if (kind == MAE) return *slope = sign, size;
    *slope = size <= 1 ? error : sign;
    return size <= 1 ? error * error / 2 : size - 0.5;
}

/* Of logits and probabilities that sum to 1. */
static double cross_entropy(const Learner *p, const real *outputs, const double *target,
                            real *slopes) {
    double most = -INFINITY, sum = 0, loss = 0;
    for (ptrdiff_t o = 0; o < p->output_size; o++) most = fmax(most, outputs[o]);
    for (ptrdiff_t o = 0; o < p->output_size; o++) sum += exp(outputs[o] - most);
    for (ptrdiff_t o = 0; o < p->output_size; o++) {
        double logit = outputs[o] - most;
        loss += target[o] * (log(sum) - logit);
        slopes[o] = (real)(exp(logit) / sum - target[o]);
    }
    return loss;
}

/* The loss of outputs whose targets are known, and its derivative; 0 targets: returns 0. */
static ptrdiff_t loss_of(const Learner *p, const real *outputs, Lesson *lesson, real *slopes) {
    const double *target = lesson->target;
    ptrdiff_t known = 0;
    for (ptrdiff_t o = 0; o < p->output_size; o++) known += target[o] == target[o];
    if (!known) return 0;
    if (p->loss == CROSS_ENTROPY) {
        if (known < p->output_size) return 0;
        lesson->loss = cross_entropy(p, outputs, target, slopes);
        return known;
    }
    lesson->loss = 0;
    for (ptrdiff_t o = 0; o < p->output_size; o++) {
        double slope = 0;
        if (target[o] == target[o])
            lesson->loss += loss_of_error(p->loss, outputs[o] - target[o], &slope) / (double)known;
        slopes[o] = (real)(slope / (double)known);
    }
    return known;
}

/* ---- the gradient ---------------------------------------------------------------------------- */

static void readout_gradient(const Learner *p, const real *state, const real *by_output, real *to) {
    for (ptrdiff_t o = 0; o < p->output_size; o++) {
        if (p->motor)
            to[o] = by_output[o] * state[p->motors[o]];
        else
            for (ptrdiff_t i = 0; i < p->units; i++) to[o * p->units + i] = by_output[o] * state[i];
        to[(p->motor ? 1 : p->units) * p->output_size + o] = by_output[o];
    }
}

static void gradient_of_kept(const Learner *p, const LearnerWork *w, ptrdiff_t at, real *to) {
    const real *kept = (const real *)p->kept_sensitivities + at * p->output_size * p->columns;
    memset(to, 0, (size_t)p->readout * sizeof(real));
    for (ptrdiff_t o = 0; o < p->output_size; o++, kept += p->columns)
        for (ptrdiff_t j = 0; j < p->readout; j++) to[j] += w->by_output[o] * kept[j];
}

/* 0 where there is no parameter. */
static void finish_gradient(const Learner *p) {
    real *gradient = p->gradient;
    for (ptrdiff_t j = 0; j < p->columns; j += LANES) {
        vec g = load(gradient + j);
        bits_vec wanted = (bits_vec)(load((const real *)p->wanted + j) > splat(0));
        store(gradient + j, choose(wanted, g, splat(0)));
    }
}

/* Its norm, which may be beyond what its square could be: infinite or NaN if any number is. */
static double norm_of(const real *gradient, ptrdiff_t count) {
    double largest = 0, sum = 0;
    for (ptrdiff_t j = 0; j < count; j++) {
        double size = fabs((double)gradient[j]);
        if (!(size <= REAL_MAX)) return INFINITY;
        largest = size > largest ? size : largest;
    }
    if (largest == 0) return 0;
    for (ptrdiff_t j = 0; j < count; j++) {
        double part = gradient[j] / largest;
        sum += part * part;
    }
    return largest * sqrt(sum);
}

/* ---- optimisers ------------------------------------------------------------------------------ */

#define RMSPROP_DECAY ((real)0.99)
#define ADAM_DECAY_1 ((real)0.9)
#define ADAM_DECAY_2 ((real)0.999)
#define TINY ((real)1e-8)
#if REAL_BITS == 32
#define ROOT(x) sqrtf(x)
#else
#define ROOT(x) sqrt(x)
#endif

INLINE void rmsprop(real rate, ptrdiff_t count, const real *g, real scale, real *second, real *to) {
    for (ptrdiff_t j = 0; j < count; j++) {
        real step = scale * g[j];
        second[j] = RMSPROP_DECAY * second[j] + (1 - RMSPROP_DECAY) * step * step;
        to[j] -= rate * step / (ROOT(second[j]) + TINY);
    }
}

INLINE void adam(real rate, real correction, ptrdiff_t count, const real *g, real scale,
                 real *first, real *second, real *to) {
    for (ptrdiff_t j = 0; j < count; j++) {
        real step = scale * g[j];
        first[j] = ADAM_DECAY_1 * first[j] + (1 - ADAM_DECAY_1) * step;
        second[j] = ADAM_DECAY_2 * second[j] + (1 - ADAM_DECAY_2) * step * step;
        to[j] -= rate * first[j] / (ROOT(second[j]) * correction + TINY);
    }
}

static void optimise(const Learner *p, const Lesson *lesson, real scale) {
    real *to = p->parameters, rate = (real)lesson->rate;
    const real *g = p->gradient, *lower = p->lower;
    if (p->optimizer == RMSPROP) {
        rmsprop(rate, p->columns, g, scale, p->second_moment, to);
    } else if (p->optimizer == ADAM) {
        double first = 1 - pow(0.9, lesson->count), second = 1 - pow(0.999, lesson->count);
        adam((real)(lesson->rate / first), (real)(1 / sqrt(second)), p->columns, g, scale,
             p->first_moment, p->second_moment, to);
    } else {
        for (ptrdiff_t j = 0; j < p->columns; j++) to[j] -= rate * (scale * g[j]);
    }
    if (!p->softplus)
        for (ptrdiff_t j = 0; j < p->columns; j++) to[j] = to[j] < lower[j] ? lower[j] : to[j];
}

/* ---- one lesson ------------------------------------------------------------------------------ */

static Outcome learner_learn(const Learner *p, void *memory, Lesson *lesson) {
    LearnerWork w = learner_work(p, memory);
    ptrdiff_t kept = lesson->kept;
    const real *outputs = p->outputs, *state = p->state;
    if (kept >= 0) {
        outputs = (const real *)p->kept_outputs + kept * p->output_size;
        state = (const real *)p->kept_states + kept * p->units;
    }
    if (!loss_of(p, outputs, lesson, w.by_output)) return UNKNOWN_TARGET;
    real *gradient = p->gradient;
    if (kept >= 0) {
        gradient_of_kept(p, &w, kept, gradient);
    } else {
        through_readout(p, &w, w.by_output, w.by_state);
        by_parameters(p, w.by_state, gradient);
        by_stored(p, &w, gradient);
    }
    readout_gradient(p, state, w.by_output, gradient + p->readout);
    finish_gradient(p);
    double norm = norm_of(gradient, p->columns);
    if (!(norm < INFINITY)) return NOT_FINITE;
    double scale = lesson->largest_norm / (norm + 1e-6);
    optimise(p, lesson, (real)(scale < 1 ? scale : 1));
    set_values(p, &w);
    spread_values(p, &w);
    return LEARNED;
}

#endif
