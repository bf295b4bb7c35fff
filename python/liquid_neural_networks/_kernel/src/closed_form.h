/* Closed-form dynamics over whole sequences, a chunk of WIDTH rows at a time, forward and backward.
 * The equations stand in problems.h. */
#ifndef LIQUID_CLOSED_FORM_H
#define LIQUID_CLOSED_FORM_H

#include "closed_form_work.h"

/* ---- the backbone's activation --------------------------------------------------------------- */

/* z from y; of silu, whose slope does not follow from z, y becomes the slope. */
static void activate(const ClosedForm *p, real *y, real *z) {
    for (ptrdiff_t i = 0; i < p->hidden * WIDTH; i += LANES) {
        vec *in = (vec *)(y + i), *out = (vec *)(z + i);
        if (p->activation == BACKBONE_TANH) {
            *out = tanh_of(*in);
        } else if (p->activation == BACKBONE_RELU) {
            *out = vmax(splat(0), *in);
        } else {
            vec s = sigmoid_of(*in);
            *out = *in * s;
            *in = s + *out * (1 - s);
        }
    }
}

/* d_y from d_z, in place, given what was kept: z, or the slope of silu. */
static void activate_backward(const ClosedForm *p, const real *kept, real *d) {
    for (ptrdiff_t i = 0; i < p->hidden * WIDTH; i += LANES) {
        vec given = *(const vec *)(kept + i), *to = (vec *)(d + i);
        if (p->activation == BACKBONE_TANH)
            *to *= 1 - given * given;
        else if (p->activation == BACKBONE_RELU)
            *to = choose((bits_vec)(given > 0), *to, splat(0));
        else
            *to *= given;
    }
}

/* ---- the solution with a gate ---------------------------------------------------------------- */

/* From the heads of a layer to its new state in w->x. The heads become what is kept: tanh ff1,
 * tanh ff2, the gate and time_a + shift. */
static void gated_solution(const ClosedForm *p, const ClosedScratch *w, int layer) {
    ptrdiff_t size = layer_size(p, layer) * WIDTH, start = p->layer_start[layer] * WIDTH;
    real *heads = w->heads + 4 * start;
    for (ptrdiff_t i = 0; i < size; i += LANES) {
        vec *ff1 = (vec *)(heads + i), *ff2 = (vec *)(heads + size + i);
        vec *gate = (vec *)(heads + 2 * size + i), *time_b = (vec *)(heads + 3 * size + i);
        vec elapsed = *(vec *)(w->elapsed + i % WIDTH), time_a = *gate;
        if (p->shift) time_a += *(const vec *)(w->shift + start + i);
        *ff1 = tanh_of(*ff1);
        *ff2 = tanh_of(*ff2);
        *gate = sigmoid_of(time_a * elapsed + *time_b);
        *time_b = time_a;
        vec rest = p->mode == GATED ? 1 - *gate : splat(1);
        *(vec *)(w->x + start + i) = *ff1 * rest + *ff2 * *gate;
    }
}

/* From the gradient of a layer's state in w->d_x to those of its heads and of the elapsed time. */
static void gated_solution_backward(const ClosedForm *p, const ClosedScratch *w, const real *kept,
                                    int layer) {
    ptrdiff_t size = layer_size(p, layer) * WIDTH, start = p->layer_start[layer] * WIDTH;
    real *heads = w->heads + 4 * start;
    int gated = p->mode == GATED;
    kept += 4 * start;
    for (ptrdiff_t i = 0; i < size; i += LANES) {
        vec d = *(vec *)(w->d_x + start + i), elapsed = *(vec *)(w->elapsed + i % WIDTH);
        vec ff1 = *(const vec *)(kept + i), ff2 = *(const vec *)(kept + size + i);
        vec gate = *(const vec *)(kept + 2 * size + i);
        vec time_a = *(const vec *)(kept + 3 * size + i);
        vec rest = gated ? 1 - gate : splat(1), from = gated ? ff1 : splat(0);
        vec d_time = d * (ff2 - from) * gate * (1 - gate);
        *(vec *)(heads + i) = d * rest * (1 - ff1 * ff1);
        *(vec *)(heads + size + i) = d * gate * (1 - ff2 * ff2);
        *(vec *)(heads + 2 * size + i) = d_time * elapsed;
        *(vec *)(heads + 3 * size + i) = d_time;
        *(vec *)(w->d_elapsed + i % WIDTH) += d_time * time_a;
    }
}

