/* liquid_neural_networks.fused._step: the fused step for Python.
 *
 * Tensors arrive as addresses of contiguous memory; shapes and types are the caller's to check. A
 * kernel is named by its number in every call: nothing here remembers which one is in use.
 */
#include "module.h"

#include <math.h>

#include "live.h"

int read_integers(PyObject *tuple, Py_ssize_t count, intptr_t *to) {
    if (!PyTuple_Check(tuple) || PyTuple_Size(tuple) != count) {
        PyErr_Format(PyExc_TypeError, "expected a tuple of %zd integers", count);
        return -1;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        to[i] = (intptr_t)PyLong_AsLongLong(PyTuple_GetItem(tuple, i));
        if (to[i] == -1 && PyErr_Occurred()) return -1;
    }
    return 0;
}

/* One lower bound a parameter, or an empty tuple for none at all. */
static int read_bounds(PyObject *tuple, Problem *p) {
    int parameters = parameter_count(p);
    Py_ssize_t size = PyTuple_Size(tuple);
    if (size != 0 && size != parameters) {
        if (size > 0) PyErr_Format(PyExc_TypeError, "expected %d lower bounds", parameters);
        return -1;
    }
    for (int i = 0; i < parameters; i++)
        p->lower_bounds[i] = size ? PyFloat_AsDouble(PyTuple_GetItem(tuple, i)) : -INFINITY;
    return PyErr_Occurred() ? -1 : 0;
}

const Kernel *read_kernel(intptr_t number) {
    const Kernel *kernel = kernel_of(number);
    if (!kernel) PyErr_SetString(PyExc_ValueError, "this machine has no such kernel");
    return kernel;
}

const Kernel *read_problem(PyObject *sizes, PyObject *addresses, PyObject *bounds, Problem *p) {
    intptr_t s[11], a[MAX_ADDRESSES];
    if (read_integers(sizes, 11, s)) return NULL;
    *p = problem_of(s);
    if (read_integers(addresses, FIRST_PARAMETER + parameter_count(p), a)) return NULL;
    set_addresses(p, a);
    return read_bounds(bounds, p) ? NULL : read_kernel(s[10]);
}

static PyObject *finish_call(int failed) {
    if (failed) return PyErr_NoMemory();
    Py_RETURN_NONE;
}

static PyObject *step_forward(PyObject *self, PyObject *args) {
    PyObject *sizes, *addresses, *bounds;
    Problem p;
    const Kernel *kernel;
    int threads, failed;
    (void)self;
    if (!PyArg_ParseTuple(args, "OOOi", &sizes, &addresses, &bounds, &threads)) return NULL;
    if (!(kernel = read_problem(sizes, addresses, bounds, &p))) return NULL;
    Py_BEGIN_ALLOW_THREADS
    failed = run_problem(kernel, &p, 0, threads);
    Py_END_ALLOW_THREADS
    return finish_call(failed);
}

static PyObject *step_backward(PyObject *self, PyObject *args) {
    PyObject *sizes, *addresses, *bounds, *gradient_addresses;
    Problem p;
    const Kernel *kernel;
    intptr_t g[MAX_ADDRESSES];
    int threads, failed;
    (void)self;
    if (!PyArg_ParseTuple(args, "OOOOi", &sizes, &addresses, &bounds, &gradient_addresses,
                          &threads))
        return NULL;
    if (!(kernel = read_problem(sizes, addresses, bounds, &p))) return NULL;
    if (read_integers(gradient_addresses, FIRST_GRADIENT + parameter_count(&p), g)) return NULL;
    set_gradient_addresses(&p, g);
    Py_BEGIN_ALLOW_THREADS
    failed = run_problem(kernel, &p, 1, threads);
    Py_END_ALLOW_THREADS
    return finish_call(failed);
}

const Kernel *read_closed_form(PyObject *sizes, PyObject *addresses, int backward,
                               ClosedForm *p) {
    intptr_t s[CLOSED_SIZES], a[MAX_CLOSED_ADDRESSES];
    if (read_integers(sizes, CLOSED_SIZES, s)) return NULL;
    *p = closed_form_of(s);
    if (p->layers > MAX_BACKBONE || p->tiers > MAX_TIERS) {
        PyErr_SetString(PyExc_ValueError, "too many layers");
        return NULL;
    }
    if (read_integers(addresses, closed_address_count(p, backward), a)) return NULL;
    set_closed_addresses(p, a, backward);
    return read_kernel(s[8]);
}

