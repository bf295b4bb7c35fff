/* The compiled step as a program of its own, so that builds for other machines can be tested in an
 * emulator. Reads problems from standard input and answers each on standard output:
 *
 *   problem   10 sizes, whether double, whether backward, the number of arrays (all int64), the
 *             lower bounds (double), then every array: its length in bytes (int64) and its bytes
 *   answer    the states (forward), or every gradient (backward), in the order of the addresses
 */
#include <stdio.h>
#include <stdlib.h>

#include "problem.h"

#define ARRAYS (2 * MAX_ADDRESSES)

typedef struct { int64_t length; void *data; } Array;

static void get(void *to, size_t size) {
    if (fread(to, 1, size, stdin) != size) exit(2);
}

static void put(const Array *array) {
    if (array->length == 0) return;
    if (fwrite(array->data, 1, (size_t)array->length, stdout) != (size_t)array->length) exit(3);
}

static void get_array(Array *array) {
    get(&array->length, sizeof array->length);
    array->data = NULL;
    if (array->length == 0) return;
    array->data = malloc((size_t)array->length);
    if (!array->data) exit(5);
    get(array->data, (size_t)array->length);
}

static void solve(const int64_t *sizes) {
    Array arrays[ARRAYS];
    intptr_t addresses[ARRAYS], integers[10];
    int is_double = (int)sizes[10], backward = (int)sizes[11], count = (int)sizes[12];
    for (int i = 0; i < 10; i++) integers[i] = (intptr_t)sizes[i];
    Problem p = problem_of(integers);
    get(p.lower_bounds, (size_t)parameter_count(&p) * sizeof(double));
    for (int i = 0; i < count; i++) {
        get_array(&arrays[i]);
        addresses[i] = (intptr_t)arrays[i].data;
    }
    int gradients = FIRST_PARAMETER + parameter_count(&p);
    set_addresses(&p, addresses);
    if (backward) set_gradient_addresses(&p, addresses + gradients);
    if (run_problem(kernel_for(is_double), &p, backward, 2)) exit(4);
    if (!backward) put(&arrays[STATES]);
    for (int i = gradients + GRAD_INPUTS; backward && i < count; i++) put(&arrays[i]);
    fflush(stdout);
    for (int i = 0; i < count; i++) free(arrays[i].data);
}

int main(void) {
    int64_t sizes[13];
    while (fread(sizes, sizeof sizes, 1, stdin) == 1) solve(sizes);
    return 0;
}
