#include "calls.h"

#include "runs.h"

/* Batch and steps, known since the inputs were read. */
static int set_sizes(Call *call) {
    ptrdiff_t batch = SIZE(&call->sizes, 'B'), steps = SIZE(&call->sizes, 'T');
    call->step.batch = call->closed_form.batch = batch;
    call->step.steps = call->closed_form.steps = steps;
    if (steps < 1)
        return refuse(call->plan->table->fields[0].name, "has no time step");
    return 0;
}

int read_call(Call *call, const Plan *plan, const Kernel *kernel, PyObject *tensors, int backward,
              int in_session) {
    Reading reading = {
        .table = plan->table,
        .count = plan->field_count,
        .properties = plan->properties | (in_session ? IN_A_SESSION : ANY_PLAN),
        .backward = backward,
        .in_place = in_session,
        .number_size = kernel->real_size,
    };
    call->plan = plan;
    call->kernel = kernel;
    call->sizes = plan->sizes;
    call->sizes.chunk = rows_of_chunk(plan, kernel);
    if (plan->closed)
        call->closed_form = plan->closed_form;
    else
        call->step = plan->step;
    void *problem = plan->closed ? (void *)&call->closed_form : (void *)&call->step;
    if (read_arrays(&reading, tensors, &call->sizes, problem, call->held)) return -1;
    return set_sizes(call);
}

void release_call(Call *call) {
    for (int i = 0; i < call->plan->field_count; i++) Py_CLEAR(call->held[i]);
}

static int run_call(const Call *call, int backward, int threads) {
    return call->plan->closed
               ? run_closed_form(call->kernel, &call->closed_form, backward, threads)
               : run_step(call->kernel, &call->step, backward, threads);
}

static PyObject *read_and_run(PyObject *args, int backward) {
    PyObject *capsule, *tensors;
    int number, threads;
    Call call;
    if (!PyArg_ParseTuple(args, "OiO!i", &capsule, &number, &PyDict_Type, &tensors, &threads))
        return NULL;
    const Plan *plan = plan_of(capsule);
    const Kernel *kernel = plan ? kernel_numbered(number) : NULL;
    if (!kernel) return NULL;
    int failed = read_call(&call, plan, kernel, tensors, backward, 0);
    if (!failed) {
        int no_memory;
        Py_BEGIN_ALLOW_THREADS
        no_memory = run_call(&call, backward, threads);
        Py_END_ALLOW_THREADS
        if ((failed = no_memory)) PyErr_NoMemory();
    }
    release_call(&call);
    return failed ? NULL : Py_BuildValue("");
}

const char forward_doc[] =
    "forward(plan, kernel, tensors, threads): the states after every time step, and what else the "
    "arrays ask for. Arrays by name, see FIELDS.";

PyObject *forward_call(PyObject *self, PyObject *args) {
    (void)self;
    return read_and_run(args, 0);
}

const char backward_doc[] = "backward(plan, kernel, tensors, threads): every gradient.";

PyObject *backward_call(PyObject *self, PyObject *args) {
    (void)self;
    return read_and_run(args, 1);
}
