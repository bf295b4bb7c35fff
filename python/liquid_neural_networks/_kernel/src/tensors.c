#include "tensors.h"

#include <stdarg.h>
#include <stdint.h>

#include "dlpack.h"

#define MAX_DIMENSIONS 8

PyObject *Refused;

int refuse(const char *name, const char *format, ...) {
    va_list values;
    va_start(values, format);
    PyObject *message = PyUnicode_FromFormatV(format, values);
    va_end(values);
    if (message) PyErr_Format(Refused, "%s: %U", name, message);
    Py_XDECREF(message);
    return -1;
}

/* What bind() was given, and what follows from it; alive as long as the process. */
static struct {
    PyObject *types, *float32, *float64, *strided;
    PyObject *is_neg, *is_contiguous; /* methods of torch.Tensor */
    PyObject *dtype, *layout, *is_cpu, *shape, *data_ptr, *cpu; /* names */
    const DLPackExchange *dlpack; /* NULL before torch 2.10 */
} torch;

/* ---- what a tensor is ------------------------------------------------------------------------ */

typedef struct {
    void *data;
    size_t number_size; /* 4 for float32, 8 for float64, 0 for others */
    int contiguous, dimensions;
    ptrdiff_t shape[MAX_DIMENSIONS];
} View;

static int is_plain(PyObject *object) {
    PyObject *type = (PyObject *)Py_TYPE(object);
    Py_ssize_t count = torch.types ? PyTuple_Size(torch.types) : 0;
    for (Py_ssize_t i = 0; i < count; i++)
        if (PyTuple_GetItem(torch.types, i) == type) return 1;
    return 0;
}

/* The first line of an exception's text, without the C++ frames that torch may add. */
static PyObject *first_line(PyObject *exception) {
    PyObject *text = exception ? PyObject_Str(exception) : NULL;
    PyObject *lines = text ? PyUnicode_Splitlines(text, 0) : NULL;
    PyObject *line = lines ? PySequence_GetItem(lines, 0) : NULL;
    Py_XDECREF(text);
    Py_XDECREF(lines);
    return line;
}

/* An exception from inside torch becomes Refused, but for those that say nothing of the tensor. */
static int refuse_for_exception(const char *name) {
    PyObject *type, *value, *traceback;
    if (!PyErr_ExceptionMatches(PyExc_Exception) || PyErr_ExceptionMatches(PyExc_MemoryError) ||
        PyErr_ExceptionMatches(Refused))
        return -1;
    PyErr_Fetch(&type, &value, &traceback);
    PyObject *line = first_line(value);
    PyErr_Clear();
    refuse(name, "has no memory of its own (%V)", line, "torch gives no reason");
    Py_XDECREF(line);
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(traceback);
    return -1;
}

static int refuse_attribute(PyObject *tensor, const char *name, const char *attribute,
                            PyObject *needed) {
    PyObject *found = PyObject_GetAttrString(tensor, attribute);
    if (!found) return refuse_for_exception(name);
    refuse(name, "%s is %S, %S is needed", attribute, found, needed);
    Py_DECREF(found);
    return -1;
}

/* Strides of dimensions of one element, and of tensors of none, say nothing. */
static int is_contiguous(const DLPackTensor *t) {
    int64_t stride = 1, contiguous = 1;
    for (int i = t->dimensions - 1; i >= 0; i--) {
        if (t->shape[i] == 0) return 1;
        if (t->shape[i] != 1 && t->strides[i] != stride) contiguous = 0;
        stride *= t->shape[i];
    }
    return (int)contiguous;
}

/* Whether this way shows the tensor; whatever is unusual about one is left to its attributes. */
static int look_through_dlpack(PyObject *tensor, View *view) {
    DLPackTensor t;
    if (torch.dlpack->tensor_from_object(tensor, &t)) {
        PyErr_Clear();
        return 0;
    }
    if (t.device.type != DLPACK_CPU || t.dimensions > MAX_DIMENSIONS ||
        t.number.code != DLPACK_FLOAT || t.number.lanes != 1 ||
        (t.number.bits != 32 && t.number.bits != 64))
        return 0;
    view->number_size = t.number.bits / 8;
    view->data = (char *)t.data + t.byte_offset;
    view->dimensions = t.dimensions;
    for (int i = 0; i < t.dimensions; i++) view->shape[i] = (ptrdiff_t)t.shape[i];
    view->contiguous = is_contiguous(&t);
    return 1;
}

/* Whether an attribute is this very object; -1 and an exception if there is none. */
static int is_attribute(PyObject *tensor, PyObject *attribute, PyObject *object) {
    PyObject *found = PyObject_GetAttr(tensor, attribute);
    if (!found) return -1;
    int same = found == object;
    Py_DECREF(found);
    return same;
}

/* Whether a method without arguments returns True; -1 and an exception if it fails. */
static int holds(PyObject *method, PyObject *tensor) {
    PyObject *result = PyObject_CallFunctionObjArgs(method, tensor, NULL);
    if (!result) return -1;
    int yes = PyObject_IsTrue(result);
    Py_DECREF(result);
    return yes;
}

