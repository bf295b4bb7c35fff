/* e^x - 1 without the cancellation near 0: 2^y - 1 = (2^n - 1) + 2^n (2^r - 1), a few units in the last
 * place off. Limited to 2^-126 - 1 .. 2^127 - 1; NaN counts as the lower end. */
static float exponential_minus_one(float x) {
    float y = 1.44269504f * x;
    if (!(y > -126.0f)) y = -126.0f;
    if (y > 127.0f) y = 127.0f;
    const int n = (int)(y + 126.5f) - 126; /* truncation of what is positive: rounds y */
    const float r = y - (float)n;
    number power;
    power.bits = (uint32_t)(n + 127) << 23;
    const float p = ((((0.000154035122f * r + 0.00133907353f) * r + 0.00961823761f) * r +
                      0.0555035733f) * r + 0.240226492f) * r + 0.693147182f;
    return power.value * (p * r) + (power.value - 1.0f);
}
