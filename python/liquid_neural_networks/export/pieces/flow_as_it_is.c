typedef struct {
    const FLASH flow *leak;
    synapse_lists recurrent, sensory;
} population;

typedef flow sensory_sum;

/* Rate and drive of neuron i that receives these sums. */
static inline flow flow_from(const population *p, int i, sensory_sum sum) {
    (void)p, (void)i;
    return sum;
}
