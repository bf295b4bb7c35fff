/* The kernels as a program of their own, without Python, so that builds by other compilers and for
 * other machines can be tested in an emulator. Reads problems from standard input and answers each
 * on standard output.
 *
 * A problem is the number of a kernel, a kind (see below), whether backward, and what its plan says
 * in the order of the reading below; numbers are int64 and double. Then come the arrays, in the
 * order of fields.h, then the backbone's from the second layer on: each its length in bytes
 * (int64) and its bytes; one of length 0 is not there.
 *
 * The answer is 0 (int64) if this machine has no such kernel; else 1 and all arrays, as they are
 * afterwards, one after the other.
 */
#include <stdio.h>
#include <stdlib.h>

#include "instruction_sets.h"
#include "runs.h"
#include "threads.h"

enum { CONDUCTANCE_KIND, DENSE_KIND, CLOSED_FORM_KIND };
enum { THREADS = 2, MAX_ARRAYS = 256 };

static struct { int64_t length; void *data; } arrays[MAX_ARRAYS];
static int array_count;

/* ---- reading and writing --------------------------------------------------------------------- */

static void get(void *to, size_t size) {
    if (size && fread(to, 1, size, stdin) != size) exit(2);
}

static void put(const void *from, size_t size) {
    if (size && fwrite(from, 1, size, stdout) != size) exit(3);
}

static int64_t get_integer(void) {
    int64_t number;
    get(&number, sizeof number);
    return number;
}

static void *get_array(void) {
    int64_t length = get_integer();
    void *data = length ? aligned_memory((size_t)length) : NULL;
    if ((length && !data) || array_count == MAX_ARRAYS) exit(4);
    get(data, (size_t)length);
    arrays[array_count].length = length;
    arrays[array_count++].data = data;
    return data;
}

static int64_t *get_list(ptrdiff_t *count) {
    *count = (ptrdiff_t)get_integer();
    int64_t *list = malloc((size_t)(*count + 1) * sizeof *list);
    if (!list) exit(4);
    get(list, (size_t)*count * sizeof *list);
    return list;
}

/* The answer to a problem, whether it was run or not. */
static void put_arrays(int64_t done) {
    put(&done, sizeof done);
    for (int i = 0; i < array_count; i++) {
        if (done) put(arrays[i].data, (size_t)arrays[i].length);
        free(arrays[i].data);
    }
    array_count = 0;
}

/* ---- problems -------------------------------------------------------------------------------- */

#define GET(name, ...) p.name = get_array();
#define GET_OF_CELL(name, ...) p.cell.name = get_array();
#define GET_PARAMETER(constant, ...) p.parameters[constant] = get_array();
#define GET_GRADIENT(constant, ...) p.gradients[constant] = get_array();

static Step get_step(int dynamics) {
    Step p = {.dynamics = dynamics};
    p.solver = (int)get_integer();
    p.activation = (int)get_integer();
    p.unfolds = (ptrdiff_t)get_integer();
    p.batch = (ptrdiff_t)get_integer();
    p.steps = (ptrdiff_t)get_integer();
    p.input_size = (ptrdiff_t)get_integer();
    p.units = (ptrdiff_t)get_integer();
    p.in_matrices = (int)get_integer();
    get(&p.epsilon, sizeof p.epsilon);
    p.recurrent.pre = get_list(&p.recurrent.count);
    p.recurrent.post = get_list(&p.recurrent.count);
    p.sensory.pre = get_list(&p.sensory.count);
    p.sensory.post = get_list(&p.sensory.count);
    for (int i = 0; i < parameter_count(&p); i++) {
        p.constraints[i].kind = (int)get_integer();
        get(&p.constraints[i].lower, sizeof(double));
    }
    STEP_FIELDS(GET)
    if (dynamics == CONDUCTANCE) {
        MASK_FIELDS(GET)
        CONDUCTANCE_PARAMETERS(GET_PARAMETER)
        CONDUCTANCE_PARAMETERS(GET_GRADIENT)
    } else {
        DENSE_PARAMETERS(GET_PARAMETER)
        DENSE_PARAMETERS(GET_GRADIENT)
    }
    CELL_FIELDS(GET_OF_CELL)
    return p;
}

static void run_one_step(const Kernel *kernel, int dynamics, int backward) {
    Step p = get_step(dynamics);
    if (kernel && run_step(kernel, &p, backward, THREADS)) exit(4);
    free((void *)p.recurrent.pre);
    free((void *)p.recurrent.post);
    free((void *)p.sensory.pre);
    free((void *)p.sensory.post);
}

static void run_one_closed_form(const Kernel *kernel, int backward) {
    ClosedForm p = {0};
    p.mode = (int)get_integer();
    p.activation = (int)get_integer();
    p.backbone_layers = (int)get_integer();
    p.batch = (ptrdiff_t)get_integer();
    p.steps = (ptrdiff_t)get_integer();
    p.units = (ptrdiff_t)get_integer();
    p.hidden = (ptrdiff_t)get_integer();
    p.layers = (int)get_integer();
    for (int layer = 0; layer < p.layers; layer++)
        p.layer_start[layer + 1] = p.layer_start[layer] + (ptrdiff_t)get_integer();
    CLOSED_FORM_FIELDS(GET)
    CELL_FIELDS(GET_OF_CELL)
    for (int l = 1; l < p.backbone_layers; l++) {
        p.hidden_weights[l] = get_array();
        p.hidden_bias[l] = get_array();
    }
    if (kernel && run_closed_form(kernel, &p, backward, THREADS)) exit(4);
}

int main(void) {
    int64_t number;
    while (fread(&number, sizeof number, 1, stdin) == 1) {
        const Kernel *kernel = kernel_of((ptrdiff_t)number);
        int kind = (int)get_integer(), backward = (int)get_integer();
        if (kind == CLOSED_FORM_KIND)
            run_one_closed_form(kernel, backward);
        else
            run_one_step(kernel, kind == DENSE_KIND ? DENSE : CONDUCTANCE, backward);
        put_arrays(kernel != NULL);
        fflush(stdout);
    }
    return 0;
}
