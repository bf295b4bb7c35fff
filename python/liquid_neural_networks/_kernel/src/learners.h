/* Learners: a network that runs sample by sample and learns from labels meanwhile. */
#ifndef LIQUID_LEARNERS_H
#define LIQUID_LEARNERS_H

#include "limited_api.h"

extern const char lanes_doc[], open_learner_doc[], learner_step_doc[], learner_learn_doc[],
    learner_refresh_doc[];
PyObject *lanes(PyObject *self, PyObject *args);
PyObject *open_learner(PyObject *self, PyObject *args, PyObject *keywords);
PyObject *learner_step(PyObject *self, PyObject *args);
PyObject *learner_learn(PyObject *self, PyObject *args);
PyObject *learner_refresh(PyObject *self, PyObject *args);

#endif
