/* ---- read-out: weight x + bias ------------------------------------------------------------------ */
static void read_out(const float *x, float *outputs) {
    for (int o = 0; o < OUTPUTS; o++) {
        outputs[o] = readout_bias[o] + dot(readout_weight + o * NEURONS, x, NEURONS);
    }
}
