/* One sample through a population, with the derivatives that the sensitivities need. */
#ifndef LIQUID_LEARNER_STEP_H
#define LIQUID_LEARNER_STEP_H

#include "learner_work.h"
#include "solvers.h"

#define EVERY(i, count) for (ptrdiff_t i = 0; i < (count); i += LANES)

INLINE void gather(const real *from, const int32_t *index, ptrdiff_t count, real *to) {
    for (ptrdiff_t e = 0; e < count; e++) to[e] = from[index[e]];
}

/* ---- conductance dynamics -------------------------------------------------------------------- */

enum { LIST_W, LIST_SIGMA, LIST_MU, LIST_E };

/* sigmoid(sigma (v - mu)) of every synapse. */
static void open_synapses(real *const *of, const real *sent, ptrdiff_t count, real *open) {
    const real *sigma = of[LIST_SIGMA], *mu = of[LIST_MU];
    for (ptrdiff_t e = 0; e < count; e += TOGETHER * LANES) {
        ptrdiff_t left = (count - e + LANES - 1) / LANES;
        int vectors = left < TOGETHER ? (int)left : TOGETHER;
        vec y[TOGETHER];
        for (int j = 0; j < vectors; j++) {
            ptrdiff_t at = e + j * LANES;
            y[j] = clamped(LOG2E * load(sigma + at) * (load(mu + at) - load(sent + at)));
        }
        if (vectors == TOGETHER)
            sigmoids2_within(y, TOGETHER);
        else
            for (int j = 0; j < vectors; j++) sigmoids2_within(y + j, 1);
        for (int j = 0; j < vectors; j++) store(open + e + j * LANES, y[j]);
    }
}

INLINE void add_currents(real *const *of, const real *open, const ptrdiff_t *start, ptrdiff_t units,
                         const real *rate0, const real *drive0, real *rate, real *drive) {
    const real *w = of[LIST_W], *reversal = of[LIST_E];
    ptrdiff_t e = 0;
    for (ptrdiff_t i = 0; i < units; i++) {
        real r = rate0[i], d = drive0[i];
        for (ptrdiff_t end = start[i + 1]; e < end; e++) {
            real s = w[e] * open[e];
            r += s;
            d += s * reversal[e];
        }
        rate[i] = r;
        drive[i] = d;
    }
}

static void conductance_base(const Learner *p, const LearnerWork *w, real h, int given) {
    const real *c = w->own[0], *g = w->own[1], *vleak = w->own[2], *tau = p->time_constants;
    const real *raw = w->raw_inputs;
    const real *a = w->values + p->blocks[p->units].first, *b = a + p->input_size;
    for (ptrdiff_t k = 0; k < p->input_size; k++) w->inputs[k] = a[k] * raw[k] + b[k];
    for (ptrdiff_t i = 0; i < p->units; i++) w->leak[i] = given ? c[i] / tau[i] : g[i];
    for (ptrdiff_t i = 0; i < w->units_step; i++) w->h[i] = h / c[i];
    for (ptrdiff_t i = 0; i < p->units; i++) w->base_drive[i] = w->leak[i] * vleak[i];
    gather(w->inputs, w->sensory_pre, p->sensory.count, w->sensory_sent);
    open_synapses(w->sensory, w->sensory_sent, p->sensory.count, w->sensory_open);
    if (w->seen)
        for (ptrdiff_t e = 0; e < p->sensory.count; e++)
            w->sensory_open[e] *= w->seen[w->sensory_pre[e]];
    add_currents(w->sensory, w->sensory_open, w->sensory_start, p->units, w->leak, w->base_drive,
                 w->base_rate, w->base_drive);
}

/* One step of the solver, and the derivatives of the state after it. */
static void solve_step(const Learner *p, const LearnerWork *w, ptrdiff_t u) {
    ptrdiff_t at = u * w->units_step, count = w->units_step / LANES;
    vec *x = (vec *)(w->x + at), *next = (vec *)(w->x + at + w->units_step);
    vec *rate = (vec *)w->rate, *drive = (vec *)w->drive, *h = (vec *)w->h;
    vec *by_x = (vec *)(w->by_x + at), *by_rate = (vec *)(w->by_rate + at);
    vec *by_drive = (vec *)(w->by_drive + at), *by_h = (vec *)(w->by_h + at);
    for (ptrdiff_t i = 0; i < count; i++) {
        next[i] = x[i];
        by_x[i] = splat(1);
        by_h[i] = splat(0);
    }
    advance(p->solver, count, rate, drive, h, next);
    advance_backward(p->solver, count, x, rate, drive, h, by_x, by_rate, by_drive, by_h);
}

