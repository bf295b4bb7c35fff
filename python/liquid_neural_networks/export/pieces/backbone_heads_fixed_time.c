/* The heads are ff1, ff2 and gate; the elapsed time is fixed, gate = time_a dt + time_b was worked out
 * at export. */
static void advance(const population *p, float *x, const float *inputs, float dt) {
    float z[BACKBONE_UNITS];
    (void)dt;
    run_backbone(p, x, inputs, z);
    for (int i = 0; i < NEURONS; i++) {
        x[i] = settled(head(p, i, 0, z), head(p, i, 1, z), head(p, i, 2, z));
    }
}
