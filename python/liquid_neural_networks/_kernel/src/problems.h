/* What a kernel is given: sizes, and pointers to contiguous row-major arrays of its own number
 * type. The pointers are those of fields.h, by the same names. */
#ifndef LIQUID_PROBLEMS_H
#define LIQUID_PROBLEMS_H

#include <stddef.h>
#include <stdint.h>

#include "fields.h"

#define POINTER(name, ...) void *name;
#define CONSTANT(constant, ...) constant,

/* The memory cell of an LSTM beside the liquid state ("mixed memory"). Before each interval, with
 * the state x and the memory c of the step before:
 *
 *   (candidate, input, forget, output) = gates + gates_recurrent x
 *   c <- sigmoid(forget + 1) c + sigmoid(input) tanh(candidate)
 *   x <- sigmoid(output) tanh(c)                                  where the interval starts
 *
 * `gates`, what the inputs contribute, is NULL where there is no memory. The gradient of
 * `gates_recurrent` is left to the caller, who has `grad_gates` and the states. */
typedef struct { CELL_FIELDS(POINTER) } MemoryCell;

enum dynamics { CONDUCTANCE, DENSE };
enum solver { FUSED, EULER, EXPONENTIAL };
enum activation { SIGMOID, TANH };
enum { CONDUCTANCE_PARAMETERS(CONSTANT) CONDUCTANCE_PARAMETER_COUNT };
enum { DENSE_PARAMETERS(CONSTANT) DENSE_PARAMETER_COUNT };
#define MAX_PARAMETERS CONDUCTANCE_PARAMETER_COUNT

typedef struct {
    ptrdiff_t count;
    const int64_t *pre, *post; /* (count,), sorted by post, then pre */
} SynapseList;

/* How the value of a parameter comes from what is stored: as it is, no less than the bound, or the
 * bound + log(1 + exp(stored)). */
enum constraint { AS_STORED, CLIP, SOFTPLUS };
typedef struct {
    int kind;
    double lower;
} Constraint;

/* Conductance or dense dynamics over whole sequences. */
typedef struct {
    int dynamics, solver, activation;
    ptrdiff_t unfolds, batch, steps, input_size, units;
    SynapseList recurrent, sensory;
    Constraint constraints[MAX_PARAMETERS];
    int in_matrices; /* parameters of synapses are stored in matrices, a row each sender */
    double epsilon;  /* conductance of a further leak, towards 0 */
    STEP_FIELDS(POINTER)
    MASK_FIELDS(POINTER)
    void *parameters[MAX_PARAMETERS], *gradients[MAX_PARAMETERS];
    MemoryCell cell;
} Step;

int parameter_count(const Step *);

/* Number of values of one parameter. */
ptrdiff_t parameter_size(const Step *, int parameter);

/* The synapses whose values are picked from the matrix that a parameter is stored in, or NULL: they
 * are stored one after the other. */
const SynapseList *synapses_in_matrix(const Step *, int parameter);

#define MAX_BACKBONE 64
#define MAX_LAYERS 16

enum mode { GATED, NO_GATE, PURE };
enum backbone_activation { BACKBONE_TANH, BACKBONE_RELU, BACKBONE_SILU, BACKBONE_NONE };

/* Closed-form dynamics over whole sequences. One step, from the state x of the step before:
 *
 *   y_0 = input_terms + recurrent x
 *   z_l = activation(y_l), y_{l+1} = hidden_l z_l + hidden_bias_l       through the backbone
 *   heads = heads z + heads_bias, or y_0 without a backbone: ff1, ff2, time_a, time_b
 *   s = sigmoid((time_a + shift) elapsed + time_b)
 *   x <- (1 - s) tanh(ff1) + s tanh(ff2), without the factor 1 - s in NO_GATE
 *
 * In PURE there is one head of the four, ff1, and x <- A - A ff1 exp(-(shift + |ff1|) elapsed).
 *
 * Neurons may stand in several layers, one after the other in x. The heads of a layer, in rows side
 * by side, are then also given what earlier layers have just become: += between_layers x.
 *
 * Weight gradients are sums of outer products over all steps, which the caller takes from what is
 * kept and from the gradients `grad_y` and `grad_heads`. */
typedef struct {
    int mode, activation, backbone_layers; /* 0 for none */
    ptrdiff_t batch, steps, units, hidden; /* without a backbone `hidden` is heads a neuron * N */
    int layers;                            /* of the wiring */
    ptrdiff_t layer_start[MAX_LAYERS + 1]; /* neurons */
    CLOSED_FORM_FIELDS(POINTER)
    void *hidden_weights[MAX_BACKBONE], *hidden_bias[MAX_BACKBONE]; /* of layer 1 on */
    MemoryCell cell; /* its x is this state */
} ClosedForm;

/* to (rows,) = matrix (rows, columns) from + shift */
typedef struct {
    ptrdiff_t rows, columns;
    AFFINE_FIELDS(POINTER)
} Affine;

#endif
