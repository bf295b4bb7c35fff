/* ---- lrc dynamics --------------------------------------------------------------------------------
 *
 * A synapse opens with the state x of its sender, s = 1 / (1 + 2^(slope x + offset)). For each neuron
 *
 *     f = g + sum of w s,  z = g + sum of k s,  l = p + sum of (charge x + charge_offset)
 *     dx/dt = drive - rate x,  rate = elastance(l) sigmoid(f),  drive = elastance(l) vleak tanh(z)
 *
 * charge is o; for inputs, charge and charge_offset have their affine map in them.
 */
struct synapse {
    float slope, offset, w, k, charge, charge_offset;
};

typedef struct {
    float g, p, vleak, window; /* window = v, of the symmetric elastance */
} neuron;

typedef struct {
    float f, z, l;
} sensory_sum;

typedef struct {
    float rate, drive;
} flow;

typedef struct {
    const FLASH neuron *each;
    synapse_lists recurrent, sensory;
} population;

static void add_synapse(sensory_sum *sum, const FLASH synapse *s, float x) {
    const float open = opening(s->slope * x + s->offset);
    sum->f += s->w * open;
    sum->z += s->k * open;
    sum->l += s->charge * x + s->charge_offset;
}

/* What the leak brings to neuron i. */
static inline sensory_sum at_rest(const population *p, int i) {
    sensory_sum sum;
    sum.f = p->each[i].g;
    sum.z = p->each[i].g;
    sum.l = p->each[i].p;
    return sum;
}

/* What the leak and the inputs bring to it: constant while a sample lasts. */
static sensory_sum sensory_sum_of(const population *p, int i, const float *inputs) {
    sensory_sum sum = at_rest(p, i);
    for (int k = p->sensory.start[i]; k < p->sensory.start[i + 1]; k++) {
        const float u = inputs[p->sensory.from[k]];
        if (!is_missing(u)) add_synapse(&sum, &p->sensory.each[k], u);
    }
    return sum;
}

/* Rate and drive of neuron i that receives these sums. */
static flow flow_from(const population *p, int i, sensory_sum sum) {
    float moved = elastance(sum.l, p->each[i].window);
    if (moved < 1e-9f) moved = 1e-9f;
    flow found;
    found.rate = moved * sigmoid(sum.f);
    found.drive = moved * p->each[i].vleak * hyperbolic_tangent(sum.z);
    return found;
}

/* Rate and drive of neuron i at the states x. */
static flow flow_of(const population *p, int i, const float *x, sensory_sum sum) {
    for (int k = p->recurrent.start[i]; k < p->recurrent.start[i + 1]; k++) {
        add_synapse(&sum, &p->recurrent.each[k], x[p->recurrent.from[k]]);
    }
    return flow_from(p, i, sum);
}
