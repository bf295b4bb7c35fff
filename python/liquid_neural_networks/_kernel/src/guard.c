#include "guard.h"

#include <float.h>
#include <math.h>

/* As in _scaling.py, _skip.py, _share.py and _guard.py, where each is explained. */
#define MEMORY 1000.0
#define FAR 4.0
#define LASTING 5.0
#define LARGEST 1e100
#define STEP 0.05
#define FORGETTING 0.999
#define LARGEST_COVARIANCE 1e6
#define LARGEST_SHARE 100.0
#define LARGEST_TARGET 1e6
#define FARTHEST_INPUT 5.0
#define UNSCORED (-1.0)
#define LABELLED (-2.0)

static inline double held(double value, double reach) {
    return value < -reach ? -reach : value > reach ? reach : value;
}

static inline double finite(double value) {
    return isnan(value) ? 0 : held(value, DBL_MAX);
}

/* ---- running scaling ------------------------------------------------------------------------- */

typedef struct {
    double *count, *center, *variance, *outliers;
} Scale;

static Scale inputs_of(const Guard *g) {
    return (Scale){g->inputs_count, g->inputs_center, g->inputs_variance, g->inputs_outliers};
}

static Scale targets_of(const Guard *g) {
    return (Scale){g->targets_count, g->targets_center, g->targets_variance, g->targets_outliers};
}

static double spread_of(const Scale *scale, ptrdiff_t i) {
    return fmax(sqrt(scale->variance[i]), 1e-12 + 1e-9 * fabs(scale->center[i]));
}

/* How far targets lie from where a scaled target of 0 lies: changes from 0, others from their mean. */
static double reach_of(const Guard *g, const Scale *targets, ptrdiff_t o) {
    double spread = spread_of(targets, o);
    return g->changes ? hypot(spread, targets->center[o]) : spread;
}

static void update(const Scale *scale, ptrdiff_t i, double value, double warm_up) {
    if (isnan(value)) return;
    double distance = held(value, LARGEST) - scale->center[i];
    double reach = FAR * spread_of(scale, i);
    if (fabs(distance) > reach && scale->count[i] >= warm_up) {
        scale->outliers[i] += 1;
        if (scale->outliers[i] <= LASTING) distance = held(distance, reach);
    } else {
        scale->outliers[i] = 0;
    }
    scale->count[i] += 1;
    double rate = 1 / fmin(scale->count[i], MEMORY);
    scale->center[i] += rate * distance;
    scale->variance[i] = (1 - rate) * (scale->variance[i] + rate * (distance * distance));
}

void scale_inputs(const Guard *g) {
    Scale scale = inputs_of(g);
    for (ptrdiff_t i = 0; i < g->input_size; i++) {
        double value = g->inputs[i];
        if (g->scale && !isnan(value))
            value = scale.count[i] == 0 ? 0 /* of a first value nothing is known */
                                        : held((value - scale.center[i]) / spread_of(&scale, i),
                                               FARTHEST_INPUT);
        g->scaled[i] = value;
    }
}

/* ---- the skip -------------------------------------------------------------------------------- */

static double dot(const double *a, const double *b, ptrdiff_t count) {
    double sum = 0;
    for (ptrdiff_t i = 0; i < count; i++) sum += a[i] * b[i];
    return sum;
}

static double skipped(const Guard *g, const double *features, ptrdiff_t output) {
    return g->skip ? dot(g->skip_weights + output * g->features, features, g->features) : 0;
}

/* The covariance after the features were seen, from `along`, which it takes them to. */
static void shrink_covariance(const Guard *g, double divisor) {
    ptrdiff_t count = g->features;
    double largest = 0;
    for (ptrdiff_t i = 0; i < count; i++) {
        double *row = g->skip_covariance + i * count, gain = g->along[i] / divisor;
        for (ptrdiff_t j = 0; j < count; j++) row[j] = (row[j] - gain * g->along[j]) / FORGETTING;
        largest = fmax(largest, fabs(row[i]));
    }
    if (largest <= LARGEST_COVARIANCE) return;
    for (ptrdiff_t i = 0; i < count * count; i++)
        g->skip_covariance[i] *= LARGEST_COVARIANCE / largest;
}

/* Moves the weights towards what was `missing` (O,) in the outputs. */
static void teach_skip(const Guard *g, const double *features, const double *missing) {
    ptrdiff_t count = g->features;
    const double *along = features;
    double divisor, step = 1;
    if (g->skip == GRADIENT) {
        divisor = dot(features, features, count);
        step = STEP;
    } else {
        for (ptrdiff_t i = 0; i < count; i++)
            g->along[i] = dot(g->skip_covariance + i * count, features, count);
        along = g->along;
        divisor = FORGETTING + dot(features, along, count);
    }
    for (ptrdiff_t o = 0; o < g->output_size; o++)
        for (ptrdiff_t i = 0; i < count; i++)
            g->skip_weights[o * count + i] += step * missing[o] * (along[i] / divisor);
    if (g->skip == LEAST_SQUARES) shrink_covariance(g, divisor);
}

/* ---- answering ------------------------------------------------------------------------------- */

static int is_warm(const Guard *g) { return g->tally[LABELS] >= g->warm_up; }

static double share_of(const Guard *g, ptrdiff_t slot) {
    return g->share_learner[slot] / (g->share_learner[slot] + g->share_shadow[slot]);
}

/* Where targets lie. */
static double middle_of(const Guard *g, ptrdiff_t o) {
    if (g->changes) return isnan(g->last[o]) ? 0 : g->last[o];
    return g->targets_center[o];
}

/* Where a network's output of 0 lies. */
static double base_of(const Guard *g, double middle) { return g->scale || g->changes ? middle : 0; }

