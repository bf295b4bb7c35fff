/* The network for a web page: one state, and memory that the page reads and writes. */
#include "network.c"

static network_state state;
static float inputs[NETWORK_INPUTS], outputs[OUTPUTS];

float *page_inputs(void) { return inputs; }
float *page_outputs(void) { return outputs; }
float *page_neurons(void) { return state.neurons[0]; }
void page_init(void) { network_init(&state); }
int page_step(float elapsed_time) { return network_step(&state, inputs, elapsed_time, outputs); }
$time_constants
