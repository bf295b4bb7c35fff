#include "kernel.h"
#if defined(__x86_64__)
#define REAL_BITS 32
#define VECTOR_BYTES 64
#define KERNEL kernel_f32_avx512
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma"))), \
                             apply_to = function)
#else
#pragma GCC target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma")
#endif
#include "kernel.inc"
#if defined(__clang__)
#pragma clang attribute pop
#endif
#endif
