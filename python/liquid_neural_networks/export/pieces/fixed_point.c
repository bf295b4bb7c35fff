#if (-1 >> 1) != -1
#error "right shifts have to keep the sign"
#endif
#if X_BITS < 1 || X_BITS > 16 || Y_BITS < TABLE_BITS
#error "the shifts below need X_BITS from 1 to 16 and at least TABLE_BITS of Y_BITS"
#endif

/* ---- conductance dynamics in whole numbers -------------------------------------------------------
 *
 * A synapse opens with the potential x of its sender, s = sigmoid(y) in units of 2^-15, where
 *
 *     y = slope x + offset                       in units of 2^-Y_BITS
 *
 * and a neuron follows dv/dt = drive - rate v, with rates in units of 2^-exponent, its own:
 *
 *     rate  = leak rate  + sum of rate_k  s_k
 *     drive = leak drive + sum of drive_k s_k    below 2^30
 *
 * Potentials have 32 bits, in units of 2^-(X_BITS + 15); synapses take their upper part, x, of 16 bits
 * in units of 2^-X_BITS.
 */
struct synapse {
    int16_t slope, offset, rate, drive;
};

typedef struct {
    int32_t rate, drive;
} flow;

typedef struct {
    const FLASH flow *leak;
    const FLASH int8_t *exponent;
    synapse_lists recurrent, sensory;
    int sensory_shift; /* bits that slope times input has more than y */
} population;

/* The sigmoid of y by a table of its half above 0, between whose points it is straight. */
static inline uint16_t sigmoid(int32_t y) {
    const uint32_t z = (uint32_t)(y < 0 ? -y : y);
    uint16_t s = 32768;
    if (z < (uint32_t)TABLE_INTERVALS << (Y_BITS - TABLE_BITS)) {
        const uint16_t at = (uint16_t)(z >> (Y_BITS - TABLE_BITS));
        const uint16_t part = (uint16_t)z & ((1 << (Y_BITS - TABLE_BITS)) - 1);
        const uint16_t rise = (uint16_t)(sigmoids[at + 1] - sigmoids[at]);
        s = (uint16_t)(sigmoids[at] + (((uint32_t)rise * part) >> (Y_BITS - TABLE_BITS)));
    }
    return y < 0 ? (uint16_t)(32768u - s) : s;
}

static inline void add_synapse(flow *sum, const FLASH synapse *s, int32_t y) {
    const uint16_t open = sigmoid(y);
    sum->rate += (int32_t)s->rate * open;
    sum->drive += (int32_t)s->drive * open;
}

/* What the leak and the inputs bring to neuron i: constant while a sample lasts. */
static flow sensory_flow_of(const population *p, int i, const int16_t *inputs) {
    flow sum = p->leak[i];
    for (int k = p->sensory.start[i]; k < p->sensory.start[i + 1]; k++) {
        const FLASH synapse *s = &p->sensory.each[k];
        const int16_t u = inputs[p->sensory.from[k]];
        if (u == MISSING) continue;
        add_synapse(&sum, s, (((int32_t)s->slope * u) >> p->sensory_shift) + s->offset);
    }
    return sum;
}

/* Rate and drive of neuron i at the potentials x. */
static flow flow_of(const population *p, int i, const int16_t *x, flow sum) {
    for (int k = p->recurrent.start[i]; k < p->recurrent.start[i + 1]; k++) {
        const FLASH synapse *s = &p->recurrent.each[k];
        const int16_t sent = x[p->recurrent.from[k]];
        add_synapse(&sum, s, (((int32_t)s->slope * sent) >> RECURRENT_SHIFT) + s->offset);
    }
    return sum;
}

/* The bits by which x can be shifted up so that bit 30 is its highest one; x is from 1 to 2^31 - 1. */
static int bits_above(uint32_t x) {
    int bits = 0;
    if (x < (uint32_t)1 << 15) bits += 16, x <<= 16;
    if (x < (uint32_t)1 << 23) bits += 8, x <<= 8;
    if (x < (uint32_t)1 << 27) bits += 4, x <<= 4;
    if (x < (uint32_t)1 << 29) bits += 2, x <<= 2;
    if (x < (uint32_t)1 << 30) bits += 1;
    return bits;
}

/* a b / 2^16 without its fraction. */
static int32_t scaled(int32_t a, uint16_t b) {
    const int16_t high = (int16_t)(a >> 16);
    const uint16_t low = (uint16_t)((uint32_t)a & 0xffffu);
    return (int32_t)high * b + (int32_t)(((uint32_t)low * b) >> 16);
}

/* rate x, for x in units of 2^-X_BITS. */
static int32_t times(int32_t rate, int16_t x) {
    const int16_t high = (int16_t)(rate >> 16);
    const int16_t low = (int16_t)((rate & 0xffff) >> 1);
    return (int32_t)high * x * (1 << (16 - X_BITS)) + ((int32_t)low * x >> (X_BITS - 1));
}

/* The potential v a step later, by a semi-implicit step of Euler's:
 *
 *     v + (drive - rate v) / (k + rate)          k = inverse 2^shift, the inverse of the step's length
 *
 * Rates lose GUARD bits, so that nothing here exceeds 31 bits. */
static int32_t moved(int32_t v, flow f, uint32_t inverse, int shift) {
    int lost = GUARD;
    shift -= GUARD;
    if (shift > 6 - GUARD) { /* k would exceed 2^(30 - GUARD): smaller units */
        lost += shift - (6 - GUARD);
        shift = 6 - GUARD;
    }
    if (lost > 31) lost = 31;
    const int32_t rate = f.rate >> lost;
    uint32_t k = 0;
    if (shift >= 0) {
        k = inverse << shift;
    } else if (shift > -32) {
        k = inverse >> -shift;
    }
    uint32_t sum = k + (uint32_t)rate;
    if (sum == 0) sum = 1;
    const int bits = bits_above(sum);
    const int32_t change = ((f.drive >> lost) - times(rate, (int16_t)(v >> 15))) * ((int32_t)1 << (bits - GUARD));
    const uint16_t reciprocal = (uint16_t)(0x7fffffffu / ((sum << bits) >> 15));
    return v + 2 * scaled(change, reciprocal);
}

/* Crosses a sample's interval in UNFOLDS steps, the inverse of whose length is inverse 2^shift. */
static void advance(const population *p, int32_t *v, const int16_t *inputs, uint32_t inverse, int shift) {
    flow from_inputs[NEURONS];
    int16_t x[NEURONS];
    for (int i = 0; i < NEURONS; i++) from_inputs[i] = sensory_flow_of(p, i, inputs);
    for (int unfold = 0; unfold < UNFOLDS; unfold++) {
        for (int i = 0; i < NEURONS; i++) x[i] = (int16_t)(v[i] >> 15);
        for (int i = 0; i < NEURONS; i++) {
            v[i] = moved(v[i], flow_of(p, i, x, from_inputs[i]), inverse, shift + p->exponent[i]);
        }
    }
}
