/* ---- closed-form dynamics ------------------------------------------------------------------------
 *
 * The heads ff1, ff2 and gate of a neuron are weighted sums of inputs and states. The elapsed time is
 * fixed: gate = time_a dt + time_b was worked out at export.
 */
typedef struct {
    float ff1, ff2, gate;
} heads;

typedef struct {
    const FLASH heads *bias;
    connections sensory_ff, recurrent_ff, sensory_time, recurrent_time;
} population;

/* The state of neuron i after the elapsed time. */
static float state_after(const population *p, int i, const float *x, const float *inputs, float dt) {
    heads sum = p->bias[i];
    (void)dt;
    weigh_pair(&p->sensory_ff, i, inputs, &sum.ff1, &sum.ff2);
    weigh_pair(&p->recurrent_ff, i, x, &sum.ff1, &sum.ff2);
    sum.gate += weigh(&p->sensory_time, i, inputs) + weigh_states(&p->recurrent_time, i, x);
    return settled(sum.ff1, sum.ff2, sum.gate);
}
