/* ---- memory cell ---------------------------------------------------------------------------------
 *
 *     (candidate, input, forget, output) = W_in u + W_rec x + bias      four blocks of NEURONS rows
 *     m <- sigmoid(forget + 1) m + sigmoid(input) tanh(candidate)
 *     x <- sigmoid(output) tanh(m)                                      where the neurons start from
 */
typedef struct {
    int inputs;
    const FLASH float *W_in, *W_rec, *bias;
} memory_cell;

static float memory_gate(const memory_cell *c, int row, const float *x, const float *inputs) {
    return c->bias[row] + dot_seen(c->W_in + row * c->inputs, inputs, c->inputs) +
           dot(c->W_rec + row * NEURONS, x, NEURONS);
}

static void remember(const memory_cell *c, float *x, float *memory, const float *inputs) {
    float start[NEURONS];
    for (int i = 0; i < NEURONS; i++) {
        const float candidate = hyperbolic_tangent(memory_gate(c, i, x, inputs));
        const float input = sigmoid(memory_gate(c, NEURONS + i, x, inputs));
        const float forget = sigmoid(memory_gate(c, 2 * NEURONS + i, x, inputs) + 1.0f);
        const float output = sigmoid(memory_gate(c, 3 * NEURONS + i, x, inputs));
        memory[i] = forget * memory[i] + input * candidate;
        start[i] = output * hyperbolic_tangent(memory[i]);
    }
    for (int i = 0; i < NEURONS; i++) x[i] = start[i];
}
