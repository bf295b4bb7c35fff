/* The weighted sum of what the senders x of neuron i say, neurons all: none of them is missing. */
static float weigh_states(const connections *c, int i, const float *x) {
    float sum = 0.0f;
    for (int k = c->start[i]; k < c->start[i + 1]; k++) sum += c->weight[k] * x[c->from[k]];
    return sum;
}
