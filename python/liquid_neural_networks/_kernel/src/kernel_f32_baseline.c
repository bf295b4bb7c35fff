#define REAL_BITS 32
#define VECTOR_BYTES 16
#define KERNEL kernel_f32_baseline
#include "kernel_source.h"
