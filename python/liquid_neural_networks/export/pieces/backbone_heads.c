/* The heads are ff1, ff2, time_a and time_b. */
static void advance(const population *p, float *x, const float *inputs, float dt) {
    float z[BACKBONE_UNITS];
    run_backbone(p, x, inputs, z);
    for (int i = 0; i < NEURONS; i++) {
        const float gate = head(p, i, 2, z) * dt + head(p, i, 3, z);
        x[i] = settled(head(p, i, 0, z), head(p, i, 1, z), gate);
    }
}
