/* Small things: the lowest number of a tensor, instruction sets, the sigmoid and its speed. */
#ifndef LIQUID_MEASURING_H
#define LIQUID_MEASURING_H

#include "limited_api.h"

extern const char lowest_doc[], instruction_sets_doc[], sigmoid_doc[], sigmoid_rate_doc[],
    synapse_rate_doc[];
PyObject *lowest(PyObject *self, PyObject *tensor);
PyObject *instruction_sets(PyObject *self, PyObject *args);
PyObject *sigmoid(PyObject *self, PyObject *args);
PyObject *sigmoid_rate(PyObject *self, PyObject *args);
PyObject *synapse_rate(PyObject *self, PyObject *args);

#endif
