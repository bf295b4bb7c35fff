/* Conductance and dense dynamics over whole sequences, forward and backward.
 *
 * One time step, with the notation of spec/README.org:
 *
 *   inputs    what they contribute, constant over the unfolds: base rate R0, base drive D0
 *   U times:  rates    R, D from the state          (dynamics)
 *             advance  the state by h = elapsed / U (solver)
 *
 * Both dynamics reach the solver in one form, dx/dt = s (D - R x), with s = 1/c for conductance
 * dynamics and 1 for dense; the solver sees only R, D and z = s h.
 */
#ifndef LIQUID_SEQUENCE_H
#define LIQUID_SEQUENCE_H

#include "conductance.h"
#include "dense.h"
#include "solvers.h"

/* ---- either dynamics, chunks of rows --------------------------------------------------------- */

/* Loads a time step and works out what stays constant over its unfolds. */
static void load_inputs(const Step *p, const Packed *packed, Scratch *w, const Position *at) {
    vec h;
    load_at(at, p->elapsed_time, 1, LANES, 1, &h);
    h /= (real)p->unfolds;
    load_at(at, p->inputs, p->input_size, LANES, 0, w->inputs);
    if (p->mask) load_at(at, p->mask, p->input_size, LANES, 0, w->mask);
    if (p->time_constants) load_at(at, p->time_constants, p->units, LANES, 1, w->time_constants);
    if (p->dynamics == CONDUCTANCE)
        conductance_inputs(p, packed, w, h);
    else
        dense_inputs(p, packed, w, h);
}

static void rates(const Step *p, const Packed *packed, const Scratch *w, const vec *x, vec *rate,
                  vec *drive, vec *f, vec *activations) {
    if (p->dynamics == CONDUCTANCE)
        add_synapses(&packed->recurrent, p->units, p->units, x, NULL, w->base_rate, w->base_drive,
                     rate, drive, activations);
    else
        dense_rates(p, packed, w, x, rate, drive, f);
}

/* Unfold u backward, from the gradients of its rates and drives. */
static void rates_backward(const Step *p, const Packed *packed, Scratch *w, ptrdiff_t u) {
    ptrdiff_t n = p->units;
    const vec *x = w->xs + u * n, *d_rate = w->d_rates + u * n, *d_drive = w->d_drives + u * n;
    if (p->dynamics == DENSE) {
        dense_rates_backward(p, packed, w, x, d_rate, d_drive,
                             w->fs + u * round_up(n, OUTER_ROWS));
        return;
    }
    for (ptrdiff_t i = 0; i < n; i++) {
        w->sum_rate[i] += d_rate[i];
        w->sum_drive[i] += d_drive[i];
    }
    add_senders_backward(&packed->recurrent, n, w->activations + u * p->recurrent.count, d_rate,
                         d_drive, w->d_x);
}

/* What is left for when the unfolds of one time step are done. */
static void unfolds_backward(const Step *p, const Packed *packed, Scratch *w) {
    if (p->dynamics == CONDUCTANCE)
        add_sums(&packed->recurrent, p->units, p->units, p->unfolds, w->xs, w->activations,
                 w->d_rates, w->d_drives, w->recurrent);
    else if (uses_matrix(p))
        matrix_backward(p, w);
}

/* ---- forward, chunks of rows ----------------------------------------------------------------- */

static void forward_chunk(const Step *p, const Packed *packed, Scratch *w, Position at) {
    load_state(&at, p->state, p->units, LANES, w->x);
    load_memory(&w->cell, &at, LANES);
    for (; at.t < p->steps; at.t++) {
        start_interval(&w->cell, &at, LANES, multiply_add_lanes, (real *)w->x);
        load_inputs(p, packed, w, &at);
        for (ptrdiff_t u = 0; u < p->unfolds; u++) {
            rates(p, packed, w, w->x, w->rate, w->drive, w->f, NULL);
            advance(p->solver, p->units, w->rate, w->drive, w->z, w->x);
        }
        store_at(&at, w->x, p->units, LANES, p->states);
    }
}

/* ---- backward, chunks of rows ---------------------------------------------------------------- */

/* Runs the unfolds of one time step from w->x again, keeping what backward needs. */
static void recompute(const Step *p, const Packed *packed, Scratch *w) {
    ptrdiff_t n = p->units, dense = p->dynamics == DENSE;
    ptrdiff_t fs = dense ? round_up(n, OUTER_ROWS) : 0, synapses = dense ? 0 : p->recurrent.count;
    for (ptrdiff_t u = 0; u < p->unfolds; u++) {
        memcpy(w->xs + u * n, w->x, (size_t)n * sizeof(vec));
        rates(p, packed, w, w->x, w->rates + u * n, w->drives + u * n, w->fs + u * fs,
              w->activations + u * synapses);
        if (u + 1 < p->unfolds)
            advance(p->solver, n, w->rates + u * n, w->drives + u * n, w->z, w->x);
    }
}