/* ---- the pure solution ----------------------------------------------------------------------- */

/* From the heads of a layer, which are kept, to its new state in w->x. */
static void pure_solution(const ClosedForm *p, const ClosedScratch *w, int layer) {
    const real *a = p->A, *shift = w->shift;
    ptrdiff_t end = p->layer_start[layer + 1] * WIDTH;
    for (ptrdiff_t i = p->layer_start[layer] * WIDTH; i < end; i += LANES) {
        vec f = *(vec *)(w->heads + i), rate = *(const vec *)(shift + i) + absolute(f);
        vec left = exp_minus(rate * *(vec *)(w->elapsed + i % WIDTH));
        *(vec *)(w->x + i) = a[i / WIDTH] - a[i / WIDTH] * f * left;
    }
}

/* As gated_solution_backward; leaves the gradients of `shift` and `A` in w->shift and w->x. */
static void pure_solution_backward(const ClosedForm *p, const ClosedScratch *w, const real *kept,
                                   int layer) {
    const real *a = p->A;
    ptrdiff_t end = p->layer_start[layer + 1] * WIDTH;
    for (ptrdiff_t i = p->layer_start[layer] * WIDTH; i < end; i += LANES) {
        vec f = *(const vec *)(kept + i), d = *(vec *)(w->d_x + i), size = absolute(f);
        vec elapsed = *(vec *)(w->elapsed + i % WIDTH), rate = *(vec *)(w->shift + i) + size;
        vec left = exp_minus(rate * elapsed), d_exponent = d * a[i / WIDTH] * f * left;
        *(vec *)(w->heads + i) = -d * a[i / WIDTH] * left * (1 - elapsed * size);
        *(vec *)(w->shift + i) = d_exponent * elapsed;
        *(vec *)(w->x + i) = d * (1 - f * left);
        *(vec *)(w->d_elapsed + i % WIDTH) += d_exponent * rate;
    }
}

/* ---- one step -------------------------------------------------------------------------------- */

/* From y_0 in w->y to the heads. */
static void backbone(const ClosedForm *p, const ClosedMatrices *m, const ClosedScratch *w,
                     const Position *at) {
    if (p->backbone_layers == 0) {
        copy_wide(w->heads, w->y, p->hidden);
        return;
    }
    for (int l = 0; l < p->backbone_layers; l++) {
        if (l > 0) {
            fill_wide(w->y, p->hidden_bias[l], p->hidden);
            multiply_add_wide(&m->hidden[l], w->z, w->y);
        }
        activate(p, w->y, w->z);
        store_wide(at, w->z, p->hidden, layer_of(p, p->kept_z, l));
        store_wide(at, w->y, p->hidden, layer_of(p, p->kept_slope, l));
    }
    fill_wide(w->heads, p->heads_bias, heads_each(p) * p->units);
    multiply_add_wide(&m->heads, w->z, w->heads);
}

/* From the gradients of the heads to that of y_0, which is left in w->y. */
static void backbone_backward(const ClosedForm *p, const ClosedMatrices *m,
                              const ClosedScratch *w, const Position *at) {
    if (p->backbone_layers == 0) {
        copy_wide(w->y, w->heads, p->hidden);
        return;
    }
    clear_wide(w->y, p->hidden);
    multiply_add_wide(&m->heads, w->heads, w->y);
    for (int l = p->backbone_layers - 1; l >= 0; l--) {
        void *kept = p->kept_slope ? p->kept_slope : p->kept_z;
        load_wide(at, layer_of(p, kept, l), p->hidden, w->z);
        activate_backward(p, w->z, w->y);
        store_wide(at, w->y, p->hidden, layer_of(p, p->grad_y, l));
        if (l == 0) break;
        copy_wide(w->z, w->y, p->hidden);
        clear_wide(w->y, p->hidden);
        multiply_add_wide(&m->hidden[l], w->z, w->y);
    }
}

