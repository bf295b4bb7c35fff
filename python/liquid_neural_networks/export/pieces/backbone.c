/* ---- closed-form dynamics with a backbone --------------------------------------------------------
 *
 * z_0 = act(W_in u + W_rec x + bias_0), z_l = act(hidden_l z_(l-1) + bias_l), and each head is a
 * weighted sum of the last z: HEADS rows of the matrix heads for each neuron.
 */
typedef struct {
    int inputs;
    const FLASH float *W_in, *W_rec, *hidden, *bias, *heads, *heads_bias, *constants;
} population;

/* The last z of the backbone, BACKBONE_UNITS numbers. */
static void run_backbone(const population *p, const float *x, const float *inputs, float *z) {
    for (int h = 0; h < BACKBONE_UNITS; h++) {
        z[h] = activation(p->bias[h] + dot_seen(p->W_in + h * p->inputs, inputs, p->inputs) +
                          dot(p->W_rec + h * NEURONS, x, NEURONS));
    }
    for (int row = 0; row < (BACKBONE_LAYERS - 1) * BACKBONE_UNITS; row += BACKBONE_UNITS) {
        float next[BACKBONE_UNITS];
        for (int h = 0; h < BACKBONE_UNITS; h++) {
            next[h] = activation(p->bias[BACKBONE_UNITS + row + h] +
                                 dot(p->hidden + (row + h) * BACKBONE_UNITS, z, BACKBONE_UNITS));
        }
        for (int h = 0; h < BACKBONE_UNITS; h++) z[h] = next[h];
    }
}

/* A head of neuron i. */
static float head(const population *p, int i, int which, const float *z) {
    const int row = HEADS * i + which;
    return p->heads_bias[row] + dot(p->heads + row * BACKBONE_UNITS, z, BACKBONE_UNITS);
}
