/* A step takes a state from x to keep x + gain, as long as nothing but x changes. */
typedef struct {
    float keep, gain;
} line;