static double shadow_of(const Guard *g, ptrdiff_t o, double base, double factor) {
    if (!g->frozen_shadow) return isnan(g->last[o]) ? base : g->last[o];
    return base + factor * held(finite(g->frozen[o]), g->scale ? g->limit : LARGEST);
}

void make_answer(const Guard *g, ptrdiff_t slot) {
    ptrdiff_t outputs = g->output_size;
    double *features = g->made_features + slot * g->features;
    for (ptrdiff_t i = 0; i < g->input_size; i++)
        features[i] = isnan(g->scaled[i]) ? 0 : g->scaled[i];
    features[g->input_size] = 1;

    double share = is_warm(g) ? share_of(g, slot) : 0;
    Scale scale = targets_of(g);
    for (ptrdiff_t o = 0; o < outputs; o++) {
        ptrdiff_t at = slot * outputs + o;
        double spread = reach_of(g, &scale, o);
        double middle = middle_of(g, o), base = base_of(g, middle);
        double factor = g->scale ? spread : 1;
        if (!g->scale) spread = fmax(spread, 1);
        double shadow = shadow_of(g, o, base, factor);
        double own = base + factor * finite(g->network[o] + skipped(g, features, o));
        g->made_middle[at] = middle;
        g->made_factor[at] = factor;
        g->made_spread[at] = spread;
        g->made_network[at] = held(g->network[o], DBL_MAX); /* NaN stays */
        g->made_shadow[at] = shadow;
        g->made_distance[at] = held(own - shadow, g->limit * spread);
        g->output[o] = shadow + share * g->made_distance[at];
    }
    g->made_share[slot] = is_warm(g) ? share : UNSCORED;
    g->tally[REMEMBERED] = fmin(g->tally[REMEMBERED] + 1, (double)g->kept);
    Scale of_inputs = inputs_of(g);
    for (ptrdiff_t i = 0; i < g->input_size; i++) update(&of_inputs, i, g->inputs[i], g->warm_up);
}

/* ---- labels ---------------------------------------------------------------------------------- */

/* How much larger an error gets by a distance. Of far values the difference of two errors would
 * have no digits left. */
static double excess(double error, double distance) {
    double size = fabs(error);
    if (size >= fabs(distance)) return error > 0 ? distance : error < 0 ? -distance : 0;
    return fabs(error + distance) - size;
}

static void score_share(const Guard *g, ptrdiff_t slot, double worse) {
    double count = g->share_scored[slot], moved = 0.5 / ((count + 1) * (count + 2));
    double weight = g->share_learner[slot] * (1 - worse / (2 * g->limit));
    g->share_learner[slot] = fmin(weight + moved, LARGEST_SHARE);
    g->share_shadow[slot] -= moved;
    g->share_scored[slot] = count + 1;
}

static void score(const Guard *g, ptrdiff_t slot) {
    ptrdiff_t known = 0, first = slot * g->output_size;
    double shadow = 0, learner = 0, output = 0, share = g->made_share[slot];
    for (ptrdiff_t o = 0; o < g->output_size; o++) {
        if (isnan(g->target[o])) continue;
        double error = g->made_shadow[first + o] - g->target[o];
        double spread = g->made_spread[first + o], distance = g->made_distance[first + o];
        known++;
        shadow += fmin(fabs(error) / spread, LARGEST);
        learner += excess(error, distance) / spread;
        output += excess(error, share * distance) / spread;
    }
    shadow /= (double)known;
    learner /= (double)known;
    g->tally[SHADOW_ERROR] += shadow;
    g->tally[LEARNER_EXCESS] += learner;
    g->tally[OUTPUT_EXCESS] += output / (double)known;
    g->tally[SCORED] += 1;
    learner = held(learner, g->limit); /* but for rounding it is already */
    score_share(g, slot, learner);
    g->tally[WINDOW_EXCESS] += learner;
    g->tally[WINDOW_ERROR] += shadow;
    g->tally[WINDOW_SCORED] += 1;
}

/* Sets the lesson, and teaches the skip what the network and it did not say. */
static void teach(const Guard *g, ptrdiff_t slot) {
    const double *features = g->made_features + slot * g->features;
    for (ptrdiff_t o = 0; o < g->output_size; o++) {
        ptrdiff_t at = slot * g->output_size + o;
        double reach = g->limit * g->made_spread[at], middle = g->made_middle[at];
        double near = held(g->target[o] - middle, reach) + (middle - base_of(g, middle));
        double rest = near / g->made_factor[at] - skipped(g, features, o);
        g->lesson[o] = held(rest, LARGEST_TARGET);
        double missing = isnan(rest) ? 0 : rest - g->made_network[at];
        g->output[o] = held(finite(missing), reach / g->made_factor[at]);
    }
    if (g->skip) teach_skip(g, features, g->output);
}

int take_label(const Guard *g, ptrdiff_t slot) {
    int known = 0;
    for (ptrdiff_t o = 0; o < g->output_size; o++) known |= !isnan(g->target[o]);
    if (!known) return 0;
    if (g->made_share[slot] >= 0) score(g, slot);
    int first = g->made_share[slot] != LABELLED, warm = is_warm(g);
    g->made_share[slot] = LABELLED;
    if (warm) teach(g, slot);
    Scale scale = targets_of(g);
    for (ptrdiff_t o = 0; o < g->output_size; o++) {
        double target = g->target[o];
        update(&scale, o, g->changes ? target - g->last[o] : target, g->warm_up);
        if (!isnan(target)) g->last[o] = target;
    }
    g->tally[LABELS] += first;
    return warm ? 2 : 1;
}
