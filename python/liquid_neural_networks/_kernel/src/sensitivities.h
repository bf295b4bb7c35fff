/* Sensitivities: how the state depends on the parameters, from sample to sample. With the Jacobian J
 * of an unfold and the derivatives D within it, S <- J S + D, for the rows that are kept. */
#ifndef LIQUID_SENSITIVITIES_H
#define LIQUID_SENSITIVITIES_H

#include "learner_step.h"

/* `count` vectors of columns of a block through all unfolds. A block's rows stay in fast memory
 * meanwhile. */
INLINE void update_columns(const Learner *p, const LearnerWork *w, const Block *block,
                           ptrdiff_t column, int count) {
    const Reach *reach = block->reach;
    ptrdiff_t rows = reach->rows, own = block->own;
    real *s = (real *)p->sensitivities + block->sensitivities + column;
    vec *x = w->columns, *y = x + rows * count;
    const real *jacobian = w->jacobian;
    const real *direct = (own < 0 ? w->direct_inputs : w->direct) + column;
    for (ptrdiff_t r = 0; r < rows; r++)
        EACH x[r * count + j] = load(s + r * block->width + j * LANES);
    for (ptrdiff_t u = 0; u < p->unfolds; u++) {
        for (ptrdiff_t r = 0; r < rows; r++) {
            vec sum[TOGETHER];
            const real *within = direct + (own < 0 ? r * block->width : 0);
            if (own < 0 || own == r)
                EACH sum[j] = load(within + j * LANES);
            else
                EACH sum[j] = splat(0);
            for (ptrdiff_t e = reach->start[r]; e < reach->start[r + 1]; e++) {
                real factor = jacobian[reach->edges[e].at];
                const vec *from = x + reach->edges[e].from * count;
                EACH sum[j] += factor * from[j];
            }
            EACH y[r * count + j] = sum[j];
        }
        vec *swapped = x;
        x = y;
        y = swapped;
        jacobian += w->units_step + w->synapses_step;
        direct += own < 0 ? rows * block->width : block->width;
    }
    for (ptrdiff_t r = 0; r < rows; r++)
        EACH store(s + r * block->width + j * LANES, x[r * count + j]);
}

static void update_block(const Learner *p, const LearnerWork *w, const Block *block) {
    ptrdiff_t column = 0;
    for (; column + TOGETHER * LANES <= block->width; column += TOGETHER * LANES)
        update_columns(p, w, block, column, TOGETHER);
    ptrdiff_t left = (block->width - column) / LANES;
    if (left == 3)
        update_columns(p, w, block, column, 3);
    else if (left == 2)
        update_columns(p, w, block, column, 2);
    else if (left == 1)
        update_columns(p, w, block, column, 1);
}

static void update_sensitivities(const Learner *p, const LearnerWork *w, int given) {
    learner_jacobian(p, w);
    for (ptrdiff_t i = 0; i < p->units; i++) {
        learner_direct(p, w, i, given);
        update_block(p, w, &p->blocks[i]);
    }
    if (p->block_count > p->units) {
        conductance_direct_inputs(p, w);
        update_block(p, w, &p->blocks[p->units]);
    }
}

/* ---- through the read-out -------------------------------------------------------------------- */

static void read_out(const Learner *p, const LearnerWork *w) {
    const real *state = p->state, *matrix = w->values + p->readout;
    real *outputs = p->outputs;
    if (p->motor) {
        for (ptrdiff_t o = 0; o < p->output_size; o++)
            outputs[o] = matrix[o] * state[p->motors[o]] + matrix[p->output_size + o];
        return;
    }
    const real *shift = matrix + p->output_size * p->units;
    for (ptrdiff_t o = 0; o < p->output_size; o++) {
        real sum = shift[o];
        for (ptrdiff_t i = 0; i < p->units; i++) sum += matrix[o * p->units + i] * state[i];
        outputs[o] = sum;
    }
}

/* The derivative by the state, from that by the outputs. */
static void through_readout(const Learner *p, const LearnerWork *w, const real *by_output,
                            real *by_state) {
    const real *matrix = w->values + p->readout;
    for (ptrdiff_t i = 0; i < p->units; i++) by_state[i] = 0;
    for (ptrdiff_t o = 0; o < p->output_size; o++)
        if (p->motor)
            by_state[p->motors[o]] += matrix[o] * by_output[o];
        else
            for (ptrdiff_t i = 0; i < p->units; i++)
                by_state[i] += matrix[o * p->units + i] * by_output[o];
}

/* From the derivative by the state to that by every parameter but the read-out's. */
static void by_parameters(const Learner *p, const real *by_state, real *to) {
    for (ptrdiff_t b = 0; b < p->block_count; b++) {
        const Block *block = &p->blocks[b];
        const real *s = (const real *)p->sensitivities + block->sensitivities;
        for (ptrdiff_t column = 0; column < block->width; column += LANES) {
            vec sum = {0};
            for (ptrdiff_t r = 0; r < block->reach->rows; r++)
                sum += by_state[block->reach->neurons[r]] * load(s + r * block->width + column);
            store(to + block->first + column, sum);
        }
    }
}

/* From the derivative by a value to that by what is stored. */
INLINE void by_stored(const Learner *p, const LearnerWork *w, real *gradient) {
    if (!p->softplus) return;
    for (ptrdiff_t j = 0; j < p->readout; j++) gradient[j] *= w->slopes[j];
}

/* Keeps what a label that comes later needs. */
static void keep_output(const Learner *p, const LearnerWork *w, ptrdiff_t at) {
    memcpy((real *)p->kept_states + at * p->units, p->state, (size_t)p->units * sizeof(real));
    memcpy((real *)p->kept_outputs + at * p->output_size, p->outputs,
           (size_t)p->output_size * sizeof(real));
    for (ptrdiff_t o = 0; o < p->output_size; o++) {
        for (ptrdiff_t k = 0; k < p->output_size; k++) w->by_output[k] = k == o;
        through_readout(p, w, w->by_output, w->by_state);
        real *to = (real *)p->kept_sensitivities + (at * p->output_size + o) * p->columns;
        by_parameters(p, w->by_state, to);
        by_stored(p, w, to);
    }
}

static void learner_step(const Learner *p, void *memory, const void *inputs, const void *seen,
                         double elapsed, int given, ptrdiff_t keep) {
    LearnerWork w = learner_work(p, memory);
    w.raw_inputs = (real *)inputs;
    w.seen = seen;
    memcpy(w.x, p->state, (size_t)p->units * sizeof(real));
    learner_forward(p, &w, (real)elapsed, given);
    if (keep != LOOKING_AHEAD) update_sensitivities(p, &w, given);
    memcpy(p->state, w.x + p->unfolds * w.units_step, (size_t)p->units * sizeof(real));
    read_out(p, &w);
    if (keep >= 0) keep_output(p, &w, keep);
}

#endif
