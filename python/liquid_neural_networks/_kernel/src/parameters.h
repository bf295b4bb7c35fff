/* Parameters in working order, made once for all threads of a call. */
#ifndef LIQUID_PARAMETERS_H
#define LIQUID_PARAMETERS_H

#include "memory_cell.h"
#include "stored.h"
#include "synapses.h"

/* Whether dense dynamics use the recurrent weights as a matrix: above some density going through
 * the absent synapses too is faster than following a list. */
static int uses_matrix(const Step *p) {
    return p->dynamics == DENSE && 4 * p->recurrent.count >= p->units * p->units;
}

/* Whether some chunk is a single row, to be worked on as one; those with a memory are not. */
static int has_single_row(const Step *p) {
    return !p->cell.gates && (p->batch % LANES == 1 || LANES == 1);
}

/* ---- parameters in working order ------------------------------------------------------------- */

typedef struct {
    real *parameters[MAX_PARAMETERS]; /* values, not what is stored */
    Synapses recurrent, sensory;
    /* For a row alone: neuron at each place and place of each neuron, (N,), and, for conductance
     * dynamics, the synapses with neurons by place. */
    int32_t *order, *place, *counts;
    Slices recurrent_slices, sensory_slices;
    Matrix w_rec, w_rec_transposed; /* in place of the recurrent list, where a matrix is used */
    Matrix cell;                    /* with a memory; transposed for backward */
} Packed;

static Packed lay_out_packed(Arena *arena, const Step *p, int backward) {
    Packed packed;
    for (int i = 0; i < parameter_count(p); i++)
        packed.parameters[i] = ALLOCATE(arena, real, parameter_size(p, i));
    int conductance = p->dynamics == CONDUCTANCE;
    packed.recurrent = lay_out_synapses(arena, p->recurrent.count, p->units, conductance);
    packed.sensory = lay_out_synapses(arena, p->sensory.count, p->units, conductance);
    ptrdiff_t units = has_single_row(p) ? p->units : 0;
    packed.order = ALLOCATE(arena, int32_t, units);
    packed.place = ALLOCATE(arena, int32_t, units);
    packed.counts = ALLOCATE(arena, int32_t, units + 2);
    units = conductance ? units : 0;
    packed.recurrent_slices = lay_out_slices(arena, most_slots(&p->recurrent, units), units);
    packed.sensory_slices = lay_out_slices(arena, most_slots(&p->sensory, units), units);
    ptrdiff_t n = uses_matrix(p) ? p->units : 0;
    packed.w_rec = lay_out_matrix(arena, n, n, PANEL);
    packed.w_rec_transposed = lay_out_matrix(arena, n, backward ? n : 0, PANEL);
    packed.cell = lay_out_cell_matrix(arena, &p->cell, p->units, PANEL, backward);
    return packed;
}

static size_t packed_size(const Step *p, int backward) {
    Arena arena = {NULL, 0};
    lay_out_packed(&arena, p, backward);
    return arena.used;
}

static Packed unpack(const Step *p, const void *memory, int backward) {
    Arena arena = {(char *)memory, 0};
    return lay_out_packed(&arena, p, backward);
}

/* ---- packing --------------------------------------------------------------------------------- */

static void pack_recurrent_matrix(const Matrix *m, const SynapseList *list, const real *w,
                                  int transposed) {
    clear_matrix(m);
    for (ptrdiff_t e = 0; e < list->count; e++)
        *entry(m, transposed ? list->pre[e] : list->post[e],
               transposed ? list->post[e] : list->pre[e]) = w[e];
}

static void pack_single_row(const Step *p, const Packed *packed) {
    if (p->dynamics == DENSE) {
        for (ptrdiff_t i = 0; i < p->units; i++) packed->order[i] = (int32_t)i;
        return;
    }
    order_neurons(&packed->recurrent, p->units, packed->order, packed->place, packed->counts);
    pack_slices(&packed->recurrent_slices, &packed->recurrent, packed->order, packed->place);
    pack_slices(&packed->sensory_slices, &packed->sensory, packed->order, NULL);
}

static void pack(const Step *p, void *memory, int backward) {
    Packed packed = unpack(p, memory, backward);
    for (int i = 0; i < parameter_count(p); i++) pack_values(p, i, packed.parameters[i]);
    pack_list(&packed.recurrent, &p->recurrent, p->units);
    pack_list(&packed.sensory, &p->sensory, p->units);
    if (p->dynamics == CONDUCTANCE) {
        pack_columns(&packed.recurrent, packed.parameters + W);
        pack_columns(&packed.sensory, packed.parameters + SENSORY_W);
    }
    if (has_single_row(p)) pack_single_row(p, &packed);
    if (uses_matrix(p)) {
        pack_recurrent_matrix(&packed.w_rec, &p->recurrent, packed.parameters[W_REC], 0);
        if (backward)
            pack_recurrent_matrix(&packed.w_rec_transposed, &p->recurrent,
                                  packed.parameters[W_REC], 1);
    }
    pack_cell_matrix(&packed.cell, &p->cell, p->units, backward);
}

#endif
