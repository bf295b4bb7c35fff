/* Adds what synapse s, open as far as that, brings. */
static inline void add_synapse(flow *sum, const FLASH synapse *s, float open) {
    sum->rate += VALUE(s->rate) * open;
    sum->drive += VALUE(s->drive) * open;
}

/* What the leak brings to neuron i. */
static inline sensory_sum at_rest(const population *p, int i) { return p->leak[i]; }

/* What the leak and the inputs bring to it: constant while a sample lasts. */
static sensory_sum sensory_sum_of(const population *p, int i, const float *inputs) {
    sensory_sum sum = at_rest(p, i);
    for (int k = p->sensory.start[i]; k < p->sensory.start[i + 1]; k++) {
        const FLASH synapse *s = &p->sensory.each[k];
        const float u = inputs[p->sensory.from[k]];
        if (!is_missing(u)) add_synapse(&sum, s, opening(VALUE(s->slope) * u + VALUE(s->offset)));
    }
    return sum;
}

/* Rate and drive of neuron i at the potentials x. */
static flow flow_of(const population *p, int i, const float *x, sensory_sum sum) {
    for (int k = p->recurrent.start[i]; k < p->recurrent.start[i + 1]; k++) {
        const FLASH synapse *s = &p->recurrent.each[k];
        const float y = VALUE(s->slope) * x[p->recurrent.from[k]] + VALUE(s->offset);
        add_synapse(&sum, s, recurrent_opening(y));
    }
    return flow_from(p, i, sum);
}
