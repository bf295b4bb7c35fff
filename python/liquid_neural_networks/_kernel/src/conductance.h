/* Conductance dynamics, forward and backward: chunks of rows, a row a lane; and one row alone, a
 * neuron a lane. */
#ifndef LIQUID_CONDUCTANCE_H
#define LIQUID_CONDUCTANCE_H

#include "scratch.h"

/* ---- synapses, chunks of rows ---------------------------------------------------------------- */

/* Whether k v + m stays within LIMIT for every synapse and every sender's v, as it does but for
 * extreme values. To look at the senders is cheaper than to clamp at each synapse. */
static int within_limit(const Synapses *synapses, ptrdiff_t senders, const vec *v) {
    vec far = {0};
    real most = 0;
    for (ptrdiff_t j = 0; j < senders; j++) far = vmax(far, absolute(v[j]));
    for (int l = 0; l < LANES; l++) most = far[l] > most ? far[l] : most;
    return *synapses->most_k * most + *synapses->most_m <= LIMIT;
}

/* `count` synapses from e on, side by side. */
INLINE void add_some_synapses(const Synapses *synapses, ptrdiff_t e, int count, const vec *v,
                              const vec *mask, int within, vec *rate, vec *drive,
                              vec *activations) {
    const SynapseColumns *of = &synapses->of;
    const int32_t *pre = synapses->pre + e;
    vec s[TOGETHER];
    EACH s[j] = of->k[e + j] * v[pre[j]] + of->m[e + j];
    if (!within) EACH s[j] = clamped(s[j]);
    sigmoids2_within(s, count);
    if (mask) EACH s[j] *= mask[pre[j]];
    if (activations) EACH activations[e + j] = s[j];
    EACH *rate += of->w[e + j] * s[j];
    EACH *drive += of->w_e[e + j] * s[j];
}

INLINE void add_each_synapse(const Synapses *synapses, ptrdiff_t units, const vec *v,
                             const vec *mask, int within, const vec *rate0, const vec *drive0,
                             vec *rate, vec *drive, vec *activations) {
    ptrdiff_t e = 0;
    for (ptrdiff_t i = 0; i < units; i++) {
        vec r = rate0[i], d = drive0[i];
        ptrdiff_t end = synapses->start[i + 1];
        for (; e + TOGETHER <= end; e += TOGETHER)
            add_some_synapses(synapses, e, TOGETHER, v, mask, within, &r, &d, activations);
        for (; e < end; e++)
            add_some_synapses(synapses, e, 1, v, mask, within, &r, &d, activations);
        rate[i] = r;
        drive[i] = d;
    }
}

/* rate = rate0 + sum of s, drive = drive0 + sum of s E over every neuron's synapses. `mask` closes
 * the synapses of missing inputs; NULL when all are there. `activations`, of s / w, are kept if
 * not NULL. */
static void add_synapses(const Synapses *synapses, ptrdiff_t senders, ptrdiff_t units,
                         const vec *v, const vec *mask, const vec *rate0, const vec *drive0,
                         vec *rate, vec *drive, vec *activations) {
    if (mask || !within_limit(synapses, senders, v))
        add_each_synapse(synapses, units, v, mask, 0, rate0, drive0, rate, drive, activations);
    else if (activations)
        add_each_synapse(synapses, units, v, NULL, 1, rate0, drive0, rate, drive, activations);
    else
        add_each_synapse(synapses, units, v, NULL, 1, rate0, drive0, rate, drive, NULL);
}

/* For measuring; see kernel.h. */
static void synapses_onto_one(const SynapseArrays *arrays, ptrdiff_t count) {
    ptrdiff_t start[] = {0, count};
    Synapses list = {
        .count = count,
        .start = start,
        .pre = (int32_t *)arrays->pre,
        .of = {.k = (real *)arrays->k, .m = (real *)arrays->m, .w = (real *)arrays->w,
               .w_e = (real *)arrays->w_e},
    };
    vec none = {0};
    add_each_synapse(&list, 1, arrays->from, NULL, 1, &none, &none, arrays->rate, arrays->drive,
                     NULL);
}

/* The gradient of the senders, added to d_v. A synapse whose input is missing has activation 0, and
 * so every product with it here and below. */
static void add_senders_backward(const Synapses *synapses, ptrdiff_t units,
                                 const vec *activations, const vec *d_rate, const vec *d_drive,
                                 vec *d_v) {
    const real *reversal = synapses->of.e, *w_sigma = synapses->of.w_sigma;
    const int32_t *pre = synapses->pre;
    ptrdiff_t e = 0;
    for (ptrdiff_t i = 0; i < units; i++) {
        vec dr = d_rate[i], dd = d_drive[i];
        for (ptrdiff_t end = synapses->start[i + 1]; e < end; e++) {
            vec s = activations[e];
            d_v[pre[e]] += (dr + reversal[e] * dd) * (s - s * s) * w_sigma[e];
        }
    }
}

