/* The working memory of a learner: values of parameters in the order of the lists, and what one
 * sample leaves behind for the sensitivities. */
#ifndef LIQUID_LEARNER_WORK_H
#define LIQUID_LEARNER_WORK_H

#include "arena.h"
#include "learner.h"
#include "simd.h"

/* Numbers of neurons, of synapses and of columns have space for a whole vector after the last one:
 * lists are copied and worked out vector by vector, each over the end of the one before. */
typedef struct {
    real *own[MAX_OWN], *recurrent[MAX_LISTS], *sensory[MAX_LISTS]; /* (N,), (E,), (S,) */
    real *values, *slopes;                 /* (P,): in the equations; their derivatives by what is stored */
    ptrdiff_t *start, *sensory_start;      /* (N + 1,): the synapses of each neuron */
    int32_t *pre, *sensory_pre;            /* (E,), (S,) */
    const real *seen;                      /* (I,) */
    real *inputs;                          /* (I,): as the synapses see them */
    real *raw_inputs;                      /* (I,) */
    real *base_rate, *base_drive, *leak, *h; /* (N,): without recurrent synapses; length of an unfold / c */
    real *rate, *drive;                    /* (N,) */
    real *sensory_sent, *sensory_open;     /* (S,) */
    ptrdiff_t units_step, synapses_step;   /* numbers of an unfold in what follows */
    real *x;                               /* (U + 1, N) */
    real *by_x, *by_rate, *by_drive, *by_h; /* (U, N): of the state after an unfold */
    real *sent, *open;                     /* (U, E): the sender's state; activation / w, or in dense
                                              dynamics f (U, N) */
    real *jacobian;                        /* (U, N + E) */
    ptrdiff_t heads_step;
    real *heads, *by_heads;                /* (4, N) */
    real *direct;                          /* (U, most_width): derivatives within an unfold */
    real *direct_inputs;                   /* (U, rows, width) of the block of the inputs */
    int32_t *input_rows;                   /* (N,): row of a neuron there */
    vec *columns;                          /* (2, most_rows, TOGETHER) */
    real *by_state, *by_output;            /* (N,), (O,): of the loss */
} LearnerWork;

static void lay_out_values(Arena *arena, const Learner *p, LearnerWork *w) {
    ptrdiff_t n = p->units + LANES, e = p->recurrent.count + LANES, s = p->sensory.count + LANES;
    for (int i = 0; i < MAX_OWN; i++) w->own[i] = ALLOCATE(arena, real, n);
    for (int i = 0; i < MAX_LISTS; i++) w->recurrent[i] = ALLOCATE(arena, real, e);
    for (int i = 0; i < MAX_LISTS; i++) w->sensory[i] = ALLOCATE(arena, real, s);
    w->values = ALLOCATE(arena, real, p->columns + LANES);
    w->slopes = ALLOCATE(arena, real, p->columns + LANES);
    w->start = ALLOCATE(arena, ptrdiff_t, p->units + 1);
    w->sensory_start = ALLOCATE(arena, ptrdiff_t, p->units + 1);
    w->pre = ALLOCATE(arena, int32_t, p->recurrent.count);
    w->sensory_pre = ALLOCATE(arena, int32_t, p->sensory.count);
}

static void lay_out_sample(Arena *arena, const Learner *p, LearnerWork *w) {
    ptrdiff_t n = p->units + LANES, s = p->sensory.count + LANES, unfolds = p->unfolds;
    w->units_step = round_up(p->units, LANES);
    w->synapses_step = round_up(p->recurrent.count, LANES);
    real **per_unit[] = {&w->base_rate, &w->base_drive, &w->leak, &w->h, &w->rate, &w->drive};
    for (size_t i = 0; i < sizeof per_unit / sizeof *per_unit; i++)
        *per_unit[i] = ALLOCATE(arena, real, n);
    w->inputs = ALLOCATE(arena, real, p->input_size);
    w->sensory_sent = ALLOCATE(arena, real, s);
    w->sensory_open = ALLOCATE(arena, real, s);
    w->x = ALLOCATE(arena, real, (unfolds + 1) * w->units_step + LANES);
    real **per_unfold[] = {&w->by_x, &w->by_rate, &w->by_drive, &w->by_h};
    for (size_t i = 0; i < sizeof per_unfold / sizeof *per_unfold; i++)
        *per_unfold[i] = ALLOCATE(arena, real, unfolds * w->units_step);
    ptrdiff_t each = larger(w->units_step, w->synapses_step);
    w->sent = ALLOCATE(arena, real, unfolds * w->synapses_step + LANES);
    w->open = ALLOCATE(arena, real, unfolds * each + LANES);
    w->jacobian = ALLOCATE(arena, real, unfolds * (w->units_step + w->synapses_step) + LANES);
    w->heads_step = w->units_step + LANES;
    ptrdiff_t heads = p->dynamics == CLOSED_FORM ? 4 * w->heads_step : 0;
    w->heads = ALLOCATE(arena, real, heads);
    w->by_heads = ALLOCATE(arena, real, heads);
}

