#include "learners.h"

#include <stdlib.h>

#include "arena.h"
#include "plans.h"
#include "sessions.h"
#include "threads.h"

#define CAPSULE "liquid_neural_networks.learner"

/* As in sessions.c: steps of more products than this let other Python threads run meanwhile. */
#define LONG_STEP 100000

typedef struct {
    const Kernel *kernel;
    Learner problem;
    int64_t *lists;
    Reach *reaches; /* (block_count,), of which blocks may share some */
    void *work;
    double *sample, *target;
    void *values, *seen; /* (I,): the sample as the kernel takes it */
    ptrdiff_t products;
    int busy;
    PyObject *samples_held[2];
    PyObject *held[MAX_FIELDS];
} Session;

static void free_reach(Reach *reach) {
    free(reach->neurons);
    free(reach->start);
    free(reach->edges);
}

static void free_session(Session *session) {
    for (int i = 0; i < field_tables[LEARNER_TABLE].count; i++) Py_XDECREF(session->held[i]);
    for (int i = 0; i < 2; i++) Py_XDECREF(session->samples_held[i]);
    if (session->reaches)
        for (ptrdiff_t i = 0; i < session->problem.block_count; i++)
            free_reach(&session->reaches[i]);
    free(session->reaches);
    free(session->problem.blocks);
    free(session->problem.motors);
    free(session->lists);
    free(session->work);
    free(session->values);
    free(session->seen);
    free(session);
}

static void free_capsule(PyObject *capsule) {
    free_session(PyCapsule_GetPointer(capsule, CAPSULE));
}

/* ---- reaches --------------------------------------------------------------------------------- */

static int layer_of(const Learner *p, ptrdiff_t neuron) {
    int layer = 0;
    while (neuron >= p->layer_start[layer + 1]) layer++;
    return layer;
}

/* The edges onto one row from the rows of a reach; `row_of` is -1 for neurons outside it. With
 * NULL they are counted only. */
static ptrdiff_t edges_onto(const Learner *p, const Reach *reach, ptrdiff_t row,
                            const int32_t *row_of, ptrdiff_t first, ptrdiff_t last,
                            ptrdiff_t diagonal, Edge *to) {
    ptrdiff_t count = 0, neuron = reach->neurons[row];
    if (to) to[count] = (Edge){(int32_t)row, (int32_t)neuron};
    count++;
    for (ptrdiff_t e = first; e < last; e++) {
        int64_t sender = p->recurrent.pre[e];
        if (sender == neuron || row_of[sender] < 0) continue;
        ptrdiff_t from = row_of[sender];
        if (p->dynamics == CLOSED_FORM && layer_of(p, sender) < layer_of(p, neuron))
            from += reach->rows;
        if (to) to[count] = (Edge){(int32_t)from, (int32_t)(diagonal + e)};
        count++;
    }
    return count;
}

/* `start` (N + 1,) of the synapses of each neuron; `row_of` (N,) is working memory. */
static int join_rows(const Learner *p, Reach *reach, const ptrdiff_t *start, int32_t *row_of,
                     ptrdiff_t diagonal) {
    for (ptrdiff_t i = 0; i < p->units; i++) row_of[i] = -1;
    for (ptrdiff_t r = 0; r < reach->rows; r++) row_of[reach->neurons[r]] = (int32_t)r;
    reach->start = malloc((size_t)(reach->rows + 1) * sizeof *reach->start);
    if (!reach->start) return PyErr_NoMemory(), -1;
    for (int counted = 0; counted < 2; counted++) {
        ptrdiff_t total = 0;
        for (ptrdiff_t r = 0; r < reach->rows; r++) {
            ptrdiff_t i = reach->neurons[r];
            reach->start[r] = total;
            total += edges_onto(p, reach, r, row_of, start[i], start[i + 1], diagonal,
                                counted ? reach->edges + total : NULL);
        }
        reach->start[reach->rows] = total;
        if (!counted && !(reach->edges = malloc((size_t)(total + 1) * sizeof(Edge))))
            return PyErr_NoMemory(), -1;
    }
    return 0;
}

