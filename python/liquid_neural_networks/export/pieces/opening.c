/* How far a gate is open: 1 / (1 + 2^y), the sigmoid of -log(2) y. */
static inline float opening(float y) { return 1.0f / (1.0f + power_of_two(y)); }
