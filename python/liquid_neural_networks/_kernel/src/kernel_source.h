/* One kernel: everything below compiled for REAL_BITS-bit numbers in vectors of VECTOR_BYTES, for
 * an instruction set TARGET (the processor's least if there is none), into the table KERNEL. Each
 * kernel_*.c sets these four and includes this file. */
#include "kernel.h"

#define PRAGMA(text) _Pragma(#text)
#define PRAGMA_OF(...) PRAGMA(__VA_ARGS__)

#if !defined(TARGET) || defined(__x86_64__)

#if defined(TARGET) && defined(__clang__)
PRAGMA_OF(clang attribute push(__attribute__((target(TARGET))), apply_to = function))
#elif defined(TARGET)
PRAGMA_OF(GCC target(TARGET))
#endif

#include "closed_form.h"
#include "lessons.h"
#include "samples.h"
#include "sequence.h"

const Kernel KERNEL = {
    .lanes = LANES,
    .real_size = sizeof(real),
    .packed_size = packed_size,
    .pack = pack,
    .scratch_size = scratch_size,
    .forward = forward,
    .backward = backward,
    .add = add,
    .store_gradients = store_gradients,
    .sigmoid = sigmoid,
    .synapses = synapses_onto_one,
    .affine = affine,
    .read_sample = read_sample,
    .closed_form = {
        .width = WIDTH,
        .packed_size = closed_packed_size,
        .pack = closed_pack,
        .scratch_size = closed_scratch_size,
        .forward = closed_forward,
        .backward = closed_backward,
    },
    .learning = {
        .work_size = learner_work_size,
        .refresh = learner_refresh,
        .step = learner_step,
        .learn = learner_learn,
    },
};

#if defined(TARGET) && defined(__clang__)
PRAGMA_OF(clang attribute pop)
#endif

#endif