/* The default: a loop of known length is unrolled. */
#define USUAL_UNFOLDS 6

INLINE void add_each_sum(const Synapses *synapses, ptrdiff_t units, ptrdiff_t senders,
                         ptrdiff_t times, const vec *v, const vec *activations,
                         const vec *d_rates, const vec *d_drives, SynapseSums *sums) {
    ptrdiff_t e = 0;
    for (ptrdiff_t i = 0; i < units; i++)
        for (ptrdiff_t end = synapses->start[i + 1]; e < end; e++) {
            vec sum_s = {0}, sum_d = {0}, sum_q_v = {0}, sum_q = {0};
            for (ptrdiff_t u = 0; u < times; u++) {
                vec dr = d_rates[u * units + i], dd = d_drives[u * units + i];
                vec s = activations[u * synapses->count + e];
                vec q = (dr + synapses->of.e[e] * dd) * (s - s * s);
                sum_s += dr * s;
                sum_d += dd * s;
                sum_q_v += q * v[u * senders + synapses->pre[e]];
                sum_q += q;
            }
            sums[e].s += fold_lanes(sum_s);
            sums[e].d += fold_lanes(sum_d);
            sums[e].q_v += fold_lanes(sum_q_v);
            sums[e].q += fold_lanes(sum_q);
        }
}

/* The sums for the gradients of synapses, over `times` unfolds at once, since to read and write
 * them takes longer than the rest. `v` is (times, senders), `activations` (times, E), the others
 * (times, units). */
static void add_sums(const Synapses *synapses, ptrdiff_t units, ptrdiff_t senders,
                     ptrdiff_t times, const vec *v, const vec *activations, const vec *d_rates,
                     const vec *d_drives, SynapseSums *sums) {
    if (times == 1)
        add_each_sum(synapses, units, senders, 1, v, activations, d_rates, d_drives, sums);
    else if (times == USUAL_UNFOLDS)
        add_each_sum(synapses, units, senders, USUAL_UNFOLDS, v, activations, d_rates, d_drives,
                     sums);
    else
        add_each_sum(synapses, units, senders, times, v, activations, d_rates, d_drives, sums);
}

/* Gradients of w, sigma, mu, E from the sums over time and rows. */
static void finish_synapses(real *const *parameters, const SynapseSums *sums, ptrdiff_t count,
                            real **to) {
    const real *w = parameters[0], *sigma = parameters[1];
    const real *mu = parameters[2], *e = parameters[3];
    for (ptrdiff_t i = 0; i < count; i++) {
        real d = sum_few(sums[i].d), q = sum_few(sums[i].q);
        real q_distance = sum_few(sums[i].q_v - mu[i] * sums[i].q);
        to[0][i] = sum_few(sums[i].s) + e[i] * d;
        to[1][i] = w[i] * q_distance;
        to[2][i] = -w[i] * sigma[i] * q;
        to[3][i] = w[i] * d;
    }
}

/* ---- synapses, one row alone ----------------------------------------------------------------- */

/* What the senders of a slot's synapses have. Put together in registers: through memory the wide
 * load would wait for the short stores. */
INLINE vec sent(const Slices *slices, ptrdiff_t slot, const real *from) {
    const int32_t *pre = slices->pre + slot * LANES;
    vec v = {0};
    for (int l = 0; l < LANES; l++) v[l] = from[pre[l]];
    return v;
}

/* `count` slots, side by side. */
INLINE void add_some_slots(const Slices *slices, ptrdiff_t slot, int count, const real *v,
                           const real *mask, vec *rate, vec *drive, vec *activations) {
    const vec *k = (vec *)slices->of.k + slot, *m = (vec *)slices->of.m + slot;
    const vec *w = (vec *)slices->of.w + slot, *w_e = (vec *)slices->of.w_e + slot;
    vec s[TOGETHER], r = {0}, d = {0};
    EACH s[j] = clamped(k[j] * sent(slices, slot + j, v) + m[j]);
    sigmoids2_within(s, count);
    if (mask) EACH s[j] *= sent(slices, slot + j, mask);
    EACH activations[slot + j] = s[j];
    EACH r += w[j] * s[j];
    EACH d += w_e[j] * s[j];
    *rate += r;
    *drive += d;
}

