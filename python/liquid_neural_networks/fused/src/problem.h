/* A problem from arrays of numbers and addresses, and running it. */
#ifndef LIQUID_PROBLEM_H
#define LIQUID_PROBLEM_H

#include "kernel.h"

/* The order of addresses. */
enum { INPUTS, MASK, ELAPSED, TIME_CONSTANTS, STATE, STATES, PRE, POST, SENSORY_PRE,
       SENSORY_POST, FIRST_PARAMETER };
enum { GRAD_STATES, GRAD_INPUTS, GRAD_ELAPSED, GRAD_TIME_CONSTANTS, GRAD_STATE,
       FIRST_GRADIENT };
#define MAX_ADDRESSES (FIRST_PARAMETER + MAX_PARAMETERS)

/* From dynamics, solver, activation, unfolds, B, T, I, N, E and S. */
Problem problem_of(const intptr_t *sizes);

/* These give it its arrays. */
void set_addresses(Problem *p, const intptr_t *addresses);
void set_gradient_addresses(Problem *p, const intptr_t *addresses);

/* Forward or backward. Returns 0, or -1 when there was no memory. */
int run_problem(const Kernel *, const Problem *, int backward, int threads);

/* Closed-form dynamics. Addresses come in the order of the fields: up to `kept_heads`, then a
 * matrix and a bias for each backbone layer from the second on; backward, the gradients follow. */
#define CLOSED_WEIGHTS 11
#define MAX_CLOSED_ADDRESSES (CLOSED_WEIGHTS + 2 * MAX_BACKBONE + 5)
ClosedForm closed_form_of(const intptr_t *sizes);
int closed_address_count(const ClosedForm *, int backward);
void set_closed_addresses(ClosedForm *, const intptr_t *addresses, int backward);
int run_closed_form(const Kernel *, const ClosedForm *, int backward, int threads);

/* Name of the index-th of those this machine can run, best first; NULL past the last. */
const char *instruction_set(int index);

/* Runs on it from now on; -1 if this machine does not have it. */
int use_instruction_set(const char *name);

/* The kernel of the instruction set in use, at first the best. */
const Kernel *kernel_for(int is_double);

#endif