static void step_backward(const Step *p, const Packed *packed, Scratch *w, const Position *at) {
    ptrdiff_t n = p->units;
    clear(w->sum_rate, n);
    clear(w->sum_drive, n);
    clear(w->sum_z, n);
    for (ptrdiff_t u = p->unfolds - 1; u >= 0; u--) {
        advance_backward(p->solver, n, w->xs + u * n, w->rates + u * n, w->drives + u * n, w->z,
                         w->d_x, w->d_rates + u * n, w->d_drives + u * n, w->sum_z);
        rates_backward(p, packed, w, u);
    }
    unfolds_backward(p, packed, w);
    vec d_h = p->dynamics == CONDUCTANCE ? conductance_inputs_backward(p, packed, w)
                                         : dense_inputs_backward(p, packed, w);
    d_h /= (real)p->unfolds;
    store_at(at, &d_h, 1, LANES, p->grad_elapsed_time);
    store_at(at, w->d_inputs, p->input_size, LANES, p->grad_inputs);
    if (p->time_constants)
        store_at(at, w->time_constants, n, LANES, p->grad_time_constants);
}

/* The state that the interval before a sample started from, to w->x. */
static void load_start(const Step *p, const Scratch *w, const Position *at) {
    Position earlier = *at;
    earlier.t--;
    if (p->cell.gates)
        load_at(at, p->cell.starts, p->units, LANES, 0, w->x);
    else if (at->t > 0)
        load_at(&earlier, p->states, p->units, LANES, 0, w->x);
    else
        load_state(at, p->state, p->units, LANES, w->x);
}

static void backward_chunk(const Step *p, const Packed *packed, Scratch *w, Position at) {
    ptrdiff_t n = p->units;
    clear(w->d_x, n);
    clear_memory_gradient(&w->cell, LANES);
    for (at.t = p->steps - 1; at.t >= 0; at.t--) {
        load_at(&at, p->grad_states, n, LANES, 0, w->x);
        for (ptrdiff_t i = 0; i < n; i++) w->d_x[i] += w->x[i];
        load_start(p, w, &at);
        load_inputs(p, packed, w, &at);
        recompute(p, packed, w);
        step_backward(p, packed, w, &at);
        start_interval_backward(&w->cell, &at, LANES, multiply_add_lanes, (real *)w->d_x);
    }
    store_state(&at, w->d_x, n, LANES, p->grad_state);
    store_memory_gradient(&w->cell, &at, LANES);
}

/* ---- one row alone --------------------------------------------------------------------------- */

/* The lanes past the last neuron to zero, and their rate to one, so that they hold still. */
static void clear_row(const Step *p, const Scratch *w) {
    ptrdiff_t n = vectors(p->units);
    clear(w->x, n);
    clear(w->z, n);
    clear(w->drive, n);
    clear(w->base_drive, n);
    for (ptrdiff_t i = 0; i < n; i++) w->rate[i] = w->base_rate[i] = splat(1);
}

/* One number for each neuron, from and to the caller's order. */
static void load_row(const Step *p, const Packed *packed, const real *from, vec *to) {
    for (ptrdiff_t i = 0; i < p->units; i++) ((real *)to)[i] = from[packed->order[i]];
}

static void store_row(const Step *p, const Packed *packed, const vec *from, real *to) {
    for (ptrdiff_t i = 0; i < p->units; i++) to[packed->order[i]] = ((const real *)from)[i];
}

static void load_state_row(const Step *p, const Packed *packed, ptrdiff_t row, vec *x) {
    if (p->state)
        load_row(p, packed, (const real *)p->state + row * p->units, x);
    else
        clear(x, vectors(p->units));
}

static void load_inputs_row(const Step *p, const Packed *packed, const Scratch *w,
                            ptrdiff_t step) {
    real h = (p->elapsed_time ? ((const real *)p->elapsed_time)[step] : 1) / (real)p->unfolds;
    if (p->dynamics == CONDUCTANCE)
        conductance_inputs_row(p, packed, w, step, h);
    else
        dense_inputs_row(p, packed, w, step, h);
}

static void rates_row(const Step *p, const Packed *packed, const Scratch *w, vec *activations) {
    if (p->dynamics == CONDUCTANCE)
        add_slices(&packed->recurrent_slices, (real *)w->x, NULL, w->base_rate, w->base_drive,
                   w->rate, w->drive, activations);
    else
        dense_rates_row(p, packed, w);
}

static void forward_row(const Step *p, const Packed *packed, const Scratch *w, ptrdiff_t row) {
    clear_row(p, w);
    load_state_row(p, packed, row, w->x);
    for (ptrdiff_t step = row * p->steps; step < (row + 1) * p->steps; step++) {
        load_inputs_row(p, packed, w, step);
        for (ptrdiff_t u = 0; u < p->unfolds; u++) {
            rates_row(p, packed, w, w->slot_activations);
            advance(p->solver, vectors(p->units), w->rate, w->drive, w->z, w->x);
        }
        store_row(p, packed, w->x, (real *)p->states + step * p->units);
    }
}

