/* e^x - 1 without the cancellation near 0: 2^y - 1 = (2^n - 1) + 2^n (2^r - 1), a few units in the last
 * place off. Limited to 2^-125 - 1 .. 2^126 - 1; NaN counts as the lower end. */
static float exponential_minus_one(float x) {
    float y = 1.44269504f * x;
    if (!(y > -125.0f)) y = -125.0f;
    if (y > 126.0f) y = 126.0f;
    const int n = (int)y; /* y without its fraction */
    const float r = y - (float)n;
    const float p = ((((((1.525251e-05f * r + 0.00015634508f) * r + 0.0013335338f) * r +
                        0.009616986f) * r + 0.05550402f) * r + 0.24022664f) * r + 0.6931472f) * r;
    number power;
    power.bits = (uint32_t)(n + 127) << 23; /* 2^n */
    return power.value * p + (power.value - 1.0f);
}
