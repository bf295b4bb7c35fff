#include "runs.h"

#include <stdlib.h>

#include "threads.h"

/* ---- parameters ------------------------------------------------------------------------------ */

#define LETTER(constant, name, shape) shape[0],

int parameter_count(const Step *p) {
    return p->dynamics == DENSE ? DENSE_PARAMETER_COUNT : CONDUCTANCE_PARAMETER_COUNT;
}

static char letter_of(const Step *p, int parameter) {
    static const char conductance[] = {CONDUCTANCE_PARAMETERS(LETTER)};
    static const char dense[] = {DENSE_PARAMETERS(LETTER)};
    return p->dynamics == DENSE ? dense[parameter] : conductance[parameter];
}

const SynapseList *synapses_in_matrix(const Step *p, int parameter) {
    char letter = letter_of(p, parameter);
    if (!p->in_matrices || (letter != 'E' && letter != 'S')) return NULL;
    return letter == 'E' ? &p->recurrent : &p->sensory;
}

ptrdiff_t parameter_size(const Step *p, int parameter) {
    switch (letter_of(p, parameter)) {
    case 'N': return p->units;
    case 'E': return p->recurrent.count;
    case 'S': return p->sensory.count;
    default: return p->input_size;
    }
}

static ptrdiff_t total_parameters(const Step *p) {
    ptrdiff_t total = 0;
    for (int i = 0; i < parameter_count(p); i++) total += parameter_size(p, i);
    return total;
}

/* ---- conductance and dense dynamics ---------------------------------------------------------- */

typedef struct {
    const Kernel *kernel;
    const Step *problem;
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

static int run_backward(Run *run, int threads) {
    ptrdiff_t count = total_parameters(run->problem);
    ptrdiff_t blocks = run->groups ? run->groups : 1; /* no batch row: gradients of 0 */
    run->gradients_size = ((size_t)count * run->kernel->real_size + 63) / 64 * 64;
    run->gradients = aligned_memory((size_t)blocks * run->gradients_size);
    if (!run->gradients) return -1;
    if (!run->groups) memset(run->gradients, 0, run->gradients_size);
    size_t scratch = run->kernel->scratch_size(run->problem, 1);
    int failed = parallel(backward_task, run, run->groups, threads, scratch);
    for (ptrdiff_t i = 1; !failed && i < run->groups; i++)
        run->kernel->add(run->gradients, run->gradients + (size_t)i * run->gradients_size, count);
    if (!failed) run->kernel->store_gradients(run->problem, run->gradients);
    free(run->gradients);
    return failed;
}

int run_step(const Kernel *kernel, const Step *p, int backward, int threads) {
    Run run = {.kernel = kernel, .problem = p};
    run.chunks = (p->batch + kernel->lanes - 1) / kernel->lanes;
    run.groups = run.chunks < MAX_GROUPS ? run.chunks : MAX_GROUPS;
    run.packed = aligned_memory(kernel->packed_size(p, backward));
    if (!run.packed) return -1;
    kernel->pack(p, run.packed, backward);
    int failed = backward ? run_backward(&run, threads)
                          : parallel(forward_task, &run, run.chunks, threads,
                                     kernel->scratch_size(p, 0));
    free(run.packed);
    return failed;
}

/* ---- closed-form dynamics -------------------------------------------------------------------- */

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
