/* The effective time constants of the first layer, 1 / rate, at the state and the inputs. */
float *page_time_constants(void) {
    static float constants[NEURONS];
    float u[INPUTS];
    for (int k = 0; k < INPUTS; k++) u[k] = inputs[k];
$scale    for (int i = 0; i < NEURONS; i++) {
        const sensory_sum from_inputs = sensory_sum_of(&layer_0, i, u);
        constants[i] = 1.0f / flow_of(&layer_0, i, state.neurons[0], from_inputs).rate;
    }
    return constants;
}
