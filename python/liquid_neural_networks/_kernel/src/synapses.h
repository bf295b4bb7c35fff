/* Synapses in working order: a list, for chunks of rows, and slices, for one row alone. */
#ifndef LIQUID_SYNAPSES_H
#define LIQUID_SYNAPSES_H

#include "arena.h"
#include "simd.h"

/* What is loaded for each synapse: its activation is 1 / (1 + 2^(k v + m)), the same as
 * sigmoid(sigma (v - mu)). */
typedef struct { real *k, *m, *w, *w_e, *e, *w_sigma; } SynapseColumns;
#define COLUMNS 6

static SynapseColumns lay_out_columns(Arena *arena, ptrdiff_t count) {
    SynapseColumns to;
    real **columns[COLUMNS] = {&to.k, &to.m, &to.w, &to.w_e, &to.e, &to.w_sigma};
    for (int i = 0; i < COLUMNS; i++) *columns[i] = ALLOCATE(arena, real, count);
    return to;
}

/* ---- a list ---------------------------------------------------------------------------------- */

typedef struct {
    ptrdiff_t count;
    ptrdiff_t *start; /* (N+1,): the synapses of neuron i are start[i] .. start[i+1]-1 */
    int32_t *pre;
    SynapseColumns of;
    real *most_k, *most_m; /* one number each: the largest |k| and |m| */
} Synapses;

/* Sums over time and rows, from which the gradients are made; see finish_synapses. */
typedef struct { few s, d, q_v, q; } SynapseSums;

/* Dense dynamics need only who sends to whom. */
static Synapses lay_out_synapses(Arena *arena, ptrdiff_t count, ptrdiff_t units,
                                 int with_columns) {
    Synapses to;
    to.count = count;
    to.start = ALLOCATE(arena, ptrdiff_t, units + 1);
    to.pre = ALLOCATE(arena, int32_t, count);
    to.of = lay_out_columns(arena, with_columns ? count : 0);
    to.most_k = ALLOCATE(arena, real, 1);
    to.most_m = ALLOCATE(arena, real, 1);
    return to;
}

static void pack_list(Synapses *to, const SynapseList *from, ptrdiff_t units) {
    ptrdiff_t e = 0;
    for (ptrdiff_t i = 0; i < units; i++) {
        to->start[i] = e;
        while (e < from->count && from->post[e] == i) e++;
    }
    to->start[units] = e;
    for (e = 0; e < from->count; e++) to->pre[e] = (int32_t)from->pre[e];
}

static real largest(const real *x, ptrdiff_t count) {
    real most = 0;
    for (ptrdiff_t i = 0; i < count; i++) most = x[i] > most ? x[i] : -x[i] > most ? -x[i] : most;
    return most;
}

/* `parameters` are the four of these synapses: w, sigma, mu, E. */
static void pack_columns(Synapses *to, real *const *parameters) {
    const real *w = parameters[0], *sigma = parameters[1];
    const real *mu = parameters[2], *e = parameters[3];
    for (ptrdiff_t i = 0; i < to->count; i++) {
        to->of.k[i] = -sigma[i] * LOG2E;
        to->of.m[i] = -to->of.k[i] * mu[i];
        to->of.w[i] = w[i];
        to->of.e[i] = e[i];
        to->of.w_e[i] = w[i] * e[i];
        to->of.w_sigma[i] = w[i] * sigma[i];
    }
    *to->most_k = largest(to->of.k, to->count);
    *to->most_m = largest(to->of.m, to->count);
}

/* ---- slices ---------------------------------------------------------------------------------- */

/* Sliced ELLPACK: neurons, those with most synapses first, are cut into slices of LANES; slot j of
 * a slice is a vector of the j-th synapses of its neurons, of no effect where a neuron has fewer.
 * Each lane then adds up for one neuron. */
typedef struct {
    ptrdiff_t units;
    ptrdiff_t *start;       /* (slices + 1,): the slots of slice i are start[i] .. start[i+1]-1 */
    int32_t *pre, *synapse; /* (slots, LANES): sender; index in the list, -1 if of no effect */
    SynapseColumns of;      /* (slots, LANES) */
} Slices;

/* Sums over time of one row: a number for each synapse. */
typedef struct { vec *s, *d, *q_v, *q; } SliceSums; /* (slots,) each */

INLINE ptrdiff_t vectors(ptrdiff_t count) { return (count + LANES - 1) / LANES; }

static ptrdiff_t slots_of(const Slices *slices) { return slices->start[vectors(slices->units)]; }

/* At least as many slots as there will be: each has a synapse, and no slice more than the neuron
 * with most. */
static ptrdiff_t most_slots(const SynapseList *list, ptrdiff_t units) {
    ptrdiff_t most = 0, e = 0;
    for (ptrdiff_t i = 0; i < units; i++) {
        ptrdiff_t first = e;
        while (e < list->count && list->post[e] == i) e++;
        most = larger(most, e - first);
    }
    ptrdiff_t full = vectors(units) * most;
    return full < list->count ? full : list->count;
}