/* Rising neurons in range, the block's own among them. */
static int check_rows(const Learner *p, const int32_t *rows, ptrdiff_t count, ptrdiff_t own) {
    int found = own < 0;
    for (ptrdiff_t r = 0; r < count; r++) {
        if (rows[r] < 0 || rows[r] >= p->units || (r && rows[r] <= rows[r - 1]))
            return refuse("rows", "are no rising neurons");
        found |= rows[r] == own;
    }
    return found ? 0 : refuse("rows", "of neuron %zd lack itself", (Py_ssize_t)own);
}

static int32_t *copy_of(const int32_t *from, ptrdiff_t count) {
    int32_t *to = malloc((size_t)(count + 1) * sizeof *to);
    if (to && count) memcpy(to, from, (size_t)count * sizeof *to);
    if (!to) PyErr_NoMemory();
    return to;
}

/* Neuron after neuron, and the inputs last: `rows` holds for each how many rows follow, then
 * these. */
static int read_reaches(Session *session, const int32_t *rows, ptrdiff_t count,
                        const ptrdiff_t *start, int32_t *row_of, ptrdiff_t diagonal) {
    Learner *p = &session->problem;
    Reach *last = NULL;
    for (ptrdiff_t b = 0; b < p->block_count; b++) {
        ptrdiff_t own = b < p->units ? b : -1;
        if (count < 1 || rows[0] < 0 || rows[0] > count - 1)
            return refuse("rows", "end too early");
        ptrdiff_t size = *rows++;
        if (check_rows(p, rows, size, own)) return -1;
        if (!last || last->rows != size ||
            memcmp(last->neurons, rows, (size_t)size * sizeof *rows)) {
            last = &session->reaches[b];
            last->rows = size;
            if (!(last->neurons = copy_of(rows, size)) ||
                join_rows(p, last, start, row_of, diagonal))
                return -1;
        }
        p->blocks[b].reach = last;
        p->blocks[b].own = -1;
        for (ptrdiff_t r = 0; r < size; r++)
            if (rows[r] == own) p->blocks[b].own = r;
        rows += size;
        count -= size + 1;
    }
    return count ? refuse("rows", "go on after the last") : 0;
}

/* Blocks that keep the row of an input's receiver only where it is listed would have no place for
 * its derivative. */
static int check_input_rows(const Learner *p) {
    if (p->block_count == p->units) return 0;
    const Reach *reach = p->blocks[p->units].reach;
    ptrdiff_t r = 0;
    for (ptrdiff_t e = 0; e < p->sensory.count; e++) {
        while (r < reach->rows && reach->neurons[r] < p->sensory.post[e]) r++;
        if (r == reach->rows || reach->neurons[r] != p->sensory.post[e])
            return refuse("rows", "of the inputs lack a neuron that receives one");
    }
    return 0;
}

/* ---- the layout of columns ------------------------------------------------------------------- */

static int lay_out_columns(Session *session) {
    Learner *p = &session->problem;
    BlockParts parts = parts_of(p);
    ptrdiff_t lanes = session->kernel->lanes, e = 0, s = 0, readout = 0;
    for (ptrdiff_t b = 0; b < p->block_count; b++) {
        Block *block = &p->blocks[b];
        ptrdiff_t first_e = e, first_s = s;
        while (e < p->recurrent.count && p->recurrent.post[e] == b) e++;
        while (s < p->sensory.count && p->sensory.post[s] == b) s++;
        ptrdiff_t width = b == p->units ? 2 * p->input_size
                                        : parts.own + parts.recurrent * (e - first_e) +
                                              parts.sensory * (s - first_s);
        block->first = p->columns;
        block->width = round_up(width, lanes);
        block->sensitivities = p->sensitivity_count;
        p->columns += block->width;
        p->most_width = larger(p->most_width, block->width);
        p->most_rows = larger(p->most_rows, block->reach->rows);
        session->products += block->reach->start[block->reach->rows] * block->width * p->unfolds;
        if (__builtin_mul_overflow(block->reach->rows, block->width, &readout) ||
            __builtin_add_overflow(p->sensitivity_count, readout, &p->sensitivity_count))
            return refuse("rows", "are too many");
    }
    p->readout = p->columns;
    readout = p->motor ? 2 * p->output_size : (p->units + 1) * p->output_size;
    p->columns += round_up(readout, lanes);
    return 0;
}

