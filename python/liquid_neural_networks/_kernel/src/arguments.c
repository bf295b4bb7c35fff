#include "arguments.h"

#include <stdio.h>

#include "guard.h"
#include "learner.h"

/* ---- the tables ------------------------------------------------------------------------------ */

#define ROW(type, member, name, shape, forward, backward, with, plans)                             \
    {name, shape, {forward, backward}, with, plans, offsetof(type, member), NULL, -1},

#define STEP_ROW(name, ...) ROW(Step, name, #name, __VA_ARGS__)
#define STEP_CELL_ROW(name, ...) ROW(Step, cell.name, #name, __VA_ARGS__)
#define PARAMETER_ROW(constant, name, shape)                                                       \
    ROW(Step, parameters[constant], #name, shape, READ, READ, "", ANY_PLAN)
#define GRADIENT_ROW(constant, name, shape)                                                        \
    ROW(Step, gradients[constant], "grad_" #name, shape, UNUSED, WRITTEN, "", ANY_PLAN)
#define CLOSED_ROW(name, ...) ROW(ClosedForm, name, #name, __VA_ARGS__)
#define CLOSED_CELL_ROW(name, ...) ROW(ClosedForm, cell.name, #name, __VA_ARGS__)
#define AFFINE_ROW(name, ...) ROW(Affine, name, #name, __VA_ARGS__)
#define LEARNER_ROW(name, ...) ROW(Learner, name, #name, __VA_ARGS__)
#define GUARD_ROW(name, ...) ROW(Guard, name, #name, __VA_ARGS__)
#define COUNT_ROW(...) +1

static Field conductance[] = {
    STEP_FIELDS(STEP_ROW) MASK_FIELDS(STEP_ROW) CONDUCTANCE_PARAMETERS(PARAMETER_ROW)
    CONDUCTANCE_PARAMETERS(GRADIENT_ROW) CELL_FIELDS(STEP_CELL_ROW)
};
static Field dense[] = {
    STEP_FIELDS(STEP_ROW) DENSE_PARAMETERS(PARAMETER_ROW) DENSE_PARAMETERS(GRADIENT_ROW)
    CELL_FIELDS(STEP_CELL_ROW)
};
static Field affine[] = {AFFINE_FIELDS(AFFINE_ROW)};
static Field learner[] = {LEARNER_FIELDS(LEARNER_ROW)};
static Field guard[] = {GUARD_FIELDS(GUARD_ROW)};

/* After those listed, a matrix and a bias of each layer of the backbone from the second on. */
enum { LISTED = 0 CLOSED_FORM_FIELDS(COUNT_ROW) CELL_FIELDS(COUNT_ROW) };
enum { HIDDEN = 2 * (MAX_BACKBONE - 1) };
static Field closed_form[LISTED + HIDDEN] = {
    CLOSED_FORM_FIELDS(CLOSED_ROW) CELL_FIELDS(CLOSED_CELL_ROW)
};
_Static_assert(LISTED + HIDDEN <= MAX_FIELDS, "more fields than a call has space for");

#define TABLE(name, fields) {name, fields, (int)(sizeof fields / sizeof *fields)}
FieldTable field_tables[TABLES] = {
    [CONDUCTANCE_TABLE] = TABLE("conductance", conductance),
    [DENSE_TABLE] = TABLE("dense", dense),
    [CLOSED_FORM_TABLE] = TABLE("closed_form", closed_form),
    [AFFINE_TABLE] = TABLE("affine", affine),
    [LEARNER_TABLE] = TABLE("learner", learner),
    [GUARD_TABLE] = TABLE("guard", guard),
};

int closed_form_field_count(int backbone_layers) {
    return LISTED + 2 * (backbone_layers > 1 ? backbone_layers - 1 : 0);
}

static void fill_hidden_fields(void) {
    static char names[HIDDEN][24];
    for (int i = 0; i < HIDDEN; i++) {
        int layer = 1 + i / 2, is_bias = i % 2;
        size_t array = is_bias ? offsetof(ClosedForm, hidden_bias)
                               : offsetof(ClosedForm, hidden_weights);
        snprintf(names[i], sizeof names[i], is_bias ? "hidden_bias_%d" : "hidden_%d", layer);
        Field *field = &closed_form[LISTED + i];
        field->name = names[i];
        field->shape = is_bias ? "H" : "H H";
        field->roles[0] = field->roles[1] = READ;
        field->with = "";
        field->offset = array + (size_t)layer * sizeof(void *);
    }
}

static int index_of(const FieldTable *table, const char *name) {
    for (int i = 0; i < table->count; i++)
        if (!strcmp(table->fields[i].name, name)) return i;
    return -1;
}

static int prepare(const FieldTable *table) {
    for (int i = 0; i < table->count; i++) {
        Field *field = &table->fields[i];
        field->companion = index_of(table, field->with);
        if (!field->key) field->key = PyUnicode_InternFromString(field->name);
        if (!field->key) return -1;
    }
    return 0;
}

/* ---- the tables as Python sees them ---------------------------------------------------------- */

static const char *const role_names[] = {
    [READ] = "read", [READ_OR_NONE] = "read or none",
    [WRITTEN] = "written", [WRITTEN_OR_NONE] = "written or none",
};

/* "B T 4N" as ("B", "T", "4N"). */
static PyObject *describe_shape(const char *shape) {
    PyObject *text = PyUnicode_FromString(shape);
    PyObject *list = text ? PyUnicode_Split(text, NULL, -1) : NULL;
    PyObject *tuple = list ? PyList_AsTuple(list) : NULL;
    Py_XDECREF(text);
    Py_XDECREF(list);
    return tuple;
}

static PyObject *describe_table(const FieldTable *table) {
    PyObject *rows = PyTuple_New(table->count);
    for (int i = 0; rows && i < table->count; i++) {
        const Field *field = &table->fields[i];
        PyObject *row = Py_BuildValue("ssN(zz)", field->name, "real", describe_shape(field->shape),
                                      role_names[field->roles[0]], role_names[field->roles[1]]);
        if (!row || PyTuple_SetItem(rows, i, row)) Py_CLEAR(rows);
    }
    return rows;
}

PyObject *describe_fields(void) {
    PyObject *all = PyDict_New();
    fill_hidden_fields();
    for (int i = 0; all && i < TABLES; i++) {
        PyObject *rows = prepare(&field_tables[i]) ? NULL : describe_table(&field_tables[i]);
        if (!rows || PyDict_SetItemString(all, field_tables[i].name, rows)) Py_CLEAR(all);
        Py_XDECREF(rows);
    }
    return all;
}

/* ---- reading --------------------------------------------------------------------------------- */

typedef enum { FORBIDDEN, ALLOWED, NEEDED } Demand;

static Demand demand(const Reading *reading, const Field *field, PyObject *const *held) {
    Role role = field->roles[reading->backward];
    int in_plan = (field->plans & reading->properties) == field->plans;
    if (role == UNUSED || (field->companion >= 0 && !held[field->companion])) return FORBIDDEN;
    if (role == READ || role == WRITTEN) return in_plan ? NEEDED : FORBIDDEN;
    return in_plan && field->plans != ANY_PLAN ? NEEDED : ALLOWED;
}

/* Of parameters of synapses in matrices: a row each sender. */
static const char *shape_of(const Reading *reading, const Field *field) {
    if (!(reading->properties & IN_MATRICES)) return field->shape;
    if (!strcmp(field->shape, "E")) return "N N";
    return strcmp(field->shape, "S") ? field->shape : "I N";
}

static int read_array(const Reading *reading, const Field *field, PyObject *tensor, Sizes *sizes,
                      void *problem, PyObject **held, PyObject **own) {
    Demand demanded = demand(reading, field, held);
    if (!tensor || tensor == Py_None) {
        if (demanded != NEEDED) return 0;
        return refuse(field->name, "is %s, a tensor is needed", tensor ? "None" : "missing");
    }
    if (demanded == FORBIDDEN) return refuse(field->name, "is not used by this call");
    Role role = field->roles[reading->backward];
    Need need = {field->name, shape_of(reading, field), reading->number_size,
                 reading->in_place || role == WRITTEN || role == WRITTEN_OR_NONE};
    return array_of(tensor, &need, sizes, own, (void **)((char *)problem + field->offset));
}

static int is_field(const Reading *reading, PyObject *name) {
    for (int i = 0; i < reading->count; i++) {
        int same = PyObject_RichCompareBool(name, reading->table->fields[i].key, Py_EQ);
        if (same) return same;
    }
    return 0;
}

static int refuse_unknown(const Reading *reading, PyObject *dict) {
    PyObject *name, *tensor;
    Py_ssize_t position = 0;
    while (PyDict_Next(dict, &position, &name, &tensor)) {
        int known = is_field(reading, name);
        if (known < 0) return -1;
        if (!known) return PyErr_Format(Refused, "%S: there is no such array", name), -1;
    }
    return 0;
}

int read_arrays(const Reading *reading, PyObject *dict, Sizes *sizes, void *problem,
                PyObject **held) {
    Py_ssize_t found = 0;
    memset(held, 0, (size_t)reading->count * sizeof *held);
    for (int i = 0; i < reading->count; i++) {
        const Field *field = &reading->table->fields[i];
        PyObject *tensor = PyDict_GetItemWithError(dict, field->key);
        if (!tensor && PyErr_Occurred()) return -1;
        found += tensor != NULL;
        if (read_array(reading, field, tensor, sizes, problem, held, &held[i])) return -1;
    }
    return found == PyDict_Size(dict) ? 0 : refuse_unknown(reading, dict);
}
