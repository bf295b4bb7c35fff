/* ---- inputs to what the network was trained on: mean 0, deviation 1 ------------------------------- */
static void scale_inputs(float *u) {
    for (int k = 0; k < INPUTS; k++) {
        if (!is_missing(u[k])) u[k] = (u[k] - input_scale[k].mean) * input_scale[k].per_deviation;
    }
}
