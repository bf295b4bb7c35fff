#define REAL_BITS 64
#define VECTOR_BYTES 16
#define KERNEL kernel_f64_baseline
#include "kernel_source.h"
