/* Crosses a sample's interval in UNFOLDS steps of length h. Neurons that receive from inputs alone take
 * the same step each time. */
static void advance(const population *p, float *x, const float *inputs, float h) {
    sensory_sum from_inputs[AT_LEAST_1(SENSED)];
    float next[AT_LEAST_1(COUPLED)];
    line settled[AT_LEAST_1(NEURONS - COUPLED)];
    for (int i = 0; i < SENSED; i++) from_inputs[i] = sensory_sum_of(p, i, inputs);
    for (int i = COUPLED; i < NEURONS; i++) {
        settled[i - COUPLED] = line_of(flow_from(p, i, sensory_sum_of(p, i, inputs)), h);
    }
    for (int unfold = 0; unfold < UNFOLDS; unfold++) {
        for (int i = 0; i < COUPLED; i++) {
            const sensory_sum before = i < SENSED ? from_inputs[i] : at_rest(p, i);
            const line step = line_of(flow_of(p, i, x, before), h);
            next[i] = step.keep * x[i] + step.gain;
        }
        for (int i = 0; i < COUPLED; i++) x[i] = next[i];
        for (int i = COUPLED; i < NEURONS; i++) {
            const line *step = &settled[i - COUPLED];
            x[i] = step->keep * x[i] + step->gain;
        }
    }
}
