/* liquid_neural_networks.fused._step: the fused step as two Python functions.
 *
 * Tensors arrive as addresses of contiguous memory, checked by the caller (_operator.py).
 */
#include "module.h"

#include <math.h>
#include <stdlib.h>

#include "live.h"
#include "parallel.h"

/* ---- kernels and instruction sets ---------------------------------------------------------- */

typedef struct {
    const char *name;
    const Kernel *f32, *f64;
} InstructionSet;

static const InstructionSet instruction_sets[] = {
#if defined(__x86_64__)
    {"avx512", &kernel_f32_avx512, &kernel_f64_avx512},
    {"avx2", &kernel_f32_avx2, &kernel_f64_avx2},
#endif
    {"baseline", &kernel_f32_baseline, &kernel_f64_baseline},
};
#define SETS (int)(sizeof instruction_sets / sizeof *instruction_sets)

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

static int chosen_set; /* index into instruction_sets, set when the module is loaded */

const Kernel *kernel_for(int is_double) {
    const InstructionSet *set = &instruction_sets[chosen_set];
    return is_double ? set->f64 : set->f32;
}

ptrdiff_t parameter_size(const Problem *p, int parameter) {
    if (p->dynamics == DENSE) return parameter == W_REC ? p->recurrent.count : p->units;
    if (parameter <= VLEAK) return p->units;
    if (parameter <= E) return p->recurrent.count;
    if (parameter <= SENSORY_E) return p->sensory.count;
    return p->inputs;
}

int parameter_count(const Problem *p) { return p->dynamics == DENSE ? 3 : MAX_PARAMETERS; }

/* ---- one problem over several threads ------------------------------------------------------ */

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

/* `gradients` NULL: forward. Otherwise backward, and one address per parameter. */
static int run_problem(const Kernel *kernel, const Problem *p, void *const *gradients,
                       int threads) {
    Run run = {.kernel = kernel, .problem = p};
    int failed = -1;
    run.chunks = (p->batch + kernel->lanes - 1) / kernel->lanes;
    run.groups = run.chunks < MAX_GROUPS ? run.chunks : MAX_GROUPS;
    run.packed = aligned_memory(kernel->packed_size(p));
    if (!run.packed) return -1;
    kernel->pack(p, run.packed);
    size_t scratch = kernel->scratch_size(p, gradients != NULL);
    if (!gradients) {
        failed = parallel(forward_task, &run, run.chunks, threads, scratch);
    } else {
        ptrdiff_t count = total_parameters(p);
        run.gradients_size = ((size_t)count * kernel->real_size + 63) / 64 * 64;
        run.gradients = aligned_memory((size_t)run.groups * run.gradients_size);
        if (run.gradients)
            failed = parallel(backward_task, &run, run.groups, threads, scratch);
        if (!failed) {
            for (ptrdiff_t i = 1; i < run.groups; i++)
                kernel->add(run.gradients, run.gradients + (size_t)i * run.gradients_size, count);
            const char *from = run.gradients;
            for (int i = 0; i < parameter_count(p); i++) {
                size_t size = (size_t)parameter_size(p, i) * kernel->real_size;
                memcpy(gradients[i], from, size);
                from += size;
            }
        }
        free(run.gradients);
    }
    free(run.packed);
    return failed;
}

/* ---- Python -------------------------------------------------------------------------------- */

#define SIZES 11
enum { INPUTS, MASK, ELAPSED, TIME_CONSTANTS, STATE, STATES, PRE, POST, SENSORY_PRE,
       SENSORY_POST, FIRST_PARAMETER };
enum { GRAD_STATES, GRAD_INPUTS, GRAD_ELAPSED, GRAD_TIME_CONSTANTS, GRAD_STATE,
       FIRST_GRADIENT };

int read_integers(PyObject *tuple, Py_ssize_t count, intptr_t *to) {
    if (!PyTuple_Check(tuple) || PyTuple_Size(tuple) != count) {
        PyErr_Format(PyExc_TypeError, "expected a tuple of %zd integers", count);
        return -1;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        to[i] = (intptr_t)PyLong_AsLongLong(PyTuple_GetItem(tuple, i));
        if (to[i] == -1 && PyErr_Occurred()) return -1;
    }
    return 0;
}

/* One lower bound a parameter, or an empty tuple for none at all. */
static int read_bounds(PyObject *tuple, Problem *p) {
    int parameters = parameter_count(p);
    Py_ssize_t size = PyTuple_Size(tuple);
    if (size != 0 && size != parameters) {
        if (size > 0) PyErr_Format(PyExc_TypeError, "expected %d lower bounds", parameters);
        return -1;
    }
    for (int i = 0; i < parameters; i++)
        p->lower_bounds[i] = size ? PyFloat_AsDouble(PyTuple_GetItem(tuple, i)) : -INFINITY;
    return PyErr_Occurred() ? -1 : 0;
}

int read_problem(PyObject *sizes, PyObject *addresses, PyObject *bounds, Problem *p) {
    intptr_t s[SIZES], a[FIRST_PARAMETER + MAX_PARAMETERS];
    if (read_integers(sizes, SIZES, s)) return -1;
    *p = (Problem){
        .dynamics = (int)s[0], .solver = (int)s[1], .activation = (int)s[2], .unfolds = s[3],
        .batch = s[4], .steps = s[5], .inputs = s[6], .units = s[7],
        .recurrent = {.count = s[8]}, .sensory = {.count = s[9]},
    };
    int parameters = parameter_count(p);
    if (read_integers(addresses, FIRST_PARAMETER + parameters, a)) return -1;
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
    for (int i = 0; i < parameters; i++) p->parameters[i] = (const void *)a[FIRST_PARAMETER + i];
    return read_bounds(bounds, p) ? -1 : (int)s[10];
}

