/* Guards of learners, for Python. */
#ifndef LIQUID_GUARDS_H
#define LIQUID_GUARDS_H

#include "limited_api.h"

extern const char open_guard_doc[], guard_scale_doc[], guard_answer_doc[], guard_lesson_doc[],
    guard_label_doc[];
PyObject *open_guard(PyObject *self, PyObject *args, PyObject *keywords);
PyObject *guard_scale_call(PyObject *self, PyObject *capsule);
PyObject *guard_answer_call(PyObject *self, PyObject *args);
PyObject *guard_lesson_call(PyObject *self, PyObject *args);
PyObject *guard_label_call(PyObject *self, PyObject *args);

#endif
