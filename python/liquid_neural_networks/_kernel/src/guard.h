/* The guard of a learner: raw numbers are scaled as they run, an output is weighted with that of a
 * shadow, and both are scored by the labels. The same as online/_guard_reference.py, number by
 * number; why it is right is said there and in online/_share.py. */
#ifndef LIQUID_GUARD_H
#define LIQUID_GUARD_H

#include <stddef.h>

#include "fields.h"

#define NUMBERS(name, ...) double *name;

typedef enum { NO_SKIP, GRADIENT, LEAST_SQUARES } SkipKind;

/* Of the tally. */
enum {
    SHADOW_ERROR, LEARNER_EXCESS, OUTPUT_EXCESS, SCORED, /* since the warm-up */
    WINDOW_EXCESS, WINDOW_ERROR, WINDOW_SCORED,          /* since the last window */
    LABELS, REMEMBERED, TALLIES
};

typedef struct {
    ptrdiff_t input_size, output_size, features, kept;
    SkipKind skip;
    int scale, changes, frozen_shadow;
    double warm_up, limit;
    GUARD_FIELDS(NUMBERS)
} Guard;

/* `inputs` to `scaled`; nothing moves. */
void scale_inputs(const Guard *);

/* From what the network (and a frozen one) says of the scaled inputs, the `output`, which is kept
 * in a slot until its label comes. Then the scaling of inputs takes them into account. */
void make_answer(const Guard *, ptrdiff_t slot);

/* Scores the output kept in a slot by its `target`, and sets the `lesson`: what the network should
 * have said. Returns 0 if nothing is known, 1 if nothing is to be learned yet, else 2. */
int take_label(const Guard *, ptrdiff_t slot);

#endif
