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
    ptrdiff_t input_size, output_size, feature_count, kept;
    SkipKind skip;
    int scale, changes, frozen_shadow;
    double warm_up, limit;
    GUARD_FIELDS(NUMBERS)
} Guard;

/* `inputs` to `scaled`; nothing moves. 0 if one is infinite. */
int scale_inputs(const Guard *);

/* From what the network (and a frozen one) says of the scaled inputs, the `output`, weighted as those
 * of a slot. If it is to be kept it waits there for its label. The scaling of inputs takes them into
 * account. */
void make_answer(const Guard *, ptrdiff_t slot, int keep);

typedef enum { UNKNOWN_LABEL, SCORED_ONLY, TO_LEARN } Label;

/* What becomes of the `target` of the output kept in a slot: nothing is known, nothing is to be
 * learned yet, or the `lesson` says what the network should have said. Nothing else moves. */
Label find_lesson(const Guard *, ptrdiff_t slot);

/* Then takes that target of an output made `delay` samples ago into account: scores, scaling, skip. */
void take_label(const Guard *, ptrdiff_t slot, ptrdiff_t delay);

#endif
