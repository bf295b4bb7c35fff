#include "guards.h"

#include <stdlib.h>

#include "arguments.h"
#include "guard.h"

#define CAPSULE "liquid_neural_networks.guard"

typedef struct {
    Guard guard;
    PyObject *held[MAX_FIELDS];
} Session;

static void free_session(Session *session) {
    for (int i = 0; i < field_tables[GUARD_TABLE].count; i++) Py_XDECREF(session->held[i]);
    free(session);
}

static void free_capsule(PyObject *capsule) {
    free_session(PyCapsule_GetPointer(capsule, CAPSULE));
}

static int read_skip(Guard *g, const char *skip) {
    static const char *const names[] = {
        [NO_SKIP] = "none", [GRADIENT] = "gradient", [LEAST_SQUARES] = "least_squares",
    };
    for (int i = NO_SKIP; i <= LEAST_SQUARES; i++)
        if (!strcmp(skip, names[i])) return g->skip = (SkipKind)i, 0;
    return refuse("skip", "is %s", skip);
}

static int read_tensors(Session *session, PyObject *arrays) {
    Guard *g = &session->guard;
    const FieldTable *table = &field_tables[GUARD_TABLE];
    Reading reading = {.table = table, .count = table->count, .in_place = 1,
                       .number_size = sizeof(double)};
    Sizes sizes = unknown_sizes();
    SIZE(&sizes, 'A') = TALLIES;
    if (read_arrays(&reading, arrays, &sizes, g, session->held)) return -1;
    g->input_size = SIZE(&sizes, 'I');
    g->output_size = SIZE(&sizes, 'O');
    g->feature_count = SIZE(&sizes, 'J');
    g->kept = SIZE(&sizes, 'K');
    if (g->feature_count != g->input_size + 1)
        return refuse("skip_weights", "are not one more than there are inputs");
    if (SIZE(&sizes, 'C') != (g->skip == LEAST_SQUARES ? g->feature_count : 0))
        return refuse("skip_covariance", "is of another kind of skip");
    return 0;
}

const char open_guard_doc[] =
    "open_guard(skip, scale, changes, frozen_shadow, warm_up, limit, arrays): the guard of a "
    "learner, see guard.h.";

PyObject *open_guard(PyObject *self, PyObject *args, PyObject *keywords) {
    static char *names[] = {"skip", "scale", "changes", "frozen_shadow", "warm_up", "limit",
                            "arrays", NULL};
    const char *skip;
    PyObject *arrays;
    (void)self;
    Session *session = calloc(1, sizeof *session);
    if (!session) return PyErr_NoMemory();
    Guard *g = &session->guard;
    int failed = !PyArg_ParseTupleAndKeywords(args, keywords, "spppddO!", names, &skip, &g->scale,
                                              &g->changes, &g->frozen_shadow, &g->warm_up,
                                              &g->limit, &PyDict_Type, &arrays) ||
                 read_skip(g, skip) || read_tensors(session, arrays);
    PyObject *capsule = failed ? NULL : PyCapsule_New(session, CAPSULE, free_capsule);
    if (!capsule) free_session(session);
    return capsule;
}

static const Guard *guard_of(PyObject *capsule) {
    Session *session = PyCapsule_GetPointer(capsule, CAPSULE);
    if (session) return &session->guard;
    PyErr_Clear();
    refuse("guard", "is %R, a guard is needed", capsule);
    return NULL;
}

/* The guard and the slot that a call names, and a number if it has one, or NULL and an exception. */
static const Guard *guard_and_slot(PyObject *args, Py_ssize_t *slot, Py_ssize_t *more) {
    PyObject *capsule;
    if (!PyArg_ParseTuple(args, "On|n", &capsule, slot, more)) return NULL;
    const Guard *g = guard_of(capsule);
    if (g && (*slot < 0 || *slot >= g->kept)) {
        refuse("slot", "%zd is out of range", *slot);
        return NULL;
    }
    return g;
}

const char guard_scale_doc[] = "guard_scale(guard): scales its inputs; False if one is infinite.";

PyObject *guard_scale_call(PyObject *self, PyObject *capsule) {
    (void)self;
    const Guard *g = guard_of(capsule);
    if (!g) return NULL;
    return PyBool_FromLong(scale_inputs(g));
}

const char guard_answer_doc[] =
    "guard_answer(guard, slot, keep): sets the output from what the networks said; with `keep` it "
    "waits in the slot for its label.";

PyObject *guard_answer_call(PyObject *self, PyObject *args) {
    Py_ssize_t slot, keep = 0;
    (void)self;
    const Guard *g = guard_and_slot(args, &slot, &keep);
    if (!g) return NULL;
    make_answer(g, slot, keep != 0);
    Py_RETURN_NONE;
}

const char guard_lesson_doc[] =
    "guard_lesson(guard, slot): what becomes of the target of the output kept there: 0 if "
    "nothing is known, 1 if nothing is to be learned yet, else 2, and the lesson is set.";

PyObject *guard_lesson_call(PyObject *self, PyObject *args) {
    Py_ssize_t slot, none;
    (void)self;
    const Guard *g = guard_and_slot(args, &slot, &none);
    return g ? PyLong_FromLong(find_lesson(g, slot)) : NULL;
}

const char guard_label_doc[] =
    "guard_label(guard, slot, delay): takes that target into account.";

PyObject *guard_label_call(PyObject *self, PyObject *args) {
    Py_ssize_t slot, delay = 0;
    (void)self;
    const Guard *g = guard_and_slot(args, &slot, &delay);
    if (!g) return NULL;
    take_label(g, slot, delay);
    Py_RETURN_NONE;
}
