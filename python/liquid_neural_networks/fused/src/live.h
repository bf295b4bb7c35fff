/* Live sessions: one sample at a time, the parameters packed once. */
#ifndef LIQUID_LIVE_H
#define LIQUID_LIVE_H

#include "module.h"

extern const char live_open_doc[], live_step_doc[];
PyObject *live_open(PyObject *self, PyObject *args);
PyObject *live_step(PyObject *self, PyObject *args);

#endif
