/* The head is ff1; constants are |w_tau| and A, two for each neuron. */
static void advance(const population *p, float *x, const float *inputs, float dt) {
    float z[BACKBONE_UNITS];
    run_backbone(p, x, inputs, z);
    for (int i = 0; i < NEURONS; i++) {
        x[i] = settled(head(p, i, 0, z), p->constants[2 * i], p->constants[2 * i + 1], dt);
    }
}
