/* The part of DLPack 1 (github.com/dmlc/dlpack, include/dlpack/dlpack.h) through which torch 2.10
 * and newer show a tensor's memory without a Python call. */
#ifndef LIQUID_DLPACK_H
#define LIQUID_DLPACK_H

#include <stdint.h>

enum { DLPACK_MAJOR = 1, DLPACK_CPU = 1, DLPACK_FLOAT = 2 };
#define DLPACK_CAPSULE "dlpack_exchange_api"

typedef struct {
    void *data;
    struct { int32_t type, id; } device;
    int32_t dimensions;
    struct { uint8_t code, bits; uint16_t lanes; } number;
    int64_t *shape, *strides; /* in numbers, not bytes */
    uint64_t byte_offset;
} DLPackTensor;

typedef struct DLPackExchange {
    struct { uint32_t major, minor; } version;
    const struct DLPackExchange *older;
    void *allocate, *managed_from_object, *managed_to_object;
    /* Lends what belongs to the tensor. Returns 0, or -1 and a Python exception. */
    int (*tensor_from_object)(void *object, DLPackTensor *);
} DLPackExchange;

#endif
