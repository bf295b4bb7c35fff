/* x <- (1 - s) tanh(ff1) + s tanh(ff2), s = sigmoid(gate) */
static float settled(float ff1, float ff2, float gate) {
    const float s = sigmoid(gate);
    return (1.0f - s) * hyperbolic_tangent(ff1) + s * hyperbolic_tangent(ff2);
}
