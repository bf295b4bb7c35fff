/* A tensor, checked and turned into a pointer. */
#ifndef LIQUID_TENSORS_H
#define LIQUID_TENSORS_H

#include <stddef.h>

#include "limited_api.h"

/* Sizes by the letters of fields.h. */
typedef struct {
    ptrdiff_t of[26];
    ptrdiff_t chunk; /* R is B rounded up to a multiple of it */
} Sizes;
#define SIZE(sizes, letter) ((sizes)->of[(letter) - 'A'])
#define UNKNOWN (-1) /* until the first array that has it */

Sizes unknown_sizes(void);

typedef struct {
    const char *name, *shape; /* as in fields.h */
    size_t number_size;       /* 4 for float32, 8 for float64 */
    int in_place;             /* it is written, or read again later: a copy will not do */
} Need;

/* The address of a dense, strided, contiguous, aligned tensor on the CPU, which must be exactly
 * torch.Tensor or torch.nn.Parameter. A tensor that only lies otherwise in memory is copied, unless
 * it is needed in place. `*held` becomes a new reference to what the address belongs to. Returns 0,
 * or -1 and Refused. */
int array_of(PyObject *tensor, const Need *, Sizes *, PyObject **held, void **address);

/* The numbers of a tensor as above of any shape, of float32 or float64. Returns whether it is one. */
typedef struct {
    const void *first;
    size_t size;
    ptrdiff_t count;
} Numbers;
int numbers_of(PyObject *tensor, Numbers *);

extern const char bind_doc[];
PyObject *bind_types(PyObject *self, PyObject *args);

#endif
