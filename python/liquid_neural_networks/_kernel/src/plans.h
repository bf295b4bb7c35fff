/* Plans: what does not change from call to call, checked once. */
#ifndef LIQUID_PLANS_H
#define LIQUID_PLANS_H

#include "arguments.h"
#include "kernel.h"

typedef struct {
    const FieldTable *table;
    int field_count, properties;
    Sizes sizes;
    int closed;             /* which of the two it is */
    Step step;              /* without arrays and batch */
    ClosedForm closed_form; /* likewise */
    int64_t *indices;       /* what the lists of `step` point to */
} Plan;

/* The plan in a capsule, or NULL and Refused. */
Plan *plan_of(PyObject *capsule);

/* A kernel by its number, or NULL and Refused. */
const Kernel *kernel_numbered(int number);

/* Batch rows of a chunk. */
ptrdiff_t rows_of_chunk(const Plan *, const Kernel *);

extern const char step_plan_doc[], closed_form_plan_doc[], kept_rows_doc[];
PyObject *step_plan(PyObject *self, PyObject *args, PyObject *keywords);
PyObject *closed_form_plan(PyObject *self, PyObject *args, PyObject *keywords);
PyObject *kept_rows(PyObject *self, PyObject *args);

#endif
