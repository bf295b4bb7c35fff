#if (-1 >> 1) != -1
#error "right shifts have to keep the sign"
#endif
#if X_BITS < 1 || X_BITS > 15 || FINE_BITS < 0 || FINE_BITS > 7
#error "the shifts below need X_BITS from 1 to 15 and FINE_BITS from 0 to 7"
#endif

/* ---- conductance dynamics in whole numbers -------------------------------------------------------
 *
 * A synapse opens with the potential x of its sender,
 *
 *     s = sigmoid(y) - 1/2                       in units of 2^-16
 *     y = slope x + offset                       in units of 2^-Y_BITS
 *
 * and a neuron follows dv/dt = drive - rate v, with rates in units of 2^-exponent, its own:
 *
 *     rate  = rate at rest  + sum of rate_k  s_k
 *     drive = drive at rest + sum of drive_k s_k     below 2^31
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

/* What grows where its caller is large: compilers would put it there. APART_ON_AVR: what products of
 * bytes make large. */
#ifdef __GNUC__
#define APART __attribute__((noinline))
#else
#define APART
#endif

/* avr-gcc 5 multiplies 16 bits by 16 only where it cannot see that they come from 32. */
#ifdef __AVR__
#define OF_16_BITS(x) __asm__("" : "+r"(x))
#define APART_ON_AVR APART
#else
#define OF_16_BITS(x)
#define APART_ON_AVR
#endif

/* x / 2^15 without its fraction, for x of at most 31 bits; processors of 8 bits move bytes. */
static inline int16_t upper(int32_t x) { return (int16_t)(x * 2 >> 16); }

/* What a table rises by on part of an interval; processors of 8 bits multiply bytes. */
static inline unsigned along(unsigned rise, unsigned part) {
#ifdef __AVR__
    const uint8_t b = (uint8_t)(part << (8 - FINE_BITS));
    return (unsigned)(uint8_t)(rise >> 8) * b + ((unsigned)(uint8_t)rise * b >> 8);
#else
    return rise * part >> FINE_BITS;
#endif
}

/* How far a synapse is open, less one half: by a table, between whose points it is straight. Beyond
 * FINE_INTERVALS these are four times as far apart. */
static inline int opening(int y) {
    unsigned z = (unsigned)(y < 0 ? -y : y);
    int s = 32767;
    if (z >= FINE_INTERVALS << FINE_BITS) z = (z >> 2) + ((3 * FINE_INTERVALS / 4) << FINE_BITS);
    if (z < INTERVALS << FINE_BITS) {
        const FLASH uint16_t *at = openings + (z >> FINE_BITS);
        s = (int)(at[0] + along((unsigned)(at[1] - at[0]), z & ((1u << FINE_BITS) - 1)));
    }
    const int sign = y < 0 ? -1 : 0;
    return (s ^ sign) - sign;
}

/* y limited to 16 bits where int has no more: the table ends before. */
static inline int limited(int32_t y) {
    if (sizeof(int) == 2 && y > 32767) return 32767;
    if (sizeof(int) == 2 && y < -32767) return -32767;
    return (int)y;
}

static inline void add_synapse(flow *sum, const FLASH synapse *s, int open) {
    sum->rate += (int32_t)s->rate * open;
    sum->drive += (int32_t)s->drive * open;
}

/* The flow of neuron i at rest and from the inputs: constant while a sample lasts. */
static APART void sensory_flow(const population *p, int i, const int16_t *inputs, flow *total) {
    flow sum = p->rest[i];
    const FLASH synapse *s = &p->sensory.each[p->sensory.start[i]];
    for (int k = p->sensory.start[i]; k < p->sensory.start[i + 1]; k++, s++) {
        const int16_t u = inputs[p->sensory.from[k]];
        const int32_t y = ((int32_t)s->slope * u) >> p->sensory_shift;
        add_synapse(&sum, s, u == MISSING ? CLOSED : opening(limited(y + (int32_t)s->offset * OFFSET_ONE)));
    }
    *total = sum;
}

/* Adds to the flow of neuron i what the others send at the potentials x. */
static APART void add_recurrent(const population *p, int i, const int16_t *x, flow *total) {
    flow sum = *total;
    const FLASH synapse *s = &p->recurrent.each[p->recurrent.start[i]];
    for (int k = p->recurrent.start[i]; k < p->recurrent.start[i + 1]; k++, s++) {
        const int32_t product = (int32_t)s->slope * x[p->recurrent.from[k]];
        add_synapse(&sum, s, opening(RECURRENT_Y(product, s->offset)));
    }
    *total = sum;
}

