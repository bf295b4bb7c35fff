typedef uint16_t constant; /* in half precision */
#define VALUE(constant) of_half(constant)
