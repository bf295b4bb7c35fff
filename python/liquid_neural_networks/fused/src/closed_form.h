/* Closed-form dynamics over whole sequences: what a kernel is given. */
#ifndef LIQUID_CLOSED_FORM_H
#define LIQUID_CLOSED_FORM_H

#include <stddef.h>
#include <stdint.h>

#include "memory_cell.h"

#define MAX_BACKBONE 64
#define MAX_TIERS 16

enum mode { GATED, NO_GATE, PURE };
enum backbone_activation { BACKBONE_TANH, BACKBONE_RELU, BACKBONE_SILU };

/* One step, from the state x of the step before:
 *
 *   y_0 = heard + recurrent x                    what the inputs contribute is in `heard`
 *   z_l = activation(y_l), y_{l+1} = hidden_l z_l + hidden_bias_l       through the backbone
 *   heads = heads_matrix z + heads_bias, or y_0 without a backbone: ff1, ff2, time_a, time_b
 *   s = sigmoid((time_a + shift) elapsed + time_b)
 *   x <- (1 - s) tanh(ff1) + s tanh(ff2), without the factor 1 - s in NO_GATE
 *
 * In PURE there is one head of the four, ff1, and x <- a - a ff1 exp(-(shift + |ff1|) elapsed).
 *
 * Neurons may stand in tiers, one after the other in x. The heads of a tier, in rows side by side,
 * then also hear what earlier tiers have just become: += fresh x.
 *
 * Weight gradients are sums of outer products over all steps, which the caller takes from what is
 * `kept` and from the gradients `grad_y` and `grad_heads`. */
typedef struct {
    int mode, activation, layers; /* layers of the backbone, 0 for none */
    ptrdiff_t batch, steps, units, hidden; /* B, T, N, H; without a backbone H = heads N */
    int tiers;

    const void *heard;             /* (B, T, H) */
    const void *elapsed;           /* (B, T) */
    const void *shift;             /* (B, T, N), or NULL */
    const void *state;             /* (B, N) */
    const void *recurrent;         /* (H, N) */
    const void *heads, *heads_bias;                       /* (heads N, H), (heads N,) */
    const void *fresh;             /* (heads N, N), or NULL for a single tier */
    const int64_t *tier_start;     /* (tiers + 1,) neurons, likewise */
    const void *a;                 /* (N,) in PURE, else NULL */
    const void *weights[MAX_BACKBONE], *bias[MAX_BACKBONE]; /* (H, H), (H,) of layer 1 on */
    void *states;                  /* (B, T, N) */
    void *kept_z;                  /* (layers, B, T, H), or NULL forward */
    void *kept_heads;              /* the kernel's own, 64-byte aligned, heads N numbers a step and
                                    * row of its whole chunks: tanh ff1, tanh ff2, s,
                                    * time_a + shift, or ff1; or NULL forward */
    void *kept_slope;              /* (layers, B, T, H): of an activation whose slope does not
                                    * follow from z; else NULL */

    const void *grad_states;       /* (B, T, N) */
    void *grad_y;                  /* (layers, B, T, H); the first is the gradient of `heard` */
    void *grad_heads;              /* (B, T, heads N); without a backbone that of `heard` */
    void *grad_elapsed, *grad_state;
    void *grad_shift, *grad_a;     /* (B, T, N) in PURE, else NULL: that of `shift` is of time_a */

    MemoryCell cell;               /* its x is this state */
} ClosedForm;

#endif
