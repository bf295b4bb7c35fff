/* tanh x = m / (m + 2) with m = e^2x - 1 */
static float hyperbolic_tangent(float x) {
    if (x > 10.0f) return 1.0f; /* and nothing overflows */
    const float m = exponential_minus_one(2.0f * x);
    return m / (m + 2.0f);
}
