/* Live sessions: one sample at a time through every population of a network. */
#include "live.h"

#include <stdlib.h>

#include "parallel.h"

/* An affine map, or one step of a population. */
typedef struct {
    int is_affine;
    Affine affine;
    Problem problem;
    const void *mask, *time_constants; /* for samples that have them */
    void *packed;
} Stage;

typedef struct {
    const Kernel *kernel;
    const double *sample; /* (I,) as the caller wrote it */
    ptrdiff_t inputs;
    void *read, *seen;    /* (I,) the same as the kernel takes it */
    void *scratch;
    int long_step;
    Py_ssize_t count;
    Stage stages[];
} Live;

#define CAPSULE "liquid_neural_networks.live"

/* Steps beyond this many synapses and unfolds let other Python threads run meanwhile. Shorter ones
 * do not: getting the interpreter back would take longer than the step. */
#define LONG_STEP 20000

static void free_live(Live *live) {
    for (Py_ssize_t i = 0; i < live->count; i++) free(live->stages[i].packed);
    free(live->scratch);
    free(live);
}

static void free_capsule(PyObject *capsule) { free_live(PyCapsule_GetPointer(capsule, CAPSULE)); }

static int read_affine(PyObject *description, Stage *stage) {
    intptr_t a[6];
    if (read_integers(description, 6, a)) return -1;
    stage->is_affine = 1;
    stage->affine = (Affine){(const void *)a[0], (const void *)a[1], (const void *)a[2],
                             (void *)a[3], a[4], a[5]};
    return 0;
}

static int read_step(PyObject *description, Live *live, Stage *stage, size_t *scratch) {
    Problem *p = &stage->problem;
    int is_double = read_problem(PyTuple_GetItem(description, 0), PyTuple_GetItem(description, 1),
                                 PyTuple_GetItem(description, 2), p);
    if (is_double < 0) return -1;
    stage->mask = p->mask;
    stage->time_constants = p->time_constants;
    size_t needed = live->kernel->scratch_size(p, 0);
    if (needed > *scratch) *scratch = needed;
    ptrdiff_t remembered = p->cell.gates ? p->units * p->units : 0;
    live->long_step |= p->unfolds * (p->recurrent.count + p->units) + remembered > LONG_STEP;
    stage->packed = aligned_memory(live->kernel->packed_size(p));
    if (!stage->packed) {
        PyErr_NoMemory();
        return -1;
    }
    live->kernel->pack(p, stage->packed);
    return 0;
}

static int read_stages(PyObject *stages, Live *live) {
    size_t scratch = 0;
    for (Py_ssize_t i = 0; i < PyTuple_Size(stages); i++) {
        PyObject *description = PyTuple_GetItem(stages, i);
        live->count++;
        int failed = PyTuple_Size(description) == 3
                         ? read_step(description, live, &live->stages[i], &scratch)
                         : read_affine(description, &live->stages[i]);
        if (failed) return -1;
    }
    live->scratch = aligned_memory(scratch);
    if (!live->scratch) PyErr_NoMemory();
    return live->scratch ? 0 : -1;
}

const char live_open_doc[] =
    "live_open((sample, read, seen, inputs, is_double), stages): a session. A stage is an affine "
    "map (matrix, shift, from, to, rows, columns) or a step (sizes, addresses, lower_bounds).";

PyObject *live_open(PyObject *self, PyObject *args) {
    PyObject *sample, *stages;
    intptr_t s[5];
    (void)self;
    if (!PyArg_ParseTuple(args, "OO!", &sample, &PyTuple_Type, &stages)) return NULL;
    if (read_integers(sample, 5, s)) return NULL;
    Live *live = calloc(1, sizeof *live + (size_t)PyTuple_Size(stages) * sizeof(Stage));
    if (!live) return PyErr_NoMemory();
    live->kernel = kernel_for((int)s[4]);
    live->sample = (const double *)s[0];
    live->read = (void *)s[1];
    live->seen = (void *)s[2];
    live->inputs = s[3];
    PyObject *capsule = read_stages(stages, live) ? NULL : PyCapsule_New(live, CAPSULE, free_capsule);
    if (!capsule) free_live(live);
    return capsule;
}

static void run_stages(Live *live, int masked, int given) {
    for (Py_ssize_t i = 0; i < live->count; i++) {
        Stage *stage = &live->stages[i];
        if (stage->is_affine) {
            live->kernel->affine(&stage->affine);
            continue;
        }
        stage->problem.mask = masked ? stage->mask : NULL;
        stage->problem.time_constants = given ? stage->time_constants : NULL;
        live->kernel->forward(&stage->problem, stage->packed, live->scratch, 0);
    }
}

const char live_step_doc[] =
    "live_step(session, given): takes the sample through every stage, with the given time "
    "constants or the learned ones. False, and nothing done, if the sample is beyond the type.";

PyObject *live_step(PyObject *self, PyObject *args) {
    PyObject *capsule;
    int given;
    (void)self;
    if (!PyArg_ParseTuple(args, "Oi", &capsule, &given)) return NULL;
    Live *live = PyCapsule_GetPointer(capsule, CAPSULE);
    if (!live) return NULL;
    ptrdiff_t missing =
        live->kernel->read_sample(live->sample, live->inputs, live->read, live->seen);
    if (missing < 0) Py_RETURN_FALSE;
    if (live->long_step) {
        Py_BEGIN_ALLOW_THREADS
        run_stages(live, missing > 0, given);
        Py_END_ALLOW_THREADS
    } else {
        run_stages(live, missing > 0, given);
    }
    Py_RETURN_TRUE;
}
