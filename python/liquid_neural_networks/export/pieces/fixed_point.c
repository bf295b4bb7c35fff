#if (-1 >> 1) != -1
#error "right shifts have to keep the sign"
#endif
#if X_BITS < 1 || X_BITS > 16 || Y_BITS < TABLE_BITS || Y_BITS > TABLE_BITS + 7
#error "the shifts below need X_BITS from 1 to 16 and at most 7 bits between points of the table"
#endif

/* ---- conductance dynamics in whole numbers -------------------------------------------------------
 *
 * A synapse opens with the potential x of its sender,
 *
 *     s = sigmoid(y) - 1/2                       in units of 2^-15
 *     y = slope x + offset                       in units of 2^-Y_BITS
 *
 * and a neuron follows dv/dt = drive - rate v, with rates in units of 2^-exponent, its own:
 *
 *     rate  = rate at rest  + sum of rate_k  s_k
 *     drive = drive at rest + sum of drive_k s_k     below 2^30
 *
 * at rest are the leak and half of each synapse. Potentials have 32 bits, in units of 2^-(X_BITS + 15);
 * synapses take their upper part, x, of 16 bits in units of 2^-X_BITS.
 */
struct synapse {
    constant slope, offset, rate, drive;
};

typedef struct {
    int32_t rate, drive;
} flow;

typedef struct {
    const FLASH flow *rest;
    const FLASH int8_t *exponent;
    synapse_lists recurrent, sensory;
    int sensory_shift; /* bits that slope times input has more than y */
} population;

/* What grows where its caller is large: compilers would put it there. */
#ifdef __GNUC__
#define APART __attribute__((noinline))
#else
#define APART
#endif

/* avr-gcc 5 multiplies 16 bits by 16 only where it cannot see that they come from 32. */
#ifdef __AVR__
#define OF_16_BITS(x) __asm__("" : "+r"(x))
#else
#define OF_16_BITS(x)
#endif

/* x / 2^15 without its fraction, for x of at most 31 bits; processors of 8 bits move bytes. */
static inline int16_t upper(int32_t x) { return (int16_t)(x * 2 >> 16); }

/* How far a synapse is open, less one half, for y of 16 bits: by a table, between whose points it is
 * straight. */
static inline int opening(int y) {
    const unsigned z = (unsigned)(y < 0 ? -y : y);
    int s = 16384;
    if (z < (unsigned)TABLE_INTERVALS << (Y_BITS - TABLE_BITS)) {
        const FLASH int16_t *at = openings + (z >> (Y_BITS - TABLE_BITS));
        const unsigned part = z & ((1u << (Y_BITS - TABLE_BITS)) - 1);
        s = at[0] + (int)((unsigned)(at[1] - at[0]) * part >> (Y_BITS - TABLE_BITS));
    }
    const int sign = y < 0 ? -1 : 0;
    return (s ^ sign) - sign;
}

/* y limited to 16 bits: the table ends before. */
static inline int limited(int32_t y) {
    if (y > 32767) return 32767;
    return y < -32767 ? -32767 : (int)y;
}

static inline void add_synapse(flow *sum, const FLASH synapse *s, int open) {
    sum->rate += (int32_t)s->rate * open;
    sum->drive += (int32_t)s->drive * open;
}

/* The flow of neuron i at rest and from the inputs: constant while a sample lasts. */
static APART void sensory_flow(const population *p, int i, const int16_t *inputs, flow *total) {
    flow sum = p->rest[i];
    for (int k = p->sensory.start[i]; k < p->sensory.start[i + 1]; k++) {
        const FLASH synapse *s = &p->sensory.each[k];
        const int16_t u = inputs[p->sensory.from[k]];
        const int32_t y = ((int32_t)s->slope * u) >> p->sensory_shift;
        add_synapse(&sum, s, u == MISSING ? -16384 : opening(limited(y + (int32_t)s->offset * OFFSET_ONE)));
    }
    *total = sum;
}

/* Adds to the flow of neuron i what the others send at the potentials x. */
static APART void add_recurrent(const population *p, int i, const int16_t *x, flow *total) {
    flow sum = *total;
    for (int k = p->recurrent.start[i]; k < p->recurrent.start[i + 1]; k++) {
        const FLASH synapse *s = &p->recurrent.each[k];
        const int32_t product = (int32_t)s->slope * x[p->recurrent.from[k]];
        add_synapse(&sum, s, opening(RECURRENT_Y(product, s->offset)));
    }
    *total = sum;
}

/* The bits by which x, at least 1, can be shifted up so that its highest one is bit 31. */
static int bits_above(uint32_t x) {
#ifdef __ARM_FEATURE_CLZ
    return __builtin_clz(x);
#else
    int bits = 0;
    while (!(x & 0x80000000u)) bits++, x <<= 1;
    return bits;
#endif
}

