/* liquid_neural_networks._kernel._native: the compiled step for Python. Arrays come by name, are
 * checked here (tensors.c) and nowhere else; nothing is remembered from one call to the next but
 * in the plans and sessions that the caller keeps. */
#include "arguments.h"
#include "calls.h"
#include "guards.h"
#include "learners.h"
#include "measuring.h"
#include "sessions.h"

#define VERSION 4

#define KEYWORDS(function) (PyCFunction)(void (*)(void))function, METH_VARARGS | METH_KEYWORDS

static PyMethodDef methods[] = {
    {"bind", bind_types, METH_VARARGS, bind_doc},
    {"step_plan", KEYWORDS(step_plan), step_plan_doc},
    {"closed_form_plan", KEYWORDS(closed_form_plan), closed_form_plan_doc},
    {"kept_rows", kept_rows, METH_VARARGS, kept_rows_doc},
    {"forward", forward_call, METH_VARARGS, forward_doc},
    {"backward", backward_call, METH_VARARGS, backward_doc},
    {"open_session", open_session, METH_VARARGS, open_session_doc},
    {"session_step", session_step, METH_VARARGS, session_step_doc},
    {"lanes", lanes, METH_VARARGS, lanes_doc},
    {"open_learner", KEYWORDS(open_learner), open_learner_doc},
    {"learner_step", learner_step, METH_VARARGS, learner_step_doc},
    {"learner_learn", learner_learn, METH_VARARGS, learner_learn_doc},
    {"learner_refresh", learner_refresh, METH_VARARGS, learner_refresh_doc},
    {"open_guard", KEYWORDS(open_guard), open_guard_doc},
    {"guard_scale", guard_scale_call, METH_O, guard_scale_doc},
    {"guard_answer", guard_answer_call, METH_VARARGS, guard_answer_doc},
    {"guard_lesson", guard_lesson_call, METH_VARARGS, guard_lesson_doc},
    {"guard_label", guard_label_call, METH_VARARGS, guard_label_doc},
    {"lowest", lowest, METH_O, lowest_doc},
    {"instruction_sets", instruction_sets, METH_NOARGS, instruction_sets_doc},
    {"sigmoid", sigmoid, METH_VARARGS, sigmoid_doc},
    {"sigmoid_rate", sigmoid_rate, METH_VARARGS, sigmoid_rate_doc},
    {"synapse_rate", synapse_rate, METH_VARARGS, synapse_rate_doc},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_native", "The compiled step.", -1, methods, NULL, NULL, NULL, NULL,
};

/* Adds an object whose reference is given away, also where it fails. */
static int add(PyObject *module, const char *name, PyObject *object) {
    int failed = object ? PyModule_AddObject(module, name, object) : -1;
    if (failed) Py_XDECREF(object);
    return failed;
}

static int add_exceptions(PyObject *module) {
    Refused = PyErr_NewException("liquid_neural_networks._kernel._native.Refused",
                                 PyExc_TypeError, NULL);
    Busy = PyErr_NewException("liquid_neural_networks._kernel._native.Busy", PyExc_RuntimeError,
                              NULL);
    Py_XINCREF(Refused);
    Py_XINCREF(Busy);
    return add(module, "Refused", Refused) || add(module, "Busy", Busy) ? -1 : 0;
}

PyMODINIT_FUNC PyInit__native(void) {
    PyObject *module = PyModule_Create(&definition);
    if (module && (add_exceptions(module) || add(module, "FIELDS", describe_fields()) ||
                   PyModule_AddIntConstant(module, "VERSION", VERSION)))
        Py_CLEAR(module);
    return module;
}
