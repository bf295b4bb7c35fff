/* What closed-form dynamics keep: matrices for all threads of a call, and the scratch memory of one
 * thread. */
#ifndef LIQUID_CLOSED_FORM_WORK_H
#define LIQUID_CLOSED_FORM_WORK_H

#include "memory_cell.h"

/* ---- sizes ----------------------------------------------------------------------------------- */

/* Heads of a neuron. */
INLINE ptrdiff_t heads_each(const ClosedForm *p) { return p->mode == PURE ? 1 : 4; }

INLINE ptrdiff_t layer_size(const ClosedForm *p, int layer) {
    return p->layer_start[layer + 1] - p->layer_start[layer];
}

/* ---- matrices -------------------------------------------------------------------------------- */

/* All transposed for backward. */
typedef struct {
    Matrix recurrent, heads, hidden[MAX_BACKBONE], between_layers[MAX_LAYERS], cell;
} ClosedMatrices;

static Matrix lay_out_either_way(Arena *arena, ptrdiff_t rows, ptrdiff_t columns,
                                 int transposed) {
    return transposed ? lay_out_matrix(arena, columns, rows, WIDE_PANEL)
                      : lay_out_matrix(arena, rows, columns, WIDE_PANEL);
}

/* From an array whose rows are `stride` apart. */
static void pack_either_way(const Matrix *m, const void *from, ptrdiff_t stride, int transposed) {
    if (transposed)
        pack_matrix(m, from, 1, stride);
    else
        pack_matrix(m, from, stride, 1);
}

static ClosedMatrices lay_out_closed(Arena *arena, const ClosedForm *p, int backward) {
    ClosedMatrices m;
    ptrdiff_t n = p->units, h = p->hidden, k = heads_each(p);
    m.recurrent = lay_out_either_way(arena, h, n, backward);
    if (p->backbone_layers > 0) m.heads = lay_out_either_way(arena, k * n, h, backward);
    for (int l = 1; l < p->backbone_layers; l++)
        m.hidden[l] = lay_out_matrix(arena, h, h, WIDE_PANEL);
    for (int layer = 1; layer < p->layers; layer++)
        m.between_layers[layer] = lay_out_either_way(arena, k * layer_size(p, layer),
                                                     p->layer_start[layer], backward);
    m.cell = lay_out_cell_matrix(arena, &p->cell, n, WIDE_PANEL, backward);
    return m;
}

static size_t closed_packed_size(const ClosedForm *p, int backward) {
    Arena arena = {NULL, 0};
    lay_out_closed(&arena, p, backward);
    return arena.used;
}

static ClosedMatrices unpack_closed(const ClosedForm *p, const void *memory, int backward) {
    Arena arena = {(char *)memory, 0};
    return lay_out_closed(&arena, p, backward);
}

static void closed_pack(const ClosedForm *p, void *memory, int backward) {
    ClosedMatrices m = unpack_closed(p, memory, backward);
    pack_either_way(&m.recurrent, p->recurrent, p->units, backward);
    if (p->backbone_layers > 0) pack_either_way(&m.heads, p->heads, p->hidden, backward);
    for (int l = 1; l < p->backbone_layers; l++)
        pack_either_way(&m.hidden[l], p->hidden_weights[l], p->hidden, backward);
    for (int layer = 1; layer < p->layers; layer++) {
        const real *rows = (const real *)p->between_layers +
                           heads_each(p) * p->layer_start[layer] * p->units;
        pack_either_way(&m.between_layers[layer], rows, p->units, backward);
    }
    pack_cell_matrix(&m.cell, &p->cell, p->units, backward);
}

/* ---- scratch --------------------------------------------------------------------------------- */

/* (count, WIDTH) each. */
typedef struct {
    real *x, *d_x, *shift;      /* N */
    real *y, *z;                /* H */
    real *heads;                /* heads of all neurons */
    real *elapsed, *d_elapsed;  /* 1 */
    CellWork cell;
} ClosedScratch;

static ClosedScratch lay_out_closed_scratch(Arena *arena, const ClosedForm *p) {
    ClosedScratch w;
    w.x = ALLOCATE(arena, real, p->units * WIDTH);
    w.y = ALLOCATE(arena, real, p->hidden * WIDTH);
    w.z = ALLOCATE(arena, real, p->hidden * WIDTH);
    w.heads = ALLOCATE(arena, real, heads_each(p) * p->units * WIDTH);
    w.shift = ALLOCATE(arena, real, p->units * WIDTH);
    w.d_x = ALLOCATE(arena, real, p->units * WIDTH);
    w.elapsed = ALLOCATE(arena, real, WIDTH);
    w.d_elapsed = ALLOCATE(arena, real, WIDTH);
    w.cell = lay_out_cell(arena, &p->cell, p->units, WIDTH);
    return w;
}

static size_t closed_scratch_size(const ClosedForm *p) {
    Arena arena = {NULL, 0};
    lay_out_closed_scratch(&arena, p);
    return arena.used;
}

static void clear_wide(real *to, ptrdiff_t count) {
    memset(to, 0, (size_t)(count * WIDTH) * sizeof(real));
}

static void copy_wide(real *to, const real *from, ptrdiff_t count) {
    memcpy(to, from, (size_t)(count * WIDTH) * sizeof(real));
}

/* One number for each of the rows. */
static void fill_wide(real *to, const real *column, ptrdiff_t count) {
    for (ptrdiff_t i = 0; i < count; i++)
        for (int v = 0; v < VECTORS; v++) *(vec *)(to + i * WIDTH + v * LANES) = splat(column[i]);
}

/* Arrays of a chunk, from and to (B, T, count). */
static void load_wide(const Position *at, const void *from, ptrdiff_t count, real *to) {
    load_at(at, from, count, WIDTH, 0, to);
}

static void store_wide(const Position *at, const real *from, ptrdiff_t count, void *to) {
    store_at(at, from, count, WIDTH, to);
}

/* The l-th of several (B, T, H) arrays; NULL if there are none. */
static void *layer_of(const ClosedForm *p, void *arrays, int l) {
    return arrays ? (real *)arrays + l * p->batch * p->steps * p->hidden : NULL;
}

#endif
