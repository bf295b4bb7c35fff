/* What sessions need besides the step itself. */
#ifndef LIQUID_SAMPLES_H
#define LIQUID_SAMPLES_H

#include "simd.h"

/* to (rows,) = matrix (rows, columns) from + shift */
static void affine(const Affine *map) {
    const real *row = map->matrix, *shift = map->shift, *x = map->from;
    real *y = map->to;
    for (ptrdiff_t i = 0; i < map->rows; i++, row += map->columns) {
        vec sum = {0};
        ptrdiff_t j = 0;
        for (; j + LANES <= map->columns; j += LANES)
            sum += *(const unaligned_vec *)(row + j) * *(const unaligned_vec *)(x + j);
        real total = shift[i] + sum_lanes(sum);
        for (; j < map->columns; j++) total += row[j] * x[j];
        y[i] = total;
    }
}

/* A sample in the kernel's own number type: NaN, a missing feature, becomes 0 and is not `seen`.
 * Returns how many are missing, or -1 if one is beyond the type. */
static ptrdiff_t read_sample(const double *from, ptrdiff_t count, void *to, void *seen) {
    ptrdiff_t missing = 0, beyond = 0;
    for (ptrdiff_t i = 0; i < count; i++) {
        int is_there = from[i] == from[i];
        ((real *)to)[i] = is_there ? (real)from[i] : 0;
        ((real *)seen)[i] = (real)is_there;
        missing += !is_there;
        beyond += from[i] > REAL_MAX || from[i] < -REAL_MAX;
    }
    return beyond ? -1 : missing;
}

#endif