static PyObject *finish_call(int failed) {
    if (failed) return PyErr_NoMemory();
    Py_RETURN_NONE;
}

static PyObject *step_forward(PyObject *self, PyObject *args) {
    PyObject *sizes, *addresses, *bounds;
    Problem p;
    int threads, is_double, failed;
    (void)self;
    if (!PyArg_ParseTuple(args, "OOOi", &sizes, &addresses, &bounds, &threads)) return NULL;
    if ((is_double = read_problem(sizes, addresses, bounds, &p)) < 0) return NULL;
    Py_BEGIN_ALLOW_THREADS
    failed = run_problem(kernel_for(is_double), &p, NULL, threads);
    Py_END_ALLOW_THREADS
    return finish_call(failed);
}

static PyObject *step_backward(PyObject *self, PyObject *args) {
    PyObject *sizes, *addresses, *bounds, *gradient_addresses;
    Problem p;
    intptr_t g[FIRST_GRADIENT + MAX_PARAMETERS];
    int threads, is_double, failed;
    (void)self;
    if (!PyArg_ParseTuple(args, "OOOOi", &sizes, &addresses, &bounds, &gradient_addresses,
                          &threads))
        return NULL;
    if ((is_double = read_problem(sizes, addresses, bounds, &p)) < 0) return NULL;
    if (read_integers(gradient_addresses, FIRST_GRADIENT + parameter_count(&p), g)) return NULL;
    p.grad_states = (const void *)g[GRAD_STATES];
    p.grad_u = (void *)g[GRAD_INPUTS];
    p.grad_elapsed = (void *)g[GRAD_ELAPSED];
    p.grad_time_constants = (void *)g[GRAD_TIME_CONSTANTS];
    p.grad_state = (void *)g[GRAD_STATE];
    void *gradients[MAX_PARAMETERS];
    for (int i = 0; i < parameter_count(&p); i++) gradients[i] = (void *)g[FIRST_GRADIENT + i];
    Py_BEGIN_ALLOW_THREADS
    failed = run_problem(kernel_for(is_double), &p, gradients, threads);
    Py_END_ALLOW_THREADS
    return finish_call(failed);
}

static PyObject *step_sigmoid(PyObject *self, PyObject *args) {
    long long from, to;
    Py_ssize_t count;
    int is_double;
    (void)self;
    if (!PyArg_ParseTuple(args, "LLni", &from, &to, &count, &is_double)) return NULL;
    Py_BEGIN_ALLOW_THREADS
    kernel_for(is_double)->sigmoid((const void *)(intptr_t)from, (void *)(intptr_t)to, count);
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

/* The smallest number, or NaN as soon as one is NaN or infinite. */
#define LOWEST(type)                                                                              \
    do {                                                                                          \
        const type *x = (const type *)(intptr_t)address;                                          \
        type low = count ? x[0] : 0, spoiled = 0;                                                 \
        for (Py_ssize_t i = 0; i < count; i++) {                                                  \
            low = x[i] < low ? x[i] : low;                                                        \
            spoiled += 0 * x[i];                                                                  \
        }                                                                                         \
        lowest = spoiled == 0 ? low : spoiled;                                                    \
    } while (0)

static PyObject *step_lowest(PyObject *self, PyObject *args) {
    long long address;
    Py_ssize_t count;
    int is_double;
    double lowest;
    (void)self;
    if (!PyArg_ParseTuple(args, "Lni", &address, &count, &is_double)) return NULL;
    Py_BEGIN_ALLOW_THREADS
    if (is_double)
        LOWEST(double);
    else
        LOWEST(float);
    Py_END_ALLOW_THREADS
    return PyFloat_FromDouble(lowest);
}

static PyObject *step_instruction_sets(PyObject *self, PyObject *args) {
    (void)self;
    (void)args;
    PyObject *names = PyList_New(0);
    for (int i = 0; names && i < SETS; i++) {
        if (!usable(i)) continue;
        PyObject *name = PyUnicode_FromString(instruction_sets[i].name);
        if (!name || PyList_Append(names, name)) Py_CLEAR(names);
        Py_XDECREF(name);
    }
    return names;
}

static PyObject *step_use(PyObject *self, PyObject *args) {
    const char *name;
    (void)self;
    if (!PyArg_ParseTuple(args, "s", &name)) return NULL;
    for (int i = 0; i < SETS; i++)
        if (usable(i) && !strcmp(instruction_sets[i].name, name)) {
            chosen_set = i;
            Py_RETURN_NONE;
        }
    return PyErr_Format(PyExc_ValueError, "this machine has no %s", name);
}

static PyMethodDef methods[] = {
    {"forward", step_forward, METH_VARARGS,
     "forward(sizes, addresses, lower_bounds, threads): the states after every time step."},
    {"backward", step_backward, METH_VARARGS,
     "backward(sizes, addresses, lower_bounds, gradient_addresses, threads): every gradient."},
    {"sigmoid", step_sigmoid, METH_VARARGS,
     "sigmoid(from, to, count, is_double): the kernel's sigmoid on an array."},
    {"lowest", step_lowest, METH_VARARGS,
     "lowest(address, count, is_double): the smallest number, NaN if one is not finite."},
    {"live_open", live_open, METH_VARARGS, live_open_doc},
    {"live_step", live_step, METH_VARARGS, live_step_doc},
    {"instruction_sets", step_instruction_sets, METH_NOARGS,
     "instruction_sets(): names of those this machine can run, best first."},
    {"use", step_use, METH_VARARGS, "use(name): runs on this instruction set from now on."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_step", "The fused step, compiled.", -1, methods,
    NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__step(void) {
    while (!usable(chosen_set)) chosen_set++;
    return PyModule_Create(&definition);
}
