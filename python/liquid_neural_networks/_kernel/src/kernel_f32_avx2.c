#define REAL_BITS 32
#define VECTOR_BYTES 32
#define TARGET "avx2,fma"
#define KERNEL kernel_f32_avx2
#include "kernel_source.h"
