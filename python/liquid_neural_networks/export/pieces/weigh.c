/* The weighted sum of what the senders x of neuron i say; missing ones say nothing. */
static float weigh(const connections *c, int i, const float *x) {
    float sum = 0.0f;
    for (int k = c->start[i]; k < c->start[i + 1]; k++) {
        const float said = x[c->from[k]];
        if (!is_missing(said)) sum += c->weight[k] * said;
    }
    return sum;
}
