/* ---- conductance dynamics ------------------------------------------------------------------------
 *
 * A synapse opens with the potential x of its sender,
 *
 *     s = 1 / (1 + 2^(slope x + offset))         slope = -sigma log2(e), offset = sigma mu log2(e)
 *
 * and a neuron follows dv/dt = drive - rate v, where
 *
 *     rate  = leak rate  + sum of rate_k  s_k    rate_k  = w / c
 *     drive = leak drive + sum of drive_k s_k    drive_k = w E / c
 */
struct synapse {
    float slope, offset, rate, drive;
};

typedef struct {
    float rate, drive;
} flow;

typedef struct {
    const FLASH flow *leak;
    synapse_lists recurrent, sensory;
} population;

typedef flow sensory_sum;

/* Adds what synapse s, open as far as that, brings. */
static inline void add_synapse(flow *sum, const FLASH synapse *s, float open) {
    sum->rate += s->rate * open;
    sum->drive += s->drive * open;
}

/* What the leak and the inputs bring to neuron i: constant while a sample lasts. */
static sensory_sum sensory_sum_of(const population *p, int i, const float *inputs) {
    sensory_sum sum = p->leak[i];
    for (int k = p->sensory.start[i]; k < p->sensory.start[i + 1]; k++) {
        const FLASH synapse *s = &p->sensory.each[k];
        const float u = inputs[p->sensory.from[k]];
        if (!is_missing(u)) add_synapse(&sum, s, opening(s->slope * u + s->offset));
    }
    return sum;
}

/* Rate and drive of a neuron that receives nothing else. */
static inline flow flow_from(const population *p, int i, sensory_sum sum) {
    (void)p, (void)i;
    return sum;
}

/* Rate and drive of neuron i at the potentials x. */
static flow flow_of(const population *p, int i, const float *x, sensory_sum sum) {
    for (int k = p->recurrent.start[i]; k < p->recurrent.start[i + 1]; k++) {
        const FLASH synapse *s = &p->recurrent.each[k];
        const float y = s->slope * x[p->recurrent.from[k]] + s->offset;
        add_synapse(&sum, s, recurrent_opening(y));
    }
    return sum;
}
