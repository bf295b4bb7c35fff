/* Crosses a sample's interval in UNFOLDS steps of length h. */
static void advance(const population *p, float *x, const float *inputs, float h) {
    sensory_sum from_inputs[NEURONS];
    float next[NEURONS];
    for (int i = 0; i < NEURONS; i++) from_inputs[i] = sensory_sum_of(p, i, inputs);
    for (int unfold = 0; unfold < UNFOLDS; unfold++) {
        for (int i = 0; i < NEURONS; i++) next[i] = moved(x[i], flow_of(p, i, x, &from_inputs[i]), h);
        for (int i = 0; i < NEURONS; i++) x[i] = next[i];
    }
}
