#include "sessions.h"

#include <stdlib.h>

#include "calls.h"
#include "threads.h"

PyObject *Busy;

#define CAPSULE "liquid_neural_networks.session"

/* Steps of more work than this let other Python threads run meanwhile. Shorter ones do not: getting
 * the interpreter back would take longer than the step. */
#define LONG_STEP 20000

enum { AFFINE_ARRAYS = 4 };

/* An affine map, or one step of a population. */
typedef struct {
    int is_affine;
    Affine affine;
    Call call;
    const void *mask, *time_constants, *shift; /* for samples that have them; of learned ones */
    void *packed;
    PyObject *plan;
    PyObject *affine_held[AFFINE_ARRAYS];
} Stage;

typedef struct {
    const Kernel *kernel;
    ptrdiff_t inputs;
    void *sample, *values, *seen; /* (I,): as the caller wrote it, and as the kernel takes it */
    PyObject *held[3];            /* what these three belong to */
    void *scratch;
    ptrdiff_t work;               /* sigmoids and products of a step, about */
    int busy;
    Py_ssize_t count;
    Stage stages[];
} Session;

static void free_session(Session *session) {
    for (Py_ssize_t i = 0; i < session->count; i++) {
        Stage *stage = &session->stages[i];
        for (int j = 0; j < AFFINE_ARRAYS; j++) Py_XDECREF(stage->affine_held[j]);
        if (stage->call.plan) release_call(&stage->call);
        Py_XDECREF(stage->plan);
        free(stage->packed);
    }
    for (int i = 0; i < 3; i++) Py_XDECREF(session->held[i]);
    free(session->scratch);
    free(session);
}

static void free_capsule(PyObject *capsule) {
    free_session(PyCapsule_GetPointer(capsule, CAPSULE));
}

/* ---- opening --------------------------------------------------------------------------------- */

static int read_affine(PyObject *arrays, Session *session, Stage *stage) {
    const FieldTable *table = &field_tables[AFFINE_TABLE];
    Reading reading = {.table = table, .count = table->count, .in_place = 1,
                       .number_size = session->kernel->real_size};
    Sizes sizes = unknown_sizes();
    if (read_arrays(&reading, arrays, &sizes, &stage->affine, stage->affine_held)) return -1;
    stage->affine.rows = SIZE(&sizes, 'O');
    stage->affine.columns = SIZE(&sizes, 'I');
    session->work += stage->affine.rows * stage->affine.columns;
    return 0;
}

static ptrdiff_t work_of_step(const Step *p) {
    ptrdiff_t gates = p->cell.gates ? 4 * p->units * p->units : 0;
    return p->unfolds * (p->recurrent.count + p->units) + p->sensory.count + gates;
}

static ptrdiff_t work_of_closed_form(const ClosedForm *p) {
    ptrdiff_t gates = p->cell.gates ? 4 * p->units * p->units : 0;
    return p->hidden * (p->units + p->backbone_layers * (p->hidden + 4 * p->units)) + gates;
}

/* Packs the parameters of a stage; `scratch` grows to what it needs. */
static int pack_stage(Stage *stage, const Kernel *kernel, size_t *scratch) {
    const Step *step = &stage->call.step;
    const ClosedForm *form = &stage->call.closed_form;
    int closed = stage->call.plan->closed;
    size_t packed = closed ? kernel->closed_form.packed_size(form, 0) : kernel->packed_size(step, 0);
    size_t needed = closed ? kernel->closed_form.scratch_size(form)
                           : kernel->scratch_size(step, 0);
    if (needed > *scratch) *scratch = needed;
    stage->packed = aligned_memory(packed);
    if (!stage->packed) return PyErr_NoMemory(), -1;
    if (closed)
        kernel->closed_form.pack(form, stage->packed, 0);
    else
        kernel->pack(step, stage->packed, 0);
    return 0;
}

static int read_step(PyObject *description, Session *session, Stage *stage, size_t *scratch) {
    PyObject *capsule = PyDict_GetItemString(description, "plan");
    PyObject *tensors = PyDict_GetItemString(description, "tensors");
    if (!capsule || !tensors || !PyDict_Check(tensors))
        return refuse("stages", "a step needs a plan and a dict of tensors");
    const Plan *plan = plan_of(capsule);
    if (!plan) return -1;
    stage->plan = Py_BuildValue("O", capsule);
    if (read_call(&stage->call, plan, session->kernel, tensors, 0, 1)) return -1;
    if (SIZE(&stage->call.sizes, 'B') != 1 || SIZE(&stage->call.sizes, 'T') != 1)
        return refuse(plan->table->fields[0].name, "one row and one time step are needed");
    stage->mask = stage->call.step.mask;
    stage->time_constants = stage->call.step.time_constants;
    stage->shift = stage->call.closed_form.shift;
    session->work += plan->closed ? work_of_closed_form(&stage->call.closed_form)
                                  : work_of_step(&stage->call.step);
    return pack_stage(stage, session->kernel, scratch);
}

/* A dict without one of its keys, which is looked at by whoever reads the rest. */
static PyObject *without(PyObject *dict, const char *key) {
    PyObject *copy = PyDict_Copy(dict);
    if (copy && PyDict_DelItemString(copy, key)) Py_CLEAR(copy);
    return copy;
}

