/* Neurons whose wiring has layers: layer l has the neurons order[layer_start[l]] to
 * order[layer_start[l + 1] - 1]. */
typedef struct {
    const population *neurons;
    int layers;
    const FLASH sender_number *layer_start, *order;
} layered_population;

/* One layer of the wiring after the other: each receives the new states of those before it. */
static void advance(const layered_population *p, float *x, const float *inputs, float dt) {
    float next[NEURONS];
    for (int l = 0; l < p->layers; l++) {
        const int first = p->layer_start[l], end = p->layer_start[l + 1];
        for (int k = first; k < end; k++) {
            const int i = p->order[k];
            next[i] = state_after(p->neurons, i, x, inputs, dt);
        }
        for (int k = first; k < end; k++) x[p->order[k]] = next[p->order[k]];
    }
}