static int read_shape(PyObject *tensor, const char *name, View *view) {
    PyObject *shape = PyObject_GetAttr(tensor, torch.shape);
    if (!shape) return -1;
    Py_ssize_t count = PyTuple_Size(shape);
    view->dimensions = (int)count;
    for (Py_ssize_t i = 0; i < count && i < MAX_DIMENSIONS; i++)
        view->shape[i] = PyLong_AsSsize_t(PyTuple_GetItem(shape, i));
    Py_DECREF(shape);
    if (count < 0 || PyErr_Occurred()) return -1;
    return count <= MAX_DIMENSIONS ? 0 : refuse(name, "has %zd dimensions", count);
}

static int look_through_attributes(PyObject *tensor, const char *name, View *view) {
    int on_cpu = is_attribute(tensor, torch.is_cpu, Py_True);
    int strided = on_cpu < 0 ? -1 : is_attribute(tensor, torch.layout, torch.strided);
    int single = strided < 0 ? -1 : is_attribute(tensor, torch.dtype, torch.float32);
    int real = single ? single : is_attribute(tensor, torch.dtype, torch.float64);
    if (real < 0) return refuse_for_exception(name);
    if (!on_cpu) return refuse_attribute(tensor, name, "device", torch.cpu);
    if (!strided) return refuse_attribute(tensor, name, "layout", torch.strided);
    view->number_size = single ? 4 : real ? 8 : 0;
    view->contiguous = holds(torch.is_contiguous, tensor);
    if (view->contiguous < 0 || read_shape(tensor, name, view)) return refuse_for_exception(name);
    PyObject *address = PyObject_CallMethodObjArgs(tensor, torch.data_ptr, NULL);
    view->data = address ? PyLong_AsVoidPtr(address) : NULL;
    Py_XDECREF(address);
    return PyErr_Occurred() ? refuse_for_exception(name) : 0;
}

static int look(PyObject *tensor, const char *name, View *view) {
    if (!is_plain(tensor))
        return refuse(name, "is %R, a torch.Tensor or torch.nn.Parameter is needed",
                      (PyObject *)Py_TYPE(tensor));
    if (torch.dlpack && look_through_dlpack(tensor, view)) return 0;
    return look_through_attributes(tensor, name, view);
}

static ptrdiff_t count_of(const View *view) {
    ptrdiff_t count = 1;
    for (int i = 0; i < view->dimensions; i++) count *= view->shape[i];
    return count;
}

/* ---- shapes ---------------------------------------------------------------------------------- */

Sizes unknown_sizes(void) {
    Sizes sizes;
    for (int i = 0; i < 26; i++) sizes.of[i] = UNKNOWN;
    sizes.chunk = 1;
    return sizes;
}

static ptrdiff_t *size_of_letter(Sizes *sizes, char letter) {
    ptrdiff_t rows = SIZE(sizes, 'B') + sizes->chunk - 1;
    if (letter == 'R') SIZE(sizes, 'R') = rows - rows % sizes->chunk;
    return &SIZE(sizes, letter);
}

/* The next size of a shape, past which `*shape` moves. A letter alone takes what is `found` if it
 * was unknown. */
static ptrdiff_t next_size(const char **shape, Sizes *sizes, ptrdiff_t found) {
    ptrdiff_t size = 1;
    for (; **shape && **shape != ' '; ++*shape) {
        if (**shape <= '9') {
            size *= **shape - '0';
            continue;
        }
        ptrdiff_t *known = size_of_letter(sizes, **shape);
        if (*known == UNKNOWN) *known = found;
        size *= *known;
    }
    if (**shape == ' ') ++*shape;
    return size;
}

static int has_shape(const View *view, const char *shape, Sizes *sizes) {
    int i = 0;
    for (; *shape && i < view->dimensions; i++)
        if (next_size(&shape, sizes, view->shape[i]) != view->shape[i]) return 0;
    return !*shape && i == view->dimensions;
}

static PyObject *needed_shape(const char *shape, Sizes *sizes) {
    PyObject *list = PyList_New(0);
    while (list && *shape) {
        PyObject *size = PyLong_FromSsize_t(next_size(&shape, sizes, UNKNOWN));
        if (!size || PyList_Append(list, size)) Py_CLEAR(list);
        Py_XDECREF(size);
    }
    PyObject *tuple = list ? PyList_AsTuple(list) : NULL;
    Py_XDECREF(list);
    return tuple;
}

static int refuse_shape(PyObject *tensor, const Need *need, Sizes *sizes) {
    PyObject *found = PyObject_GetAttr(tensor, torch.shape);
    PyObject *as_tuple = found ? PySequence_Tuple(found) : NULL;
    PyObject *needed = needed_shape(need->shape, sizes);
    if (as_tuple && needed)
        refuse(need->name, "shape is %R, %R is needed (%s)", as_tuple, needed, need->shape);
    Py_XDECREF(found);
    Py_XDECREF(as_tuple);
    Py_XDECREF(needed);
    return PyErr_ExceptionMatches(Refused) ? -1 : refuse_for_exception(need->name);
}

