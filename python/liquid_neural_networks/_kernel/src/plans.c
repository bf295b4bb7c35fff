#include "plans.h"

#include <stdlib.h>

#include "instruction_sets.h"

#define CAPSULE "liquid_neural_networks.plan"

/* Bytes of scratch for each step of the solver and each neuron, synapse and input are fewer. */
#define MOST_BYTES 4096

static void free_plan(Plan *plan) {
    free(plan->indices);
    free(plan);
}

static void free_capsule(PyObject *capsule) { free_plan(PyCapsule_GetPointer(capsule, CAPSULE)); }

Plan *plan_of(PyObject *capsule) {
    Plan *plan = PyCapsule_GetPointer(capsule, CAPSULE);
    if (!plan) {
        PyErr_Clear();
        refuse("plan", "is %R, a plan is needed", capsule);
    }
    return plan;
}

/* Gives the plan to Python, or frees it after a failure. */
static PyObject *finish(Plan *plan, int failed) {
    PyObject *capsule = failed ? NULL : PyCapsule_New(plan, CAPSULE, free_capsule);
    if (!capsule) free_plan(plan);
    return capsule;
}

const Kernel *kernel_numbered(int number) {
    const Kernel *kernel = kernel_of(number);
    if (!kernel) refuse("kernel", "%d is none of this machine", number);
    return kernel;
}

ptrdiff_t rows_of_chunk(const Plan *plan, const Kernel *kernel) {
    return plan->closed ? kernel->closed_form.width : kernel->lanes;
}

int choose(const char *name, const char *word, const char *const *words) {
    for (int i = 0; words[i]; i++)
        if (!strcmp(word, words[i])) return i;
    return refuse(name, "'%s' is unknown", word);
}

int check_size(const char *name, Py_ssize_t size, Py_ssize_t lowest) {
    if (size >= lowest && size <= INT32_MAX) return 0;
    return refuse(name, "is %zd, from %zd to 2147483647 is needed", size, lowest);
}

/* ---- synapses -------------------------------------------------------------------------------- */

static const char *const list_names[] = {"pre", "post", "sensory_pre", "sensory_post"};

static int count_of(PyObject *bytes, const char *name, ptrdiff_t *count) {
    Py_ssize_t size = PyBytes_Size(bytes);
    if (size < 0) return -1;
    *count = size / (Py_ssize_t)sizeof(int64_t);
    if (size % (Py_ssize_t)sizeof(int64_t))
        return refuse(name, "has %zd bytes, int64 numbers are needed", size);
    return 0;
}

/* Sorted by post, then pre, each pair once, all in range. */
static int check_list(const SynapseList *list, ptrdiff_t senders, ptrdiff_t units,
                      const char *const *names) {
    for (ptrdiff_t e = 0; e < list->count; e++) {
        int64_t pre = list->pre[e], post = list->post[e];
        if (pre < 0 || pre >= senders)
            return refuse(names[0], "index %lld is out of range", (long long)pre);
        if (post < 0 || post >= units)
            return refuse(names[1], "index %lld is out of range", (long long)post);
        if (e && (post < list->post[e - 1] ||
                  (post == list->post[e - 1] && pre <= list->pre[e - 1])))
            return refuse(names[0], "is not sorted by post, then pre, at %zd", (Py_ssize_t)e);
    }
    return 0;
}

