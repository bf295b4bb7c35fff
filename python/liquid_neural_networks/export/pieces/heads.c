/* ---- closed-form dynamics ------------------------------------------------------------------------
 *
 * The heads ff1, ff2, time_a and time_b of a neuron are weighted sums of inputs and states.
 */
typedef struct {
    float ff1, ff2, time_a, time_b;
} heads;

typedef struct {
    const FLASH heads *bias;
    connections sensory_ff, recurrent_ff, sensory_time, recurrent_time;
} population;

/* The state of neuron i a time dt later. */
static float state_after(const population *p, int i, const float *x, const float *inputs, float dt) {
    heads sum = p->bias[i];
    weigh_pair(&p->sensory_ff, i, inputs, &sum.ff1, &sum.ff2);
    weigh_pair(&p->recurrent_ff, i, x, &sum.ff1, &sum.ff2);
    weigh_pair(&p->sensory_time, i, inputs, &sum.time_a, &sum.time_b);
    weigh_pair(&p->recurrent_time, i, x, &sum.time_a, &sum.time_b);
    return settled(sum.ff1, sum.ff2, sum.time_a * dt + sum.time_b);
}
