/* One block of memory, given out in pieces that each begin a cache line. */
#ifndef LIQUID_ARENA_H
#define LIQUID_ARENA_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    char *base; /* NULL: only the size is counted */
    size_t used; /* SIZE_MAX when it cannot be counted */
} Arena;

static inline void *allocate(Arena *arena, ptrdiff_t count, size_t size) {
    void *piece = arena->base ? arena->base + arena->used : NULL;
    size_t bytes;
    if (__builtin_mul_overflow((size_t)count, size, &bytes) ||
        __builtin_add_overflow(bytes, 63, &bytes) ||
        __builtin_add_overflow(arena->used, bytes / 64 * 64, &arena->used))
        arena->used = SIZE_MAX;
    return piece;
}
#define ALLOCATE(arena, type, count) ((type *)allocate(arena, count, sizeof(type)))

static inline ptrdiff_t round_up(ptrdiff_t count, ptrdiff_t to) {
    return (count + to - 1) / to * to;
}

static inline ptrdiff_t larger(ptrdiff_t a, ptrdiff_t b) { return a > b ? a : b; }

#endif
