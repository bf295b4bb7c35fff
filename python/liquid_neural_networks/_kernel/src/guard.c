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
#define FIRST_COVARIANCE 100.0
#define LARGEST_COVARIANCE 1e6
#define BUDGET (2 * 0.69314718055994530942) /* 2 ln 2 */
#define HALF 10
#define LARGEST_TARGET 1e6
#define FARTHEST_INPUT 5.0
#define UNSCORED (-1.0)

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

/* An input in spreads from its centre. */
static double scaled(const Guard *g, ptrdiff_t i) {
    Scale scale = inputs_of(g);
    if (isnan(g->inputs[i])) return g->inputs[i];
    if (scale.count[i] == 0) return 0; /* of a first value nothing is known */
    return held((g->inputs[i] - scale.center[i]) / spread_of(&scale, i), FARTHEST_INPUT);
}

int scale_inputs(const Guard *g) {
    int finite = 1;
    for (ptrdiff_t i = 0; i < g->input_size; i++) {
        finite &= !isinf(g->inputs[i]);
        g->scaled[i] = g->scale ? scaled(g, i) : g->inputs[i];
    }
    return finite;
}

/* ---- the skip -------------------------------------------------------------------------------- */

static double dot(const double *a, const double *b, ptrdiff_t count) {
    double sum = 0;
    for (ptrdiff_t i = 0; i < count; i++) sum += a[i] * b[i];
    return sum;
}

static double skipped(const Guard *g, const double *features, ptrdiff_t output) {
    return g->skip ? dot(g->skip_weights + output * g->feature_count, features, g->feature_count) : 0;
}

static void restart_covariance(const Guard *g) {
    for (ptrdiff_t i = 0; i < g->feature_count * g->feature_count; i++) g->skip_covariance[i] = 0;
    for (ptrdiff_t i = 0; i < g->feature_count; i++)
        g->skip_covariance[i * (g->feature_count + 1)] = FIRST_COVARIANCE;
}

