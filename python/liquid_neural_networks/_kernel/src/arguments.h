/* The arrays of a call, read by name from a dict into a struct of problems.h. */
#ifndef LIQUID_ARGUMENTS_H
#define LIQUID_ARGUMENTS_H

#include "problems.h"
#include "tensors.h"

/* A line of fields.h, and where its pointer stands in the struct. */
typedef struct {
    const char *name, *shape;
    Role roles[2]; /* forward, backward */
    const char *with;
    int plans;
    size_t offset;
    PyObject *key; /* the name, interned */
    int companion; /* index of the field `with`, -1 for none */
} Field;

typedef struct {
    const char *name;
    Field *fields;
    int count;
} FieldTable;

enum {
    CONDUCTANCE_TABLE, DENSE_TABLE, CLOSED_FORM_TABLE, AFFINE_TABLE, LEARNER_TABLE, GUARD_TABLE, TABLES
};
extern FieldTable field_tables[TABLES];
#define MAX_FIELDS 192

/* Fields of closed-form dynamics with so many layers of backbone, 0 for none. */
int closed_form_field_count(int backbone_layers);

/* What the reading of a dict needs to know. */
typedef struct {
    const FieldTable *table;
    int count;      /* how many of its fields there are */
    int properties; /* of the plan */
    int backward;
    int in_place;   /* arrays that are only read, too, stay where they are */
    size_t number_size;
} Reading;

/* Fills `problem`, and `held` (count) with new references or NULL, also when it fails. `sizes` grow
 * by those that were unknown. Returns 0, or -1 and Refused. */
int read_arrays(const Reading *, PyObject *dict, Sizes *sizes, void *problem, PyObject **held);

/* The tables as Python sees them, made once; also readies them for reading. */
PyObject *describe_fields(void);

#endif
