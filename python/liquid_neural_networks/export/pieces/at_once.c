/* All neurons at once: each receives the states before the sample. */
static void advance(const population *p, float *x, const float *inputs, float dt) {
    float next[NEURONS];
    for (int i = 0; i < NEURONS; i++) next[i] = state_after(p, i, x, inputs, dt);
    for (int i = 0; i < NEURONS; i++) x[i] = next[i];
}
