/* Dense dynamics, forward and backward: chunks of rows, a row a lane; and one row alone forward, a
 * neuron a lane. */
#ifndef LIQUID_DENSE_H
#define LIQUID_DENSE_H

#include "scratch.h"

INLINE vec activation_of(const Step *p, vec y) {
    return p->activation == TANH ? tanh_of(y) : sigmoid_of(y);
}

/* ---- forward, chunks of rows ----------------------------------------------------------------- */

/* What stays constant over the unfolds; h is their length. */
static void dense_inputs(const Step *p, const Packed *packed, Scratch *w, vec h) {
    const real *tau = packed->parameters[TAU];
    for (ptrdiff_t i = 0; i < p->units; i++) {
        w->base_rate[i] = p->time_constants ? 1 / w->time_constants[i] : splat(1 / tau[i]);
        w->z[i] = h;
    }
}

/* y = W_rec x + W_in u + b */
static void preactivations(const Step *p, const Packed *packed, const vec *inputs, const vec *x,
                           vec *y) {
    const real *weight = packed->parameters[W_REC];
    const ptrdiff_t *start = packed->recurrent.start;
    const int32_t *pre = packed->recurrent.pre;
    memcpy(y, inputs, (size_t)p->units * sizeof(vec));
    if (uses_matrix(p)) {
        multiply_add_lanes(&packed->w_rec, x, y);
        return;
    }
    for (ptrdiff_t i = 0; i < p->units; i++)
        for (ptrdiff_t e = start[i]; e < start[i + 1]; e++) y[i] += weight[e] * x[pre[e]];
}

static void dense_rates(const Step *p, const Packed *packed, const Scratch *w, const vec *x,
                        vec *rate, vec *drive, vec *f) {
    const real *a = packed->parameters[A];
    preactivations(p, packed, w->inputs, x, f);
    for (ptrdiff_t i = 0; i < p->units; i++) {
        f[i] = activation_of(p, f[i]);
        rate[i] = w->base_rate[i] + f[i];
        drive[i] = a[i] * f[i];
    }
}

/* ---- backward -------------------------------------------------------------------------------- */

/* From the gradients of the pre-activations to those of the state, added to w->d_x, and of the
 * weights: of a list one unfold at a time, of a matrix once a time step, see matrix_backward. */
static void preactivations_backward(const Step *p, const Packed *packed, Scratch *w,
                                    const vec *x, const vec *d_y) {
    const real *weight = packed->parameters[W_REC];
    const ptrdiff_t *start = packed->recurrent.start;
    const int32_t *pre = packed->recurrent.pre;
    if (uses_matrix(p)) {
        multiply_add_lanes(&packed->w_rec_transposed, d_y, w->d_x);
        return;
    }
    for (ptrdiff_t i = 0; i < p->units; i++)
        for (ptrdiff_t e = start[i]; e < start[i + 1]; e++) {
            w->w_rec[e] += d_y[i] * x[pre[e]];
            w->d_x[pre[e]] += weight[e] * d_y[i];
        }
}

/* From the gradients of rate and drive to those of the pre-activations, which take the place of f
 * and whose sum over the unfolds goes to sum_drive, and from there on. */
static void dense_rates_backward(const Step *p, const Packed *packed, Scratch *w, const vec *x,
                                 const vec *d_rate, const vec *d_drive, vec *f) {
    const real *a = packed->parameters[A];
    int tanh = p->activation == TANH;
    for (ptrdiff_t i = 0; i < p->units; i++) {
        vec slope = tanh ? 1 - f[i] * f[i] : f[i] - f[i] * f[i];
        vec d_y = (d_rate[i] + a[i] * d_drive[i]) * slope;
        w->per_unit[A][i] += f[i] * d_drive[i];
        w->sum_rate[i] += d_rate[i];
        w->sum_drive[i] += d_y;
        f[i] = d_y;
    }
    preactivations_backward(p, packed, w, x, f);
}

/* The gradient of the matrix from all unfolds of one time step. */
static void matrix_backward(const Step *p, Scratch *w) {
    const OuterSum *sum = &w->w_rec_matrix;
    for (ptrdiff_t u = 0; u < p->unfolds; u++)
        lanes_to_rows(sum, w->xs + u * p->units, p->units, w->rows + u * LANES * sum->stride);
    add_outer(sum, w->fs, w->rows, p->unfolds);
}

/* The gradients of everything dense_inputs read; returns that of h. */
static vec dense_inputs_backward(const Step *p, const Packed *packed, Scratch *w) {
    const real *tau = packed->parameters[TAU];
    vec d_h = {0};
    for (ptrdiff_t i = 0; i < p->units; i++) {
        d_h += w->sum_z[i];
        w->d_inputs[i] = w->sum_drive[i];
        if (p->time_constants)
            w->time_constants[i] =
                -w->sum_rate[i] / (w->time_constants[i] * w->time_constants[i]);
        else
            w->per_unit[TAU][i] -= w->sum_rate[i] / (tau[i] * tau[i]);
    }
    return d_h;
}

static void finish_w_rec(const Step *p, const Scratch *w, real *to) {
    const SynapseList *list = &p->recurrent;
    const OuterSum *sum = &w->w_rec_matrix;
    for (ptrdiff_t e = 0; e < list->count; e++)
        to[e] = uses_matrix(p) ? sum->entries[list->post[e] * sum->stride + list->pre[e]]
                               : sum_lanes(w->w_rec[e]);
}

/* Gradients of the parameters from the sums over time and rows. */
static void finish_dense(const Step *p, const Scratch *w, real **to) {
    finish_w_rec(p, w, to[W_REC]);
    for (int which = TAU; which <= A; which++)
        for (ptrdiff_t i = 0; i < p->units; i++) to[which][i] = sum_lanes(w->per_unit[which][i]);
}

/* ---- forward, one row alone ------------------------------------------------------------------ */

/* As dense_inputs; `step` counts the time steps of all rows before this one. */
static void dense_inputs_row(const Step *p, const Packed *packed, const Scratch *w,
                             ptrdiff_t step, real h) {
    const real *given = p->time_constants;
    const real *tau = given ? given + step * p->units : packed->parameters[TAU];
    for (ptrdiff_t i = 0; i < p->units; i++) {
        ((real *)w->base_rate)[i] = 1 / tau[i];
        ((real *)w->z)[i] = h;
    }
    memcpy(w->inputs, (const real *)p->inputs + step * p->units,
           (size_t)p->units * sizeof(real));
}

static void dense_rates_row(const Step *p, const Packed *packed, const Scratch *w) {
    const real *weight = packed->parameters[W_REC], *a = packed->parameters[A];
    const real *x = (real *)w->x, *base = (real *)w->base_rate;
    const ptrdiff_t *start = packed->recurrent.start;
    real *y = (real *)w->f, *rate = (real *)w->rate, *drive = (real *)w->drive;
    memcpy(y, w->inputs, (size_t)vectors(p->units) * sizeof(vec));
    if (uses_matrix(p))
        multiply_add_row(&packed->w_rec, x, y);
    else
        for (ptrdiff_t i = 0; i < p->units; i++)
            for (ptrdiff_t e = start[i]; e < start[i + 1]; e++)
                y[i] += weight[e] * x[packed->recurrent.pre[e]];
    for (ptrdiff_t i = 0; i < vectors(p->units); i++) w->f[i] = activation_of(p, w->f[i]);
    for (ptrdiff_t i = 0; i < p->units; i++) {
        rate[i] = base[i] + y[i];
        drive[i] = a[i] * y[i];
    }
}

#endif
