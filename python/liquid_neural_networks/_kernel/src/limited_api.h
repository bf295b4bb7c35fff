/* Python by its limited API of 3.9: one build serves every later version. */
#ifndef LIQUID_LIMITED_API_H
#define LIQUID_LIMITED_API_H

#define Py_LIMITED_API 0x03090000
#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* An argument is not what is needed; a TypeError. Its message begins with the argument's name. */
extern PyObject *Refused;

/* Sets Refused, "NAME: ...", with the formats of PyErr_Format. Returns -1. */
int refuse(const char *name, const char *format, ...);

#endif
