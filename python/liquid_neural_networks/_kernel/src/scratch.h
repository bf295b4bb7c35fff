/* The scratch memory of one thread. For one row alone the same arrays serve, each then holding plain
 * numbers, of neurons in the order of packed->order. */
#ifndef LIQUID_SCRATCH_H
#define LIQUID_SCRATCH_H

#include "parameters.h"

typedef struct {
    vec *x, *z, *rate, *drive, *base_rate, *base_drive; /* (N,) */
    vec *inputs, *scaled_inputs, *mask;                 /* (I,): u, a u + b */
    vec *time_constants, *f;                            /* (N,); f of dense dynamics */
    vec *slot_activations;                              /* (slots,) of one row alone */
    CellWork cell;
    /* backward; U unfolds */
    vec *xs, *rates, *drives, *fs, *d_rates, *d_drives; /* (U, N) */
    vec *d_x, *sum_rate, *sum_drive, *sum_z;            /* (N,) */
    vec *d_inputs;                                      /* (I,) */
    vec *activations, *sensory_activations;             /* (U, E), (S,) of s / w */
    /* sums over time and rows, from which the gradients of parameters are made */
    SynapseSums *recurrent, *sensory;
    SliceSums recurrent_slices, sensory_slices; /* of one row alone */
    vec *w_rec;                                 /* (E,) where a list is used */
    real *rows;                                 /* (U, LANES, stride) where a matrix is used */
    OuterSum w_rec_matrix;                      /* (N, N) likewise */
    vec *per_unit[3];                           /* C, G, VLEAK or -, TAU, A */
    vec *per_input[2];                          /* A_IN, B_IN */
    char *sums;                                 /* where these begin, but for those of slices */
    size_t sums_size;
} Scratch;

/* Slots of the slices of one row alone; none where there is no such row. */
static ptrdiff_t slots_for(const Step *p, const SynapseList *list) {
    int sliced = has_single_row(p) && p->dynamics == CONDUCTANCE;
    return most_slots(list, sliced ? p->units : 0);
}

static void lay_out_forward(Arena *arena, const Step *p, Scratch *w) {
    ptrdiff_t n = p->units, inputs = p->input_size;
    vec **per_unit[] = {&w->x, &w->z, &w->rate, &w->drive, &w->base_rate, &w->base_drive,
                        &w->time_constants};
    for (size_t i = 0; i < sizeof per_unit / sizeof *per_unit; i++)
        *per_unit[i] = ALLOCATE(arena, vec, n);
    w->inputs = ALLOCATE(arena, vec, inputs);
    w->scaled_inputs = ALLOCATE(arena, vec, inputs);
    w->mask = ALLOCATE(arena, vec, p->mask ? inputs : 0);
    w->f = ALLOCATE(arena, vec, p->dynamics == DENSE ? n : 0);
    w->slot_activations =
        ALLOCATE(arena, vec, larger(slots_for(p, &p->recurrent), slots_for(p, &p->sensory)));
    w->cell = lay_out_cell(arena, &p->cell, n, LANES);
}

static void lay_out_backward(Arena *arena, const Step *p, Scratch *w) {
    ptrdiff_t n = p->units, dense = p->dynamics == DENSE;
    ptrdiff_t recurrent_slots = slots_for(p, &p->recurrent);
    ptrdiff_t sensory_slots = slots_for(p, &p->sensory);
    vec **per_unfold[] = {&w->xs, &w->rates, &w->drives, &w->d_rates, &w->d_drives};
    vec **per_unit[] = {&w->d_x, &w->sum_rate, &w->sum_drive, &w->sum_z};
    for (size_t i = 0; i < sizeof per_unfold / sizeof *per_unfold; i++)
        *per_unfold[i] = ALLOCATE(arena, vec, p->unfolds * n);
    for (size_t i = 0; i < sizeof per_unit / sizeof *per_unit; i++)
        *per_unit[i] = ALLOCATE(arena, vec, n);
    w->fs = ALLOCATE(arena, vec, dense ? p->unfolds * round_up(n, OUTER_ROWS) : 0);
    w->d_inputs = ALLOCATE(arena, vec, p->input_size);
    ptrdiff_t each = larger(p->recurrent.count, recurrent_slots);
    w->activations = ALLOCATE(arena, vec, dense ? 0 : p->unfolds * each);
    each = larger(p->sensory.count, sensory_slots);
    w->sensory_activations = ALLOCATE(arena, vec, dense ? 0 : each);
    w->recurrent_slices = lay_out_slice_sums(arena, recurrent_slots);
    w->sensory_slices = lay_out_slice_sums(arena, sensory_slots);
    ptrdiff_t stride = round_up(uses_matrix(p) ? n : 0, OUTER_COLUMNS);
    w->rows = ALLOCATE(arena, real, p->unfolds * LANES * stride);
}

static void lay_out_sums(Arena *arena, const Step *p, Scratch *w) {
    ptrdiff_t n = p->units, dense = p->dynamics == DENSE, square = uses_matrix(p) ? n : 0;
    size_t before = arena->used;
    w->sums = ALLOCATE(arena, char, 0);
    w->recurrent = ALLOCATE(arena, SynapseSums, dense ? 0 : p->recurrent.count);
    w->sensory = ALLOCATE(arena, SynapseSums, dense ? 0 : p->sensory.count);
    w->w_rec = ALLOCATE(arena, vec, dense && !square ? p->recurrent.count : 0);
    w->w_rec_matrix = lay_out_outer(arena, square, square);
    for (int i = 0; i < 3; i++) w->per_unit[i] = ALLOCATE(arena, vec, n);
    for (int i = 0; i < 2; i++) w->per_input[i] = ALLOCATE(arena, vec, dense ? 0 : p->input_size);
    w->sums_size = arena->used - before;
}

static Scratch lay_out_scratch(Arena *arena, const Step *p, int backward) {
    Scratch w = {0};
    lay_out_forward(arena, p, &w);
    if (!backward) return w;
    lay_out_backward(arena, p, &w);
    lay_out_sums(arena, p, &w);
    return w;
}

static size_t scratch_size(const Step *p, int backward) {
    Arena arena = {NULL, 0};
    lay_out_scratch(&arena, p, backward);
    return arena.used;
}

#endif