/* The inverse of x, at least 1: (2^31 - 1) / d without its fraction, where d is the upper half of x
 * after it is shifted up by as many bits as make bit 31 its highest. */
static uint16_t reciprocal(uint32_t x, int *bits) {
    int up = 0;
#ifdef __ARM_FEATURE_CLZ
    up = __builtin_clz(x);
    x <<= up;
#else
    for (; !(x & 0x80000000u); x <<= 1) up++;
#endif
    *bits = up;
    uint16_t d = (uint16_t)(x >> 16);
#if defined __AVR__ || defined __ARM_ARCH_6M__
    /* No division here: two steps of Newton's from below, then what they are short of. */
    OF_16_BITS(d);
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

/* The same for b with a sign. */
static APART_ON_AVR int32_t scaled_signed(int32_t a, int16_t b) {
    int16_t high = (int16_t)(a >> 16);
    uint16_t low = (uint16_t)a;
    OF_16_BITS(high);
    OF_16_BITS(low);
    return (int32_t)high * b + ((int32_t)low * b >> 16);
}

/* The inverse of a step's length: mantissa 2^(GUARD + 1 - down). */
typedef struct {
    uint32_t mantissa;
    int down;
} inverse_length;

/* How the potential v of neuron i moves in a step, a semi-implicit one of Euler's: (drive - rate v) /
 * (k + rate), where k is the inverse of the step's length. With the same flow it moves in the next step
 * by as much times kept 2^-16 = k / (k + rate). */
static APART int32_t change_of(const population *p, int i, int32_t v, const flow *f,
                               const inverse_length *inverse, uint16_t *kept) {
    int down = inverse->down - p->exponent[i], lost = GUARD + 1, bits;
    if (down < 0) lost -= down, down = 0; /* k would exceed 31 bits: larger units */
    const uint32_t k = down < 32 ? inverse->mantissa >> down : 0;
    uint32_t sum = k + (uint32_t)(lost < 32 ? f->rate >> lost : 0);
    if (sum == 0) sum = 1;
    const uint16_t over = reciprocal(sum, &bits);
    if (kept) {
        uint16_t part = (uint16_t)(k << bits >> 16);
        OF_16_BITS(part);
        *kept = (uint16_t)((uint32_t)part * over * 2 >> 16);
    }
    /* v is half a unit of its upper part above that on average. */
    int32_t pull = (f->drive >> GUARD) - scaled_signed(f->rate, upper(v)) - (f->rate >> 17);
    bits -= 1 + lost;
    pull = bits >= 0 ? pull * ((int32_t)1 << bits) : pull >> (bits > -32 ? -bits : 31);
    return 2 * scaled(pull, over);
}

/* Crosses a sample's interval in UNFOLDS steps. */
static void advance(const population *p, int32_t *v, const int16_t *inputs, const inverse_length *inverse) {
    flow from_inputs[AT_LEAST_1(SENSED)];
    int32_t change[AT_LEAST_1(NEURONS - COUPLED)];
    uint16_t kept[AT_LEAST_1(NEURONS - COUPLED)];
    int16_t x[NEURONS];
    for (int i = 0; i < SENSED; i++) sensory_flow(p, i, inputs, &from_inputs[i]);
    for (int i = COUPLED; i < NEURONS; i++) {
        flow f;
        sensory_flow(p, i, inputs, &f);
        change[i - COUPLED] = change_of(p, i, v[i], &f, inverse, &kept[i - COUPLED]);
    }
    for (int unfold = 0; unfold < UNFOLDS; unfold++) {
        for (int i = 0; i < NEURONS; i++) x[i] = upper(v[i]);
        for (int i = 0; i < COUPLED; i++) {
            flow f = i < SENSED ? from_inputs[i] : p->rest[i];
            add_recurrent(p, i, x, &f);
            v[i] += change_of(p, i, v[i], &f, inverse, 0);
        }
        for (int i = COUPLED; i < NEURONS; i++) {
            const int j = i - COUPLED;
            v[i] += change[j];
            change[j] = scaled(change[j], kept[j]);
        }
    }
}