int read_lists(PyObject *const *lists, ptrdiff_t units, ptrdiff_t inputs, int64_t **memory,
               SynapseList *recurrent, SynapseList *sensory) {
    ptrdiff_t counts[4], total = 0;
    for (int i = 0; i < 4; i++) {
        if (count_of(lists[i], list_names[i], &counts[i])) return -1;
        total += counts[i];
    }
    for (int i = 0; i < 4; i += 2)
        if (counts[i] != counts[i + 1])
            return refuse(list_names[i + 1], "has %zd numbers, %zd are needed",
                          (Py_ssize_t)counts[i + 1], (Py_ssize_t)counts[i]);
    int64_t *to = *memory = malloc((size_t)(total + 1) * sizeof(int64_t));
    if (!to) return PyErr_NoMemory(), -1;
    const int64_t *copies[4];
    for (int i = 0; i < 4; i++) {
        memcpy(to, PyBytes_AsString(lists[i]), (size_t)counts[i] * sizeof(int64_t));
        copies[i] = to;
        to += counts[i];
    }
    *recurrent = (SynapseList){counts[0], copies[0], copies[1]};
    *sensory = (SynapseList){counts[2], copies[2], copies[3]};
    return check_list(recurrent, units, units, list_names) ||
           check_list(sensory, inputs, units, list_names + 2) ? -1 : 0;
}

/* ---- conductance and dense dynamics ---------------------------------------------------------- */

#define NAME(constant, name, shape) #name,
static const char *const conductance_parameters[] = {CONDUCTANCE_PARAMETERS(NAME) NULL};
static const char *const dense_parameters[] = {DENSE_PARAMETERS(NAME) NULL};

/* From a pair: "clip" or "softplus", and a lower bound. */
static int read_constraint(Constraint *constraint, PyObject *pair) {
    static const char *const kinds[] = {"clip", "softplus", NULL};
    const char *kind;
    if (!PyTuple_Check(pair))
        return refuse("constraints", "%R is no pair of a kind and a lower bound", pair);
    if (!PyArg_ParseTuple(pair, "sd", &kind, &constraint->lower)) return -1;
    int chosen = choose("constraints", kind, kinds);
    constraint->kind = chosen == 0 ? CLIP : SOFTPLUS;
    return chosen < 0 ? -1 : 0;
}

static int read_constraints(Step *step, PyObject *constraints) {
    const char *const *names =
        step->dynamics == DENSE ? dense_parameters : conductance_parameters;
    PyObject *name, *pair;
    Py_ssize_t position = 0;
    while (PyDict_Next(constraints, &position, &name, &pair)) {
        PyObject *bytes = PyUnicode_AsUTF8String(name);
        int index = bytes ? choose("constraints", PyBytes_AsString(bytes), names) : -1;
        Py_XDECREF(bytes);
        if (index < 0 || read_constraint(&step->constraints[index], pair)) return -1;
    }
    return 0;
}

static int check_epsilon(const Step *p) {
    if (!(p->epsilon >= 0 && p->epsilon <= FLT_MAX))
        return refuse("epsilon", "is not a finite number from 0");
    if (p->dynamics == DENSE && p->epsilon > 0)
        return refuse("epsilon", "is not 0, but dense dynamics have no leak");
    return 0;
}

/* Whether the scratch memory of a call can be counted in a ptrdiff_t. */
static int check_scratch(const Step *p) {
    ptrdiff_t sum = p->units + p->input_size + p->recurrent.count + p->sensory.count, total;
    if (__builtin_mul_overflow(sum, MOST_BYTES, &total) ||
        __builtin_mul_overflow(total, p->unfolds, &total))
        return refuse("unfolds", "%zd are too many", (Py_ssize_t)p->unfolds);
    return 0;
}

static void set_step_sizes(Plan *plan) {
    const Step *p = &plan->step;
    plan->table = &field_tables[p->dynamics == DENSE ? DENSE_TABLE : CONDUCTANCE_TABLE];
    plan->field_count = plan->table->count;
    plan->sizes = unknown_sizes();
    SIZE(&plan->sizes, 'I') = p->input_size;
    SIZE(&plan->sizes, 'N') = p->units;
    SIZE(&plan->sizes, 'E') = p->recurrent.count;
    SIZE(&plan->sizes, 'S') = p->sensory.count;
    plan->properties = p->in_matrices ? IN_MATRICES : 0;
}