static void conductance_forward(const Learner *p, const LearnerWork *w, real h, int given) {
    conductance_base(p, w, h, given);
    for (ptrdiff_t u = 0; u < p->unfolds; u++) {
        real *sent = w->sent + u * w->synapses_step, *open = w->open + u * w->synapses_step;
        gather(w->x + u * w->units_step, w->pre, p->recurrent.count, sent);
        open_synapses(w->recurrent, sent, p->recurrent.count, open);
        add_currents(w->recurrent, open, w->start, p->units, w->base_rate, w->base_drive, w->rate,
                     w->drive);
        solve_step(p, w, u);
    }
}

/* A synapse onto oneself joins the diagonal. */
INLINE void fold_self(const Learner *p, const LearnerWork *w, real *jacobian) {
    for (ptrdiff_t i = 0; i < p->units; i++)
        for (ptrdiff_t e = w->start[i]; e < w->start[i + 1]; e++)
            if (w->pre[e] == i) jacobian[i] += jacobian[w->units_step + e];
}

static void conductance_jacobian(const Learner *p, const LearnerWork *w) {
    const real *weight = w->recurrent[LIST_W], *sigma = w->recurrent[LIST_SIGMA];
    const real *reversal = w->recurrent[LIST_E];
    for (ptrdiff_t u = 0; u < p->unfolds; u++) {
        real *to = w->jacobian + u * (w->units_step + w->synapses_step);
        const real *open = w->open + u * w->synapses_step;
        memcpy(to, w->by_x + u * w->units_step, (size_t)w->units_step * sizeof(real));
        real *edges = to + w->units_step;
        for (ptrdiff_t i = 0; i < p->units; i++) {
            real by_rate = w->by_rate[u * w->units_step + i];
            real by_drive = w->by_drive[u * w->units_step + i];
            for (ptrdiff_t e = w->start[i]; e < w->start[i + 1]; e += LANES) {
                vec s = load(open + e);
                store(edges + e, (s - s * s) * load(weight + e) * load(sigma + e) *
                                     (by_rate + load(reversal + e) * by_drive));
            }
        }
        fold_self(p, w, to);
    }
}

/* Derivatives of one neuron's state by w, sigma, mu and E of its synapses. */
INLINE real *direct_synapses(real *const *of, ptrdiff_t start, ptrdiff_t count, const real *sent,
                             const real *open, real by_rate, real by_drive, real *to) {
    for (ptrdiff_t j = 0; j < count; j += LANES)
        store(to + j, load(open + start + j) * (by_rate + load(of[LIST_E] + start + j) * by_drive));
    for (int list = LIST_SIGMA; list <= LIST_MU; list++) {
        to += count;
        for (ptrdiff_t j = 0; j < count; j += LANES) {
            ptrdiff_t e = start + j;
            vec s = load(open + e), by_v = (s - s * s) * load(of[LIST_W] + e) *
                                           (by_rate + load(of[LIST_E] + e) * by_drive);
            store(to + j, list == LIST_SIGMA ? by_v * (load(sent + e) - load(of[LIST_MU] + e))
                                             : -by_v * load(of[LIST_SIGMA] + e));
        }
    }
    to += count;
    for (ptrdiff_t j = 0; j < count; j += LANES)
        store(to + j, load(open + start + j) * load(of[LIST_W] + start + j) * by_drive);
    return to + count;
}

