/* Problems and the kernels that run them; nothing here knows of Python. */
#include "problem.h"

#include <stdlib.h>

#include "parallel.h"

/* ---- instruction sets ------------------------------------------------------------------------ */

typedef struct {
    const char *name;
    const Kernel *f32, *f64;
} InstructionSet;

static const InstructionSet sets[] = {
#if defined(__x86_64__)
    {"avx512", &kernel_f32_avx512, &kernel_f64_avx512},
    {"avx2", &kernel_f32_avx2, &kernel_f64_avx2},
#endif
    {"baseline", &kernel_f32_baseline, &kernel_f64_baseline},
};
#define SETS (int)(sizeof sets / sizeof *sets)

static int usable(int set) {
#if defined(__x86_64__)
    if (set == 0)
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
    if (set == 1) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
    (void)set;
    return 1;
}

const Kernel *kernel_of(intptr_t number) {
    if (number < 0 || number >= 2 * SETS || !usable((int)number / 2)) return NULL;
    return number % 2 ? sets[number / 2].f64 : sets[number / 2].f32;
}

const char *instruction_set(int index) {
    return index < SETS ? sets[index].name : NULL;
}

/* ---- problems -------------------------------------------------------------------------------- */

ptrdiff_t parameter_size(const Problem *p, int parameter) {
    if (p->dynamics == DENSE) return parameter == W_REC ? p->recurrent.count : p->units;
    if (parameter <= VLEAK) return p->units;
    if (parameter <= E) return p->recurrent.count;
    if (parameter <= SENSORY_E) return p->sensory.count;
    return p->inputs;
}

int parameter_count(const Problem *p) { return p->dynamics == DENSE ? 3 : MAX_PARAMETERS; }

Problem problem_of(const intptr_t *s) {
    Problem p = {
        .dynamics = (int)s[0], .solver = (int)s[1], .activation = (int)s[2], .unfolds = s[3],
        .batch = s[4], .steps = s[5], .inputs = s[6], .units = s[7],
        .recurrent = {.count = s[8]}, .sensory = {.count = s[9]},
    };
    return p;
}

void set_addresses(Problem *p, const intptr_t *a) {
    p->u = (const void *)a[INPUTS];
    p->mask = (const void *)a[MASK];
    p->elapsed = (const void *)a[ELAPSED];
    p->time_constants = (const void *)a[TIME_CONSTANTS];
    p->state = (const void *)a[STATE];
    p->states = (void *)a[STATES];
    p->recurrent.pre = (const int64_t *)a[PRE];
    p->recurrent.post = (const int64_t *)a[POST];
    p->sensory.pre = (const int64_t *)a[SENSORY_PRE];
    p->sensory.post = (const int64_t *)a[SENSORY_POST];
    p->cell.gates = (const void *)a[GATES];
    p->cell.recurrent = (const void *)a[GATES_RECURRENT];
    p->cell.memory = (const void *)a[MEMORY];
    p->cell.memories = (void *)a[MEMORIES];
    p->cell.starts = (void *)a[STARTS];
    p->cell.kept = (void *)a[KEPT_GATES];
    for (int i = 0; i < parameter_count(p); i++)
        p->parameters[i] = (const void *)a[FIRST_PARAMETER + i];
}

void set_gradient_addresses(Problem *p, const intptr_t *g) {
    p->grad_states = (const void *)g[GRAD_STATES];
    p->cell.grad_memories = (const void *)g[GRAD_MEMORIES];
    p->grad_u = (void *)g[GRAD_INPUTS];
    p->grad_elapsed = (void *)g[GRAD_ELAPSED];
    p->grad_time_constants = (void *)g[GRAD_TIME_CONSTANTS];
    p->grad_state = (void *)g[GRAD_STATE];
    p->cell.grad_gates = (void *)g[GRAD_GATES];
    p->cell.grad_memory = (void *)g[GRAD_MEMORY];
    for (int i = 0; i < parameter_count(p); i++)
        p->gradients[i] = (void *)g[FIRST_GRADIENT + i];
}

/* ---- one problem over several threads -------------------------------------------------------- */

typedef struct {
    const Kernel *kernel;
    const Problem *problem;
    void *packed;
    ptrdiff_t chunks, groups;
    char *gradients; /* one block of parameter gradients per group */
    size_t gradients_size;
} Run;

static void forward_task(void *context, void *scratch, ptrdiff_t chunk) {
    Run *run = context;
    run->kernel->forward(run->problem, run->packed, scratch, chunk);
}

static void backward_task(void *context, void *scratch, ptrdiff_t group) {
    Run *run = context;
    run->kernel->backward(run->problem, run->packed, scratch, run->chunks * group / run->groups,
                          run->chunks * (group + 1) / run->groups,
                          run->gradients + (size_t)group * run->gradients_size);
}

static ptrdiff_t total_parameters(const Problem *p) {
    ptrdiff_t total = 0;
    for (int i = 0; i < parameter_count(p); i++) total += parameter_size(p, i);
    return total;
}

