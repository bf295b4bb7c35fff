/* ---- read-out: a scale and a shift on each motor neuron ------------------------------------------ */
static void read_out(const float *x, float *outputs) {
    for (int o = 0; o < OUTPUTS; o++) outputs[o] = readout[o].scale * x[o] + readout[o].shift;
}