static int read_blocks(Session *session, PyObject *rows) {
    Learner *p = &session->problem;
    ptrdiff_t bytes = PyBytes_Size(rows), e = 0, units = p->units;
    if (bytes % (ptrdiff_t)sizeof(int32_t)) return refuse("rows", "are no int32 numbers");
    p->block_count = units + (p->dynamics == CONDUCTANCE);
    p->blocks = calloc((size_t)p->block_count, sizeof *p->blocks);
    session->reaches = calloc((size_t)p->block_count, sizeof *session->reaches);
    ptrdiff_t *start = malloc((size_t)(units + 1) * sizeof *start);
    int32_t *row_of = malloc((size_t)units * sizeof *row_of);
    int failed = -1;
    if (p->blocks && session->reaches && start && row_of) {
        for (ptrdiff_t i = 0; i < units; i++) {
            start[i] = e;
            while (e < p->recurrent.count && p->recurrent.post[e] == i) e++;
        }
        start[units] = e;
        failed = read_reaches(session, (const int32_t *)PyBytes_AsString(rows),
                              bytes / (ptrdiff_t)sizeof(int32_t), start, row_of,
                              round_up(units, session->kernel->lanes));
    } else {
        PyErr_NoMemory();
    }
    free(start);
    free(row_of);
    return failed || check_input_rows(p) || lay_out_columns(session) ? -1 : 0;
}

/* ---- opening --------------------------------------------------------------------------------- */

static const char *const dynamics_names[] = {"conductance", "dense", "closed_form", NULL};
static const char *const solver_names[] = {"fused", "euler", "exponential", "", NULL};
static const char *const activation_names[] = {"sigmoid", "tanh", "", NULL};
static const char *const mode_names[] = {"default", "no_gate", "pure", "", NULL};
static const char *const loss_names[] = {"mse", "mae", "huber", "cross_entropy", NULL};
static const char *const optimizer_names[] = {"rmsprop", "adam", "sgd", NULL};

static int read_words(Learner *p, const char *const *words) {
    if ((p->dynamics = choose("dynamics", words[0], dynamics_names)) < 0 ||
        (p->solver = choose("solver", words[1], solver_names)) < 0 ||
        (p->activation = choose("activation", words[2], activation_names)) < 0 ||
        (p->mode = choose("mode", words[3], mode_names)) < 0 ||
        (p->loss = choose("loss", words[4], loss_names)) < 0 ||
        (p->optimizer = choose("optimizer", words[5], optimizer_names)) < 0)
        return -1;
    return 0;
}

static int check_sizes(const Learner *p) {
    ptrdiff_t total = p->units + p->input_size + p->output_size;
    if (check_size("unfolds", p->unfolds, 1) || check_size("units", p->units, 1) ||
        check_size("inputs", p->input_size, 1) || check_size("outputs", p->output_size, 1))
        return -1;
    if (p->dynamics == CLOSED_FORM && p->unfolds != 1)
        return refuse("unfolds", "is %zd, 1 is needed", (Py_ssize_t)p->unfolds);
    if (p->unfolds > 4096 || total > 1 << 20) return refuse("units", "are too many");
    return 0;
}

static int read_layers(Learner *p, PyObject *sizes) {
    Py_ssize_t count = PyTuple_Size(sizes);
    if (count < 1 || count > MAX_LAYERS)
        return refuse("layer_sizes", "are %zd, from 1 to 16 are needed", count);
    p->layers = count;
    for (Py_ssize_t i = 0; i < count; i++) {
        Py_ssize_t size = PyLong_AsSsize_t(PyTuple_GetItem(sizes, i));
        if (size == -1 && PyErr_Occurred()) return -1;
        if (check_size("layer_sizes", size, 1)) return -1;
        p->layer_start[i + 1] = p->layer_start[i] + size;
    }
    return p->layer_start[count] == p->units ? 0 : refuse("layer_sizes", "do not sum up to units");
}

static int read_motors(Learner *p, PyObject *motors) {
    if (motors == Py_None) return 0;
    if (!PyBytes_Check(motors) ||
        PyBytes_Size(motors) != p->output_size * (ptrdiff_t)sizeof(int32_t))
        return refuse("motors", "are no neuron for each output");
    p->motor = 1;
    if (!(p->motors = copy_of((const int32_t *)PyBytes_AsString(motors), p->output_size)))
        return -1;
    for (ptrdiff_t o = 0; o < p->output_size; o++)
        if (p->motors[o] < 0 || p->motors[o] >= p->units)
            return refuse("motors", "neuron %d is out of range", (int)p->motors[o]);
    return 0;
}