/* Layer by layer, each after it was given what the earlier ones have become. */
static void solve(const ClosedForm *p, const ClosedMatrices *m, const ClosedScratch *w) {
    for (int layer = 0; layer < p->layers; layer++) {
        real *heads = w->heads + heads_each(p) * p->layer_start[layer] * WIDTH;
        if (layer > 0) multiply_add_wide(&m->between_layers[layer], w->x, heads);
        if (p->mode == PURE)
            pure_solution(p, w, layer);
        else
            gated_solution(p, w, layer);
    }
}

static void solve_backward(const ClosedForm *p, const ClosedMatrices *m, const ClosedScratch *w,
                           const real *kept) {
    clear_wide(w->d_elapsed, 1);
    for (int layer = p->layers - 1; layer >= 0; layer--) {
        const real *heads = w->heads + heads_each(p) * p->layer_start[layer] * WIDTH;
        if (p->mode == PURE)
            pure_solution_backward(p, w, kept, layer);
        else
            gated_solution_backward(p, w, kept, layer);
        if (layer > 0) multiply_add_wide(&m->between_layers[layer], heads, w->d_x);
    }
}

/* ---- sequences ------------------------------------------------------------------------------- */

static void closed_forward(const ClosedForm *p, const void *packed, void *scratch,
                           ptrdiff_t chunk) {
    Arena arena = {scratch, 0};
    ClosedMatrices m = unpack_closed(p, packed, 0);
    ClosedScratch w = lay_out_closed_scratch(&arena, p);
    Position at = start_of(chunk, WIDTH, p->batch, p->steps);
    ptrdiff_t n = p->units, heads = heads_each(p) * n;
    w.cell.recurrent = m.cell;
    load_state(&at, p->state, n, WIDTH, w.x);
    load_memory(&w.cell, &at, WIDTH);
    for (; at.t < p->steps; at.t++) {
        load_wide(&at, p->input_terms, p->hidden, w.y);
        load_wide(&at, p->elapsed_time, 1, w.elapsed);
        if (p->shift) load_wide(&at, p->shift, n, w.shift);
        if (p->kept_heads) w.heads = kept_at(&at, p->kept_heads, heads, WIDTH);
        start_interval(&w.cell, &at, WIDTH, multiply_add_wide, w.x);
        multiply_add_wide(&m.recurrent, w.x, w.y);
        backbone(p, &m, &w, &at);
        solve(p, &m, &w);
        store_wide(&at, w.x, n, p->states);
    }
}

/* The gradients that one step writes besides those of the backbone. */
static void store_step_gradients(const ClosedForm *p, const ClosedScratch *w, const Position *at) {
    store_wide(at, w->heads, heads_each(p) * p->units, p->grad_heads);
    store_wide(at, w->d_elapsed, 1, p->grad_elapsed_time);
    if (p->mode != PURE) return;
    store_wide(at, w->shift, p->units, p->grad_shift);
    store_wide(at, w->x, p->units, p->grad_A);
}

static void closed_backward(const ClosedForm *p, const void *packed, void *scratch,
                            ptrdiff_t chunk) {
    Arena arena = {scratch, 0};
    ClosedMatrices m = unpack_closed(p, packed, 1);
    ClosedScratch w = lay_out_closed_scratch(&arena, p);
    Position at = start_of(chunk, WIDTH, p->batch, p->steps);
    ptrdiff_t n = p->units, heads = heads_each(p) * n;
    w.cell.recurrent = m.cell;
    clear_wide(w.x, n);
    clear_memory_gradient(&w.cell, WIDTH);
    for (at.t = p->steps - 1; at.t >= 0; at.t--) {
        load_wide(&at, p->grad_states, n, w.d_x);
        for (ptrdiff_t i = 0; i < n * WIDTH; i++) w.d_x[i] += w.x[i];
        load_wide(&at, p->elapsed_time, 1, w.elapsed);
        if (p->mode == PURE) load_wide(&at, p->shift, n, w.shift);
        solve_backward(p, &m, &w, kept_at(&at, p->kept_heads, heads, WIDTH));
        store_step_gradients(p, &w, &at);
        backbone_backward(p, &m, &w, &at);
        clear_wide(w.x, n);
        multiply_add_wide(&m.recurrent, w.y, w.x);
        start_interval_backward(&w.cell, &at, WIDTH, multiply_add_wide, w.x);
    }
    store_state(&at, w.x, n, WIDTH, p->grad_state);
    store_memory_gradient(&w.cell, &at, WIDTH);
}

#endif