/* As add_synapses. */
static void add_slices(const Slices *slices, const real *v, const real *mask, const vec *rate0,
                       const vec *drive0, vec *rate, vec *drive, vec *activations) {
    for (ptrdiff_t i = 0; i < vectors(slices->units); i++) {
        vec r = rate0[i], d = drive0[i];
        ptrdiff_t slot = slices->start[i], end = slices->start[i + 1];
        for (; slot + TOGETHER <= end; slot += TOGETHER)
            add_some_slots(slices, slot, TOGETHER, v, mask, &r, &d, activations);
        for (; slot < end; slot++) add_some_slots(slices, slot, 1, v, mask, &r, &d, activations);
        rate[i] = r;
        drive[i] = d;
    }
}

/* As add_senders_backward and add_sums at once. */
static void add_slices_backward(const Slices *slices, const real *v, const vec *activations,
                                const vec *d_rate, const vec *d_drive, const SliceSums *sums,
                                real *d_v) {
    const vec *reversal = (vec *)slices->of.e, *w_sigma = (vec *)slices->of.w_sigma;
    for (ptrdiff_t i = 0; i < vectors(slices->units); i++)
        for (ptrdiff_t slot = slices->start[i]; slot < slices->start[i + 1]; slot++) {
            vec s = activations[slot], q = (d_rate[i] + reversal[slot] * d_drive[i]) * (s - s * s);
            vec back = w_sigma[slot] * q;
            sums->s[slot] += d_rate[i] * s;
            sums->d[slot] += d_drive[i] * s;
            sums->q_v[slot] += q * sent(slices, slot, v);
            sums->q[slot] += q;
            for (int l = 0; l < LANES; l++) d_v[slices->pre[slot * LANES + l]] += back[l];
        }
}

/* ---- inputs, leak and capacitance, chunks of rows -------------------------------------------- */

/* From the inputs of a time step to what they, the leak and the capacitance contribute, constant
 * over the unfolds; h is their length. */
static void conductance_inputs(const Step *p, const Packed *packed, Scratch *w, vec h) {
    const real *c = packed->parameters[C], *g = packed->parameters[G];
    const real *vleak = packed->parameters[VLEAK];
    const real *a = packed->parameters[A_IN], *b = packed->parameters[B_IN];
    for (ptrdiff_t k = 0; k < p->input_size; k++) w->scaled_inputs[k] = a[k] * w->inputs[k] + b[k];
    real epsilon = (real)p->epsilon;
    for (ptrdiff_t i = 0; i < p->units; i++) {
        vec leak = p->time_constants ? c[i] / w->time_constants[i] : splat(g[i]);
        w->base_rate[i] = leak + epsilon;
        w->base_drive[i] = leak * vleak[i];
        w->z[i] = h / c[i];
    }
    add_synapses(&packed->sensory, p->input_size, p->units, w->scaled_inputs,
                 p->mask ? w->mask : NULL, w->base_rate, w->base_drive, w->base_rate,
                 w->base_drive, w->sensory_activations);
}

/* From sums over the unfolds to the gradients of leak and capacitance; w->time_constants become
 * their gradients. Returns that of h. */
static vec leak_backward(const Step *p, const Packed *packed, Scratch *w) {
    const real *c = packed->parameters[C], *g = packed->parameters[G];
    const real *vleak = packed->parameters[VLEAK];
    vec d_h = {0};
    for (ptrdiff_t i = 0; i < p->units; i++) {
        vec d_leak = w->sum_rate[i] + vleak[i] * w->sum_drive[i];
        vec d_z = w->sum_z[i] / c[i];
        d_h += d_z;
        w->per_unit[C][i] -= d_z * w->z[i];
        if (p->time_constants) {
            vec tau = w->time_constants[i], leak = c[i] / tau;
            w->per_unit[C][i] += d_leak / tau;
            w->per_unit[VLEAK][i] += leak * w->sum_drive[i];
            w->time_constants[i] = -d_leak * leak / tau;
        } else {
            w->per_unit[G][i] += d_leak;
            w->per_unit[VLEAK][i] += g[i] * w->sum_drive[i];
        }
    }
    return d_h;
}

/* The gradients of everything conductance_inputs read; returns that of h. */
static vec conductance_inputs_backward(const Step *p, const Packed *packed, Scratch *w) {
    const real *a = packed->parameters[A_IN];
    vec d_h = leak_backward(p, packed, w);
    clear(w->d_inputs, p->input_size);
    add_senders_backward(&packed->sensory, p->units, w->sensory_activations, w->sum_rate,
                         w->sum_drive, w->d_inputs);
    add_sums(&packed->sensory, p->units, p->input_size, 1, w->scaled_inputs,
             w->sensory_activations, w->sum_rate, w->sum_drive, w->sensory);
    for (ptrdiff_t k = 0; k < p->input_size; k++) {
        w->per_input[0][k] += w->d_inputs[k] * w->inputs[k];
        w->per_input[1][k] += w->d_inputs[k];
        w->d_inputs[k] *= a[k];
    }
    return d_h;
}

