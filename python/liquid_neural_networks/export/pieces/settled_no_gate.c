/* x <- tanh(ff1) + s tanh(ff2), s = sigmoid(gate) */
static float settled(float ff1, float ff2, float gate) {
    return hyperbolic_tangent(ff1) + sigmoid(gate) * hyperbolic_tangent(ff2);
}
