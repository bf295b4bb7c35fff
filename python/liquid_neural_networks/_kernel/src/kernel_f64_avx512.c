#define REAL_BITS 64
#define VECTOR_BYTES 64
#define TARGET "avx512f,avx512dq,avx512bw,avx512vl,avx2,fma"
#define KERNEL kernel_f64_avx512
#include "kernel_source.h"