static void conductance_direct(const Learner *p, const LearnerWork *w, ptrdiff_t i, int given) {
    const Block *block = &p->blocks[i];
    real vleak = w->own[2][i], tau = ((const real *)p->time_constants)[i];
    for (ptrdiff_t u = 0; u < p->unfolds; u++) {
        ptrdiff_t at = u * w->units_step + i;
        real by_rate = w->by_rate[at], by_drive = w->by_drive[at];
        real by_leak = by_rate + vleak * by_drive;
        real *to = w->direct + u * block->width;
        *to++ = (given ? by_leak / tau : 0) - w->by_h[at] * w->h[i] / w->own[0][i];
        *to++ = given ? 0 : by_leak;
        *to++ = w->leak[i] * by_drive;
        to = direct_synapses(w->recurrent, w->start[i], w->start[i + 1] - w->start[i],
                             w->sent + u * w->synapses_step, w->open + u * w->synapses_step, by_rate,
                             by_drive, to);
        direct_synapses(w->sensory, w->sensory_start[i],
                        w->sensory_start[i + 1] - w->sensory_start[i], w->sensory_sent,
                        w->sensory_open, by_rate, by_drive, to);
    }
}

/* Derivatives of each neuron's state by a and b of the inputs it receives. */
static void conductance_direct_inputs(const Learner *p, const LearnerWork *w) {
    const Block *block = &p->blocks[p->units];
    const real *weight = w->sensory[LIST_W], *sigma = w->sensory[LIST_SIGMA];
    const real *reversal = w->sensory[LIST_E];
    for (ptrdiff_t i = 0; i < p->units; i++)
        for (ptrdiff_t e = w->sensory_start[i]; e < w->sensory_start[i + 1]; e++) {
            ptrdiff_t k = w->sensory_pre[e];
            real s = w->sensory_open[e], by_v = (s - s * s) * weight[e] * sigma[e];
            real *to = w->direct_inputs + w->input_rows[i] * block->width + k;
            for (ptrdiff_t u = 0; u < p->unfolds; u++, to += block->reach->rows * block->width) {
                ptrdiff_t at = u * w->units_step + i;
                real by_b = by_v * (w->by_rate[at] + reversal[e] * w->by_drive[at]);
                to[p->input_size] = by_b;
                *to = by_b * w->raw_inputs[k];
            }
        }
}

/* ---- dense dynamics -------------------------------------------------------------------------- */

INLINE real weighted(const real *weights, const real *from, ptrdiff_t start, ptrdiff_t end) {
    real sum = 0;
    for (ptrdiff_t e = start; e < end; e++) sum += weights[e] * from[e];
    return sum;
}

static void dense_forward(const Learner *p, const LearnerWork *w, real h, int given) {
    const real *tau = given ? p->time_constants : w->own[1], *a = w->own[2];
    memcpy(w->inputs, w->raw_inputs, (size_t)p->input_size * sizeof(real));
    gather(w->inputs, w->sensory_pre, p->sensory.count, w->sensory_sent);
    for (ptrdiff_t i = 0; i < p->units; i++) {
        w->base_drive[i] = w->own[0][i] + weighted(w->sensory[0], w->sensory_sent,
                                                   w->sensory_start[i], w->sensory_start[i + 1]);
        w->leak[i] = 1 / tau[i];
    }
    for (ptrdiff_t i = 0; i < w->units_step; i++) w->h[i] = h;
    for (ptrdiff_t u = 0; u < p->unfolds; u++) {
        real *sent = w->sent + u * w->synapses_step, *f = w->open + u * w->units_step;
        gather(w->x + u * w->units_step, w->pre, p->recurrent.count, sent);
        for (ptrdiff_t i = 0; i < p->units; i++)
            f[i] = w->base_drive[i] + weighted(w->recurrent[0], sent, w->start[i], w->start[i + 1]);
        EVERY(i, p->units) {
            vec y = load(f + i);
            y = p->activation == TANH ? tanh_of(y) : sigmoid_of(y);
            store(f + i, y);
            store(w->rate + i, load(w->leak + i) + y);
            store(w->drive + i, y * load(a + i));
        }
        solve_step(p, w, u);
    }
}

/* How a neuron's state depends on its pre-activation. */
INLINE real dense_by_sum(const Learner *p, const LearnerWork *w, ptrdiff_t u, ptrdiff_t i) {
    ptrdiff_t at = u * w->units_step + i;
    real f = w->open[at];
    real slope = p->activation == TANH ? 1 - f * f : f - f * f;
    return slope * (w->by_rate[at] + w->own[2][i] * w->by_drive[at]);
}

