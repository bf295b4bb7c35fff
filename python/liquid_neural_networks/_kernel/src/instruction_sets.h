/* Which kernels this machine can run. */
#ifndef LIQUID_INSTRUCTION_SETS_H
#define LIQUID_INSTRUCTION_SETS_H

#include "kernel.h"

/* Name of the index-th instruction set, best first; NULL past the last. */
const char *instruction_set(int index);

/* Kernels 2 i and 2 i + 1 are those of the i-th instruction set for float and double; NULL if this
 * machine cannot run it. */
const Kernel *kernel_of(ptrdiff_t number);

#endif
