#define REAL_BITS 64
#define VECTOR_BYTES 32
#define TARGET "avx2,fma"
#define KERNEL kernel_f64_avx2
#include "kernel_source.h"