static void dense_jacobian(const Learner *p, const LearnerWork *w) {
    for (ptrdiff_t u = 0; u < p->unfolds; u++) {
        real *to = w->jacobian + u * (w->units_step + w->synapses_step);
        memcpy(to, w->by_x + u * w->units_step, (size_t)w->units_step * sizeof(real));
        for (ptrdiff_t i = 0; i < p->units; i++) {
            real by_sum = dense_by_sum(p, w, u, i);
            for (ptrdiff_t e = w->start[i]; e < w->start[i + 1]; e += LANES)
                store(to + w->units_step + e, by_sum * load(w->recurrent[0] + e));
        }
        fold_self(p, w, to);
    }
}

INLINE real *direct_list(const real *from, ptrdiff_t count, real by_sum, real *to) {
    for (ptrdiff_t j = 0; j < count; j += LANES) store(to + j, by_sum * load(from + j));
    return to + count;
}

static void dense_direct(const Learner *p, const LearnerWork *w, ptrdiff_t i, int given) {
    ptrdiff_t start = w->start[i], sensory = w->sensory_start[i];
    for (ptrdiff_t u = 0; u < p->unfolds; u++) {
        ptrdiff_t at = u * w->units_step + i;
        real by_sum = dense_by_sum(p, w, u, i), *to = w->direct + u * p->blocks[i].width;
        *to++ = by_sum;
        *to++ = given ? 0 : -w->by_rate[at] * w->leak[i] * w->leak[i];
        *to++ = w->by_drive[at] * w->open[at];
        to = direct_list(w->sent + u * w->synapses_step + start, w->start[i + 1] - start, by_sum,
                         to);
        direct_list(w->sensory_sent + sensory, w->sensory_start[i + 1] - sensory, by_sum, to);
    }
}

/* ---- closed-form dynamics -------------------------------------------------------------------- */

enum { FF1, FF2, TIME_A, TIME_B };

static int head_count(const Learner *p) { return p->mode == PURE ? 1 : 4; }

/* The state of neurons first .. last - 1 from their heads, and its derivatives by them. */
static void gated_state(const Learner *p, const LearnerWork *w, ptrdiff_t first, ptrdiff_t last,
                           real elapsed, int given) {
    ptrdiff_t step = w->heads_step;
    const real *bias = w->own[TIME_A], *tau = p->time_constants;
    real *heads = w->heads, *by = w->by_heads;
    if (given)
        for (ptrdiff_t i = first; i < last; i++)
            heads[TIME_A * step + i] += (bias[i] < 0 ? -1 : 1) / tau[i] - bias[i];
    for (ptrdiff_t i = first; i < last; i += LANES) {
        vec first_state = tanh_of(load(heads + i)), second = tanh_of(load(heads + step + i));
        vec s = sigmoid_of(load(heads + TIME_A * step + i) * elapsed +
                           load(heads + TIME_B * step + i));
        vec share = p->mode == NO_GATE ? splat(1) : 1 - s;
        vec by_s = (s - s * s) * (p->mode == NO_GATE ? second : second - first_state);
        store(w->x + w->units_step + i, share * first_state + s * second);
        store(by + i, share * (1 - first_state * first_state));
        store(by + step + i, s * (1 - second * second));
        store(by + TIME_A * step + i, by_s * elapsed);
        store(by + TIME_B * step + i, by_s);
    }
}

/* `by_rate` and `by_drive` take the derivatives by w_tau and A. */
static void pure_state(const Learner *p, const LearnerWork *w, ptrdiff_t first, ptrdiff_t last,
                          real elapsed, int given) {
    const real *w_tau = w->own[1], *a = w->own[2], *tau = p->time_constants;
    for (ptrdiff_t i = first; i < last; i++) {
        real f = w->heads[i], size = f < 0 ? -f : f, own = w_tau[i] < 0 ? -w_tau[i] : w_tau[i];
        real left = exp_minus(splat(elapsed * ((given ? 1 / tau[i] : own) + size)))[0];
        real sign = w_tau[i] < 0 ? -1 : w_tau[i] > 0;
        w->x[w->units_step + i] = a[i] - a[i] * f * left;
        w->by_heads[i] = -a[i] * left * (1 - elapsed * size);
        w->by_rate[i] = given ? 0 : a[i] * f * left * elapsed * sign;
        w->by_drive[i] = 1 - f * left;
    }
}

