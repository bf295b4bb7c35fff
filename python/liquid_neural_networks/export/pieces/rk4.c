/* dx/dt of every neuron at the states y. */
static void slopes_at(const population *p, const float *y, const sensory_sum *from_inputs, float *slope) {
    for (int i = 0; i < NEURONS; i++) {
        const flow f = flow_of(p, i, y, from_inputs[i]);
        slope[i] = f.drive - f.rate * y[i];
    }
}

/* Crosses a sample's interval in UNFOLDS classical Runge-Kutta steps of length h. */
static void advance(const population *p, float *x, const float *inputs, float h) {
    sensory_sum from_inputs[NEURONS];
    float y[NEURONS], slope[NEURONS], sum[NEURONS];
    for (int i = 0; i < NEURONS; i++) from_inputs[i] = sensory_sum_of(p, i, inputs);
    for (int unfold = 0; unfold < UNFOLDS; unfold++) {
        slopes_at(p, x, from_inputs, slope);
        for (int i = 0; i < NEURONS; i++) {
            sum[i] = slope[i];
            y[i] = x[i] + 0.5f * h * slope[i];
        }
        slopes_at(p, y, from_inputs, slope);
        for (int i = 0; i < NEURONS; i++) {
            sum[i] += 2.0f * slope[i];
            y[i] = x[i] + 0.5f * h * slope[i];
        }
        slopes_at(p, y, from_inputs, slope);
        for (int i = 0; i < NEURONS; i++) {
            sum[i] += 2.0f * slope[i];
            y[i] = x[i] + h * slope[i];
        }
        slopes_at(p, y, from_inputs, slope);
        for (int i = 0; i < NEURONS; i++) x[i] += h / 6.0f * (sum[i] + slope[i]);
    }
}
