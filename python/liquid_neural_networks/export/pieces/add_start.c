/* Outputs are NaN until the forecast has a value to start from. */
static void add_start(const float *start, float *outputs) {
    for (int o = 0; o < OUTPUTS; o++) {
        const float from = start[o / QUANTILES];
        outputs[o] = is_missing(from) ? not_a_number() : outputs[o] + from;
    }
}
