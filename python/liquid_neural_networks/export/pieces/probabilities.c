/* Scores of the classes to their probabilities. */
static void to_probabilities(float *outputs) {
    float largest = outputs[0], sum = 0.0f;
    for (int o = 1; o < OUTPUTS; o++) {
        if (outputs[o] > largest) largest = outputs[o];
    }
    for (int o = 0; o < OUTPUTS; o++) {
        outputs[o] = exponential(outputs[o] - largest);
        sum += outputs[o];
    }
    for (int o = 0; o < OUTPUTS; o++) outputs[o] /= sum;
}