static LearnerWork lay_out_learner(Arena *arena, const Learner *p) {
    LearnerWork w = {0};
    lay_out_values(arena, p, &w);
    lay_out_sample(arena, p, &w);
    w.direct = ALLOCATE(arena, real, p->unfolds * p->most_width + LANES);
    ptrdiff_t direct = 0;
    if (p->block_count > p->units) {
        const Block *block = &p->blocks[p->units];
        direct = p->unfolds * block->reach->rows * block->width;
    }
    w.direct_inputs = ALLOCATE(arena, real, direct);
    w.input_rows = ALLOCATE(arena, int32_t, p->units);
    w.columns = ALLOCATE(arena, vec, 2 * p->most_rows * TOGETHER);
    w.by_state = ALLOCATE(arena, real, p->units);
    w.by_output = ALLOCATE(arena, real, p->output_size);
    return w;
}

static size_t learner_work_size(const Learner *p) {
    Arena arena = {NULL, 0};
    lay_out_learner(&arena, p);
    return arena.used;
}

static LearnerWork learner_work(const Learner *p, void *memory) {
    Arena arena = {memory, 0};
    return lay_out_learner(&arena, p);
}

/* ---- vectors --------------------------------------------------------------------------------- */

INLINE vec load(const real *from) { return *(const unaligned_vec *)from; }
INLINE void store(real *to, vec v) { *(unaligned_vec *)to = v; }

INLINE void copy_list(const real *from, real *to, ptrdiff_t count) {
    for (ptrdiff_t j = 0; j < count; j += LANES) store(to + j, load(from + j));
}

/* ---- values of parameters -------------------------------------------------------------------- */

static void set_values(const Learner *p, const LearnerWork *w) {
    const real *stored = p->parameters, *lower = p->lower;
    for (ptrdiff_t j = 0; j < p->columns; j += LANES) {
        vec raw = load(stored + j), low = load(lower + j);
        bits_vec bounded = (bits_vec)(low > splat(-REAL_MAX));
        if (p->softplus) {
            store(w->values + j, choose(bounded, low + softplus_of(raw), raw));
            store(w->slopes + j, choose(bounded, sigmoid_of(raw), splat(1)));
        } else {
            store(w->values + j, raw);
        }
    }
}

/* From the blocks to the order of the lists. */
static void spread_values(const Learner *p, const LearnerWork *w) {
    BlockParts parts = parts_of(p);
    for (ptrdiff_t i = 0; i < p->units; i++) {
        const real *from = w->values + p->blocks[i].first;
        ptrdiff_t start = w->start[i], count = w->start[i + 1] - start;
        ptrdiff_t sensory = w->sensory_start[i], sensory_count = w->sensory_start[i + 1] - sensory;
        for (int k = 0; k < parts.own; k++) w->own[k][i] = *from++;
        for (int k = 0; k < parts.recurrent; k++, from += count)
            copy_list(from, w->recurrent[k] + start, count);
        for (int k = 0; k < parts.sensory; k++, from += sensory_count)
            copy_list(from, w->sensory[k] + sensory, sensory_count);
    }
}

static void pack_starts(const SynapseList *list, ptrdiff_t units, ptrdiff_t *start, int32_t *pre) {
    ptrdiff_t e = 0;
    for (ptrdiff_t i = 0; i < units; i++) {
        start[i] = e;
        while (e < list->count && list->post[e] == i) e++;
    }
    start[units] = e;
    for (e = 0; e < list->count; e++) pre[e] = (int32_t)list->pre[e];
}

static void learner_refresh(const Learner *p, void *memory) {
    LearnerWork w = learner_work(p, memory);
    pack_starts(&p->recurrent, p->units, w.start, w.pre);
    pack_starts(&p->sensory, p->units, w.sensory_start, w.sensory_pre);
    for (int k = 0; k < MAX_OWN; k++)
        for (ptrdiff_t i = p->units; i < round_up(p->units, LANES); i++) w.own[k][i] = 1;
    if (p->block_count > p->units) {
        const Reach *reach = p->blocks[p->units].reach;
        for (ptrdiff_t r = 0; r < reach->rows; r++)
            w.input_rows[reach->neurons[r]] = (int32_t)r;
    }
    set_values(p, &w);
    spread_values(p, &w);
}

#endif
