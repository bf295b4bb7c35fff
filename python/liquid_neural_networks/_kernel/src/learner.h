/* What the kernel of a learner is given: a population that runs sample by sample and carries along
 * how its state depends on its parameters (real-time recurrent learning, Williams and Zipser,
 * Neural Computation 1, 1989), a read-out, and an optimiser.
 *
 * Parameters stand in one flat array of columns: a block for each neuron, with all that only this
 * neuron's equation reads, one for the affine map of the inputs of conductance dynamics, and one for
 * the read-out. Every block begins at a multiple of the kernel's lanes. In a neuron's block come
 *
 *   conductance   c g vleak; w, sigma, mu, E of its synapses; the same four of its sensory ones
 *   dense         b tau A; W_rec; W_in
 *   closed form   a bias for each head (then w_tau and A in pure mode); the recurrent weights of
 *                 each head; the sensory ones
 *
 * A sensitivity is the derivative of a neuron's state by a parameter. They are kept block by block,
 * (rows, width), for the neurons that the block's `reach` lists. */
#ifndef LIQUID_LEARNER_H
#define LIQUID_LEARNER_H

#include "problems.h"

enum { CLOSED_FORM = 2 }; /* beside CONDUCTANCE and DENSE */

/* In place of where an output is kept: nowhere; and nothing will ever be learned from it. */
enum { NOT_KEPT = -1, LOOKING_AHEAD = -2 };

typedef enum { MSE, MAE, HUBER, CROSS_ENTROPY } LossKind;
typedef enum { RMSPROP, ADAM, SGD } OptimizerKind;
typedef enum { LEARNED, UNKNOWN_TARGET, NOT_FINITE } Outcome;

/* A sender within a reach: its row, or, where it has already acted in this step, `rows` + its row;
 * and which entry of the Jacobian joins the two. */
typedef struct {
    int32_t from, at;
} Edge;

/* Neurons whose sensitivities are kept, rising, and what reaches each of them from the others. */
typedef struct {
    ptrdiff_t rows;
    int32_t *neurons;  /* (rows,) */
    ptrdiff_t *start;  /* (rows + 1,) */
    Edge *edges;
} Reach;

typedef struct {
    Reach *reach;
    ptrdiff_t first, width, sensitivities;
    ptrdiff_t own; /* the row of the neuron itself; -1: the block is that of the inputs */
} Block;

typedef struct {
    int dynamics, solver, activation, mode, softplus, motor, loss, optimizer;
    ptrdiff_t unfolds, input_size, units, output_size;
    SynapseList recurrent, sensory; /* neurons by layer of the wiring */
    ptrdiff_t layers, layer_start[MAX_LAYERS + 1];
    ptrdiff_t block_count; /* units, and one more for the inputs */
    Block *blocks;
    ptrdiff_t readout, columns, sensitivity_count, kept, most_rows, most_width;
    int32_t *motors; /* (O,) the neurons that a motor read-out reads */
    LEARNER_FIELDS(POINTER)
} Learner;

/* What a neuron's block holds: numbers of its own, and lists of one number a synapse. */
typedef struct {
    int own, recurrent, sensory;
} BlockParts;

static inline BlockParts parts_of(const Learner *p) {
    if (p->dynamics == CONDUCTANCE) return (BlockParts){3, 4, 4};
    if (p->dynamics == DENSE) return (BlockParts){3, 1, 1};
    return p->mode == PURE ? (BlockParts){3, 1, 1} : (BlockParts){4, 4, 4};
}
#define MAX_OWN 4
#define MAX_LISTS 4

typedef struct {
    double rate, largest_norm; /* of the gradient; infinity: it is taken as it is */
    double count;              /* of updates, this one included */
    ptrdiff_t kept;            /* which of the kept outputs, -1 for the newest */
    const double *target;      /* (O,), NaN where not known */
    double loss;               /* written */
} Lesson;

/* `work` is memory that lasts as long as the learner. */
typedef struct {
    size_t (*work_size)(const Learner *);
    void (*refresh)(const Learner *, void *work); /* after parameters were written */
    void (*step)(const Learner *, void *work, const void *inputs, const void *seen, double elapsed,
                 int given, ptrdiff_t keep);
    Outcome (*learn)(const Learner *, void *work, Lesson *);
} LearningKernel;

#endif