static void closed_form_forward(const Learner *p, const LearnerWork *w, real elapsed, int given) {
    ptrdiff_t step = w->units_step;
    memcpy(w->inputs, w->raw_inputs, (size_t)p->input_size * sizeof(real));
    gather(w->inputs, w->sensory_pre, p->sensory.count, w->sensory_sent);
    for (ptrdiff_t layer = 0; layer < p->layers; layer++) {
        ptrdiff_t first = p->layer_start[layer], last = p->layer_start[layer + 1];
        /* Earlier layers have acted in this step. */
        for (ptrdiff_t e = w->start[first]; e < w->start[last]; e++)
            w->sent[e] = w->x[w->pre[e] + (w->pre[e] < first ? step : 0)];
        for (int k = 0; k < head_count(p); k++)
            for (ptrdiff_t i = first; i < last; i++)
                w->heads[k * w->heads_step + i] =
                    w->own[k][i] +
                    weighted(w->recurrent[k], w->sent, w->start[i], w->start[i + 1]) +
                    weighted(w->sensory[k], w->sensory_sent, w->sensory_start[i],
                             w->sensory_start[i + 1]);
        if (p->mode == PURE)
            pure_state(p, w, first, last, elapsed, given);
        else
            gated_state(p, w, first, last, elapsed, given);
    }
}

static void closed_form_jacobian(const Learner *p, const LearnerWork *w) {
    real *edges = w->jacobian + w->units_step;
    memset(w->jacobian, 0, (size_t)w->units_step * sizeof(real));
    for (ptrdiff_t i = 0; i < p->units; i++)
        for (ptrdiff_t e = w->start[i]; e < w->start[i + 1]; e += LANES) {
            vec sum = {0};
            for (int k = 0; k < head_count(p); k++)
                sum += w->by_heads[k * w->heads_step + i] * load(w->recurrent[k] + e);
            store(edges + e, sum);
        }
    fold_self(p, w, w->jacobian);
}

static void closed_form_direct(const Learner *p, const LearnerWork *w, ptrdiff_t i, int given) {
    ptrdiff_t start = w->start[i], sensory = w->sensory_start[i];
    real *to = w->direct;
    const real *by = w->by_heads + i;
    for (int k = 0; k < head_count(p); k++)
        *to++ = k == TIME_A && given ? 0 : by[k * w->heads_step];
    if (p->mode == PURE) {
        *to++ = w->by_rate[i];
        *to++ = w->by_drive[i];
    }
    for (int k = 0; k < head_count(p); k++)
        to = direct_list(w->sent + start, w->start[i + 1] - start, by[k * w->heads_step], to);
    for (int k = 0; k < head_count(p); k++)
        to = direct_list(w->sensory_sent + sensory, w->sensory_start[i + 1] - sensory,
                         by[k * w->heads_step], to);
}

/* ---- any dynamics ---------------------------------------------------------------------------- */

static void learner_forward(const Learner *p, const LearnerWork *w, real elapsed, int given) {
    if (p->dynamics == CONDUCTANCE)
        conductance_forward(p, w, elapsed / (real)p->unfolds, given);
    else if (p->dynamics == DENSE)
        dense_forward(p, w, elapsed / (real)p->unfolds, given);
    else
        closed_form_forward(p, w, elapsed, given);
}

static void learner_jacobian(const Learner *p, const LearnerWork *w) {
    if (p->dynamics == CONDUCTANCE)
        conductance_jacobian(p, w);
    else if (p->dynamics == DENSE)
        dense_jacobian(p, w);
    else
        closed_form_jacobian(p, w);
}

static void learner_direct(const Learner *p, const LearnerWork *w, ptrdiff_t i, int given) {
    if (p->dynamics == CONDUCTANCE)
        conductance_direct(p, w, i, given);
    else if (p->dynamics == DENSE)
        dense_direct(p, w, i, given);
    else
        closed_form_direct(p, w, i, given);
}

#endif