static int read_stage(PyObject *description, Session *session, Stage *stage, size_t *scratch) {
    PyObject *kind =
        PyDict_Check(description) ? PyDict_GetItemString(description, "kind") : NULL;
    if (kind && PyUnicode_Check(kind) && !PyUnicode_CompareWithASCIIString(kind, "step"))
        return read_step(description, session, stage, scratch);
    if (!kind || !PyUnicode_Check(kind) || PyUnicode_CompareWithASCIIString(kind, "affine"))
        return refuse("stages", "%R is no stage", description);
    stage->is_affine = 1;
    PyObject *arrays = without(description, "kind");
    int failed = arrays ? read_affine(arrays, session, stage) : -1;
    Py_XDECREF(arrays);
    return failed;
}

static int read_stages(PyObject *stages, Session *session) {
    size_t scratch = 0;
    for (Py_ssize_t i = 0; i < PyTuple_Size(stages); i++) {
        session->count++;
        if (read_stage(PyTuple_GetItem(stages, i), session, &session->stages[i], &scratch))
            return -1;
    }
    session->scratch = aligned_memory(scratch);
    return session->scratch ? 0 : (PyErr_NoMemory(), -1);
}

static int read_samples(Session *session, PyObject *sample, PyObject *values, PyObject *seen) {
    size_t real_size = session->kernel->real_size;
    Need as_written = {"sample", "I", sizeof(double), 1};
    Need as_read = {"values", "I", real_size, 1}, as_seen = {"seen", "I", real_size, 1};
    Sizes sizes = unknown_sizes();
    if (array_of(sample, &as_written, &sizes, &session->held[0], &session->sample) ||
        array_of(values, &as_read, &sizes, &session->held[1], &session->values) ||
        array_of(seen, &as_seen, &sizes, &session->held[2], &session->seen))
        return -1;
    session->inputs = SIZE(&sizes, 'I');
    return 0;
}

const char open_session_doc[] =
    "open_session(kernel, sample, values, seen, stages): a session. A stage is a dict: of kind "
    "'affine' with matrix, shift, from and to, or of kind 'step' with a plan and the tensors of a "
    "forward of one row and one time step.";

PyObject *open_session(PyObject *self, PyObject *args) {
    PyObject *sample, *values, *seen, *stages;
    int number;
    (void)self;
    if (!PyArg_ParseTuple(args, "iOOOO!", &number, &sample, &values, &seen, &PyTuple_Type,
                          &stages))
        return NULL;
    const Kernel *kernel = kernel_numbered(number);
    if (!kernel) return NULL;
    size_t size = sizeof(Session) + (size_t)PyTuple_Size(stages) * sizeof(Stage);
    Session *session = calloc(1, size);
    if (!session) return PyErr_NoMemory();
    session->kernel = kernel;
    int failed = read_samples(session, sample, values, seen) || read_stages(stages, session);
    PyObject *capsule = failed ? NULL : PyCapsule_New(session, CAPSULE, free_capsule);
    if (!capsule) free_session(session);
    return capsule;
}

/* ---- stepping -------------------------------------------------------------------------------- */

static void run_stage(Session *session, Stage *stage, int masked, int given) {
    const Kernel *kernel = session->kernel;
    Step *step = &stage->call.step;
    ClosedForm *form = &stage->call.closed_form;
    if (stage->is_affine) {
        kernel->affine(&stage->affine);
    } else if (stage->call.plan->closed) {
        form->shift = given ? form->given_shift : (void *)stage->shift;
        kernel->closed_form.forward(form, stage->packed, session->scratch, 0);
    } else {
        step->mask = masked ? (void *)stage->mask : NULL;
        step->time_constants = given ? (void *)stage->time_constants : NULL;
        kernel->forward(step, stage->packed, session->scratch, 0);
    }
}

static void run_stages(Session *session, int masked, int given) {
    for (Py_ssize_t i = 0; i < session->count; i++)
        run_stage(session, &session->stages[i], masked, given);
}

const char session_step_doc[] =
    "session_step(session, given): takes the sample through every stage, with the given time "
    "constants or the learned ones. False, and nothing done, if the sample is beyond the type.";

PyObject *session_step(PyObject *self, PyObject *args) {
    PyObject *capsule;
    int given;
    (void)self;
    if (!PyArg_ParseTuple(args, "Op", &capsule, &given)) return NULL;
    Session *session = PyCapsule_GetPointer(capsule, CAPSULE);
    if (!session) {
        PyErr_Clear();
        refuse("session", "is %R, a session is needed", capsule);
        return NULL;
    }
    if (session->busy) {
        PyErr_SetString(Busy, "session: is in use by another thread");
        return NULL;
    }
    ptrdiff_t missing = session->kernel->read_sample(session->sample, session->inputs,
                                                     session->values, session->seen);
    if (missing < 0) return PyBool_FromLong(0);
    session->busy = 1;
    if (session->work > LONG_STEP) {
        Py_BEGIN_ALLOW_THREADS
        run_stages(session, missing > 0, given);
        Py_END_ALLOW_THREADS
    } else {
        run_stages(session, missing > 0, given);
    }
    session->busy = 0;
    return PyBool_FromLong(1);
}
