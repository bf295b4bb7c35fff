/* What the files that speak Python share. */
#ifndef LIQUID_MODULE_H
#define LIQUID_MODULE_H

/* Limited API of Python 3.9: one build serves every later version. */
#define Py_LIMITED_API 0x03090000
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "problem.h"

/* Reads `count` integers from a tuple. */
int read_integers(PyObject *tuple, Py_ssize_t count, intptr_t *to);

/* A kernel by its number, or NULL and an exception. */
const Kernel *read_kernel(intptr_t number);

/* A problem from tuples of sizes, addresses and lower bounds, as _operator.py makes them. Returns
 * the kernel to run it, or NULL. */
const Kernel *read_problem(PyObject *sizes, PyObject *addresses, PyObject *bounds, Problem *p);

/* The same of closed-form dynamics, as _closed_form.py makes them. */
const Kernel *read_closed_form(PyObject *sizes, PyObject *addresses, int backward, ClosedForm *p);

#endif
