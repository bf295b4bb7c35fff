/* A higher quantile cannot lie below a lower one. */
static void sort_quantiles(float *outputs) {
    for (int first = 0; first < OUTPUTS; first += QUANTILES) {
        for (int q = first + 1; q < first + QUANTILES; q++) {
            const float value = outputs[q];
            int at = q;
            for (; at > first && outputs[at - 1] > value; at--) outputs[at] = outputs[at - 1];
            outputs[at] = value;
        }
    }
}
