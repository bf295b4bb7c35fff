/* Sessions: one sample at a time, the parameters packed once. */
#ifndef LIQUID_SESSIONS_H
#define LIQUID_SESSIONS_H

#include "limited_api.h"

/* A session is in use by another thread; a RuntimeError. */
extern PyObject *Busy;

extern const char open_session_doc[], session_step_doc[];
PyObject *open_session(PyObject *self, PyObject *args);
PyObject *session_step(PyObject *self, PyObject *args);

#endif
