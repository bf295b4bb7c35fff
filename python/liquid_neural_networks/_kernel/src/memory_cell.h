/* The memory cell beside any dynamics; its equations stand in problems.h. */
#ifndef LIQUID_MEMORY_CELL_H
#define LIQUID_MEMORY_CELL_H

#include "matrix.h"

/* What one thread needs of the cell, (count, width) each. */
typedef struct {
    const MemoryCell *cell; /* its `gates` are NULL where there is none */
    ptrdiff_t units;
    Matrix recurrent;       /* transposed for backward */
    real *gates;            /* 4 N */
    real *c, *before;       /* N: the memory now, and before the step */
    real *d_c;              /* N: the gradient of the memory */
} CellWork;

/* The matrix is of no rows where there is no cell. */
static Matrix lay_out_cell_matrix(Arena *arena, const MemoryCell *cell, ptrdiff_t units, int panel,
                                  int backward) {
    ptrdiff_t n = cell->gates ? units : 0;
    return backward ? lay_out_matrix(arena, n, 4 * n, panel)
                    : lay_out_matrix(arena, 4 * n, n, panel);
}

static void pack_cell_matrix(const Matrix *m, const MemoryCell *cell, ptrdiff_t units,
                             int backward) {
    if (!cell->gates) return;
    if (backward)
        pack_matrix(m, cell->gates_recurrent, 1, units);
    else
        pack_matrix(m, cell->gates_recurrent, units, 1);
}

static CellWork lay_out_cell(Arena *arena, const MemoryCell *cell, ptrdiff_t units, int width) {
    CellWork w = {.cell = cell, .units = units};
    ptrdiff_t size = cell->gates ? units * width : 0;
    w.gates = ALLOCATE(arena, real, 4 * size);
    w.c = ALLOCATE(arena, real, size);
    w.before = ALLOCATE(arena, real, size);
    w.d_c = ALLOCATE(arena, real, size);
    return w;
}

/* ---- the equations, on `size` numbers of each kind ------------------------------------------- */

/* Gates (4, size) are candidate, input, forget and output. They become their activations; c becomes
 * the new memory, x where the interval starts. */
static void update_memory(ptrdiff_t size, real *gates, real *c, real *x) {
    for (ptrdiff_t i = 0; i < size; i += LANES) {
        vec *candidate = (vec *)(gates + i), *input = (vec *)(gates + size + i);
        vec *forget = (vec *)(gates + 2 * size + i), *output = (vec *)(gates + 3 * size + i);
        vec *memory = (vec *)(c + i);
        *candidate = tanh_of(*candidate);
        *input = sigmoid_of(*input);
        *forget = sigmoid_of(*forget + 1);
        *output = sigmoid_of(*output);
        *memory = *memory * *forget + *candidate * *input;
        *(vec *)(x + i) = tanh_of(*memory) * *output;
    }
}

/* From the gradients of x and of the new memory c to those of the gates, in place of their
 * activations, and of the memory `before`, in d_c. */
static void update_memory_backward(ptrdiff_t size, const real *before, const real *c,
                                   const real *d_x, real *gates, real *d_c) {
    for (ptrdiff_t i = 0; i < size; i += LANES) {
        vec *candidate = (vec *)(gates + i), *input = (vec *)(gates + size + i);
        vec *forget = (vec *)(gates + 2 * size + i), *output = (vec *)(gates + 3 * size + i);
        vec tanh_c = tanh_of(*(const vec *)(c + i)), d = *(const vec *)(d_x + i), g = *candidate;
        vec d_memory = *(vec *)(d_c + i) + d * *output * (1 - tanh_c * tanh_c);
        *(vec *)(d_c + i) = d_memory * *forget;
        *candidate = d_memory * *input * (1 - g * g);
        *input = d_memory * g * *input * (1 - *input);
        *forget = d_memory * *(const vec *)(before + i) * *forget * (1 - *forget);
        *output = d * tanh_c * *output * (1 - *output);
    }
}

/* ---- one step of a chunk --------------------------------------------------------------------- */

/* multiply_add_lanes or multiply_add_wide, as the chunk is. */
typedef void (*Multiply)(const Matrix *, const void *x, void *y);

/* The memory that a sequence starts with. */
INLINE void load_memory(const CellWork *w, const Position *at, int width) {
    if (w->cell->gates) load_state(at, w->cell->memory, w->units, width, w->c);
}

/* From the state x and the memory of the step before to those that the interval starts with. */
INLINE void start_interval(const CellWork *w, const Position *at, int width, Multiply multiply,
                           real *x) {
    const MemoryCell *cell = w->cell;
    ptrdiff_t n = w->units;
    if (!cell->gates) return;
    real *gates = cell->kept_gates ? kept_at(at, cell->kept_gates, 4 * n, width) : w->gates;
    load_at(at, cell->gates, 4 * n, width, 0, gates);
    multiply(&w->recurrent, x, gates);
    update_memory(n * width, gates, w->c, x);
    store_at(at, w->c, n, width, cell->memories);
    store_at(at, x, n, width, cell->starts);
}

/* Adds the gradient from outside to that of the memory, and loads the memory now and before. */
INLINE void load_memories(const CellWork *w, const Position *at, int width) {
    const MemoryCell *cell = w->cell;
    Position earlier = *at;
    earlier.t--;
    load_at(at, cell->grad_memories, w->units, width, 0, w->before);
    for (ptrdiff_t i = 0; i < w->units * width; i++) w->d_c[i] += w->before[i];
    load_at(at, cell->memories, w->units, width, 0, w->c);
    if (at->t > 0)
        load_at(&earlier, cell->memories, w->units, width, 0, w->before);
    else
        load_state(at, cell->memory, w->units, width, w->before);
}

/* From the gradient d_x of where the interval starts to that of the state of the step before. */
INLINE void start_interval_backward(const CellWork *w, const Position *at, int width,
                                    Multiply multiply, real *d_x) {
    const MemoryCell *cell = w->cell;
    ptrdiff_t n = w->units, size = n * width;
    if (!cell->gates) return;
    load_memories(w, at, width);
    memcpy(w->gates, kept_at(at, cell->kept_gates, 4 * n, width),
           (size_t)(4 * size) * sizeof(real));
    update_memory_backward(size, w->before, w->c, d_x, w->gates, w->d_c);
    store_at(at, w->gates, 4 * n, width, cell->grad_gates);
    memset(d_x, 0, (size_t)size * sizeof(real));
    multiply(&w->recurrent, w->gates, d_x);
}

INLINE void clear_memory_gradient(const CellWork *w, int width) {
    if (w->cell->gates) memset(w->d_c, 0, (size_t)(w->units * width) * sizeof(real));
}

INLINE void store_memory_gradient(const CellWork *w, const Position *at, int width) {
    if (w->cell->gates) store_state(at, w->d_c, w->units, width, w->cell->grad_memory);
}

#endif
