/* Calls: the arrays of a plan, read and run. */
#ifndef LIQUID_CALLS_H
#define LIQUID_CALLS_H

#include "plans.h"

typedef struct {
    const Plan *plan;
    const Kernel *kernel;
    Sizes sizes;
    Step step;              /* one of the two, as the plan says */
    ClosedForm closed_form;
    PyObject *held[MAX_FIELDS];
} Call;

/* Reads the arrays of a call, or of a step in a session, from a dict. Returns 0, or -1 and Refused;
 * to be released either way. */
int read_call(Call *, const Plan *, const Kernel *, PyObject *tensors, int backward,
              int in_session);
void release_call(Call *);

extern const char forward_doc[], backward_doc[];
PyObject *forward_call(PyObject *self, PyObject *args);
PyObject *backward_call(PyObject *self, PyObject *args);

#endif
