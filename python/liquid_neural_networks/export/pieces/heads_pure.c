/* ---- closed-form dynamics, pure ------------------------------------------------------------------
 *
 * The head ff1 of a neuron is a weighted sum of inputs and states.
 */
typedef struct {
    float bias, leak, A; /* leak = |w_tau| */
} neuron;

typedef struct {
    const FLASH neuron *each;
    connections sensory_ff, recurrent_ff;
} population;

/* The state of neuron i a time dt later. */
static float state_after(const population *p, int i, const float *x, const float *inputs, float dt) {
    const neuron n = p->each[i];
    const float ff1 = n.bias + weigh(&p->sensory_ff, i, inputs) + weigh_states(&p->recurrent_ff, i, x);
    return settled(ff1, n.leak, n.A, dt);
}
