typedef float constant;
#define VALUE(constant) (constant)
