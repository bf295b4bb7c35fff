/* A problem run over several threads. All return 0, or -1 when there was no memory. */
#ifndef LIQUID_RUNS_H
#define LIQUID_RUNS_H

#include "kernel.h"

int run_step(const Kernel *, const Step *, int backward, int threads);
int run_closed_form(const Kernel *, const ClosedForm *, int backward, int threads);

#endif