/* Gradients of the parameters from the sums over time and rows. */
static void finish_conductance(const Step *p, const Packed *packed, const Scratch *w, real **to) {
    for (int which = C; which <= VLEAK; which++)
        for (ptrdiff_t i = 0; i < p->units; i++) to[which][i] = sum_lanes(w->per_unit[which][i]);
    finish_synapses(packed->parameters + W, w->recurrent, p->recurrent.count, to + W);
    finish_synapses(packed->parameters + SENSORY_W, w->sensory, p->sensory.count, to + SENSORY_W);
    for (int which = 0; which < 2; which++)
        for (ptrdiff_t k = 0; k < p->input_size; k++)
            to[A_IN + which][k] = sum_lanes(w->per_input[which][k]);
}

/* ---- inputs, leak and capacitance, one row alone --------------------------------------------- */

/* As conductance_inputs; `step` counts the time steps of all rows before this one. */
static void conductance_inputs_row(const Step *p, const Packed *packed, const Scratch *w,
                                   ptrdiff_t step, real h) {
    const real *c = packed->parameters[C], *g = packed->parameters[G];
    const real *vleak = packed->parameters[VLEAK];
    const real *a = packed->parameters[A_IN], *b = packed->parameters[B_IN];
    const real *inputs = (const real *)p->inputs + step * p->input_size;
    const real *tau = p->time_constants ? (const real *)p->time_constants + step * p->units : NULL;
    const real *mask = p->mask ? (const real *)p->mask + step * p->input_size : NULL;
    real *u = (real *)w->scaled_inputs, *rate = (real *)w->base_rate;
    real *drive = (real *)w->base_drive;
    for (ptrdiff_t k = 0; k < p->input_size; k++) u[k] = a[k] * inputs[k] + b[k];
    for (ptrdiff_t place = 0; place < p->units; place++) {
        ptrdiff_t i = packed->order[place];
        real leak = tau ? c[i] / tau[i] : g[i];
        rate[place] = leak + (real)p->epsilon;
        drive[place] = leak * vleak[i];
        ((real *)w->z)[place] = h / c[i];
    }
    add_slices(&packed->sensory_slices, u, mask, w->base_rate, w->base_drive, w->base_rate,
               w->base_drive, w->sensory_activations ? w->sensory_activations
                                                     : w->slot_activations);
}

/* As leak_backward, with the gradient of the time constants of this step to their own array. */
static real leak_backward_row(const Step *p, const Packed *packed, const Scratch *w,
                              ptrdiff_t step) {
    const real *c = packed->parameters[C], *g = packed->parameters[G];
    const real *vleak = packed->parameters[VLEAK];
    const real *sum_rate = (real *)w->sum_rate, *sum_drive = (real *)w->sum_drive;
    real *d_tau = p->grad_time_constants;
    real d_h = 0;
    for (ptrdiff_t place = 0; place < p->units; place++) {
        ptrdiff_t i = packed->order[place];
        real d_leak = sum_rate[place] + vleak[i] * sum_drive[place];
        real d_z = ((real *)w->sum_z)[place] / c[i];
        d_h += d_z;
        real d_c = -d_z * ((real *)w->z)[place], leak = g[i];
        if (p->time_constants) {
            real tau = ((const real *)p->time_constants)[step * p->units + i];
            leak = c[i] / tau;
            d_c += d_leak / tau;
            if (d_tau) d_tau[step * p->units + i] = -d_leak * leak / tau;
        } else {
            w->per_unit[G][i][0] += d_leak;
        }
        w->per_unit[C][i][0] += d_c;
        w->per_unit[VLEAK][i][0] += leak * sum_drive[place];
    }
    return d_h;
}

/* As conductance_inputs_backward, with the gradient of the inputs to their own array. */
static real conductance_inputs_backward_row(const Step *p, const Packed *packed, const Scratch *w,
                                            ptrdiff_t step) {
    const real *a = packed->parameters[A_IN];
    const real *inputs = (const real *)p->inputs + step * p->input_size;
    real *d_inputs = (real *)p->grad_inputs + step * p->input_size;
    real d_h = leak_backward_row(p, packed, w, step);
    for (ptrdiff_t k = 0; k < p->input_size; k++) d_inputs[k] = 0;
    add_slices_backward(&packed->sensory_slices, (real *)w->scaled_inputs, w->sensory_activations,
                        w->sum_rate, w->sum_drive, &w->sensory_slices, d_inputs);
    for (ptrdiff_t k = 0; k < p->input_size; k++) {
        w->per_input[0][k][0] += d_inputs[k] * inputs[k];
        w->per_input[1][k][0] += d_inputs[k];
        d_inputs[k] *= a[k];
    }
    return d_h;
}

#endif
