void ${name}_init(${name}_state *state) {
    for (int l = 0; l < ${NAME}_LAYERS; l++) {
        for (int i = 0; i < NEURONS; i++) {
            state->neurons[l][i] = 0.0f;
$init_memory        }
    }
$init_start}

int ${name}_check_state(const ${name}_state *state) {
    for (int l = 0; l < ${NAME}_LAYERS; l++) {
        for (int i = 0; i < NEURONS; i++) {
            if ($unusable) return 0;
$check_memory        }
    }
$check_start    return 1;
}

$step_type ${name}_step(${name}_state *state, const float *inputs, ${step_time}float *outputs) {
$body}