static PyObject *step_closed_form(PyObject *self, PyObject *args) {
    PyObject *sizes, *addresses;
    ClosedForm p;
    const Kernel *kernel;
    int backward, threads, failed;
    (void)self;
    if (!PyArg_ParseTuple(args, "OOii", &sizes, &addresses, &backward, &threads)) return NULL;
    if (!(kernel = read_closed_form(sizes, addresses, backward, &p))) return NULL;
    Py_BEGIN_ALLOW_THREADS
    failed = run_closed_form(kernel, &p, backward, threads);
    Py_END_ALLOW_THREADS
    return finish_call(failed);
}

static PyObject *step_closed_form_width(PyObject *self, PyObject *args) {
    const Kernel *kernel;
    int number;
    (void)self;
    if (!PyArg_ParseTuple(args, "i", &number)) return NULL;
    if (!(kernel = read_kernel(number))) return NULL;
    return PyLong_FromLong(kernel->closed_form.width);
}

static PyObject *step_sigmoid(PyObject *self, PyObject *args) {
    long long from, to;
    Py_ssize_t count;
    const Kernel *kernel;
    int number;
    (void)self;
    if (!PyArg_ParseTuple(args, "LLni", &from, &to, &count, &number)) return NULL;
    if (!(kernel = read_kernel(number))) return NULL;
    Py_BEGIN_ALLOW_THREADS
    kernel->sigmoid((const void *)(intptr_t)from, (void *)(intptr_t)to, count);
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

/* The smallest number, or NaN as soon as one is NaN or infinite. */
#define LOWEST(type)                                                                              \
    do {                                                                                          \
        const type *x = (const type *)(intptr_t)address;                                          \
        type low = count ? x[0] : 0, spoiled = 0;                                                 \
        for (Py_ssize_t i = 0; i < count; i++) {                                                  \
            low = x[i] < low ? x[i] : low;                                                        \
            spoiled += 0 * x[i];                                                                  \
        }                                                                                         \
        lowest = spoiled == 0 ? low : spoiled;                                                    \
    } while (0)

static PyObject *step_lowest(PyObject *self, PyObject *args) {
    long long address;
    Py_ssize_t count;
    int is_double;
    double lowest;
    (void)self;
    if (!PyArg_ParseTuple(args, "Lni", &address, &count, &is_double)) return NULL;
    Py_BEGIN_ALLOW_THREADS
    if (is_double)
        LOWEST(double);
    else
        LOWEST(float);
    Py_END_ALLOW_THREADS
    return PyFloat_FromDouble(lowest);
}

static PyObject *step_instruction_sets(PyObject *self, PyObject *args) {
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

static PyMethodDef methods[] = {
    {"forward", step_forward, METH_VARARGS,
     "forward(sizes, addresses, lower_bounds, threads): the states after every time step."},
    {"backward", step_backward, METH_VARARGS,
     "backward(sizes, addresses, lower_bounds, gradient_addresses, threads): every gradient."},
    {"closed_form", step_closed_form, METH_VARARGS,
     "closed_form(sizes, addresses, backward, threads): closed-form dynamics, either way."},
    {"closed_form_width", step_closed_form_width, METH_VARARGS,
     "closed_form_width(kernel): rows of a chunk; what is kept is for whole chunks."},
    {"sigmoid", step_sigmoid, METH_VARARGS,
     "sigmoid(from, to, count, kernel): the kernel's sigmoid on an array."},
    {"lowest", step_lowest, METH_VARARGS,
     "lowest(address, count, is_double): the smallest number, NaN if one is not finite."},
    {"live_open", live_open, METH_VARARGS, live_open_doc},
    {"live_step", live_step, METH_VARARGS, live_step_doc},
    {"instruction_sets", step_instruction_sets, METH_NOARGS,
     "instruction_sets(): those this machine can run, best first: name -> number of the kernel for "
     "float; that for double is the next."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_step", "The fused step, compiled.", -1, methods,
    NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__step(void) { return PyModule_Create(&definition); }