static int set_step(Plan *plan, const char *const *words, PyObject *const *lists,
                    PyObject *constraints) {
    static const char *const dynamics[] = {"conductance", "dense", NULL};
    static const char *const solvers[] = {"fused", "euler", "exponential", NULL};
    static const char *const activations[] = {"sigmoid", "tanh", NULL};
    Step *p = &plan->step;
    if ((p->dynamics = choose("dynamics", words[0], dynamics)) < 0 ||
        (p->solver = choose("solver", words[1], solvers)) < 0 ||
        (p->activation = choose("activation", words[2], activations)) < 0 ||
        check_size("unfolds", p->unfolds, 1) || check_size("units", p->units, 1) ||
        check_size("inputs", p->input_size, 0) ||
        read_lists(lists, p->units, p->input_size, &plan->indices, &p->recurrent, &p->sensory) ||
        read_constraints(p, constraints) || check_epsilon(p) || check_scratch(p))
        return -1;
    if (p->dynamics == DENSE && p->input_size != p->units)
        return refuse("inputs", "is %zd, that of units is needed", (Py_ssize_t)p->input_size);
    if (p->dynamics == DENSE && p->sensory.count)
        return refuse("sensory_pre", "is not empty");
    set_step_sizes(plan);
    return 0;
}

const char step_plan_doc[] =
    "step_plan(dynamics, solver, activation, unfolds, units, inputs, pre, post, sensory_pre, "
    "sensory_post, constraints, in_matrices=False, epsilon=0.0): a plan of conductance or dense "
    "dynamics. Index lists are bytes of int64, sorted by post, then pre. Constraints are a dict, "
    "parameter to ('clip' or 'softplus', lower bound). In matrices: parameters of synapses are "
    "(N, N) and (I, N), a row each sender. Epsilon: conductance of a further leak, towards 0.";

PyObject *step_plan(PyObject *self, PyObject *args, PyObject *keywords) {
    static char *names[] = {"dynamics", "solver", "activation", "unfolds", "units", "inputs",
                            "pre", "post", "sensory_pre", "sensory_post", "constraints",
                            "in_matrices", "epsilon", NULL};
    const char *words[3];
    Py_ssize_t unfolds, units, inputs;
    int in_matrices = 0;
    double epsilon = 0;
    PyObject *lists[4], *constraints;
    (void)self;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "sssnnnSSSSO!|pd", names, &words[0], &words[1],
                                     &words[2], &unfolds, &units, &inputs, &lists[0], &lists[1],
                                     &lists[2], &lists[3], &PyDict_Type, &constraints,
                                     &in_matrices, &epsilon))
        return NULL;
    Plan *plan = calloc(1, sizeof *plan);
    if (!plan) return PyErr_NoMemory();
    plan->step.unfolds = unfolds;
    plan->step.units = units;
    plan->step.input_size = inputs;
    plan->step.in_matrices = in_matrices;
    plan->step.epsilon = epsilon;
    return finish(plan, set_step(plan, words, lists, constraints));
}

/* ---- closed-form dynamics -------------------------------------------------------------------- */

static int read_layer_sizes(ClosedForm *p, PyObject *sizes) {
    Py_ssize_t count = PyTuple_Size(sizes);
    if (count < 1 || count > MAX_LAYERS)
        return refuse("layer_sizes", "are %zd, from 1 to 16 are needed", count);
    p->layers = (int)count;
    for (Py_ssize_t i = 0; i < count; i++) {
        Py_ssize_t size = PyLong_AsSsize_t(PyTuple_GetItem(sizes, i));
        if (size == -1 && PyErr_Occurred()) return -1;
        if (check_size("layer_sizes", size, 1)) return -1;
        p->layer_start[i + 1] = p->layer_start[i] + size;
    }
    if (p->layer_start[count] != p->units)
        return refuse("layer_sizes", "sum up to %zd, that of units is needed",
                      (Py_ssize_t)p->layer_start[count]);
    return 0;
}