static int read_tensors(Session *session, PyObject *arrays, PyObject *sample, PyObject *target) {
    Learner *p = &session->problem;
    const FieldTable *table = &field_tables[LEARNER_TABLE];
    Reading reading = {.table = table, .count = table->count, .in_place = 1,
                       .number_size = session->kernel->real_size};
    Sizes sizes = unknown_sizes();
    SIZE(&sizes, 'I') = p->input_size;
    SIZE(&sizes, 'N') = p->units;
    SIZE(&sizes, 'O') = p->output_size;
    SIZE(&sizes, 'P') = p->columns;
    SIZE(&sizes, 'Q') = p->sensitivity_count;
    Need as_sample = {"sample", "I", sizeof(double), 1}, as_target = {"target", "O", sizeof(double), 1};
    if (read_arrays(&reading, arrays, &sizes, p, session->held) ||
        array_of(sample, &as_sample, &sizes, &session->samples_held[0], (void **)&session->sample) ||
        array_of(target, &as_target, &sizes, &session->samples_held[1], (void **)&session->target))
        return -1;
    p->kept = SIZE(&sizes, 'W');
    return 0;
}

static int make_work(Session *session) {
    const Learner *p = &session->problem;
    size_t size = session->kernel->learning.work_size(p);
    size_t numbers = (size_t)p->input_size * sizeof(double);
    if (size > PTRDIFF_MAX / 2) return PyErr_NoMemory(), -1;
    session->work = aligned_memory(size);
    session->values = aligned_memory(numbers);
    session->seen = aligned_memory(numbers);
    if (!session->work || !session->values || !session->seen) return PyErr_NoMemory(), -1;
    memset(session->work, 0, size);
    session->kernel->learning.refresh(p, session->work);
    return 0;
}

const char lanes_doc[] = "lanes(kernel): blocks of a learner's columns begin at multiples of it.";

PyObject *lanes(PyObject *self, PyObject *args) {
    int number;
    (void)self;
    if (!PyArg_ParseTuple(args, "i", &number)) return NULL;
    const Kernel *kernel = kernel_numbered(number);
    return kernel ? PyLong_FromLong(kernel->lanes) : NULL;
}

const char open_learner_doc[] =
    "open_learner(kernel, dynamics, solver, activation, mode, loss, optimizer, unfolds, units, "
    "inputs, outputs, pre, post, sensory_pre, sensory_post, layer_sizes, motors, softplus, rows, "
    "sample, target, arrays): a learner, see learner.h. Neurons stand by layer of the wiring. "
    "Index lists are bytes of int64, sorted by post, then pre; motors (bytes of int32) the neurons "
    "that a motor read-out reads, None for a dense one; rows (bytes of int32) for each block how "
    "many rows are kept, then these.";

PyObject *open_learner(PyObject *self, PyObject *args, PyObject *keywords) {
    static char *names[] = {"kernel", "dynamics", "solver", "activation", "mode", "loss",
                            "optimizer", "unfolds", "units", "inputs", "outputs", "pre", "post",
                            "sensory_pre", "sensory_post", "layer_sizes", "motors", "softplus",
                            "rows", "sample", "target", "arrays", NULL};
    int number, softplus;
    const char *words[6];
    Py_ssize_t sizes[4];
    PyObject *lists[4], *layers, *motors, *rows, *sample, *target, *arrays;
    (void)self;
    if (!PyArg_ParseTupleAndKeywords(
            args, keywords, "issssssnnnnSSSSO!OpSOOO!", names, &number, &words[0], &words[1],
            &words[2], &words[3], &words[4], &words[5], &sizes[0], &sizes[1], &sizes[2], &sizes[3],
            &lists[0], &lists[1], &lists[2], &lists[3], &PyTuple_Type, &layers, &motors, &softplus,
            &rows, &sample, &target, &PyDict_Type, &arrays))
        return NULL;
    const Kernel *kernel = kernel_numbered(number);
    if (!kernel) return NULL;
    Session *session = calloc(1, sizeof *session);
    if (!session) return PyErr_NoMemory();
    Learner *p = &session->problem;
    session->kernel = kernel;
    p->unfolds = sizes[0];
    p->units = sizes[1];
    p->input_size = sizes[2];
    p->output_size = sizes[3];
    p->softplus = softplus;
    int failed = read_words(p, words) || check_sizes(p) ||
                 read_lists(lists, p->units, p->input_size, &session->lists, &p->recurrent,
                            &p->sensory) ||
                 read_layers(p, layers) || read_motors(p, motors) || read_blocks(session, rows) ||
                 read_tensors(session, arrays, sample, target) || make_work(session);
    PyObject *capsule = failed ? NULL : PyCapsule_New(session, CAPSULE, free_capsule);
    if (!capsule) free_session(session);
    return capsule;
}

