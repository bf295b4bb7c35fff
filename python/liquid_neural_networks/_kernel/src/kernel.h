/* The table of one kernel: compiled once for each number type and instruction set. It
 * knows nothing of Python or torch. */
#ifndef LIQUID_KERNEL_H
#define LIQUID_KERNEL_H

#include <float.h>
#include <math.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h> /* before any instruction set is switched on */
#endif

#include "learner.h"
#include "problems.h"

/* Work is cut into chunks of `lanes` batch rows; chunks are gathered into at most MAX_GROUPS
 * groups, each with its own parameter gradients. Both depend only on the batch size, and the
 * groups are summed in order, so results do not depend on the number of threads. */
#define MAX_GROUPS 16

/* Closed-form dynamics, in chunks of `width` rows. */
typedef struct {
    int width;
    size_t (*packed_size)(const ClosedForm *, int backward);
    void (*pack)(const ClosedForm *, void *packed, int backward);
    size_t (*scratch_size)(const ClosedForm *);
    void (*forward)(const ClosedForm *, const void *packed, void *scratch, ptrdiff_t chunk);
    void (*backward)(const ClosedForm *, const void *packed, void *scratch, ptrdiff_t chunk);
} ClosedKernel;

/* Synapses onto one neuron, for measuring: see `synapses` below. */
typedef struct {
    const int32_t *pre;          /* (count,) */
    const void *k, *m, *w, *w_e; /* (count,) */
    const void *from;            /* a chunk of rows of each sender */
    void *rate, *drive;          /* a chunk of rows */
} SynapseArrays;

typedef struct {
    int lanes;
    size_t real_size;
    /* Reordered parameters, shared by all threads. */
    size_t (*packed_size)(const Step *, int backward);
    void (*pack)(const Step *, void *packed, int backward);
    /* Scratch of one thread. */
    size_t (*scratch_size)(const Step *, int backward);
    void (*forward)(const Step *, const void *packed, void *scratch, ptrdiff_t chunk);
    /* Chunks [first, last) of one group; `gradients` takes the group's parameter gradients. */
    void (*backward)(const Step *, const void *packed, void *scratch, ptrdiff_t first,
                     ptrdiff_t last, void *gradients);
    /* Adds `count` numbers of `from` to `to`. */
    void (*add)(void *to, const void *from, ptrdiff_t count);
    /* From the gradients of all values, one parameter after the other, to those of what is stored,
     * in the arrays of the problem. */
    void (*store_gradients)(const Step *, const void *gradients);
    /* For measuring error and speed: the sigmoid of `count` numbers; and `count` synapses onto one
     * neuron, one chunk of rows each, with their parameters loaded and rate and drive added up. */
    void (*sigmoid)(const void *from, void *to, ptrdiff_t count);
    void (*synapses)(const SynapseArrays *, ptrdiff_t count);
    /* For sessions. */
    void (*affine)(const Affine *);
    ptrdiff_t (*read_sample)(const double *from, ptrdiff_t count, void *to, void *seen);
    ClosedKernel closed_form;
    LearningKernel learning;
} Kernel;

extern const Kernel kernel_f32_baseline, kernel_f64_baseline;
#if defined(__x86_64__)
extern const Kernel kernel_f32_avx2, kernel_f64_avx2, kernel_f32_avx512, kernel_f64_avx512;
#endif

#endif
