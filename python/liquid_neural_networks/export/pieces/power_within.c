/* 2^y = 2^n 2^r for y from -125 to 126: n is y without its fraction, and |r| < 1. Relative error below
 * 4e-7. */
static inline float power_within(float y) {
    const int n = (int)y;
    const float r = y - (float)n;
    number power;
    power.value = (((((0.0001518994f * r + 0.0013587015f) * r + 0.009623164f) * r + 0.05549266f) * r +
                    0.24022473f) * r + 0.6931483f) * r + 1.0f;
    power.bits += (uint32_t)n << 23; /* times 2^n */
    return power.value;
}