/* ---- running --------------------------------------------------------------------------------- */

/* The learner in a capsule that no other thread uses, or NULL and an exception. */
static Session *session_of(PyObject *capsule) {
    Session *session = PyCapsule_GetPointer(capsule, CAPSULE);
    if (!session) {
        PyErr_Clear();
        refuse("learner", "is %R, a learner is needed", capsule);
        return NULL;
    }
    if (session->busy) {
        PyErr_SetString(Busy, "learner: is in use by another thread");
        return NULL;
    }
    return session;
}

const char learner_step_doc[] =
    "learner_step(learner, elapsed, given, keep): takes the sample through the network, with the "
    "given time constants or the learned ones, and keeps the output at `keep` unless it is -1; "
    "-2: nothing will be learned from it, and sensitivities stay. False, and nothing done, if the "
    "sample is beyond the type.";

PyObject *learner_step(PyObject *self, PyObject *args) {
    PyObject *capsule;
    double elapsed;
    int given;
    Py_ssize_t keep;
    (void)self;
    if (!PyArg_ParseTuple(args, "Odpn", &capsule, &elapsed, &given, &keep)) return NULL;
    Session *session = session_of(capsule);
    if (!session) return NULL;
    const Learner *p = &session->problem;
    if (keep < LOOKING_AHEAD || keep >= p->kept) {
        refuse("keep", "%zd is out of range", keep);
        return NULL;
    }
    ptrdiff_t missing = session->kernel->read_sample(session->sample, p->input_size,
                                                     session->values, session->seen);
    if (missing < 0) return PyBool_FromLong(0);
    void *seen = missing ? session->seen : NULL;
    session->busy = 1;
    if (session->products > LONG_STEP) {
        Py_BEGIN_ALLOW_THREADS
        session->kernel->learning.step(p, session->work, session->values, seen, elapsed, given,
                                       keep);
        Py_END_ALLOW_THREADS
    } else {
        session->kernel->learning.step(p, session->work, session->values, seen, elapsed, given,
                                       keep);
    }
    session->busy = 0;
    return PyBool_FromLong(1);
}

const char learner_learn_doc[] =
    "learner_learn(learner, kept, rate, largest_norm, count): learns the target for a kept output, "
    "or the newest if `kept` is -1. A pair: 0 if parameters moved, 1 if no target is known, 2 if "
    "the gradient is not finite; the loss.";

PyObject *learner_learn(PyObject *self, PyObject *args) {
    PyObject *capsule;
    Lesson lesson = {0};
    Py_ssize_t kept;
    (void)self;
    if (!PyArg_ParseTuple(args, "Onddd", &capsule, &kept, &lesson.rate, &lesson.largest_norm,
                          &lesson.count))
        return NULL;
    Session *session = session_of(capsule);
    if (!session) return NULL;
    if (kept < -1 || kept >= session->problem.kept) {
        refuse("kept", "%zd is out of range", kept);
        return NULL;
    }
    lesson.kept = kept;
    lesson.target = session->target;
    Outcome outcome =
        session->kernel->learning.learn(&session->problem, session->work, &lesson);
    return Py_BuildValue("id", (int)outcome, lesson.loss);
}

const char learner_refresh_doc[] = "learner_refresh(learner): after its parameters were written.";

PyObject *learner_refresh(PyObject *self, PyObject *args) {
    PyObject *capsule;
    (void)self;
    if (!PyArg_ParseTuple(args, "O", &capsule)) return NULL;
    Session *session = session_of(capsule);
    if (!session) return NULL;
    session->kernel->learning.refresh(&session->problem, session->work);
    Py_RETURN_NONE;
}
