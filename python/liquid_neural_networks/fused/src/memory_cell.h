/* The memory cell of an LSTM beside the liquid state ("mixed memory"): what a kernel is given. */
#ifndef LIQUID_MEMORY_CELL_H
#define LIQUID_MEMORY_CELL_H

/* Before each interval, with the state x and the memory c of the step before:
 *
 *   (candidate, input, forget, output) = gates + recurrent x
 *   c <- sigmoid(forget + 1) c + sigmoid(input) tanh(candidate)
 *   x <- sigmoid(output) tanh(c)                                  where the interval starts
 *
 * The gradient of `recurrent` is left to the caller, who has `grad_gates` and the states. */
typedef struct {
    const void *gates;         /* (B, T, 4 N) from the inputs, or NULL: there is no memory */
    const void *recurrent;     /* (4 N, N) */
    const void *memory;        /* (B, N) */
    void *memories;            /* (B, T, N) */
    void *starts;              /* (B, T, N) of x; NULL if there is no way back */
    void *kept;                /* the kernel's own, 64-byte aligned, 4 N numbers a step and row of
                                * its whole chunks: the gates, opened; NULL if no way back */
    const void *grad_memories; /* (B, T, N) */
    void *grad_gates;          /* (B, T, 4 N) */
    void *grad_memory;         /* (B, N) */
} MemoryCell;

#endif