/* As recompute, for conductance dynamics. */
static void recompute_row(const Step *p, const Packed *packed, const Scratch *w) {
    ptrdiff_t n = vectors(p->units), slots = slots_of(&packed->recurrent_slices);
    size_t size = (size_t)n * sizeof(vec);
    for (ptrdiff_t u = 0; u < p->unfolds; u++) {
        rates_row(p, packed, w, w->activations + u * slots);
        memcpy(w->xs + u * n, w->x, size);
        memcpy(w->rates + u * n, w->rate, size);
        memcpy(w->drives + u * n, w->drive, size);
        if (u + 1 < p->unfolds) advance(p->solver, n, w->rate, w->drive, w->z, w->x);
    }
}

static void step_backward_row(const Step *p, const Packed *packed, const Scratch *w,
                              ptrdiff_t step) {
    ptrdiff_t n = vectors(p->units), slots = slots_of(&packed->recurrent_slices);
    clear(w->sum_rate, n);
    clear(w->sum_drive, n);
    clear(w->sum_z, n);
    for (ptrdiff_t u = p->unfolds - 1; u >= 0; u--) {
        const vec *x = w->xs + u * n;
        advance_backward(p->solver, n, x, w->rates + u * n, w->drives + u * n, w->z, w->d_x,
                         w->d_rates, w->d_drives, w->sum_z);
        for (ptrdiff_t i = 0; i < n; i++) {
            w->sum_rate[i] += w->d_rates[i];
            w->sum_drive[i] += w->d_drives[i];
        }
        add_slices_backward(&packed->recurrent_slices, (const real *)x, w->activations + u * slots,
                            w->d_rates, w->d_drives, &w->recurrent_slices, (real *)w->d_x);
    }
    real d_h = conductance_inputs_backward_row(p, packed, w, step);
    if (p->grad_elapsed_time) ((real *)p->grad_elapsed_time)[step] = d_h / (real)p->unfolds;
}

/* Conductance dynamics only. */
static void backward_row(const Step *p, const Packed *packed, const Scratch *w, ptrdiff_t row) {
    ptrdiff_t units = p->units, first = row * p->steps;
    clear_row(p, w);
    clear(w->d_x, vectors(units));
    clear_slice_sums(&w->recurrent_slices, &packed->recurrent_slices);
    clear_slice_sums(&w->sensory_slices, &packed->sensory_slices);
    for (ptrdiff_t step = first + p->steps - 1; step >= first; step--) {
        const real *incoming = (const real *)p->grad_states + step * units;
        for (ptrdiff_t i = 0; i < units; i++) ((real *)w->d_x)[i] += incoming[packed->order[i]];
        if (step > first)
            load_row(p, packed, (const real *)p->states + (step - 1) * units, w->x);
        else
            load_state_row(p, packed, row, w->x);
        load_inputs_row(p, packed, w, step);
        recompute_row(p, packed, w);
        step_backward_row(p, packed, w, step);
    }
    if (p->grad_state) store_row(p, packed, w->d_x, (real *)p->grad_state + row * units);
    add_slice_sums(&w->recurrent_slices, &packed->recurrent_slices, w->recurrent);
    add_slice_sums(&w->sensory_slices, &packed->sensory_slices, w->sensory);
}

/* ---- a kernel's forward and backward --------------------------------------------------------- */

static void forward(const Step *p, const void *packed_memory, void *scratch, ptrdiff_t chunk) {
    Packed packed = unpack(p, packed_memory, 0);
    Arena arena = {scratch, 0};
    Scratch w = lay_out_scratch(&arena, p, 0);
    w.cell.recurrent = packed.cell;
    Position at = start_of(chunk, LANES, p->batch, p->steps);
    if (at.present == 1 && has_single_row(p))
        forward_row(p, &packed, &w, at.row);
    else
        forward_chunk(p, &packed, &w, at);
}

/* Gradients of the parameters' values from the sums over time. */
static void finish(const Step *p, const Packed *packed, const Scratch *w, real *gradients) {
    real *to[MAX_PARAMETERS], *next = gradients;
    for (int i = 0; i < parameter_count(p); i++) {
        to[i] = next;
        next += parameter_size(p, i);
    }
    if (p->dynamics == DENSE)
        finish_dense(p, w, to);
    else
        finish_conductance(p, packed, w, to);
}

static void backward(const Step *p, const void *packed_memory, void *scratch, ptrdiff_t first,
                     ptrdiff_t last, void *gradients) {
    Packed packed = unpack(p, packed_memory, 1);
    Arena arena = {scratch, 0};
    Scratch w = lay_out_scratch(&arena, p, 1);
    w.cell.recurrent = packed.cell;
    memset(w.sums, 0, w.sums_size);
    for (ptrdiff_t chunk = first; chunk < last; chunk++) {
        Position at = start_of(chunk, LANES, p->batch, p->steps);
        if (at.present == 1 && has_single_row(p) && p->dynamics == CONDUCTANCE)
            backward_row(p, &packed, &w, at.row);
        else
            backward_chunk(p, &packed, &w, at);
    }
    finish(p, &packed, &w, gradients);
}

static void add(void *to, const void *from, ptrdiff_t count) {
    real *sum = to;
    const real *term = from;
    for (ptrdiff_t i = 0; i < count; i++) sum[i] += term[i];
}

#endif