static int set_closed_form_sizes(Plan *plan) {
    const ClosedForm *p = &plan->closed_form;
    ptrdiff_t heads = p->mode == PURE ? 1 : 4;
    if (p->backbone_layers == 0 && p->hidden != heads * p->units)
        return refuse("hidden", "is %zd, without a backbone %zd are needed",
                      (Py_ssize_t)p->hidden, (Py_ssize_t)(heads * p->units));
    plan->closed = 1;
    plan->table = &field_tables[CLOSED_FORM_TABLE];
    plan->field_count = closed_form_field_count(p->backbone_layers);
    plan->properties = (p->backbone_layers > 0 ? WITH_BACKBONE : 0) |
                       (p->activation == BACKBONE_SILU ? WITH_SILU : 0) |
                       (p->layers > 1 ? OF_SEVERAL_LAYERS : 0) |
                       (p->mode == PURE ? IN_PURE_MODE : 0);
    plan->sizes = unknown_sizes();
    SIZE(&plan->sizes, 'N') = p->units;
    SIZE(&plan->sizes, 'H') = p->hidden;
    SIZE(&plan->sizes, 'L') = p->backbone_layers;
    SIZE(&plan->sizes, 'K') = heads;
    return 0;
}

static int set_closed_form(Plan *plan, const char *const *words, PyObject *layer_sizes) {
    static const char *const modes[] = {"default", "no_gate", "pure", NULL};
    static const char *const activations[] = {"tanh", "relu", "silu", "none", NULL};
    ClosedForm *p = &plan->closed_form;
    if ((p->mode = choose("mode", words[0], modes)) < 0 ||
        (p->activation = choose("activation", words[1], activations)) < 0 ||
        check_size("units", p->units, 1) || check_size("hidden", p->hidden, 1) ||
        read_layer_sizes(p, layer_sizes))
        return -1;
    if (p->backbone_layers < 0 || p->backbone_layers > MAX_BACKBONE)
        return refuse("backbone_layers", "are %d, from 0 to 64 are needed", p->backbone_layers);
    if (p->backbone_layers > 0 && p->activation == BACKBONE_NONE)
        return refuse("activation", "'none' is for plans without a backbone");
    return set_closed_form_sizes(plan);
}

const char closed_form_plan_doc[] =
    "closed_form_plan(mode, activation, backbone_layers, units, hidden, layer_sizes): a plan of "
    "closed-form dynamics. layer_sizes is a tuple, the neurons of each layer of the wiring.";

PyObject *closed_form_plan(PyObject *self, PyObject *args, PyObject *keywords) {
    static char *names[] = {"mode", "activation", "backbone_layers", "units", "hidden",
                            "layer_sizes", NULL};
    const char *words[2];
    int layers;
    Py_ssize_t units, hidden;
    PyObject *layer_sizes;
    (void)self;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "ssinnO!", names, &words[0], &words[1],
                                     &layers, &units, &hidden, &PyTuple_Type, &layer_sizes))
        return NULL;
    Plan *plan = calloc(1, sizeof *plan);
    if (!plan) return PyErr_NoMemory();
    plan->closed_form.backbone_layers = layers;
    plan->closed_form.units = units;
    plan->closed_form.hidden = hidden;
    return finish(plan, set_closed_form(plan, words, layer_sizes));
}

/* ---- kept rows ------------------------------------------------------------------------------- */

const char kept_rows_doc[] =
    "kept_rows(plan, kernel, batch): batch rows up to whole chunks of the kernel.";

PyObject *kept_rows(PyObject *self, PyObject *args) {
    PyObject *capsule;
    int number;
    Py_ssize_t batch;
    (void)self;
    if (!PyArg_ParseTuple(args, "Oin", &capsule, &number, &batch)) return NULL;
    const Plan *plan = plan_of(capsule);
    const Kernel *kernel = plan ? kernel_numbered(number) : NULL;
    if (!kernel) return NULL;
    ptrdiff_t rows = rows_of_chunk(plan, kernel);
    if (batch < 0 || batch > PTRDIFF_MAX - rows) {
        refuse("batch", "%zd is out of range", batch);
        return NULL;
    }
    return PyLong_FromSsize_t((batch + rows - 1) / rows * rows);
}