static Slices lay_out_slices(Arena *arena, ptrdiff_t slots, ptrdiff_t units) {
    Slices to;
    to.units = units;
    to.start = ALLOCATE(arena, ptrdiff_t, vectors(units) + 1);
    to.pre = ALLOCATE(arena, int32_t, slots * LANES);
    to.synapse = ALLOCATE(arena, int32_t, slots * LANES);
    to.of = lay_out_columns(arena, slots * LANES);
    return to;
}

static SliceSums lay_out_slice_sums(Arena *arena, ptrdiff_t slots) {
    SliceSums sums;
    sums.s = ALLOCATE(arena, vec, slots);
    sums.d = ALLOCATE(arena, vec, slots);
    sums.q_v = ALLOCATE(arena, vec, slots);
    sums.q = ALLOCATE(arena, vec, slots);
    return sums;
}

static void clear_slice_sums(const SliceSums *sums, const Slices *slices) {
    vec *arrays[] = {sums->s, sums->d, sums->q_v, sums->q};
    for (int i = 0; i < 4; i++) memset(arrays[i], 0, (size_t)slots_of(slices) * sizeof(vec));
}

/* The sums of one row join those of the other rows, in their first lane. */
static void add_slice_sums(const SliceSums *from, const Slices *slices, SynapseSums *to) {
    for (ptrdiff_t slot = 0; slot < slots_of(slices); slot++)
        for (int l = 0; l < LANES; l++) {
            ptrdiff_t e = slices->synapse[slot * LANES + l];
            if (e < 0) continue;
            to[e].s[0] += from->s[slot][l];
            to[e].d[0] += from->d[slot][l];
            to[e].q_v[0] += from->q_v[slot][l];
            to[e].q[0] += from->q[slot][l];
        }
}

INLINE ptrdiff_t degree(const Synapses *list, ptrdiff_t neuron) {
    return list->start[neuron + 1] - list->start[neuron];
}

/* The neurons (N,), those with most synapses first, and the place of each in that order. `counts`
 * (N + 2,) is working memory: how many neurons lack so many synapses of N. */
static void order_neurons(const Synapses *list, ptrdiff_t units, int32_t *order, int32_t *place,
                          int32_t *counts) {
    memset(counts, 0, (size_t)(units + 2) * sizeof *counts);
    for (ptrdiff_t i = 0; i < units; i++) counts[units - degree(list, i) + 1]++;
    for (ptrdiff_t lack = 1; lack <= units + 1; lack++) counts[lack] += counts[lack - 1];
    for (ptrdiff_t i = 0; i < units; i++) {
        place[i] = counts[units - degree(list, i)]++;
        order[place[i]] = (int32_t)i;
    }
}

/* One synapse, or with e < 0 one of no effect. `place` of the senders, or NULL. */
static void pack_slot(const Slices *to, ptrdiff_t at, const Synapses *list, ptrdiff_t e,
                      const int32_t *place) {
    const SynapseColumns *own = &to->of, *of = &list->of;
    real *const columns[COLUMNS] = {own->k, own->m, own->w, own->w_e, own->e, own->w_sigma};
    const real *from[COLUMNS] = {of->k, of->m, of->w, of->w_e, of->e, of->w_sigma};
    to->synapse[at] = (int32_t)e;
    to->pre[at] = e < 0 ? 0 : place ? place[list->pre[e]] : list->pre[e];
    for (int i = 0; i < COLUMNS; i++) columns[i][at] = e < 0 ? 0 : from[i][e];
}

/* The slice of the neurons from `first` on in the order; returns the slot after its last. */
static ptrdiff_t pack_slice(const Slices *to, ptrdiff_t first, ptrdiff_t slot,
                            const Synapses *list, const int32_t *order, const int32_t *place) {
    ptrdiff_t most = 0;
    for (ptrdiff_t i = first; i < first + LANES && i < to->units; i++)
        most = larger(most, degree(list, order[i]));
    for (ptrdiff_t j = 0; j < most; j++, slot++)
        for (ptrdiff_t i = first; i < first + LANES; i++) {
            int there = i < to->units && j < degree(list, order[i]);
            pack_slot(to, slot * LANES + i - first, list,
                      there ? list->start[order[i]] + j : -1, place);
        }
    return slot;
}

static void pack_slices(const Slices *to, const Synapses *list, const int32_t *order,
                        const int32_t *place) {
    ptrdiff_t slot = to->start[0] = 0;
    for (ptrdiff_t first = 0; first < to->units; first += LANES)
        slot = to->start[first / LANES + 1] = pack_slice(to, first, slot, list, order, place);
}

#endif
