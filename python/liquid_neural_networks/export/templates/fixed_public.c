void ${name}_init(${name}_state *state) {
    for (int l = 0; l < ${NAME}_LAYERS; l++) {
        for (int i = 0; i < NEURONS; i++) state->neurons[l][i] = 0;
    }
}

int ${name}_check_state(const ${name}_state *state) {
    for (int l = 0; l < ${NAME}_LAYERS; l++) {
        for (int i = 0; i < NEURONS; i++) {
            const int32_t v = state->neurons[l][i];
            if (v > LARGEST_STATE || v < -LARGEST_STATE) return 0;
        }
    }
    return 1;
}

int16_t ${name}_input(int k, float value) {
    if (is_missing(value)) return MISSING;
    const float scaled = (value - input_scale[k].centre) * input_scale[k].per_unit;
    if (scaled >= 32767.0f) return 32767;
    if (scaled <= -32767.0f) return -32767;
    return (int16_t)(scaled + (scaled < 0.0f ? -0.5f : 0.5f));
}

void ${name}_step(${name}_state *state, const int16_t *inputs, ${step_time}int32_t *outputs) {
$body    for (int o = 0; o < OUTPUTS; o++) {
        outputs[o] = readout_shift[o];
$read_out    }
}
