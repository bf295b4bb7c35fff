/* The fused step: what a kernel is given, and the table of kernels.
 *
 * A kernel is compiled once per number type and instruction set from kernel.inc. It knows nothing
 * of Python or torch: raw pointers to contiguous row-major arrays in, raw pointers out.
 */
#ifndef LIQUID_KERNEL_H
#define LIQUID_KERNEL_H

#include <float.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h> /* before any instruction set is switched on */
#endif

#include "closed_form.h"

enum dynamics { CONDUCTANCE, DENSE };
enum solver { FUSED, EULER, EXPONENTIAL };
enum activation { SIGMOID, TANH };

/* Parameters in the order the dynamics name them. For dense dynamics the inputs are already the
 * pre-activations W_in u + b, so only the recurrent parameters are left. */
enum { C, G, VLEAK, W, SIGMA, MU, E, SENSORY_W, SENSORY_SIGMA, SENSORY_MU, SENSORY_E, A_IN, B_IN };
enum { W_REC, TAU, A };
#define MAX_PARAMETERS 13

typedef struct {
    ptrdiff_t count;
    const int64_t *pre, *post; /* (count,), sorted by post, then pre */
} SynapseList;

typedef struct {
    int dynamics, solver, activation;
    ptrdiff_t unfolds, batch, steps, inputs, units;
    SynapseList recurrent, sensory;

    const void *u;              /* (B, T, I); dense: (B, T, N) pre-activations */
    const void *mask;           /* (B, T, I) of 0 and 1, or NULL */
    const void *elapsed;        /* (B, T), or NULL for 1 */
    const void *time_constants; /* (B, T, N), or NULL */
    const void *state;          /* (B, N), or NULL for 0 */
    const void *parameters[MAX_PARAMETERS];
    double lower_bounds[MAX_PARAMETERS]; /* what is stored below is taken as the bound */
    void *states;               /* (B, T, N): written forward, read backward */

    const void *grad_states;    /* (B, T, N) */
    void *grad_u, *grad_elapsed, *grad_time_constants, *grad_state; /* NULL if not wanted */
    void *gradients[MAX_PARAMETERS];

    MemoryCell cell;
} Problem;

/* y (rows,) = matrix (rows, columns) x + shift */
typedef struct {
    const void *matrix, *shift, *from;
    void *to;
    ptrdiff_t rows, columns;
} Affine;

/* Work is cut into chunks of `lanes` batch rows; chunks are gathered into at most MAX_GROUPS
 * groups, each with its own parameter gradients. Both depend only on the batch size, and the
 * groups are summed in order, so results do not depend on the number of threads. */
#define MAX_GROUPS 16

/* The same for closed-form dynamics, in chunks of `width` rows. */
typedef struct {
    int width;
    size_t (*packed_size)(const ClosedForm *, int backward);
    void (*pack)(const ClosedForm *, void *packed, int backward);
    size_t (*scratch_size)(const ClosedForm *);
    void (*forward)(const ClosedForm *, const void *packed, void *scratch, ptrdiff_t chunk);
    void (*backward)(const ClosedForm *, const void *packed, void *scratch, ptrdiff_t chunk);
} ClosedKernel;

typedef struct {
    int lanes;
    size_t real_size;
    /* Reordered parameters, shared by all threads. */
    size_t (*packed_size)(const Problem *);
    void (*pack)(const Problem *, void *packed);
    /* Scratch of one thread. */
    size_t (*scratch_size)(const Problem *, int backward);
    void (*forward)(const Problem *, const void *packed, void *scratch, ptrdiff_t chunk);
    /* Chunks [first, last) of one group; `gradients` takes the group's parameter gradients. */
    void (*backward)(const Problem *, const void *packed, void *scratch, ptrdiff_t first,
                     ptrdiff_t last, void *gradients);
    /* Adds `count` numbers of `from` to `to`. */
    void (*add)(void *to, const void *from, ptrdiff_t count);
    /* The sigmoid itself, for measuring its error and its speed. */
    void (*sigmoid)(const void *from, void *to, ptrdiff_t count);
    /* For live sessions, see live.inc. */
    void (*affine)(const Affine *);
    ptrdiff_t (*read_sample)(const double *from, ptrdiff_t count, void *to, void *seen);
    ClosedKernel closed_form;
} Kernel;

/* Number of entries of one parameter. */
ptrdiff_t parameter_size(const Problem *, int parameter);
int parameter_count(const Problem *);

extern const Kernel kernel_f32_baseline, kernel_f64_baseline;
#if defined(__x86_64__)
extern const Kernel kernel_f32_avx2, kernel_f64_avx2, kernel_f32_avx512, kernel_f64_avx512;
#endif

#endif