/* (2^31 - 1) / d without its fraction, for d from 2^15 to 2^16 - 1. */
static uint16_t reciprocal(uint16_t d) {
#if defined __AVR__ || defined __ARM_ARCH_6M__
    /* No division here: two steps of Newton's from below, then what they are short of. */
    uint16_t r = (uint16_t)(92300u - d + (d >> 4));
    for (int step = 0; step < 2; step++) {
        uint16_t less = (uint16_t)(-((uint32_t)r * d) >> 16);
        OF_16_BITS(less);
        r = (uint16_t)(2u * (uint16_t)((uint32_t)r * less >> 16));
    }
    for (uint32_t left = 0x7fffffffu - (uint32_t)r * d; left >= d; left -= d) r++;
    return r;
#else
    return (uint16_t)(0x7fffffffu / d);
#endif
}

/* a b / 2^16 without its fraction. */
static inline int32_t scaled(int32_t a, uint16_t b) {
    int16_t high = (int16_t)(a >> 16);
    uint16_t low = (uint16_t)a;
    OF_16_BITS(high);
    OF_16_BITS(low);
    return (int32_t)high * b + (int32_t)((uint32_t)low * b >> 16);
}

/* rate (x + 1/2), for x in units of 2^-X_BITS: v is that much above x on average. */
static inline int32_t times(int32_t rate, int16_t x) {
    const int32_t a = rate * (1 << GUARD);
    int16_t high = (int16_t)(a >> 16);
    uint16_t low = (uint16_t)a;
    OF_16_BITS(high);
    OF_16_BITS(low);
    return (int32_t)high * x + ((int32_t)low * x >> 16) + (high >> 1);
}

/* The inverse of a step's length in units of a neuron's rates, k, where these lose some bits, so that
 * nothing in a step exceeds 31 of them. */
static APART uint32_t inverse_in(uint32_t inverse, int shift, uint8_t *lost) {
    *lost = GUARD;
    shift -= GUARD;
    if (shift > 6 - GUARD) { /* k would exceed 2^(30 - GUARD): smaller units */
        shift += GUARD - (6 - GUARD);
        *lost = (uint8_t)(shift > 31 ? 31 : shift);
        shift = 6 - GUARD;
    }
    if (shift >= 0) return inverse << shift;
    return shift > -32 ? inverse >> -shift : 0;
}

/* How the potential v moves in a step, a semi-implicit one of Euler's: (drive - rate v) / (k + rate).
 * With the same flow it moves in the next by as much times kept 2^-16 = k / (k + rate). */
static APART int32_t change_of(int32_t v, const flow *f, uint32_t k, uint8_t lost, uint16_t *kept) {
    const int32_t rate = f->rate >> lost;
    uint32_t sum = k + (uint32_t)rate;
    if (sum == 0) sum = 1;
    const int bits = bits_above(sum);
    const uint16_t inverse = reciprocal((uint16_t)(sum << bits >> 16));
    const int32_t pull = (f->drive >> lost) - times(rate, upper(v));
    uint16_t part = (uint16_t)(k << bits >> 16);
    OF_16_BITS(part);
    *kept = (uint16_t)((uint32_t)part * inverse >> 15);
    return 2 * scaled(pull * ((int32_t)1 << (bits - 1 - GUARD)), inverse);
}

/* Crosses a sample's interval in UNFOLDS steps, the inverse of whose length is inverse 2^shift. */
static void advance(const population *p, int32_t *v, const int16_t *inputs, uint32_t inverse, int shift) {
    flow from_inputs[AT_LEAST_1(SENSED)];
    uint32_t k[AT_LEAST_1(COUPLED)];
    uint8_t lost[AT_LEAST_1(COUPLED)];
    int32_t change[AT_LEAST_1(NEURONS - COUPLED)];
    uint16_t kept[AT_LEAST_1(NEURONS - COUPLED)];
    int16_t x[NEURONS];
    for (int i = 0; i < COUPLED; i++) {
        k[i] = inverse_in(inverse, shift + p->exponent[i], &lost[i]);
        if (i < SENSED) sensory_flow(p, i, inputs, &from_inputs[i]);
    }
    for (int i = COUPLED; i < NEURONS; i++) {
        const int j = i - COUPLED;
        flow f;
        uint8_t own_lost;
        const uint32_t own_k = inverse_in(inverse, shift + p->exponent[i], &own_lost);
        sensory_flow(p, i, inputs, &f);
        change[j] = change_of(v[i], &f, own_k, own_lost, &kept[j]);
    }
    for (int unfold = 0; unfold < UNFOLDS; unfold++) {
        for (int i = 0; i < NEURONS; i++) x[i] = upper(v[i]);
        for (int i = 0; i < COUPLED; i++) {
            flow f = i < SENSED ? from_inputs[i] : p->rest[i];
            uint16_t unused;
            add_recurrent(p, i, x, &f);
            v[i] += change_of(v[i], &f, k[i], lost[i], &unused);
        }
        for (int i = COUPLED; i < NEURONS; i++) {
            const int j = i - COUPLED;
            v[i] += change[j];
            change[j] = scaled(change[j], kept[j]);
        }
    }
}
