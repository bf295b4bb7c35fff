/* Adds to two sums what the senders x of neuron i say, each connection with a weight for each sum;
 * missing ones say nothing. */
static void weigh_pair(const connections *c, int i, const float *x, float *first, float *second) {
    for (int k = c->start[i]; k < c->start[i + 1]; k++) {
        const float said = x[c->from[k]];
        if (is_missing(said)) continue;
        *first += c->weight[2 * k] * said;
        *second += c->weight[2 * k + 1] * said;
    }
}
