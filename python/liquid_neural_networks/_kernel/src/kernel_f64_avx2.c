#include "kernel.h"
#if defined(__x86_64__)
#define REAL_BITS 64
#define VECTOR_BYTES 32
#define KERNEL kernel_f64_avx2
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC target("avx2,fma")
#endif
#include "kernel.inc"
#if defined(__clang__)
#pragma clang attribute pop
#endif
#endif
