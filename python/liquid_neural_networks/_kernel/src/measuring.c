#include "measuring.h"

#include <stdlib.h>
#include <time.h>

#include "instruction_sets.h"
#include "plans.h"
#include "tensors.h"
#include "threads.h"

/* ---- the lowest number ----------------------------------------------------------------------- */

/* The smallest number, or NaN as soon as one is NaN or infinite. */
#define LOWEST(type)                                                                               \
    static double lowest_##type(const type *x, Py_ssize_t count) {                                 \
        type low = count ? x[0] : 0, spoiled = 0;                                                  \
        for (Py_ssize_t i = 0; i < count; i++) {                                                   \
            low = x[i] < low ? x[i] : low;                                                         \
            spoiled += 0 * x[i];                                                                   \
        }                                                                                          \
        return spoiled == 0 ? low : spoiled;                                                       \
    }
LOWEST(float)
LOWEST(double)

const char lowest_doc[] =
    "lowest(tensor): the smallest number, NaN if any is NaN or infinite; None if it is not a plain "
    "tensor of float32 or float64 on the CPU.";

PyObject *lowest(PyObject *self, PyObject *tensor) {
    Numbers numbers;
    (void)self;
    if (!numbers_of(tensor, &numbers)) Py_RETURN_NONE;
    double found = numbers.size == sizeof(float) ? lowest_float(numbers.first, numbers.count)
                                                 : lowest_double(numbers.first, numbers.count);
    return PyFloat_FromDouble(found);
}

/* ---- instruction sets ------------------------------------------------------------------------ */

const char instruction_sets_doc[] =
    "instruction_sets(): those this machine can run, best first: name -> number of the kernel for "
    "float32; that for float64 is the next.";

PyObject *instruction_sets(PyObject *self, PyObject *args) {
    (void)self;
    (void)args;
    PyObject *numbers = PyDict_New();
    const char *name;
    for (int i = 0; numbers && (name = instruction_set(i)); i++) {
        if (!kernel_of(2 * i)) continue;
        PyObject *number = PyLong_FromLong(2 * i);
        if (!number || PyDict_SetItemString(numbers, name, number)) Py_CLEAR(numbers);
        Py_XDECREF(number);
    }
    return numbers;
}

/* ---- the sigmoid ----------------------------------------------------------------------------- */

const char sigmoid_doc[] = "sigmoid(from, to, kernel): the kernel's sigmoid of (I,) numbers.";

PyObject *sigmoid(PyObject *self, PyObject *args) {
    PyObject *from, *to, *held[2] = {NULL, NULL};
    void *x, *y;
    int number;
    (void)self;
    if (!PyArg_ParseTuple(args, "OOi", &from, &to, &number)) return NULL;
    const Kernel *kernel = kernel_numbered(number);
    if (!kernel) return NULL;
    Sizes sizes = unknown_sizes();
    Need read = {"from", "I", kernel->real_size, 0}, written = {"to", "I", kernel->real_size, 1};
    int failed = array_of(from, &read, &sizes, &held[0], &x) ||
                 array_of(to, &written, &sizes, &held[1], &y);
    if (!failed) kernel->sigmoid(x, y, SIZE(&sizes, 'I'));
    Py_XDECREF(held[0]);
    Py_XDECREF(held[1]);
    return failed ? NULL : Py_BuildValue("");
}

/* ---- speed ----------------------------------------------------------------------------------- */

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* The count, the repeats and a kernel, or NULL and Refused. */
static const Kernel *read_measurement(PyObject *args, Py_ssize_t *count, Py_ssize_t *repeats) {
    int number;
    if (!PyArg_ParseTuple(args, "nni", count, repeats, &number)) return NULL;
    if (*count < 1 || *repeats < 1 || *count > 1 << 24) {
        refuse("count", "%zd numbers, %zd times: out of range", *count, *repeats);
        return NULL;
    }
    return kernel_numbered(number);
}

const char sigmoid_rate_doc[] =
    "sigmoid_rate(count, repeats, kernel): sigmoids a second over an array of `count` numbers, "
    "`repeats` times.";

PyObject *sigmoid_rate(PyObject *self, PyObject *args) {
    Py_ssize_t count, repeats;
    (void)self;
    const Kernel *kernel = read_measurement(args, &count, &repeats);
    if (!kernel) return NULL;
    size_t size = (size_t)count * kernel->real_size;
    char *from = aligned_memory(size), *to = aligned_memory(size);
    double seconds = 0;
    if (from && to) {
        memset(from, 0, size);
        double start = now();
        for (Py_ssize_t i = 0; i < repeats; i++) kernel->sigmoid(from, to, count);
        seconds = now() - start;
    }
    free(from);
    free(to);
    if (seconds == 0) return PyErr_NoMemory();
    return PyFloat_FromDouble((double)count * (double)repeats / seconds);
}

const char synapse_rate_doc[] =
    "synapse_rate(count, repeats, kernel): sigmoids a second over `count` synapses of one neuron, "
    "a chunk of rows each, their parameters loaded, rate and drive added up, `repeats` times.";

PyObject *synapse_rate(PyObject *self, PyObject *args) {
    enum { COLUMNS = 5, ROWS = 3, CHUNK = 64 };
    Py_ssize_t count, repeats;
    (void)self;
    const Kernel *kernel = read_measurement(args, &count, &repeats);
    if (!kernel) return NULL;
    size_t column = ((size_t)count * kernel->real_size + CHUNK - 1) / CHUNK * CHUNK;
    size_t size = COLUMNS * column + ROWS * CHUNK;
    char *memory = aligned_memory(size);
    if (!memory) return PyErr_NoMemory();
    memset(memory, 0, size);
    char *columns[COLUMNS], *rows = memory + COLUMNS * column;
    for (int i = 0; i < COLUMNS; i++) columns[i] = memory + (size_t)i * column;
    SynapseArrays arrays = {(int32_t *)(void *)columns[0], columns[1], columns[2], columns[3],
                            columns[4], rows, rows + CHUNK, rows + 2 * CHUNK};
    double start = now();
    for (Py_ssize_t i = 0; i < repeats; i++) kernel->synapses(&arrays, count);
    double seconds = now() - start;
    free(memory);
    return PyFloat_FromDouble((double)count * kernel->lanes * (double)repeats / seconds);
}
