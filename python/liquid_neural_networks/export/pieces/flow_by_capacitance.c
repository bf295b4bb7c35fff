typedef struct {
    const FLASH flow *leak;
    const FLASH float *per_capacitance;
    synapse_lists recurrent, sensory;
} population;

typedef flow sensory_sum;

/* Rate and drive of neuron i that receives these sums: half precision leaves out the capacitance. */
static inline flow flow_from(const population *p, int i, sensory_sum sum) {
    sum.rate *= p->per_capacitance[i];
    sum.drive *= p->per_capacitance[i];
    return sum;
}
