#include "instruction_sets.h"

typedef struct {
    const char *name;
    const Kernel *f32, *f64;
} InstructionSet;

static const InstructionSet sets[] = {
#if defined(__x86_64__)
    {"avx512", &kernel_f32_avx512, &kernel_f64_avx512},
    {"avx2", &kernel_f32_avx2, &kernel_f64_avx2},
#endif
    {"baseline", &kernel_f32_baseline, &kernel_f64_baseline},
};
#define SETS (int)(sizeof sets / sizeof *sets)

static int usable(int set) {
#if defined(__x86_64__)
    if (set == 0)
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
    if (set == 1) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
    (void)set;
    return 1;
}

const char *instruction_set(int index) { return index < SETS ? sets[index].name : NULL; }

const Kernel *kernel_of(ptrdiff_t number) {
    if (number < 0 || number >= 2 * SETS || !usable((int)number / 2)) return NULL;
    return number % 2 ? sets[number / 2].f64 : sets[number / 2].f32;
}
