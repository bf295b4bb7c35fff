/* Batch rows to lanes and back. A chunk of `width` rows, LANES or a multiple, is worked on at once:
 * `count` numbers of it stand (count, width), a vector or more for each number. */
#ifndef LIQUID_ROWS_H
#define LIQUID_ROWS_H

#include "simd.h"

/* Where a chunk's rows stand in (B, T, ...) arrays, and how many of them there are. */
typedef struct {
    ptrdiff_t row, steps, t;
    int present;
} Position;

static Position start_of(ptrdiff_t chunk, int width, ptrdiff_t batch, ptrdiff_t steps) {
    ptrdiff_t left = batch - chunk * width;
    Position at = {chunk * width, steps, 0, left < width ? (int)left : width};
    return at;
}

INLINE void fill(real *to, ptrdiff_t count, int width, real value) {
    for (ptrdiff_t i = 0; i < count * width; i += LANES) *(vec *)(to + i) = splat(value);
}

/* Rows are copied a few numbers at a time, to stay in the nearest cache. */
#define BLOCK 64
INLINE ptrdiff_t end_of_block(ptrdiff_t block, ptrdiff_t count) {
    return block + BLOCK < count ? block + BLOCK : count;
}

/* From `present` rows, `stride` apart; those beyond get `filler`. */
INLINE void load_rows(const real *from, ptrdiff_t stride, ptrdiff_t count, int width, int present,
                      real filler, real *to) {
    if (present < width) fill(to, count, width, filler);
    for (ptrdiff_t block = 0; block < count; block += BLOCK)
        for (int l = 0; l < present; l++)
            for (ptrdiff_t i = block; i < end_of_block(block, count); i++)
                to[i * width + l] = from[l * stride + i];
}

INLINE void store_rows(const real *from, ptrdiff_t count, int width, int present, real *to,
                       ptrdiff_t stride) {
    for (ptrdiff_t block = 0; block < count; block += BLOCK)
        for (int l = 0; l < present; l++)
            for (ptrdiff_t i = block; i < end_of_block(block, count); i++)
                to[l * stride + i] = from[i * width + l];
}

/* The chunk's part of a (B, T, count) array at time t. One that is not there holds `filler`. */
INLINE void load_at(const Position *at, const void *from, ptrdiff_t count, int width, real filler,
                    void *to) {
    if (!from)
        fill(to, count, width, filler);
    else
        load_rows((const real *)from + (at->row * at->steps + at->t) * count, at->steps * count,
                  count, width, at->present, filler, to);
}

INLINE void store_at(const Position *at, const void *from, ptrdiff_t count, int width, void *to) {
    if (to)
        store_rows(from, count, width, at->present,
                   (real *)to + (at->row * at->steps + at->t) * count, at->steps * count);
}

/* The chunk's part of a (B, count) array. One that is not there holds 0. */
INLINE void load_state(const Position *at, const void *from, ptrdiff_t count, int width,
                       void *to) {
    if (!from)
        fill(to, count, width, 0);
    else
        load_rows((const real *)from + at->row * count, count, count, width, at->present, 0, to);
}

INLINE void store_state(const Position *at, const void *from, ptrdiff_t count, int width,
                        void *to) {
    if (to) store_rows(from, count, width, at->present, (real *)to + at->row * count, count);
}

/* The chunk's part of what a kernel keeps for itself at time t, (count, width). */
INLINE real *kept_at(const Position *at, void *kept, ptrdiff_t count, int width) {
    return (real *)kept + (at->row * at->steps + at->t * width) * count;
}

static void clear(void *to, ptrdiff_t vectors) { memset(to, 0, (size_t)vectors * sizeof(vec)); }

#endif
