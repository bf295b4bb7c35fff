/* Parameters as they are stored: from there to the values in the equations, and gradients back. */
#ifndef LIQUID_STORED_H
#define LIQUID_STORED_H

#include "simd.h"

/* Where value j of a parameter is stored; `list` as of synapses_in_matrix. */
INLINE ptrdiff_t stored_at(const Step *p, const SynapseList *list, ptrdiff_t j) {
    return list ? list->pre[j] * p->units + list->post[j] : j;
}

/* What is stored of the values from j on, as many as there are in a vector. */
static vec load_stored(const Step *p, int parameter, const SynapseList *list, ptrdiff_t j) {
    const real *stored = p->parameters[parameter];
    ptrdiff_t left = parameter_size(p, parameter) - j;
    vec found = {0};
    if (!list && left >= LANES) return *(const unaligned_vec *)(stored + j);
    for (int l = 0; l < LANES && l < left; l++) found[l] = stored[stored_at(p, list, j + l)];
    return found;
}

INLINE vec value_of(const Constraint *constraint, vec stored) {
    vec lower = splat((real)constraint->lower);
    if (constraint->kind == CLIP) return vmax(lower, stored);
    return constraint->kind == SOFTPLUS ? lower + softplus_of(stored) : stored;
}

/* The gradient of what is stored, from that of its value. What lies below its bound has none, even
 * where that of the value is infinite. */
INLINE vec stored_gradient(const Constraint *constraint, vec stored, vec gradient) {
    vec lower = splat((real)constraint->lower);
    if (constraint->kind == CLIP) return choose((bits_vec)(stored < lower), splat(0), gradient);
    return constraint->kind == SOFTPLUS ? gradient * sigmoid_of(stored) : gradient;
}

/* The values of a parameter, to an array with space for whole vectors. */
static void pack_values(const Step *p, int parameter, real *to) {
    const SynapseList *list = synapses_in_matrix(p, parameter);
    for (ptrdiff_t j = 0; j < parameter_size(p, parameter); j += LANES)
        *(vec *)(to + j) = value_of(&p->constraints[parameter], load_stored(p, parameter, list, j));
}

/* From the gradients of a parameter's values to those of what is stored. */
static void store_gradient(const Step *p, int parameter, const real *from) {
    const SynapseList *list = synapses_in_matrix(p, parameter);
    ptrdiff_t count = parameter_size(p, parameter);
    ptrdiff_t senders = list == &p->recurrent ? p->units : p->input_size;
    real *to = p->gradients[parameter];
    if (list) memset(to, 0, (size_t)(senders * p->units) * sizeof(real));
    for (ptrdiff_t j = 0; j < count; j += LANES) {
        vec gradient = {0};
        for (int l = 0; l < LANES && j + l < count; l++) gradient[l] = from[j + l];
        gradient = stored_gradient(&p->constraints[parameter], load_stored(p, parameter, list, j),
                                   gradient);
        for (int l = 0; l < LANES && j + l < count; l++)
            to[stored_at(p, list, j + l)] = gradient[l];
    }
}

static void store_gradients(const Step *p, const void *gradients) {
    const real *from = gradients;
    for (int i = 0; i < parameter_count(p); i++) {
        store_gradient(p, i, from);
        from += parameter_size(p, i);
    }
}

#endif