/* ---- from a tensor to an address ------------------------------------------------------------- */

/* What a kernel keeps for itself, (R, ...), stands at the start of a cache line. */
static int is_aligned(const View *view, const Need *need) {
    return (uintptr_t)view->data % (need->shape[0] == 'R' ? 64 : need->number_size) == 0;
}

/* What is wrong with where the numbers stand, as the method that mends it; "" if nothing is, NULL
 * and an exception if that cannot be told. */
static const char *remedy(PyObject *tensor, const View *view, const Need *need) {
    int negative = holds(torch.is_neg, tensor);
    if (negative < 0) return NULL;
    if (negative) return "resolve_neg";
    if (!view->contiguous) return "contiguous";
    return is_aligned(view, need) ? "" : "clone";
}

/* Replaces `*held` by what its method returns. */
static int replace(PyObject **held, const char *method, const char *name) {
    PyObject *copy = PyObject_CallMethod(*held, method, NULL);
    if (!copy) return refuse_for_exception(name);
    Py_DECREF(*held);
    *held = copy;
    return 0;
}

static int check(PyObject *tensor, const Need *need, Sizes *sizes, View *view) {
    if (look(tensor, need->name, view)) return -1;
    if (view->number_size != need->number_size)
        return refuse_attribute(tensor, need->name, "dtype",
                                need->number_size == 4 ? torch.float32 : torch.float64);
    if (!has_shape(view, need->shape, sizes)) return refuse_shape(tensor, need, sizes);
    if (!view->data && count_of(view)) return refuse(need->name, "has no memory");
    return 0;
}

int array_of(PyObject *tensor, const Need *need, Sizes *sizes, PyObject **held, void **address) {
    View view;
    Py_INCREF(tensor);
    *held = tensor;
    for (int copies = 0;; copies++) {
        if (check(*held, need, sizes, &view)) return -1;
        const char *method = remedy(*held, &view, need);
        if (!method) return refuse_for_exception(need->name);
        if (!*method) break;
        if (need->in_place || copies == 3)
            return refuse(need->name, "is negative, not contiguous or not aligned");
        if (replace(held, method, need->name)) return -1;
    }
    *address = view.data;
    return 0;
}

int numbers_of(PyObject *tensor, Numbers *numbers) {
    View view;
    int plain = !look(tensor, "tensor", &view) && view.number_size && view.contiguous &&
                holds(torch.is_neg, tensor) == 0;
    PyErr_Clear();
    if (!plain || (!view.data && count_of(&view))) return 0;
    *numbers = (Numbers){view.data, view.number_size, count_of(&view)};
    return 1;
}

/* ---- binding --------------------------------------------------------------------------------- */

static const DLPackExchange *find_dlpack(PyObject *type) {
    PyObject *capsule = PyObject_GetAttrString(type, "__dlpack_c_exchange_api__");
    const DLPackExchange *found =
        capsule ? PyCapsule_GetPointer(capsule, DLPACK_CAPSULE) : NULL;
    Py_XDECREF(capsule);
    PyErr_Clear();
    while (found && found->version.major != DLPACK_MAJOR) found = found->older;
    return found && found->tensor_from_object ? found : NULL;
}

static int intern_names(void) {
    PyObject **names[] = {&torch.dtype, &torch.layout, &torch.is_cpu,
                          &torch.shape, &torch.data_ptr, &torch.cpu};
    const char *texts[] = {"dtype", "layout", "is_cpu", "shape", "data_ptr", "cpu"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (!(*names[i] = PyUnicode_InternFromString(texts[i]))) return -1;
    return 0;
}

const char bind_doc[] =
    "bind(types, float32, float64, strided): the tensor types, dtypes and layout that arguments "
    "are compared with by identity. Called once, before anything else.";

PyObject *bind_types(PyObject *self, PyObject *args) {
    PyObject *types, *float32, *float64, *strided;
    (void)self;
    if (!PyArg_ParseTuple(args, "O!OOO", &PyTuple_Type, &types, &float32, &float64, &strided))
        return NULL;
    PyObject *type = PyTuple_GetItem(types, 0);
    if (!type || intern_names()) return NULL;
    torch.is_neg = PyObject_GetAttrString(type, "is_neg");
    torch.is_contiguous = PyObject_GetAttrString(type, "is_contiguous");
    if (!torch.is_neg || !torch.is_contiguous) return NULL;
    torch.dlpack = find_dlpack(type);
    torch.types = Py_BuildValue("O", types);
    torch.float32 = Py_BuildValue("O", float32);
    torch.float64 = Py_BuildValue("O", float64);
    torch.strided = Py_BuildValue("O", strided);
    Py_RETURN_NONE;
}
