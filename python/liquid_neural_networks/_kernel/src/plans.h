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

/* The place of a word in a list that ends with NULL, or -1 and Refused. */
int choose(const char *name, const char *word, const char *const *words);

/* 0, or -1 and Refused where a size is below the lowest or has more than 31 bits. */
int check_size(const char *name, Py_ssize_t size, Py_ssize_t lowest);

/* Copies the four index lists (bytes of int64: pre, post, sensory_pre, sensory_post) into memory
 * that becomes the caller's, also where it fails, and checks them. Returns 0, or -1 and Refused. */
int read_lists(PyObject *const *lists, ptrdiff_t units, ptrdiff_t inputs, int64_t **memory,
               SynapseList *recurrent, SynapseList *sensory);

extern const char step_plan_doc[], closed_form_plan_doc[], kept_rows_doc[];
PyObject *step_plan(PyObject *self, PyObject *args, PyObject *keywords);
PyObject *closed_form_plan(PyObject *self, PyObject *args, PyObject *keywords);
PyObject *kept_rows(PyObject *self, PyObject *args);

#endif
