/* The compiled step as a program of its own, so that builds for other machines can be tested in an
 * emulator. Reads questions from standard input and answers each on standard output. A question
 * is its kind (int64), then:
 *
 *   STEP          10 sizes, a kernel, whether backward, the number of arrays (all int64), the lower
 *                 bounds (double), the arrays. Answer: the states and what the memory cell writes,
 *                 or every gradient.
 *   CLOSED_FORM   8 sizes, a kernel, whether backward, the number of arrays, the arrays. Answer:
 *                 the states and what is kept, or every gradient.
 *   WIDTH         a kernel. Answer: rows of a chunk of closed-form dynamics (int64).
 *
 * Of a kernel's number, an asker's from another machine, only float or double is taken.
 *
 * An array is its length in bytes (int64) and its bytes; one of length 0 is not there. Arrays come
 * and go in the order of the addresses in problem.h.
 */
#include <stdio.h>
#include <stdlib.h>

#include "parallel.h"
#include "problem.h"

enum { STEP, CLOSED_FORM, WIDTH_OF_CHUNK };
#define ARRAYS (2 * MAX_ADDRESSES + MAX_CLOSED_ADDRESSES)

typedef struct { int64_t length; void *data; } Array;

static Array arrays[ARRAYS];
static intptr_t addresses[ARRAYS];

static void get(void *to, size_t size) {
    if (fread(to, 1, size, stdin) != size) exit(2);
}

static void put(const void *from, int64_t size) {
    if (size && fwrite(from, 1, (size_t)size, stdout) != (size_t)size) exit(3);
}

static void get_integers(intptr_t *to, int count) {
    int64_t number;
    for (int i = 0; i < count; i++) {
        get(&number, sizeof number);
        to[i] = (intptr_t)number;
    }
}

static void get_arrays(int count) {
    for (int i = 0; i < count; i++) {
        Array *array = &arrays[i];
        get(&array->length, sizeof array->length);
        array->data = array->length ? aligned_memory((size_t)array->length) : NULL;
        if (array->length && !array->data) exit(5);
        if (array->length) get(array->data, (size_t)array->length);
        addresses[i] = (intptr_t)array->data;
    }
}

/* Answers with the arrays from `first` to `end`, and frees all. */
static void put_arrays(int first, int end, int count) {
    for (int i = first; i < end; i++) put(arrays[i].data, arrays[i].length);
    for (int i = 0; i < count; i++) free(arrays[i].data);
}

/* The best of this machine for the same type of numbers. */
static const Kernel *own_kernel(intptr_t number) {
    for (number %= 2; !kernel_of(number);) number += 2;
    return kernel_of(number);
}

static void step(void) {
    intptr_t s[13];
    get_integers(s, 13);
    Problem p = problem_of(s);
    int backward = (int)s[11], count = (int)s[12];
    int gradients = FIRST_PARAMETER + parameter_count(&p);
    get(p.lower_bounds, (size_t)parameter_count(&p) * sizeof(double));
    get_arrays(count);
    set_addresses(&p, addresses);
    if (backward) set_gradient_addresses(&p, addresses + gradients);
    if (run_problem(own_kernel(s[10]), &p, backward, 2)) exit(4);
    if (backward) {
        put_arrays(gradients + GRAD_INPUTS, count, count);
    } else {
        put(arrays[STATES].data, arrays[STATES].length);
        put_arrays(MEMORIES, FIRST_PARAMETER, count);
    }
}

static void closed_form(void) {
    intptr_t s[11];
    get_integers(s, 11);
    ClosedForm p = closed_form_of(s);
    int backward = (int)s[9], count = (int)s[10];
    get_arrays(count);
    set_closed_addresses(&p, addresses, backward);
    if (run_closed_form(own_kernel(s[8]), &p, backward, 2)) exit(4);
    if (backward)
        put_arrays(count - CLOSED_WANTED, count, count);
    else
        put_arrays(count - CLOSED_WRITTEN, count, count);
}

static void width(void) {
    intptr_t number;
    get_integers(&number, 1);
    int64_t answer = own_kernel(number)->closed_form.width;
    put(&answer, sizeof answer);
}

int main(void) {
    int64_t kind;
    while (fread(&kind, sizeof kind, 1, stdin) == 1) {
        if (kind == STEP) step();
        if (kind == CLOSED_FORM) closed_form();
        if (kind == WIDTH_OF_CHUNK) width();
        fflush(stdout);
    }
    return 0;
}
