/* A problem from arrays of numbers and addresses, and running it. */
#ifndef LIQUID_PROBLEM_H
#define LIQUID_PROBLEM_H

#include "kernel.h"

/* The order of addresses. */
enum { INPUTS, MASK, ELAPSED, TIME_CONSTANTS, STATE, STATES, PRE, POST, SENSORY_PRE,
       SENSORY_POST, GATES, GATES_RECURRENT, MEMORY, MEMORIES, STARTS, KEPT_GATES,
       FIRST_PARAMETER };
enum { GRAD_STATES, GRAD_MEMORIES, GRAD_INPUTS, GRAD_ELAPSED, GRAD_TIME_CONSTANTS, GRAD_STATE,
       GRAD_GATES, GRAD_MEMORY, FIRST_GRADIENT };
#define MAX_ADDRESSES (FIRST_PARAMETER + MAX_PARAMETERS)

/* From dynamics, solver, activation, unfolds, B, T, I, N, E and S. */
Problem problem_of(const intptr_t *sizes);

/* These give it its arrays. */
void set_addresses(Problem *p, const intptr_t *addresses);
void set_gradient_addresses(Problem *p, const intptr_t *addresses);

/* Forward or backward. Returns 0, or -1 when there was no memory. */
int run_problem(const Kernel *, const Problem *, int backward, int threads);

/* Closed-form dynamics. Addresses: what is read, in the order of the fields, of the memory cell
 * up to `memory`, then a matrix and a bias for each backbone layer from the second on; what is
 * written forward, CLOSED_WRITTEN arrays; backward, CLOSED_GIVEN gradients and CLOSED_WANTED. */
enum { CLOSED_SIZES = 9, CLOSED_READ = 13, CLOSED_WRITTEN = 7, CLOSED_GIVEN = 2,
       CLOSED_WANTED = 8 };
#define MAX_CLOSED_ADDRESSES                                                                       \
    (CLOSED_READ + 2 * MAX_BACKBONE + CLOSED_WRITTEN + CLOSED_GIVEN + CLOSED_WANTED)
ClosedForm closed_form_of(const intptr_t *sizes);
int closed_address_count(const ClosedForm *, int backward);
void set_closed_addresses(ClosedForm *, const intptr_t *addresses, int backward);
int run_closed_form(const Kernel *, const ClosedForm *, int backward, int threads);

/* Name of the index-th, best first; NULL past the last. */
const char *instruction_set(int index);

/* Kernels 2 i and 2 i + 1 are those of the i-th instruction set for float and double; NULL if this
 * machine cannot run it. */
const Kernel *kernel_of(intptr_t number);

#endif