/* The covariance after the features were seen, from `along`, which it takes them to. */
static void shrink_covariance(const Guard *g, double divisor) {
    ptrdiff_t count = g->feature_count;
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

static void move_weights(const Guard *g, const double *missing, const double *along, double divisor,
                         double step) {
    for (ptrdiff_t o = 0; o < g->output_size; o++)
        for (ptrdiff_t i = 0; i < g->feature_count; i++)
            g->skip_weights[o * g->feature_count + i] += step * missing[o] * (along[i] / divisor);
}

/* Moves the weights towards what was `missing` (O,) in the outputs. */
static void teach_skip(const Guard *g, const double *features, const double *missing) {
    ptrdiff_t count = g->feature_count;
    if (g->skip == GRADIENT) {
        move_weights(g, missing, features, dot(features, features, count), STEP);
        return;
    }
    for (ptrdiff_t i = 0; i < count; i++)
        g->along[i] = dot(g->skip_covariance + i * count, features, count);
    double divisor = FORGETTING + dot(features, g->along, count);
    if (!(divisor >= FORGETTING)) { /* rounding left it none */
        restart_covariance(g);
        return;
    }
    move_weights(g, missing, g->along, divisor, 1);
    shrink_covariance(g, divisor);
}

/* ---- answering ------------------------------------------------------------------------------- */

static int is_warm(const Guard *g) { return g->tally[LABELS] >= g->warm_up; }

static double share_of(const Guard *g, ptrdiff_t slot) {
    return fmin(1, g->share_stake[slot]);
}

/* Where targets lie; NaN: from where a change would count is not known. */
static double middle_of(const Guard *g, ptrdiff_t o) {
    return g->changes ? g->last[o] : g->targets_center[o];
}

/* Where a network's output of 0 lies. */
static double base_of(const Guard *g, double middle) {
    return (g->scale || g->changes) && !isnan(middle) ? middle : 0;
}

static double shadow_of(const Guard *g, ptrdiff_t o, double base, double factor) {
    if (!g->frozen_shadow) return isnan(g->last[o]) ? base : g->last[o];
    return base + factor * held(finite(g->frozen[o]), g->scale ? g->limit : LARGEST);
}

/* One of the numbers kept of an output. */
static void keep(double *kept, ptrdiff_t at, double value) {
    if (at >= 0) kept[at] = value;
}

static void answer(const Guard *g, ptrdiff_t o, const double *features, double share, ptrdiff_t at) {
    Scale scale = targets_of(g);
    double spread = reach_of(g, &scale, o), middle = middle_of(g, o), base = base_of(g, middle);
    double factor = g->scale ? spread : 1;
    if (!g->scale) spread = fmax(spread, 1);
    double shadow = shadow_of(g, o, base, factor);
    double own = base + factor * finite(g->network[o] + skipped(g, features, o));
    double distance = held(own - shadow, g->limit * spread);
    g->output[o] = shadow + share * distance;
    keep(g->made_middle, at, middle);
    keep(g->made_spread, at, spread);
    keep(g->made_network, at, held(g->network[o], DBL_MAX)); /* NaN stays */
    keep(g->made_shadow, at, shadow);
    keep(g->made_distance, at, distance);
    keep(g->made_known, at, 0);
}

void make_answer(const Guard *g, ptrdiff_t slot, int kept) {
    int warm = is_warm(g);
    double share = warm ? share_of(g, slot) : 0;
    for (ptrdiff_t i = 0; i < g->input_size; i++) {
        double value = scaled(g, i);
        g->features[i] = isnan(value) ? 0 : value;
    }
    g->features[g->input_size] = 1;
    for (ptrdiff_t o = 0; o < g->output_size; o++) {
        answer(g, o, g->features, share, kept ? slot * g->output_size + o : -1);
        g->age[o] += 1;
    }
    if (kept) {
        for (ptrdiff_t i = 0; i < g->feature_count; i++)
            g->made_features[slot * g->feature_count + i] = g->features[i];
        g->made_share[slot] = warm ? share : UNSCORED;
        g->tally[REMEMBERED] = fmin(g->tally[REMEMBERED] + 1, (double)g->kept);
    }
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
    double count = g->share_scored[slot];
    double left = g->share_stake[slot] - share_of(g, slot) * worse / g->limit;
    double kept = fmin(fmax(left, 0), BUDGET * count / (count + HALF));
    g->share_stake[slot] = kept + BUDGET * HALF / ((count + HALF) * (count + HALF + 1));
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

/* By what the network's output was multiplied. */
static double factor_of(const Guard *g, ptrdiff_t at) { return g->scale ? g->made_spread[at] : 1; }

/* What network and skip together should have said of an output, in the network's unit. */
static double wanted(const Guard *g, ptrdiff_t at, ptrdiff_t o) {
    double reach = g->limit * g->made_spread[at], middle = g->made_middle[at];
    double near = held(g->target[o] - middle, reach) + (middle - base_of(g, middle));
    return near / factor_of(g, at);
}

Label find_lesson(const Guard *g, ptrdiff_t slot) {
    const double *features = g->made_features + slot * g->feature_count;
    int known = 0;
    for (ptrdiff_t o = 0; o < g->output_size; o++) {
        double rest = wanted(g, slot * g->output_size + o, o) - skipped(g, features, o);
        g->lesson[o] = held(rest, LARGEST_TARGET);
        known |= !isnan(g->target[o]);
    }
    if (!known) return UNKNOWN_LABEL;
    return is_warm(g) ? TO_LEARN : SCORED_ONLY;
}

/* Teaches the skip what the network and it did not say. */
static void teach(const Guard *g, ptrdiff_t slot) {
    const double *features = g->made_features + slot * g->feature_count;
    for (ptrdiff_t o = 0; o < g->output_size; o++) {
        ptrdiff_t at = slot * g->output_size + o;
        double missing = wanted(g, at, o) - skipped(g, features, o) - g->made_network[at];
        double reach = g->limit * g->made_spread[at] / factor_of(g, at);
        g->output[o] = held(finite(missing), reach);
    }
    teach_skip(g, features, g->output);
}

/* Of an output: an older target than the last one, or one that is already known, says nothing. */
static void remember(const Guard *g, ptrdiff_t at, ptrdiff_t o, ptrdiff_t delay) {
    Scale scale = targets_of(g);
    double target = g->target[o];
    if (isnan(target)) return;
    if (!g->made_known[at])
        update(&scale, o, g->changes ? target - g->made_middle[at] : target, g->warm_up);
    g->made_known[at] = 1;
    if (!isnan(g->last[o]) && (double)delay > g->age[o]) return;
    g->last[o] = target;
    g->age[o] = (double)delay;
}

void take_label(const Guard *g, ptrdiff_t slot, ptrdiff_t delay) {
    int first = 1;
    for (ptrdiff_t o = 0; o < g->output_size; o++)
        first &= !g->made_known[slot * g->output_size + o];
    if (first && g->made_share[slot] != UNSCORED) score(g, slot);
    if (g->skip && is_warm(g)) teach(g, slot);
    for (ptrdiff_t o = 0; o < g->output_size; o++)
        remember(g, slot * g->output_size + o, o, delay);
    g->tally[LABELS] += first;
}
