/* Live sessions: one sample at a time through every population of a network. */
#include "live.h"

#include <stdlib.h>

#include "parallel.h"

/* An affine map, or one step of a population. */
typedef struct {
    enum { AFFINE, STEP, CLOSED_FORM } kind;
    Affine affine;
    Problem problem;
    const void *mask, *time_constants; /* for samples that have them */
    ClosedForm closed_form;
    const void *shift, *given_shift;   /* of learned and of given time constants */
    void *packed;
} Stage;

typedef struct {
    const Kernel *kernel;
    const double *sample; /* (I,) as the caller wrote it */
    ptrdiff_t inputs;
    void *read, *seen;    /* (I,) the same as the kernel takes it */
    void *scratch;
    ptrdiff_t work;       /* sigmoids and products of a step, about */
    Py_ssize_t count;
    Stage stages[];
} Live;

#define CAPSULE "liquid_neural_networks.live"

/* Steps of more work than this let other Python threads run meanwhile. Shorter ones
 * do not: getting the interpreter back would take longer than the step. */
#define LONG_STEP 20000

static void free_live(Live *live) {
    for (Py_ssize_t i = 0; i < live->count; i++) free(live->stages[i].packed);
    free(live->scratch);
    free(live);
}

static void free_capsule(PyObject *capsule) { free_live(PyCapsule_GetPointer(capsule, CAPSULE)); }

static int read_affine(PyObject *description, Live *live, Stage *stage) {
    intptr_t a[6];
    if (read_integers(description, 6, a)) return -1;
    stage->kind = AFFINE;
    stage->affine = (Affine){(const void *)a[0], (const void *)a[1], (const void *)a[2],
                             (void *)a[3], a[4], a[5]};
    live->work += a[4] * a[5];
    return 0;
}

/* Memory for what is packed, and for the scratch of whichever stage needs most. */
static int make_room(Stage *stage, size_t packed, size_t scratch, size_t *most) {
    if (scratch > *most) *most = scratch;
    stage->packed = aligned_memory(packed);
    if (!stage->packed) PyErr_NoMemory();
    return stage->packed ? 0 : -1;
}

static int read_step(PyObject *description, Live *live, Stage *stage, size_t *scratch) {
    Problem *p = &stage->problem;
    stage->kind = STEP;
    if (!read_problem(PyTuple_GetItem(description, 0), PyTuple_GetItem(description, 1),
                      PyTuple_GetItem(description, 2), p))
        return -1;
    stage->mask = p->mask;
    stage->time_constants = p->time_constants;
    ptrdiff_t remembered = p->cell.gates ? 4 * p->units * p->units : 0;
    live->work += p->unfolds * (p->recurrent.count + p->units) + p->sensory.count + remembered;
    const Kernel *kernel = live->kernel;
    if (make_room(stage, kernel->packed_size(p), kernel->scratch_size(p, 0), scratch)) return -1;
    kernel->pack(p, stage->packed);
    return 0;
}

static int read_closed_step(PyObject *description, Live *live, Stage *stage, size_t *scratch) {
    ClosedForm *p = &stage->closed_form;
    const ClosedKernel *kernel = &live->kernel->closed_form;
    PyObject *sizes = PyTuple_GetItem(description, 0), *addresses = PyTuple_GetItem(description, 1);
    intptr_t shifts[2];
    stage->kind = CLOSED_FORM;
    if (!read_closed_form(sizes, addresses, 0, p)) return -1;
    if (read_integers(PyTuple_GetItem(description, 2), 2, shifts)) return -1;
    stage->shift = (const void *)shifts[0];
    stage->given_shift = (const void *)shifts[1];
    ptrdiff_t remembered = p->cell.gates ? 4 * p->units * p->units : 0;
    live->work += p->hidden * (p->units + p->layers * (p->hidden + 4 * p->units)) + remembered;
    if (make_room(stage, kernel->packed_size(p, 0), kernel->scratch_size(p), scratch)) return -1;
    kernel->pack(p, stage->packed, 0);
    return 0;
}

/* An affine map is six numbers, a step three tuples, the first that of its sizes. */
static int read_stage(PyObject *description, Live *live, Stage *stage, size_t *scratch) {
    if (PyTuple_Size(description) == 6) return read_affine(description, live, stage);
    return PyTuple_Size(PyTuple_GetItem(description, 0)) == CLOSED_SIZES
               ? read_closed_step(description, live, stage, scratch)
               : read_step(description, live, stage, scratch);
}

static int read_stages(PyObject *stages, Live *live) {
    size_t scratch = 0;
    for (Py_ssize_t i = 0; i < PyTuple_Size(stages); i++) {
        live->count++;
        if (read_stage(PyTuple_GetItem(stages, i), live, &live->stages[i], &scratch)) return -1;
    }
    live->scratch = aligned_memory(scratch);
    if (!live->scratch) PyErr_NoMemory();
    return live->scratch ? 0 : -1;
}

const char live_open_doc[] =
    "live_open((sample, read, seen, inputs, kernel), stages): a session. A stage is an affine "
    "map (matrix, shift, from, to, rows, columns), a step (sizes, addresses, lower_bounds), or one "
    "of closed-form dynamics (sizes, addresses, (shift, shift of given time constants)).";

PyObject *live_open(PyObject *self, PyObject *args) {
    PyObject *sample, *stages;
    intptr_t s[5];
    (void)self;
    if (!PyArg_ParseTuple(args, "OO!", &sample, &PyTuple_Type, &stages)) return NULL;
    if (read_integers(sample, 5, s)) return NULL;
    const Kernel *kernel = read_kernel(s[4]);
    if (!kernel) return NULL;
    Live *live = calloc(1, sizeof *live + (size_t)PyTuple_Size(stages) * sizeof(Stage));
    if (!live) return PyErr_NoMemory();
    live->kernel = kernel;
    live->sample = (const double *)s[0];
    live->read = (void *)s[1];
    live->seen = (void *)s[2];
    live->inputs = s[3];
    int failed = read_stages(stages, live);
    PyObject *capsule = failed ? NULL : PyCapsule_New(live, CAPSULE, free_capsule);
    if (!capsule) free_live(live);
    return capsule;
}

static void run_stages(Live *live, int masked, int given) {
    const Kernel *kernel = live->kernel;
    for (Py_ssize_t i = 0; i < live->count; i++) {
        Stage *stage = &live->stages[i];
        switch (stage->kind) {
        case AFFINE:
            kernel->affine(&stage->affine);
            break;
        case STEP:
            stage->problem.mask = masked ? stage->mask : NULL;
            stage->problem.time_constants = given ? stage->time_constants : NULL;
            kernel->forward(&stage->problem, stage->packed, live->scratch, 0);
            break;
        case CLOSED_FORM:
            stage->closed_form.shift = given ? stage->given_shift : stage->shift;
            kernel->closed_form.forward(&stage->closed_form, stage->packed, live->scratch, 0);
            break;
        }
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
    if (live->work > LONG_STEP) {
        Py_BEGIN_ALLOW_THREADS
        run_stages(live, missing > 0, given);
        Py_END_ALLOW_THREADS
    } else {
        run_stages(live, missing > 0, given);
    }
    Py_RETURN_TRUE;
}
