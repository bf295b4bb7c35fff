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

/* Name of the index-th of those this machine can run, best first; NULL past the last. */
const char *instruction_set(int index);

/* Runs on it from now on; -1 if this machine does not have it. */
int use_instruction_set(const char *name);

/* The kernel of the instruction set in use, at first the best. */
const Kernel *kernel_for(int is_double);

#endif