static void hand_out(const Run *run) {
    const char *from = run->gradients;
    for (int i = 0; i < parameter_count(run->problem); i++) {
        size_t size = (size_t)parameter_size(run->problem, i) * run->kernel->real_size;
        if (size) memcpy(run->problem->gradients[i], from, size); /* an empty one has no address */
        from += size;
    }
}

static int run_backward(Run *run, int threads) {
    ptrdiff_t count = total_parameters(run->problem);
    run->gradients_size = ((size_t)count * run->kernel->real_size + 63) / 64 * 64;
    run->gradients = aligned_memory((size_t)run->groups * run->gradients_size);
    if (!run->gradients) return -1;
    size_t scratch = run->kernel->scratch_size(run->problem, 1);
    int failed = parallel(backward_task, run, run->groups, threads, scratch);
    for (ptrdiff_t i = 1; !failed && i < run->groups; i++)
        run->kernel->add(run->gradients, run->gradients + (size_t)i * run->gradients_size, count);
    if (!failed) hand_out(run);
    free(run->gradients);
    return failed;
}

int run_problem(const Kernel *kernel, const Problem *p, int backward, int threads) {
    Run run = {.kernel = kernel, .problem = p};
    run.chunks = (p->batch + kernel->lanes - 1) / kernel->lanes;
    run.groups = run.chunks < MAX_GROUPS ? run.chunks : MAX_GROUPS;
    run.packed = aligned_memory(kernel->packed_size(p));
    if (!run.packed) return -1;
    kernel->pack(p, run.packed);
    int failed = backward ? run_backward(&run, threads)
                          : parallel(forward_task, &run, run.chunks, threads,
                                     kernel->scratch_size(p, 0));
    free(run.packed);
    return failed;
}

/* ---- closed-form dynamics -------------------------------------------------------------------- */

ClosedForm closed_form_of(const intptr_t *s) {
    ClosedForm p = {.mode = (int)s[0], .activation = (int)s[1], .layers = (int)s[2],
                    .tiers = (int)s[3], .batch = s[4], .steps = s[5], .units = s[6],
                    .hidden = s[7]};
    return p;
}

static int hidden_layers(const ClosedForm *p) { return p->layers > 1 ? p->layers - 1 : 0; }

int closed_address_count(const ClosedForm *p, int backward) {
    return CLOSED_READ + 2 * hidden_layers(p) + CLOSED_WRITTEN +
           (backward ? CLOSED_GIVEN + CLOSED_WANTED : 0);
}

void set_closed_addresses(ClosedForm *p, const intptr_t *a, int backward) {
    p->heard = (const void *)*a++;
    p->elapsed = (const void *)*a++;
    p->shift = (const void *)*a++;
    p->state = (const void *)*a++;
    p->recurrent = (const void *)*a++;
    p->heads = (const void *)*a++;
    p->heads_bias = (const void *)*a++;
    p->fresh = (const void *)*a++;
    p->tier_start = (const int64_t *)*a++;
    p->a = (const void *)*a++;
    p->cell.gates = (const void *)*a++;
    p->cell.recurrent = (const void *)*a++;
    p->cell.memory = (const void *)*a++;
    for (int l = 1; l <= hidden_layers(p); l++) {
        p->weights[l] = (const void *)*a++;
        p->bias[l] = (const void *)*a++;
    }
    p->states = (void *)*a++;
    p->kept_z = (void *)*a++;
    p->kept_heads = (void *)*a++;
    p->kept_slope = (void *)*a++;
    p->cell.memories = (void *)*a++;
    p->cell.starts = (void *)*a++;
    p->cell.kept = (void *)*a++;
    if (!backward) return;
    p->grad_states = (const void *)*a++;
    p->cell.grad_memories = (const void *)*a++;
    p->grad_y = (void *)*a++;
    p->grad_heads = (void *)*a++;
    p->grad_elapsed = (void *)*a++;
    p->grad_state = (void *)*a++;
    p->grad_shift = (void *)*a++;
    p->grad_a = (void *)*a++;
    p->cell.grad_gates = (void *)*a++;
    p->cell.grad_memory = (void *)*a++;
}

typedef struct {
    const ClosedKernel *kernel;
    const ClosedForm *problem;
    void *packed;
    int backward;
} ClosedRun;

static void closed_task(void *context, void *scratch, ptrdiff_t chunk) {
    ClosedRun *run = context;
    if (run->backward)
        run->kernel->backward(run->problem, run->packed, scratch, chunk);
    else
        run->kernel->forward(run->problem, run->packed, scratch, chunk);
}

int run_closed_form(const Kernel *kernel, const ClosedForm *p, int backward, int threads) {
    ClosedRun run = {&kernel->closed_form, p, NULL, backward};
    run.packed = aligned_memory(run.kernel->packed_size(p, backward));
    if (!run.packed) return -1;
    run.kernel->pack(p, run.packed, backward);
    ptrdiff_t chunks = (p->batch + run.kernel->width - 1) / run.kernel->width;
    int failed = parallel(closed_task, &run, chunks, threads, run.kernel->scratch_size(p));
    free(run.packed);
    return failed;
}
