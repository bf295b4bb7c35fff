/* Runs task(context, scratch, index) for every index in [0, count), each once, on up to `threads`
 * threads, each with `scratch_size` bytes of its own. Returns 0, or -1 when there was no memory. */
#ifndef LIQUID_THREADS_H
#define LIQUID_THREADS_H

#include <stddef.h>

typedef void (*Task)(void *context, void *scratch, ptrdiff_t index);

int parallel(Task task, void *context, ptrdiff_t count, int threads, size_t scratch_size);

/* 64-byte aligned memory, for free(); NULL when there is none. */
void *aligned_memory(size_t size);

#endif
