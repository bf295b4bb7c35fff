/* ---- dense dynamics ------------------------------------------------------------------------------
 *
 *     f = phi(W_in u + W_rec x + bias),  dx/dt = drive - rate x,  rate = 1 / tau + f,  drive = f target
 */
typedef struct {
    float bias, leak, target; /* leak = 1 / tau, target = A */
} neuron;

typedef struct {
    float rate, drive;
} flow;

typedef struct {
    const FLASH neuron *each;
    connections recurrent, sensory;
} population;

typedef float sensory_sum;

/* What neuron i has without inputs. */
static inline sensory_sum at_rest(const population *p, int i) { return p->each[i].bias; }

/* And with them: constant while a sample lasts. */
static sensory_sum sensory_sum_of(const population *p, int i, const float *inputs) {
    return at_rest(p, i) + weigh(&p->sensory, i, inputs);
}

/* Rate and drive of neuron i that receives this sum. */
static flow flow_from(const population *p, int i, float sum) {
    const float f = phi(sum);
    flow found;
    found.rate = p->each[i].leak + f;
    found.drive = f * p->each[i].target;
    return found;
}

/* Rate and drive of neuron i at the states x. */
static flow flow_of(const population *p, int i, const float *x, sensory_sum sum) {
    return flow_from(p, i, sum + weigh_states(&p->recurrent, i, x));
}
