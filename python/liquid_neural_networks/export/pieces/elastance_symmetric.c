/* sigmoid(l + v) - sigmoid(l - v), without the cancellation */
static float elastance(float l, float v) {
    return sigmoid(l + v) * sigmoid(v - l) * -exponential_minus_one(-2.0f * v);
}
