/* Matrices times lanes, and sums of outer products. */
#ifndef LIQUID_MATRIX_H
#define LIQUID_MATRIX_H

#include "arena.h"
#include "rows.h"

/* ---- products -------------------------------------------------------------------------------- */

/* A matrix is kept in panels of a few rows, column after column down the panel, so that a panel's
 * sums stay in registers while the columns go by. */
typedef struct {
    ptrdiff_t rows, columns;
    int panel;
    real *entries; /* (rows / panel rounded up, columns, panel), zero below the last row */
} Matrix;

/* Rows of a panel for chunks of LANES rows, and for one row alone. */
#define PANEL (LANES > 8 ? LANES : 8)

/* Chunks of WIDTH rows take several vectors for each number, where there are registers for it. */
#define VECTORS (VECTOR_BYTES == 64 ? 1 : 2)
#define WIDTH (VECTORS * LANES)
#define WIDE_PANEL (VECTORS == 1 ? 8 : 4)

static Matrix lay_out_matrix(Arena *arena, ptrdiff_t rows, ptrdiff_t columns, int panel) {
    Matrix m = {rows, columns, panel, ALLOCATE(arena, real, round_up(rows, panel) * columns)};
    return m;
}

static void clear_matrix(const Matrix *m) {
    memset(m->entries, 0, (size_t)(round_up(m->rows, m->panel) * m->columns) * sizeof(real));
}

INLINE real *entry(const Matrix *m, ptrdiff_t row, ptrdiff_t column) {
    return m->entries + (row / m->panel * m->columns + column) * m->panel + row % m->panel;
}

/* From an array with the given distances between rows and between columns. */
static void pack_matrix(const Matrix *m, const real *from, ptrdiff_t row_step,
                        ptrdiff_t column_step) {
    real *to = m->entries;
    for (ptrdiff_t row = 0; row < m->rows; row += m->panel)
        for (ptrdiff_t j = 0; j < m->columns; j++)
            for (ptrdiff_t i = row; i < row + m->panel; i++)
                *to++ = i < m->rows ? from[i * row_step + j * column_step] : 0;
}

/* y (rows,) += M x (columns,), `vectors` for each number, one of them beside the other. */
INLINE void multiply_add(const Matrix *m, const vec *x, vec *y, int panel, int vectors) {
    const real *column = m->entries;
    for (ptrdiff_t row = 0; row < m->rows; row += panel) {
        int rows = m->rows - row < panel ? (int)(m->rows - row) : panel;
        vec sum[PANEL * VECTORS] = {{0}};
        for (ptrdiff_t j = 0; j < m->columns; j++, column += panel)
            for (int r = 0; r < panel; r++)
                for (int v = 0; v < vectors; v++)
                    sum[r * vectors + v] += column[r] * x[j * vectors + v];
        for (int r = 0; r < rows; r++)
            for (int v = 0; v < vectors; v++)
                y[(row + r) * vectors + v] += sum[r * vectors + v];
    }
}

static void multiply_add_lanes(const Matrix *m, const void *x, void *y) {
    multiply_add(m, x, y, PANEL, 1);
}

static void multiply_add_wide(const Matrix *m, const void *x, void *y) {
    multiply_add(m, x, y, WIDE_PANEL, VECTORS);
}

/* The same for one row alone: x and y are plain numbers, lanes go down the panel. */
static void multiply_add_row(const Matrix *m, const real *x, real *y) {
    const vec *column = (const vec *)m->entries;
    for (ptrdiff_t row = 0; row < m->rows; row += PANEL) {
        int rows = m->rows - row < PANEL ? (int)(m->rows - row) : PANEL;
        vec sum[PANEL / LANES] = {{0}};
        for (ptrdiff_t j = 0; j < m->columns; j++, column += PANEL / LANES)
            for (int v = 0; v < PANEL / LANES; v++) sum[v] += column[v] * x[j];
        for (int r = 0; r < rows; r++) y[row + r] += ((real *)sum)[r];
    }
}

/* ---- sums of outer products: the gradient of a matrix ---------------------------------------- */

#define OUTER_ROWS 4
#define OUTER_VECTORS 2
#define OUTER_COLUMNS (OUTER_VECTORS * LANES)

typedef struct {
    ptrdiff_t rows, stride; /* both in whole tiles */
    real *entries;          /* (rows, stride) */
} OuterSum;

typedef struct { vec of[OUTER_ROWS][OUTER_VECTORS]; } Tile;

static OuterSum lay_out_outer(Arena *arena, ptrdiff_t rows, ptrdiff_t columns) {
    OuterSum sum = {round_up(rows, OUTER_ROWS), round_up(columns, OUTER_COLUMNS), NULL};
    sum.entries = ALLOCATE(arena, real, sum.rows * sum.stride);
    return sum;
}

/* x (columns,) of lanes to (LANES, stride) rows, as add_outer needs them. */
static void lanes_to_rows(const OuterSum *sum, const vec *x, ptrdiff_t columns, real *rows) {
    store_rows((const real *)x, columns, LANES, LANES, rows, sum->stride);
    for (int l = 0; l < LANES; l++)
        for (ptrdiff_t j = columns; j < sum->stride; j++) rows[l * sum->stride + j] = 0;
}

/* The products of one tile with the rows of one step. */
INLINE void add_outer_step(Tile *tile, const real *from, const real *row, ptrdiff_t stride) {
    for (int l = 0; l < LANES; l++, from++, row += stride)
        for (int r = 0; r < OUTER_ROWS; r++)
            for (int v = 0; v < OUTER_VECTORS; v++)
                tile->of[r][v] += from[r * LANES] * *(const vec *)(row + v * LANES);
}

INLINE void copy_tile(Tile *tile, real *entries, ptrdiff_t stride, int back) {
    for (int r = 0; r < OUTER_ROWS; r++)
        for (int v = 0; v < OUTER_VECTORS; v++) {
            vec *entry = (vec *)(entries + r * stride + v * LANES);
            if (back)
                *entry = tile->of[r][v];
            else
                tile->of[r][v] = *entry;
        }
}

/* sum (i, j) += every a[step][i] lane times the same lane of x[step][j], over all steps.
 * a is (steps, rows) of lanes, `rows` as in the sum; x is (steps * LANES, stride) plain numbers. */
static void add_outer(const OuterSum *sum, const vec *a, const real *x, ptrdiff_t steps) {
    for (ptrdiff_t j = 0; j < sum->stride; j += OUTER_COLUMNS)
        for (ptrdiff_t i = 0; i < sum->rows; i += OUTER_ROWS) {
            Tile tile;
            real *entries = sum->entries + i * sum->stride + j;
            copy_tile(&tile, entries, sum->stride, 0);
            for (ptrdiff_t step = 0; step < steps; step++)
                add_outer_step(&tile, (const real *)(a + step * sum->rows + i),
                               x + step * LANES * sum->stride + j, sum->stride);
            copy_tile(&tile, entries, sum->stride, 1);
        }
}

#endif
